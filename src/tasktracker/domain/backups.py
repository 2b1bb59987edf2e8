"""Backups of the whole database: the port."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Progress = Callable[[int, int], None]
"""Called with the number of parts that are done, and the number of all parts."""


class BackupRefused(Exception):
    """A backup cannot be made, read or restored. The message says why, and what the operator can do."""


@dataclass(frozen=True, slots=True)
class BackupContents:
    """What a backup contains: the revision of its schema, and the id of the key that encrypted its secrets, if known.

    The id reveals nothing about the key.
    """

    revision: str
    key_id: str | None


class Backups(Protocol):
    """Backups of one database."""

    suffix: str
    """The usual end of a file's name."""
    programs: Sequence[str]
    """The programs that must be installed."""

    def save(self, file: Path, key_id: str, progress: Progress) -> None:
        """Write a consistent backup to a new file that only its owner can read, while servers may run.

        The file appears only when it is complete and was read again. Raises BackupRefused, StorageUnavailable and
        OSError.
        """
        ...

    def contents(self, file: Path) -> BackupContents:
        """Describe a backup. Raises BackupRefused for a file that this version cannot restore, and OSError."""
        ...

    def restore(self, file: Path, *, keep_api_tokens: bool, progress: Progress) -> str | None:
        """Replace all data by that of a backup that `contents` has described, and upgrade its schema.

        The data is replaced completely or not at all.

        Nothing that may have been revoked since the backup stays valid. Sessions, tickets, one-time links and
        invitations are removed; API tokens too, unless `keep_api_tokens`. Mails that were due are skipped, because they
        may have been sent. The epoch is new, so that devices fetch the full state.

        Return the place of the former data, if it is kept. Raises BackupRefused, also while a server uses the database,
        StorageUnavailable and OSError.
        """
        ...
