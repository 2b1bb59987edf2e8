"""Lists of tasks in SQL, read through their entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, Integer, Select, and_, bindparam, not_, or_, select, tuple_

from tasktracker.adapters.sql.conditions import Mostly, OneOf, Unindexed
from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.schema import category_members, task_entries, tasks
from tasktracker.adapters.sql.task_rows import FINDABLE, MY_LISTS, SEEN_TASKS, TASKS
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.tasks.query import NONE, TaskKey, TaskQuery, TaskSort
from tasktracker.domain.tasks.task import State, Task

_CLOSED: list[BindParameter[str]] = [bindparam(f"closed_{state}", state.value) for state in State if state.is_closed]


_ENTRY = task_entries.c
_ORDERED_BY = {
    "created_at": _ENTRY.created_at,
    "updated_at": _ENTRY.updated_at,
    "due_date": _ENTRY.due_date,
    "priority": _ENTRY.priority,
    "title": _ENTRY.title_key,
}


@dataclass(frozen=True, slots=True, eq=False)
class _Filter:
    """A filter: its query field, a check of whether a query uses it, and its condition on entries.

    The condition takes the due date column, which may be wrapped in `Unindexed`.
    """

    parameter: str | None
    is_used: Callable[[TaskQuery], bool]
    condition: Callable[[ColumnElement[Any]], ColumnElement[bool]]


IS_OWN = tasks.c.owner == bindparam("user_id")
IS_LISTED = Mostly(
    or_(
        IS_OWN,
        OneOf(tasks.c.root_category, MY_LISTS.where(category_members.c.is_ready)),
        tasks.c.members.contains(bindparam("viewer")),
    )
)
"""Whether an entry of the viewer `user_id` counts now; `viewer` is the id as text.

