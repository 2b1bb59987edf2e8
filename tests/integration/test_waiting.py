"""No call waits for a database after its deadline, for any cause of the delay."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from contextvars import copy_context
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text

from tasktracker.adapters.events.postgresql import PostgresChangeNotifier
from tasktracker.adapters.sql import bounded, postgresql
from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.database import Database
from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.violations import is_lock_timeout
from tasktracker.domain.kernel import deadline
from tasktracker.domain.kernel.deadline import Deadline
from tasktracker.domain.kernel.errors import StorageUnavailable
from tests.frozen_network import FrozenNetwork
from tests.http import migrated
from tests.waiting import PATIENCE, wait_until

Result = TypeVar("Result")
SECONDS = 0.4
"""The deadline of the calls."""
MARGIN = 1.0
"""What a call may take longer, as a request may."""


def timed(call: Callable[[], Result]) -> Result:
    """Call with a deadline, and require that it keeps it."""
    context = copy_context()
    start = time.monotonic()
    context.run(deadline.set_current, Deadline(start + SECONDS))
    try:
        return context.run(call)
    finally:
        assert time.monotonic() - start < SECONDS + MARGIN


@contextmanager
def opened(url: str, **options: Any) -> Iterator[Database]:
    """Open a database without a schema. Create an SQLite file."""
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).touch()
    with closing(open_database(url, revision=None, **options)) as database:
        yield database


@contextmanager
def frozen(url: str) -> Iterator[tuple[FrozenNetwork, str]]:
    """Yield a network to the server of a URL, and the URL through it."""
    parts = urlsplit(url)
    assert parts.port is not None
    with FrozenNetwork(parts.port) as network:
        yield network, url.replace(f":{parts.port}/", f":{network.port}/")


def write(database: Database, statement: str, before: Callable[[Connection], None] = lambda _: None) -> None:
    with database.writing() as connection:
        connection.run(statement)
        before(connection)


def count_rows(database: Database) -> int:
    with database.reading() as connection:
        number: int = connection.value(text("SELECT count(*) FROM t"))
    return number


# ------------------------------------------------------------- a database that does not answer


@pytest.mark.parametrize("moment", ["connect", "read", "write", "write many", "commit"])
def test_a_network_that_passes_nothing_holds_no_call(database_url: str, moment: str) -> None:
    def freeze(_: object = None) -> None:
        network.is_frozen = True

    def write_many(connection: Connection) -> None:
        freeze()
        connection.change_all(text("INSERT INTO t VALUES (:n)"), [{"n": 1}] * 1000)

    with frozen(database_url) as (network, url), opened(url, wait_seconds=30) as database:
        write(database, "CREATE TABLE t (n INTEGER)")
        insert = "INSERT INTO t VALUES (1)"
        calls: dict[str, Callable[[], object]] = {
            "connect": lambda: count_rows(database),
            "read": lambda: count_rows(database),
            "write": lambda: write(database, insert),
            "write many": lambda: write(database, insert, write_many),
            "commit": lambda: write(database, insert, freeze),
        }
        if moment == "connect":
            database.close()  # so that the next call connects
        if moment in ("connect", "read", "write"):
            freeze()
        with pytest.raises(StorageUnavailable):
            timed(calls[moment])
        network.is_frozen = False
        # No connection is lost for the pool, and nothing was written.
        for _ in range(12):
            assert count_rows(database) in ((0, 1) if moment == "commit" else (0,))


def test_a_transaction_that_has_passed_its_deadline_does_not_commit(url: str) -> None:
    with opened(url) as database:
        write(database, "CREATE TABLE t (n INTEGER)")

        def dawdle(connection: Connection) -> None:
            time.sleep(SECONDS + postgresql.GRACE_SECONDS + 0.1)
            slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000) SELECT max(i) FROM n"
            connection.value(text(slow))

        with pytest.raises(StorageUnavailable):
            timed(lambda: write(database, "INSERT INTO t VALUES (1)", dawdle))
        assert count_rows(database) == 0


def test_a_long_statement_ends_at_the_deadline(url: str) -> None:
    endless = text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")

    def read() -> None:
        with database.reading() as connection:
            connection.value(endless)

    with opened(url) as database:
        with pytest.raises(StorageUnavailable):
            timed(read)
        with database.reading() as connection:
            assert connection.value(text("SELECT 1")) == 1


def test_a_lifted_deadline_does_not_end_a_call(url: str) -> None:
    def dawdle(connection: Connection) -> None:
        deadline.current().lift()
        time.sleep(SECONDS + postgresql.GRACE_SECONDS + 0.1)
        connection.run("INSERT INTO t VALUES (2)")

    with opened(url) as database:
        write(database, "CREATE TABLE t (n INTEGER)")
        context = copy_context()
        context.run(deadline.set_current, Deadline(time.monotonic() + SECONDS))
        context.run(write, database, "INSERT INTO t VALUES (1)", dawdle)
        assert count_rows(database) == 2


def test_the_second_host_is_used_when_the_first_does_not_answer(database_url: str) -> None:
    parts = urlsplit(database_url)
    with frozen(database_url) as (network, _):
        network.is_frozen = True
        hosts = f"127.0.0.1:{network.port},127.0.0.1:{parts.port}"
        url = f"postgresql://{parts.username}:{parts.password}@{hosts}{parts.path}"
        with opened(url, wait_seconds=1) as database, database.reading() as connection:
            assert connection.value(text("SELECT 1")) == 1


def test_each_host_has_its_part_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds: list[float] = []

    def refuse(_: str, end: float) -> None:
        seconds.append(end - time.monotonic())
        raise psycopg.OperationalError

    monkeypatch.setattr(bounded, "_connect", refuse)
    for total, most in ((200, 20), (40, 600)):
        with pytest.raises(psycopg.OperationalError):
            bounded.connect({"host": "127.0.0.1,127.0.0.2", "connect_timeout": most}, total)
    assert seconds == pytest.approx([20, 20, 20, 40], abs=5)


def test_a_host_that_is_slow_has_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begin = time.monotonic()
        with pytest.raises(psycopg.OperationalError, match="in time"):
            bounded._connect(f"host=127.0.0.1 port={silent.getsockname()[1]}", begin + 0.2)
        assert time.monotonic() >= begin + 0.2


def test_the_reason_names_each_host_that_failed() -> None:
    with (
        opened("postgresql://user@127.0.0.1:1,127.0.0.1:2/name") as database,
        pytest.raises(StorageUnavailable) as failed,
        database.reading(),
    ):
        pass
    assert all(f"port {port} failed" in str(failed.value.reason) for port in (1, 2))


def test_the_notifier_survives_a_network_that_passes_nothing(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasktracker.adapters.events.postgresql.ANSWER_SECONDS", 0.3)
    received: list[object] = []
    user = uuid4()
    with frozen(database_url) as (network, url):
        here, elsewhere = PostgresChangeNotifier(url), PostgresChangeNotifier(database_url)
        here.open(lambda _: None)
        elsewhere.open(received.append)
        wait_until(lambda: received == [None], "the other process does not listen")
        network.is_frozen = True
        here.publish([user])
        time.sleep(0.7)
        network.is_frozen = False
        wait_until(lambda: [user] in received, "the change was not published")
        network.is_frozen = True
        here.close()
        elsewhere.close()


# ------------------------------------------------------------------------------- locks


def test_the_wait_for_a_lock_ends_at_the_deadline_and_keeps_the_connection(database_url: str) -> None:
    with opened(database_url, pool_size=1) as database:
        write(database, "CREATE TABLE t (n INTEGER)")
        with database.reading() as connection:
            before = connection.value(text("SELECT pg_backend_pid()"))
        with psycopg.connect(database_url) as other:
            other.execute("LOCK TABLE t")
            with pytest.raises(StorageUnavailable):
                timed(lambda: write(database, "INSERT INTO t VALUES (1)"))
        with database.reading() as connection:
            assert connection.value(text("SELECT pg_backend_pid()")) == before


def test_the_server_ends_what_a_vanished_client_has_left(database_url: str) -> None:
    with opened(database_url, wait_seconds=3) as database:
        with database.reading() as connection:
            settings = "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"
            found = [connection.value(text(f"SHOW {name}")) for name in settings]
        with database.snapshot() as connection:
            found.append(connection.value(text("SHOW idle_in_transaction_session_timeout")))
    assert found == ["3s", "5min", "30s", "2min"]


def test_behind_a_pooler_the_wait_for_a_lock_is_limited_by_each_transaction(database_url: str) -> None:
    with opened(database_url, wait_seconds=3, pooler=True) as database:
        with database.writing() as connection:
            assert connection.value(text("SHOW lock_timeout")) == "3s"
        with database.reading() as connection:
            assert connection.value(text("SHOW lock_timeout")) == "0"


@pytest.mark.parametrize("pooler", [False, True], ids="pooler {}".format)
def test_a_write_waits_for_a_migration_until_its_deadline(database_url: str, pooler: bool) -> None:
    with closing(open_database(migrated(database_url), pooler=pooler)) as database:
        with psycopg.connect(database_url) as migrating:
            migrating.execute("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(StorageUnavailable) as refused:
                timed(lambda: write(database, "SELECT 1"))
            assert is_lock_timeout(refused.value)
        with database.writing() as connection:
            assert connection.value(text("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")), "jobs wait for it"


def test_the_wait_for_sqlites_writer_in_another_process_ends_at_the_deadline(tmp_path: Path) -> None:
    file = tmp_path / "file.db"
    with opened(f"sqlite:///{file}", wait_seconds=30) as database:
        write(database, "CREATE TABLE t (n INTEGER)")
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            # The second one waits for the first one, not for SQLite.
            failures: list[Exception] = []

            def attempt() -> None:
                with pytest.raises(StorageUnavailable) as caught:
                    timed(lambda: write(database, "INSERT INTO t VALUES (1)"))
                failures.append(caught.value)

            threads = [threading.Thread(target=attempt) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(PATIENCE)
            assert len(failures) == 4
            assert timed(lambda: count_rows(database)) == 0
        write(database, "INSERT INTO t VALUES (1)")
        assert count_rows(database) == 1
