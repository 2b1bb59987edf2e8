"""The repository of feeds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.feed.entries import FeedEntry, FeedItem
from tasktracker.domain.feed.items import ItemType

EPOCH = "epoch"
"""The name of the secret that is used as the epoch."""


@dataclass(frozen=True, slots=True)
class FeedState:
    """The highest sequence number of a user's feed, and the epoch of the data.

    Sequence numbers are valid in one epoch only. `epoch` is empty until the first one is created. `swept` is the
    highest sequence number of a purged deletion. A reader that has not read up to `swept` may have missed a deletion.
    """

    head: int
    epoch: bytes
    swept: int = 0


class FeedRepository(Protocol):
    """Feeds: one entry for each user and item. Each change of an item moves its entry to the end of the feed.

    A feed is in the order of commits. A reader who has read a feed up to a sequence number, and then reads the entries
    after it, misses nothing, even if other units of work commit concurrently.
    """

    def add(self, entries: Iterable[FeedEntry]) -> None:
        """Add entries. They get their sequence numbers when the unit of work ends, and are stored only if it commits.

        Several entries of one item are merged into one.
        """
        ...

    def state(self, user_id: UUID) -> FeedState:
        """Return the state of a feed. Pages read after this call include every entry up to its `head`."""
        ...

    def heads(self, user_ids: Collection[UUID]) -> Mapping[UUID, int]:
        """Return the highest sequence number of each feed that has entries."""
        ...

    def page(
        self, user_id: UUID, after: int, limit: int, types: Collection[ItemType], tombstones_after: int = 0
    ) -> Sequence[FeedItem]:
        """Return at most `limit` entries after the sequence number `after`, without deletions up to `tombstones_after`.

        Entries and items are read in one state of the data.
        """
        ...

    def entries(self, user_id: UUID, types: Collection[ItemType]) -> Sequence[FeedEntry]:
        """Return the entries of all items that the user can see now, in any order.

        Entries of items that the user can no longer see, and of tasks that the user sees only through a category that
        is not ready, are left out.
        """
        ...

    def tombstones(self, user_id: UUID, type: ItemType, ids: Collection[UUID]) -> Mapping[UUID, FeedEntry]:
        """Return the recorded deletions of the user's items with these ids.

        Entries added in this unit of work are included.
        """
        ...

    def drop(self, user_id: UUID) -> None:
        """Remove a user's feed, including the entries added in this unit of work."""
        ...

    def purge_before(self, before: datetime, limit: int) -> int:
        """Remove at most `limit` deletions recorded before `before`, and return how many.

        The same unit of work advances `swept` in the state of each feed that loses a deletion.
        """
        ...
