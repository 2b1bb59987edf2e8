"""A reminder of a task, for one user."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypedDict
from uuid import UUID

from tasktracker.domain.kernel.fields import Editable, EditableFields, Refused, moment, optional
from tasktracker.domain.kernel.time_zones import DEFAULT_TIME_ZONE, at_hour
from tasktracker.domain.notifications.preferences import DEFAULT_HOUR
from tasktracker.domain.tasks.policy import role_of
from tasktracker.domain.tasks.task import Task

MAX_REMINDERS = 20
"""Of one task and one user."""

MAX_BEFORE = timedelta(days=366)

_DURATION = re.compile(r"P(?:(\d{1,3})D)?(?:T(?=\d)(?:(\d{1,4})H)?(?:(\d{1,6})M)?)?", re.ASCII)
EARLIEST = datetime.min.replace(tzinfo=UTC)


def duration(value: str) -> str:
    """A duration of days, hours and minutes (ISO 8601-1 §5.5.2.3), in canonical form, as in P1DT30M."""
    days, time = parts_of(value)
    if timedelta(days=days) + time > MAX_BEFORE:
        raise Refused(f"must be at most {MAX_BEFORE.days} days")
    hours, minutes = divmod(time // timedelta(minutes=1), 60)
    parts = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes or not (days or hours) else "")
    return "P" + (f"{days}D" if days else "") + (f"T{parts}" if parts else "")


def parts_of(value: str) -> tuple[int, timedelta]:
    """Return the days, and the hours and minutes, of a duration."""
    found = _DURATION.fullmatch(value)
    if found is None or found.lastindex is None:
        raise Refused("must be a duration of days, hours and minutes, as in P1DT30M")
    days, hours, minutes = (int(part or 0) for part in found.groups())
    return days, timedelta(hours=hours, minutes=minutes)


class ReminderFields(TypedDict, total=False):
    """The fields of a new reminder: one of the two."""

    at: datetime | None
    before: str | None


@dataclass(frozen=True, slots=True)
class LocalHour:
    """When a day becomes due for a user's reminders: an hour in their time zone."""

    time_zone: str = DEFAULT_TIME_ZONE
    hour: int = DEFAULT_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """A reminder of a task for one user, `at` a moment or `before` the task is due.

    `fires_at` is None while it waits: the task is closed or in the trash, has no due date, or the moment has passed.
    `fired_for` is the due date, or the moment `at`, for which it has fired. It fires only once for each of them, even
    if its user moves to another time zone.
    """

    id: UUID
    task: UUID
    user_id: UUID
    at: Annotated[datetime | None, Editable(optional(moment))] = None
    before: Annotated[str | None, Editable(optional(duration))] = None
    fires_at: datetime | None = None
    fired_for: str | None = None
    created_at: datetime
    version: int = 1

    def moment(self, task: Task, due: LocalHour) -> datetime | None:
        """Return the moment of the reminder. The days before a day are days in the user's time zone."""
        if self.before is None:
            return self.at
        days, time = parts_of(self.before)
        try:
            if task.due_on is not None:
                return at_hour(task.due_on - timedelta(days=days), due.hour, due.time_zone) - time
            return None if task.due_date is None else task.due_date - timedelta(days=days) - time
        except OverflowError:
            return EARLIEST

    def occasion(self, task: Task) -> str | None:
        """Return the due date of the task or the moment `at`, as in `fired_for`."""
        fixed = self.at if self.before is None else task.due_on or task.due_date
        return None if fixed is None else fixed.isoformat()

    def scheduled(self, task: Task, due: LocalHour, now: datetime) -> Reminder:
        """Return the reminder with its next moment, or the same object if nothing changes."""
        next_ = self.moment(task, due)
        is_passed = next_ is not None and next_ <= now and next_ != self.fires_at
        if is_passed or not is_open(task) or self.occasion(task) == self.fired_for:
            next_ = None
        return self._changed(replace(self, fires_at=next_))

    def fired(self, task: Task) -> Reminder:
        """Return the reminder after it fired, or after it was found not to be due for the task any more."""
        return self._changed(replace(self, fires_at=None, fired_for=self.occasion(task)))

    def carried_over(self, task: Task, due: LocalHour, now: datetime) -> Reminder:
        """Return the reminder as one of another task, for which it has not fired."""
        return self._changed(replace(self, task=task.id, fires_at=None, fired_for=None)).scheduled(task, due, now)

    def is_due(self, task: Task | None, due: LocalHour, at: datetime) -> bool:
        """Whether the user is to be reminded of a task at this moment: it is still open, visible and not moved."""
        if task is None or not is_open(task) or role_of(task, self.user_id) is None:
            return False
        return self.moment(task, due) == at

    def _changed(self, other: Reminder) -> Reminder:
        return self if other == self else replace(other, version=self.version + 1)


def is_open(task: Task) -> bool:
    """Whether reminders of a task can fire."""
    return not task.state.is_closed and task.trashed_at is None


REMINDER = EditableFields[ReminderFields](Reminder)
