"""Lists of tasks with every order, filter and page size."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest

from tasktracker.domain.deliveries.delivery import Delivery, DeliveryKind, DeliveryState
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.notifications.notification import Notification, NotificationKind
from tasktracker.domain.portability.import_job import ImportedLine, ImportJob, LineOutcome
from tests.contracts.base import SECOND
from tests.contracts.http.base import TASKS, Task, invalid, path_of, rfc3339
from tests.fakes import START, SYSTEM, ManualClock
from tests.http import Api, Person, expect
from tests.waiting import until_the_last

SORTS = ["-created_at", "created_at", "due_date", "-due_date", "priority", "-priority", "title", "-updated_at"]
# A storage with its own collation would order or match these differently.
TITLES = [
    "apple",
    "Apple",
    "\u00c9clair",
    "e\u0301clair",
    "zebra",
    "Zebra",
    "10 straße",
    "9 STRASSE",
    "_x",
    "-x",
    "a b",
    "ab",
    "\ufffd",
    "\N{COLLISION SYMBOL}",
]


def folded(words: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", words).casefold())


def ordered(tasks: Iterable[Task], sort: str) -> list[Task]:
    """Sort tasks like the API: ties by id, and missing values last."""
    name, is_descending = sort.removeprefix("-"), sort.startswith("-")

    def key(task: Task) -> tuple[Any, str]:
        value = task[name]
        if name == "title":
            value = folded(value)
        elif name.endswith(("_at", "_date")):
            value = datetime.fromisoformat(value)
        return value, task["id"]

    tasks = list(tasks)
    with_it = sorted((task for task in tasks if task[name] is not None), key=key, reverse=is_descending)
    without = sorted((task for task in tasks if task[name] is None), key=lambda task: task["id"], reverse=is_descending)
    return with_it + without


class World:
    """Tasks of alice and bob that differ in every value that a list can use."""

    def __init__(self, alice: Person, bob: Person, clock: ManualClock) -> None:
        chance = random.Random(7)
        self.alice = alice
        self.due = [None, clock.now() - timedelta(days=1), clock.now() + timedelta(days=1), clock.now()]
        self.category, self.others = alice.category()["id"], bob.category()["id"]
        self.top = alice.task("top", category=self.category)["id"]
        created = []
        for number, title in enumerate(TITLES):
            owner = bob if number % 5 == 4 else alice
            due = self.due[chance.randrange(4)]
            fields = {
                "description": chance.choice(["", "100% Cotton", "a_b", "Straße und éclair"]),
                "priority": chance.randrange(1, 5),
                "state": chance.choice(["open", "in_progress", "done", "cancelled"]),
                "start_on": chance.choice([None, "2000-01-01", "2999-01-01"]),
                "due_date": due and rfc3339(due),
                "category": chance.choice([None, self.category if owner is alice else self.others]),
                "parent": chance.choice([None, self.top]) if owner is alice else None,
            }
            created.append((owner, owner.task(title, **fields)))
            clock.advance(microseconds=chance.randrange(2))
        clock.advance(seconds=1)
        for role, (owner, task) in zip(("editor", "viewer", "editor"), created[4::5], strict=False):
            owner.share(task, alice, role)
        for _, task in created[5:8]:
            expect(alice.patch(path_of(task), {"priority": task["priority"] % 4 + 1}), 200)
            clock.advance(microseconds=1)
        self.tasks = [expect(alice.get(path_of(task)), 200) for _, task in created] + [
            expect(alice.get(f"{TASKS}{self.top}/"), 200)
        ]

    def role(self, task: Task) -> str:
        if task["created_by"] == self.alice.id:
            return "owner"
        return "editor" if self.alice.id in task["owners"] else "viewer"

    def filters(self) -> list[tuple[str, Callable[[Task], bool]]]:
        """Return filters, each with the expected condition for tasks of alice."""
        now = self.due[3]
        assert now is not None

        def due(task: Task, passes: Callable[[datetime], bool]) -> bool:
            return task["due_date"] is not None and passes(datetime.fromisoformat(task["due_date"]))

        def contains(task: Task, *words: str) -> bool:
            return all(word in folded(task["title"]) + "\n" + folded(task["description"]) for word in words)

        at = rfc3339(now)
        return [
            ("state=open", lambda task: task["state"] == "open"),
            ("state=done&state=in_progress", lambda task: task["state"] in ("done", "in_progress")),
            ("priority=2", lambda task: task["priority"] == 2),
            ("started=true", lambda task: task["start_on"] in (None, "2000-01-01")),
            ("started=false", lambda task: task["start_on"] == "2999-01-01"),
            (f"category={self.category}", lambda task: task["category"] == self.category),
            (f"category={self.others}", lambda _: False),
            ("category=none", lambda task: task["category"] is None),
            (f"parent={self.top}", lambda task: task["parent"] == self.top),
            ("parent=none", lambda task: task["parent"] is None),
            (f"due_before={at}", lambda task: due(task, lambda moment: moment < now)),
            (f"due_after={at}", lambda task: due(task, lambda moment: moment >= now)),
            ("overdue=true", lambda task: task["is_overdue"]),
            ("overdue=false", lambda task: not task["is_overdue"]),
            ("role=owner", lambda task: self.role(task) == "owner"),
            ("role=editor", lambda task: self.role(task) == "editor"),
            ("role=viewer", lambda task: self.role(task) == "viewer"),
            ("q=STRASSE", lambda task: contains(task, "strasse")),
            ("q=%C3%89CLAIR%20e", lambda task: contains(task, "\u00e9clair", "e")),
            ("q=_", lambda task: contains(task, "_")),
            ("q=%25", lambda task: contains(task, "%")),
        ]


class TestTaskOrder:
    @pytest.fixture
    def world(self, alice: Person, bob: Person, clock: ManualClock) -> World:
        return World(alice, bob, clock)

    def test_a_list_has_the_requested_order_for_every_page_size(self, world: World) -> None:
        for sort, limit in product(SORTS, (1, 4, 200)):
            assert world.alice.listed(TASKS, f"sort={sort}&limit={limit}") == ordered(world.tasks, sort), sort

    def test_every_filter_returns_the_matching_tasks(self, world: World) -> None:
        for query, passes in world.filters():
            assert world.alice.listed(TASKS, query) == ordered(filter(passes, world.tasks), "-created_at"), query

    def test_filters_combine_in_every_order_and_on_every_page(self, world: World) -> None:
        chance = random.Random(7)
        for sort in SORTS * 4:
            chosen = chance.sample(world.filters(), chance.choice([1, 2]))
            while len({query.partition("=")[0] for query, _ in chosen}) < len(chosen):
                chosen = chance.sample(world.filters(), 2)
            query = "&".join([*(query for query, _ in chosen), f"sort={sort}", f"limit={chance.choice([2, 3, 5])}"])
            expected = [task for task in world.tasks if all(passes(task) for _, passes in chosen)]
            assert world.alice.listed(TASKS, query) == ordered(expected, sort), query

    @pytest.mark.parametrize("sort", ["due_date", "-due_date", "-priority", "title"])
    def test_tasks_that_keep_their_place_are_listed_once_while_others_change(self, alice: Person, sort: str) -> None:
        tasks = [
            alice.task(title, priority=priority, due_date=due)
            for title, priority, due in (
                ("a", 1, None),
                ("b", 2, "2026-03-01T00:00:00Z"),
                ("c", 2, None),
                ("d", 3, "2026-03-02T00:00:00Z"),
                ("e", 4, None),
                ("f", 4, "2026-03-01T00:00:00Z"),
            )
        ]
        order = ordered(tasks, sort)
        listed = []
        query = f"sort={sort}&limit=2"
        for _ in until_the_last():
            page = expect(alice.get(f"{TASKS}?{query}"), 200)
            listed += [task["id"] for task in page["results"]]
            if len(listed) == 2:
                expect(alice.delete(path_of(order[1])), 204)  # the task that the cursor continues after
                alice.task(order[1]["title"], **{name: order[1][name] for name in ("priority", "due_date")})
                expect(alice.patch(path_of(order[4]), {"description": "changed"}), 200)
            if page["next_cursor"] is None:
                break
            query = f"sort={sort}&limit=2&cursor={page['next_cursor']}"
        assert [each for each in listed if each in {task["id"] for task in tasks}] == [task["id"] for task in order]
        assert len(set(listed)) == len(listed)

    def test_a_changed_task_becomes_the_first_by_update_time(self, alice: Person, clock: ManualClock) -> None:
        tasks = []
        for title in "abc":
            clock.advance(seconds=1)
            tasks.append(alice.task(title))
        clock.advance(seconds=1)
        expect(alice.patch(path_of(tasks[0]), {"description": "changed"}), 200)
        expect(alice.patch(path_of(tasks[1]), {}), 200)
        assert alice.titles("sort=-updated_at") == ["a", "c", "b"]


# Searches with the titles that they find.
SEARCHES: list[tuple[str, set[str]]] = [
    ("milk", {"Buy MILK", "oat"}),
    ("BUY milk", {"Buy MILK"}),
    ("milk buy", {"Buy MILK"}),
    ("  buy\t\nilk ", {"Buy MILK"}),
    ("two litres buy", {"Buy MILK"}),
    ("buy bread", set()),
    ("100%", {"100% sure"}),
    ("%", {"100% sure"}),
    ("_", {"snake_case"}),
    ("e_c", {"snake_case"}),
    ("b%k", set()),
    ("s_ake", set()),
    ("\\", {"back\\slash"}),
    ("\\s", {"back\\slash"}),
    ("*", set()),
    ("?", set()),
    ("[a-z]", set()),
    ("'", {"it's"}),
    ('"', {'a "quote"'}),
    ("STRASSE", {"Hauptstraße"}),
    ("straße", {"Hauptstraße"}),
    ("\u00c9T\u00c9", {"\u00e9te\u0301"}),
    ("e\u0301te\u0301", {"\u00e9te\u0301"}),
    ("\u0399\u0394\u039f\u03a3", {"\u03b9\u03b4\u03bf\u03c2"}),
    ("\N{COLLISION SYMBOL}", {"\N{COLLISION SYMBOL}"}),
    ("milk\u3000buy", {"Buy MILK"}),
]


class TestTaskFilter:
    def test_due_after_is_inclusive_and_due_before_exclusive(self, alice: Person) -> None:
        for title, due in {
            "early": "2026-03-01T11:59:59.999999Z",
            "sharp": "2026-03-01T12:00:00Z",
            "late": "2026-03-01T13:00:00+00:30",
            "never": None,
        }.items():
            alice.task(title, due_date=due)
        for query, titles in {
            "due_before=2026-03-01T12:00:00Z": {"early"},
            "due_after=2026-03-01T12:00:00Z": {"sharp", "late"},
            "due_before=2026-03-01T13:00:00%2B01:00": {"early"},
            "due_after=2026-03-01T12:00:00Z&due_before=2026-03-01T12:30:00Z": {"sharp"},
            "due_after=2026-03-01T12:30:00Z&due_before=2026-03-01T12:00:00Z": set(),
            "due_after=0001-01-01T00:00:00Z": {"early", "sharp", "late"},
            "due_before=9999-12-31T23:59:59.999999Z": {"early", "sharp", "late"},
        }.items():
            assert set(alice.titles(query)) == titles, query

    def test_a_search_finds_tasks_with_every_word(self, alice: Person) -> None:
        alice.task("Buy MILK", description="Two\nlitres")
        alice.task("oat", description="or oat milk")
        for title in set().union(*(titles for _, titles in SEARCHES)) - {"Buy MILK", "oat"}:
            alice.task(title)
        for searched, titles in SEARCHES:
            found = expect(alice.get(TASKS, params={"q": searched}), 200)["results"]
            assert {task["title"] for task in found} == titles, searched

    def test_a_search_finds_only_the_current_text(self, alice: Person) -> None:
        task = alice.task("old", description="constant")
        expect(alice.patch(path_of(task), {"title": "new"}), 200)
        assert alice.titles("q=new%20constant") == ["new"]
        assert alice.titles("q=old") == []

    def test_an_empty_search_finds_every_task(self, alice: Person) -> None:
        alice.task("a")
        for nothing in ("", "%20", "%09%20"):
            assert alice.titles(f"q={nothing}") == ["a"]

    def test_a_search_is_up_to_200_characters_long(self, alice: Person) -> None:
        alice.task("x" * 200)
        assert alice.titles(f"q={'x' * 200}") == ["x" * 200]
        invalid(alice.get(f"{TASKS}?q={'x' * 201}"), "q")

    def test_a_search_does_not_find_tasks_of_others(self, alice: Person, bob: Person) -> None:
        task = alice.task("secret", due_date="2026-03-01T00:00:00Z")
        child = alice.task("secret too", parent=task["id"])
        for query in ("q=secret", f"parent={task['id']}", f"parent={child['id']}", "due_after=2026-01-01T00:00:00Z"):
            assert bob.titles(query) == []
        for role in ("owner", "editor", "viewer"):
            assert bob.titles(f"role={role}") == []

    def test_every_bad_filter_is_named(self, alice: Person) -> None:
        bad = {"parent": "x", "due_after": "soon", "due_before": "", "q": "\0", "role": "boss", "sort": "size"}
        invalid(alice.get(TASKS, params={**bad, "limit": "0", "cursor": "x"}), *bad, "limit")

    def test_an_unknown_parent_has_no_subtasks(self, alice: Person) -> None:
        alice.task()
        assert alice.titles(f"parent={uuid4()}") == []


def fill(api: Api, person: Person) -> UUID:
    """Give a user several items in each list, and return the id of an import."""
    for number in range(3):
        person.category()
        expect(person.delete(path_of(person.task(f"deleted {number}"))), 204)
        api.login(person)
        api.register()
        expect(person.post("/api/admin/invites/", {}), 201)
    owner = UUID(person.id)
    jobs = [ImportJob(id=uuid4(), user_id=owner, dry_run=False, size=1, created_at=at, updated_at=at) for at in TIMES]
    lines = [
        ImportedLine(position=number, number=number, type=ItemType.TASK, outcome=LineOutcome.CREATED)
        for number in range(1, 4)
    ]
    with api.container.store().writing(SYSTEM) as work:
        for at, job in zip(TIMES, jobs, strict=True):
            work.import_jobs.add(job)
            delivery = Delivery.of(DeliveryKind.NEW_DEVICE, job.id, at, mail_domain="example.org", user_id=owner)
            work.deliveries.add(delivery.ended(DeliveryState.SENT, at))
            work.notifications.add(
                Notification(
                    id=job.id, user_id=owner, kind=NotificationKind.SECURITY, event="new-device", created_at=at
                )
            )
        work.import_jobs.add_lines(jobs[0].id, lines)
    return jobs[0].id


TIMES = [START + number * SECOND for number in range(3)]


def test_every_list_is_read_page_by_page(api: Api) -> None:
    person = api.register()
    api.promote(person)
    task = person.task("0")
    for number in (1, 2, 3):
        expect(person.patch(path_of(task), {"title": f"{number}"}), 200)
        person.task()
    ids = {"/api/tasks/{id}/history": task["id"], "/api/accounts/me/imports/{id}/lines": fill(api, person)}
    paths = expect(api.get("/schema/openapi.json"), 200)["paths"]
    parameters = {
        path: [each["name"] for each in item.get("get", {}).get("parameters", ())] for path, item in paths.items()
    }
    paged = [path for path, names in parameters.items() if {"cursor", "limit"} <= {*names} and path != "/api/sync"]
    assert len(paged) == 13
    for path in paged:
        # Reading the list of events is itself an event.
        query = {"kind": "login"} if path == "/api/admin/activity" else {}
        url = path.format(id=ids.get(path))
        whole = expect(person.get(url, params={**query, "limit": 3}), 200)["results"]
        assert len(whole) == 3, path
        read: list[Any] = []
        cursor: dict[str, Any] = {}
        for _ in whole:
            page = expect(person.get(url, params={**query, **cursor, "limit": 1}), 200)
            read += page["results"]
            cursor = {"cursor": page["next_cursor"]}
        assert read == whole, path
