"""Connections have the right settings, and their errors are raised as domain errors."""

from __future__ import annotations

import errno
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy import Column, Integer, MetaData, Table, bindparam, column, insert, select, text
from sqlalchemy.dialects.sqlite import pysqlite

from tasktracker.adapters.sql import postgresql, statements
from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.database import Database
from tasktracker.adapters.sql.driver import DRIVER_ERRORS
from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.fair_lock import FairLock
from tasktracker.adapters.sql.postgresql import PostgresDriver
from tasktracker.adapters.sql.sqlite import switch_to_wal
from tasktracker.adapters.sql.statements import Statements
from tasktracker.adapters.sql.urls import database_url as with_driver
from tasktracker.adapters.sql.violations import READ_ONLY, explain, unavailable
from tasktracker.domain.kernel import deadline
from tasktracker.domain.kernel.deadline import Deadline
from tasktracker.domain.kernel.errors import StorageFull, StorageUnavailable
from tests.contracts.base import BackgroundCall, race
from tests.frozen_network import FrozenNetwork
from tests.postgres import PrivatePostgres, with_database
from tests.waiting import PATIENCE, wait_until

INTEGRITY_ERRORS = (sqlite3.IntegrityError, psycopg.IntegrityError)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'file.db'}"


def existing(url: str) -> str:
    """Create an SQLite file, if its folder exists."""
    file = Path(with_driver(url).database or "")
    if url.startswith("sqlite:") and file.parent.exists():
        file.touch()
    return url


@contextmanager
def opened(url: str, **options: Any) -> Iterator[Database]:
    database = open_database(existing(url), **{"revision": None, **options})
    try:
        yield database
    finally:
        database.close()


def value(connection: Connection, statement: str) -> Any:
    return connection.value(text(statement))


def fail(*_: object) -> None:
    raise ZeroDivisionError


