"""Bulk access to tasks and categories, in SQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, bindparam, func, or_, select, tuple_

from tasktracker.adapters.sql.categories import CATEGORIES
from tasktracker.adapters.sql.conditions import Mostly
from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.schema import categories, task_entries, tasks
from tasktracker.adapters.sql.task_lists import IS_OWN
from tasktracker.adapters.sql.task_rows import FINDABLE, SEEN_TASKS, TASKS, entry_rows
from tasktracker.adapters.sql.tasks import ADD, ADD_ENTRY
from tasktracker.adapters.sql.usage import SqlUsage, of_task
from tasktracker.domain.categories.category import Category
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.tasks.query import TaskKey, trash_key
from tasktracker.domain.tasks.task import Task

_COUNT = select(func.count()).select_from(tasks).where(tasks.c.owner == bindparam("user_id"))
# The index has the same condition on the owner.
_CREATED = (
    select(*SEEN_TASKS)
    .where(tasks.c.created_by == bindparam("user_id"), tasks.c.created_by != tasks.c.owner, FINDABLE)
    .order_by(tasks.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_CREATED_AFTER = _CREATED.where(tasks.c.id > bindparam("after"))
_TASKS = select(*TASKS.columns).where(tasks.c.id.in_(bindparam("ids", expanding=True)))
_LOCK_TASKS = (
    select(tasks.c.id).where(tasks.c.id.in_(bindparam("ids", expanding=True))).order_by(tasks.c.id).with_for_update()
)
_CATEGORIES = (
    select(*CATEGORIES.columns)
    .where(
        categories.c.user_id == bindparam("user_id"),
        categories.c.removed_at.is_(None),
        or_(
            categories.c.id.in_(bindparam("ids", expanding=True)),
            categories.c.name_key.in_(bindparam("keys", expanding=True)),
        ),
    )
    .order_by(categories.c.id)
)
_LOCK_CATEGORIES = _CATEGORIES.with_only_columns(categories.c.id).with_for_update(key_share=True)
_TAKEN = select(categories.c.id).where(categories.c.id.in_(bindparam("ids", expanding=True)))


@cache
def _trashed(after: bool) -> Select[Any]:
    entry = task_entries.c
    statement = (
        select(*SEEN_TASKS)
        .join_from(task_entries, tasks, tasks.c.id == entry.task_id)
        .where(
            entry.user_id == bindparam("user_id"),
            entry.trashed_at.is_not(None),
            Mostly(IS_OWN),
            FINDABLE,
        )
    )
    if after:
        position = tuple_(
            bindparam("after_value", type_=entry.trashed_at.type), bindparam("after_id", type_=entry.task_id.type)
        )
        statement = statement.where(tuple_(entry.trashed_at, entry.task_id) > position)
    return statement.order_by(entry.trashed_at, entry.task_id).limit(bindparam("limit", type_=Integer))


class SqlBulkRepository:
    """Implements BulkRepository."""

    __slots__ = ("_connection", "_usage")

    def __init__(self, connection: Connection, usage: SqlUsage) -> None:
        self._connection = connection
        self._usage = usage

    def count(self, user_id: UUID) -> int:
        row = self._connection.one(_COUNT, {"user_id": user_id})
        assert row is not None, "count() returns a row"
        return int(row[0])

    def trashed(self, user_id: UUID, after: TaskKey[datetime] | None, limit: int) -> Page[Task, TaskKey[datetime]]:
        parameters: dict[str, Any] = {"user_id": user_id, "limit": limit + 1}
        if after is not None:
            parameters |= {"after_value": after.value, "after_id": after.id}
        rows = self._connection.rows(_trashed(after is not None), parameters)
        return Page.cut(TASKS.entities(rows), limit, trash_key)

    def created(self, user_id: UUID, after: UUID | None, limit: int) -> Page[Task, UUID]:
        parameters: dict[str, Any] = {"user_id": user_id, "limit": limit + 1}
        statement = _CREATED
        if after is not None:
            statement, parameters = _CREATED_AFTER, parameters | {"after": after}
        rows = self._connection.rows(statement, parameters)
        return Page.cut(TASKS.entities(rows), limit, lambda task: task.id)

    def find_tasks(self, task_ids: Collection[UUID]) -> Sequence[Task]:
        return TASKS.entities(self._connection.rows_of_many(_TASKS, "ids", task_ids))

    def lock(self, task_ids: Collection[UUID]) -> None:
        if task_ids:
            self._connection.rows(_LOCK_TASKS, {"ids": list(task_ids)})

    def find_categories(
        self, user_id: UUID, category_ids: Collection[UUID], name_keys: Collection[str]
    ) -> Sequence[Category]:
        if not category_ids and not name_keys:
            return []
        parameters = {"user_id": user_id, "ids": list(category_ids), "keys": list(name_keys)}
        if self._connection.is_writing:
            # This is one statement for any number of values, so that the locks are taken in order. The categories are
            # read again after the locks, because their members are other rows, which may have changed before the locks.
            self._connection.rows(_LOCK_CATEGORIES, parameters)
        return CATEGORIES.entities(self._connection.rows(_CATEGORIES, parameters))

    def taken(self, category_ids: Collection[UUID]) -> Collection[UUID]:
        return {id_ for (id_,) in self._connection.rows_of_many(_TAKEN, "ids", category_ids)}

    def add(self, tasks: Sequence[Task]) -> None:
        rows = [TASKS.row(task) for task in tasks]
        entries = [entry for task, row in zip(tasks, rows, strict=True) for entry in entry_rows(task, row)]
        self._connection.change_all(ADD, rows)
        self._connection.change_all(ADD_ENTRY, entries)
        for task in tasks:
            self._usage.add(task.owner, of_task(task))
