"""What lists must show, found by looking at every task."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import UTC, date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from tasktracker.domain.tasks.member import Role
from tasktracker.domain.tasks.query import TaskKey, TaskQuery, TaskSort
from tasktracker.domain.tasks.task import State, Task


def answer(query: TaskQuery, viewer: UUID, tasks: Iterable[Task]) -> list[Task]:
    """Return all that a query finds from its place on, in order, of which a page is the beginning."""
    found = [task for task in tasks if is_found(query, viewer, task)]
    places: list[Task | TaskKey[Any]] = [*found]
    if query.after is None:
        return in_order(query.sort, found)
    places = in_order(query.sort, [*(task for task in found if place_of(query.sort, task) != query.after), query.after])
    return [place for place in places[places.index(query.after) + 1 :] if isinstance(place, Task)]


def is_found(query: TaskQuery, viewer: UUID, task: Task) -> bool:
    """Whether a task passes all filters, for somebody who looks at it."""
    role = role_in(task, viewer)
    category = task.category if task.created_by == viewer else None
    overdue = task.due_date is not None and task.due_date < query.at and task.state in (State.OPEN, State.IN_PROGRESS)
    text = plain(f"{task.title}\n{task.description}")
    return role is not None and all(
        [
            task.trashed_at is None,
            not query.states or task.state in query.states,
            query.priority in (None, task.priority),
            query.category is None or (None if query.category == "none" else query.category) == category,
            query.parent is None or (None if query.parent == "none" else query.parent) == task.parent,
            query.due_after is None or (task.due_date is not None and not task.due_date < query.due_after),
            query.due_before is None or (task.due_date is not None and task.due_date < query.due_before),
            query.overdue in (None, overdue),
            query.started in (None, task.start_on is None or not task.start_on > local_day(query)),
            query.role in (None, role),
            all(text.find(word) >= 0 for word in query.words),
        ]
    )


def local_day(query: TaskQuery) -> date:
    """Return the day of the list, from the offset that its time zone has then."""
    offset = query.at.astimezone(ZoneInfo(query.time_zone)).utcoffset()
    assert offset is not None
    return (query.at.astimezone(UTC) + offset).date()


def role_in(task: Task, user_id: UUID) -> Role | None:
    """Return somebody's part in a task."""
    roles = {member.user_id: member.role for member in task.members} | {task.created_by: Role.OWNER}
    return roles.get(user_id)


def in_order(sort: TaskSort, places: Iterable[Any]) -> list[Any]:
    """Return tasks, or places of tasks, in an order: those without the value at the end of it."""

    def key(place: Task | TaskKey[Any]) -> TaskKey[Any]:
        return place_of(sort, place) if isinstance(place, Task) else place

    backwards = sort.value[0] == "-"
    places = list(places)
    there = [place for place in places if key(place).value is not None]
    lacking = [place for place in places if key(place).value is None]
    there.sort(key=lambda place: (key(place).value, key(place).id), reverse=backwards)
    lacking.sort(key=lambda place: key(place).id, reverse=backwards)
    return there + lacking


def place_of(sort: TaskSort, task: Task) -> TaskKey[Any]:
    """Return a task's place in an order."""
    values = {
        "created_at": task.created_at,
        "updated_at": task.updated_at,
        "due_date": task.due_date,
        "priority": task.priority,
        "title": plain(task.title),
    }
    return TaskKey(values[sort.value.strip("-")], task.id)


def plain(text: str) -> str:
    """Return text as it is compared: without regard to case, and in one form."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
