"""Backups of SQLite databases. A backup is a copy of the file, made while servers write."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from tasktracker.adapters.sql import migrate
from tasktracker.adapters.sql.backups import KEY_ID, contents, new_file, revocations, synchronise
from tasktracker.adapters.sql.sqlite_file import SqliteFile, connect
from tasktracker.adapters.sql.violations import explain, unavailable
from tasktracker.domain.backups import BackupContents, BackupRefused, Progress
from tasktracker.domain.kernel.errors import StorageUnavailable

PAGES = 1000
"""Pages that are copied between two reports of progress."""
BLOCK_BYTES = 1024 * 1024
WAIT_SECONDS = 5.0
_BESIDE = ("-wal", "-shm")
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_SAVE_KEY = "INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


class SqliteBackups:
    """Implements Backups."""

    suffix = ".db"
    programs: Sequence[str] = ()

    def __init__(self, path: str) -> None:
        self._file = SqliteFile(path)

    def save(self, file: Path, key_id: str, progress: Progress) -> None:
        self._file.require()
        with (
            _translated(),
            new_file(file) as partial,
            closing(connect(self._file.path, timeout=WAIT_SECONDS)) as source,
            closing(connect(partial, timeout=WAIT_SECONDS)) as copy,
        ):
            # Without this, the copy would begin again after each commit of another process.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM alembic_version").fetchone()
            source.backup(copy, pages=PAGES, progress=lambda _, left, total: progress(total - left, total))
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a `-wal` beside it
            copy.execute(_SAVE_KEY, (KEY_ID, key_id.encode()))
            _require_intact(copy)

    def contents(self, file: Path) -> BackupContents:
        with file.open("rb") as opened:
            begin = opened.read(16)
        if begin != b"SQLite format 3\0":
            raise BackupRefused(f"{file} is not a backup of an SQLite database.")
        with _translated(), _refused_if_damaged(file), closing(_reading(file)) as backup:
            tables = _tables(backup)
            revision = key = None
            if "alembic_version" in tables:
                revision = backup.execute("SELECT version_num FROM alembic_version").fetchone()
            if "secrets" in tables:
                key = backup.execute("SELECT value FROM secrets WHERE name = ?", (KEY_ID,)).fetchone()
        return contents(revision and revision[0], key and key[0].decode())

    def restore(self, file: Path, *, keep_api_tokens: bool, progress: Progress) -> str | None:
        target = Path(os.path.realpath(self._file.path))
        restored = target.with_name(f".{target.name}-restored")
        with _translated(), self._without_servers() as former:
            try:
                _copy(file, restored, progress)
                with _refused_if_damaged(file), closing(connect(restored, timeout=WAIT_SECONDS)) as copy:
                    _require_intact(copy)
                    copy.execute("BEGIN")
                    for statement in revocations(_tables(copy), keep_api_tokens=keep_api_tokens):
                        copy.execute(statement)
                    copy.execute("COMMIT")
                migrate.upgrade(f"sqlite:///{quote(str(restored))}")
                synchronise(restored)
                if former is not None:
                    former.execute("PRAGMA journal_mode = DELETE")  # all commits are in the file then
                kept = _keep(target)
                restored.rename(target)
                synchronise(target.parent)
            finally:
                for end in ("", *_BESIDE):
                    restored.with_name(f"{restored.name}{end}").unlink(missing_ok=True)
        return str(kept) if kept else None

    @contextmanager
    def _without_servers(self) -> Iterator[sqlite3.Connection | None]:
        """Keep all other processes out of the database, if it exists and is not damaged.

        Raises BackupRefused if another process has it open.
        """
        self._file.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._file.exists():
            yield None
            return
        with closing(connect(self._file.path, timeout=WAIT_SECONDS)) as former:
            try:
                migrate.lock_file(former)
            except StorageUnavailable as error:
                raise BackupRefused("A server or another program uses the database: stop it first.") from error
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode not in _DAMAGED:
                    raise
                yield None
            else:
                yield former


def _keep(target: Path) -> Path | None:
    """Give the former database a second name. Rename its `-wal` and `-shm` files, so that no new file gets them."""
    if not target.exists():
        return None
    kept = target.with_name(f"{target.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
    os.link(target, kept)
    for end in _BESIDE:
        with suppress(FileNotFoundError):
            target.with_name(f"{target.name}{end}").rename(kept.with_name(f"{kept.name}{end}"))
    return kept


def _reading(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def _copy(file: Path, copy: Path, progress: Progress) -> None:
    copy.unlink(missing_ok=True)
    size = file.stat().st_size
    with (
        file.open("rb") as source,
        os.fdopen(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target,
    ):
        while block := source.read(BLOCK_BYTES):
            target.write(block)
            progress(target.tell(), size)


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _require_intact(connection: sqlite3.Connection) -> None:
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise BackupRefused(f"The database is damaged: {found}. Restore an earlier backup.")
    if connection.execute("PRAGMA foreign_key_check").fetchone():
        raise BackupRefused("The database is damaged: rows refer to others that do not exist.")


@contextmanager
def _refused_if_damaged(backup: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode not in _DAMAGED:
            raise
        raise BackupRefused(f"{backup} is damaged: {error}. Restore an earlier backup.") from error


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise unavailable(error, is_lost=False) or BackupRefused(explain(error)) from error
