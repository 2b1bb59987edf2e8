"""Tasks as rows: the task itself, and an entry for each of its viewers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tasktracker.adapters.sql.schema import tasks
from tasktracker.domain.tasks.member import Member, Role
from tasktracker.domain.tasks.query import search_text, title_key
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

# A look-up takes a tenth of the time.
_PRIORITIES = {each.value: each for each in Priority}
_STATES = {each.value: each for each in State}


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
        priority=_PRIORITIES[priority],
        state=_STATES[state],
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


def fields_of(task: Task) -> dict[str, Any]:
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
    return fields_of(task) | {"id": task.id, "created_by": task.created_by, "created_at": task.created_at}


def entry_of(task: Task) -> dict[str, Any]:
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
    shared = entry_of(task) | {"task_id": task.id, "created_at": task.created_at}
    owner = shared | {"user_id": task.created_by, "role": Role.OWNER.value}
    members = [
        shared | {"user_id": member.user_id, "role": member.role.value, "category": None} for member in task.members
    ]
    return [owner, *members]
