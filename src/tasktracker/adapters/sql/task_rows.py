"""Rows of tasks: one for the task, and an entry for each of its viewers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    ColumnElement,
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
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import category_members, jobs, task_entries, tasks
from tasktracker.domain.jobs.job import JobKind
from tasktracker.domain.kernel.members import Member, Role
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


_MEMBER = cast(category_members.c.user_id, Text) + literal_column("':'") + category_members.c.role
_IN_LIST = category_members.c.category_id == tasks.c.root_category
_LIST_MEMBERS = select(func.aggregate_strings(_MEMBER, " ")).where(_IN_LIST).correlate(tasks).scalar_subquery()
_VIEWER = (
    select(_MEMBER)
    .where(_IN_LIST, category_members.c.user_id == bindparam("user_id"))
    .correlate(tasks)
    .scalar_subquery()
)
_IS_FILED = tasks.c.root_category.is_not(None)

TASKS = Rows(
    Task,
    tasks,
    load={"members": load_members, "list_members": load_members},
    dump={"members": _dump_members},
    derived={"search": search_text},
    fixed=("id", "created_by", "created_at"),
    # The database looks for members only if there is a category.
    read_only={"list_members": case((_IS_FILED, _LIST_MEMBERS))},
)
SEEN_TASKS = [
    case((_IS_FILED, _VIEWER)).label(column.name) if column.name == "list_members" else column
    for column in TASKS.columns
]
"""The columns of tasks for the viewer `user_id`: of the members of their category, only the viewer."""


def being(kind: JobKind) -> Select[UUID]:
    """Return the subjects of unfinished jobs of a kind. There are few, so the statement needs no index."""
    return select(jobs.c.subject).where(jobs.c.kind == literal_column(f"'{kind}'"))


class IsNotBeing(ColumnElement[bool]):
    """Whether a column is not the subject of an unfinished job.

    PostgreSQL's planner assumes that `NOT IN` excludes half of all rows, and `IS NOT NULL` nearly none.
    """

    inherit_cache = False
    type = Boolean()

    def __init__(self, column: ColumnElement[Any], kind: JobKind) -> None:
        self.column = column
        self.subjects = being(kind)


@compiles(IsNotBeing, "postgresql")
def _compile_for_postgresql(element: IsNotBeing, compiler: SQLCompiler, **options: Any) -> str:
    column, subjects = (compiler.process(each, **options) for each in (element.column, element.subjects))
    return f"CASE WHEN {column} = ANY (ARRAY({subjects})) THEN NULL ELSE 1 END IS NOT NULL"


@compiles(IsNotBeing, "sqlite")
def _compile_for_sqlite(element: IsNotBeing, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.column.not_in(element.subjects), **options)


FINDABLE = and_(
    or_(IsNotBeing(tasks.c.owner, JobKind.REMOVE_ACCOUNT), tasks.c.root_category.in_(being(JobKind.HAND_OVER))),
    or_(tasks.c.trashed_with.is_(None), IsNotBeing(tasks.c.trashed_with, JobKind.PURGE_TASK)),
)
"""The condition that a task's owner has an account or its category passes on, and that the task is not being purged."""

# All other columns of an entry are copies of the task's. A column missing in `tasks` raises KeyError here.
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
    """Return the columns in which the entries of a task's viewers differ."""
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