def elsewhere(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement on another connection."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement.encode()).fetchall()


# ---------------------------------------------------------------- set-up: SQLite


def test_sqlite_is_configured_for_durability(sqlite_url: str) -> None:
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
    with opened(sqlite_url, wait_seconds=0.3) as database, database.reading() as connection:
        assert value(connection, "PRAGMA busy_timeout") == 300


def test_sqlite_readers_cannot_write(sqlite_url: str) -> None:
    with opened(sqlite_url) as database:
        with database.writing() as connection:
            connection.run("CREATE TABLE t (n INTEGER)")
        with database.reading() as connection, pytest.raises(StorageUnavailable, match="read-only"):
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


def test_a_postgresql_session_uses_utc_and_a_lock_timeout(database_url: str) -> None:
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


def test_on_postgresql_only_writing_opens_a_transaction(database_url: str) -> None:
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
def test_with_a_pooler_no_statement_is_prepared(database_url: str, pooler: bool) -> None:
    with opened(database_url, pooler=pooler) as database, database.writing() as connection:
        connection.run("CREATE TABLE t (n INTEGER)")
        connection.change_all(text("INSERT INTO t VALUES (:n)"), [{"n": number} for number in range(10)])
        for _ in range(10):
            value(connection, "SELECT 7")
        prepared = value(connection, "SELECT count(*) FROM pg_prepared_statements")
        assert bool(prepared) is not pooler


@pytest.mark.parametrize("closes", [True, False])
def test_the_number_of_prepared_statements_is_limited(
    database_url: str, monkeypatch: pytest.MonkeyPatch, closes: bool
) -> None:
    """A recent libpq drops statements by the protocol: PgBouncer renames them and does not support DEALLOCATE."""
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


def test_with_a_pooler_a_session_keeps_only_its_time_zone(database_url: str) -> None:
    """The next statement may run in another server process, and another client may use this process."""
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


def test_the_number_of_compiled_statements_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    compiling = Statements(pysqlite.dialect())
    monkeypatch.setattr(statements, "MAX_CACHED", 3)
    kept = text("SELECT :n")
    assert compiling.compiled(kept, {"n": 1}) is compiling.compiled(kept, {"n": 2})
    for number in range(10):
        compiling.compiled(text(f"SELECT {number}"), {})
        assert len(compiling._cache) <= 3


def test_a_list_may_have_another_length_each_time(url: str) -> None:
    n = column("n", Integer)
    statement = select(n).select_from(text("t")).where(n.in_(bindparam("numbers", expanding=True)))
    with opened(url) as database:
        with database.writing() as connection:
            connection.run("CREATE TABLE t (n INTEGER)")
            connection.change_all(text("INSERT INTO t VALUES (:n)"), [{"n": number} for number in range(5)])
        with database.reading() as connection:
            for numbers in ([1, 2], list[int](), [4, 0, 3], [2, 1], [0]):
                assert sorted(found for (found,) in connection.rows(statement, {"numbers": numbers})) == sorted(numbers)


# ------------------------------------------------------------------ transactions


def test_a_failed_transaction_is_rolled_back(url: str) -> None:
    with opened(url) as database:
        with database.writing() as connection:
            connection.run("CREATE TABLE t (n INTEGER)")
        with pytest.raises(ZeroDivisionError), database.writing() as connection:
            fail(connection.change(text("INSERT INTO t VALUES (1)")))
        with database.writing() as connection:
            connection.run("INSERT INTO t VALUES (2)")
        with database.reading() as connection:
            assert value(connection, "SELECT sum(n) FROM t") == 2


def test_other_errors_are_raised_unchanged(url: str) -> None:
    with opened(url) as database:
        with pytest.raises(DRIVER_ERRORS, match="nowhere"), database.reading() as connection:
            value(connection, "SELECT * FROM nowhere")
        with pytest.raises(DRIVER_ERRORS, match="nowhere"), database.writing() as connection:
            value(connection, "SELECT * FROM nowhere")
        with database.writing() as connection:
            assert value(connection, "SELECT 1") == 1


@pytest.mark.parametrize("pooler", [False, True])
def test_a_failed_change_rolls_back_its_batch(url: str, pooler: bool) -> None:
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


# ------------------------------------------------------------ waiting


def test_waiting_for_a_connection_times_out(url: str) -> None:
    with opened(url, pool_size=1, wait_seconds=0.5) as database:
        with database.reading(), pytest.raises(StorageUnavailable), database.reading():
            pass
        with database.reading() as connection:
            assert value(connection, "SELECT 1") == 1


def test_the_connections_in_use_are_counted(url: str) -> None:
    with opened(url) as database:
        counts = [database.in_use]
        with database.reading():
            counts.append(database.in_use)
            with database.writing():
                counts.append(database.in_use)
        assert [*counts, database.in_use] == [0, 1, 2, 0]


def test_the_connection_that_was_used_last_is_used_first(url: str) -> None:
    with opened(url) as database:
        with database.reading() as last, database.reading():
            expected = last.driver
        with database.reading() as connection:
            assert connection.driver is expected


def test_waiting_to_write_times_out(sqlite_url: str) -> None:
    with opened(sqlite_url, wait_seconds=0.5) as database:
        with database.writing():
            with pytest.raises(StorageUnavailable), database.writing():
                pass
            with database.reading() as connection:
                assert value(connection, "SELECT 1") == 1
        with database.writing() as connection:
            assert value(connection, "SELECT 1") == 1


def test_sqlite_being_written_by_another_process_is_unavailable(sqlite_url: str) -> None:
    with opened(sqlite_url, wait_seconds=0.5) as database:
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


def test_a_new_sqlite_file_is_set_up_while_another_process_reads_it(sqlite_url: str) -> None:
    other = sqlite3.connect(with_driver(sqlite_url).database or "", isolation_level=None, check_same_thread=False)
    with closing(other):
        other.execute("CREATE TABLE t (n INTEGER)")
        other.execute("BEGIN")
        other.execute("SELECT * FROM t").fetchall()
        with (
            opened(sqlite_url, wait_seconds=0.5) as database,
            pytest.raises(StorageUnavailable),
            database.writing(),
        ):
            pass
        reader = threading.Timer(0.2, other.execute, ["COMMIT"])
        reader.start()
        with opened(sqlite_url) as database, database.writing() as connection:
            assert value(connection, "PRAGMA journal_mode") == "wal"
        reader.join()


@pytest.mark.parametrize(("code", "left"), [(sqlite3.SQLITE_BUSY, 0), (sqlite3.SQLITE_CANTOPEN, 1)])
def test_setting_wal_mode_is_repeated_while_another_connection_sets_it(tmp_path: Path, code: int, left: int) -> None:
    error = sqlite3.OperationalError("refused")
    error.sqlite_errorcode = code
    refusals = [error, error]

    class Refusing(sqlite3.Connection):
        def execute(self, statement: str, *more: Any) -> sqlite3.Cursor:
            if "journal_mode" in statement and refusals:
                raise refusals.pop()
            return super().execute(statement, *more)

    with closing(sqlite3.connect(tmp_path / "new.db", factory=Refusing)) as connection:
        with suppress(sqlite3.OperationalError):
            switch_to_wal(connection, PATIENCE)
        assert len(refusals) == left
        refusals.clear()
        assert (connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)) is (left == 0)


