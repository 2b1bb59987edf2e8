"""The repository of reminders, and units of work on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.accounts.ports import UserRepository
from tasktracker.domain.deliveries.ports import DeliveryWork
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.changes import ChangeLog, ChangingWork
from tasktracker.domain.notifications.ports import NotificationRepository
from tasktracker.domain.reminders.reminder import LocalHour, Reminder
from tasktracker.domain.tasks.ports import TaskRepository, TreeWork
from tasktracker.domain.tasks.task import Task


class ReminderRepository(Protocol):
    """Reminders of all users. They are removed with their task and with their user.

    A unit of work that changes a task and its reminders locks the task first. One that changes the reminders of a user
    locks the user first. Both then lock the reminders in the order of their ids, and read the rest after that. So both
    changes take effect on each reminder.
    """

    def add(self, reminder: Reminder) -> None:
        """Store a new reminder. The unit of work must have locked the task. Raises IdTaken."""
        ...

    def find(self, user_id: UUID, reminder_id: UUID) -> Reminder | None:
        """Return a user's reminder. A unit of work that writes locks the row until its end."""
        ...

    def list(self, user_id: UUID, *task_ids: UUID) -> Sequence[Reminder]:
        """Return a user's reminders of these tasks, the oldest first. Locks nothing."""
        ...

    def of_task(self, task_id: UUID) -> Sequence[Reminder]:
        """Return all users' reminders of a task, ordered by id, and lock them.

        After the task was saved in this unit of work, this needs no statement if there are none.
        """
        ...

    def of_days(self, user_id: UUID) -> Sequence[tuple[Reminder, Task]]:
        """Return a user's reminders before days on which tasks are due, with the tasks. Lock the reminders."""
        ...

    def in_category(self, category_id: UUID, user_ids: Collection[UUID]) -> Sequence[tuple[Reminder, Task]]:
        """Return these users' reminders of tasks whose root is in a category, with the tasks. Lock the reminders."""
        ...

    def hours(self, user_ids: Collection[UUID]) -> Mapping[UUID, LocalHour]:
        """Return when a day becomes due for each of these users. Locks nothing."""
        ...

    def save(self, reminder: Reminder) -> None:
        """Store a changed reminder, which the unit of work has locked."""
        ...

    def remove(self, reminder_id: UUID) -> None:
        """Remove a reminder."""
        ...

    def next_moment(self) -> datetime | None:
        """Return when the next reminder fires, which may have passed, or None if none is to fire. Locks nothing."""
        ...

    def claim_due(self, now: datetime, limit: int) -> Sequence[Reminder]:
        """Return at most `limit` reminders that are due to fire, the earliest first, and lock them.

        Rows that another unit of work has locked are left out.
        """
        ...


class ReminderWork(TreeWork, ChangingWork, Protocol):
    """A unit of work on the actor's reminders."""

    @property
    def reminders(self) -> ReminderRepository: ...


class ReschedulingWork(Protocol):
    """A unit of work that changes when the reminders and the summary of a user are due."""

    @property
    def now(self) -> datetime: ...
    @property
    def changes(self) -> ChangeLog: ...
    @property
    def reminders(self) -> ReminderRepository: ...
    @property
    def notifications(self) -> NotificationRepository: ...


class PreferenceWork(ReschedulingWork, Protocol):
    """A unit of work on the preferences of the actor."""

    @property
    def actor(self) -> SessionActor: ...
    @property
    def users(self) -> UserRepository: ...


class UnsubscribingWork(Protocol):
    """A unit of work in which a user unsubscribes from mails."""

    @property
    def now(self) -> datetime: ...
    @property
    def users(self) -> UserRepository: ...
    @property
    def notifications(self) -> NotificationRepository: ...


class FiringWork(ReschedulingWork, DeliveryWork, Protocol):
    """A unit of work that fires reminders and prepares their mails, for any actor."""

    @property
    def tasks(self) -> TaskRepository: ...
    @property
    def users(self) -> UserRepository: ...
