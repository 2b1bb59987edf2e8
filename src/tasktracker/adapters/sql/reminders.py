"""Reminders in SQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, MutableSet, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Integer, bindparam, delete, func, insert, select, update

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import notification_preferences, reminders, tasks, users
from tasktracker.adapters.sql.task_rows import FINDABLE, TASKS
from tasktracker.domain.notifications.preferences import DEFAULT_HOUR
from tasktracker.domain.reminders.reminder import LocalHour, Reminder
from tasktracker.domain.tasks.task import Task

REMINDERS = Rows(Reminder, reminders, fixed=("id", "user_id", "at", "before", "created_at"))
_ALL = select(*REMINDERS.columns)
_IN_ORDER = _ALL.order_by(reminders.c.id).with_for_update(of=reminders)
_IS_DUE = reminders.c.fires_at <= bindparam("now")
_ADD = insert(reminders)
_FIND = _ALL.where(reminders.c.id == bindparam("id"), reminders.c.user_id == bindparam("user_id"))
_LOCK = _FIND.with_for_update()
_LIST = _ALL.where(
    reminders.c.user_id == bindparam("user_id"), reminders.c.task.in_(bindparam("tasks", expanding=True))
).order_by(reminders.c.created_at, reminders.c.id)
_OF_TASK = _IN_ORDER.where(reminders.c.task == bindparam("task"))
_RELATIVE = _IN_ORDER.where(reminders.c.user_id == bindparam("user_id"), reminders.c.before.is_not(None))
_IN_CATEGORY = _IN_ORDER.join_from(reminders, tasks, tasks.c.id == reminders.c.task).where(
    reminders.c.user_id.in_(bindparam("user_ids", expanding=True)), tasks.c.root_category == bindparam("category_id")
)
_TASKS = select(*TASKS.columns).where(tasks.c.id.in_(bindparam("ids", expanding=True)), FINDABLE)
_HOURS = (
    select(users.c.id, users.c.time_zone, func.coalesce(notification_preferences.c.reminder_hour, DEFAULT_HOUR))
    .outerjoin_from(users, notification_preferences, notification_preferences.c.user_id == users.c.id)
    .where(users.c.id.in_(bindparam("ids", expanding=True)))
)
_SAVE = update(reminders).where(reminders.c.id == bindparam("of_id"))
_REMOVE = delete(reminders).where(reminders.c.id == bindparam("id"))
_NEXT_MOMENT = (
    select(reminders.c.fires_at).where(reminders.c.fires_at.is_not(None)).order_by(reminders.c.fires_at).limit(1)
)
_CLAIM = (
    _ALL.where(_IS_DUE)
    .order_by(reminders.c.fires_at, reminders.c.id)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
)


class SqlReminders:
    """Implements ReminderRepository. `without` are tasks that this unit of work has saved, and that have none."""

    __slots__ = ("_connection", "_without")

    def __init__(self, connection: Connection, without: MutableSet[UUID]) -> None:
        self._connection = connection
        self._without = without

    def add(self, reminder: Reminder) -> None:
        self._connection.change(_ADD, REMINDERS.row(reminder))
        self._without.discard(reminder.task)

    def find(self, user_id: UUID, reminder_id: UUID) -> Reminder | None:
        statement = _LOCK if self._connection.is_writing else _FIND
        row = self._connection.one(statement, {"id": reminder_id, "user_id": user_id})
        return None if row is None else REMINDERS.entity(row)

    def list(self, user_id: UUID, *task_ids: UUID) -> Sequence[Reminder]:
        return REMINDERS.entities(self._connection.rows_of_many(_LIST, "tasks", sorted(task_ids), {"user_id": user_id}))

    def of_task(self, task_id: UUID) -> Sequence[Reminder]:
        if task_id in self._without:
            return ()
        return REMINDERS.entities(self._connection.rows(_OF_TASK, {"task": task_id}))

    def of_days(self, user_id: UUID) -> Sequence[tuple[Reminder, Task]]:
        found = self._with_tasks(self._connection.rows(_RELATIVE, {"user_id": user_id}))
        return [(each, task) for each, task in found if task.due_on is not None]

    def in_category(self, category_id: UUID, user_ids: Collection[UUID]) -> Sequence[tuple[Reminder, Task]]:
        return self._with_tasks(
            self._connection.rows(_IN_CATEGORY, {"category_id": category_id, "user_ids": sorted(user_ids)})
        )

    def hours(self, user_ids: Collection[UUID]) -> Mapping[UUID, LocalHour]:
        rows = self._connection.rows_of_many(_HOURS, "ids", sorted(user_ids))
        return {user_id: LocalHour(time_zone, hour) for user_id, time_zone, hour in rows}

    def save(self, reminder: Reminder) -> None:
        self._connection.change(_SAVE, REMINDERS.changes(reminder) | {"of_id": reminder.id})
        self._without.discard(reminder.task)

    def remove(self, reminder_id: UUID) -> None:
        self._connection.change(_REMOVE, {"id": reminder_id})

    def next_moment(self) -> datetime | None:
        found: datetime | None = self._connection.value(_NEXT_MOMENT)
        return found

    def claim_due(self, now: datetime, limit: int) -> Sequence[Reminder]:
        self._connection.driver_for_writing()
        return REMINDERS.entities(self._connection.rows(_CLAIM, {"now": now, "limit": limit}))

    def _with_tasks(self, rows: Sequence[Sequence[object]]) -> Sequence[tuple[Reminder, Task]]:
        """Return locked reminders with their tasks, as committed after the lock."""
        found = REMINDERS.entities(rows)
        ids = sorted({each.task for each in found})
        of_id = {task.id: task for task in TASKS.entities(self._connection.rows_of_many(_TASKS, "ids", ids))}
        return [(each, of_id[each.task]) for each in found if each.task in of_id]