def test_forty_threads_take_turns_at_writing(sqlite_url: str) -> None:
    turns = 10
    written: list[int] = []
    waiting: set[int] = set()
    with opened(sqlite_url) as database:
        with database.writing() as connection:
            connection.run("CREATE TABLE t (n INTEGER)")

        def write(number: int) -> None:
            waiting.add(number)
            for _ in range(turns):
                with database.writing() as connection:
                    wait_until(lambda: len(waiting) == 40, "a thread does not start")  # before the first one goes on
                    connection.change(text("INSERT INTO t VALUES (:number)"), {"number": number})
                    written.append(number)

        race(*(partial(write, number) for number in range(40)))
        with database.reading() as connection:
            assert value(connection, "SELECT count(*) FROM t") == 40 * turns
    # When the first thread has had all its turns, the others have had most of their turns: a busy machine may stop some
    # of them before they queue again. With an unfair lock, the first thread ends after only a few turns of the others.
    first_done = next(place for place in range(len(written)) if written[: place + 1].count(written[place]) == turns)
    assert first_done > 40 * turns / 2


def test_turns_are_given_in_order_of_request() -> None:
    turns = FairLock()
    served: list[int] = []
    assert turns.acquire(0)

    def wait(number: int) -> None:
        assert turns.acquire(PATIENCE)
        served.append(number)
        turns.release()

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(5)]
    for number, thread in enumerate(threads):
        thread.start()
        wait_until(lambda count=number + 1: len(turns._waiting) == count, "a thread does not wait")  # type: ignore[misc]
    assert not turns.acquire(0.01)
    turns.release()
    for thread in threads:
        thread.join()
    assert served == [0, 1, 2, 3, 4]
    assert turns.acquire(0)


# --------------------------------------------------------------- full and locked databases


