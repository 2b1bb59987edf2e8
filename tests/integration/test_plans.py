"""The plans of pages among 50,000 tasks: the databases use an index and read few other rows."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import create_engine, text

from benchmarks import crowd
from tasktracker.adapters.sql import tasks as sql_tasks
from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.feed import SqlFeed
from tasktracker.adapters.sql.sqlite import SqliteDriver
from tasktracker.adapters.sql.statements import Compiled
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.adapters.sql.urls import database_url
from tasktracker.adapters.sql.usage import SqlUsage
from tasktracker.adapters.system import SystemClock, Uuid7Generator
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.sync.service import DEFAULT_TYPES
from tasktracker.domain.tasks.query import TaskKey, TaskQuery, TaskSort
from tasktracker.domain.tasks.task import State
from tests.http import migrated
from tests.postgres import RUN_FOLDER_VARIABLE, DatabaseFactory, once

MANY, FEW = 50_000, 1_000
OTHERS, SHARED = 5, 200
PAGE = 100


@dataclass
class Crowd:
    """A database in which one user has many tasks and another has few."""

    store: SqlStore
    connection: Connection
    many: SessionActor
    few: SessionActor

    def statements(self, actor: SessionActor, query: TaskQuery) -> list[tuple[str, list[Any]]]:
        """List a page, and return the statements for it with their parameters: two if it is sorted by due date."""
        with sent(self.connection) as found:
            page = sql_tasks.SqlTasks(self.connection, SqlUsage(self.connection, None)).list(actor.user_id, query)
        assert len(page.items) == query.limit
        assert len(found) == (2 if query.sort.is_by_due else 1)
        return found


@contextmanager
def sent(connection: Connection) -> Iterator[list[tuple[str, list[Any]]]]:
    """Record the statements that are sent to the database, with their parameters."""
    found: list[tuple[str, list[Any]]] = []
    fetch = connection.driver.fetch

    def note(compiled: Compiled, values: list[Any]) -> Sequence[Any]:
        found.append((compiled.text, values))
        return fetch(compiled, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection.driver, "fetch", note)
        yield found


def explained(connection: Connection, statement: str, parameters: list[Any]) -> Any:
    """Return PostgreSQL's plan of a statement."""
    explain = Compiled(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", (), {}, (), is_single_use=True)
    ((answer,),) = connection.driver.fetch(explain, parameters)
    return answer


def filled(url: str) -> str:
    """Add the users and their tasks to a database, and return its URL."""
    engine = create_engine(database_url(migrated(url)))
    with engine.begin() as connection:
        few, many = crowd.add_user(connection, 1), crowd.add_user(connection, 2)
        for actor, count in ((few, FEW), (many, MANY)):
            category = crowd.add_category(connection, actor.user_id, 1)
            crowd.add_tasks(connection, actor.user_id, count, category=category)
        for number in range(OTHERS):
            other = crowd.add_user(connection, 10 + number)
            crowd.add_tasks(connection, other.user_id, FEW)
            crowd.add_tasks(connection, other.user_id, SHARED, shared_with=many.user_id)
        crowd.fill_entries(connection)
        crowd.fill_feeds(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if connection.dialect.name == "sqlite" else "VACUUM ANALYZE"))
    engine.dispose()
    return url


def opened(url: str) -> Iterator[Crowd]:
    database = open_database(url)
    store = SqlStore(database, SystemClock(), Uuid7Generator())
    with database.reading() as connection:
        yield Crowd(store, connection, many=crowd.actor(2), few=crowd.actor(1))
    store.close()


# All workers of a test run use the same two databases: to fill one takes as long as a hundred tests.


@pytest.fixture(scope="module")
def postgresql(postgres_url_factory: DatabaseFactory) -> Iterator[Crowd]:
    def make() -> str:
        return filled(postgres_url_factory.create_migrated_database())

    yield from opened(postgres_url_factory.shared_database("crowd", make))


@pytest.fixture(scope="module")
def sqlite() -> Iterator[Crowd]:
    folder = Path(os.environ[RUN_FOLDER_VARIABLE])
    yield from opened(once(folder, "crowd-sqlite", lambda: filled(f"sqlite:///{folder}/crowd.db")))


