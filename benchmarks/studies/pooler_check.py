"""Checks of everything that has to work behind a pooler, over HTTP with two servers on one database.

A check raises AssertionError if it fails.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count, pairwise
from queue import Empty
from typing import Any, TypeVar
from uuid import UUID

import httpx
import psycopg

from tasktracker.adapters.system import Uuid7Generator
from tests.http import PASSWORD, Caller, Person, expect
from tests.postgres import PrivatePostgres
from tests.security.events import Follower

PEOPLE, THREADS, BUSY = 8, 32, 16
TASKS_EACH, EDITS_EACH = 2, 4
LATE, QUIET = 20.0, 1.5
WAIT, SLACK = 5.0, 3.0  # lock_timeout, and query_wait_timeout
Item = TypeVar("Item")
Result = TypeVar("Result")

_numbers = count(1)


@dataclass(frozen=True)
class Place:
    """Two servers on one database, with the URLs of the database through the pooler and without it."""

    clients: Sequence[httpx.Client]
    pooled: str
    pool: int
    direct: str
    postgres: PrivatePostgres

    def register(self, at: int = 0) -> Person:
        """Create an account at one of the servers."""
        return Caller(self.clients[at]).register(f"pooled{next(_numbers)}.{time.time_ns()}")

    def other(self, person: Person) -> Person:
        """Return the same user at the other server."""
        return person.through(self.clients[person.client is self.clients[0]])


def accounts(place: Place) -> None:
    """Accounts, sessions and refreshes are the same at both servers."""
    here = place.register()
    there = place.other(here)
    assert expect(there.get("/api/accounts/me/"), 200)["id"] == here.id
    first = here.refresh
    answers = _at_once(lambda at: at.post("/api/accounts/refresh/", {"refresh": first}), [here, there] * 4)
    (successor,) = {expect(answer, 200)["refresh"] for answer in answers}
    expect(there.post("/api/accounts/refresh/", {"refresh": successor}), 200)
    phone = Caller(there.client).login(here)
    expect(phone.delete("/api/accounts/sessions/"), 204)
    expect(here.get("/api/tasks/"), 401)
    body = {"username": here.username, "password": PASSWORD[::-1]}
    expect(Caller(here.client).post("/api/accounts/login/", body), 401)


def versions(place: Place) -> None:
    """If several clients edit one version of a task, one succeeds; lists show the result."""
    here = place.register()
    there = place.other(here)
    tasks = _at_once(lambda n: (here, there)[n % 2].task(f"task {n:02}", priority=1 + n % 4), range(30))
    path = f"/api/tasks/{tasks[0]['id']}/"
    for version in range(1, 6):
        statuses = sorted(
            answer.status_code
            for answer in _at_once(
                lambda at, tag=f'"{version}"': at.patch(path, {"description": "x" + tag}, headers={"If-Match": tag}),  # type: ignore[misc]
                [here, there] * 4,
            )
        )
        assert statuses == [200] + [412] * 7, statuses
    assert expect(there.get(path), 200)["version"] == 6
    assert there.get(path, headers={"If-None-Match": '"6"'}).status_code == 304
    for person in (here, there):
        for sort in ("title", "-created_at", "priority", "-updated_at"):
            found = person.listed("/api/tasks/", f"limit=7&sort={sort}")
            assert sorted(task["title"] for task in found) == sorted(task["title"] for task in tasks)
        assert len(person.listed("/api/tasks/", "priority=3&q=task")) == 7


def replays(place: Place) -> None:
    """A request that is sent several times concurrently with one idempotency key is applied once."""
    here = place.register()
    there = place.other(here)
    headers = {"Idempotency-Key": "once"}
    answers = _at_once(lambda at: at.post("/api/tasks/", {"title": "once"}, headers=headers), [here, there] * 8)
    assert len({expect(answer, 201)["id"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert len(here.listed("/api/tasks/")) == 1
    expect(there.post("/api/tasks/", {"title": "other"}, headers=headers), 422)


def sharing(place: Place) -> None:
    """Members see, edit and undo shared tasks, delete and restore them."""
    here, friend = place.register(), place.register(1)
    task = here.task("shared", category=here.category()["id"])
    path = f"/api/tasks/{task['id']}/"
    here.share(task, friend)
    expect(friend.patch(path, {"title": "theirs", "state": "done"}), 200)
    changes = expect(here.get(f"{path}history/"), 200)["results"]
    edit = next(change for change in changes if "title" in change["fields"] and change["action"] != "create")
    assert expect(place.other(here).post(f"{path}undo/", {"change": edit["id"]}), 200)["title"] == "shared"
    expect(here.delete(path), 204)
    expect(friend.get(path), 404)
    expect(here.post(f"{path}restore/"), 200)
    expect(here.delete(f"{path}shares/{friend.id}/"), 204)
    expect(friend.get(path), 404)


def syncing(place: Place) -> None:
    """Mutations are applied once, and a device that pulls matches the digest."""
    here = place.register()
    there = place.other(here)
    ids = Uuid7Generator()
    mutations = [
        {"id": str(ids.new()), "type": "task", "op": "create", "target": str(ids.new()), "data": {"title": f"{n}"}}
        for n in range(50)
    ]
    for at, status in ((here, "applied"), (there, "duplicate")):
        results = expect(at.post("/api/sync/", {"mutations": mutations}), 200)["results"]
        assert {result["status"] for result in results} == {status}, results
    replica: dict[str, int] = {}
    cursor = _pull(there, replica)
    for mutation in mutations[:10]:
        expect(here.patch(f"/api/tasks/{mutation['target']}/", {"state": "done"}), 200)
    expect(here.delete(f"/api/tasks/{mutations[10]['target']}/"), 204)
    _pull(there, replica, cursor)
    digest = expect(there.get("/api/sync/digest/"), 200)
    assert digest["count"] == len(replica) == 49
    assert sorted(replica.values()) == [1] * 39 + [2] * 10


def portability(place: Place) -> None:
    """An export has one state of the data; another user can import it."""
    here, friend = place.register(), place.register(1)
    for number in range(20):
        here.task(f"exported {number}")
    lines = here.get("/api/accounts/me/export/").raise_for_status().text.splitlines()
    assert json.loads(lines[-1])["tasks"] == 20
    expect(here.post("/api/accounts/me/delete/", {"password": PASSWORD}), 204)
    report = friend.request(
        "POST",
        "/api/accounts/me/import/",
        content="\n".join(lines).encode(),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert expect(report, 200)["tasks"]["created"] == 20


def locks(place: Place) -> None:
    """No request waits for a lock longer than the lock_timeout of the role; other requests are served meanwhile."""
    here, friend = place.register(), place.register(1)
    # One waiter for each row: a second waiter may wait for the first, and then again for the holder.
    waiters = [(at, f"/api/tasks/{at.task()['id']}/") for at in (here, place.other(here))]
    with psycopg.connect(place.direct) as holder, ThreadPoolExecutor(1) as thread:
        holder.execute("SELECT 1 FROM tasks WHERE created_by = %s FOR UPDATE", [UUID(here.id)])
        began = time.monotonic()
        waiting = thread.submit(_at_once, lambda each: each[0].patch(each[1], {"title": "held"}), waiters)
        while not waiting.done():
            expect(friend.get("/api/tasks/"), 200)
        _require_turned_away(waiting.result(), time.monotonic() - began)
    for at, path in waiters:
        expect(at.patch(path, {"title": "free"}), 200)


def crowds(place: Place) -> None:
    """No request waits long for a connection to PostgreSQL while all are in use."""
    here = place.register()
    with ExitStack() as stack:
        for _ in range(place.pool):
            holder = stack.enter_context(psycopg.connect(place.pooled))
            holder.execute("SELECT 1")
        began = time.monotonic()
        answers = _at_once(lambda at: at.get("/api/tasks/"), [here, place.other(here)] * 2)
        _require_turned_away(answers, time.monotonic() - began)
    expect(here.get("/api/tasks/"), 200)
    expect(place.other(here).get("/api/tasks/"), 200)


def streams(place: Place) -> None:
    """Streams at both servers send the last version of each task exactly once, while clients write at both."""
    people = [place.register(number % 2) for number in range(PEOPLE)]
    task = people[0].task("everybody's")
    for friend in people[1:]:
        people[0].share(task, friend)
    with ExitStack() as stack:
        followers = [stack.enter_context(Follower(place.other(person))) for person in people]
        last: list[dict[str, int]] = [{} for _ in people]
        for person, made in _at_once(lambda n: (n % PEOPLE, _work(place, people[n % PEOPLE], task)), range(BUSY)):
            last[person] |= made
        shared = expect(people[0].get(f"/api/tasks/{task['id']}/"), 200)["version"]
        expected = [{**versions_of_one, task["id"]: shared} for versions_of_one in last]
        _at_once(lambda each: _require_told(*each), zip(followers, expected, strict=True))


def restarts(place: Place) -> None:
    """While PostgreSQL restarts, answers are 503; afterwards requests and streams continue."""
    here = place.register()
    with Follower(place.other(here)) as stream:
        place.postgres.stop()
        for _ in range(3):
            for person in (here, place.other(here)):
                answer = person.post("/api/tasks/", {"title": "lost"})
                assert answer.status_code == 503, answer.text
        place.postgres.start()
        deadline = time.monotonic() + LATE
        for person in (here, place.other(here)):
            while (answer := person.post("/api/tasks/", {"title": "after"})).status_code != 201:
                assert answer.status_code == 503, answer.text
                assert time.monotonic() < deadline, "it does not recover"
                time.sleep(0.2)
            _require_told(stream, {answer.json()["id"]: 1})


CHECKS = (accounts, versions, replays, sharing, syncing, portability, locks, crowds, streams, restarts)


def _work(place: Place, person: Person, shared: dict[str, Any]) -> dict[str, int]:
    """Make many changes, and return the last version of each task."""
    made = {}
    for _ in range(TASKS_EACH):
        task = person.task()
        for edit in range(EDITS_EACH):
            at = (person, place.other(person))[edit % 2]
            tag = {"If-Match": f'"{task["version"]}"'}
            task = expect(at.patch(f"/api/tasks/{task['id']}/", {"title": f"edit {edit}"}, headers=tag), 200)
        made[task["id"]] = task["version"]
        expect(person.patch(f"/api/tasks/{shared['id']}/", {"description": f"{person.id} {len(made)}"}), 200)
    return made


def _require_turned_away(answers: Sequence[httpx.Response], seconds: float) -> None:
    assert {answer.status_code for answer in answers} == {503}, [answer.text for answer in answers]
    assert all("Retry-After" in answer.headers for answer in answers)
    assert WAIT - 0.5 < seconds < WAIT + SLACK, f"after {seconds:.1f} s"


def _require_told(follower: Follower, last: dict[str, int]) -> None:
    told: dict[str, list[int]] = defaultdict(list)
    for event in _events(follower, lambda: all(told[id_][-1:] == [version] for id_, version in last.items())):
        assert event["op"] == "upsert", event
        told[event["id"]].append(event["version"])
    assert {id_: versions[-1] for id_, versions in told.items()} == last, "the last versions are not what was told last"
    for told_versions in told.values():
        assert all(early < late for early, late in pairwise(told_versions)), f"told twice: {told_versions}"


def _events(follower: Follower, is_enough: Callable[[], bool]) -> Iterator[dict[str, Any]]:
    """Yield the events until there are enough, and the events that arrive afterwards."""
    deadline = time.monotonic() + LATE
    while time.monotonic() < deadline:
        enough = is_enough()
        try:
            yield follower.next(QUIET if enough else 0.1).data
        except Empty:
            if enough:
                return
    raise AssertionError(f"not everything was told within {LATE:.0f} s")


def _pull(person: Person, replica: dict[str, int], cursor: str | None = None) -> str:
    while True:
        page = expect(person.get("/api/sync/", params={"limit": 20} | ({"cursor": cursor} if cursor else {})), 200)
        for change in page["changes"]:
            if change["op"] == "delete":
                replica.pop(change["id"], None)
            else:
                replica[change["id"]] = change["version"]
        cursor = str(page["next_cursor"])
        if not page["has_more"]:
            return cursor


def _at_once(call: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(call, items))


@contextmanager
def clients(urls: Sequence[str]) -> Iterator[Sequence[httpx.Client]]:
    """Open an HTTP client for each server, for use in many threads."""
    limits = httpx.Limits(max_connections=2 * THREADS)
    with ExitStack() as stack:
        yield [stack.enter_context(httpx.Client(base_url=url, timeout=30, limits=limits)) for url in urls]
