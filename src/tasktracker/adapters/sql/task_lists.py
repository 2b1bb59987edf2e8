"""Lists of tasks in SQL, made of their entries."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, Integer, Select, and_, bindparam, or_, select, tuple_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.schema import task_entries, tasks
from tasktracker.adapters.sql.task_rows import TASKS
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.tasks.query import NONE, TaskKey, TaskQuery, TaskSort
from tasktracker.domain.tasks.task import State, Task

_CLOSED: list[BindParameter[str]] = [bindparam(f"closed_{state}", state.value) for state in State if state.is_closed]


class Unindexed(ColumnElement[Any]):
    """A moment by which rows must not be looked up.

    SQLite knows too little of the data to decide, and PostgreSQL, once it has planned for any range at all, assumes a
    small one.
    """

    inherit_cache = True
    _traverse_internals = [("column", InternalTraversal.dp_clauseelement)]

    def __init__(self, column: ColumnElement[Any]) -> None:
        self.column = column
        self.type = column.type


@compiles(Unindexed, "postgresql")
def _compile_for_postgresql(element: Unindexed, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.column, **options)} + interval '0')"


@compiles(Unindexed, "sqlite")
def _compile_for_sqlite(element: Unindexed, compiler: SQLCompiler, **options: Any) -> str:
    return f"+{compiler.process(element.column, **options)}"  # https://www.sqlite.org/optoverview.html §2.1


_ORDERED_BY = {
    "created_at": task_entries.c.created_at,
    "updated_at": task_entries.c.updated_at,
    "due_date": task_entries.c.due_date,
    "priority": task_entries.c.priority,
    "title": task_entries.c.title_key,
}


@lru_cache(512)  # there are more combinations than anybody asks for
def _list(filters: frozenset[str], states: int, words: int, sort: TaskSort, place: str) -> Select[Any]:
    """Build the statement for a set of filters, numbers of states and words, an order, and where it begins.

    `place` is "start", or "after" a task, or, among tasks without the value ordered by, "null" or "after null".
    """
    entry = task_entries.c
    ordered = _ORDERED_BY[sort.field]
    statement = (
        select(*TASKS.columns)
        .join_from(task_entries, tasks, tasks.c.id == entry.task_id)
        .where(entry.user_id == bindparam("user_id"), entry.trashed_at.is_(None))
    )
    if states == 1:
        statement = statement.where(entry.state == bindparam("state_0"))
    elif states:
        statement = statement.where(
            entry.state.in_([bindparam(f"state_{n}", type_=entry.state.type) for n in range(states)])
        )
    statement = statement.where(*_conditions(filters, sort))
    for number in range(words):
        statement = statement.where(tasks.c.search.contains(bindparam(f"word_{number}"), autoescape=False, escape="\\"))
    if ordered.nullable:
        statement = statement.where(ordered.is_(None) if "null" in place else ordered.is_not(None))
    value = bindparam("after_value", type_=ordered.type)
    id_ = bindparam("after_id", type_=entry.task_id.type)
    if place == "after":
        here, there = tuple_(ordered, entry.task_id), tuple_(value, id_)
        statement = statement.where(here < there if sort.is_descending else here > there)
    elif place == "after null":
        statement = statement.where(entry.task_id < id_ if sort.is_descending else entry.task_id > id_)
    order = [entry.task_id] if "null" in place else [ordered, entry.task_id]
    statement = statement.order_by(*(column.desc() if sort.is_descending else column.asc() for column in order))
    return statement.limit(bindparam("limit", type_=Integer))


def _conditions(filters: frozenset[str], sort: TaskSort) -> list[ColumnElement[bool]]:
    entry = task_entries.c
    # A range of due dates is no way to a list in another order: all of it would have to be read, and sorted.
    due = entry.due_date if sort.field == "due_date" else Unindexed(entry.due_date)
    overdue = and_(due < bindparam("at", type_=entry.due_date.type), entry.state.not_in(_CLOSED))
    conditions: dict[str, ColumnElement[bool]] = {
        "priority": entry.priority == bindparam("priority"),
        "category": entry.category == bindparam("category"),
        "no category": entry.category.is_(None),
        "parent": entry.parent == bindparam("parent"),
        "no parent": entry.parent.is_(None),
        "due_after": due >= bindparam("due_after", type_=entry.due_date.type),
        "due_before": due < bindparam("due_before", type_=entry.due_date.type),
        "overdue": overdue,
        "not overdue": or_(
            entry.due_date.is_(None),
            due >= bindparam("at", type_=entry.due_date.type),
            entry.state.in_(_CLOSED),
        ),
        "role": entry.role == bindparam("role"),
    }
    return [conditions[name] for name in sorted(filters)]


def _filters(query: TaskQuery) -> dict[str, tuple[str, Any] | None]:
    """Return the filters of a query, with the parameter each takes."""
    filters: dict[str, tuple[str, Any] | None] = {}
    if query.priority is not None:
        filters["priority"] = ("priority", int(query.priority))
    if query.category is not None:
        filters.update({"no category": None} if query.category == NONE else {"category": ("category", query.category)})
    if query.parent is not None:
        filters.update({"no parent": None} if query.parent == NONE else {"parent": ("parent", query.parent)})
    if query.due_after is not None:
        filters["due_after"] = ("due_after", query.due_after)
    if query.due_before is not None:
        filters["due_before"] = ("due_before", query.due_before)
    if query.overdue is not None:
        filters["overdue" if query.overdue else "not overdue"] = ("at", query.at)
    if query.role is not None:
        filters["role"] = ("role", query.role.value)
    return filters


def listed(connection: Connection, user_id: UUID, query: TaskQuery) -> Page[Task, TaskKey[Any]]:
    """Return a page of tasks: a stretch of one index, or of two where tasks without the value ordered by come last."""
    filters = _filters(query)
    parameters = dict(parameter for parameter in filters.values() if parameter is not None)
    parameters["user_id"] = user_id
    for number, state in enumerate(sorted(query.states)):
        parameters[f"state_{number}"] = state.value
    for number, word in enumerate(query.words):
        parameters[f"word_{number}"] = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    found: list[Task] = []
    for place in _places(query):
        after = query.after if place.startswith("after") else None
        statement = _list(frozenset(filters), len(query.states), len(query.words), query.sort, place)
        values = parameters | {"limit": query.limit + 1 - len(found)}
        if after is not None:
            values["after_id"] = after.id
            if place == "after":
                values["after_value"] = int(after.value) if query.sort.field == "priority" else after.value
        found += [TASKS.entity(row) for row in connection.rows(statement, values)]
        if len(found) > query.limit:
            break
    return Page.cut(found, query.limit, query.sort.key)


def _places(query: TaskQuery) -> Sequence[str]:
    """Return where to look, in turn: tasks without the value ordered by come after those with it."""
    if query.sort.field != "due_date":
        return ("after",) if query.after else ("start",)
    # What must be due at some time need not be looked for among what is not due at all.
    null = () if query.due_after or query.due_before or query.overdue else ("null",)
    if query.after is None:
        return ("start", *null)
    if query.after.value is None:
        return ("after null",) if null else ()
    return ("after", *null)
