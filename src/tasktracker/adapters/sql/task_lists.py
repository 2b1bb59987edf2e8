"""Lists of tasks in SQL, read through their entries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from functools import lru_cache
from operator import ge, lt
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    false,
    not_,
    or_,
    select,
    tuple_,
)

from tasktracker.adapters.sql.conditions import Mostly, OneOf
from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.schema import category_members, task_entries, tasks
from tasktracker.adapters.sql.task_rows import FINDABLE, MY_LISTS, SEEN_TASKS, TASKS
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.kernel.time_zones import end_of_day, first_day_ending
from tasktracker.domain.tasks.query import NONE, TaskKey, TaskQuery, TaskSort
from tasktracker.domain.tasks.task import State, Task

_FIRST_ID, _LAST_ID = UUID(int=0), UUID(int=2**128 - 1)
_CLOSED: list[BindParameter[str]] = [bindparam(f"closed_{state}", state.value) for state in State if state.is_closed]


_ENTRY = task_entries.c
_ORDERED_BY = {
    "created_at": _ENTRY.created_at,
    "updated_at": _ENTRY.updated_at,
    "due_date": _ENTRY.due_date,
    "priority": _ENTRY.priority,
    "title": _ENTRY.title_key,
}


class _Due:
    """The columns of the due date that the entries of a segment have, to compare with a parameter for moments.

    Days are compared with the parameter `<name>_day`: the first day that ends at that moment or later.
    """

    def __init__(self, *columns: Column[Any]) -> None:
        self._columns = columns

    def compare(self, **comparisons: Callable[[Any, Any], Any]) -> ColumnElement[bool]:
        """Compare the one column that has a value, with each parameter by an operator."""

        def compared(column: Column[Any]) -> ColumnElement[bool]:
            end = "_day" if column is _ENTRY.due_on else ""
            return and_(
                *(compare(column, bindparam(name + end, type_=column.type)) for name, compare in comparisons.items())
            )

        if len(self._columns) > 1:
            # The databases use no index for a CASE. SQLite has too few statistics to decide whether to use one, and a
            # generic plan of PostgreSQL assumes that every range is small.
            return case((_ENTRY.due_date.is_not(None), compared(_ENTRY.due_date)), else_=compared(_ENTRY.due_on))
        return or_(false(), *map(compared, self._columns))


class _Segment(Enum):
    """The entries that one statement reads: all of them or, in lists by due date, those in a range of one index."""

    ALL = None, _Due(_ENTRY.due_date, _ENTRY.due_on)
    MOMENTS = and_(_ENTRY.due_on.is_(None), _ENTRY.due_date.is_not(None)), _Due(_ENTRY.due_date)
    DAYS = _ENTRY.due_on.is_not(None), _Due(_ENTRY.due_on)
    UNDATED = and_(_ENTRY.due_on.is_(None), _ENTRY.due_date.is_(None)), _Due()


@dataclass(frozen=True, slots=True, eq=False)
class _Filter:
    """A filter: the query fields it compares with, a check of whether a query uses it, and its condition on entries."""

    parameters: tuple[str, ...]
    is_used: Callable[[TaskQuery], bool]
    condition: Callable[[_Due], ColumnElement[bool]]


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

_FILTERS = (
    _Filter(
        ("priority",), lambda query: query.priority is not None, lambda _: _ENTRY.priority == bindparam("priority")
    ),
    _Filter(
        ("category",),
        lambda query: query.category not in (None, NONE),
        # An entry of a member counts only while the member is in the category.
        lambda _: and_(
            _ENTRY.category == bindparam("category"),
            Mostly(or_(IS_OWN, OneOf(tasks.c.root_category, MY_LISTS))),
        ),
    ),
    _Filter((), lambda query: query.category == NONE, lambda _: _ENTRY.category.is_(None)),
    _Filter(
        ("parent",), lambda query: query.parent not in (None, NONE), lambda _: _ENTRY.parent == bindparam("parent")
    ),
    _Filter((), lambda query: query.parent == NONE, lambda _: _ENTRY.parent.is_(None)),
    _Filter(("series",), lambda query: query.series is not None, lambda _: tasks.c.series == bindparam("series")),
    _Filter(
        ("due_after",),
        lambda query: query.due_after is not None and query.due_before is None,
        lambda due: due.compare(due_after=ge),
    ),
    _Filter(
        ("due_before",),
        lambda query: query.due_before is not None and query.due_after is None,
        lambda due: due.compare(due_before=lt),
    ),
    _Filter(
        ("due_after", "due_before"),
        lambda query: query.due_after is not None and query.due_before is not None,
        lambda due: due.compare(due_after=ge, due_before=lt),
    ),
    _Filter(
        ("at",),
        lambda query: query.overdue is True,
        lambda due: and_(due.compare(at=lt), _ENTRY.state.not_in(_CLOSED)),
    ),
    _Filter(
        ("at",),
        lambda query: query.overdue is False,
        lambda due: or_(
            and_(_ENTRY.due_date.is_(None), _ENTRY.due_on.is_(None)), due.compare(at=ge), _ENTRY.state.in_(_CLOSED)
        ),
    ),
    _Filter(
        ("today",),
        lambda query: query.started is True,
        lambda _: or_(tasks.c.start_on.is_(None), tasks.c.start_on <= bindparam("today")),
    ),
    _Filter(("today",), lambda query: query.started is False, lambda _: tasks.c.start_on > bindparam("today")),
    *(
        _Filter((), lambda query, role=role: query.role is role, lambda _, condition=condition: condition)  # type: ignore[misc]
        for role, condition in _HAS_ROLE.items()
    ),
)


@lru_cache(512)  # most combinations are never requested
def _list(
    filters: tuple[_Filter, ...], states: int, words: int, sort: TaskSort, segment: _Segment, is_after: bool
) -> Select[Any]:
    """Build the statement for a segment of a list with these filters, numbers of states and words, and order.

    With `is_after`, it begins after the task of a cursor. Days are read until the day `until`.
    """
    condition, due = segment.value
    statement = (
        select(*SEEN_TASKS)
        .join_from(task_entries, tasks, tasks.c.id == _ENTRY.task_id)
        .where(_ENTRY.user_id == bindparam("user_id"), _ENTRY.trashed_at.is_(None), FINDABLE, IS_LISTED)
    )
    if condition is not None:
        statement = statement.where(condition)
    if states == 1:
        statement = statement.where(_ENTRY.state == bindparam("state_0"))
    elif states:
        statement = statement.where(
            _ENTRY.state.in_([bindparam(f"state_{n}", type_=_ENTRY.state.type) for n in range(states)])
        )
    statement = statement.where(*(each.condition(due) for each in filters))
    for number in range(words):
        statement = statement.where(tasks.c.search.contains(bindparam(f"word_{number}"), autoescape=False, escape="\\"))
    order = [_ENTRY.task_id]
    if segment is not _Segment.UNDATED:
        order.insert(0, _ENTRY.due_on if segment is _Segment.DAYS else _ORDERED_BY[sort.field])
    if segment is _Segment.DAYS:
        until = bindparam("until", type_=_ENTRY.due_on.type)
        statement = statement.where(_ENTRY.due_on >= until if sort.is_descending else _ENTRY.due_on <= until)
    if is_after:
        names = ["after_id"] if segment is _Segment.UNDATED else ["after_value", "after_id"]
        row = tuple_(*order)
        cursor = tuple_(*(bindparam(name, type_=each.type) for name, each in zip(names, order, strict=True)))
        statement = statement.where(row < cursor if sort.is_descending else row > cursor)
    statement = statement.order_by(*(column.desc() if sort.is_descending else column.asc() for column in order))
    return statement.limit(bindparam("limit", type_=Integer))


def list_tasks(connection: Connection, user_id: UUID, query: TaskQuery) -> Page[Task, TaskKey[Any]]:
    """Return a page of tasks: a range of one index or, by due date, of one for moments and one for days, merged."""
    filters = tuple(each for each in _FILTERS if each.is_used(query))
    parameters = {name: _stored(getattr(query, name)) for each in filters for name in each.parameters}
    for name in parameters.keys() & {"due_after", "due_before", "at"}:
        parameters[f"{name}_day"] = first_day_ending(parameters[name], query.time_zone)
    parameters |= viewing(user_id)
    for number, state in enumerate(sorted(query.states)):
        parameters[f"state_{number}"] = state.value
    for number, word in enumerate(query.words):
        parameters[f"word_{number}"] = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")

    def read(segment: _Segment, after: TaskKey[Any] | None, limit: int, until: date | None = None) -> list[Task]:
        statement = _list(filters, len(query.states), len(query.words), query.sort, segment, after is not None)
        values = parameters | {"limit": limit}
        if after is not None:
            values |= {"after_value": _stored(after.value), "after_id": after.id}
        if until is not None:
            values["until"] = until
        return TASKS.of_columns(connection.columns(statement, values))

    wanted = query.limit + 1
    found = _by_due(read, query, wanted) if query.sort.is_by_due else read(_Segment.ALL, query.after, wanted)
    return Page.cut(found, query.limit, query.key)


def _by_due(read: Callable[..., list[Task]], query: TaskQuery, limit: int) -> list[Task]:
    """Read the next tasks by due date; those without one are last in both directions."""
    found: list[Task] = []
    is_descending, zone = query.sort.is_descending, query.time_zone
    if query.after is None or query.after.value is not None:
        found = read(_Segment.MOMENTS, query.after, limit)
        # Only days that end before the last moment can be on the page, if that is full without them.
        until = date.min if is_descending else date.max
        if len(found) == limit:
            last = found[-1].due_date
            assert last is not None, "the tasks of this segment are due at a moment"
            until = first_day_ending(last, zone)
            if not is_descending and end_of_day(until, zone) > last and until > date.min:
                until -= timedelta(days=1)
        after = query.after and _among_days(query.after, is_descending, zone)
        # In a list of many tasks, few pages have the end of a day.
        if _is_between(after, until, is_descending) and (days := read(_Segment.DAYS, after, limit, until)):
            found = sorted([*found, *days], key=lambda task: (task.due_at(zone), task.id.int), reverse=is_descending)
    # A filter by due date excludes all tasks without one.
    if len(found) < limit and not (query.due_after or query.due_before or query.overdue):
        is_after = query.after is not None and query.after.value is None
        found += read(_Segment.UNDATED, query.after if is_after else None, limit - len(found))
    return found[:limit]


def _among_days(after: TaskKey[Any], is_descending: bool, time_zone: str) -> TaskKey[date] | None:
    """Return the key of a list of days that separates the same tasks as a key by due date; None before all days."""
    day = first_day_ending(after.value, time_zone)
    if end_of_day(day, time_zone) == after.value:
        return TaskKey(day, after.id)
    if is_descending:
        return TaskKey(day, _FIRST_ID)
    return None if day == date.min else TaskKey(day - timedelta(days=1), _LAST_ID)


def _is_between(after: TaskKey[date] | None, until: date, is_descending: bool) -> bool:
    """Whether a task can be due on a day that comes after a key and not after `until`."""
    if after is None:
        return True
    key = (after.value, after.id)
    return key > (until, _FIRST_ID) if is_descending else key < (until, _LAST_ID)


def _stored(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value
