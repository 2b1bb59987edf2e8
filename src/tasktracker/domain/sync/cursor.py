"""Sync cursors: the position of a device in a user's feed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tasktracker.domain.feed.ports import FeedState
from tasktracker.domain.kernel.errors import CursorExpired

RETENTION = timedelta(days=30)
"""The retention time: how long a cursor is valid, and how long the trash, histories and results are stored."""

MARGIN = timedelta(days=1)
"""Deletions in feeds are stored longer than cursors are valid, by this time."""


@dataclass(frozen=True, slots=True)
class SyncCursor:
    """A position in a user's feed: the device has all entries up to `sequence`.

    `since` is a time up to which the device has all changes. `began` is the feed's head when the device started to
    fetch the full state. Earlier deletions are not sent, because the device never had those items.
    """

    epoch: bytes
    sequence: int
    began: int
    since: datetime

    @classmethod
    def start(cls, state: FeedState, now: datetime) -> SyncCursor:
        """Return the cursor of a device that has no items yet."""
        return cls(state.epoch, 0, state.head, now)

    def valid_until(self, retention: timedelta) -> datetime:
        """Return the time until which changes can be read from this cursor."""
        return self.since + retention

    def require_valid(self, state: FeedState, now: datetime, retention: timedelta) -> None:
        """Raise CursorExpired if changes since this cursor can no longer be read."""
        if self.epoch != state.epoch:
            raise CursorExpired("The data has been restored from a backup since the cursor was issued.")
        if self.sequence > state.head:
            raise CursorExpired("The cursor is ahead of the data.")
        if now > self.valid_until(retention):
            raise CursorExpired("The cursor is older than the retention time.")
        if self.since > now + MARGIN:
            # A clock ran ahead. Deletions could be purged before such a cursor expires, and the device would miss them.
            raise CursorExpired("The cursor was issued by a server whose clock was ahead.")
