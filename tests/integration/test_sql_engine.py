"""Connections are set up as they should be, and what goes wrong with them is told in the domain's words."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal, cast

import psycopg
import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, text
from sqlalchemy.dialects.sqlite import pysqlite

from tasktracker.adapters.sql import postgresql, sqlite, statements
from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.database import Database
from tasktracker.adapters.sql.driver import DRIVER_ERRORS
from tasktracker.adapters.sql.engine import database_url as with_driver
from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.fair_lock import FairLock
from tasktracker.adapters.sql.postgresql import PostgresDriver
from tasktracker.adapters.sql.statements import Statements
from tasktracker.domain.kernel.errors import StorageFull, StorageUnavailable
from tests.postgres import PrivatePostgres, with_database

INTEGRITY_ERRORS = (sqlite3.IntegrityError, psycopg.IntegrityError)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'file.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """An empty database of either kind."""
    name = "sqlite_url" if request.param == "sqlite" else "database_url"
    return cast(str, request.getfixturevalue(name))


@contextmanager
def opened(url: str, **options: Any) -> Iterator[Database]:
    database = open_database(url, **options)
    try:
        yield database
    finally:
        database.close()


def value(connection: Connection, statement: str) -> Any:
    return connection.value(text(statement))


def fail(*_: object) -> None:
    raise ZeroDivisionError


def elsewhere(url: str, statement: str) -> list[tuple[Any, ...]]:
    """What a statement gives when somebody else runs it."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement.encode()).fetchall()


# ------------------------------------------------------------------------ URLs


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://user:secret@host/name", "postgresql+psycopg://user:secret@host/name"),
        (
            "postgresql://user@host:5433/name?sslmode=require",
            "postgresql+psycopg://user@host:5433/name?sslmode=require",
        ),
        ("postgresql+psycopg://host/name", "postgresql+psycopg://host/name"),
        ("sqlite:///file.db", "sqlite:///file.db"),
        ("sqlite:////folder/file.db", "sqlite:////folder/file.db"),
        ("sqlite+pysqlite:///file.db", "sqlite:///file.db"),
    ],
)
def test_a_url_is_given_the_driver_in_use(url: str, expected: str) -> None:
    assert with_driver(url).render_as_string(hide_password=False) == expected


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "not a database URL"),
        ("secret", "not a database URL"),
        ("mysql://user:secret@host/name", "mysql:// are not supported"),
        ("postgresql+asyncpg://user:secret@host/name", "asyncpg:// are not supported"),
        ("sqlite://", "must be a file"),
        ("sqlite:///:memory:", "must be a file"),
        ("sqlite:///file:name?mode=memory&uri=true", "must be a file"),
        ("sqlite:///name?mode=memory", "must be a file"),
    ],
)
def test_other_urls_are_refused_and_not_repeated(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        open_database(url)
    assert "secret" not in str(refused.value)


# ---------------------------------------------------------------- set-up: SQLite


def test_sqlite_is_set_up_to_keep_what_it_promises(sqlite_url: str) -> None:
    with opened(sqlite_url) as database:
        with database.writing() as connection:
            assert value(connection, "PRAGMA journal_mode") == "wal"
            assert value(connection, "PRAGMA synchronous") == 2  # FULL
            assert value(connection, "PRAGMA foreign_keys") == 1
            assert value(connection, "PRAGMA busy_timeout") == 5000
            assert value(connection, "PRAGMA query_only") == 0
        with database.reading() as connection:
            assert value(connection, "PRAGMA journal_mode") == "wal"
            assert value(connection, "PRAGMA busy_timeout") == 5000
            assert value(connection, "PRAGMA query_only") == 1


def test_sqlite_readers_cannot_write(sqlite_url: str) -> None:
    with opened(sqlite_url) as database:
        with database.writing() as connection:
            connection.run("CREATE TABLE t (n INTEGER)")
        with database.reading() as connection, pytest.raises(DRIVER_ERRORS, match="readonly"):
            connection.run("INSERT INTO t VALUES (1)")


def test_sqlite_readers_do_not_wait_for_the_writer(sqlite_url: str) -> None:
    with opened(sqlite_url) as database:
        with database.writing() as connection:
            connection.run("CREATE TABLE t (n INTEGER)")
        with database.writing() as connection:
            connection.run("INSERT INTO t VALUES (1)")
            with database.reading() as reading:
                assert value(reading, "SELECT count(*) FROM t") == 0


# ------------------------------------------------------------ set-up: PostgreSQL


def test_a_postgresql_session_is_in_utc_and_waits_for_no_lock_forever(database_url: str) -> None:
    name = elsewhere(database_url, "SELECT current_database()")[0][0]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE \"{name}\" SET TimeZone = 'Asia/Kathmandu'".encode())
    assert elsewhere(database_url, "SHOW TimeZone") == [("Asia/Kathmandu",)]
    with opened(database_url) as database:
        with database.reading() as connection:
            assert value(connection, "SHOW TimeZone") == "UTC"
            assert value(connection, "SHOW lock_timeout") == "5s"
            assert value(connection, "SHOW application_name") == "tasktracker"
        with database.writing() as connection:
            assert value(connection, "SHOW TimeZone") == "UTC"


