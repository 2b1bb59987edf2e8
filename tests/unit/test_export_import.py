"""Exports, imports of exports, and the errors that an import reports by line."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktracker.adapters.memory.bulk import MemoryBulkRepository
from tasktracker.adapters.memory.store import MemoryStore
from tasktracker.domain.accounts.user import USER, User
from tasktracker.domain.categories.category import Category, name_key
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import Busy, FieldError, InvalidInput, SessionEnded, UserNotFound
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.portability import export_service, import_service, ndjson, planner
from tasktracker.domain.portability.export_service import ExportService, acting_for
from tasktracker.domain.portability.import_job import ImportedLine, LineOutcome
from tasktracker.domain.portability.import_service import FileFormat, ImportService
from tasktracker.domain.portability.lines import MAX_LINE_LENGTH, numbered_lines
from tasktracker.domain.portability.plan import ImportContext, ParentInfo
from tasktracker.domain.portability.record import MAX_VERSION
from tasktracker.domain.portability.report import MAX_FINDINGS, Counts, ImportReport, TaskCounts
from tasktracker.domain.recurrence.occurrence import Occurrence
from tasktracker.domain.recurrence.recurrence import Anchor, Recurrence
from tasktracker.domain.reminders.reminder import MAX_REMINDERS
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import MAX_DEPTH, Priority, State, Task, Tree
from tasktracker.domain.tasks.trash_service import TrashService
from tests.backends import Backend
from tests.contracts.base import Seed
from tests.fakes import CALENDAR, CHARACTERS, START, SYSTEM, ManualClock, SequentialIds
from tests.strategies import examples
from tests.unit.base import before_next_call

HEADER = {"type": "header", "format": "tasktracker", "version": 4}
END = {"type": "end"}


class Service:
    """A separate store with its export and import services."""

    def __init__(self, series: int, chunk: int = 500, backend: Backend | None = None) -> None:
        self.batch = chunk
        self.clock = backend.clock if backend else ManualClock()
        self.store = backend.store if backend else MemoryStore(self.clock, SequentialIds(series + 1))
        self.seed = Seed(self.store, self.clock, SequentialIds(series))
        self.exports = ExportService(store=self.store)
        self.imports = ImportService(store=self.store, characters=CHARACTERS, calendar=CALENDAR, batch_size=chunk)

    def export(self, user: User) -> bytes:
        return b"".join(self.exports.export(self.seed.actor(user)))

    def import_file(self, user: User, raw: bytes, *, dry_run: bool = False, restore: bool = False) -> ImportReport:
        return self.imports.import_file(
            self.seed.actor(user), io.BytesIO(raw), FileFormat.NDJSON, dry_run=dry_run, restore=restore
        )

    def import_lines(self, user: User, *records: Any, dry_run: bool = False, restore: bool = False) -> ImportReport:
        return self.import_file(user, to_lines(HEADER, *records, END), dry_run=dry_run, restore=restore)

    def all_of(self, user: User) -> tuple[dict[UUID, Category], dict[UUID, Task]]:
        """Return the user's own categories and tasks, with those in the trash."""
        with self.store.reading(SYSTEM) as work:
            categories = work.categories.list(user.id, None, 10_000).items
            tasks = work.tasks.list(user.id, TaskQuery(at=START, role=Role.OWNER, limit=10_000)).items
            trashed = work.bulk.trashed(user.id, None, 10_000).items
        return {each.id: each for each in categories}, {each.id: each for each in [*tasks, *trashed]}


def to_lines(*records: Any) -> bytes:
    return b"".join(
        each if isinstance(each, bytes) else json.dumps(each, default=str).encode() + b"\n" for each in records
    )


def task(**fields: Any) -> dict[str, Any]:
    return {"type": "task", "id": str(uuid4()), "title": "something", **fields}


def category(**fields: Any) -> dict[str, Any]:
    return {"type": "category", "id": str(uuid4()), "name": "Somewhere", **fields}


@pytest.fixture(params=[500, 1])
def service(request: pytest.FixtureRequest) -> Service:
    return Service(10, request.param)


@pytest.fixture
def user(service: Service) -> User:
    return service.seed.user()


# ---------------------------------------------------------------- round trip

moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
past = st.datetimes(datetime(1, 1, 2), START.replace(tzinfo=None), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


@st.composite
def recurring(draw: st.DrawFn, task: Task) -> Task:
    """Any occurrence of a recurring task, with the rule or without, if the task can be one."""
    if task.parent is not None or task.due is None or draw(st.booleans()):
        return task
    zone, from_ = draw(st.sampled_from(("UTC", "Europe/Vienna"))), draw(st.sampled_from(Anchor))
    found = task.with_rule(Recurrence(rule="FREQ=DAILY", time_zone=zone, from_=from_))
    if draw(st.booleans()):
        return found
    slot, next_ = draw(st.dates() | moments), draw(st.none() | st.uuids())
    return replace(found, recurrence=None, occurrence=Occurrence(slot=slot, series=task.id, next=next_))


@st.composite
def accounts(draw: st.DrawFn) -> tuple[list[Category], list[Task]]:
    """Any valid categories and tasks of one user."""
    owner = UUID(int=0)
    named = draw(st.lists(texts.map(lambda text: f"c{text}").map(str.strip), max_size=4, unique_by=name_key))
    categories = []
    for name in named:
        times = sorted(draw(st.tuples(past, past)))
        categories.append(
            Category(
                id=draw(st.uuids()),
                user_id=owner,
                name=name,
                description=draw(texts),
                color=draw(st.none() | st.just("#1e90ff")),
                created_at=times[0],
                updated_at=times[1],
                version=draw(st.integers(1, 1000)),
            )
        )
    tasks: list[Task] = []
    depths: dict[UUID, int] = {}
    for id_ in draw(st.lists(st.uuids(), max_size=12, unique=True)):
        parent = draw(st.sampled_from([None, *(each for each in tasks if depths[each.id] < MAX_DEPTH)]))
        times = sorted(draw(st.tuples(past, past)))
        state = draw(st.sampled_from(State))
        trashed = draw(st.booleans()) or (parent is not None and parent.trashed_at is not None)
        trashed_with = [id_, parent.trashed_with] if parent is not None and parent.trashed_with else [id_]
        category = draw(st.sampled_from([None, *(each.id for each in categories)]))
        tasks.append(
            Task(
                id=id_,
                title=draw(texts.map(lambda text: f"t{text}".strip())),
                description=draw(texts),
                priority=draw(st.sampled_from(Priority)),
                state=state,
                start_on=draw(st.none() | st.dates()),
                **draw(
                    st.fixed_dictionaries({}, optional={"due_on": st.dates()}) | st.just({"due_date": draw(moments)})
                ),
                category=category,
                parent=parent.id if parent else None,
                root=parent.root if parent else id_,
                root_category=parent.root_category if parent else category,
                owner=owner,
                created_by=owner,
                created_at=times[0],
                updated_at=times[1],
                completed_at=draw(past) if state is State.DONE else None,
                trashed_at=draw(past) if trashed else None,
                trashed_with=draw(st.sampled_from(trashed_with)) if trashed else None,
                version=draw(st.integers(1, 1000)),
            )
        )
        tasks[-1] = draw(recurring(tasks[-1]))
        depths[id_] = 1 if parent is None else depths[parent.id] + 1
    return categories, tasks


@given(accounts(), st.sampled_from([1, 2, 3, 500]))
@examples(30, deadline=None)
def test_an_imported_account_equals_the_exported_one(account: tuple[list[Category], list[Task]], chunk: int) -> None:
    source, target = Service(10), Service(20, chunk)
    alice, bob = source.seed.user(), target.seed.user()
    categories = {each.id: replace(each, user_id=alice.id) for each in account[0]}
    tasks = {each.id: replace(each, owner=alice.id, created_by=alice.id) for each in account[1]}
    with source.store.writing(SYSTEM) as work:
        for each in categories.values():
            work.categories.add(each)
        for one in tasks.values():
            work.tasks.add(one)
    exported = source.export(alice)
    dry = target.import_file(bob, exported, dry_run=True)
    assert target.all_of(bob) == ({}, {})
    report = target.import_file(bob, exported)
    assert (report.errors, report.notices, report.skipped) == ([], [], 0)
    assert (report.categories.created, report.tasks.created) == (len(categories), len(tasks))
    assert replace(dry, dry_run=False) == report
    assert target.all_of(bob) == (
        {each.id: replace(each, user_id=bob.id) for each in categories.values()},
        {one.id: replace(one, owner=bob.id, created_by=bob.id) for one in tasks.values()},
    )
    again = target.import_file(bob, exported)
    assert (again.categories.created, again.tasks.created) == (0, 0)
    assert (again.categories.unchanged, again.tasks.unchanged) == (len(categories), len(tasks))
    # For another user of the target, everything gets other ids, once, and is otherwise equal.
    carol = target.seed.user()
    for created in (len(tasks), 0):
        report = target.import_file(carol, exported)
        assert (report.tasks.created, report.tasks.mapped, report.skipped) == (created, created, 0)
    shape = sorted((one.title, one.version, one.created_at, one.trashed_at or START) for one in tasks.values())
    mapped = target.all_of(carol)[1]
    assert sorted((one.title, one.version, one.created_at, one.trashed_at or START) for one in mapped.values()) == shape
    assert all(one.parent is None or one.parent in mapped for one in mapped.values())
    assert all(one.series in (None, one.id) for one in mapped.values())


def test_a_rule_in_a_file_starts_when_the_task_is_due_unless_it_says_so(service: Service, user: User) -> None:
    rule = {"rule": "freq=daily", "time_zone": "UTC"}
    lines = [
        task(title="new", due_on="2026-03-01", recurrence=rule),
        task(title="old", due_on="2026-03-01", recurrence={**rule, "from": "due", "start": "2026-02-01"}),
        task(title="other", due_date="2026-03-01T12:00:00Z", recurrence={**rule, "start": "2026-02-01"}),
    ]
    assert service.import_lines(user, *lines).skipped == 0
    tasks = {one.title: one for one in service.all_of(user)[1].values()}
    starts = {title: one.recurrence and one.recurrence.start for title, one in tasks.items()}
    assert starts == {
        "new": date(2026, 3, 1),
        "old": date(2026, 2, 1),
        "other": datetime(2026, 2, 1, 12, tzinfo=UTC),
    }
    assert all(one.series == one.id for one in tasks.values())


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"recurrence": "FREQ=DAILY"}, "recurrence"),
        ({"recurrence": {"rule": "FREQ=DAILY"}}, "recurrence.time_zone"),
        ({"recurrence": {"rule": "FREQ=DAILY", "time_zone": "Mars/X"}}, "recurrence.time_zone"),
        ({"recurrence": {"rule": "x", "time_zone": "UTC"}}, "recurrence.rule"),
        ({"recurrence": {"rule": "FREQ=DAILY", "time_zone": "UTC", "from": "x"}}, "recurrence.from"),
        ({"recurrence": {"rule": "FREQ=DAILY", "time_zone": "UTC", "start": "x"}}, "recurrence.start"),
        ({"recurrence": {"rule": "FREQ=DAILY", "time_zone": "UTC", "more": 1}}, "recurrence.more"),
        ({"recurrence": {"rule": "FREQ=DAILY", "time_zone": "UTC"}, "due_on": None}, "recurrence"),
        ({"recurrence": {"rule": "FREQ=DAILY", "time_zone": "UTC"}, "parent": str(uuid4())}, "recurrence"),
        ({"slot": "x"}, "slot"),
        ({"next": "x"}, "next"),
        ({"series": 1}, "series"),
    ],
)
def test_a_bad_recurrence_is_reported(service: Service, user: User, fields: dict[str, Any], field: str) -> None:
    report = service.import_lines(user, task(**{"due_on": "2026-03-01", **fields}))
    assert [each.field for each in report.errors] == [field]


def test_titles_and_names_from_before_the_rules_are_imported_back() -> None:
    source, target = Service(10), Service(20)
    owner, importer = source.seed.user(), target.seed.user()
    category = source.seed.category(owner, name="\u3164")
    task = source.seed.task(owner, title="\u200b", category=category.id)
    report = target.import_file(importer, source.export(owner))
    categories, tasks = target.all_of(importer)
    assert (report.skipped, categories[category.id].name, tasks[task.id].title) == (0, "\u3164", "\u200b")


def test_an_export_has_no_secrets_and_an_end_line(service: Service) -> None:
    user = service.seed.user(first_name="Ann", password_hash="hash-of-it")
    raw = service.export(user)
    assert b"hash-of-it" not in raw
    first, profile, last = [json.loads(line) for line in raw.splitlines()]
    assert first == {"type": "header", "format": "tasktracker", "version": 5, "exported_at": "2026-03-01T12:00:00Z"}
    assert profile["first_name"] == "Ann"
    assert last == {"type": "end", "categories": 0, "tasks": 0}


def test_the_lines_of_an_export_have_every_field() -> None:
    service = Service(10)
    user = service.seed.user("ann", first_name="Ann", last_name="Lee", email="ann@example.org")
    later = START + timedelta(hours=1)
    zone = timezone(timedelta(hours=2))
    home = service.seed.category(user, "Home", description="ä", color="#1e90ff", updated_at=later, version=2)
    kept = Occurrence(slot=START, series=UUID(int=1), next=UUID(int=2))
    one = service.seed.task(
        user,
        "one",
        description="b",
        category=home.id,
        root_category=home.id,
        due_date=later.astimezone(zone),
        state=State.DONE,
        occurrence=kept,
        completed_at=later,
        updated_at=later + timedelta(hours=1),
        version=3,
    )
    rule = {"rule": "FREQ=DAILY", "time_zone": "UTC", "from": "due", "start": "2026-03-01"}
    two = service.seed.new_task(user, "two", due_on=date(2026, 3, 1), created_at=later, updated_at=later)
    two = two.with_rule(Recurrence(rule="FREQ=DAILY", time_zone="UTC"))
    service.seed.tasks(replace(two, trashed_at=later, trashed_with=two.id))
    service.clock.advance(hours=1)
    at, then = "2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z"
    common = {"type": "task", "own": True, "owner": "ann", "created_by": "ann", "priority": 2, "start_on": None}
    common |= {"parent": None, "members": [], "reminders": []}
    export = service.export(user)
    assert '"name":"Home","description":"ä"'.encode() in export
    header, profile, *lines = map(json.loads, export.splitlines())
    assert header == {"type": "header", "format": "tasktracker", "version": 5, "exported_at": then}
    assert profile == {
        "type": "profile",
        "id": str(user.id),
        **{name: getattr(user, name) for name in USER.names},
        "created_at": at,
    }
    assert lines == [
        {
            "type": "category",
            "id": str(home.id),
            "own": True,
            "owner": "ann",
            "name": "Home",
            "description": "ä",
            "color": "#1e90ff",
            "created_at": at,
            "updated_at": then,
            "version": 2,
            "members": [],
        },
        {
            **common,
            "id": str(one.id),
            "title": "one",
            "description": "b",
            "state": "done",
            "due_on": None,
            "due_date": then,
            "recurrence": None,
            "category": str(home.id),
            "created_at": at,
            "updated_at": "2026-03-01T14:00:00Z",
            "completed_at": then,
            "series": str(kept.series),
            "slot": at,
            "next": str(kept.next),
            "trashed_at": None,
            "trashed_with": None,
            "version": 3,
        },
        {
            **common,
            "id": str(two.id),
            "title": "two",
            "description": "",
            "state": "open",
            "due_on": "2026-03-01",
            "due_date": None,
            "recurrence": rule,
            "category": None,
            "created_at": then,
            "updated_at": then,
            "completed_at": None,
            "series": str(two.id),
            "slot": "2026-03-01",
            "next": None,
            "trashed_at": then,
            "trashed_with": str(two.id),
            "version": 1,
        },
        {"type": "end", "categories": 1, "tasks": 2},
    ]


