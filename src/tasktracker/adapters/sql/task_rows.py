"""Rows of tasks: one for the task, and an entry for each of its viewers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, or_, select

from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import jobs, task_entries, tasks
from tasktracker.domain.jobs.job import JobKind
from tasktracker.domain.tasks.member import Member, Role
from tasktracker.domain.tasks.query import search_text, title_key
from tasktracker.domain.tasks.task import Task


def _load_members(text: str) -> tuple[Member, ...]:
    if not text:
        return ()
    parts = (each.split(":") for each in text.split(" "))
    return tuple(Member(UUID(user_id), Role(role)) for user_id, role in parts)


def _dump_members(members: Iterable[Member]) -> str:
    return " ".join(f"{member.user_id}:{member.role}" for member in members)


TASKS = Rows(
    Task,
    tasks,
    load={"members": _load_members},
    dump={"members": _dump_members},
    derived={"search": search_text},
    fixed=("id", "created_by", "created_at"),
)


def being(kind: JobKind) -> Select[UUID]:
    """Return the subjects of unfinished jobs of a kind. There are few, so no condition on them needs an index."""
    return select(jobs.c.subject).where(jobs.c.kind == kind.value)


def _findable() -> ColumnElement[bool]:
    is_owned = tasks.c.created_by.not_in(being(JobKind.REMOVE_ACCOUNT))
    return is_owned & or_(tasks.c.trashed_with.is_(None), tasks.c.trashed_with.not_in(being(JobKind.PURGE_TASK)))


FINDABLE = _findable()
"""The condition that a task's owner has an account, and that the task is not being purged."""

# All other columns of an entry are copies of the task's. A column missing in `tasks` raises KeyError here.
_OF_ENTRY = ("task_id", "user_id", "role", "title_key")
_OF_TASK = [tasks.columns[each.name].name for each in task_entries.columns if each.name not in _OF_ENTRY]
ENTRY_CHANGES = ["title_key", *(name for name in _OF_TASK if name not in TASKS.fixed)]
"""The columns of an entry that may change."""


def entry_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that all viewers' entries copy from a task's row, or from its changed columns."""
    return {name: row[name] for name in _OF_TASK if name in row} | {"title_key": title_key(row["title"])}


def entry_rows(task: Task, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of all viewers of a task. `row` is the task's row."""
    shared = entry_of(row) | {"task_id": task.id}
    owner = shared | {"user_id": task.created_by, "role": Role.OWNER.value}
    members = [
        shared | {"user_id": member.user_id, "role": member.role.value, "category": None} for member in task.members
    ]
    return [owner, *members]
