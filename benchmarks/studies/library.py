"""Compare our code with the library code that it replaces. docs/decisions/0036 has the figures.

A figure is the processor time of a call in this process in microseconds: the median of rounds that alternate between
our code and that of the library. The name of the library is after the semicolon. The last column is the gain as a
share of a whole `GET /api/tasks/{id}/` in this process with 32 concurrent requests (with 1, for a hop with 1), on the
same database or on SQLite. Run it on an idle machine: other load distorts the figures.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import cycle
from typing import Any

import click
import psycopg
import uvloop
from anyio import CapacityLimiter, to_thread
from sqlalchemy import Connection, Engine, Executable, bindparam, select, update
from sqlalchemy.dialects.postgresql import psycopg as dialects

from benchmarks.processes import SECRET
from benchmarks.studies.library_http import descriptions, foreign_answers, origins
from benchmarks.studies.measuring import Comparison, compared, heading, measured, on_loop, repeated, scope_of, sent
from benchmarks.workloads import PAGE, Data, fill, token
from tasktracker.adapters.sql.database import Database
from tasktracker.adapters.sql.engine import (
    conninfo,
    open_database,
    postgresql_engine,
    sqlite_engine,
)
from tasktracker.adapters.sql.schema import task_entries, tasks
from tasktracker.adapters.sql.task_rows import TASKS
from tasktracker.adapters.sql.urls import SQLITE, database_url
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.http.app import Application, create_app
from tasktracker.entrypoints.http.core.threads import ThreadRunner
from tasktracker.entrypoints.settings import load
from tests.postgres import DatabaseFactory, PrivatePostgres, memory

HOPS, LEASES, STATEMENTS, REQUESTS = 3200, 5000, 400, 640
THREADS, ONE, MANY = 10, 1, 32
FIND = select(*TASKS.columns).where(tasks.c.id == bindparam("id"))
LIST = (
    select(*TASKS.columns)
    .join_from(task_entries, tasks, tasks.c.id == task_entries.c.task_id)
    .where(task_entries.c.user_id == bindparam("user_id"), task_entries.c.trashed_at.is_(None))
    .order_by(task_entries.c.created_at.desc(), task_entries.c.task_id.desc())
    .limit(PAGE)
)
EDIT = update(tasks).where(tasks.c.id == bindparam("of_id"))


@click.command()
def main() -> None:
    """Compare our code with the library code that it replaces."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="study-", dir=memory()))
        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        postgres = stack.enter_context(PrivatePostgres())
        factory = stack.enter_context(closing(DatabaseFactory(postgres.url)))
        urls = {"SQLite": f"sqlite:///{folder}/study.db", "PostgreSQL": factory.create_database()}
        click.echo(heading())
        for kind, url in urls.items():
            data = fill(Data(url=url, readers=4, writers=4, refreshers=0))
            app = application(url)
            one, many = requests(runner, app, data)
            database = stack.enter_context(closing(open_database(url)))
            comparisons = [*pools(kind, data, database, many), *statements(kind, data, database, many)]
            if kind == "SQLite":
                comparisons += [*hops(runner, one, many), *origins(runner, many)]
            else:
                comparisons += cursors(data, database, many)
            for comparison in comparisons:
                click.echo(comparison.row())
            click.echo(f"{f'a whole GET of a task, {kind}, {ONE} concurrent':<58} {one:8.1f}")
            click.echo(f"{f'a whole GET of a task, {kind}, {MANY} concurrent':<58} {many:8.1f}\n")
        for line in (*foreign_answers(runner), "", *descriptions(application("memory://").litestar)):
            click.echo(line)


def application(url: str) -> Application:
    """Return the application on a database, without throttling and request log."""
    variables = {"DATABASE_URL": url, "SECRET_KEYS": SECRET, "THROTTLE": "off", "REQUEST_LOG": "off"}
    return create_app(Container(settings=load(variables, None)))


def requests(runner: asyncio.Runner, app: Application, data: Data) -> Sequence[float]:
    """Return the cost of a whole request for a task, alone and with concurrent requests."""
    ((actor, id_, _),) = data.some_tasks(data.reading()[:1], 1)
    scope = scope_of("GET", f"/api/tasks/{id_}/", {"authorization": f"Bearer {token(actor)}"})
    assert runner.run(sent(app, scope))[0] == 200
    return measured(REQUESTS, *(on_loop(runner, lambda: sent(app, scope), number) for number in (ONE, MANY)))


