"""Firing reminders when they are due, and adding daily summaries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Generic, TypeVar
from uuid import UUID, uuid5

from tasktracker.domain.accounts.user import User
from tasktracker.domain.deliveries.delivery import DeliveryKind
from tasktracker.domain.deliveries.outbox import Outbox
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.store import Store
from tasktracker.domain.notifications.notification import Notification, NotificationKind
from tasktracker.domain.notifications.service import notify
from tasktracker.domain.reminders.ports import FiringWork
from tasktracker.domain.reminders.reminder import LocalHour, Reminder

BATCH = 10
"""Reminders and summaries of one unit of work, which takes some milliseconds."""

WorkT = TypeVar("WorkT", bound=FiringWork)


@dataclass(frozen=True, slots=True)
class Fired:
    """What a unit of work did: the lateness of each reminder that fired, and the number of summaries."""

    lateness: tuple[timedelta, ...]
    summaries: int


class Firing(Generic[WorkT]):
    """The process that fires reminders and adds summaries. Several of them, in any processes, share the work.

    Each reminder is claimed, checked and fired in one transaction, together with its notification and its mail. So it
    fires once, and a process that ends leaves it to the others. `clock` must be the same for all hosts.
    """

    def __init__(self, *, store: Store[SystemActor, WorkT], clock: Clock, outbox: Outbox) -> None:
        self._store = store
        self._clock = clock
        self._outbox = outbox

    def run_next(self, is_stopping: Callable[[], bool] = lambda: False) -> Fired | None:
        """Fire the next reminders, and add the next summaries. Return None if nothing is due."""
        now = self._clock.now()
        with self._store.reading(SystemActor("find reminders")) as work:
            moment = work.reminders.next_moment()
            is_due = (moment is not None and moment <= now) or work.notifications.has_summary_due(now)
        if not is_due or is_stopping():
            return None  # without waiting for SQLite's writer
        with self._store.writing(SystemActor("fire reminders")) as work:
            begin = monotonic()
            due = work.reminders.claim_due(now, BATCH)
            hours = work.reminders.hours({each.user_id for each in due})
            users = {user_id: work.users.find_unlocked(user_id) for user_id in hours}
            fired = [each for each in due if self._fire(work, each, users[each.user_id], hours[each.user_id])]
            summaries = work.notifications.claim_summaries(now, BATCH)
            for preferences in summaries:
                user = work.users.find_unlocked(preferences.user_id)
                zone = user.time_zone if user else LocalHour().time_zone
                work.notifications.save_preferences(preferences.scheduled(zone, now))
                if user is not None and user.is_active and user.verified_email:
                    cause = uuid5(user.id, f"summary {preferences.next_summary_at}")
                    self._outbox.add(work, DeliveryKind.DAILY_SUMMARY, cause, user_id=user.id)
        sleep(monotonic() - begin)  # others get as much time to write
        return Fired(tuple(now - each.fires_at for each in fired if each.fires_at), len(summaries))

    def run_all(self) -> int:
        """Fire all reminders that are due, and return their number."""
        count = 0
        while (fired := self.run_next()) is not None:
            count += len(fired.lateness)
        return count

    def _fire(self, work: WorkT, reminder: Reminder, user: User | None, due: LocalHour) -> bool:
        """Fire a claimed reminder, and return True, unless its user or its task does not need it any more."""
        # The task is not locked: a unit of work that changes it locks the task first, and then waits for the reminder.
        task, moment = work.tasks.find_unlocked(reminder.task), reminder.fires_at
        assert moment is not None, "it was due"
        is_due = user is not None and user.is_active and reminder.is_due(task, due, moment)
        if task is None or not is_due:
            fired = replace(reminder, fires_at=None, version=reminder.version + 1)
        else:
            fired = reminder.fired(task)
        work.reminders.save(fired)
        work.changes.record(Action.EDIT, reminder, fired)
        if is_due and user is not None:
            self._remind(work, fired, user, moment)
        return is_due

    def _remind(self, work: WorkT, reminder: Reminder, user: User, moment: datetime) -> None:
        """Add the notification and, if the user wants it, the mail. Reminders of one moment give only one."""
        notification = Notification(
            id=notification_id(reminder.task, user.id, moment),
            user_id=user.id,
            kind=NotificationKind.REMINDER,
            task=reminder.task,
            moment=moment,
            created_at=work.now,
        )
        notify(work, notification)
        if user.verified_email and work.notifications.preferences(user.id).reminder_mails:
            parameters = {"reminder": str(reminder.id), "task": str(reminder.task)}
            self._outbox.add(work, DeliveryKind.REMINDER, notification.id, user_id=user.id, parameters=parameters)


def notification_id(task_id: UUID, user_id: UUID, moment: datetime) -> UUID:
    """Return the id of the notification of a user, a task and a moment."""
    return uuid5(task_id, f"{user_id} {moment.isoformat()}")
