"""Use cases on reminders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.clock import IdGenerator
from tasktracker.domain.kernel.errors import InvalidInput, ReminderNotFound, TooManyReminders
from tasktracker.domain.kernel.versions import with_version_after
from tasktracker.domain.reminders.ports import ReminderWork
from tasktracker.domain.reminders.reminder import MAX_REMINDERS, REMINDER, Reminder, ReminderFields
from tasktracker.domain.tasks.policy import require_visible


class ReminderService:
    """Use cases on the actor's own reminders of tasks that the actor can see."""

    def __init__(self, *, ids: IdGenerator) -> None:
        self._ids = ids

    def list(self, work: ReminderWork, task_id: UUID) -> Sequence[Reminder]:
        """Return the reminders of a task, the oldest first. Raises TaskNotFound."""
        require_visible(work.tasks.find(task_id), work.actor.user_id)
        return work.reminders.list(work.actor.user_id, task_id)

    def create(
        self, work: ReminderWork, task_id: UUID, fields: ReminderFields, reminder_id: UUID | None = None
    ) -> Reminder:
        """Add a reminder of a task, with the caller's id if one is given.

        Raises InvalidInput, TaskNotFound, TooManyReminders, IdTaken.
        """
        fields = REMINDER.complete(fields)
        at, before = fields["at"], fields["before"]
        if (at is None) is (before is None):
            problem = "is required, unless before is set" if at is None else "cannot be set together with before"
            raise InvalidInput.of("at", problem)
        if at is not None and at <= work.now:
            raise InvalidInput.of("at", "must be in the future")
        task = require_visible(work.tasks.find(task_id), work.actor.user_id)
        user_id = work.actor.user_id
        others = work.reminders.list(user_id, task_id)
        if any((each.at, each.before) == (at, before) for each in others):
            raise InvalidInput.of("at" if before is None else "before", "is set for this task already")
        if len(others) >= MAX_REMINDERS:
            raise TooManyReminders(f"A task has at most {MAX_REMINDERS} reminders for one user.")
        new_id = reminder_id or self._ids.new()
        reminder = Reminder(id=new_id, task=task.id, user_id=user_id, created_at=work.now, at=at, before=before)
        if reminder_id is not None:
            reminder = with_version_after(reminder, work.changes.deleted_version(Reminder, reminder_id))
        scheduled = reminder.scheduled(task, work.reminders.hours([user_id])[user_id], work.now)
        reminder = replace(scheduled, version=reminder.version)
        work.reminders.add(reminder)
        work.changes.record(Action.CREATE, None, reminder)
        return reminder

    def delete(self, work: ReminderWork, reminder_id: UUID, task_id: UUID | None = None) -> Reminder:
        """Remove a reminder, of this task if one is given, and return it. Raises ReminderNotFound."""
        reminder = work.reminders.find(work.actor.user_id, reminder_id)
        if reminder is None or task_id not in (None, reminder.task):
            raise ReminderNotFound
        work.reminders.remove(reminder.id)
        work.changes.record_removal(reminder)
        return reminder
