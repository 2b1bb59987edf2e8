"""Tasks in SQL.

A task's row holds the whole task. For lists there is one entry a viewer, the creator too, which carries whatever
lists filter and sort by: a page is then a stretch of one index, however many tasks there are and whoever made them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    delete,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal

from tasktracker.adapters.sql.executor import Executor
from tasktracker.adapters.sql.schema import task_entries, tasks
from tasktracker.domain.errors import Stale
from tasktracker.domain.paging import Page
from tasktracker.domain.sharing.member import Member, Role
from tasktracker.domain.tasks.query import NONE, TaskKey, TaskQuery, TaskSort, search_text, title_key
from tasktracker.domain.tasks.task import Priority, State, Task

COLUMNS = (
    tasks.c.id,
    tasks.c.title,
    tasks.c.description,
    tasks.c.priority,
    tasks.c.state,
    tasks.c.due_date,
    tasks.c.category,
    tasks.c.parent,
    tasks.c.root,
    tasks.c.members,
    tasks.c.created_by,
    tasks.c.created_at,
    tasks.c.updated_at,
    tasks.c.completed_at,
    tasks.c.trashed_at,
    tasks.c.trashed_with,
    tasks.c.version,
)

_FIND = select(*COLUMNS).where(tasks.c.id == bindparam("id"))
_LOCK = _FIND.with_for_update()
_TREE = select(*COLUMNS).where(tasks.c.root == bindparam("root")).order_by(tasks.c.id)
_LOCK_TREE = _TREE.with_for_update()
_SHARED_WITH = (
    select(tasks.c.root)
    .distinct()
    .join_from(task_entries, tasks, tasks.c.id == task_entries.c.task_id)
    .where(task_entries.c.user_id == bindparam("user_id"), task_entries.c.role != Role.OWNER.value)
    .order_by(tasks.c.root)
)
_SHARED_BY = (
    select(tasks.c.id)
    .where(tasks.c.created_by == bindparam("user_id"), tasks.c.root == tasks.c.id, tasks.c.members != "")
    .order_by(tasks.c.id)
)
ADD = insert(tasks)
_SAVE = update(tasks).where(tasks.c.id == bindparam("of_id"), tasks.c.version == bindparam("of_version"))
_FILED = and_(tasks.c.created_by == bindparam("of_user"), tasks.c.category == bindparam("of_category"))
_LOCK_ROOTS_OF_FILED = (
    select(tasks.c.id).where(tasks.c.id.in_(select(tasks.c.root).where(_FILED))).order_by(tasks.c.id).with_for_update()
)
_UNFILE = (
    update(tasks)
    .where(_FILED)
    .values(
        category=None,
        version=tasks.c.version + 1,
        updated_at=case(
            (tasks.c.updated_at > bindparam("now"), tasks.c.updated_at),
            else_=bindparam("now", type_=tasks.c.updated_at.type),
        ),
    )
    .returning(*COLUMNS)
)
# Of all viewers' entries, as lists may be ordered by when tasks were changed.
_filed = task_entries.alias()
_UNFILE_ENTRIES = (
    update(task_entries)
    .where(
        task_entries.c.task_id.in_(
            select(_filed.c.task_id).where(
                _filed.c.user_id == bindparam("of_user"), _filed.c.category == bindparam("of_category")
            )
        )
    )
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
        priority=bindparam("priority"),
        state=bindparam("state"),
        due_date=bindparam("due_date"),
        category=case((task_entries.c.role == Role.OWNER.value, bindparam("category", type_=tasks.c.category.type))),
        parent=bindparam("parent"),
        title_key=bindparam("title_key"),
        updated_at=bindparam("updated_at"),
        trashed_at=bindparam("trashed_at"),
    )
)
_REMOVE_ENTRIES = delete(task_entries).where(task_entries.c.task_id == bindparam("task_id"))
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


@cache
def _list(filters: frozenset[str], states: int, words: int, sort: TaskSort, place: str) -> Select[Any]:
    """Build the statement for a set of filters, numbers of states and words, an order, and where it begins.

    `place` is "start", or "after" a task, or, among tasks without the value ordered by, "null" or "after null".
    """
    entry = task_entries.c
    ordered = _ORDERED_BY[sort.field]
    statement = (
        select(*COLUMNS)
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


def task_of(row: Sequence[Any]) -> Task:
    """Return the task in a row of `COLUMNS`."""
    (
        id_,
        title,
        description,
        priority,
        state,
        due_date,
        category,
        parent,
        root,
        members,
        created_by,
        created_at,
        updated_at,
        completed_at,
        trashed_at,
        trashed_with,
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
        parent=parent,
        root=root,
        members=_members(members),
        created_by=created_by,
        created_at=created_at,
        updated_at=updated_at,
        completed_at=completed_at,
        trashed_at=trashed_at,
        trashed_with=trashed_with,
        version=version,
    )


def _members(text: str) -> tuple[Member, ...]:
    if not text:
        return ()
    parts = (each.split(":") for each in text.split(" "))
    return tuple(Member(UUID(user_id), Role(role)) for user_id, role in parts)


def _fields(task: Task) -> dict[str, Any]:
    """Return what may change."""
    return {
        "title": task.title,
        "description": task.description,
        "search": search_text(task),
        "priority": int(task.priority),
        "state": task.state.value,
        "due_date": task.due_date,
        "category": task.category,
        "parent": task.parent,
        "root": task.root,
        "members": " ".join(f"{member.user_id}:{member.role}" for member in task.members),
        "updated_at": task.updated_at,
        "completed_at": task.completed_at,
        "trashed_at": task.trashed_at,
        "trashed_with": task.trashed_with,
        "version": task.version,
    }


def task_row(task: Task) -> dict[str, Any]:
    """Return what is stored of a new task."""
    return _fields(task) | {"id": task.id, "created_by": task.created_by, "created_at": task.created_at}


def _entry(task: Task) -> dict[str, Any]:
    """Return what all viewers' entries have alike."""
    return {
        "priority": int(task.priority),
        "state": task.state.value,
        "due_date": task.due_date,
        "category": task.category,
        "parent": task.parent,
        "title_key": title_key(task.title),
        "updated_at": task.updated_at,
        "trashed_at": task.trashed_at,
    }