def test_reading_from_postgresql_begins_no_transaction_and_writing_one(database_url: str) -> None:
    def state(connection: Connection) -> Any:
        pid = value(connection, "SELECT pg_backend_pid()")
        return elsewhere(database_url, f"SELECT state FROM pg_stat_activity WHERE pid = {pid}")[0][0]

    with opened(database_url, pool_size=1) as database:
        for _ in range(2):
            with database.reading() as connection:
                assert state(connection) == "idle"
            with database.writing() as connection:
                assert state(connection) == "idle in transaction"
            with pytest.raises(ZeroDivisionError), database.writing() as connection:
                fail(value(connection, "SELECT 1"))
        with database.reading() as connection:
            assert state(connection) == "idle"


@pytest.mark.parametrize("pooler", [False, True])
def test_nothing_is_prepared_where_a_pooler_stands_between(database_url: str, pooler: bool) -> None:
    with opened(database_url, pooler=pooler) as database, database.reading() as connection:
        for _ in range(10):
            value(connection, "SELECT 7")
        prepared = value(connection, "SELECT count(*) FROM pg_prepared_statements")
        assert bool(prepared) is not pooler


@pytest.mark.parametrize("closes", [True, False])
def test_a_connection_keeps_so_many_statements_prepared_and_no_more(
    database_url: str, monkeypatch: pytest.MonkeyPatch, closes: bool
) -> None:
    """Where libpq can, they are dropped by the protocol: PgBouncer knows its own names only, and no DEALLOCATE."""
    assert postgresql._CAN_CLOSE, "the libpq that psycopg brings along can"
    monkeypatch.setattr(postgresql, "_CAN_CLOSE", closes)
    monkeypatch.setattr(postgresql, "MAX_PREPARED", 3)
    commands: list[str] = []
    run = PostgresDriver.run

    def noting(driver: PostgresDriver, command: str) -> None:
        commands.append(command)
        run(driver, command)

    monkeypatch.setattr(PostgresDriver, "run", noting)
    numbers = Table("numbers", MetaData(), Column("n", Integer))
    statements = [text(f"SELECT {number}") for number in range(5)]
    with opened(database_url, pool_size=1) as database:
        with database.writing() as connection:
            connection.run("CREATE TABLE numbers (n INTEGER)")
        for _ in range(3):
            with database.writing() as connection:
                connection.change_all(insert(numbers), [{"n": 1}, {"n": 2}])
            with database.reading() as connection:
                assert [connection.value(statement) for statement in statements] == list(range(5))
        with database.reading() as connection:
            kept = "SELECT count(*) FROM pg_prepared_statements WHERE name NOT LIKE '_pg3_%'"
            assert value(connection, kept) == 3
            assert value(connection, "SELECT count(*) FROM numbers") == 6
    assert any(command.startswith("DEALLOCATE") for command in commands) is not closes


