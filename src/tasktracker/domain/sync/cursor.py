"""Sync cursors: the position of a device in a user's feed."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from tasktracker.domain.feed.ports import FeedState
from tasktracker.domain.kernel.errors import CursorExpired


@dataclass(frozen=True, slots=True)
class SyncCursor:
    """A position in a user's feed: the device has all entries up to `sequence`.

    `since` is a time up to which the device has all changes. `began` is the feed's head when the device started to
    fetch the full state. Earlier deletions are not sent, because the device never had those items.

    `held` is the first entry that was left out because categories were not ready for the user. It is 0 if there is
    none. `awaited` is a hash of these categories. When the set of categories that are not ready changes, the feed is
    read again from that entry.
    """

    epoch: bytes
    sequence: int
    began: int
    since: datetime
    held: int = 0
    awaited: bytes = b""

    @classmethod
    def start(cls, state: FeedState, now: datetime) -> SyncCursor:
        """Return the cursor of a device that has no items yet."""
        return cls(state.epoch, 0, state.head, now)

    def resumed(self, not_ready: Collection[UUID]) -> SyncCursor:
        """Move back to the first entry that was left out, if the set of categories that are not ready has changed."""
        if not self.held or self.awaited == _hash(not_ready):
            return self
        return replace(self, sequence=self.held - 1, held=0, awaited=b"")

    def holding(self, sequence: int, not_ready: Collection[UUID]) -> SyncCursor:
        """Return the cursor of a device for which an entry was left out, because these categories are not ready."""
        return self if self.held else replace(self, held=sequence, awaited=_hash(not_ready))

    def valid_until(self, retention: timedelta) -> datetime:
        """Return a time before which no host with this retention deletes changes after this cursor."""
        return self.since + retention

    def require_valid(self, state: FeedState) -> None:
        """Raise CursorExpired if changes since this cursor can no longer be read.

        This depends on the deletions that were purged. It does not depend on clocks, or on the retention, which may
        have been shorter before or at another host.
        """
        if self.epoch != state.epoch:
            raise CursorExpired("The data has been restored from a backup since the cursor was issued.")
        if self.sequence > state.head:
            raise CursorExpired("The cursor is ahead of the data.")
        if state.swept > max(self.sequence, self.began):
            raise CursorExpired("Deletions since the cursor was issued are no longer stored.")


def _hash(category_ids: Collection[UUID]) -> bytes:
    return hashlib.sha256(b"".join(sorted(each.bytes for each in category_ids))).digest()[:8]