def test_an_export_of_version_1_is_still_read(service: Service, user: User) -> None:
    lines = (
        '{"type":"header","format":"tasktracker","version":1,"exported_at":"2026-03-01T12:00:00Z"}',
        '{"type":"profile","id":"00000000-0000-4000-8000-000000000001","username":"ada","email":null,"first_name":"",'
        '"last_name":"","time_zone":"UTC","created_at":"2026-03-01T12:00:00Z"}',
        '{"type":"task","id":"00000000-0000-4000-8000-000000000002","title":"Call","description":"","priority":3,'
        '"state":"open","due_date":"2026-03-05T12:00:00Z","category":null,"parent":null,'
        '"created_at":"2026-03-01T12:00:00Z","updated_at":"2026-03-01T12:00:00Z","completed_at":null,'
        '"trashed_at":null,"trashed_with":null,"version":4,"members":[]}',
        '{"type":"end","categories":0,"tasks":1}',
    )
    report = service.import_file(user, "\n".join(lines).encode("utf-8-sig"))
    assert not [*report.errors, *report.notices]
    (task,) = service.all_of(user)[1].values()
    assert (task.title, task.priority, task.start_on, task.version) == ("Call", Priority.HIGH, None, 4)


def test_a_new_field_needs_a_new_version_of_the_format() -> None:
    always = {"id", "title", "description", "priority", "state", "due_date", "category", "parent", "version", "members"}
    always |= {"created_at", "updated_at", "completed_at", "trashed_at", "trashed_with"}
    added = {1: set[str](), 2: {"start_on"}, 3: {"own", "owner", "created_by"}, 4: {"due_on"}}
    added[5] = {"recurrence", "series", "slot", "next", "reminders"}
    assert set(ndjson.READ_VERSIONS) == set(added)
    assert set(ndjson._TASK) == always.union(*added.values())
    always = {"id", "name", "description", "color", "created_at", "updated_at", "version"}
    assert set(ndjson._CATEGORY) == always | {"own", "owner", "members"}


def test_a_field_without_a_reader_for_its_type_is_named() -> None:
    with pytest.raises(TypeError, match="no reader for the type int of the field estimate"):
        ndjson._reader("estimate", int | None, None)


def test_members_are_exported_by_name_and_not_invited_again(service: Service, user: User) -> None:
    bob = service.seed.user("bob")
    own = service.seed.task(user, members=(Member(bob.id, Role.EDITOR),))
    service.seed.task(bob, members=(Member(user.id, Role.EDITOR),))
    lines = [json.loads(line) for line in service.export(user).splitlines()]
    (only,) = [line for line in lines if line["type"] == "task"]
    assert (only["id"], only["members"]) == (str(own.id), [{"username": "bob", "role": "editor"}])
    carol = service.seed.user()
    report = service.import_file(carol, service.export(user))
    assert [(each.field, "bob" in each.message) for each in report.notices] == [("members", True)]
    assert [one.members for one in service.all_of(carol)[1].values()] == [()]


def test_a_notice_about_members_says_of_what(service: Service, user: User) -> None:
    members = [{"username": "bob", "role": "editor"}]
    report = service.import_lines(user, category(members=members), task(members=members))
    assert [each.message for each in report.notices] == [
        f"are not imported: share the {kind} again with bob" for kind in ("category", "task")
    ]


def test_a_notice_names_five_members_and_only_the_topmost_task_has_one(service: Service, user: User) -> None:
    members = [{"username": f"user {number} {'x' * 100}", "role": "editor"} for number in range(6)]
    top = task(members=members)
    report = service.import_lines(user, top, task(parent=top["id"], members=members))
    names = ", ".join(each["username"][:100] for each in members[:5])
    assert [(each.line, each.message) for each in report.notices] == [
        (2, f"are not imported: share the task again with {names}")
    ]


def test_the_blocks_of_an_export_show_one_state(service: Service, user: User) -> None:
    service.seed.tasks(*(service.seed.new_task(user, description="x" * 1000) for _ in range(450)))
    blocks = service.exports.export(service.seed.actor(user))
    first = next(blocks)
    service.seed.task(user)
    rest = list(blocks)
    assert len(rest) > 3
    assert json.loads(b"".join([first, *rest]).splitlines()[-1])["tasks"] == 450


def test_an_ended_session_cannot_export_or_import(service: Service, user: User) -> None:
    actor = service.seed.actor(user)
    with service.store.writing(SYSTEM) as work:
        work.sessions.remove(actor.session_id)
    for call in (
        lambda: next(service.exports.export(actor)),
        lambda: service.imports.admit(actor),
        lambda: service.imports.import_file(actor, io.BytesIO(), FileFormat.NDJSON),
    ):
        with pytest.raises(SessionEnded):
            call()


def test_an_administrator_exports_and_imports_by_username(service: Service, user: User) -> None:
    service.seed.task(user)
    raw = b"".join(service.exports.export_of(user.username))
    read: list[int] = []
    other = service.seed.user()
    report = service.imports.import_file_for(other.username, io.BytesIO(raw), FileFormat.NDJSON, progress=read.append)
    assert report.tasks.created == 1
    assert read[-1] == len(raw)
    assert acting_for(service.store, "import", user.username) == SystemActor("import", user.id)
    with pytest.raises(UserNotFound):
        service.exports.export_of("unknown")
    with pytest.raises(UserNotFound):
        service.imports.import_file_for("unknown", io.BytesIO(raw), FileFormat.NDJSON)


def test_an_import_by_an_administrator_has_every_choice_and_reports_its_progress(service: Service, user: User) -> None:
    rows = "TYPE,CONTENT\ntask,one\n"
    gone, new = task(), task()
    service.import_lines(user, gone)
    with service.store.writing(service.seed.actor(user)) as work:
        TrashService().delete(work, UUID(gone["id"]))
    by_name = partial(service.imports.import_file_for, user.username)
    raw = to_lines(HEADER, gone, new, END)
    for dry_run in (True, False):
        read: list[int] = []
        report = by_name(io.BytesIO(raw), FileFormat.NDJSON, restore=True, dry_run=dry_run, progress=read.append)
        assert report == ImportReport(dry_run, tasks=TaskCounts(created=1, restored=1))
        assert (len(set(read)) > 1, read[-1]) == (service.batch == 1, len(raw))
        assert len([one for one in service.all_of(user)[1].values() if not one.trashed_at]) == (0 if dry_run else 2)
    by_name(io.BytesIO(rows.encode()), FileFormat.TODOIST, project="Work")
    assert [one.name for one in service.all_of(user)[0].values()] == ["Work"]
    for file_format in (FileFormat.NDJSON, FileFormat.ZIP):
        with pytest.raises(InvalidInput, match="only for a CSV file of Todoist"):
            by_name(io.BytesIO(raw), file_format, project="Work")


