"""Tasks in SQL.

A task's row holds the whole task. For lists, each viewer of a task, the creator included, has an entry with the columns
that lists filter and sort by. So a page is a range of one index, for any number of tasks, shared ones included.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    Integer,
    and_,
    bindparam,
    case,
    delete,
    insert,
    select,
    update,
)

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.schema import task_entries, tasks
from tasktracker.adapters.sql.task_lists import list_tasks
from tasktracker.adapters.sql.task_rows import ENTRY_CHANGES, FINDABLE, TASKS, entry_of, entry_rows
from tasktracker.domain.kernel.errors import Stale
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.tasks.member import Role
from tasktracker.domain.tasks.query import TaskKey, TaskQuery
from tasktracker.domain.tasks.task import Task

_FIND = select(*TASKS.columns).where(tasks.c.id == bindparam("id"), FINDABLE)
_LOCK = _FIND.with_for_update()
_TREE = select(*TASKS.columns).where(tasks.c.root == bindparam("root")).order_by(tasks.c.id)
_LOCK_TREE = _TREE.with_for_update()
_CHILDREN = select(*TASKS.columns).where(tasks.c.parent.in_(bindparam("parents", expanding=True))).order_by(tasks.c.id)
_LOCK_CHILDREN = _CHILDREN.with_for_update()
_LIMIT = bindparam("limit", type_=Integer)
_SOME_CHILDREN = _CHILDREN.order_by(None).limit(_LIMIT)
_LOCK_SOME_CHILDREN = _SOME_CHILDREN.with_for_update()
_OF_USER = (
    select(*TASKS.columns)
    .join_from(task_entries, tasks, tasks.c.id == task_entries.c.task_id)
    .where(task_entries.c.user_id == bindparam("user_id"))
    .limit(_LIMIT)
)
_SHARED_WITH = _OF_USER.where(task_entries.c.role != Role.OWNER.value, FINDABLE)
_OWNED = _OF_USER.where(task_entries.c.role == Role.OWNER.value).with_for_update(of=tasks)
# Each reads the end of one index.
_OWNED_LISTED = _OWNED.where(task_entries.c.trashed_at.is_(None)).order_by(
    task_entries.c.created_at.desc(), task_entries.c.task_id.desc()
)
_OWNED_TRASHED = _OWNED.where(task_entries.c.trashed_at.is_not(None)).order_by(
    task_entries.c.trashed_at.desc(), task_entries.c.task_id.desc()
)
ADD = insert(tasks)
_SAVE = update(tasks).where(tasks.c.id == bindparam("of_id"), tasks.c.version == bindparam("of_version"))
_FILED = and_(tasks.c.created_by == bindparam("of_user"), tasks.c.category == bindparam("of_category"))
_IN_CATEGORY = select(tasks.c.id, tasks.c.root).where(_FILED).limit(_LIMIT)
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_LOCK_ALL = select(tasks.c.id).where(tasks.c.id.in_(_IDS)).order_by(tasks.c.id).with_for_update()
_UNFILE = (
    update(tasks)
    .where(_FILED, tasks.c.id.in_(_IDS))
    .values(
        category=None,
        version=tasks.c.version + 1,
        updated_at=case(
            (tasks.c.updated_at > bindparam("now"), tasks.c.updated_at),
            else_=bindparam("now", type_=tasks.c.updated_at.type),
        ),
    )
    .returning(*TASKS.columns)
)
# Updates the entries of all viewers, as lists may be sorted by the time of the last change.
_UNFILE_ENTRIES = (
    update(task_entries)
    .where(task_entries.c.task_id.in_(_IDS))
    .values(
        category=None,
        updated_at=select(tasks.c.updated_at).where(tasks.c.id == task_entries.c.task_id).scalar_subquery(),
    )
)
ADD_ENTRY = insert(task_entries)
_SAVE_ENTRIES = (
    update(task_entries)
    .where(task_entries.c.task_id == bindparam("of_id"))
    .values(
        {name: bindparam(name) for name in ENTRY_CHANGES}
        | {
            "category": case(
                (task_entries.c.role == Role.OWNER.value, bindparam("category", type_=tasks.c.category.type))
            )
        }
    )
)
_REMOVE_ENTRIES = delete(task_entries).where(task_entries.c.task_id == bindparam("task_id"))


class SqlTasks:
    """Implements TaskRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, task: Task) -> None:
        row = TASKS.row(task)
        self._connection.change(ADD, row)
        self._add_entries(task, row)

    def find(self, task_id: UUID) -> Task | None:
        row = self._connection.one(_LOCK if self._connection.is_writing else _FIND, {"id": task_id})
        return None if row is None else TASKS.entity(row)

    def find_unlocked(self, task_id: UUID) -> Task | None:
        row = self._connection.one(_FIND, {"id": task_id})
        return None if row is None else TASKS.entity(row)

    def save(self, task: Task) -> None:
        changes = TASKS.changes(task)
        self._save(task, changes)
        self._connection.change(_SAVE_ENTRIES, entry_of(changes) | {"of_id": task.id})

    def save_shared(self, task: Task) -> None:
        self._save(task, TASKS.changes(task))
        self._connection.change(_REMOVE_ENTRIES, {"task_id": task.id})
        self._add_entries(task, TASKS.row(task))

    def tree(self, root: UUID) -> Sequence[Task]:
        statement = _LOCK_TREE if self._connection.is_writing else _TREE
        return [TASKS.entity(row) for row in self._connection.rows(statement, {"root": root})]

    def children(self, parents: Collection[UUID], limit: int | None = None) -> Sequence[Task]:
        is_writing = self._connection.is_writing
        if limit is None:
            statement, parameters = _LOCK_CHILDREN if is_writing else _CHILDREN, {}
        else:
            statement, parameters = _LOCK_SOME_CHILDREN if is_writing else _SOME_CHILDREN, {"limit": limit}
        rows = self._connection.rows_of_many(statement, "parents", sorted(parents), parameters)
        return sorted((TASKS.entity(row) for row in rows), key=lambda task: task.id)[:limit]

    def shared_with(self, user_id: UUID, limit: int) -> Sequence[Task]:
        rows = self._connection.rows(_SHARED_WITH, {"user_id": user_id, "limit": limit})
        return [TASKS.entity(row) for row in rows]

    def owned(self, user_id: UUID, limit: int) -> Sequence[Task]:
        found: list[Task] = []
        for statement in (_OWNED_LISTED, _OWNED_TRASHED):
            rows = self._connection.rows(statement, {"user_id": user_id, "limit": limit - len(found)})
            found += [TASKS.entity(row) for row in rows]
        return found

    def unfile(self, user_id: UUID, category_id: UUID, now: datetime, limit: int) -> Sequence[Task]:
        filed = {"of_user": user_id, "of_category": category_id}
        found = self._connection.rows(_IN_CATEGORY, filed | {"limit": limit})
        if not found:
            return []
        # The update locks tasks in any order. With the roots locked, no other work locks several tasks of these trees.
        self._connection.rows(_LOCK_ALL, {"ids": sorted({root for _, root in found})})
        ids = [task_id for task_id, _ in found]
        rows = self._connection.change_returning(_UNFILE, filed | {"now": now, "ids": ids})
        self._connection.change(_UNFILE_ENTRIES, {"ids": [row[0] for row in rows]})
        return [TASKS.entity(row) for row in rows]

    def list(self, user_id: UUID, query: TaskQuery) -> Page[Task, TaskKey[Any]]:
        return list_tasks(self._connection, user_id, query)

    def _save(self, task: Task, changes: Mapping[str, Any]) -> None:
        predecessor = {"of_id": task.id, "of_version": task.version - 1}
        if not self._connection.change(_SAVE, {**changes, **predecessor}):
            raise Stale

    def _add_entries(self, task: Task, row: Mapping[str, Any]) -> None:
        for entry in entry_rows(task, row):
            self._connection.change(ADD_ENTRY, entry)
