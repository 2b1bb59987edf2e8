"""The trash in SQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, bindparam, delete, or_, select, tuple_

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.reminders import REMINDERS
from tasktracker.adapters.sql.schema import reminders, task_entries, tasks
from tasktracker.adapters.sql.task_lists import IS_LISTED, IS_OWN, in_my_lists, viewing
from tasktracker.adapters.sql.task_rows import FINDABLE, SEEN_TASKS, TASKS
from tasktracker.adapters.sql.tasks import SqlTasks
from tasktracker.adapters.sql.usage import SqlUsage, of_task
from tasktracker.domain.feed.entries import entries_of
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.tasks.query import TaskKey, trash_key
from tasktracker.domain.tasks.task import Task

_PURGE = delete(tasks).where(tasks.c.id == bindparam("id"))
_REMOVE_REMINDERS = (
    delete(reminders).where(reminders.c.task.in_(bindparam("ids", expanding=True))).returning(*REMINDERS.columns)
)
_FIND = select(*TASKS.columns).where(tasks.c.id == bindparam("id"), tasks.c.trashed_at.is_not(None))
_DELETED_IN = select(*TASKS.columns).where(
    tasks.c.root == bindparam("root"), tasks.c.trashed_with == tasks.c.id, FINDABLE
)
_EXPIRED = (
    select(tasks.c.id)
    .where(tasks.c.trashed_at < bindparam("before"), tasks.c.trashed_with == tasks.c.id, FINDABLE)
    .order_by(tasks.c.trashed_at, tasks.c.id)
    .limit(bindparam("limit", type_=Integer))
)


@cache
def _list(after: bool, in_category: bool) -> Select[Any]:
    entry = task_entries.c
    statement = (
        select(*SEEN_TASKS)
        .join_from(task_entries, tasks, tasks.c.id == entry.task_id)
        .where(
            entry.user_id == bindparam("user_id"),
            entry.trashed_at.is_not(None),
            IS_LISTED,
            tasks.c.trashed_with == tasks.c.id,
            FINDABLE,
        )
    )
    roles = (Role.OWNER, Role.EDITOR) if in_category else (Role.OWNER,)
    statement = statement.where(or_(IS_OWN, in_my_lists(*roles)))
    if in_category:
        statement = statement.where(entry.category == bindparam("category"))
    if after:
        position = tuple_(
            bindparam("after_value", type_=entry.trashed_at.type), bindparam("after_id", type_=entry.task_id.type)
        )
        statement = statement.where(tuple_(entry.trashed_at, entry.task_id) < position)
    last_first = statement.order_by(entry.trashed_at.desc(), entry.task_id.desc())
    return last_first.limit(bindparam("limit", type_=Integer))


class SqlTrash:
    """Implements TrashRepository."""

    __slots__ = ("_connection", "_tasks", "_usage")

    def __init__(self, connection: Connection, tasks: SqlTasks, usage: SqlUsage) -> None:
        self._connection = connection
        self._usage = usage
        self._tasks = tasks

    def list(
        self, user_id: UUID, after: TaskKey[datetime] | None, limit: int, category: UUID | None = None
    ) -> Page[Task, TaskKey[datetime]]:
        parameters = viewing(user_id) | {"limit": limit + 1}
        if category is not None:
            parameters["category"] = category
        if after is not None:
            parameters |= {"after_value": after.value, "after_id": after.id}
        rows = self._connection.rows(_list(after is not None, category is not None), parameters)
        return Page.cut(TASKS.entities(rows), limit, trash_key)

    def find(self, task_id: UUID) -> Task | None:
        row = self._connection.one(_FIND, {"id": task_id})
        return None if row is None else TASKS.entity(row)

    def deleted_in(self, root: UUID) -> Sequence[Task]:
        return TASKS.entities(self._connection.rows(_DELETED_IN, {"root": root}))

    def purge(self, tasks: Collection[Task]) -> None:
        self._tasks.revoke_former(tasks)
        for row in self._connection.change_returning(_REMOVE_REMINDERS, {"ids": [task.id for task in tasks]}):
            self._tasks.revoked += entries_of(REMINDERS.entity(row), None)
        # The foreign keys delete entries and histories, too.
        self._connection.change_all(_PURGE, [{"id": task.id} for task in tasks])
        for task in tasks:
            self._usage.add(task.owner, -of_task(task))

    def expired(self, before: datetime, limit: int) -> Sequence[UUID]:
        return [task_id for (task_id,) in self._connection.rows(_EXPIRED, {"before": before, "limit": limit})]
