"""What feeds need of storage."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.feed.entries import FeedEntry, FeedItem
from tasktracker.domain.feed.items import ItemType

EPOCH = "epoch"
"""The name of the secret that stands for the epoch."""


@dataclass(frozen=True, slots=True)
class FeedState:
    """How far a user's feed has come, and the epoch of the data: sequence numbers mean nothing in another one."""

    head: int
    epoch: bytes


class FeedRepository(Protocol):
    """For each user one entry an item, moved to the end of the feed by each change of it.

    The order of a feed is that in which works were committed: a reader who has read a feed up to some place, and then
    reads what follows, has missed nothing, however many works were writing meanwhile.
    """

    def add(self, entries: Iterable[FeedEntry]) -> None:
        """Add entries. They get their sequence numbers when the work ends, and are stored if and only if it succeeds.

        Of several entries of one item, the last is kept.
        """
        ...

    def state(self, user_id: UUID) -> FeedState:
        """Return how far a feed has come. All up to there is in any page that is read later."""
        ...

    def heads(self, user_ids: Collection[UUID]) -> Mapping[UUID, int]:
        """Return how far those feeds have come that have begun."""
        ...

    def page(
        self, user_id: UUID, after: int, limit: int, types: Collection[ItemType], tombstones_after: int = 0
    ) -> Sequence[FeedItem]:
        """Return what follows a place in a feed, in its order, without deletions up to another place.

        Entries and items are of one moment.
        """
        ...

    def entries(self, user_id: UUID, types: Collection[ItemType]) -> Sequence[FeedEntry]:
        """Return the entries of all items that the user has, in any order."""
        ...

    def tombstones(self, user_id: UUID, type: ItemType, ids: Collection[UUID]) -> Mapping[UUID, int]:
        """Return the versions at which those of the user's items that were deleted were so, as far as is known.

        What was added in this work counts as if it were stored already.
        """
        ...

    def drop(self, user_id: UUID) -> None:
        """Remove a user's feed, and the entries of it that this work has added."""
        ...

    def purge_before(self, before: datetime, limit: int) -> int:
        """Remove deletions recorded before a moment, and return how many."""
        ...