def test_an_export_reports_its_progress(service: Service, user: User) -> None:
    service.seed.tasks(*(service.seed.new_task(user) for _ in range(450)))
    service.seed.task(user, trashed_at=START)
    reported: list[tuple[int, int]] = []
    blocks = service.exports.export_of(user.username, progress=lambda done, total: reported.append((done, total)))
    assert b"".join(blocks).count(b'"type":"task"') == 451
    assert reported == [(200, 451), (400, 451), (450, 451), (451, 451)]


# -------------------------------------------------------------------- import


def test_the_history_names_the_importer_and_the_time_of_the_import(service: Service, user: User) -> None:
    old = START - timedelta(days=1000)
    later = old + timedelta(days=1)
    record = task(created_at=old.isoformat(), updated_at=later.isoformat(), version=7, state="done")
    service.import_lines(user, record)
    with service.store.reading(SYSTEM) as work:
        (change,) = work.history.list(UUID(record["id"]), None, 10).items
    assert (change.action, change.actor, change.at, change.version) == (Action.CREATE, user.id, START, 7)
    assert change.session_id is not None
    (one,) = service.all_of(user)[1].values()
    assert (one.created_at, one.updated_at, one.completed_at) == (old, later, later)


def test_a_parent_can_follow_its_subtasks(service: Service, user: User) -> None:
    chain = [task(title=str(depth)) for depth in range(MAX_DEPTH + 2)]
    for above, below in pairwise(chain):
        below["parent"] = above["id"]
    for dry_run in (True, False):
        report = service.import_lines(user, *reversed(chain), dry_run=dry_run)
        assert report.tasks.created == MAX_DEPTH
        assert sorted((each.line, each.field) for each in report.errors) == [(2, "parent"), (3, "parent")]
        assert report.skipped == 2
    tasks = service.all_of(user)[1]
    assert {one.root for one in tasks.values()} == {UUID(chain[0]["id"])}


def test_a_task_imported_below_an_existing_one_gets_its_members(service: Service, user: User) -> None:
    bob = service.seed.user()
    parent = service.seed.task(user, members=(Member(bob.id, Role.VIEWER),))
    child = task(parent=str(parent.id))
    assert service.import_lines(user, child).skipped == 0
    one = service.all_of(user)[1][UUID(child["id"])]
    assert (one.root, one.members) == (parent.id, parent.members)


def test_categories_are_matched_by_name_and_by_id(service: Service, user: User) -> None:
    home, work = service.seed.category(user, "Home"), service.seed.category(user, "Work")
    other, renamed = category(name="HOME"), category(id=str(work.id), name="home")
    records = [other, renamed, task(category=other["id"]), task(category=str(work.id)), task(category=str(home.id))]
    report = service.import_lines(user, *records)
    assert (report.categories.created, report.categories.unchanged, report.skipped) == (0, 2, 0)
    categories, tasks = service.all_of(user)
    assert categories == {home.id: home, work.id: work}
    assert sorted(filter(None, (one.category for one in tasks.values()))) == sorted([home.id, home.id, work.id])