def test_a_full_sqlite_database_raises_storage_full(sqlite_url: str) -> None:
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


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BUSY_SNAPSHOT", StorageUnavailable),
        ("LOCKED", StorageUnavailable),
        ("INTERRUPT", StorageUnavailable),
        ("IOERR_FSYNC", StorageUnavailable),
        ("CANTOPEN", StorageUnavailable),
        ("PROTOCOL", StorageUnavailable),
        ("PERM", StorageUnavailable),
        ("CORRUPT", StorageUnavailable),
        ("NOTADB", StorageUnavailable),
        ("READONLY_DBMOVED", StorageUnavailable),
        ("FULL", StorageFull),
        ("CONSTRAINT_UNIQUE", type(None)),
        ("ERROR", type(None)),
    ],
)
def test_codes_of_sqlite_have_their_meanings(name: str, expected: type[object]) -> None:
    error = sqlite3.OperationalError("a message")
    error.sqlite_errorcode = getattr(sqlite3, f"SQLITE_{name}")
    found = unavailable(error, is_lost=False)
    assert type(found) is expected
    if isinstance(found, StorageUnavailable):
        assert (found.detail == READ_ONLY, found.reason) == (name.startswith("READONLY"), explain(error))


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("server does not support SSL, but SSL was required", "Correct `sslmode`"),
        ('password authentication failed for user "x"', "Correct the user or the password"),
        ('role "x" does not exist', "Create it"),
        ("no pg_hba.conf entry", "Allow the connection"),
        ("permission denied for table tasks", "Grant the rights"),
        ("attempt to write a readonly database", "Correct the database's settings"),
        ("cannot execute INSERT in a read-only transaction", "Correct the database's settings"),
        ("file is not a database", "Correct DATABASE_URL, or restore a backup"),
        ("database is locked", "Stop the server"),
        ("Is the server running?", "Check that the database runs"),
        ("refused.", "Check that the database runs"),
    ],
)
def test_an_error_is_explained_with_advice(message: str, advice: str) -> None:
    end = "" if message.endswith(("?", ".")) else "."
    assert explain(OSError(f"it failed:\n  {message}")).startswith(f"it failed: {message}{end} {advice}")


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_a_process_without_descriptors_cannot_use_the_database(number: int) -> None:
    assert type(unavailable(OSError(number, "a message"), is_lost=False)) is StorageUnavailable


def test_an_sqlite_file_that_was_replaced_is_unavailable(sqlite_url: str, tmp_path: Path) -> None:
    with opened(sqlite_url) as database:
        opens = (database.reading, database.snapshot, database.writing)
        for each in opens:
            with each():
                pass
        (tmp_path / "other.db").touch()
        (tmp_path / "other.db").rename(tmp_path / "file.db")
        for each in opens:
            with pytest.raises(StorageUnavailable, match="replaced"), each():
                pass
        with pytest.raises(StorageUnavailable, match="replaced"):
            database.check()


def test_an_sqlite_file_in_no_folder_is_unavailable(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'nowhere' / 'file.db'}") as database:
        with pytest.raises(StorageUnavailable), database.reading():
            pass
        with pytest.raises(StorageUnavailable), database.writing():
            pass


def test_waiting_for_a_lock_of_postgresql_times_out(database_url: str) -> None:
    with opened(database_url, wait_seconds=0.5) as database:
        with database.writing() as connection:
            connection.run("CREATE TABLE t (n INTEGER)")
        with psycopg.connect(database_url) as other:
            other.execute("LOCK TABLE t")
            with pytest.raises(StorageUnavailable), database.writing() as connection:
                connection.run("INSERT INTO t VALUES (1)")
        with database.reading() as connection:
            assert value(connection, "SELECT count(*) FROM t") == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda connection: connection.run("SELECT 1"),
        lambda connection: connection.rows(text("SELECT * FROM t")),
        lambda connection: connection.change(text("INSERT INTO t VALUES (:n)"), {"n": 1}),
        lambda connection: connection.change_all(text("INSERT INTO t VALUES (:n)"), [{"n": 1}, {"n": 2}]),
    ],
    ids=["run", "rows", "change", "change_all"],
)
def test_waiting_for_an_answer_of_postgresql_times_out(database_url: str, call: Callable[[Connection], object]) -> None:
    port = urlsplit(database_url).port
    assert port is not None
    with FrozenNetwork(port) as network:
        url = database_url.replace(f":{port}/", f":{network.port}/")
        with opened(url, wait_seconds=5) as database:
            with database.writing() as connection:
                connection.run("CREATE TABLE t (n INTEGER)")

            def write() -> None:
                deadline.set_current(Deadline(time.monotonic() + 0.3))
                with database.writing() as connection:
                    network.is_frozen = True
                    call(connection)

            writing = BackgroundCall(write)
            assert writing.wait(PATIENCE), "the call does not end"
            with pytest.raises(StorageUnavailable):
                writing.result()


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("08006", StorageUnavailable),
        ("25P03", StorageUnavailable),
        ("25P04", StorageUnavailable),
        ("08P01", StorageUnavailable),  # from PgBouncer when PostgreSQL is down or all connections are in use
        ("40001", StorageUnavailable),
        ("40P01", StorageUnavailable),
        ("53100", StorageFull),
        ("53300", StorageUnavailable),
        ("55P03", StorageUnavailable),
        ("57014", StorageUnavailable),
        ("57P01", StorageUnavailable),
        ("57P03", StorageUnavailable),
        ("22012", DRIVER_ERRORS),
        ("25006", StorageUnavailable),  # in a standby
        ("42501", StorageUnavailable),
    ],
)
def test_states_of_postgresql_have_their_meanings(database_url: str, state: str, expected: type[Exception]) -> None:
    raising = f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$"
    with opened(database_url) as database:
        for open_ in (database.writing, database.reading):
            with pytest.raises(expected) as raised, open_() as connection:
                connection.run(raising)
            if isinstance(raised.value, StorageUnavailable):
                assert raised.value.detail == READ_ONLY or state != "25006"
                assert (raised.value.reason or "").startswith("x ")
        with database.writing() as connection:
            assert value(connection, "SELECT 1") == 1


