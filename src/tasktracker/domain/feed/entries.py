"""Feed entries: the current state of each item for each user."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from tasktracker.domain.feed.items import Item, ItemType, synced_type_of
from tasktracker.domain.tasks.policy import viewers_of
from tasktracker.domain.tasks.task import Task


class Op(StrEnum):
    """Whether the client must store or delete the item."""

    UPSERT = "upsert"
    DELETE = "delete"


class Reason(StrEnum):
    """Why a user can now see an item, or can no longer see it."""

    ACCESS_GRANTED = "access_granted"
    ACCESS_REVOKED = "access_revoked"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """The state of one item in one user's feed. The latest entry of an item replaces all earlier ones."""

    user_id: UUID
    type: ItemType
    id: UUID
    version: int
    op: Op = Op.UPSERT
    reason: Reason | None = None

    def merged_with(self, earlier: FeedEntry) -> FeedEntry:
        """Merge with an earlier, not yet published entry of the same unit of work."""
        if self.op is earlier.op is Op.UPSERT and self.reason is None:
            return replace(self, reason=earlier.reason)
        return self


@dataclass(frozen=True, slots=True)
class FeedItem:
    """An entry with its sequence number in a user's feed, and the current item; None if it was deleted."""

    sequence: int
    entry: FeedEntry
    item: Item | None


def entries_of(before: Item | None, after: Item | None) -> Sequence[FeedEntry]:
    """Return the feed entries of a change of an item.

    `before` is None for a new item, `after` for a removed one. An item that loses all viewers, such as a task moved to
    the trash, is deleted in all feeds. When it is restored, its viewers get it again without a reason.
    """
    item = after or before
    assert item is not None, "before and after are both None"
    synced = synced_type_of(type(item))
    version = after.version if after else item.version + 1
    viewers_before = synced.viewers(before) if before else frozenset()
    viewers_after = synced.viewers(after) if after else frozenset()
    entries = []
    for user_id in sorted(viewers_after):
        reason = Reason.ACCESS_GRANTED if viewers_before and user_id not in viewers_before else None
        entries.append(FeedEntry(user_id, synced.type, item.id, version, Op.UPSERT, reason))
    for user_id in sorted(viewers_before - viewers_after):
        reason = Reason.ACCESS_REVOKED if viewers_after else Reason.DELETED
        entries.append(FeedEntry(user_id, synced.type, item.id, version, Op.DELETE, reason))
    return entries


def coalesced(entries: Iterable[FeedEntry]) -> Sequence[FeedEntry]:
    """Merge the entries of a unit of work to one for each user and item, by user and in order of the last changes."""
    merged: dict[tuple[UUID, ItemType, UUID], FeedEntry] = {}
    for entry in entries:
        key = (entry.user_id, entry.type, entry.id)
        earlier = merged.pop(key, None)
        merged[key] = entry.merged_with(earlier) if earlier else entry
    return sorted(merged.values(), key=lambda entry: entry.user_id)


def deletions(
    stored: Iterable[FeedEntry], entries: Iterable[FeedEntry], user_id: UUID, type: ItemType, ids: Collection[UUID]
) -> Mapping[UUID, FeedEntry]:
    """Return the deletions of items by their ids: the stored ones, updated by later entries."""
    found, requested = {entry.id: entry for entry in stored}, set(ids)
    for entry in entries:
        if entry.user_id == user_id and entry.type is type and entry.id in requested:
            found.pop(entry.id, None)
            if entry.op is Op.DELETE:
                found[entry.id] = entry
    return found


def revocations(task: Task, stored: Iterable[UUID]) -> Sequence[FeedEntry]:
    """Return the deletions of a task for its stored viewers who do not see it any more.

    The stored viewers may include former members of its category: the job that follows the removal of members may not
    have reached the task.
    """
    former = sorted(set(stored) - viewers_of(task))
    return [FeedEntry(each, ItemType.TASK, task.id, task.version, Op.DELETE, Reason.ACCESS_REVOKED) for each in former]
