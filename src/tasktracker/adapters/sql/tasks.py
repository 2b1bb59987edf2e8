"""Tasks in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, Integer, Select, bindparam, case, delete, insert, or_, select, tuple_, update

from tasktracker.adapters.sql.executor import Executor
from tasktracker.adapters.sql.schema import tasks
from tasktracker.domain.errors import Stale
from tasktracker.domain.paging import Page
from tasktracker.domain.tasks.query import UNFILED, TaskKey, TaskQuery
from tasktracker.domain.tasks.task import Priority, State, Task

_COLUMNS = (
    tasks.c.id,
    tasks.c.title,
    tasks.c.description,
    tasks.c.priority,
    tasks.c.state,
    tasks.c.due_date,
    tasks.c.category,
    tasks.c.created_by,
    tasks.c.created_at,
    tasks.c.updated_at,
    tasks.c.completed_at,
    tasks.c.version,
)

_FIND = select(*_COLUMNS).where(tasks.c.id == bindparam("id"), tasks.c.created_by == bindparam("user_id"))
_LOCK = _FIND.with_for_update()
_ADD = insert(tasks)
_SAVE = update(tasks).where(tasks.c.id == bindparam("of_id"), tasks.c.version == bindparam("of_version"))
_REMOVE = delete(tasks).where(tasks.c.id == bindparam("id"), tasks.c.version == bindparam("version"))
_UNFILE = (
    update(tasks)
    .where(tasks.c.created_by == bindparam("user_id"), tasks.c.category == bindparam("category_id"))
    .values(
        category=None,
        version=tasks.c.version + 1,
        updated_at=case(
            (tasks.c.updated_at > bindparam("now"), tasks.c.updated_at),
            else_=bindparam("now", type_=tasks.c.updated_at.type),
        ),
    )
)
_CLOSED: list[BindParameter[str]] = [bindparam(f"closed_{state}", state.value) for state in State if state.is_closed]


@cache
def _list(states: int, priority: bool, category: bool | None, overdue: bool | None, after: bool) -> Select[Any]:
    """Build the statement for a number of states, a category that is given (True) or none (False), and so on."""
    statement = select(*_COLUMNS).where(tasks.c.created_by == bindparam("user_id"))
    if states:
        given = [bindparam(f"state_{number}", type_=tasks.c.state.type) for number in range(states)]
        statement = statement.where(tasks.c.state.in_(given))
    if priority:
        statement = statement.where(tasks.c.priority == bindparam("priority"))
    if category is not None:
        statement = statement.where(
            tasks.c.category == bindparam("category") if category else tasks.c.category.is_(None)
        )
    if overdue is True:
        statement = statement.where(tasks.c.due_date < bindparam("at"), tasks.c.state.not_in(_CLOSED))
    if overdue is False:
        statement = statement.where(
            or_(
                tasks.c.due_date.is_(None),
                tasks.c.due_date >= bindparam("at"),
                tasks.c.state.in_(_CLOSED),
            )
        )
    if after:
        place = tuple_(
            bindparam("after_created_at", type_=tasks.c.created_at.type),
            bindparam("after_id", type_=tasks.c.id.type),
        )
        statement = statement.where(tuple_(tasks.c.created_at, tasks.c.id) < place)
    newest_first = statement.order_by(tasks.c.created_at.desc(), tasks.c.id.desc())
    return newest_first.limit(bindparam("limit", type_=Integer))


def _task(row: Sequence[Any]) -> Task:
    (
        id_,
        title,
        description,
        priority,
        state,
        due_date,
        category,
        created_by,
        created_at,
        updated_at,
        completed_at,
        version,
    ) = row
    return Task(
        id=id_,
        title=title,
        description=description,
        priority=Priority(priority),
        state=State(state),
        due_date=due_date,
        category=category,
        created_by=created_by,
        created_at=created_at,
        updated_at=updated_at,
        completed_at=completed_at,
        version=version,
    )


def _fields(task: Task) -> dict[str, Any]:
    """Return what may change."""
    return {
        "title": task.title,
        "description": task.description,
        "priority": int(task.priority),
        "state": task.state.value,
        "due_date": task.due_date,
        "category": task.category,
        "updated_at": task.updated_at,
        "completed_at": task.completed_at,
        "version": task.version,
    }


class SqlTasks:
    """Implements TaskRepository."""

    __slots__ = ("_executor",)

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def add(self, task: Task) -> None:
        origin = {"id": task.id, "created_by": task.created_by, "created_at": task.created_at}
        self._executor.change(_ADD, _fields(task) | origin)

    def find(self, user_id: UUID, task_id: UUID) -> Task | None:
        statement = _LOCK if self._executor.is_writing else _FIND
        row = self._executor.one(statement, {"id": task_id, "user_id": user_id})
        return None if row is None else _task(row)

    def save(self, task: Task) -> None:
        predecessor = {"of_id": task.id, "of_version": task.version - 1}
        if not self._executor.change(_SAVE, _fields(task) | predecessor):
            raise Stale

    def remove(self, task: Task) -> None:
        if not self._executor.change(_REMOVE, {"id": task.id, "version": task.version}):
            raise Stale

    def unfile(self, user_id: UUID, category_id: UUID, now: datetime) -> None:
        self._executor.change(_UNFILE, {"user_id": user_id, "category_id": category_id, "now": now})

    def list(self, user_id: UUID, query: TaskQuery) -> Page[Task, TaskKey]:
        parameters: dict[str, Any] = {"user_id": user_id, "limit": query.limit + 1}
        for number, state in enumerate(sorted(query.states)):
            parameters[f"state_{number}"] = state.value
        category = None if query.category is None else query.category != UNFILED
        if category:
            parameters["category"] = query.category
        if query.priority is not None:
            parameters["priority"] = int(query.priority)
        if query.overdue is not None:
            parameters["at"] = query.at
        if query.after is not None:
            parameters |= {"after_created_at": query.after.created_at, "after_id": query.after.id}
        statement = _list(
            len(query.states), query.priority is not None, category, query.overdue, query.after is not None
        )
        rows = self._executor.all(statement, parameters)
        return Page.cut([_task(row) for row in rows], query.limit, TaskKey.of)
