"""A slow reference of task lists, which checks every task."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from tasktracker.domain.kernel.members import Role
from tasktracker.domain.tasks.query import TaskKey, TaskQuery
from tasktracker.domain.tasks.task import State, Task, TaskFields


def expected_list(query: TaskQuery, user_id: UUID, tasks: Iterable[Task]) -> list[Task]:
    """Return all tasks that a query lists after its key, in order; a page is the beginning of them."""
    found = [task for task in tasks if matches(query, user_id, task)]
    if query.after is None:
        return in_order(query, found)
    others = [task for task in found if key_of(query, task) != query.after]
    ordered = in_order(query, [*others, query.after])
    return ordered[ordered.index(query.after) + 1 :]


def matches(query: TaskQuery, user_id: UUID, task: Task) -> bool:
    """Whether a task matches all filters for this user."""
    role = role_in(task, user_id)
    category = task.category if task.owner == user_id else None
    due = due_of(task, query.time_zone)
    overdue = due is not None and due < query.at and task.state in (State.OPEN, State.IN_PROGRESS)
    text = folded(f"{task.title}\n{task.description}")
    return role is not None and all(
        [
            task.trashed_at is None,
            not query.states or task.state in query.states,
            query.priority in (None, task.priority),
            query.category is None or (None if query.category == "none" else query.category) == category,
            query.parent is None or (None if query.parent == "none" else query.parent) == task.parent,
            query.due_after is None or (due is not None and not due < query.due_after),
            query.due_before is None or (due is not None and due < query.due_before),
            query.overdue in (None, overdue),
            query.started in (None, task.start_on is None or not task.start_on > local_day(query)),
            query.role in (None, role),
            all(text.find(word) >= 0 for word in query.words),
        ]
    )


def local_day(query: TaskQuery) -> date:
    """Return the day of the query in its time zone."""
    offset = query.at.astimezone(ZoneInfo(query.time_zone)).utcoffset()
    assert offset is not None
    return (query.at.astimezone(UTC) + offset).date()


def due_of(task: Task, time_zone: str) -> datetime | None:
    """Return the moment at which a task is due: for a day that no zone skips, the one before the next midnight."""
    if task.due_on is None:
        return task.due_date
    try:
        # The first midnight, by the offset before it.
        midnight = datetime.combine(task.due_on + timedelta(days=1), time(), ZoneInfo(time_zone))
        return midnight.astimezone(UTC) - timedelta(microseconds=1)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def with_cleared(fields: TaskFields) -> TaskFields:
    """Return the fields of an edit with what they clear: a task is due on a day or at a moment."""
    cleared: dict[str, Any] = dict(fields)
    if fields.get("due_on") is not None:
        cleared["due_date"] = None
    elif fields.get("due_date") is not None:
        cleared["due_on"] = None
    return cast(TaskFields, cleared)


def role_in(task: Task, user_id: UUID) -> Role | None:
    """Return the role of a user in a task."""
    roles = {member.user_id: member.role for member in task.members} | {task.owner: Role.OWNER}
    return roles.get(user_id)


def in_order(query: TaskQuery, items: Iterable[Any]) -> list[Any]:
    """Sort tasks or keys; those without a value are last."""

    def key(item: Task | TaskKey[Any]) -> TaskKey[Any]:
        return key_of(query, item) if isinstance(item, Task) else item

    descending = query.sort.value[0] == "-"
    items = list(items)
    with_value = [item for item in items if key(item).value is not None]
    without = [item for item in items if key(item).value is None]
    with_value.sort(key=lambda item: (key(item).value, key(item).id), reverse=descending)
    without.sort(key=lambda item: key(item).id, reverse=descending)
    return with_value + without


def key_of(query: TaskQuery, task: Task) -> TaskKey[Any]:
    """Return the key of a task in the order of a query."""
    values = {
        "created_at": task.created_at,
        "updated_at": task.updated_at,
        "due_date": due_of(task, query.time_zone),
        "priority": task.priority,
        "title": folded(task.title),
    }
    return TaskKey(values[query.sort.value.strip("-")], task.id)


def folded(text: str) -> str:
    """Fold the case of a text and normalise it."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
