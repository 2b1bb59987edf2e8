"""Reminders in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from tasktracker.adapters.memory.notifications import MemoryNotifications
from tasktracker.adapters.memory.tables import Transaction
from tasktracker.domain.kernel.errors import IdTaken
from tasktracker.domain.reminders.reminder import LocalHour, Reminder
from tasktracker.domain.tasks.task import Task


class MemoryReminders:
    """Implements ReminderRepository."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, reminder: Reminder) -> None:
        data = self._transaction.data
        if data.reminders.get(reminder.id) is not None:
            raise self._transaction.refusal(IdTaken())
        if data.tasks.get(reminder.task) is None or data.users.get(reminder.user_id) is None:
            raise RuntimeError(f"The task or the user of reminder {reminder.id} does not exist.")
        self.save(reminder)

    def find(self, user_id: UUID, reminder_id: UUID) -> Reminder | None:
        found = self._transaction.data.reminders.get(reminder_id)
        return found if found is not None and found.user_id == user_id else None

    def list(self, user_id: UUID, *task_ids: UUID) -> Sequence[Reminder]:
        return [each for each in self._of(user_id) if each.task in task_ids]

    def of_task(self, task_id: UUID) -> Sequence[Reminder]:
        return self._found(self._transaction.data.reminders_on.keys(task_id))

    def of_days(self, user_id: UUID) -> Sequence[tuple[Reminder, Task]]:
        found = self._with_tasks(self._of(user_id))
        return [(each, task) for each, task in found if each.before is not None and task.due_on is not None]

    def in_category(self, category_id: UUID, user_ids: Collection[UUID]) -> Sequence[tuple[Reminder, Task]]:
        found = self._with_tasks(each for user_id in user_ids for each in self._of(user_id))
        return [(each, task) for each, task in found if task.root_category == category_id]

    def hours(self, user_ids: Collection[UUID]) -> Mapping[UUID, LocalHour]:
        users, preferences = self._transaction.data.users, MemoryNotifications(self._transaction).preferences
        found = (user for user_id in user_ids if (user := users.get(user_id)) is not None)
        return {user.id: LocalHour(user.time_zone, preferences(user.id).reminder_hour) for user in found}

    def save(self, reminder: Reminder) -> None:
        self._transaction.put(self._transaction.data.reminders, reminder)

    def remove(self, reminder_id: UUID) -> None:
        self._transaction.drop(self._transaction.data.reminders, reminder_id)

    def next_moment(self) -> datetime | None:
        rows = self._transaction.data.reminders.rows()
        return min((each.fires_at for each in rows if each.fires_at), default=None)

    def claim_due(self, now: datetime, limit: int) -> Sequence[Reminder]:
        self._transaction.require_writable()
        rows = self._transaction.data.reminders.rows()
        due = sorted((each.fires_at, each.id) for each in rows if each.fires_at and each.fires_at <= now)
        return self._found(id_ for _, id_ in due[:limit])

    def _of(self, user_id: UUID) -> Sequence[Reminder]:
        return self._found(id_ for _, id_ in self._transaction.data.reminders_of.keys(user_id))

    def _found(self, ids: Iterable[UUID]) -> Sequence[Reminder]:
        found = (self._transaction.data.reminders.get(id_) for id_ in tuple(ids))
        return [each for each in found if each is not None]

    def _with_tasks(self, reminders: Iterable[Reminder]) -> Sequence[tuple[Reminder, Task]]:
        found = ((each, self._transaction.data.task(each.task)) for each in sorted(reminders, key=lambda each: each.id))
        return [(each, task) for each, task in found if task is not None]
