"""The types of synced items.

A new type needs one entry here, in each storage adapter, in the mutations of `sync`, in the HTTP schemas, and in the
client. A test names a registry without it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from tasktracker.domain.categories.category import Category
from tasktracker.domain.notifications.notification import Notification
from tasktracker.domain.reminders.reminder import Reminder
from tasktracker.domain.tasks.policy import is_visible, only_category, viewers_of
from tasktracker.domain.tasks.task import Task

Item = Task | Category | Reminder | Notification


class ItemType(StrEnum):
    """The type of a synced item."""

    TASK = "task"
    CATEGORY = "category"
    REMINDER = "reminder"
    NOTIFICATION = "notification"


@dataclass(frozen=True, slots=True)
class SyncedType:
    """A type of synced items: its entity, and the users who see an item.

    `through` returns the shared category through which alone a user sees an item, if there is one.
    """

    entity: type[Item]
    type: ItemType
    viewers: Callable[[Any], frozenset[UUID]]
    through: Callable[[Any, UUID], UUID | None] = lambda _item, _user_id: None


def _task_viewers(task: Task) -> frozenset[UUID]:
    return frozenset() if task.trashed_at else viewers_of(task)


def _category_viewers(category: Category) -> frozenset[UUID]:
    return frozenset((category.user_id, *(member.user_id for member in category.members)))


def _user(item: Reminder | Notification) -> frozenset[UUID]:
    return frozenset((item.user_id,))


SYNCED_TYPES = (
    SyncedType(Task, ItemType.TASK, _task_viewers, only_category),
    SyncedType(Category, ItemType.CATEGORY, _category_viewers),
    SyncedType(Reminder, ItemType.REMINDER, _user),
    SyncedType(Notification, ItemType.NOTIFICATION, _user),
)
_BY_ENTITY = {each.entity: each for each in SYNCED_TYPES}


def synced_type_of(entity: type) -> SyncedType:
    """Return the synced type of an entity. Raises KeyError for an entity that is not synced."""
    return _BY_ENTITY[entity]


def can_see(item: Item, user_id: UUID) -> bool:
    """Whether a user has the right to see an item now, and it is not in the trash."""
    if isinstance(item, Task):  # without a set of all viewers, because pages have many tasks
        return is_visible(item, user_id)
    return user_id in synced_type_of(type(item)).viewers(item)


def is_awaited(item: Item, user_id: UUID, not_ready: Collection[UUID]) -> bool:
    """Whether an item is left out until one of these categories is ready for the user."""
    return bool(not_ready) and synced_type_of(type(item)).through(item, user_id) in not_ready
