"""Devices that make random edits, over a network that records what became of them."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from tasktracker_client import Recurrence, Replica, SyncError, UnknownItem
from tests.http import Person
from tests.integration.devices import DAYS, MOMENTS, comparable
from tests.integration.worlds import World
from tests.line import Line
from tests.waiting import PATIENCE, wait_until

RULES: Sequence[Recurrence] = [
    {"rule": "FREQ=DAILY", "time_zone": "UTC"},
    {"rule": "FREQ=WEEKLY;COUNT=3", "time_zone": "Europe/Vienna"},
    {"rule": "FREQ=DAILY;INTERVAL=3", "time_zone": "UTC", "from": "completion"},
]
DONE = {"applied", "merged", "duplicate"}

_numbers = count()  # of all examples: they share a database


class Witness(Line):
    """A network that fails sometimes, and records the answers to pushes."""

    def __init__(self, client: Any, chance: random.Random) -> None:
        super().__init__(client)
        self._chance = chance
        self.is_bad = True
        self.acknowledged: dict[str, dict[str, Any]] = {}
        self.done: Counter[str] = Counter()
        """How often the service has answered that it applied an edit, including lost answers."""
        self.refused: dict[str, dict[str, Any]] = {}
        """The edits that the service did not take."""
        self._seen: dict[tuple[str, str], int] = defaultdict(int)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if self.is_bad and path == "/api/sync/":
            self.lose = [path] if self._chance.random() < 0.15 else []
            self.twice = [path] if self._chance.random() < 0.15 else []
        else:
            self.lose = self.twice = []
        response = super().handle_request(request)
        if path == "/api/sync/" and response.status_code == 200:
            self._note(request, response.json())
        return response

    def _pass(self, request: httpx.Request, content: bytes) -> httpx.Response:
        response = super()._pass(request, content)
        if request.method == "POST" and request.url.path == "/api/sync/" and response.status_code == 200:
            results = response.json()["results"]
            self.done.update(result["id"] for result in results if result["status"] in ("applied", "merged"))
        return response

    def _note(self, request: httpx.Request, answer: dict[str, Any]) -> None:
        if request.method == "POST":
            sent = {each["id"]: each for each in json.loads(request.content)["mutations"]}
            done = [result["id"] for result in answer["results"] if result["status"] in DONE]
            self.acknowledged.update({id_: sent[id_] for id_ in done})
            self.refused.update(
                {result["id"]: sent[result["id"]] for result in answer["results"] if is_for_the_user(result, sent)}
            )
        elif "cursor" not in request.url.params:
            self._seen.clear()
        for change in answer["changes"] if request.method == "GET" else ():
            key = (change["type"], change["id"])
            assert change["version"] >= self._seen[key], f"{key} goes back to {change['version']}"
            self._seen[key] = change["version"]


class Device(Replica):
    """Makes random edits."""

    def __init__(
        self,
        path: Path,
        world: World,
        person: Person,
        chance: random.Random,
        token: str | None = None,
    ) -> None:
        self.path = path
        self.person = person
        self._chance = chance
        self.deleted: list[str] = []
        self.deleted_categories: list[str] = []
        self.resent: dict[str, str] = {}
        """The titles that were sent again, by the ids of their tasks."""
        self.is_away = False
        self.line = Witness(world.client(chance), chance)
        client = httpx.Client(transport=self.line)
        super().__init__(path, f"{world.url}/api", token=token, client=client, sleep=lambda _: None)

    def edit_something(self) -> None:
        """Make a random edit, if the chosen item exists."""
        actions: Sequence[Callable[[], object]] = [
            lambda: self.create_task(title=self.word(), category=self._chance.choice([None, self._a_category()])),
            lambda: self.create_task(title=self.word(), parent=self.a_task()),
            lambda: self.edit_task(self.a_task(), title=self.word()),
            lambda: self.edit_task(self.a_task(), description=self.word(), priority=self._chance.choice([1, 2, 3, 4])),
            lambda: self.edit_task(self.a_task(), due_on=self._chance.choice([None, *DAYS])),
            lambda: self.edit_task(self.a_task(), due_date=self._chance.choice([None, *MOMENTS])),
            lambda: self.edit_task(self.a_task(), parent=self._chance.choice([None, self.a_task()])),
            lambda: self.edit_task(self.a_task(), category=self._chance.choice([None, self._a_category()])),
            lambda: self.complete(self.a_task()),
            lambda: self._delete(self.a_task()),
            lambda: self.restore(self._chance.choice(self.deleted or [self.a_task()])),
            lambda: self.create_category(name=self._chance.choice(["Work", "work", "WORK", self.word()])),
            lambda: self.edit_category(self._a_category(), name=self._chance.choice(["Home", self.word()])),
            lambda: self._delete_category(self._a_category()),
        ]
        recurring: Sequence[Callable[[], object]] = [
            self.create_recurring_task,
            lambda: self.complete(self.a_recurring_task()),
            lambda: self.edit_task(self.a_recurring_task(), state="cancelled"),
            lambda: self.edit_task(self.a_completed_occurrence(), state=self._chance.choice(["open", "done"])),
            lambda: self.edit_task(self.a_completed_occurrence(), title=self.word()),
            lambda: self.edit_task(self.a_recurring_task(), title=self.word()),
            lambda: self.edit_task(self.a_recurring_task(), due_on=self._chance.choice([None, *DAYS])),
            lambda: self.edit_task(self.a_recurring_task(), recurrence=self._chance.choice([None, *RULES])),
            lambda: self.edit_task(self.a_task(), due_on=self._chance.choice(DAYS), recurrence=RULES[0]),
            lambda: self.create_task(title=self.word(), parent=self.a_recurring_task()),
        ]
        with suppress(UnknownItem):
            self._chance.choice(recurring if self._chance.random() < 0.4 else actions)()

    def create_recurring_task(self) -> None:
        """Create a recurring task, perhaps in a category."""
        category = self._chance.choice([None, self._a_category()])
        due, rule = self._chance.choice(DAYS), self._chance.choice(RULES)
        self.create_task(title=self.word(), due_on=due, recurrence=rule, category=category)

    def try_to_sync(self) -> None:
        """Sync over a network that may fail at any point."""
        self.line.is_up = not self.is_away and self._chance.random() < 0.85
        with suppress(SyncError):
            self.sync()

    def require_issues(self) -> None:
        """Require that each edit that the service did not accept is an issue, unless the user has deleted its item."""
        kept = {issue.mutation for issue in self.issues()}
        for id_, mutation in self.line.refused.items():
            is_deleted = mutation["op"] == "create" and mutation["target"] in self.deleted + self.deleted_categories
            assert id_ in kept or is_deleted, f"{mutation} is no issue"

    def require_no_lost_category(self) -> None:
        """Require that no task of others is in a category that the user cannot see.

        Own tasks name a deleted category until its job is done.
        """
        seen = {None, *(category.id for category in self.categories())}
        assert {task.category for task in self.tasks() if task.owner != self.person.id} <= seen

    def require_nothing_of(self, person: Person) -> None:
        """Require that no item is left of a user whose account was removed."""
        assert all(person.id not in (task.owner, *task.owners) for task in self.tasks())
        assert all(person.id not in (category.owner, *category.members) for category in self.categories())

    def titles_received(self) -> dict[str, tuple[int, str]]:
        """Return the versions and titles of the user's own tasks as the service has sent them."""
        return {
            task.id: (task.version, task.title)
            for task in self.tasks()
            if task.version and not task.is_pending and task.created_by == self.person.id
        }

    def require_titles(self, received: Mapping[str, tuple[int, str]], histories: str) -> None:
        """Require that the titles from before a backup was restored are on the server, or issues.

        A task that others have edited since, up to the version that this device had, is not compared.
        """
        kept = {str(issue.data.get("title")) for issue in self.issues()}
        with closing(sqlite3.connect(self.path)) as copy:
            versions = dict(copy.execute("SELECT id, version FROM items UNION ALL SELECT id, version FROM deletions"))
        for id_, (version, title) in received.items():
            assert title in kept or title in histories or versions.get(id_, 0) > version, f"{title} is lost"

    def resend_everything(self) -> None:
        """Send each issue again, a category under another name."""
        for issue in self.issues():
            target = self.resend(issue, {"name": self.word()} if "name" in issue.data else None)
            if issue.op in ("create", "update") and "title" in issue.data:
                self.resent[target] = str(issue.data["title"])

    def require_resent(self, histories: str) -> None:
        """Require that each title that was sent again is on the server, or an issue again."""
        kept = {str(issue.data.get("title")) for issue in self.issues()}
        for title in self.resent.values():
            assert title in kept or title in histories, f"{title} was not sent again"

    def _delete(self, task: str) -> None:
        self.delete(task)
        self.deleted.append(task)

    def _delete_category(self, category: str) -> None:
        self.delete_category(category)
        self.deleted_categories.append(category)

    def a_task(self) -> str:
        return self._chance.choice([task.id for task in self.tasks()] or ["none"])

    def a_recurring_task(self) -> str:
        return self._chance.choice([task.id for task in self.tasks() if task.recurrence] or ["none"])

    def a_completed_occurrence(self) -> str:
        """Return a task that has a next occurrence."""
        return self._chance.choice([task.id for task in self.tasks() if task.next] or ["none"])

    def _a_category(self) -> str:
        return self._chance.choice([category.id for category in self.categories()] or ["none"])

    def word(self) -> str:
        """Return a unique word."""
        return f"word-{next(_numbers)}-"


class Follower(Replica):
    """Follows the stream of one process, and edits nothing. The stream breaks when that process dies."""

    def __init__(self, path: Path, url: str, person: Person) -> None:
        super().__init__(path, f"{url}/api")
        self.person = person
        self.login(person.username, person.password)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.follow, args=(self._stop,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop following, and close the file."""
        self._stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        super().close()

    def catch_up(self, other: Replica) -> None:
        """Wait until the stream has delivered everything that another copy has."""
        wait_until(lambda: _items(self) == _items(other), "the stream has not delivered every change")


def _items(replica: Replica) -> Sequence[Mapping[str, Any]]:
    return [comparable(item.data) for item in (*replica.tasks(), *replica.categories())]


def is_for_the_user(result: dict[str, Any], sent: dict[str, dict[str, Any]]) -> bool:
    """Return whether an edit was not taken, and this is not what the user wanted anyway."""
    kind = str((result["problem"] or {}).get("type"))
    is_gone = sent[result["id"]]["op"] == "delete" and kind.endswith("-not-found")
    return result["status"] in ("conflict", "rejected") and not is_gone
