"""SQLite: a file with many concurrent readers and one writer."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from math import ceil
from typing import Any

from sqlalchemy import URL
from sqlalchemy.dialects.sqlite import pysqlite

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.database import FIND_REVISION, Database, Pool, require_revision
from tasktracker.adapters.sql.driver import Driver
from tasktracker.adapters.sql.fair_lock import FairLock
from tasktracker.adapters.sql.sqlite_file import SqliteFile, connect
from tasktracker.adapters.sql.statements import Compiled, Row, Statements
from tasktracker.domain.kernel import deadline
from tasktracker.domain.kernel.deadline import Deadline
from tasktracker.domain.kernel.errors import StorageUnavailable

# Prepared statements per connection.
MAX_PREPARED = 500
# Seconds. A change of `busy_timeout` takes as long as reading a row, so it is changed only in steps of this length.
BUSY_STEP = 0.25
# The number of instructions of SQLite's virtual machine between two checks of the deadline: some milliseconds.
CHECK_EVERY = 100_000


class SqliteDriver(Driver):
    """Runs statements through Python's sqlite3 module, in autocommit mode."""

    dialect = "sqlite"
    statements = Statements(pysqlite.dialect())

    def __init__(self, connection: sqlite3.Connection, wait_seconds: float) -> None:
        self.connection = connection
        self._wait = wait_seconds
        self._busy_steps = 0
        self._until = deadline.current()
        connection.set_progress_handler(self._is_late, CHECK_EVERY)

    def set_deadline(self, until: Deadline) -> None:
        self._until = until
        # How long to wait for a process that writes. It may be suspended in a transaction.
        steps = ceil(until.remaining(self._wait) / BUSY_STEP)
        if steps != self._busy_steps:
            self._busy_steps = steps
            self.connection.execute(f"PRAGMA busy_timeout = {int(1000 * min(steps * BUSY_STEP, self._wait))}")

    def fetch(self, compiled: Compiled, values: list[Any]) -> Sequence[Row]:
        return self.connection.execute(compiled.text, values).fetchall()

    def change(self, compiled: Compiled, values: list[Any]) -> int:
        return self.connection.execute(compiled.text, values).rowcount

    def change_all(self, compiled: Compiled, rows: list[list[Any]]) -> None:
        self.connection.executemany(compiled.text, rows)

    def run(self, command: str) -> Any:
        row = self.connection.execute(command).fetchone()
        return row[0] if row else None

    @property
    def is_lost(self) -> bool:
        return False

    @property
    def is_idle(self) -> bool:
        return not self.connection.in_transaction

    def is_alive(self) -> bool:
        return True

    def close(self) -> None:
        self.connection.close()

    def _is_late(self) -> bool:
        return time.monotonic() > self._until.at


class Sqlite(Database):
    """Implements Database with a pool of readers and one writer. Threads wait for the writer in order."""

    def __init__(self, url: URL, pool_size: int, wait_seconds: float, *, revision: str | None) -> None:
        self._file = SqliteFile(url.database or "")
        self._revision = revision
        self._wait = wait_seconds
        self._writer_lock = FairLock()
        self._readers = Pool(self._reader, pool_size, wait_seconds)
        self._writer = Pool(self._set_up_writer, 1, wait_seconds)

    def reading(self) -> AbstractContextManager[Connection]:
        self._file.require()
        return self._readers.lease()

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        self._file.require()
        with self._readers.lease() as connection, connection.transaction("BEGIN"):
            # The snapshot is taken when the first page is read.
            connection.run("SELECT count(*) FROM sqlite_master")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        if not self._writer_lock.acquire(deadline.current().remaining(self._wait)):
            raise StorageUnavailable
        try:
            self._file.require_writable()
            # IMMEDIATE, because a transaction that begins with a read may later be unable to write.
            with self._writer.lease(is_writing=True) as connection, connection.transaction("BEGIN IMMEDIATE"):
                if self._revision:
                    require_revision(connection.run(FIND_REVISION), self._revision)
                yield connection
                self._file.require_commits_kept()
        finally:
            self._writer_lock.release()

    def changing(self, _reading: Connection) -> AbstractContextManager[Connection]:
        return self.writing()

    def check(self) -> None:
        self._file.require_ready()
        with self.reading() as connection:
            require_revision(connection.run(FIND_REVISION), self._revision)

    @property
    def in_use(self) -> int:
        return self._readers.in_use + self._writer.in_use

    def close(self) -> None:
        with suppress(StorageUnavailable):
            self._file.require()  # before the next process opens a file that has replaced this one
        self._readers.close()
        self._writer.close()

    def _reader(self, until: Deadline) -> SqliteDriver:
        with self._connected(until) as connection:
            connection.execute("PRAGMA query_only = ON")
            # Reading opens the -wal file.
            connection.execute("SELECT count(*) FROM sqlite_master")
        return SqliteDriver(connection, self._wait)

    def _set_up_writer(self, until: Deadline) -> SqliteDriver:
        with self._connected(until) as connection:
            switch_to_wal(connection, until.remaining(self._wait))
            # Commits survive a power failure.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        return SqliteDriver(connection, self._wait)

    @contextmanager
    def _connected(self, until: Deadline) -> Iterator[sqlite3.Connection]:
        """Connect, and close the connection if it cannot be set up."""
        seconds = until.remaining(self._wait)
        connection = connect(self._file.path, timeout=seconds, cached_statements=MAX_PREPARED)
        try:
            yield connection
            self._file.find_log()
        except BaseException:
            connection.close()
            raise


def switch_to_wal(connection: sqlite3.Connection, seconds: float) -> None:
    """Set WAL mode, in which readers and the writer do not wait for each other. Raises sqlite3.OperationalError.

    The file stores the mode.
    """
    # If several connections switch a new file, SQLite fails all but one immediately, whatever the timeout.
    end = time.monotonic() + seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            _release(connection)
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def _release(connection: sqlite3.Connection) -> None:
    """Release the locks of a connection in exclusive locking mode, which keeps them also after a failure.

    Two such connections would wait for each other.
    """
    [mode] = connection.execute("PRAGMA locking_mode").fetchone()
    if mode == "exclusive":
        connection.execute("PRAGMA locking_mode = NORMAL")
        with suppress(sqlite3.OperationalError):  # it has no lock
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