def in_the_middle(crowd_: Crowd, actor: SessionActor, query: TaskQuery) -> TaskQuery:
    """Continue from the middle of the tasks of a user."""
    count = MANY if actor is crowd_.many else FEW
    with crowd_.store.reading(actor) as work:
        key = query.key(work.tasks.list(actor.user_id, replace(query, limit=1)).items[0])
    return replace(query, after=replace(key, value=crowd.NOW + timedelta(minutes=count // 2)))


FIRST = TaskQuery(at=crowd.NOW, limit=PAGE)
# Many tasks are due at this moment, and a tenth as many on the day that ends just before it.
MIDNIGHT = crowd.NOW + timedelta(days=180)
BEFORE_IT: TaskKey[Any] = TaskKey(MIDNIGHT, UUID(int=0))
AFTER_IT: TaskKey[Any] = TaskKey(MIDNIGHT + timedelta(hours=12), UUID(int=0))
QUERIES: Mapping[str, Callable[[Crowd, SessionActor], TaskQuery]] = {
    "first": lambda *_: FIRST,
    "by a cursor": lambda found, actor: in_the_middle(found, actor, FIRST),
    "state": lambda *_: replace(FIRST, states=frozenset({State.DONE})),
    "category": lambda _, actor: replace(FIRST, category=crowd.category_id(actor.user_id, 1)),
    "due": lambda *_: replace(
        FIRST, due_after=crowd.NOW + timedelta(days=30), due_before=crowd.NOW + timedelta(days=300)
    ),
    **{f"sort={sort}": lambda *_, sort=sort: replace(FIRST, sort=sort) for sort in TaskSort},
    **{
        f"by a cursor, sort={sort}": lambda *_, sort=sort, key=key: replace(FIRST, sort=sort, after=key)
        for sort, key in ((TaskSort.DUE_FIRST, AFTER_IT), (TaskSort.DUE_LAST, BEFORE_IT))
    },
}


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


@pytest.mark.parametrize("name", QUERIES)
def test_postgresql_sorts_nothing_and_reads_little(postgresql: Crowd, name: str) -> None:
    plan: list[Mapping[str, Any]] = []
    for statement, parameters in postgresql.statements(postgresql.many, QUERIES[name](postgresql, postgresql.many)):
        # Every index returns equal values in the order of ids. So no list would show if the statement did not require
        # this order.
        assert re.search(r"ORDER BY [^()]*task_id (ASC|DESC)\s+LIMIT", statement), statement
        plan += nodes(explained(postgresql.connection, statement, parameters)[0]["Plan"])
    assert not [node for node in plan if "Sort" in node["Node Type"]]
    # The tables of jobs and of the members of categories have few rows, if any.
    scanned = {node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"}
    assert scanned <= {"jobs", "category_members"}
    read = sum(
        node["Actual Loops"]
        * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0))
        for node in plan
        if "Scan" in node["Node Type"]
    )
    assert read <= 3 * PAGE, plan


def test_no_statement_starts_processes(postgresql: Crowd) -> None:
    # A plan for any LIMIT expects a tenth of the rows. If one user has most of them, it may want processes for them.
    assert postgresql.connection.value(text("SHOW max_parallel_workers_per_gather")) == "0"
    assert postgresql.connection.value(text("SHOW plan_cache_mode")) == "force_generic_plan"


@pytest.mark.parametrize(("sort", "key"), [(TaskSort.DUE_FIRST, BEFORE_IT), (TaskSort.DUE_LAST, AFTER_IT)])
def test_a_page_without_the_end_of_a_day_reads_no_days(sqlite: Crowd, sort: TaskSort, key: TaskKey[Any]) -> None:
    query = replace(FIRST, sort=sort, after=key)
    with sent(sqlite.connection) as statements:
        sql_tasks.SqlTasks(sqlite.connection, SqlUsage(sqlite.connection, None)).list(sqlite.many.user_id, query)
    assert len(statements) == 1


def test_the_occurrences_of_a_series_are_found_by_its_index(postgresql: Crowd, sqlite: Crowd) -> None:
    for found in (postgresql, sqlite):
        tasks = sql_tasks.SqlTasks(found.connection, SqlUsage(found.connection, None))
        with sent(found.connection) as statements:
            tasks.list(found.many.user_id, replace(FIRST, series=UUID(int=1)))
        ((statement, parameters),) = statements
        driver = found.connection.driver
        if isinstance(driver, SqliteDriver):
            plan = [row[-1] for row in driver.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
        else:
            plan = [str(node) for node in nodes(explained(found.connection, statement, parameters)[0]["Plan"])]
        assert any("ix_tasks_series" in step for step in plan), plan
        assert not any("ix_task_entries" in step for step in plan), plan


def steps_of(driver: sqlite3.Connection, statement: str, parameters: Any) -> int:
    """Return the number of steps of SQLite's virtual machine for a statement, in tens."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    driver.set_progress_handler(count, 10)
    try:
        driver.execute(statement, parameters).fetchall()
    finally:
        driver.set_progress_handler(None, 0)
    return counted


@pytest.mark.parametrize("name", QUERIES)
def test_sqlite_sorts_nothing_reads_little_and_takes_no_more_steps_than_among_few(sqlite: Crowd, name: str) -> None:
    steps = {}
    driver = sqlite.connection.driver
    assert isinstance(driver, SqliteDriver)
    # SQLite counts steps, not the rows that it reads. The first page reads one row per entry and one per task. So half
    # as many steps again mean as many rows again: three times the limit.
    plain = steps_of(driver.connection, *sqlite.statements(sqlite.many, FIRST)[0])
    for actor in (sqlite.few, sqlite.many):
        steps[actor] = 0
        for statement, parameters in sqlite.statements(actor, QUERIES[name](sqlite, actor)):
            plan = driver.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            scans = [row[-1] for row in plan if row[-1].startswith("SCAN") and row[-1] != "SCAN jobs"]
            assert not scans, plan
            assert not [row for row in plan if "TEMP B-TREE" in row[-1]], plan
            steps[actor] += steps_of(driver.connection, statement, parameters)
    assert 0 < steps[sqlite.many] <= 1.5 * steps[sqlite.few]
    assert steps[sqlite.many] <= 1.5 * plain


# ------------------------------------------------------------ deltas

CHANGED = 10


def delta(found: Crowd, actor: SessionActor) -> tuple[str, list[Any]]:
    """Read the last changes of a feed, and return the statement for it with its parameters."""
    feed = SqlFeed(found.connection, SqlUsage(found.connection, None))
    head = feed.state(actor.user_id).head
    with sent(found.connection) as statements:
        page = feed.page(actor.user_id, head - CHANGED, PAGE, DEFAULT_TYPES, head)
    assert len(page) == CHANGED
    (statement,) = statements
    return statement


def test_postgresql_reads_only_the_changed_part_of_a_feed(postgresql: Crowd) -> None:
    statement, parameters = delta(postgresql, postgresql.many)
    answer = explained(postgresql.connection, statement, parameters)
    plan = list(nodes(answer[0]["Plan"]))
    read = sum(
        node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
        for node in plan
        if "Scan" in node["Node Type"]
    )
    assert read <= 3 * CHANGED, answer


def test_sqlite_takes_no_more_steps_for_a_delta_than_among_few(sqlite: Crowd) -> None:
    driver = sqlite.connection.driver
    assert isinstance(driver, SqliteDriver)
    steps = [steps_of(driver.connection, *delta(sqlite, actor)) for actor in (sqlite.few, sqlite.many)]
    assert 0 < steps[1] <= 1.5 * steps[0]


def test_sqlite_prepares_a_delta_once(sqlite: Crowd) -> None:
    driver = sqlite.connection.driver
    assert isinstance(driver, SqliteDriver)
    statement, parameters = delta(sqlite, sqlite.many)
    accesses: list[str | None] = []

    def authorize(_action: int, table: str | None, *_: str | None) -> int:
        accesses.append(table)
        return sqlite3.SQLITE_OK

    driver.connection.set_authorizer(authorize)  # SQLite calls it when it prepares a statement
    try:
        driver.connection.execute(statement, parameters).fetchall()
        assert "feed_items" in accesses
        accesses.clear()
        driver.connection.execute(statement, parameters).fetchall()
        assert not accesses
    finally:
        driver.connection.set_authorizer(None)
