"""How far a device has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tasktracker.domain.feed.ports import FeedState
from tasktracker.domain.kernel.errors import CursorExpired

RETENTION = timedelta(days=30)
"""How long deltas can be read from a cursor, and how long the trash, histories and kept results stay."""

MARGIN = timedelta(days=1)
"""Deletions are kept longer than the cursors from which they can be read, by this much."""


@dataclass(frozen=True, slots=True)
class SyncCursor:
    """A place in a user's feed. `since` is the moment up to which its device is known to have been told everything.

    `began` is how far the feed had come when the device began with the full state: what was deleted before that, it
    has never had.
    """

    epoch: bytes
    sequence: int
    began: int
    since: datetime

    @classmethod
    def start(cls, state: FeedState, now: datetime) -> SyncCursor:
        """Return the cursor of a device that has nothing yet."""
        return cls(state.epoch, 0, state.head, now)

    def valid_until(self, retention: timedelta) -> datetime:
        """Return until when deltas can be read from here."""
        return self.since + retention

    def require_valid(self, state: FeedState, now: datetime, retention: timedelta) -> None:
        """Raise CursorExpired where what has happened since can no longer be told."""
        if self.epoch != state.epoch:
            raise CursorExpired("The data has been restored from a backup since.")
        if self.sequence > state.head:
            raise CursorExpired("The cursor is ahead of the data.")
        if now > self.valid_until(retention):
            raise CursorExpired("The cursor is older than the window.")
