"""SQL stores: types, constraints, cascades, and failures within a unit of work."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from itertools import product
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Executable, ForeignKeyConstraint, PrimaryKeyConstraint, UniqueConstraint, func, select
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.sql.compiler import SQLCompiler

from tasktracker.adapters.sql import task_lists
from tasktracker.adapters.sql.clock import DatabaseClock
from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.database import Database
from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.jobs import SqlJobs
from tasktracker.adapters.sql.rate_limiter import SqlRateLimiter
from tasktracker.adapters.sql.schema import metadata
from tasktracker.adapters.sql.sqlite import SqliteDriver
from tasktracker.adapters.sql.statements import Compiled, Parameters, Statements
from tasktracker.adapters.sql.store import SqlStore, SqlUnitOfWork
from tasktracker.adapters.sql.violations import VIOLATIONS
from tasktracker.adapters.system import Uuid7Generator
from tasktracker.domain.accounts.link_service import create_link
from tasktracker.domain.accounts.links import LinkKind
from tasktracker.domain.accounts.second_factor import SecondFactor
from tasktracker.domain.accounts.user import User
from tasktracker.domain.categories.category import CategoryMember
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.jobs.job import Job, JobKind
from tasktracker.domain.kernel.actors import AnyActor
from tasktracker.domain.kernel.errors import (
    CategoryNameTaken,
    DomainError,
    EmailTaken,
    IdTaken,
    InvalidInput,
    KeyInUse,
    SessionEnded,
    StorageFull,
    StorageUnavailable,
    UsernameTaken,
)
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.sync.mutation import Mutation, MutationOp
from tasktracker.domain.sync.service import DEFAULT_TYPES
from tasktracker.domain.tasks.query import TaskQuery, TaskSort
from tasktracker.domain.tasks.task import Priority, State
from tasktracker.domain.throttling.limit import LOGIN_BY_ACCOUNT, Bucket
from tasktracker.domain.work import UnitOfWork
from tests.contracts.base import Seed, everything, new_change, new_record, race, token_actor
from tests.fakes import START, SYSTEM, App, ManualClock, SequentialIds
from tests.waiting import PATIENCE

INTEGRITY_ERRORS = (sqlite3.IntegrityError, psycopg.IntegrityError)


on_postgresql = pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
on_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    database = open_database(migrated_url)
    yield database
    database.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(database: Database, clock: ManualClock) -> SqlStore:
    return SqlStore(database, clock, Uuid7Generator())


@pytest.fixture
def seed(store: SqlStore, clock: ManualClock) -> Seed:
    return Seed(store, clock, SequentialIds())


def numbers(connection: Connection) -> dict[str, int]:
    """Return the number of rows of each table that is not empty."""
    found = {name: connection.value(select(func.count()).select_from(table)) for name, table in metadata.tables.items()}
    return {name: number for name, number in found.items() if number}


# --------------------------------------------------------------------- moments

MOMENTS = [
    datetime.min.replace(tzinfo=UTC),
    datetime(999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 0, 0, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 0, 0, 10, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, tzinfo=timezone(timedelta(hours=-23, minutes=-59))),
    datetime.max.replace(tzinfo=UTC),
]


@pytest.fixture(params=["UTC", "America/Los_Angeles", "Asia/Kathmandu"])
def abroad(request: pytest.FixtureRequest, migrated_url: str) -> None:
    """Set the time zone of the server."""
    if migrated_url.startswith("postgresql"):
        with psycopg.connect(migrated_url, autocommit=True) as connection:
            name = connection.info.dbname
            connection.execute(f"ALTER DATABASE \"{name}\" SET TimeZone = '{request.param}'".encode())


@pytest.mark.usefixtures("abroad")
def test_moments_are_read_in_utc(store: SqlStore, seed: Seed) -> None:
    user = seed.user()
    stored = [seed.task(user, due_date=moment, created_at=moment) for moment in MOMENTS]
    with store.reading(SYSTEM) as work:
        listed = work.tasks.list(user.id, TaskQuery(at=MOMENTS[0])).items
        assert listed == stored[::-1]
        found = [work.tasks.find(task.id) for task in stored]
    assert found == stored
    for task in listed:
        assert task.due_date is not None
        assert task.due_date.tzinfo is UTC
        assert task.created_at.tzinfo is UTC


@pytest.mark.usefixtures("abroad")
def test_moments_are_compared_as_moments(store: SqlStore, seed: Seed) -> None:
    user = seed.user()
    for moment in MOMENTS:
        seed.task(user, due_date=moment)
    with store.reading(SYSTEM) as work:
        for number, moment in enumerate(MOMENTS):
            overdue = work.tasks.list(user.id, TaskQuery(at=moment, overdue=True)).items
            assert {task.due_date for task in overdue} == set(MOMENTS[:number])


def test_a_time_without_an_offset_is_not_stored(store: SqlStore, seed: Seed) -> None:
    with pytest.raises(ValueError, match="without an offset"):
        seed.task(seed.user(), due_date=datetime(2026, 1, 1))  # noqa: DTZ001


# ------------------------------------------------------------------- violations


def test_every_constraint_is_accounted_for() -> None:
    kinds = (ForeignKeyConstraint, PrimaryKeyConstraint, UniqueConstraint)
    names = {
        constraint.name
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, kinds)
    }
    # The ids of users, sessions, API tokens, events, changes and imports are this program's own; secrets, rate limits
    # and idempotency keys are only added where they are missing, and a second factor while its user is locked. The
    # members of a category are written under the lock of its row. Entries
    # and histories are written together with their task, the lines of an import while it runs, feeds wherever they have
    # come to. Tickets, links and invitations are random, and a link replaces the earlier one of its kind while its user
    # is locked. Invitations to a task or a category, and reminders of a task, are written while that is locked. A
    # setting of the service, preferences, a count of a day and a time of maintenance replace themselves.
    assert names - set(VIOLATIONS) == {
        "pk_users",
        "pk_daily_counts",
        "pk_maintenance",
        "pk_sessions",
        "pk_api_tokens",
        "pk_auth_events",
        "pk_secrets",
        "pk_rate_limits",
        "pk_second_factors",
        "pk_idempotency_keys",
        "pk_feeds",
        "pk_feed_items",
        "pk_tickets",
        "pk_one_time_links",
        "uq_one_time_links_user_id_kind",
        "pk_invites",
        "uq_invites_digest",
        "pk_share_invitations",
        "uq_share_invitations_task_id_address_key",
        "uq_share_invitations_category_id_address_key",
        "uq_share_invitations_digest",
        "fk_share_invitations_task_id",
        "fk_share_invitations_category_id",
        "pk_service_settings",
        "pk_notifications",  # a conflict is ignored
        "pk_notification_preferences",
        "fk_reminders_task",
        "pk_category_members",
        "pk_jobs",
        "pk_deliveries",
        "uq_deliveries_cause_channel",  # a conflict is ignored
        "fk_category_members_category_id",
        "pk_import_jobs",
        "pk_import_lines",
        "fk_import_lines_job_id",
        "pk_task_changes",
        "pk_task_entries",
        "fk_task_changes_task_id",
        "fk_task_entries_task_id",
    }
    assert set(VIOLATIONS) <= names


Violation = Callable[[Seed, UnitOfWork[AnyActor], User], None]


def void(_: object) -> None:
    """Discard a value."""


VIOLATING: dict[str, tuple[type[DomainError], Violation]] = {
    "a username taken": (UsernameTaken, lambda seed, work, _: work.users.add(seed.new_user("ALICE"))),
    "an e-mail address taken": (
        EmailTaken,
        lambda seed, work, _: work.users.add(seed.new_user("bob", email="Alice@Example.org")),
    ),
    "a user renamed to a username taken": (
        UsernameTaken,
        lambda _, work, user: work.users.save(replace(user, username="Carol", version=2)),
    ),
    "a category name taken": (
        CategoryNameTaken,
        lambda seed, work, user: work.categories.add(seed.new_category(user, "HOME")),
    ),
    "a category of an unknown user": (
        SessionEnded,
        lambda seed, work, _: work.categories.add(seed.new_category(seed.new_user())),
    ),
    "a session of an unknown user": (
        SessionEnded,
        lambda seed, work, _: work.sessions.add(seed.new_session(seed.new_user())),
    ),
    "an API token of an unknown user": (
        SessionEnded,
        lambda seed, work, _: work.api_tokens.add(seed.new_api_token(seed.new_user())),
    ),
    "a second factor of an unknown user": (
        SessionEnded,
        lambda seed, work, _: work.second_factors.save(SecondFactor(user_id=seed.id(), sealed_secret="sealed")),
    ),
    "an event of an unknown user": (
        SessionEnded,
        lambda seed, work, _: work.activity.add(seed.new_event(seed.new_user())),
    ),
    "a task of an unknown user": (SessionEnded, lambda seed, work, _: work.tasks.add(seed.new_task(seed.new_user()))),
    "a task under no other": (
        InvalidInput,
        lambda seed, work, alice: work.tasks.add(seed.new_task(alice, parent=seed.id())),
    ),
    "a task shared with an unknown user": (
        InvalidInput,
        lambda seed, work, alice: work.tasks.add(seed.new_task(alice, members=(Member(seed.id(), Role.VIEWER),))),
    ),
    "a request of an unknown user": (
        SessionEnded,
        lambda seed, work, _: void(work.idempotency.claim(seed.id(), "key")),
    ),
    "a task in no category": (
        InvalidInput,
        lambda seed, work, user: work.tasks.add(seed.new_task(user, category=seed.id())),
    ),
    "a category shared with no user": (
        InvalidInput,
        lambda seed, work, user: work.categories.add(
            seed.new_category(user, members=(CategoryMember(seed.id(), Role.VIEWER, START),))
        ),
    ),
    "a task id taken": (
        IdTaken,
        lambda seed, work, user: work.tasks.add(
            seed.new_task(user, id=work.tasks.list(user.id, TaskQuery(at=MOMENTS[0])).items[0].id)
        ),
    ),
}


def _there(user: User | None, work: UnitOfWork[AnyActor]) -> Any:
    assert user is not None
    return work.categories.list(user.id, None, 1).items[0].id


@pytest.fixture
def alice(seed: Seed) -> User:
    """A user with every kind of row. So has Carol."""
    carol = seed.user("carol")
    seed.category(carol, "Home")
    alice = seed.user("alice", email="alice@example.org")
    seed.session(alice)
    seed.task(alice, category=seed.category(alice, "Home").id)
    return alice


@pytest.mark.parametrize("name", VIOLATING)
def test_a_violation_raises_its_domain_error(store: SqlStore, seed: Seed, alice: User, name: str) -> None:
    expected, violate = VIOLATING[name]
    before = everything(store, alice)
    with pytest.raises(expected) as raised, store.writing(SYSTEM) as work:
        violate(seed, work, alice)
    assert type(raised.value) is expected
    assert everything(store, alice) == before


@pytest.mark.parametrize("name", VIOLATING)
def test_a_suppressed_violation_is_raised_at_the_commit(store: SqlStore, seed: Seed, alice: User, name: str) -> None:
    expected, violate = VIOLATING[name]
    before = everything(store, alice)

    def hush_up() -> None:
        with store.writing(SYSTEM) as work:
            work.tasks.add(seed.new_task(alice))
            with pytest.raises(expected):
                violate(seed, work, alice)

    with pytest.raises(expected):
        hush_up()
    assert everything(store, alice) == before


def test_removing_a_used_category_raises_no_domain_error(store: SqlStore, seed: Seed, alice: User) -> None:
    with store.reading(SYSTEM) as work:
        (category,) = work.categories.list(alice.id, None, 10).items
    with pytest.raises(INTEGRITY_ERRORS), store.writing(SYSTEM) as work:
        work.categories.remove(category.id)


@pytest.mark.parametrize(("column", "value"), [("state", "'asleep'"), ("priority", "5"), ("priority", "0")])
def test_only_states_and_priorities_that_exist_are_stored(
    database: Database, alice: User, column: str, value: str
) -> None:
    with pytest.raises(INTEGRITY_ERRORS, match=f"ck_tasks_{column}"), database.writing() as connection:
        connection.run(f"UPDATE tasks SET {column} = {value}")


# --------------------------------------------------------------------- cascades


def test_removing_a_user_removes_only_their_rows(store: SqlStore, database: Database, seed: Seed) -> None:
    store.get_or_create_secret("a secret")
    users = [seed.user(), seed.user()]
    for user in users:
        categories = [seed.category(user) for _ in range(3)]
        for category in (each.id for each in categories):
            seed.task(user, category=category)
            seed.task(user, category=category)
        task = seed.task(user)
        seed.task(user, parent=task.id, root=task.id)
        for _ in range(2):
            seed.session(user)
            seed.api_token(user)
        for _ in range(4):
            seed.event(user)
        seed.second_factor(user)
        with store.writing(SYSTEM) as work:
            create_link(work, user, LinkKind.RESET_PASSWORD)
            work.history.add(new_change(seed, task, user))
            work.idempotency.claim(user.id, "key")
            work.idempotency.add(new_record(user))
    SqlRateLimiter(database).consume(Bucket.of(LOGIN_BY_ACCOUNT, users[0].username), users[0].created_at)
    seed.event(None)
    of_one = {
        "users": 1,
        "feeds": 1,
        "sessions": 2,
        "api_tokens": 2,
        "second_factors": 1,
        "one_time_links": 1,
        "auth_events": 4,
        "categories": 3,
        "tasks": 8,
        "task_entries": 8,
        "task_changes": 1,
        "idempotency_keys": 1,
    }
    of_nobody = {"secrets": 1, "rate_limits": 1, "service_settings": 1}
    with database.reading() as connection:
        of_all = {name: 2 * number for name, number in of_one.items()}
        assert numbers(connection) == of_all | of_nobody | {"auth_events": 9}
    kept = everything(store, users[1])
    with store.writing(SYSTEM) as work:
        work.users.remove(users[0].id)
    assert everything(store, users[1]) == kept
    with database.reading() as connection:
        assert numbers(connection) == of_one | of_nobody | {"auth_events": 5}


# ----------------------------------------------------------------- confirmation


def test_a_session_is_confirmed_on_the_connection_of_the_reader(migrated_url: str, clock: ManualClock) -> None:
    database = open_database(migrated_url, pool_size=1, wait_seconds=1)
    store = SqlStore(database, clock, Uuid7Generator())
    actor = Seed(store, clock, SequentialIds()).actor()
    with store.reading(actor) as work:
        session = work.sessions.find(actor.session_id)
    assert session is not None
    assert session.confirmed_generation == 1
    database.close()


def test_an_api_token_reads_while_nothing_can_be_written(
    store: SqlStore, database: Database, seed: Seed, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = token_actor(seed.api_token(alice))

    def refuse() -> None:
        raise StorageFull

    monkeypatch.setattr(database, "writing", refuse)
    with store.reading(actor) as work:
        assert len(work.tasks.list(alice.id, TaskQuery(at=START)).items) == 1


def test_a_failed_unit_of_work_still_confirms_the_session(store: SqlStore, seed: Seed, alice: User) -> None:
    session = seed.session(alice, generation=4, confirmed_generation=2)
    actor = seed.actor(alice)
    actor = replace(actor, session_id=session.id, generation=4)
    with pytest.raises(UsernameTaken), store.writing(actor) as work:
        work.users.add(seed.new_user("alice"))
    with store.reading(SYSTEM) as work:
        assert work.sessions.find(session.id) == replace(session, confirmed_generation=4)


# --------------------------------------------------------------------- the rest


def test_the_time_of_a_database_is_that_of_its_host(database: Database, migrated_url: str, clock: ManualClock) -> None:
    found = DatabaseClock(database, clock).now()
    assert found.tzinfo is UTC
    expected = clock.now() if migrated_url.startswith("sqlite") else datetime.now(UTC)
    assert abs(expected - found) < timedelta(minutes=10)


@on_postgresql
def test_a_commit_does_not_fail_if_its_jobs_cannot_be_numbered(
    store: SqlStore, seed: Seed, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[SqlJobs] = []

    def number(jobs: SqlJobs) -> None:
        attempts.append(jobs)
        raise StorageUnavailable

    monkeypatch.setattr(SqlJobs, "number", number)
    with store.writing(SYSTEM) as work:
        work.jobs.add(Job.of(JobKind.PURGE_TASK, seed.id(), alice.id, START))
    assert len(attempts) == 1


def test_concurrent_processes_get_the_same_secret(migrated_url: str, clock: ManualClock) -> None:
    stores = [SqlStore(open_database(migrated_url), clock, Uuid7Generator()) for _ in range(4)]
    secrets = race(
        *(partial(store.get_or_create_secret, f"number {number}") for number in range(5) for store in stores)
    )
    for number in range(5):
        assert len(set(secrets[number * 4 : number * 4 + 4])) == 1
    assert len(set(secrets)) == 5
    for store in stores:
        store.close()


@on_sqlite  # The plan of PostgreSQL depends on the number of rows.
def test_lists_are_read_from_an_index_in_order(database: Database) -> None:
    filters: tuple[dict[str, Any], ...] = (
        {},
        {"priority": Priority.HIGH},
        {"category": UUID(int=1)},
        {"category": "none"},
        {"parent": UUID(int=1)},
        {"parent": "none"},
        {"due_after": MOMENTS[0], "due_before": MOMENTS[1]},
        {"overdue": True},
        {"overdue": False},
        {"started": True},
        {"started": False},
        {"role": Role.EDITOR, "overdue": True},
    )
    states: tuple[frozenset[State], ...] = (frozenset(), frozenset({State.OPEN}), frozenset({State.OPEN, State.DONE}))
    with database.reading() as connection:
        driver = connection.driver
        assert isinstance(driver, SqliteDriver)
        for sort, some, more in product(TaskSort, states, filters):
            if sort.field in more:
                continue  # one priority, sorted by priority: no client needs it
            first = TaskQuery(at=MOMENTS[0], sort=sort, states=some, **more)
            used = tuple(each for each in task_lists._FILTERS if each.is_used(first))
            by_due = sort.field == "due_date"
            for segment in task_lists._Segment:
                if (segment is task_lists._Segment.ALL) is by_due:
                    continue
                for is_after in (False, True):
                    shape = (used, len(some), 0, sort, segment, is_after)
                    compiled = task_lists._list(*shape).compile(dialect=pysqlite.dialect())
                    assert isinstance(compiled, SQLCompiler)
                    statement = compiled.construct_expanded_state(compiled.params).statement
                    unknown = (None,) * statement.count("?")
                    plan = driver.connection.execute(f"EXPLAIN QUERY PLAN {statement}", unknown).fetchall()
                    entries, *others = (step[3] for step in plan)
                    (rows,) = (step for step in others if step.startswith("SEARCH tasks "))
                    # Subqueries read the categories shared with the user, the members of one, and the few jobs.
                    scanned = {step for step in others if step.startswith(("SCAN", "USE TEMP B-TREE"))}
                    assert scanned <= {"SCAN jobs"}, plan
                    assert entries.startswith("SEARCH task_entries USING INDEX ix_task_entries_"), plan
                    assert rows.startswith("SEARCH tasks USING "), plan
                    fit = [sort.field]
                    if sort.field == "created_at":
                        fit += ["state", "category", "parent"]  # each followed by the time of creation
                    if segment is task_lists._Segment.UNDATED:
                        fit += ["priority"]  # followed by the id, the remaining order
                    if segment is task_lists._Segment.DAYS:
                        fit = ["due_on"]
                    assert entries.split()[4].removeprefix("ix_task_entries_") in fit, plan


def test_the_clock_decides_and_not_the_database(store: SqlStore, seed: Seed, clock: ManualClock) -> None:
    actor = seed.actor()
    clock.advance(timedelta(days=10_000))
    with pytest.raises(SessionEnded), store.reading(actor):
        pass


def test_deleting_a_category_takes_as_many_statements_for_many_tasks_as_for_few(
    store: SqlStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasktracker.domain.jobs.job.monotonic", lambda: 0.0)  # no piece of the work ends early
    app = App(store, clock)
    actor = app.actor(app.registration.register({"username": "ada"}, "correct horse"))
    sent = []
    for number in (2, 50):  # more are unfiled in several steps
        category = app.do(actor, app.categories.create, {"name": f"{number}"})
        tasks = [app.do(actor, app.tasks.create, {"title": "x", "category": category.id}) for _ in range(number)]
        with counted() as statements:
            app.do(actor, app.category_removal.delete, category.id)
        sent.append(len(statements))
        with store.reading(SYSTEM) as work:
            entries = work.feed.page(actor.user_id, 0, 1000, DEFAULT_TYPES)[-number - 1 :]
            assert [found.entry.version for found in entries] == [2] * (number + 1)
            assert {change.version for task in tasks for change in work.history.list(task.id, None, 9).items} == {1, 2}
    assert sent[0] == sent[1] < 20


@contextmanager
def counted() -> Iterator[list[Executable]]:
    """Record the statements that this thread sends to any database."""
    statements: list[Executable] = []
    compiled, own_thread = Statements.compiled, threading.get_ident()

    def note(self: Statements, statement: Executable, parameters: Parameters) -> Compiled:
        if threading.get_ident() == own_thread:
            statements.append(statement)
        return compiled(self, statement, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Statements, "compiled", note)
        yield statements


@on_postgresql
def test_a_key_is_in_use_only_while_another_transaction_holds_it(
    migrated_url: str, store: SqlStore, seed: Seed
) -> None:
    user = seed.user()
    with closing(open_database(migrated_url, wait_seconds=0.5)) as other_database:
        other = SqlStore(other_database, ManualClock(), Uuid7Generator())
        with store.writing(SYSTEM) as work:
            assert work.idempotency.claim(user.id, "key") is None
            with pytest.raises(KeyInUse), other.writing(SYSTEM) as late:
                late.idempotency.claim(user.id, "key")

        def claim_on_a_lost_connection() -> None:
            with other_database.writing() as connection:
                work = SqlUnitOfWork(connection, SYSTEM, START, "UTC", SequentialIds())
                pid = connection.value(select(func.pg_backend_pid()))
                with psycopg.connect(migrated_url) as admin:
                    admin.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
                work.idempotency.claim(user.id, "another")

        with pytest.raises(StorageUnavailable):
            claim_on_a_lost_connection()


@on_postgresql
@pytest.mark.parametrize("atomic", [False, True])
def test_a_mutation_in_progress_has_no_result_yet(migrated_url: str, clock: ManualClock, atomic: bool) -> None:
    with closing(SqlStore(open_database(migrated_url, wait_seconds=0.5), clock, Uuid7Generator())) as store:
        app = App(store, clock)
        actor = app.actor(app.registration.register({"username": "ada"}, "correct horse"))
        mutation = Mutation(
            id=UUID(int=1),
            fingerprint=b"f",
            type=ItemType.TASK,
            op=MutationOp.CREATE,
            target=UUID(int=2),
            data={"title": "x"},
        )
        with store.writing(SYSTEM) as work:
            work.idempotency.claim(actor.user_id, f"sync {mutation.id}")
            with ThreadPoolExecutor(1) as thread:
                pushed = thread.submit(app.pushing.push, actor, [mutation], atomic=atomic)
                assert isinstance(pushed.exception(PATIENCE), StorageUnavailable)