def test_a_line_of_the_maximum_length_is_read_whole() -> None:
    longest = b"x" * (MAX_LINE_LENGTH - 1) + b"\n"
    found = numbered_lines(io.BytesIO(longest + b"x" + longest + longest), None)
    assert [(number, line and len(line)) for number, line in found] == [(1, len(longest)), (2, None), (3, len(longest))]


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (b"nonsense\n", "line"),
        (b"[]\n", "line"),
        (b'{"type": "task", "id": NaN}\n', "line"),
        (b'{"type":"task","type":"task"}\n', "line"),
        (b'{"type":"task","title":"caf\xe9"}\n', "line"),
        (b'{"type":"task","x":' + b"[" * 100_000 + b"}\n", "line"),
        (b'{"type":"task","version":' + b"1" * 5000 + b"}\n", "line"),
        (b'{"type":"task","title":"' + b"x" * 300_000 + b'"}\n', "line"),
        ({"type": "list"}, "type"),
        ({"type": ["task"]}, "type"),
        ({}, "type"),
        ({"type": "task", "title": "x"}, "id"),
        ({"type": "task", "id": str(uuid4())}, "title"),
        (task(id="x"), "id"),
        (task(id=1), "id"),
        (task(id="{a0b1c2d3-0000-4000-8000-000000000000}"), "id"),
        (task(id="urn:uuid:a0b1c2d3-0000-4000-8000-000000000000"), "id"),
        (task(id="a-0b1c2d30000-4000-8000-000000000000"), "id"),
        (task(id="a0b1c2d3-0000-4000-8000-000000000000x"), "id"),
        (task(title=" "), "title"),
        (task(title="x" * 201), "title"),
        (task(title="e\u0301\u0302\u0303\u0304\u0308" * 200), "title"),
        (task(title="\ud800"), "title"),
        (task(title=None), "title"),
        (task(description="a\0b"), "description"),
        (task(priority=5), "priority"),
        (task(priority=True), "priority"),
        (task(priority="high"), "priority"),
        (task(state="lost"), "state"),
        (task(start_on="tomorrow"), "start_on"),
        (task(start_on="2026-02-29"), "start_on"),
        (task(start_on="20260201"), "start_on"),
        (task(start_on="2026-W01-1"), "start_on"),
        (task(start_on="2026-02-01T00:00:00Z"), "start_on"),
        (task(start_on=20260201), "start_on"),
        (task(due_on="tomorrow"), "due_on"),
        (task(due_on="2026-01-01T00:00:00Z"), "due_on"),
        (task(due_on="2026-01-01", due_date="2026-01-01T00:00:00Z"), "due_date"),
        (task(due_date="tomorrow"), "due_date"),
        (task(due_date="2026-01-01T00:00:00"), "due_date"),
        (task(due_date="2026-01-01"), "due_date"),
        (task(due_date="20260101T000000Z"), "due_date"),
        (task(due_date="2026-W01-1T00:00:00Z"), "due_date"),
        (task(due_date="2026-01-01T00:00Z"), "due_date"),
        (task(due_date="2026-01-01T00:00:00,5Z"), "due_date"),
        (task(due_date="2026-01-01T00:00:00+00:00:30"), "due_date"),
        (task(due_date="2026-02-29T00:00:00Z"), "due_date"),
        (task(due_date="\u0662026-01-01T00:00:00Z"), "due_date"),
        (task(due_date="9999-12-31T23:59:59-14:00"), "due_date"),
        (task(version=0), "version"),
        (task(version=MAX_VERSION + 1), "version"),
        (task(members=["bob"]), "members"),
        (task(members={}), "members"),
        (task(members=[{"username": 1}]), "members"),
        (task(own="no"), "own"),
        (task(owner=1), "owner"),
        (task(created_by=[]), "created_by"),
        (category(own=0), "own"),
        (category(members="bob"), "members"),
        (task(colour="red"), "colour"),
        (task(completed_at="2026-01-01T00:00:00Z", state="cancelled"), "completed_at"),
        (task(updated_at="2026-01-01T00:00:00Z"), "created_at"),
        (task(created_at="2026-01-02T00:00:00Z", updated_at="2026-01-01T00:00:00Z"), "updated_at"),
        (task(trashed_with=str(uuid4())), "trashed_with"),
        (task(trashed_at="2026-01-01T00:00:00Z", trashed_with=str(uuid4())), "trashed_with"),
        (task(parent=str(uuid4())), "parent"),
        (task(id="a0b1c2d3-0000-4000-8000-000000000000", parent="A0B1C2D3000040008000000000000000"), "parent"),
        (task(category=str(uuid4())), "category"),
        (HEADER, "type"),
        (category(name=""), "name"),
        (category(color="red"), "color"),
        (category(created_at="2026-01-01T00:00:00", updated_at="2026-01-01T00:00:00Z"), "created_at"),
        (category(created_at="2026-01-02T00:00:00Z", updated_at="2026-01-01T00:00:00Z"), "updated_at"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_line_is_skipped_and_reported(service: Service, user: User, record: Any, field: str) -> None:
    good = task()
    for dry_run in (True, False):
        report = service.import_lines(user, record, good, dry_run=dry_run)
        assert [(each.line, each.field) for each in report.errors] == [(2, field)]
        assert (report.skipped, report.tasks.created, report.omitted) == (1, 1, 0)
    assert list(service.all_of(user)[1]) == [UUID(good["id"])]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"[]\n", "must be a JSON object"),
        (b'{"type": "task", "id": NaN}\n', "is not valid JSON: NaN is not a number"),
        (b'{"type": "task", "id": -Infinity}\n', "is not valid JSON: -Infinity is not a number"),
        (b'{"type":"task","type":"task"}\n', "has a duplicate field"),
        (b'{"type":"task","title":"caf\xe9"}\n', "is not valid UTF-8"),
        (b'{"x":' + b"[" * 100_000 + b"}\n", "is nested too deeply"),
        (b'{"x":' + b"1" * 5000 + b"}\n", "contains a number with too many digits"),
        (b"x" * (MAX_LINE_LENGTH + 1), f"is longer than {MAX_LINE_LENGTH} bytes"),  # also without an end of the line
        (to_lines({"type": "list"}), "must be profile, category, task or end"),
        (to_lines(task(**{"x" * 101: 1})), "is not a field of this type"),
        (to_lines(task(version=0)), f"must be 1 to {MAX_VERSION}"),
        (to_lines(task(id="x")), "is not a UUID"),
        (to_lines(task(start_on="x")), "is not a date, as in 2026-01-31"),
        (to_lines(task(due_date="x")), "is not a time, as in 2026-01-31T12:00:00Z"),
        (to_lines(task(title=1)), "must be text"),
        (to_lines(task(version=True)), "must be a whole number"),
        (to_lines(task(own=1)), "must be true or false"),
        (to_lines(task(members={})), "must be a list"),
        (to_lines(task(members=[{}])), "must be a list of objects with a username and a role"),
        (to_lines(task(reminders=[{}])), f"must be a list of at most {MAX_REMINDERS} objects, each with at or before"),
        (to_lines(task(completed_at="2026-01-01T00:00:00Z")), "must be null unless the state is done"),
        (to_lines(task(trashed_with=str(uuid4()))), "must be null unless the task is in the trash"),
        (to_lines(task(due_on="2026-01-01", due_date="2026-01-01T00:00:00Z")), "must be null if due_on is set"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_error_for_a_line_says_what_is_wrong(raw: bytes, message: str) -> None:
    (_, line, *_) = ndjson.read(io.BytesIO(to_lines(HEADER, task(), raw)))
    assert (line.number, [each.message for each in line.errors]) == (3, [message])
    assert all(len(each.field) <= 100 for each in line.errors)


def test_a_value_that_is_none_of_those_allowed_is_reported_with_them(service: Service, user: User) -> None:
    report = service.import_lines(user, task(priority=6, state="todo"))
    assert {each.field: each.message for each in report.errors} == {
        "priority": "must be one of 1, 2, 3, 4",
        "state": "must be one of open, in_progress, done, cancelled",
    }


def test_a_category_and_a_task_may_have_one_id(service: Service, user: User) -> None:
    home = category()
    report = service.import_lines(user, home, task(id=home["id"]))
    assert (report.errors, report.categories.created, report.tasks.created) == ([], 1, 1)


def test_categories_of_one_name_become_one(service: Service, user: User) -> None:
    first, second = category(name="Home"), category(name="HOME")
    filed = task(category=second["id"])
    for dry_run in (True, False):
        report = service.import_lines(user, first, second, filed, dry_run=dry_run)
        assert (report.errors, report.categories.created, report.categories.unchanged) == ([], 1, 1)
    (stored,) = service.all_of(user)[1].values()
    assert stored.category == UUID(first["id"])


def test_a_task_that_is_its_own_parent_is_refused_even_if_it_exists(service: Service, user: User) -> None:
    good = task()
    service.import_lines(user, good)
    report = service.import_lines(user, {**good, "parent": good["id"]})
    assert [(each.field, each.message) for each in report.errors] == [("parent", "must not be the task itself")]


def test_the_last_values_that_are_allowed_are_imported(service: Service, user: User) -> None:
    at = "2026-01-01T00:00:00Z"
    reminders = [{"before": f"PT{number}M"} for number in range(MAX_REMINDERS)]
    last = task(version=MAX_VERSION, created_at=at, updated_at=at, reminders=reminders)
    report = service.import_lines(user, last, category(created_at=at, updated_at=at))
    assert (report.errors, report.tasks.created, report.categories.created) == ([], 1, 1)


def test_a_line_that_is_not_json_is_reported_with_the_place_of_the_error(service: Service, user: User) -> None:
    report = service.import_lines(user, b'{"a": x}\n')
    assert [each.message for each in report.errors] == ["is not valid JSON: Expecting value at character 7"]


def test_every_bad_field_is_reported(service: Service, user: User) -> None:
    report = service.import_lines(user, task(title="", priority=0, colour=1, category=str(uuid4())))
    assert sorted(each.field for each in report.errors) == ["colour", "priority", "title"]
    assert report.skipped == 1


def test_tasks_and_categories_of_others_are_refused(service: Service, user: User) -> None:
    bob = service.seed.user()
    bobs_task = service.seed.task(bob, members=(Member(user.id, Role.EDITOR),))
    filed = task(category=str(service.seed.category(bob).id))
    report = service.import_lines(user, task(parent=str(bobs_task.id)), filed)
    assert sorted((each.line, each.field) for each in report.errors) == [(2, "parent"), (3, "category")]
    # Unless the file has a task with this id, which is then imported with another id.
    report = service.import_lines(user, task(parent=str(bobs_task.id)), task(id=str(bobs_task.id)))
    assert (report.tasks.created, report.tasks.mapped, report.skipped) == (2, 1, 0)
    assert service.all_of(bob)[1] == {bobs_task.id: bobs_task}


def test_a_parent_in_the_trash_is_refused_for_an_undeleted_task(service: Service, user: User) -> None:
    top = service.seed.new_task(user)
    service.seed.tasks(replace(top, trashed_at=START, trashed_with=top.id))
    with_it = task(parent=str(top.id), trashed_at=START.isoformat(), trashed_with=str(top.id))
    report = service.import_lines(user, task(parent=str(top.id)), with_it)
    assert [(each.line, each.field) for each in report.errors] == [(2, "parent")]
    assert service.all_of(user)[1][UUID(with_it["id"])].trashed_with == top.id


def test_the_versions_of_imported_items_are_kept_up_to_the_highest(service: Service, user: User) -> None:
    service.import_lines(user, task(version=MAX_VERSION), task(version=1))
    assert sorted(each.version for each in service.all_of(user)[1].values()) == [1, MAX_VERSION]


def test_an_existing_task_is_not_changed(service: Service, user: User) -> None:
    own = service.seed.task(user, "own")
    report = service.import_lines(user, task(id=str(own.id), title="other"))
    assert (report.tasks.unchanged, report.tasks.created) == (1, 0)
    assert service.all_of(user)[1] == {own.id: own}


def test_an_existing_task_with_another_description_gets_no_notice(service: Service, user: User) -> None:
    own = service.seed.task(user, "own")
    report = service.import_lines(user, task(id=str(own.id), description="other", due_on="2026-01-01"))
    assert report == ImportReport(False, tasks=TaskCounts(unchanged=1))


def test_an_item_whose_ids_are_both_taken_is_refused(service: Service, user: User) -> None:
    bob = service.seed.user()
    of_bob, home = service.seed.task(bob), service.seed.category(bob, "Home")
    service.seed.task(bob, id=uuid5(user.id, str(of_bob.id)))
    service.seed.category(bob, "Other", id=uuid5(user.id, str(home.id)))
    records = [category(id=str(home.id), name="Mine"), task(id=str(of_bob.id)), category(name="Free")]
    for dry_run in (True, False):
        report = service.import_lines(user, *records, dry_run=dry_run)
        assert [(each.line, each.field, each.message) for each in report.errors] == [
            (line, "id", "is taken, and so is the id derived from it") for line in (2, 3)
        ]
        assert (report.skipped, report.categories, report.tasks) == (2, Counts(created=1), TaskCounts())


def test_a_mapped_item_is_counted_recorded_and_keeps_its_times_and_its_series(service: Service, user: User) -> None:
    old, rule = START - timedelta(days=9), {"rule": "FREQ=DAILY", "time_zone": "UTC"}
    first, home = task(created_at=old, state="done", due_on="2026-02-01", slot="2026-02-01"), category(created_at=old)
    second = task(created_at=old, due_on="2026-02-02", slot="2026-02-02", series=first["id"], recurrence=rule)
    first |= {"next": second["id"], "category": home["id"]}
    for actor, is_mapped in ((user, False), (service.seed.user(), True)):
        recorded: list[ImportedLine] = []
        service.imports.import_file(
            service.seed.actor(actor),
            io.BytesIO(to_lines(HEADER, home, first, second, {**home, "id": str(uuid4())}, first, END)),
            FileFormat.NDJSON,
            record=lambda lines, _, recorded=recorded: recorded.extend(lines),  # type: ignore[misc]
        )
        categories, tasks = service.all_of(actor)
        ids = {each["id"]: uuid5(actor.id, each["id"]) if is_mapped else UUID(each["id"]) for each in (first, second)}
        home_id = uuid5(actor.id, home["id"]) if is_mapped else UUID(home["id"])
        assert [(each.type, each.outcome, each.item) for each in recorded] == [
            (ItemType.CATEGORY, LineOutcome.CREATED, home_id),
            (ItemType.TASK, LineOutcome.CREATED, ids[first["id"]]),
            (ItemType.TASK, LineOutcome.CREATED, ids[second["id"]]),
            (ItemType.CATEGORY, LineOutcome.UNCHANGED, home_id),
            (ItemType.TASK, LineOutcome.UNCHANGED, ids[first["id"]]),
        ]
        done, open_ = (tasks[ids[each["id"]]] for each in (first, second))
        assert (done.series, done.next, done.category, done.updated_at) == (done.id, open_.id, home_id, old)
        assert (open_.series, open_.next, open_.updated_at) == (done.id, None, old)
        assert (categories[home_id].created_at, categories[home_id].updated_at) == (old, old)


def test_a_dry_run_knows_that_a_restored_task_leaves_a_parent_in_the_trash(service: Service, user: User) -> None:
    chain = [task() for _ in range(MAX_DEPTH + 1)]
    for above, below in pairwise(chain):
        below["parent"] = above["id"]
    service.import_lines(user, *chain[:2])
    with service.store.writing(service.seed.actor(user)) as work:
        TrashService().delete(work, UUID(chain[0]["id"]))
    for dry_run in (True, False):
        report = service.import_lines(user, *chain[1:], restore=True, dry_run=dry_run)
        assert report == ImportReport(dry_run, tasks=TaskCounts(created=MAX_DEPTH - 1, restored=1))
    tasks = service.all_of(user)[1]
    assert {one.root for one in tasks.values() if not one.trashed_at} == {UUID(chain[1]["id"])}
    with service.store.writing(service.seed.actor(user)) as work:
        TrashService().delete(work, UUID(chain[1]["id"]))
    for dry_run in (True, False):
        deeper = task(parent=chain[-1]["id"])
        report = service.import_lines(user, *chain[1:], deeper, restore=True, dry_run=dry_run)
        assert (report.tasks, [each.field for each in report.errors]) == (TaskCounts(restored=MAX_DEPTH), ["parent"])


def test_reminders_are_scheduled_in_the_time_zone_of_the_user(service: Service) -> None:
    user = service.seed.user(time_zone="America/New_York")
    home, old = category(), (START - timedelta(days=9)).isoformat()
    reminders = [{"before": "P1D"}, {"at": "2026-03-09T12:00:00Z"}, {"before": "PT1H"}]
    one = task(created_at=old, due_on="2026-03-05", category=home["id"], reminders=reminders)
    actor = service.seed.actor(user)
    with service.store.reading(actor) as work:
        head = work.feed.state(user.id).head
    service.clock.advance(hours=1)
    service.import_lines(user, home, one)
    service.import_lines(user, home, one)
    with service.store.reading(actor) as work:
        stored = work.reminders.list(user.id, UUID(one["id"]))
        items = [each.entry.type for each in work.feed.page(user.id, head, 10, tuple(ItemType))]
    assert sorted((str(each.fires_at), each.before, each.created_at) for each in stored) == [
        ("2026-03-04 14:00:00+00:00", "P1D", service.clock.now()),
        ("2026-03-05 13:00:00+00:00", "PT1H", service.clock.now()),
        ("2026-03-09 12:00:00+00:00", None, service.clock.now()),
    ]
    assert [each.value for each in items] == ["category", "task", *["reminder"] * 3]


@pytest.mark.parametrize("restore", [True, False])
def test_the_recorded_lines_say_what_became_of_each_with_its_findings(
    service: Service, user: User, restore: bool
) -> None:
    service.seed.tasks(replace(old := service.seed.new_task(user), trashed_at=START, trashed_with=old.id))
    late = category(created_at=(START + timedelta(days=1)).isoformat(), members=[{"username": "bob"}])
    others = [task(own=False, owner="bob"), task(own=False)]
    lines: list[ImportedLine] = []
    report = service.imports.import_file(
        service.seed.actor(user),
        io.BytesIO(to_lines(HEADER, task(id=str(old.id)), category(name=""), late, *others, END)),
        FileFormat.NDJSON,
        restore=restore,
        record=lambda found, _: lines.extend(found),
    )
    in_future, not_again = FieldError("created_at", planner.IN_FUTURE), "are not imported: share the category again"
    assert lines == [
        ImportedLine(
            position=2,
            number=2,
            type=ItemType.TASK,
            outcome=LineOutcome.RESTORED if restore else LineOutcome.IN_TRASH,
            item=old.id,
            notices=() if restore else (planner.IN_TRASH,),
        ),
        ImportedLine(
            position=3,
            number=3,
            type=None,
            outcome=LineOutcome.SKIPPED,
            errors=(FieldError("name", "must not be empty"),),
        ),
        ImportedLine(
            position=4,
            number=4,
            type=ItemType.CATEGORY,
            outcome=LineOutcome.CREATED,
            item=UUID(late["id"]),
            notices=(in_future, FieldError("members", f"{not_again} with bob")),
        ),
        *(
            ImportedLine(
                position=number,
                number=number,
                type=ItemType.TASK,
                outcome=LineOutcome.IGNORED,
                notices=(FieldError("own", f"is false: it belongs to {owner}, and was left out"),),
            )
            for number, owner in ((5, "bob"), (6, "another user"))
        ),
    ]
    assert report.tasks.passed_over == 2


def test_findings_are_in_the_order_of_the_lines(service: Service, user: User) -> None:
    late = (START + timedelta(days=1)).isoformat()
    bad, orphan, shared = task(title=""), task(parent=str(uuid4())), task(created_at=late)
    noted = task(members=[{"username": "bob"}])
    report = service.import_lines(user, bad, category(name=""), task(title="x" * 201), shared, bad, orphan, noted)
    assert [each.line for each in report.errors][:4] == [2, 3, 4, 6]
    assert [(each.line, each.field) for each in report.notices] == [(5, "created_at"), (8, "members")]
    assert report.skipped == 5


def test_imported_items_are_later_than_the_deletions_of_the_same_ids(service: Service, user: User) -> None:
    one, home = task(reminders=[{"at": "2026-03-09T12:00:00Z"}]), category()
    service.import_lines(user, one, home)
    categories, tasks = service.all_of(user)
    with service.store.reading(SYSTEM) as work:
        (deleted,) = work.reminders.list(user.id, *tasks)
    service.clock.advance(hours=1)
    with service.store.writing(service.seed.actor(user)) as work:
        for each in categories.values():
            work.changes.record_removal(each)
        for one_task in tasks.values():
            work.changes.record_removal(one_task)
        work.trash.purge(tasks.values())
        work.categories.remove(*categories)
    service.import_lines(user, one | {"version": 2}, home | {"version": 2})  # that of the deletions
    assert [each.version for found in service.all_of(user) for each in found.values()] == [3, 3]
    with service.store.reading(SYSTEM) as work:
        assert deleted.id not in [each.id for each in work.reminders.list(user.id, *tasks)]
        feed = work.feed.page(user.id, 0, 10, (ItemType.CATEGORY, ItemType.TASK))
        assert [each.entry.version for each in feed] == [3, 3]


@pytest.mark.parametrize("name", ["find_tasks", "find_categories"])
def test_an_import_finds_what_another_work_stores_after_it_has_looked(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    service = Service(10)
    user = service.seed.user()
    service.seed.category(user, "Somewhere")
    records = [category(), task(id=str(service.seed.task(user).id))]
    monkeypatch.setattr(MemoryBulkRepository, name, lambda *_: ())
    with pytest.raises(Busy):
        service.import_lines(user, *records)
    before_next_call(monkeypatch, MemoryBulkRepository, name, lambda: None)  # it finds nothing once more
    report = service.import_lines(user, *records)
    assert (report.categories.unchanged, report.tasks.unchanged) == (1, 1)


def test_an_id_given_twice_is_one_task(service: Service, user: User) -> None:
    record = task()
    for dry_run in (True, False):
        report = service.import_lines(user, record, to_lines(record)[:-1] + b"\r\n", dry_run=dry_run)
        assert (report.tasks.created, report.tasks.unchanged) == (1, 1)


def test_an_id_given_twice_with_other_content_is_an_error_in_the_second_line(service: Service, user: User) -> None:
    first, home = task(title="first"), category()
    for _ in range(2):
        report = service.import_lines(user, first, {**first, "title": "other"}, home, {**home, "name": "Other"}, first)
        assert [(each.line, each.field) for each in report.errors] == [(3, "id"), (5, "id")]
        assert "earlier line" in report.errors[0].message
        assert report.tasks.created + report.tasks.unchanged == 2
    categories, tasks = service.all_of(user)
    assert ([one.title for one in tasks.values()], [one.name for one in categories.values()]) == (
        ["first"],
        ["Somewhere"],
    )


def test_a_time_in_the_future_becomes_the_time_of_the_import(service: Service, user: User) -> None:
    late, later = (START + timedelta(days=1)).isoformat(), (START + timedelta(days=2)).isoformat()
    gone = task(created_at=late, updated_at=later, state="done", completed_at=late, trashed_at=late)
    home = category(created_at=late, updated_at=later)
    report = service.import_lines(user, home, gone, task(created_at=START.isoformat(), due_date=later))
    assert [(each.line, each.field) for each in report.notices] == [
        *((2, name) for name in ("created_at", "updated_at")),
        *((3, name) for name in ("created_at", "updated_at", "completed_at", "trashed_at")),
    ]
    categories, tasks = service.all_of(user)
    stored = tasks[UUID(gone["id"])]
    assert {stored.created_at, stored.updated_at, stored.completed_at, stored.trashed_at} == {START}
    assert categories[UUID(home["id"])].updated_at == START


def test_a_task_in_the_trash_is_reported_and_left_there(service: Service, user: User) -> None:
    gone = service.seed.new_task(user)
    service.seed.tasks(replace(gone, trashed_at=START, trashed_with=gone.id))
    record = task(id=str(gone.id))
    for dry_run in (True, False):
        report = service.import_lines(user, record, dry_run=dry_run)
        assert (report.tasks.in_trash, report.tasks.unchanged, report.tasks.restored) == (1, 0, 0)
        ((line, message),) = [(each.line, each.message) for each in report.notices]
        assert (line, "trash" in message) == (2, True)
    # A task that is in the trash in the file, too, is where it should be.
    report = service.import_lines(user, {**record, "trashed_at": START.isoformat()}, restore=True)
    assert (report.tasks.in_trash, report.tasks.unchanged, report.tasks.restored) == (0, 1, 0)
    assert service.all_of(user)[1][gone.id].trashed_at == START


def test_tasks_in_the_trash_are_restored_on_request(service: Service, user: User) -> None:
    # In the order of their ids, a parent follows its subtasks.
    ids = sorted((str(uuid4()) for _ in range(3)), reverse=True)
    parent, child, grandchild = (
        task(id=id_, title=title) for id_, title in zip(ids, ("parent", "child", "grandchild"), strict=True)
    )
    child["parent"], grandchild["parent"] = parent["id"], child["id"]
    service.import_lines(user, parent, child, grandchild)
    trash = TrashService()
    with service.store.writing(service.seed.actor(user)) as work:
        for each in (grandchild, child, parent):
            trash.delete(work, UUID(each["id"]))
    new = task(title="new", parent=child["id"])
    for dry_run in (True, False):
        report = service.import_lines(user, parent, child, grandchild, new, parent, restore=True, dry_run=dry_run)
        assert (report.errors, report.notices) == ([], [])
        assert (report.tasks.restored, report.tasks.in_trash, report.tasks.unchanged) == (3, 0, 1)
        assert report.tasks.created == 1
    _, tasks = service.all_of(user)
    assert {one.title: one.parent and tasks[one.parent].title for one in tasks.values()} == {
        "parent": None,
        "child": "parent",
        "grandchild": "child",
        "new": "child",
    }
    assert {one.root for one in tasks.values()} == {UUID(parent["id"])}
    assert not any(one.trashed_at for one in tasks.values())
    assert service.import_lines(user, parent, child, restore=True).tasks.unchanged == 2


@pytest.mark.parametrize(
    ("raw", "advice"),
    [
        ("TYPE,CONTENT\n".encode("utf-16"), "UTF-16"),
        ("TYPE,CONTENT\n".encode("utf-16-le"), "UTF-16"),
        (b"TYPE,CONTENT\n", "text/csv"),
        (b"PK\x03\x04", "application/zip"),
        (b"\xfe\xff" + "日本".encode("utf-16-be"), "UTF-16"),
        (b"\x1f\x8b\x08", "gzip"),
        (b'{"type":"header"}\r{"type":"end"}\r', "LF or CRLF"),
        (b'{"type":"task"}\r', "…}$"),  # perhaps the begin of CRLF
        (b"x" * 100 + b"\0", "…}$"),
        (b'{"type":"task"}\n', "…}$"),
    ],
)
def test_the_error_for_a_refused_file_says_what_helps(service: Service, user: User, raw: bytes, advice: str) -> None:
    with pytest.raises(InvalidInput, match=advice):
        service.import_file(user, raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"\xff\xfe",
        b"TYPE,CONTENT\n",
        to_lines(task(id="a0b1c2d3-0000-4000-8000-000000000000")),
        to_lines({**HEADER, "version": 6}),
        to_lines({**HEADER, "version": 0}),
        to_lines({**HEADER, "version": True}),
        to_lines({**HEADER, "version": 2.0}),
        to_lines({**HEADER, "version": [2]}),
        to_lines({**HEADER, "format": "other"}),
        to_lines({**HEADER, "type": "end"}),
    ],
)
def test_a_file_that_is_not_an_export_is_refused(service: Service, user: User, raw: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        service.import_file(user, raw)
    assert [error.field for error in caught.value.errors] == ["body"]


def test_a_truncated_export_is_imported_and_reported(service: Service, user: User) -> None:
    report = service.import_file(user, to_lines(HEADER, task(), b" \r\n", task()))
    assert (report.tasks.created, report.errors) == (2, [])
    assert [(each.line, each.field) for each in report.notices] == [(5, "line")]
    report = service.import_file(user, to_lines(HEADER, END, task()))
    assert (report.tasks.created, [(each.line, each.field) for each in report.errors]) == (0, [(3, "line")])


def test_missing_lines_are_reported_by_count(service: Service, user: User) -> None:
    home, one = category(name="Home"), task()
    for counts, bad, reported in (
        ({"categories": 1, "tasks": 1}, [], []),
        ({"categories": 2, "tasks": 1}, [], [(4, "categories", "should be 2 according to the last line, but are 1")]),
        (
            {"categories": 1, "tasks": 4},
            [task(priority=9), b"\xff\n"],
            [(6, "tasks", "should be 4 according to the last line, but are 2")],
        ),
        ({"categories": 1, "tasks": 3}, [task(priority=9), b"\xff\n"], []),
        ({"categories": 0, "tasks": 0}, [], []),
        ({"categories": "many", "tasks": None}, [], []),
    ):
        report = service.import_file(user, to_lines(HEADER, home, one, *bad, END | counts))
        assert [(each.line, each.field, each.message) for each in report.notices] == reported
        assert (report.skipped, report.tasks.created + report.tasks.unchanged) == (len(bad), 1)


def test_a_time_is_read_to_the_microsecond(service: Service, user: User) -> None:
    for written_as, read in (
        ("2026-01-31t12:00:00.123456z", datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)),
        ("2026-01-31 12:00:00.5+05:30", datetime(2026, 1, 31, 6, 30, 0, 500000, tzinfo=UTC)),
        ("2026-01-31T12:00:00.1234567-01:00", datetime(2026, 1, 31, 13, 0, 0, 123456, tzinfo=UTC)),
    ):
        record = task(due_date=written_as)
        assert service.import_lines(user, record).tasks.created == 1
        assert service.all_of(user)[1][UUID(record["id"])].due_date == read


def test_only_the_first_errors_and_notices_are_reported() -> None:
    report, findings = ImportReport(False), [FieldError("name", "is odd")] * (MAX_FINDINGS + 5)
    for each in findings:
        report.skip(1, [each])
    report.notice(1, findings)
    assert (len(report.errors), len(report.notices), report.omitted, report.skipped) == (
        MAX_FINDINGS, MAX_FINDINGS, 10, MAX_FINDINGS + 5
    )  # fmt: skip


def test_an_export_has_every_category_and_task_when_they_fill_several_pages(
    service: Service, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_service, "PAGE", 2)
    categories = {service.seed.category(user).id for _ in range(7)}
    tasks = {service.seed.task(user).id for _ in range(7)}
    trashed = {service.seed.task(user, trashed_at=START).id for _ in range(7)}
    other, members = service.seed.user(), (Member(user.id, Role.EDITOR),)
    created = {service.seed.task(other, created_by=user.id, members=members).id for _ in range(7)}
    written = [json.loads(line) for line in service.export(user).splitlines()]
    ids = [UUID(line["id"]) for line in written if line["type"] in ("category", "task")]
    assert len(ids) == len(set(ids))
    assert set(ids) == categories | tasks | trashed | created


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_service, "MAX_LINES", 5)
    monkeypatch.setattr(planner, "MAX_CATEGORIES", 2)


