"""Feeds in memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from uuid import UUID

from tasktracker.adapters.memory.tables import Feed, PlacedMark, Transaction, mark_id
from tasktracker.domain.feed.entries import FeedEntry, FeedItem, ItemType, Op, coalesced, deletions
from tasktracker.domain.feed.ports import FeedState

_LAST = UUID(int=2**128 - 1)


class MemoryFeed:
    """Implements FeedRepository."""

    def __init__(self, transaction: Transaction, epoch: bytes) -> None:
        self._transaction = transaction
        self._epoch = epoch
        self._added: list[FeedEntry] = []

    def add(self, marks: Iterable[FeedEntry]) -> None:
        self._transaction.require_writable()
        self._added.extend(marks)

    def place(self, now: datetime) -> Collection[UUID]:
        """Give what was added its places, as the work ends, and return whose feeds have become longer."""
        data = self._transaction.data
        told = []
        for user_id, marks in groupby(coalesced(self._added), key=lambda mark: mark.user_id):
            if data.users.get(user_id) is None:
                raise RuntimeError(f"There is no user {user_id}.")
            head = self.head(user_id)
            for mark in marks:
                head += 1
                self._transaction.put(data.marks, PlacedMark(head, mark, now))
            self._transaction.put(data.feeds, Feed(user_id, head))
            told.append(user_id)
        return told

    def head(self, user_id: UUID) -> int:
        """Return how far a feed has come."""
        feed = self._transaction.data.feeds.get(user_id)
        return feed.head if feed else 0

    def heads(self, user_ids: Collection[UUID]) -> Mapping[UUID, int]:
        return {user_id: head for user_id in user_ids if (head := self.head(user_id))}

    def state(self, user_id: UUID) -> FeedState:
        return FeedState(self.head(user_id), self._epoch)

    def page(
        self, user_id: UUID, after: int, limit: int, types: Collection[ItemType], tombstones_after: int = 0
    ) -> Sequence[FeedItem]:
        data = self._transaction.data
        keys = data.marks_of.keys(user_id)
        found: list[FeedItem] = []
        for _, id_ in keys[bisect_right(keys, (after, _LAST)) :]:
            placed = data.marks.get(id_)
            assert placed is not None, "the index knows rows only"
            mark = placed.mark
            if mark.type in types and (mark.op is Op.UPSERT or placed.sequence > tombstones_after):
                table = data.tasks if mark.type is ItemType.TASK else data.categories
                item = table.get(mark.id) if mark.op is Op.UPSERT else None
                found.append(FeedItem(placed.sequence, mark, item))
                if len(found) == limit:
                    break
        return found

    def marks(self, user_id: UUID, types: Collection[ItemType]) -> Sequence[FeedEntry]:
        data = self._transaction.data
        found = (data.marks.get(id_) for _, id_ in data.marks_of.keys(user_id))
        return [placed.mark for placed in found if placed and placed.mark.type in types and placed.mark.op is Op.UPSERT]

    def tombstones(self, user_id: UUID, type: ItemType, ids: Collection[UUID]) -> Mapping[UUID, int]:
        found = (self._transaction.data.marks.get(mark_id(user_id, type, id_)) for id_ in ids)
        stored = {placed.mark.id: placed.mark.version for placed in found if placed and placed.mark.op is Op.DELETE}
        return deletions(stored, self._added, user_id, type, ids)

    def drop(self, user_id: UUID) -> None:
        data = self._transaction.data
        self._added = [mark for mark in self._added if mark.user_id != user_id]
        for _, id_ in tuple(data.marks_of.keys(user_id)):
            self._transaction.drop(data.marks, id_)
        self._transaction.drop(data.feeds, user_id)

    def purge_before(self, before: datetime, limit: int) -> int:
        data = self._transaction.data
        old = [each for each in data.marks.rows() if each.mark.op is Op.DELETE and each.told_at < before][:limit]
        for placed in old:
            self._transaction.drop(data.marks, placed.id)
        return len(old)
