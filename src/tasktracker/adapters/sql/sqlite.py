"""SQLite: a file with many concurrent readers and one writer."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import URL
from sqlalchemy.dialects.sqlite import pysqlite

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.database import FIND_REVISION, Database, Pool, require_revision
from tasktracker.adapters.sql.driver import Driver
from tasktracker.adapters.sql.fair_lock import FairLock
from tasktracker.adapters.sql.sqlite_file import SqliteFile, connect
from tasktracker.adapters.sql.statements import Compiled, Row, Statements
from tasktracker.domain.kernel.errors import StorageUnavailable

# The time to wait for a writing process, which may have been suspended in a transaction.
BUSY_SECONDS = 5.0
# Prepared statements per connection.
MAX_PREPARED = 500


class SqliteDriver(Driver):
    """Runs statements through Python's sqlite3 module, in autocommit mode."""

    dialect = "sqlite"
    statements = Statements(pysqlite.dialect())

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

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


class Sqlite(Database):
    """Implements Database with a pool of readers and one writer, for which threads wait in order."""

    def __init__(self, url: URL, pool_size: int, pool_timeout: float, *, revision: str | None) -> None:
        self._file = SqliteFile(url.database or "")
        self._revision = revision
        self._timeout = pool_timeout
        self._writer_lock = FairLock()
        self._readers = Pool(self._reader, pool_size, pool_timeout)
        self._writer = Pool(self._set_up_writer, 1, pool_timeout)

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
        if not self._writer_lock.acquire(self._timeout):
            raise StorageUnavailable
        try:
            self._file.require_writable()
            # IMMEDIATE, because a transaction that begins with reading may later fail to write.
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

    def close(self) -> None:
        self._readers.close()
        self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        return connect(self._file.path, timeout=BUSY_SECONDS, cached_statements=MAX_PREPARED)

    def _reader(self) -> SqliteDriver:
        connection = self._connect()
        connection.execute("PRAGMA query_only = ON")
        return SqliteDriver(connection)

    def _set_up_writer(self) -> SqliteDriver:
        connection = self._connect()
        try:
            switch_to_wal(connection)
            # Commits survive a power failure.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()
            raise
        return SqliteDriver(connection)


def switch_to_wal(connection: sqlite3.Connection) -> None:
    """Let readers and the writer not wait for each other. The file stores the mode. Raises sqlite3.OperationalError."""
    # If several connections switch a new file, SQLite fails all but one immediately, whatever the timeout.
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
