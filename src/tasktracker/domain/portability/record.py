"""What is read from a file: categories and tasks as they say they are, before they have a place in an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tasktracker.domain.kernel.errors import FieldError
from tasktracker.domain.tasks.task import Priority, State

MAX_VERSION = 1_000_000_000
"""Far from what a column holds, so that there is room for changes to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryRecord:
    """A category, by rules checked. Without times, it is as old as its import."""

    id: UUID
    name: str
    description: str = ""
    color: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """A task, by rules checked. `category`, `parent` and `trashed_with` are ids of the file's."""

    id: UUID
    title: str
    description: str = ""
    priority: Priority = Priority.NORMAL
    state: State = State.OPEN
    due_date: datetime | None = None
    category: UUID | None = None
    parent: UUID | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    completed_at: datetime | None = None
    trashed_at: datetime | None = None
    trashed_with: UUID | None = None
    version: int = 1
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file: a record, or the reasons why it is none, and what was changed to make it one."""

    number: int
    record: CategoryRecord | TaskRecord | None = None
    errors: tuple[FieldError, ...] = ()
    notices: tuple[FieldError, ...] = ()
