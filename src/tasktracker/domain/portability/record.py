"""The categories and tasks of a file, before they have a place in an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tasktracker.domain.categories.category import CategoryFields
from tasktracker.domain.kernel.errors import FieldError
from tasktracker.domain.tasks.task import TASK, State, TaskFields

MAX_VERSION = 1_000_000_000
"""Far from what a column holds, so that there is room for changes to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryRecord:
    """A category, its fields checked. Without times, it is as old as its import."""

    id: UUID
    fields: CategoryFields
    created_at: datetime | None = None
    updated_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """A task, its fields checked. `category`, `parent` and `trashed_with` are ids of the file's."""

    id: UUID
    fields: TaskFields
    created_at: datetime | None = None
    updated_at: datetime | None = None
    completed_at: datetime | None = None
    trashed_at: datetime | None = None
    trashed_with: UUID | None = None
    version: int = 1
    members: tuple[str, ...] = ()

    @property
    def category(self) -> UUID | None:
        """The category it is filed under in the file."""
        return self.fields.get("category")

    @property
    def parent(self) -> UUID | None:
        """The task it is under in the file."""
        return self.fields.get("parent")

    @property
    def state(self) -> State:
        """Its state."""
        state: State = self.fields.get("state", TASK.defaults["state"])
        return state


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file: a record, or the reasons why it is none, and what was changed to make it one."""

    number: int
    record: CategoryRecord | TaskRecord | None = None
    errors: tuple[FieldError, ...] = ()
    notices: tuple[FieldError, ...] = ()
