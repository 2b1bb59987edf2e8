"""What a user's devices have to be told: for each item, where it stands now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from tasktracker.domain.categories.category import Category
from tasktracker.domain.tasks.task import Task


class ItemType(StrEnum):
    """What is kept in sync."""

    TASK = "task"
    CATEGORY = "category"


class Op(StrEnum):
    """What a device has to do: take the item as it is now, or let go of it."""

    UPSERT = "upsert"
    DELETE = "delete"


class Reason(StrEnum):
    """Why an item comes or goes, where that is not plain."""

    ACCESS_GRANTED = "access_granted"
    ACCESS_REVOKED = "access_revoked"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """What one user's devices have to be told of one item. The latest mark of an item stands for all before it."""

    user_id: UUID
    type: ItemType
    id: UUID
    version: int
    op: Op = Op.UPSERT
    reason: Reason | None = None

    def after(self, earlier: FeedEntry) -> FeedEntry:
        """Return this mark as it is to be told when an earlier one of the same work was not told yet."""
        if self.op is earlier.op is Op.UPSERT and self.reason is None:
            return replace(self, reason=earlier.reason)
        return self


@dataclass(frozen=True, slots=True)
class FeedItem:
    """A mark in its place in a user's feed, and the item as it is; None where it is gone."""

    sequence: int
    mark: FeedEntry
    item: Task | Category | None


def task_marks(before: Task | None, after: Task | None) -> Sequence[FeedEntry]:
    """Return what is to be told of a step from one state of a task to the next; None is for before and after it was.

    A task in the trash is gone for everybody. Whoever takes part in it again with its restoring is told nothing of
    reasons: it is their task as it was.
    """
    known = after or before
    assert known is not None, "asked of no task at all"
    version = after.version if after else known.version + 1
    saw, sees = _viewers(before), _viewers(after)
    was_there = before is not None and not before.trashed_at
    is_there = after is not None and not after.trashed_at
    marks = []
    for user_id in sorted(sees):
        reason = Reason.ACCESS_GRANTED if was_there and user_id not in saw else None
        marks.append(FeedEntry(user_id, ItemType.TASK, known.id, version, Op.UPSERT, reason))
    for user_id in sorted(saw - sees):
        reason = Reason.ACCESS_REVOKED if is_there else Reason.DELETED
        marks.append(FeedEntry(user_id, ItemType.TASK, known.id, version, Op.DELETE, reason))
    return marks


def category_mark(category: Category) -> FeedEntry:
    """Return what is to be told of a category as it is now."""
    return FeedEntry(category.user_id, ItemType.CATEGORY, category.id, category.version)


def removed_category_mark(category: Category) -> FeedEntry:
    """Return what is to be told of a category that was removed."""
    return FeedEntry(category.user_id, ItemType.CATEGORY, category.id, category.version + 1, Op.DELETE, Reason.DELETED)


def coalesced(marks: Iterable[FeedEntry]) -> Sequence[FeedEntry]:
    """Return the marks that are left of those of one work, by user and in the order in which they were last changed."""
    left: dict[tuple[UUID, ItemType, UUID], FeedEntry] = {}
    for mark in marks:
        key = (mark.user_id, mark.type, mark.id)
        earlier = left.pop(key, None)
        left[key] = mark.after(earlier) if earlier else mark
    return sorted(left.values(), key=lambda mark: mark.user_id)


def deletions(
    stored: Mapping[UUID, int], marks: Iterable[FeedEntry], user_id: UUID, type: ItemType, ids: Collection[UUID]
) -> Mapping[UUID, int]:
    """Return the versions at which items were deleted, by what is stored of that and by later marks."""
    found, asked = dict(stored), set(ids)
    for mark in marks:
        if mark.user_id == user_id and mark.type is type and mark.id in asked:
            found.pop(mark.id, None)
            if mark.op is Op.DELETE:
                found[mark.id] = mark.version
    return found


def _viewers(task: Task | None) -> set[UUID]:
    if task is None or task.trashed_at:
        return set()
    return {task.created_by, *(member.user_id for member in task.members)}