This is a condition on the task, so that a list reads the indexes of entries, but not the entries.
"""


def viewing(user_id: UUID) -> dict[str, Any]:
    """Return the parameters of statements for a viewer."""
    return {"user_id": user_id, "viewer": str(user_id)}


def in_my_lists(*roles: Role) -> ColumnElement[bool]:
    """Whether the root of a task is in a shared category in which the viewer has one of these roles."""
    mine = MY_LISTS.where(category_members.c.role.in_([role.value for role in roles]))
    return and_(tasks.c.root_category.is_not(None), OneOf(tasks.c.root_category, mine))


# In entries through a category, the roles may be old. The present roles are those of the category's members.
_OWNS = or_(IS_OWN, in_my_lists(Role.OWNER))
_EDITS = or_(and_(_ENTRY.role == Role.EDITOR.value, _ENTRY.via.is_(None)), in_my_lists(Role.EDITOR))
_HAS_ROLE = {Role.OWNER: _OWNS, Role.EDITOR: and_(not_(_OWNS), _EDITS), Role.VIEWER: and_(not_(_OWNS), not_(_EDITS))}

_AT = bindparam("at", type_=_ENTRY.due_date.type)
_FILTERS = (
    _Filter("priority", lambda query: query.priority is not None, lambda _: _ENTRY.priority == bindparam("priority")),
    _Filter(
        "category",
        lambda query: query.category not in (None, NONE),
        # An entry of a member counts only while the member is in the category.
        lambda _: and_(
            _ENTRY.category == bindparam("category"),
            Mostly(or_(IS_OWN, OneOf(tasks.c.root_category, MY_LISTS))),
        ),
    ),
    _Filter(None, lambda query: query.category == NONE, lambda _: _ENTRY.category.is_(None)),
    _Filter("parent", lambda query: query.parent not in (None, NONE), lambda _: _ENTRY.parent == bindparam("parent")),
    _Filter(None, lambda query: query.parent == NONE, lambda _: _ENTRY.parent.is_(None)),
    _Filter(
        "due_after",
        lambda query: query.due_after is not None,
        lambda due: due >= bindparam("due_after", type_=_ENTRY.due_date.type),
    ),
    _Filter(
        "due_before",
        lambda query: query.due_before is not None,
        lambda due: due < bindparam("due_before", type_=_ENTRY.due_date.type),
    ),
    _Filter("at", lambda query: query.overdue is True, lambda due: and_(due < _AT, _ENTRY.state.not_in(_CLOSED))),
    _Filter(
        "at",
        lambda query: query.overdue is False,
        lambda due: or_(_ENTRY.due_date.is_(None), due >= _AT, _ENTRY.state.in_(_CLOSED)),
    ),
    _Filter(
        "today",
        lambda query: query.started is True,
        lambda _: or_(tasks.c.start_on.is_(None), tasks.c.start_on <= bindparam("today")),
    ),
    _Filter("today", lambda query: query.started is False, lambda _: tasks.c.start_on > bindparam("today")),
    *(
        _Filter(None, lambda query, role=role: query.role is role, lambda _, condition=condition: condition)  # type: ignore[misc]
        for role, condition in _HAS_ROLE.items()
    ),
)


@lru_cache(512)  # most combinations are never requested
def _list(filters: tuple[_Filter, ...], states: int, words: int, sort: TaskSort, segment: str) -> Select[Any]:
    """Build the statement for a list with these filters, numbers of states and words, order, and segment.

    `segment` is "start", or "after" the cursor's task. For tasks without a value to sort by, it is "null" or
    "after null".
    """
    ordered = _ORDERED_BY[sort.field]
    statement = (
        select(*SEEN_TASKS)
        .join_from(task_entries, tasks, tasks.c.id == _ENTRY.task_id)
        .where(_ENTRY.user_id == bindparam("user_id"), _ENTRY.trashed_at.is_(None), FINDABLE, IS_LISTED)
    )
    if states == 1:
        statement = statement.where(_ENTRY.state == bindparam("state_0"))
    elif states:
        statement = statement.where(
            _ENTRY.state.in_([bindparam(f"state_{n}", type_=_ENTRY.state.type) for n in range(states)])
        )
    # For a list in another order, an index on due dates would be slow: the whole range would be read and sorted.
    due = _ENTRY.due_date if sort.field == "due_date" else Unindexed(_ENTRY.due_date)
    statement = statement.where(*(each.condition(due) for each in filters))
    for number in range(words):
        statement = statement.where(tasks.c.search.contains(bindparam(f"word_{number}"), autoescape=False, escape="\\"))
    if ordered.nullable:
        statement = statement.where(ordered.is_(None) if "null" in segment else ordered.is_not(None))
    value = bindparam("after_value", type_=ordered.type)
    id_ = bindparam("after_id", type_=_ENTRY.task_id.type)
    if segment == "after":
        row, cursor = tuple_(ordered, _ENTRY.task_id), tuple_(value, id_)
        statement = statement.where(row < cursor if sort.is_descending else row > cursor)
    elif segment == "after null":
        statement = statement.where(_ENTRY.task_id < id_ if sort.is_descending else _ENTRY.task_id > id_)
    order = [_ENTRY.task_id] if "null" in segment else [ordered, _ENTRY.task_id]
    statement = statement.order_by(*(column.desc() if sort.is_descending else column.asc() for column in order))
    return statement.limit(bindparam("limit", type_=Integer))


def list_tasks(connection: Connection, user_id: UUID, query: TaskQuery) -> Page[Task, TaskKey[Any]]:
    """Return a page of tasks: a range of one index, and of a second one for tasks without a value to sort by."""
    filters = _filters(query)
    parameters = {each.parameter: _stored(getattr(query, each.parameter)) for each in filters if each.parameter}
    parameters |= viewing(user_id)
    for number, state in enumerate(sorted(query.states)):
        parameters[f"state_{number}"] = state.value
    for number, word in enumerate(query.words):
        parameters[f"word_{number}"] = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    found: list[Task] = []
    for segment in _segments(query):
        after = query.after if segment.startswith("after") else None
        statement = _list(filters, len(query.states), len(query.words), query.sort, segment)
        values = parameters | {"limit": query.limit + 1 - len(found)}
        if after is not None:
            values["after_id"] = after.id
            if segment == "after":
                values["after_value"] = int(after.value) if query.sort.field == "priority" else after.value
        found += TASKS.entities(connection.rows(statement, values))
        if len(found) > query.limit:
            break
    return Page.cut(found, query.limit, query.sort.key)


def _filters(query: TaskQuery) -> tuple[_Filter, ...]:
    return tuple(each for each in _FILTERS if each.is_used(query))


def _stored(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _segments(query: TaskQuery) -> Sequence[str]:
    """Return the segments of the list in order. Tasks without a value to sort by come last."""
    if query.sort.field != "due_date":
        return ("after",) if query.after else ("start",)
    # A filter by due date excludes all tasks without one.
    null = () if query.due_after or query.due_before or query.overdue else ("null",)
    if query.after is None:
        return ("start", *null)
    if query.after.value is None:
        return ("after null",) if null else ()
    return ("after", *null)