@pytest.mark.usefixtures("small_limits")
def test_the_number_of_lines_and_categories_is_limited(service: Service, user: User) -> None:
    report = service.import_lines(user, category(name="a"), category(name="b"), category(name="c"))
    assert [(each.line, each.field) for each in report.errors] == [(4, "name")]
    many = to_lines(HEADER, *(task() for _ in range(5)), END)
    with pytest.raises(InvalidInput):
        service.import_file(user, many)
    assert service.all_of(user)[1] == {}
    # An administrator can import without these limits.
    report = service.imports.import_file_for(user.username, io.BytesIO(many), FileFormat.NDJSON)
    assert report.tasks.created + report.tasks.unchanged == 5


def test_the_counts_of_all_batches_are_added() -> None:
    counts = TaskCounts(1, 2, 3, 4, 5, 6)
    counts.add(TaskCounts(10, 20, 30, 40, 50, 60))
    assert counts == TaskCounts(11, 22, 33, 44, 55, 66)


@pytest.mark.parametrize("is_dry_run", [False, True])
def test_later_batches_know_the_results_of_all_earlier_ones(is_dry_run: bool) -> None:
    one, two = UUID(int=1), UUID(int=2)
    first, second = ImportContext(START), ImportContext(START)
    for context, each in ((first, one), (second, two)):
        info = ParentInfo(Tree(each, None, one), 1, None)
        context.categories, context.former, context.claimed, context.restored = (
            {each: each},
            {each: each},
            {each},
            {each},
        )
        context.names, context.parents = {str(each): each}, {each: info}
    before = replace(first, names=dict(first.names), parents=dict(first.parents))
    first.update(second, is_dry_run=is_dry_run)
    both = {one: one, two: two}
    assert (first.categories, first.former, first.claimed) == (both, both, {one, two})
    assert first.restored == {two}  # those of the last batch: it began with the others
    more = second if is_dry_run else before
    assert (first.names, first.parents) == (before.names | more.names, before.parents | more.parents)


