"""The file of an SQLite database. Only its owner can read it, and it must stay the same file while the process runs."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from contextlib import suppress
from pathlib import Path

import structlog

from tasktracker.adapters.sql.violations import READ_ONLY
from tasktracker.domain.kernel.errors import StorageUnavailable

# Access is checked for the effective user, who may differ from the real user.
_EFFECTIVE = os.access in os.supports_effective_ids

log = structlog.get_logger("tasktracker.database")


def connect(path: str | Path, *, timeout: float, cached_statements: int = 128) -> sqlite3.Connection:
    """Open an existing file, in autocommit mode. Raises sqlite3.OperationalError if it does not exist."""
    return sqlite3.connect(
        f"{Path(path).absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=cached_statements,
    )


class SqliteFile:
    """Watches a file by its path.

    SQLite continues to write to a file that was deleted or replaced, and these commits are lost. A deleted `-wal` file,
    which contains the latest commits, has the same effect.

    This class never opens the file itself: closing it would release the locks of all SQLite connections of the
    process (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self._name = str(path)
        # SQLite follows links before it names the files beside the database.
        self._target = os.path.realpath(path)
        self._wal = f"{self._target}-wal"
        self._identities: dict[str, tuple[int, int]] = {}
        with suppress(StorageUnavailable):
            self.require()

    def exists(self) -> bool:
        """Return whether the path exists. Raises StorageUnavailable if only a `-wal` file has content.

        SQLite would delete this content, which may be commits of a file that was moved or deleted.
        """
        if _size(self._wal) and not _size(self._name):
            raise StorageUnavailable(
                "The database file is missing or empty, but the -wal file beside it has content.",
                reason=f"Put the database file back, or delete {self._wal} if its content is not needed.",
            )
        return os.path.lexists(self._name)

    def create(self) -> None:
        """Create the file and its folder if they are missing, for the owner only. Raises StorageUnavailable.

        The file contains password hashes, so its mode is 0600 before it has content. SQLite gives the same mode to its
        `-wal` and `-shm` files. Like `exists`, this raises StorageUnavailable if only a `-wal` file has content.
        """
        self.exists()
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.path.exists():
                self.path.touch(mode=0o600)
            elif self.path.is_file() and self.path.stat().st_size == 0:
                self.path.chmod(0o600)
        except OSError as error:
            reason = f"{error.strerror}: {self.path}. Correct DATABASE_URL or DATA_FOLDER."
            raise StorageUnavailable("The database file cannot be created.", reason=reason) from error

    def require(self) -> None:
        """Check that the file is still the one that was first found here. Raises StorageUnavailable.

        Otherwise the `-wal` file is renamed, because SQLite would apply it to the wrong database.
        """
        try:
            found = self._stat(self._name)
        except OSError as error:
            reason = f"{error.strerror}: {self.path}."
            raise StorageUnavailable("The database file is missing.", reason=reason) from error
        if found is None:
            self._set_log_aside()
            raise StorageUnavailable("The database file was replaced: the server must be restarted.")
        if not stat.S_ISREG(found.st_mode):
            kind = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
            raise StorageUnavailable(reason=f"{self.path} is {kind}. Correct DATABASE_URL.")

    def find_log(self) -> None:
        """Remember the `-wal` file, which a connection to the database has opened."""
        with suppress(FileNotFoundError):
            self._stat(self._wal)

    def require_writable(self) -> None:
        """Check the same as `require`, and that the file can be written. Raises StorageUnavailable."""
        self.require()
        _require_access(self._name, os.W_OK)

    def require_commits_kept(self) -> None:
        """Check, before a commit, that SQLite writes it to the files at the path. Raises StorageUnavailable."""
        self.require()
        with suppress(FileNotFoundError):
            if self._stat(self._wal):
                return
        raise StorageUnavailable("The -wal file of the database was deleted: the server must be restarted.")

    def require_ready(self) -> None:
        """Check that SQLite can write to the file and its folder. Raises StorageUnavailable."""
        self.require_writable()
        # SQLite creates further files in the folder.
        _require_access(str(self.path.absolute().parent), os.W_OK | os.X_OK)
        if self._wal in self._identities:
            self.require_commits_kept()

    def _set_log_aside(self) -> None:
        """Rename the `-wal` and `-shm` files of the file that was replaced. Leave the files of any other database."""
        with suppress(OSError):
            # A link to another file leaves the database and its log where they are.
            is_replaced = _identity(os.stat(self._target)) != self._identities[self._name]  # noqa: PTH116
            if is_replaced and self._wal in self._identities and self._stat(self._wal):
                suffix = f".replaced-{time.time_ns()}"
                Path(self._wal).rename(f"{self._wal}{suffix}")
                log.warning("the -wal file of the replaced database was renamed", file=f"{self._wal}{suffix}")
                Path(f"{self._target}-shm").rename(f"{self._target}-shm{suffix}")

    def _stat(self, name: str) -> os.stat_result | None:
        """Return the state of a file, or None if it is not the file that was first found here. Raises OSError."""
        found = os.stat(name)  # noqa: PTH116  # a third faster than Path.stat, for each unit of work
        identity = _identity(found)
        return found if self._identities.setdefault(name, identity) == identity else None


def _size(path: str) -> int:
    """Return the size of a file, 0 if there is none."""
    with suppress(OSError):
        return os.stat(path).st_size  # noqa: PTH116
    return 0


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _require_access(path: str, mode: int) -> None:
    if not os.access(path, mode, effective_ids=_EFFECTIVE):
        raise StorageUnavailable(
            READ_ONLY,
            reason=f"{path} cannot be written to: correct its owner, its mode or its file system.",
        )
