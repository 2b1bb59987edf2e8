"""Rows of tasks: one for the task, and an entry for each of its viewers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import (
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
)

from tasktracker.adapters.sql.conditions import Mostly, OneOf
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import category_members, jobs, task_entries, tasks
from tasktracker.domain.jobs.job import JobKind
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.recurrence.occurrence import Occurrence
from tasktracker.domain.recurrence.recurrence import Recurrence, from_json, to_json
from tasktracker.domain.tasks.policy import visible_category
from tasktracker.domain.tasks.query import search_text, title_key
from tasktracker.domain.tasks.task import Task


@lru_cache(1024)  # many tasks of a page are in the same category
def load_members(text: str | None) -> tuple[Member, ...]:
    """Return the members in a text of the form "<user>:<role> …"."""
    if not text:
        return ()
    parts = (each.split(":") for each in text.split(" "))
    return tuple(sorted(Member(UUID(user_id), Role(role)) for user_id, role in parts))


def _dump_members(members: Iterable[Member]) -> str:
    return " ".join(f"{member.user_id}:{member.role}" for member in members)


@lru_cache(1024)
def _load_recurrence(text: str) -> Recurrence:
    return from_json(msgspec.json.decode(text))


def _dump_recurrence(value: Recurrence | None) -> str | None:
    return None if value is None else msgspec.json.encode(to_json(value)).decode()


@lru_cache(1024)
def _load_occurrence(text: str) -> Occurrence:
    return Occurrence.from_json(msgspec.json.decode(text))


def _dump_occurrence(value: Occurrence | None) -> str | None:
    return None if value is None else msgspec.json.encode(value.to_json()).decode()


_MEMBER = cast(category_members.c.user_id, Text) + literal_column("':'") + category_members.c.role
_LIST_MEMBERS = (
    select(func.aggregate_strings(_MEMBER, " "))
    .where(category_members.c.category_id == tasks.c.root_category)
    .correlate(tasks)
    .scalar_subquery()
)
TASKS = Rows(
    Task,
    tasks,
    load={
        "members": load_members,
        "list_members": load_members,
        "recurrence": _load_recurrence,
        "occurrence": _load_occurrence,
    },
    dump={"members": _dump_members, "recurrence": _dump_recurrence, "occurrence": _dump_occurrence},
    sparse=("recurrence", "occurrence"),
    derived={"search": search_text, "series": lambda task: task.series},
    fixed=("id", "created_by", "created_at"),
    # The database looks for members only if there is a category.
    read_only={"list_members": case((tasks.c.root_category.is_not(None), _LIST_MEMBERS))},
)
MY_LISTS = select(category_members.c.category_id).where(category_members.c.user_id == bindparam("user_id"))
"""The shared categories that the viewer `user_id` owns or is a member of."""
_VIEWER = case(
    *(
        (
            OneOf(tasks.c.root_category, MY_LISTS.where(category_members.c.role == literal_column(f"'{role}'"))),
            cast(bindparam("user_id", type_=tasks.c.owner.type), Text) + literal_column(f"':{role}'"),
        )
        for role in Role
    )
)
SEEN_TASKS = [_VIEWER.label(each.name) if each.name == "list_members" else each for each in TASKS.columns]
"""The columns of tasks for the viewer `user_id`. Of the members of a category, only the viewer is read."""


def being(kind: JobKind) -> Select[UUID]:
    """Return the subjects of unfinished jobs of a kind. There are few, so the statement needs no index."""
    return select(jobs.c.subject).where(jobs.c.kind == literal_column(f"'{kind}'"))


FINDABLE = and_(
    Mostly(
        or_(
            ~OneOf(tasks.c.owner, being(JobKind.REMOVE_ACCOUNT)),
            OneOf(tasks.c.root_category, being(JobKind.HAND_OVER)),
        )
    ),
    Mostly(or_(tasks.c.trashed_with.is_(None), ~OneOf(tasks.c.trashed_with, being(JobKind.PURGE_TASK)))),
)
"""The condition that a task can be found: its owner has an account or its category passes on, and it is not being
purged."""

# All other columns of an entry are copies of columns of the task. A column missing in `tasks` raises KeyError here.
_OF_ENTRY = ("task_id", "user_id", "role", "via", "category", "title_key")
_OF_TASK = [tasks.columns[each.name].name for each in task_entries.columns if each.name not in _OF_ENTRY]


def entry_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that all viewers' entries copy from a task's row, or from its changed columns."""
    entry = {name: row[name] for name in _OF_TASK if name in row}
    if "title" in row:
        entry["title_key"] = title_key(row["title"])
    return entry


def entry_rows(task: Task, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of all viewers of a task. `row` is the task's row."""
    shared = entry_of(row) | {"task_id": task.id}
    return [shared | viewer for viewer in viewers(task)]


def viewers(task: Task) -> list[dict[str, Any]]:
    """Return a row for each viewer of a task, with only the columns in which their entries differ."""
    # The rows of most tasks have one viewer.
    if not task.members and not task.list_members:
        return [{"user_id": task.owner, "role": Role.OWNER.value, "via": None, "category": task.category}]
    direct = {task.owner: Role.OWNER} | {member.user_id: member.role for member in task.members}
    through = {each.user_id: each.role for each in task.list_members if each.user_id not in direct}
    return [
        {
            "user_id": user_id,
            "role": role.value,
            "via": task.root_category if user_id in through else None,
            "category": visible_category(task, user_id),
        }
        for user_id, role in (direct | through).items()
    ]
