"""The common parts of backups of both databases."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tasktracker.adapters.sql import migrate
from tasktracker.domain.backups import BackupContents, BackupRefused
from tasktracker.domain.feed.ports import EPOCH

KEY_ID = "key-id"
"""The name of the secret that is the id of the key at the time of a backup."""

# A statement for each table with items that may have been revoked, used or sent after the backup.
_REVOKED = {
    "secrets": f"DELETE FROM secrets WHERE name = '{EPOCH}'",  # noqa: S608  # a constant
    "sessions": "DELETE FROM sessions",
    "tickets": "DELETE FROM tickets",
    "deliveries": "UPDATE deliveries SET state = 'skipped', parameters = '{}', leased_until = NULL,"
    " ended_at = next_attempt_at WHERE state = 'due'",
    "one_time_links": "DELETE FROM one_time_links",
    "invites": "DELETE FROM invites",
    "share_invitations": "DELETE FROM share_invitations",
}
_API_TOKENS = {"api_tokens": "DELETE FROM api_tokens"}


def revocations(tables: Collection[str], *, keep_api_tokens: bool) -> Sequence[str]:
    """Return the statements that revoke these items in a backup with these tables. Older versions lack some tables."""
    statements = _REVOKED if keep_api_tokens else _REVOKED | _API_TOKENS
    return [statement for table, statement in statements.items() if table in tables]


def contents(revision: str | None, key_id: str | None) -> BackupContents:
    """Describe a backup. Raises BackupRefused if this version cannot upgrade its schema."""
    if revision is None:
        raise BackupRefused("The file is not a backup of Task Tracker: it has no schema.")
    if not migrate.is_known(revision):
        raise BackupRefused(
            f"The backup has the schema revision {revision}, which this version does not know. A newer version has"
            " made it: install that version, and restore the backup with it."
        )
    return BackupContents(revision, key_id)


@contextmanager
def new_file(file: Path) -> Iterator[Path]:
    """Yield the path of a temporary file that only its owner can read. It gets its final name when it is complete.

    Raises BackupRefused if this name exists.
    """
    if os.path.lexists(file):
        raise BackupRefused(f"{file} exists already.")
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-", suffix=".partial")
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        synchronise(partial)
        partial.rename(file)
        synchronise(file.parent)
    finally:
        partial.unlink(missing_ok=True)


def synchronise(path: Path) -> None:
    """Wait until a file or folder is on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
