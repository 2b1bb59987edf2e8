"""The file of a copy: opening, upgrading, transactions, settings, and an exception for each failure."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tasktracker_client.errors import DamagedCopy, DiskFull, LocalStoreError, NewerCopy, SyncError

MIGRATIONS = (
    """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- The items received from the server. Stale: received before the copy was started over, and not received again yet.
CREATE TABLE IF NOT EXISTS items (
    type TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, data TEXT NOT NULL, stale INTEGER NOT NULL,
    PRIMARY KEY (type, id)
) WITHOUT ROWID;

-- Edits in their order. An edit does not change once it was sent. After the server has accepted it, it is kept with the
-- resulting version (`done_version`) until the copy has received that version. `reached` is the same version, but null
-- if edits of others lie between it and the base version.
CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL, op TEXT NOT NULL, target TEXT NOT NULL, base_version INTEGER, data TEXT NOT NULL,
    sent INTEGER NOT NULL DEFAULT 0, done_version INTEGER, reached INTEGER
);
CREATE INDEX IF NOT EXISTS outbox_target ON outbox (type, target);

-- Edits that the server did not accept.
CREATE TABLE IF NOT EXISTS issues (
    number INTEGER PRIMARY KEY AUTOINCREMENT, mutation TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL, op TEXT NOT NULL, target TEXT NOT NULL, status TEXT NOT NULL,
    data TEXT NOT NULL, conflicts TEXT NOT NULL, problem TEXT
);
""",
    """
-- `own` are the earlier edits of the item that were applied since the base version.
ALTER TABLE outbox ADD COLUMN own TEXT NOT NULL DEFAULT '[]';
ALTER TABLE outbox ADD COLUMN made_at TEXT;
ALTER TABLE issues ADD COLUMN existing TEXT;
ALTER TABLE issues ADD COLUMN item TEXT NOT NULL DEFAULT '{}';

-- Items that were created here, but that the server has under another id, such as a category with the same name.
CREATE TABLE aliases (
    type TEXT NOT NULL, id TEXT NOT NULL, existing TEXT NOT NULL, PRIMARY KEY (type, id)
) WITHOUT ROWID;
""",
    """
-- Items that the server has deleted, and the version of the deletion: a backup may bring them back.
CREATE TABLE deletions (
    type TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (type, id)
) WITHOUT ROWID;
""",
    """
-- The item as it was before, so that it is shown as soon as it is restored. It is removed after the retention.
ALTER TABLE deletions ADD COLUMN data TEXT;
ALTER TABLE deletions ADD COLUMN deleted_at TEXT NOT NULL DEFAULT '';
""",
)
"""The scripts that create or upgrade a file. `PRAGMA user_version` is the number of scripts that a file has run."""

APPLICATION_ID = 0x7461736B
"""`PRAGMA application_id` of a copy. Files of version 0.1 have no id, but have FIRST_TABLES."""
FIRST_TABLES = frozenset({"settings", "items", "outbox", "issues"})
BUSY_SECONDS = 30


class Database:
    """An SQLite file that threads and processes share. Errors are LocalStoreError."""

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._lock = threading.RLock()
        with self._typed_errors():
            # The file holds tokens.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS
            )
        try:
            with self.reading() as connection:
                self._require_copy(connection)
                self._hide()
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
            self._upgrade()
        except BaseException:
            self._connection.close()
            raise

    def _require_copy(self, connection: sqlite3.Connection) -> None:
        """Raise DamagedCopy if the file is not empty and belongs to another application. Nothing is written."""
        connection.execute("BEGIN")  # reads all values at one moment: another process may be creating the tables
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        connection.execute("COMMIT")
        is_empty = application == version == 0 and not tables
        is_copy = application in (0, APPLICATION_ID) and tables >= FIRST_TABLES
        if not is_empty and not (is_copy or (application == APPLICATION_ID and version > len(MIGRATIONS))):
            raise DamagedCopy(f"{self._path} is damaged, or is not a copy: it has other tables.")

    def _hide(self) -> None:
        """Let only the owner read a file that existed. It holds tokens."""
        for name in (self._path, f"{self._path}-wal", f"{self._path}-shm"):
            with suppress(FileNotFoundError, PermissionError):  # the file system may have no permissions
                Path(name).chmod(0o600)

    def _upgrade(self) -> None:
        with self.writing() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > len(MIGRATIONS):
                raise NewerCopy(f"A newer version of tasktracker-client has written {self._path}.")
            for script in MIGRATIONS[version:]:
                for statement in script.split(";\n"):
                    connection.execute(statement)
            if version < len(MIGRATIONS):
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read. Only one thread of this process does so at a time. A value that cannot be read raises DamagedCopy."""
        with self._lock, self._typed_errors():
            yield self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Run a transaction. Only one thread of all processes does so at a time. An exception rolls it back."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite may already have rolled back
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _typed_errors(self) -> Iterator[None]:
        try:
            yield
        except SyncError:  # some are a ValueError, too
            raise
        except OSError as error:
            kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else LocalStoreError
            raise kind(f"{self._path} cannot be opened: {error.strerror}.") from error
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise DamagedCopy(f"{self._path} is damaged: a value cannot be read ({error!r}).") from error
        except sqlite3.Error as error:
            # Errors that Python itself raises, such as for a closed connection, have no code.
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
            if code == sqlite3.SQLITE_FULL:
                raise DiskFull(f"There is no room to write {self._path}.") from error
            # A wrong statement (SQLITE_ERROR) means that the file has other tables or columns.
            is_other = isinstance(error, sqlite3.OperationalError) and code == sqlite3.SQLITE_ERROR
            if is_other or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise DamagedCopy(f"{self._path} is damaged, or is not a copy: {error}.") from error
            raise LocalStoreError(f"{self._path} cannot be used: {str(error).rstrip('.')}.") from error


def setting(connection: sqlite3.Connection, name: str) -> str | None:
    """Return a setting, or None."""
    found = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return found[0] if found else None


def store_settings(connection: sqlite3.Connection, **settings: str | None) -> None:
    """Store settings; None removes one."""
    for name, value in settings.items():
        if value is None:
            connection.execute("DELETE FROM settings WHERE name = ?", (name,))
        else:
            connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))
