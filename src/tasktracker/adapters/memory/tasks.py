"""Tasks in memory."""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime
from itertools import islice
from uuid import UUID

from tasktracker.adapters.memory.tables import Transaction
from tasktracker.domain.errors import IdTaken, InvalidInput, Stale
from tasktracker.domain.paging import Page
from tasktracker.domain.tasks.query import TaskKey, TaskQuery
from tasktracker.domain.tasks.task import Task


class MemoryTasks:
    """Implements TaskRepository."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, task: Task) -> None:
        data = self._transaction.data
        if data.tasks.get(task.id) is not None:
            raise self._transaction.refusal(IdTaken())
        if data.users.get(task.created_by) is None:
            raise RuntimeError(f"There is no user {task.created_by}.")
        self._put(task)

    def find(self, user_id: UUID, task_id: UUID) -> Task | None:
        task = self._transaction.data.tasks.get(task_id)
        return task if task is not None and task.created_by == user_id else None

    def save(self, task: Task) -> None:
        self._require(task, task.version - 1)
        self._put(task)

    def remove(self, task: Task) -> None:
        self._require(task, task.version)
        self._transaction.drop(self._transaction.data.tasks, task.id)

    def unfile(self, user_id: UUID, category_id: UUID, now: datetime) -> None:
        for task_id in tuple(self._transaction.data.tasks_in.keys(category_id)):
            task = self.find(user_id, task_id)
            if task is not None:
                self.save(task.edit({"category": None}, now))

    def list(self, user_id: UUID, query: TaskQuery) -> Page[Task, TaskKey]:
        data = self._transaction.data
        keys = data.tasks_of.keys(user_id)
        end = len(keys) if query.after is None else bisect_left(keys, query.after)
        found = (data.tasks.get(keys[position].id) for position in range(end - 1, -1, -1))
        matching = (task for task in found if task is not None and query.matches(task))
        return Page.cut(list(islice(matching, query.limit + 1)), query.limit, TaskKey.of)

    def _require(self, task: Task, version: int) -> None:
        stored = self.find(task.created_by, task.id)
        if stored is None or stored.version != version:
            raise self._transaction.refusal(Stale(stored))

    def _put(self, task: Task) -> None:
        data = self._transaction.data
        if task.category is not None:
            category = data.categories.get(task.category)
            if category is None or category.user_id != task.created_by:
                raise self._transaction.refusal(InvalidInput.of("category", "names no category of yours"))
        self._transaction.put(data.tasks, task)
