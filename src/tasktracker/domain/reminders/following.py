"""How reminders follow their tasks, categories and users."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tasktracker.domain.categories.category import Category
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.reminders.ports import ReminderRepository, ReschedulingWork
from tasktracker.domain.reminders.reminder import EARLIEST, LocalHour, Reminder, is_open
from tasktracker.domain.tasks.policy import role_of, viewers_of
from tasktracker.domain.tasks.task import Task

Step = tuple[Reminder, Reminder | None]
"""A reminder before and after a change; None if it was removed."""


def follow_task(reminders: ReminderRepository, before: Task, after: Task, now: datetime) -> Sequence[Step]:
    """Move the reminders of a changed task with its due date, and remove those of users who lost their role.

    They wait while the task is closed or in the trash. The unit of work must have locked and saved the task.
    """
    is_moved = (before.due_on, before.due_date, is_open(before)) != (after.due_on, after.due_date, is_open(after))
    if not is_moved and viewers_of(before) <= viewers_of(after):
        return ()
    found = reminders.of_task(after.id)
    kept = {each.user_id for each in found if role_of(after, each.user_id) is not None}
    hours = reminders.hours(kept) if kept else {}
    steps: list[Step] = []
    for each in found:
        moved = each.scheduled(after, hours[each.user_id], now) if each.user_id in kept else None
        if moved is None:
            reminders.remove(each.id)
        elif moved is not each:
            reminders.save(moved)
        if moved is not each:
            steps.append((each, moved))
    return steps


def follow_members(reminders: ReminderRepository, before: Category, after: Category) -> Sequence[Step]:
    """Remove the reminders of former members of a category, of tasks in it that they cannot see any more."""
    lost = {each.user_id for each in before.members} - {each.user_id for each in after.members}
    if not lost:
        return ()
    found = reminders.in_category(after.id, lost)
    removed = [each for each, task in found if role_of(task, each.user_id) is None]
    for each in removed:
        reminders.remove(each.id)
    return [(each, None) for each in removed]


def carry_over(reminders: ReminderRepository, done: Task, next: Task, now: datetime) -> Sequence[Step]:
    """Make the reminders before the due date of a completed task reminders of its next occurrence.

    The unit of work must have locked and stored both tasks. `done` and `next` change places when this is undone.
    """
    found = [each for each in reminders.of_task(done.id) if each.before is not None]
    hours = reminders.hours({each.user_id for each in found}) if found else {}
    steps: list[Step] = []
    for each in found:
        carried = each.carried_over(next, hours[each.user_id], now)
        reminders.save(carried)
        steps.append((each, carried))
    return steps


def reschedule(work: ReschedulingWork, user_id: UUID, due: LocalHour) -> None:
    """Move a locked user's summary and their reminders before days, after a change of the time zone or the hour."""
    preferences = work.notifications.preferences(user_id)
    scheduled = preferences.scheduled(due.time_zone, work.now)
    if scheduled != preferences:
        work.notifications.save_preferences(scheduled)
    for each, task in work.reminders.of_days(user_id):
        # A moment that passes by this change is not missed: the reminder then fires at once.
        moved = each.scheduled(task, due, work.now if each.fires_at is None else EARLIEST)
        if moved is not each:
            work.reminders.save(moved)
            work.changes.record(Action.EDIT, each, moved)