# ------------------------------------------------------------ lost connections


def test_a_lost_connection_fails_one_unit_of_work(database_url: str) -> None:
    with opened(database_url, pool_size=1) as database:
        for _ in range(2):
            with pytest.raises(StorageUnavailable), database.writing() as connection:
                value(cut(database_url, connection), "SELECT 1")
            with pytest.raises(StorageUnavailable), database.reading() as connection:
                value(cut(database_url, connection), "SELECT 1")
            with pytest.raises(StorageUnavailable), database.writing() as connection:
                cut(database_url, connection)  # noticed by the commit
            with database.reading() as connection:
                assert value(connection, "SELECT 1") == 1
                assert value(connection, "SELECT now() < clock_timestamp()"), "a statement stands for itself"


def test_a_lost_idle_connection_is_replaced(database_url: str) -> None:
    with opened(database_url, pool_size=3) as database:
        with database.reading() as first, database.reading() as second, database.reading() as third:
            pids = [value(connection, "SELECT pg_backend_pid()") for connection in (first, second, third)]
        for pid in pids:
            elsewhere(database_url, f"SELECT pg_terminate_backend({pid}, 10000)")
        with database.writing() as first, database.reading() as second, database.reading() as third:
            for connection in (first, second, third):
                assert value(connection, "SELECT pg_backend_pid()") not in pids


def test_a_lost_connection_makes_the_pool_replace_idle_ones(database_url: str) -> None:
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


def test_a_batch_on_a_lost_connection_is_unavailable(database_url: str) -> None:
    with opened(database_url, pool_size=1) as database:
        with database.writing() as connection:
            connection.run("CREATE TABLE t (n INTEGER)")
        with pytest.raises(StorageUnavailable), database.writing() as connection:
            cut(database_url, connection).change_all(text("INSERT INTO t VALUES (:n)"), [{"n": 1}, {"n": 2}])
        with database.reading() as connection:
            assert value(connection, "SELECT count(*) FROM t") == 0


def test_a_connection_with_an_open_transaction_is_not_reused(url: str) -> None:
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


def test_a_connection_returned_after_closing_is_closed(url: str) -> None:
    database = open_database(existing(url))
    with database.reading() as connection:
        driver = connection.driver
        assert value(connection, "SELECT 1") == 1
        database.close()
        assert value(connection, "SELECT 1") == 1
    with pytest.raises(DRIVER_ERRORS):
        driver.run("SELECT 1")


def test_a_closed_connection_refuses_every_call(url: str) -> None:
    """Also from another thread: the driver may serve another unit of work."""
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
                error = thread.submit(use).exception(PATIENCE)
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
def test_a_restarted_database_is_used_again(
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
        # More often than the pool has connections: a failure must not lose one.
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