def test_nothing_but_the_time_zone_stays_where_a_pooler_stands_between(database_url: str) -> None:
    """The next statement may be run by another server process, and what was left at this one meets somebody else."""
    with opened(database_url, pool_size=1, pooler=True) as database:
        with database.writing() as connection:
            value(connection, "SELECT 1")
        with database.snapshot() as connection:
            value(connection, "SELECT 1")
        with pytest.raises(ZeroDivisionError), database.writing() as connection:
            fail(value(connection, "SELECT 1"))
        with database.reading() as connection:
            changed = "SELECT string_agg(name || ' = ' || setting, ', ') FROM pg_settings WHERE source = 'session'"
            assert value(connection, changed) == "TimeZone = UTC"
            for left in (
                "pg_prepared_statements",
                "pg_cursors WHERE name <> ''",
                "pg_listening_channels()",
                "pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'",
            ):
                assert value(connection, f"SELECT count(*) FROM {left}") == 0, left


def test_a_statement_is_compiled_once_and_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    compiling = Statements(pysqlite.dialect())
    monkeypatch.setattr(statements, "MAX_CACHED", 3)
    kept = text("SELECT :n")
    assert compiling.compiled(kept, {"n": 1}) is compiling.compiled(kept, {"n": 2})
    for number in range(10):
        compiling.compiled(text(f"SELECT {number}"), {})
        assert len(compiling._cache) <= 3


# ------------------------------------------------------------------ transactions


def test_what_is_written_stands_after_leaving_normally_only(url: str) -> None:
    with opened(url) as database:
        with database.writing() as connection:
            connection.run("CREATE TABLE t (n INTEGER)")
        with pytest.raises(ZeroDivisionError), database.writing() as connection:
            fail(connection.change(text("INSERT INTO t VALUES (1)")))
        with database.writing() as connection:
            connection.run("INSERT INTO t VALUES (2)")
        with database.reading() as connection:
            assert value(connection, "SELECT sum(n) FROM t") == 2


def test_other_errors_stay_what_they_are(url: str) -> None:
    with opened(url) as database:
        with pytest.raises(DRIVER_ERRORS, match="nowhere"), database.reading() as connection:
            value(connection, "SELECT * FROM nowhere")
        with pytest.raises(DRIVER_ERRORS, match="nowhere"), database.writing() as connection:
            value(connection, "SELECT * FROM nowhere")
        with database.writing() as connection:
            assert value(connection, "SELECT 1") == 1


@pytest.mark.parametrize("pooler", [False, True])
def test_of_many_changes_one_that_fails_undoes_all(url: str, pooler: bool) -> None:
    add = text("INSERT INTO t VALUES (:n)")
    with opened(url, pooler=pooler) as database:
        with database.writing() as connection:
            connection.run("CREATE TABLE t (n INTEGER PRIMARY KEY)")
        many = [{"n": number} for number in range(70)]
        with pytest.raises(INTEGRITY_ERRORS), database.writing() as connection:
            connection.change_all(add, [*many, {"n": 42}])
        with database.writing() as connection:
            assert value(connection, "SELECT count(*) FROM t") == 0
            connection.change_all(add, many)
            assert value(connection, "SELECT count(*) FROM t") == 70


# ------------------------------------------------------------ waiting for a turn


def test_whoever_gets_no_connection_in_time_is_told(url: str) -> None:
    with opened(url, pool_size=1, pool_timeout=0.05) as database:
        with database.reading(), pytest.raises(StorageUnavailable), database.reading():
            pass
        with database.reading() as connection:
            assert value(connection, "SELECT 1") == 1