def test_a_deleted_tree_and_categories_are_imported_with_other_ids_if_theirs_are_taken(
    service: Service, user: User
) -> None:
    top = task(trashed_at=START.isoformat())
    child = {**task(parent=top["id"], trashed_at=START.isoformat()), "trashed_with": top["id"]}
    below = {**child, "id": str(uuid4()), "parent": child["id"]}
    filed = [category(id=str(UUID(int=number)), name=f"c{number}") for number in (1, 2)]
    for actor, mapped in ((user, 0), (service.seed.user(), 1)):
        for dry_run in (True, False):
            report = service.import_lines(actor, *filed, top, child, below, dry_run=dry_run)
            counts = Counts(created=2, mapped=2 * mapped), TaskCounts(created=3, mapped=3 * mapped)
            assert report == ImportReport(dry_run, *counts)
        top_id = uuid5(actor.id, top["id"]) if mapped else UUID(top["id"])
        assert {each.trashed_with for each in service.all_of(actor)[1].values()} == {top_id}
        # A later file may have a task of this category without the category.
        assert service.import_lines(actor, task(category=filed[1]["id"])).errors == []
        report = service.import_lines(actor, {**below, "id": str(uuid4()), "trashed_with": str(uuid4())})
        assert [each.field for each in report.errors] == ["trashed_with"]


def test_an_export_has_the_oldest_task_first(service: Service, user: User) -> None:
    for title, days in (("second", 2), ("first", 3), ("third", 1)):
        service.seed.task(user, title, created_at=START - timedelta(days=days))
    lines = map(json.loads, service.export(user).splitlines())
    assert [each["title"] for each in lines if each["type"] == "task"] == ["first", "second", "third"]