def entry_rows(task: Task) -> list[dict[str, Any]]:
    """Return what is stored of a task for each of its viewers."""
    shared = _entry(task) | {"task_id": task.id, "created_at": task.created_at}
    owner = shared | {"user_id": task.created_by, "role": Role.OWNER.value}
    members = [
        shared | {"user_id": member.user_id, "role": member.role.value, "category": None} for member in task.members
    ]
    return [owner, *members]


class SqlTasks:
    """Implements TaskRepository."""

    __slots__ = ("_executor",)

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def add(self, task: Task) -> None:
        self._executor.change(ADD, task_row(task))
        for entry in entry_rows(task):
            self._executor.change(ADD_ENTRY, entry)

    def find(self, task_id: UUID) -> Task | None:
        row = self._executor.one(_LOCK if self._executor.is_writing else _FIND, {"id": task_id})
        return None if row is None else task_of(row)

    def peek(self, task_id: UUID) -> Task | None:
        row = self._executor.one(_FIND, {"id": task_id})
        return None if row is None else task_of(row)

    def save(self, task: Task) -> None:
        self._save(task)
        self._executor.change(_SAVE_ENTRIES, _entry(task) | {"of_id": task.id})

    def save_shared(self, task: Task) -> None:
        self._save(task)
        self._executor.change(_REMOVE_ENTRIES, {"task_id": task.id})
        for entry in entry_rows(task):
            self._executor.change(ADD_ENTRY, entry)

    def tree(self, root: UUID) -> Sequence[Task]:
        statement = _LOCK_TREE if self._executor.is_writing else _TREE
        return [task_of(row) for row in self._executor.all(statement, {"root": root})]

    def shared_with(self, user_id: UUID) -> Sequence[UUID]:
        return [root for (root,) in self._executor.all(_SHARED_WITH, {"user_id": user_id})]

    def shared_by(self, user_id: UUID) -> Sequence[UUID]:
        return [root for (root,) in self._executor.all(_SHARED_BY, {"user_id": user_id})]

    def unfile(self, user_id: UUID, category_id: UUID, now: datetime) -> Sequence[Task]:
        filed = {"of_user": user_id, "of_category": category_id}
        # Tasks are changed in no order: nobody else may lock more than one task of any of these trees meanwhile.
        self._executor.all(_LOCK_ROOTS_OF_FILED, filed)
        rows = self._executor.changed(_UNFILE, filed | {"now": now})
        self._executor.change(_UNFILE_ENTRIES, filed)
        return [task_of(row) for row in rows]

    def list(self, user_id: UUID, query: TaskQuery) -> Page[Task, TaskKey[Any]]:
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
            found += [task_of(row) for row in self._executor.all(statement, values)]
            if len(found) > query.limit:
                break
        return Page.cut(found, query.limit, query.sort.key)

    def _save(self, task: Task) -> None:
        predecessor = {"of_id": task.id, "of_version": task.version - 1}
        if not self._executor.change(_SAVE, _fields(task) | predecessor):
            raise Stale


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
