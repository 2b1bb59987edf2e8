"""Feeds in memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from uuid import UUID

from tasktracker.adapters.memory.categories import MemoryCategories
from tasktracker.adapters.memory.tables import Feed, StoredEntry, Transaction, entry_id, seen_by
from tasktracker.domain.feed.entries import FeedEntry, FeedItem, Op, coalesced, deletions
from tasktracker.domain.feed.items import Item, ItemType, can_see, is_awaited
from tasktracker.domain.feed.ports import FeedState
from tasktracker.domain.tasks.task import Task

_LAST = UUID(int=2**128 - 1)


class MemoryFeed:
    """Implements FeedRepository."""

    def __init__(self, transaction: Transaction, epoch: bytes) -> None:
        self._transaction = transaction
        self._epoch = epoch
        self._added: list[FeedEntry] = []
        self._dropped: set[UUID] = set()

    def add(self, entries: Iterable[FeedEntry]) -> None:
        self._transaction.require_writable()
        self._added.extend(entries)

    def flush(self, now: datetime, earlier: Sequence[FeedEntry] = ()) -> Collection[UUID]:
        """Number and store the added entries at the end of the unit of work, after `earlier` entries.

        Return the users whose feeds have new entries.
        """
        data = self._transaction.data
        entries = [*(each for each in earlier if each.user_id not in self._dropped), *self._added]
        changed = []
        for user_id, of_user in groupby(coalesced(entries), key=lambda entry: entry.user_id):
            if data.users.get(user_id) is None:
                raise RuntimeError(f"User {user_id} does not exist.")
            feed = self._feed(user_id)
            head = feed.head
            for entry in of_user:
                head += 1
                self._transaction.put(data.entries, StoredEntry(head, entry, now))
            self._transaction.put(data.feeds, replace(feed, head=head))
            changed.append(user_id)
        return changed

    def heads(self, user_ids: Collection[UUID]) -> Mapping[UUID, int]:
        return {user_id: head for user_id in user_ids if (head := self._feed(user_id).head)}

    def state(self, user_id: UUID) -> FeedState:
        feed = self._feed(user_id)
        return FeedState(feed.head, self._epoch, feed.swept)

    def page(
        self, user_id: UUID, after: int, limit: int, types: Collection[ItemType], tombstones_after: int = 0
    ) -> Sequence[FeedItem]:
        data = self._transaction.data
        keys = data.entries_of.keys(user_id)
        found: list[FeedItem] = []
        for _, id_ in keys[bisect_right(keys, (after, _LAST)) :]:
            stored = data.entries.get(id_)
            assert stored is not None, "every indexed row is stored"
            entry = stored.entry
            if entry.type in types and (entry.op is Op.UPSERT or stored.sequence > tombstones_after):
                found.append(FeedItem(stored.sequence, entry, self._item(entry)))
                if len(found) == limit:
                    break
        return found

    def entries(self, user_id: UUID, types: Collection[ItemType]) -> Sequence[FeedEntry]:
        data = self._transaction.data
        found = (data.entries.get(id_) for _, id_ in data.entries_of.keys(user_id))
        shown = [each.entry for each in found if each and each.entry.type in types]
        not_ready = MemoryCategories(self._transaction).not_ready(user_id)
        items = ((entry, self._item(entry)) for entry in shown)
        return [
            entry
            for entry, item in items
            if item and can_see(item, user_id) and not is_awaited(item, user_id, not_ready)
        ]

    def tombstones(self, user_id: UUID, type: ItemType, ids: Collection[UUID]) -> Mapping[UUID, FeedEntry]:
        found = (self._transaction.data.entries.get(entry_id(user_id, type, id_)) for id_ in ids)
        entries = (stored.entry for stored in found if stored is not None)
        return deletions((entry for entry in entries if entry.op is Op.DELETE), self._added, user_id, type, ids)

    def drop(self, user_id: UUID) -> None:
        data = self._transaction.data
        self._dropped.add(user_id)
        self._added = [entry for entry in self._added if entry.user_id != user_id]
        for _, id_ in tuple(data.entries_of.keys(user_id)):
            self._transaction.drop(data.entries, id_)
        self._transaction.drop(data.feeds, user_id)

    def purge_before(self, before: datetime, limit: int) -> int:
        data = self._transaction.data
        old = [each for each in data.entries.rows() if each.entry.op is Op.DELETE and each.recorded_at < before][:limit]
        for stored in old:
            self._transaction.drop(data.entries, stored.id)
            feed = self._feed(stored.entry.user_id)
            self._transaction.put(data.feeds, replace(feed, swept=max(feed.swept, stored.sequence)))
        return len(old)

    def _item(self, entry: FeedEntry) -> Item | None:
        item: Item | None = self._transaction.data.synced[entry.type](entry.id) if entry.op is Op.UPSERT else None
        if isinstance(item, Task):
            return seen_by(entry.user_id, item) if self._transaction.is_findable(item) else None
        return item

    def _feed(self, user_id: UUID) -> Feed:
        return self._transaction.data.feeds.get(user_id) or Feed(user_id, 0)
