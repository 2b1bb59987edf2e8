"""Records: the categories and tasks of a file, before they are imported."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tasktracker.domain.categories.category import CategoryFields
from tasktracker.domain.kernel.errors import FieldError
from tasktracker.domain.recurrence.recurrence import Slot
from tasktracker.domain.reminders.reminder import ReminderFields
from tasktracker.domain.tasks.task import TASK, State, TaskFields

MAX_VERSION = 1_000_000_000
"""Far below the maximum of the column, so that later changes can increase the version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryRecord:
    """A category with checked fields. Times that are None become the time of the import.

    One that is not the `own` of the user whose export it is belongs to `owner`, and is not imported.
    """

    id: UUID
    own: bool = True
    owner: str | None = None
    fields: CategoryFields
    created_at: datetime | None = None
    updated_at: datetime | None = None
    version: int = 1
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """A task with checked fields. `category`, `parent`, `trashed_with`, `series` and `next` are ids in the file.

    One that is not the `own` of the user whose export it is belongs to `owner`, and is not imported.

    A CSV row has no id of its own. For such a row, `former_id` is the id that earlier versions derived from it.
    """

    id: UUID
    former_id: UUID | None = None
    own: bool = True
    owner: str | None = None
    created_by: str | None = None
    fields: TaskFields
    created_at: datetime | None = None
    updated_at: datetime | None = None
    completed_at: datetime | None = None
    series: UUID | None = None
    slot: Slot | None = None
    next: UUID | None = None
    trashed_at: datetime | None = None
    trashed_with: UUID | None = None
    version: int = 1
    members: tuple[str, ...] = ()
    reminders: tuple[ReminderFields, ...] = ()

    @property
    def category(self) -> UUID | None:
        """The id of its category in the file."""
        return self.fields.get("category")

    @property
    def parent(self) -> UUID | None:
        """The id of its parent in the file."""
        return self.fields.get("parent")

    @property
    def state(self) -> State:
        state: State = self.fields.get("state", TASK.defaults["state"])
        return state


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file: its record or the errors in it, and notices of what was changed."""

    number: int
    record: CategoryRecord | TaskRecord | None = None
    errors: tuple[FieldError, ...] = ()
    notices: tuple[FieldError, ...] = ()
