"""The types of synced items.

A new type needs one entry here, in each storage adapter, in the mutations of `sync`, in the HTTP schemas, and in the
client. A test names a registry without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from tasktracker.domain.categories.category import Category
from tasktracker.domain.tasks.policy import viewers_of
from tasktracker.domain.tasks.task import Task

Item = Task | Category


class ItemType(StrEnum):
    """The type of a synced item."""

    TASK = "task"
    CATEGORY = "category"


@dataclass(frozen=True, slots=True)
class SyncedType:
    """A type of synced items: its entity, and the users who see an item."""

    entity: type[Item]
    type: ItemType
    viewers: Callable[[Any], frozenset[UUID]]


def _task_viewers(task: Task) -> frozenset[UUID]:
    return frozenset() if task.trashed_at else viewers_of(task)


def _category_viewers(category: Category) -> frozenset[UUID]:
    return frozenset((category.user_id, *(member.user_id for member in category.members)))


SYNCED_TYPES = (
    SyncedType(Task, ItemType.TASK, _task_viewers),
    SyncedType(Category, ItemType.CATEGORY, _category_viewers),
)
_BY_ENTITY = {each.entity: each for each in SYNCED_TYPES}


def synced_type_of(entity: type) -> SyncedType:
    """Return the synced type of an entity. Raises KeyError for an entity that is not synced."""
    return _BY_ENTITY[entity]
