"""A device in plain Python that stores the changes it pulls."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from tasktracker.domain.feed.entries import FeedEntry, Op, Reason
from tasktracker.domain.feed.items import Item, ItemType
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.sync.cursor import SyncCursor
from tasktracker.domain.sync.digest import digest_of
from tasktracker.domain.sync.service import DEFAULT_TYPES, Changes, SyncService
from tasktracker.domain.tasks.policy import visible_category
from tasktracker.domain.tasks.task import Task

Key = tuple[ItemType, UUID]


class Device:
    """Pulls changes, and fails on inconsistent ones. It `drops` the tasks of a category that it may no longer see."""

    def __init__(
        self, sync: SyncService, actor: Actor, types: Collection[ItemType] = DEFAULT_TYPES, *, drops: bool = True
    ) -> None:
        self._sync = sync
        self.actor = actor
        self._types = types
        self._drops = drops
        self.items: dict[Key, Item] = {}
        self.cursor: SyncCursor | None = None

    def pull(self, limit: int = 100) -> Changes:
        """Pull one page."""
        changes = self._sync.pull(self.actor, self.cursor, limit, self._types)
        assert len(changes.items) <= limit
        sequence = self.cursor.sequence if self.cursor else 0
        if self.cursor and self.cursor.held and changes.items and changes.items[0].sequence <= sequence:
            sequence = self.cursor.held - 1  # a category has become ready
        for found in changes.items:
            assert found.sequence > sequence, "changes are not in order"
            sequence = found.sequence
            self._apply(found.entry, found.item)
        assert changes.next.sequence >= sequence + (changes.has_more and not changes.items)
        self.cursor = changes.next
        return changes

    def catch_up(self, limit: int = 100) -> None:
        """Pull all pages."""
        while self.pull(limit).has_more:
            pass

    def digest(self) -> tuple[int, dict[str, str]]:
        """Return the digest of the items."""
        marks = [FeedEntry(self.actor.user_id, type_, id_, item.version) for (type_, id_), item in self.items.items()]
        count, buckets = digest_of(marks)
        return count, dict(buckets)

    def require_in_sync(self) -> None:
        """Require that the service has the same digest."""
        theirs = self._sync.digest(self.actor, self._types)
        assert (theirs.count, dict(theirs.buckets)) == self.digest()

    def tasks(self) -> set[UUID]:
        """Return the ids of the tasks."""
        return {id_ for type_, id_ in self.items if type_ is ItemType.TASK}

    def stored_tasks(self) -> list[Task]:
        """Return the tasks, each as it was when the device last got it."""
        return [item for item in self.items.values() if isinstance(item, Task)]

    def _category_of(self, item: Item) -> UUID | None:
        return visible_category(item, self.actor.user_id) if isinstance(item, Task) else None

    def _apply(self, entry: FeedEntry, item: Item | None) -> None:
        assert entry.user_id == self.actor.user_id
        assert entry.type in self._types
        key = (entry.type, entry.id)
        known = self.items.get(key)
        assert known is None or entry.version >= known.version, "the version is older"
        if entry.op is Op.DELETE:
            assert item is None
            assert entry.reason in (Reason.DELETED, Reason.ACCESS_REVOKED)
            self.items.pop(key, None)
            if self._drops and entry.type is ItemType.CATEGORY and entry.reason is Reason.ACCESS_REVOKED:
                self.items = {each: item for each, item in self.items.items() if self._category_of(item) != entry.id}
        else:
            assert item is not None
            assert (item.id, item.version) == (entry.id, entry.version), "an entry and its item have different versions"
            assert entry.reason in (None, Reason.ACCESS_GRANTED)
            self.items[key] = item
