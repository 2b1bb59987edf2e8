"""Bulk access to tasks and categories, in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from tasktracker.adapters.memory.tables import Transaction, seen_by
from tasktracker.adapters.memory.tasks import MemoryTasks, visible
from tasktracker.domain.categories.category import Category
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.tasks.query import TaskKey, trash_key
from tasktracker.domain.tasks.task import Task


class MemoryBulkRepository:
    """Implements BulkRepository."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def count(self, user_id: UUID) -> int:
        return sum(task.owner == user_id for task in visible(self._transaction, user_id))

    def trashed(self, user_id: UUID, after: TaskKey[datetime] | None, limit: int) -> Page[Task, TaskKey[datetime]]:
        own = [task for task in visible(self._transaction, user_id) if task.trashed_at and task.owner == user_id]
        ordered = sorted(own, key=_sort_key)
        following = [task for task in ordered if after is None or _sort_key(task) > (after.value, after.id)]
        return Page.cut([seen_by(user_id, task) for task in following[: limit + 1]], limit, trash_key)

    def created(self, user_id: UUID, after: UUID | None, limit: int) -> Page[Task, UUID]:
        tasks = (task for task in self._transaction.data.tasks.rows() if after is None or task.id > after)
        ids = sorted(task.id for task in tasks if task.created_by == user_id != task.owner)
        found = [task for task in self.find_tasks(ids) if self._transaction.is_findable(task)]
        return Page.cut([seen_by(user_id, task) for task in found[: limit + 1]], limit, lambda task: task.id)

    def find_tasks(self, task_ids: Collection[UUID]) -> Sequence[Task]:
        found = (self._transaction.data.task(task_id) for task_id in task_ids)
        return [task for task in found if task is not None]

    def lock(self, task_ids: Collection[UUID]) -> None:
        """Do nothing: units of work run one at a time."""

    def find_categories(
        self, user_id: UUID, category_ids: Collection[UUID], name_keys: Collection[str]
    ) -> Sequence[Category]:
        data = self._transaction.data
        named = (id_ for key in name_keys for id_ in data.category_by_name.keys((user_id, key)))
        found = (data.categories.get(category_id) for category_id in sorted({*category_ids, *named}))
        own = [category for category in found if category is not None and category.user_id == user_id]
        return [category for category in own if not self._transaction.is_hidden(category.id)]

    def taken(self, category_ids: Collection[UUID]) -> Collection[UUID]:
        categories = self._transaction.data.categories
        return {category_id for category_id in category_ids if categories.get(category_id) is not None}

    def add(self, tasks: Sequence[Task]) -> None:
        repository = MemoryTasks(self._transaction)
        for task in tasks:
            repository.add(task)


def _sort_key(task: Task) -> tuple[datetime, UUID]:
    key = trash_key(task)
    return key.value, key.id
