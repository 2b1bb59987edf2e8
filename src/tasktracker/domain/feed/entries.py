"""Feed entries: for each user and item, where the item stands now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from tasktracker.domain.feed.items import Item, ItemType, synced_type_of


class Op(StrEnum):
    """Whether to store or to delete the item."""

    UPSERT = "upsert"
    DELETE = "delete"


class Reason(StrEnum):
    """Why a user can see an item now, or can no longer see it."""

    ACCESS_GRANTED = "access_granted"
    ACCESS_REVOKED = "access_revoked"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """The state of one item in one user's feed. The latest entry of an item stands for all before it."""

    user_id: UUID
    type: ItemType
    id: UUID
    version: int
    op: Op = Op.UPSERT
    reason: Reason | None = None

    def after(self, earlier: FeedEntry) -> FeedEntry:
        """Return this entry as it is published when an earlier one of the same work was not yet."""
        if self.op is earlier.op is Op.UPSERT and self.reason is None:
            return replace(self, reason=earlier.reason)
        return self


@dataclass(frozen=True, slots=True)
class FeedItem:
    """An entry with its sequence number in a user's feed, and the item as it is; None where it is gone."""

    sequence: int
    entry: FeedEntry
    item: Item | None


def entries_of(before: Item | None, after: Item | None) -> Sequence[FeedEntry]:
    """Return the feed entries of the step from one state of an item to the next.

    None is for an item that is not there, before or after. An item without viewers, as a task in the trash, is deleted
    in all their feeds. When it is restored, they get it again without a reason: it is their item as it was.
    """
    known = after or before
    assert known is not None, "a step from nothing to nothing"
    synced = synced_type_of(type(known))
    version = after.version if after else known.version + 1
    saw = synced.viewers(before) if before else frozenset()
    sees = synced.viewers(after) if after else frozenset()
    entries = []
    for user_id in sorted(sees):
        reason = Reason.ACCESS_GRANTED if saw and user_id not in saw else None
        entries.append(FeedEntry(user_id, synced.type, known.id, version, Op.UPSERT, reason))
    for user_id in sorted(saw - sees):
        reason = Reason.ACCESS_REVOKED if sees else Reason.DELETED
        entries.append(FeedEntry(user_id, synced.type, known.id, version, Op.DELETE, reason))
    return entries


def coalesced(entries: Iterable[FeedEntry]) -> Sequence[FeedEntry]:
    """Return what is left of the entries of one work, by user and in the order in which they were last changed."""
    left: dict[tuple[UUID, ItemType, UUID], FeedEntry] = {}
    for entry in entries:
        key = (entry.user_id, entry.type, entry.id)
        earlier = left.pop(key, None)
        left[key] = entry.after(earlier) if earlier else entry
    return sorted(left.values(), key=lambda entry: entry.user_id)


def deletions(
    stored: Mapping[UUID, int], entries: Iterable[FeedEntry], user_id: UUID, type: ItemType, ids: Collection[UUID]
) -> Mapping[UUID, int]:
    """Return the versions at which items were deleted, by what is stored of that and by later entries."""
    found, asked = dict(stored), set(ids)
    for entry in entries:
        if entry.user_id == user_id and entry.type is type and entry.id in asked:
            found.pop(entry.id, None)
            if entry.op is Op.DELETE:
                found[entry.id] = entry.version
    return found