def test_whoever_gets_no_turn_at_writing_in_time_is_told(sqlite_url: str) -> None:
    with opened(sqlite_url, pool_timeout=0.05) as database:
        with database.writing():
            with pytest.raises(StorageUnavailable), database.writing():
                pass
            with database.reading() as connection:
                assert value(connection, "SELECT 1") == 1
        with database.writing() as connection:
            assert value(connection, "SELECT 1") == 1


def test_sqlite_being_written_by_another_process_is_unavailable(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    with opened(sqlite_url) as database:
        with database.writing() as connection:
            connection.run("CREATE TABLE t (n INTEGER)")
        with closing(sqlite3.connect(with_driver(sqlite_url).database or "", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageUnavailable), database.writing():
                pass
            with database.reading() as connection:
                assert value(connection, "SELECT count(*) FROM t") == 0
            other.execute("COMMIT")
        with database.writing() as connection:
            connection.run("INSERT INTO t VALUES (1)")


def test_a_new_sqlite_file_that_others_read_is_still_set_up(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = sqlite3.connect(with_driver(sqlite_url).database or "", isolation_level=None, check_same_thread=False)
    with closing(other):
        other.execute("CREATE TABLE t (n INTEGER)")
        other.execute("BEGIN")
        other.execute("SELECT * FROM t").fetchall()
        with monkeypatch.context() as impatient, opened(sqlite_url) as database:
            impatient.setattr(sqlite, "BUSY_SECONDS", 0.05)
            with pytest.raises(StorageUnavailable), database.writing():
                pass
        reader = threading.Timer(0.2, other.execute, ["COMMIT"])
        reader.start()
        with opened(sqlite_url) as database, database.writing() as connection:
            assert value(connection, "PRAGMA journal_mode") == "wal"
        reader.join()


def test_forty_threads_take_turns_at_writing(sqlite_url: str) -> None:
    turns = 10
    written: list[int] = []
    together = threading.Barrier(40)
    with opened(sqlite_url) as database:
        with database.writing() as connection:
            connection.run("CREATE TABLE t (n INTEGER)")

        def write(number: int) -> None:
            together.wait()
            for _ in range(turns):
                with database.writing() as connection:
                    connection.change(text("INSERT INTO t VALUES (:number)"), {"number": number})
                written.append(number)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with database.reading() as connection:
            assert value(connection, "SELECT count(*) FROM t") == 40 * turns
    # By the time the first is done with all its turns, everybody has had most of theirs.
    first_done = next(place for place in range(len(written)) if written[: place + 1].count(written[place]) == turns)
    assert first_done > 40 * (turns - 2)


def test_turns_come_in_the_order_of_asking() -> None:
    turns = FairLock()
    served: list[int] = []
    assert turns.acquire(0)

    def wait(number: int) -> None:
        assert turns.acquire(30)
        served.append(number)
        turns.release()

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(5)]
    for number, thread in enumerate(threads):
        thread.start()
        until(lambda number=number: len(turns._waiting) == number + 1)  # type: ignore[misc]
    assert not turns.acquire(0.01)
    turns.release()
    for thread in threads:
        thread.join()
    assert served == [0, 1, 2, 3, 4]
    assert turns.acquire(0)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


# --------------------------------------------------------------- databases in need


def test_a_full_sqlite_says_so(sqlite_url: str) -> None:
    with opened(sqlite_url) as database:
        with database.writing() as connection:
            connection.run("CREATE TABLE t (b BLOB)")
            pages = value(connection, "PRAGMA page_count")
            connection.run(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(StorageFull), database.writing() as connection:
            connection.run("INSERT INTO t VALUES (zeroblob(1000000))")
        with database.writing() as connection:
            connection.run("INSERT INTO t VALUES (zeroblob(10))")
            assert value(connection, "SELECT count(*) FROM t") == 1


def test_an_sqlite_file_in_no_folder_is_unavailable(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'nowhere' / 'file.db'}") as database:
        with pytest.raises(StorageUnavailable), database.reading():
            pass
        with pytest.raises(StorageUnavailable), database.writing():
            pass


def test_waiting_for_a_lock_of_postgresql_comes_to_an_end(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "LOCK_TIMEOUT", "50ms")
    with opened(database_url) as database:
        with database.writing() as connection:
            connection.run("CREATE TABLE t (n INTEGER)")
        with psycopg.connect(database_url) as other:
            other.execute("LOCK TABLE t")
            with pytest.raises(StorageUnavailable), database.writing() as connection:
                connection.run("INSERT INTO t VALUES (1)")
        with database.reading() as connection:
            assert value(connection, "SELECT count(*) FROM t") == 0


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("08006", StorageUnavailable),
        ("08P01", StorageUnavailable),  # says PgBouncer when PostgreSQL is gone, or all its connections are in use
        ("40001", StorageUnavailable),
        ("40P01", StorageUnavailable),
        ("53100", StorageFull),
        ("53300", StorageUnavailable),
        ("55P03", StorageUnavailable),
        ("57014", StorageUnavailable),
        ("57P01", StorageUnavailable),
        ("57P03", StorageUnavailable),
        ("22012", DRIVER_ERRORS),
        ("42501", DRIVER_ERRORS),
    ],
)
def test_states_of_postgresql_have_their_meanings(database_url: str, state: str, expected: type[Exception]) -> None:
    raising = f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$"
    with opened(database_url) as database:
        with pytest.raises(expected), database.writing() as connection:
            connection.run(raising)
        with pytest.raises(expected), database.reading() as connection:
            connection.run(raising)
        with database.writing() as connection:
            assert value(connection, "SELECT 1") == 1


# ------------------------------------------------------------ servers that go away


def test_a_connection_that_is_cut_costs_one_work(database_url: str) -> None:
    with opened(database_url, pool_size=1) as database:
        for _ in range(2):
            with pytest.raises(StorageUnavailable), database.writing() as connection:
                value(cut(database_url, connection), "SELECT 1")
            with pytest.raises(StorageUnavailable), database.reading() as connection:
                value(cut(database_url, connection), "SELECT 1")
            with pytest.raises(StorageUnavailable), database.writing() as connection:
                cut(database_url, connection)  # and only committing finds out
            with database.reading() as connection:
                assert value(connection, "SELECT 1") == 1
                assert value(connection, "SELECT now() < clock_timestamp()"), "a statement stands for itself"


def test_a_connection_cut_while_idle_costs_nothing(database_url: str) -> None:
    with opened(database_url, pool_size=3) as database:
        with database.reading() as first, database.reading() as second, database.reading() as third:
            pids = [value(connection, "SELECT pg_backend_pid()") for connection in (first, second, third)]
        for pid in pids:
            elsewhere(database_url, f"SELECT pg_terminate_backend({pid}, 10000)")
        with database.writing() as first, database.reading() as second, database.reading() as third:
            for connection in (first, second, third):
                assert value(connection, "SELECT pg_backend_pid()") not in pids


def test_a_connection_that_is_cut_has_the_idle_ones_replaced(database_url: str) -> None:
    with opened(database_url, pool_size=2) as database:
        with database.reading() as first:
            with database.reading() as second:
                pid = value(second, "SELECT pg_backend_pid()")
            cut(database_url, first)
            with pytest.raises(StorageUnavailable):
                value(first, "SELECT 1")
        with database.reading() as first, database.reading() as second:
            for connection in (first, second):
                assert value(connection, "SELECT pg_backend_pid()") != pid


def test_many_changes_on_a_connection_that_is_cut_are_unavailable(database_url: str) -> None:
    with opened(database_url, pool_size=1) as database:
        with database.writing() as connection:
            connection.run("CREATE TABLE t (n INTEGER)")
        with pytest.raises(StorageUnavailable), database.writing() as connection:
            cut(database_url, connection).change_all(text("INSERT INTO t VALUES (:n)"), [{"n": 1}, {"n": 2}])
        with database.reading() as connection:
            assert value(connection, "SELECT count(*) FROM t") == 0


def test_a_connection_left_in_the_middle_of_something_is_given_to_nobody(url: str) -> None:
    with opened(url, pool_size=1) as database:
        with database.reading() as connection:
            left = connection.driver
            connection.run("BEGIN")
        with database.reading() as connection:
            ended = connection.driver
            assert ended is not left
            connection.run("BEGIN")
            connection.rollback()
        with database.reading() as connection:
            assert connection.driver is ended


def test_a_connection_given_back_after_closing_is_closed(url: str) -> None:
    database = open_database(url)
    with database.reading() as connection:
        driver = connection.driver
        assert value(connection, "SELECT 1") == 1
        database.close()
        assert value(connection, "SELECT 1") == 1
    with pytest.raises(DRIVER_ERRORS):
        driver.run("SELECT 1")


def test_a_connection_does_nothing_once_its_driver_went_back(url: str) -> None:
    """Nor from another thread: by then the driver may serve another unit of work."""
    with opened(url, pool_size=1) as database:
        with database.writing() as connection:
            connection.run("CREATE TABLE t (n INTEGER)")
        add = text("INSERT INTO t VALUES (:n)")
        uses: list[Callable[[], object]] = [
            lambda: connection.rows(text("SELECT n FROM t")),
            lambda: connection.value(text("SELECT n FROM t")),
            lambda: connection.change(add, {"n": 1}),
            lambda: connection.change_all(add, [{"n": 1}]),
            lambda: connection.change_returning(add, {"n": 1}),
            lambda: connection.run("INSERT INTO t VALUES (1)"),
            connection.rollback,
        ]
        with database.writing() as other, ThreadPoolExecutor(1) as thread:
            for use in uses:
                error = thread.submit(use).exception(10)
                assert isinstance(error, RuntimeError)
                assert str(error) == "This unit of work is closed."
            assert value(other, "SELECT count(*) FROM t") == 0


def test_a_connection_for_reading_changes_nothing(url: str) -> None:
    with opened(url) as database:
        with database.writing() as connection:
            connection.run("CREATE TABLE t (n INTEGER)")
        add = text("INSERT INTO t VALUES (:n)")
        with database.reading() as connection:
            for change in (
                lambda: connection.change(add, {"n": 1}),
                lambda: connection.change_all(add, [{"n": 1}]),
                lambda: connection.change_returning(add, {"n": 1}),
            ):
                with pytest.raises(RuntimeError, match="opened for reading only"):
                    change()
            assert value(connection, "SELECT count(*) FROM t") == 0


def cut(url: str, connection: Connection) -> Connection:
    pid = value(connection, "SELECT pg_backend_pid()")
    elsewhere(url, f"SELECT pg_terminate_backend({pid}, 10000)")
    return connection


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_server_that_comes_back_is_used_again(
    private_postgres: PrivatePostgres, mode: Literal["fast", "immediate"]
) -> None:
    url = private_postgres.url
    with opened(url, pool_size=2) as database:
        with database.reading() as first, database.reading() as second:
            assert value(first, "SELECT 1") == value(second, "SELECT 1") == 1
            private_postgres.stop(mode)
            for connection in (first, second):
                with pytest.raises(StorageUnavailable):
                    value(connection, "SELECT 1")
        # More often than there are connections: none may be lost to a failure.
        for _ in range(5):
            with pytest.raises(StorageUnavailable), database.reading():
                pass
            with pytest.raises(StorageUnavailable), database.writing():
                pass
        private_postgres.start()
        for _ in range(3):
            with database.writing() as first, database.reading() as second:
                assert value(first, "SELECT 1") == value(second, "SELECT 1") == 1


def test_a_database_that_does_not_exist_is_unavailable(postgres_server: str) -> None:
    with (
        opened(with_database(postgres_server, "no_such_database")) as database,
        pytest.raises(StorageUnavailable),
        database.reading(),
    ):
        pass
