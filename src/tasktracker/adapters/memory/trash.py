"""The trash in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from tasktracker.adapters.memory.tables import Transaction, seen_by
from tasktracker.adapters.memory.tasks import MemoryTasks, visible
from tasktracker.domain.feed.entries import entries_of
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.tasks.policy import can_organise, role_of, visible_category
from tasktracker.domain.tasks.query import TaskKey, trash_key
from tasktracker.domain.tasks.task import Task


class MemoryTrash:
    """Implements TrashRepository."""

    def __init__(self, transaction: Transaction, tasks: MemoryTasks) -> None:
        self._transaction = transaction
        self._tasks = tasks

    def list(
        self, user_id: UUID, after: TaskKey[datetime] | None, limit: int, category: UUID | None = None
    ) -> Page[Task, TaskKey[datetime]]:
        def is_listed(task: Task) -> bool:
            if category is None:
                return role_of(task, user_id) is Role.OWNER
            return can_organise(task, user_id) and visible_category(task, user_id) == category

        keys = sorted(
            (
                (task.trashed_at, task.id)
                for task in visible(self._transaction, user_id)
                if task.trashed_at and task.trashed_with == task.id and is_listed(task)
            ),
            reverse=True,
        )
        keys = [key for key in keys if after is None or key < (after.value, after.id)][: limit + 1]
        found = (self._transaction.data.task(task_id) for _, task_id in keys)
        return Page.cut([seen_by(user_id, task) for task in found if task is not None], limit, trash_key)

    def find(self, task_id: UUID) -> Task | None:
        task = self._transaction.data.task(task_id)
        return task if task is not None and task.trashed_at else None

    def deleted_in(self, root: UUID) -> Sequence[Task]:
        data = self._transaction.data
        found = (data.task(task_id) for task_id in data.tasks_under.keys(root))
        return [task for task in found if task and task.trashed_with == task.id and self._transaction.is_findable(task)]

    def purge(self, tasks: Collection[Task]) -> None:
        data = self._transaction.data
        for task in tasks:
            if data.tasks_below.keys(task.id):
                raise RuntimeError(f"Task {task.id} still has subtasks.")
            for key in tuple(data.changes_of.keys(task.id)):
                self._transaction.drop(data.changes, key.id)
            self._tasks.revoke_former(task)
            for reminder_id in tuple(data.reminders_on.keys(task.id)):
                reminder = data.reminders.get(reminder_id)
                self._tasks.revoked += entries_of(reminder, None)
                self._transaction.drop(data.reminders, reminder_id)
            self._transaction.drop(data.viewers, task.id)
            self._transaction.drop(data.tasks, task.id)

    def expired(self, before: datetime, limit: int) -> Sequence[UUID]:
        found = sorted(
            (task.trashed_at, task.id)
            for task in self._transaction.data.tasks.rows()
            if task.trashed_at and task.trashed_at < before and task.trashed_with == task.id
            if self._transaction.is_findable(task)
        )
        return [task_id for _, task_id in found[:limit]]