def hops(runner: asyncio.Runner, one: float, many: float) -> Iterator[Comparison]:
    """Run an empty call on a thread and return its result."""
    own, executor, limiter = ThreadRunner(THREADS, "study"), ThreadPoolExecutor(THREADS), CapacityLimiter(THREADS)

    def nothing() -> None: ...

    libraries: dict[str, Callable[[], Any]] = {
        "anyio.to_thread": lambda: to_thread.run_sync(nothing, limiter=limiter),
        "run_in_executor": lambda: asyncio.get_running_loop().run_in_executor(executor, nothing),
    }
    for number, whole in ((ONE, one), (MANY, many)):
        ours = on_loop(runner, lambda: own.run(nothing), number)
        for name, call in libraries.items():
            what = f"a hop to a thread, {number} concurrent; {name}"
            yield compared(what, whole, HOPS, ours, on_loop(runner, call, number))
    own.close()
    executor.shutdown()


def pools(kind: str, data: Data, database: Database, whole: float) -> Iterator[Comparison]:
    """Take a connection from a pool and return it."""

    def lease(open_: Callable[[], AbstractContextManager[object]]) -> Callable[[int], object]:
        def once() -> None:
            with open_():
                pass

        return repeated(once)

    what, ours = f"a lease of a connection, {kind}", lease(database.reading)
    with engine_of(data.url) as engine:
        yield compared(f"{what}; QueuePool", whole, LEASES, ours, lease(lambda: closing(engine.raw_connection())))
    if kind == "SQLite":
        return
    try:
        from psycopg_pool import ConnectionPool
    except ImportError:
        click.echo("psycopg_pool: not installed")
        return
    with ConnectionPool(conninfo(data.url), min_size=1, kwargs={"autocommit": True}, open=True) as pool:
        yield compared(f"{what}; psycopg_pool", whole, LEASES, ours, lease(pool.connection))


def statements(kind: str, data: Data, database: Database, whole: float) -> Iterator[Comparison]:
    """Run statements on an open connection and fetch their rows."""
    reader, writer = data.reading()[0], data.writing()[0]
    ((_, id_, _),) = data.some_tasks([reader], 1)
    edited = cycle([id_ for _, id_, _ in data.some_tasks([writer], PAGE)])

    def edit() -> dict[str, Any]:
        return {"of_id": next(edited), "description": "Changed.", "updated_at": datetime.now(UTC), "version": 2}

    with engine_of(data.url) as engine:
        reads = {"a task by its key": (FIND, {"id": id_}), f"a list of {PAGE}": (LIST, {"user_id": reader.user_id})}
        with database.reading() as own, engine.connect() as core:
            for what, (statement, values) in reads.items():
                ours, theirs = partial(own.rows, statement, values), partial(fetched, core, statement, values)
                assert [tuple(row) for row in ours()] == [tuple(row) for row in theirs()]
                yield compared(f"{what}, {kind}; Core", whole, STATEMENTS, repeated(ours), repeated(theirs))

        def change(number: int) -> None:
            with database.writing() as own:
                for _ in range(number):
                    assert own.change(EDIT, edit()) == 1

        def change_by_core(number: int) -> None:
            with engine.connect() as core:
                core.exec_driver_sql("BEGIN")
                for _ in range(number):
                    assert core.execute(EDIT, edit()).rowcount == 1
                core.exec_driver_sql("COMMIT")

        yield compared(f"an update of a task, {kind}; Core", whole, STATEMENTS, change, change_by_core)


def fetched(connection: Connection, statement: Executable, values: Mapping[str, Any]) -> Sequence[Any]:
    """Run a statement with SQLAlchemy Core."""
    return connection.execute(statement, values).all()


def cursors(data: Data, database: Database, whole: float) -> Iterator[Comparison]:
    """Run a prepared statement with libpq's functions and with a cursor of psycopg."""
    command = str(FIND.compile(dialect=dialects.dialect(paramstyle="numeric_dollar")))  # type: ignore[no-untyped-call]
    ((_, id_, _),) = data.some_tasks(data.reading()[:1], 1)
    with database.reading() as own, psycopg.connect(data.url, autocommit=True) as driver:

        def by_cursor() -> Sequence[Any]:
            with psycopg.RawCursor(driver) as cursor:
                return cursor.execute(command, [id_], prepare=True, binary=True).fetchall()

        ours = partial(own.rows, FIND, {"id": id_})
        assert [tuple(row) for row in ours()] == by_cursor()
        what = "a task by its key, PostgreSQL; psycopg's cursor"
        yield compared(what, whole, STATEMENTS, repeated(ours), repeated(by_cursor))


@contextmanager
def engine_of(url: str) -> Iterator[Engine]:
    """Yield an SQLAlchemy engine. Like ours, its pool sends nothing when a connection is returned."""
    parsed = database_url(url)
    make = sqlite_engine if parsed.drivername == SQLITE else postgresql_engine
    engine = make(parsed, pool_size=THREADS, pool_reset_on_return=None)
    try:
        yield engine
    finally:
        engine.dispose()


if __name__ == "__main__":
    main()
