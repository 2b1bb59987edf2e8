"""A task: something to be done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import TypedDict
from uuid import UUID

from tasktracker.domain.fields import Rule, moment, optional, text

TITLE_LONGEST = 200
DESCRIPTION_LONGEST = 10_000


class Priority(IntEnum):
    """How much a task matters."""

    LOW = 1
    NORMAL = 2
    HIGH = 3
    URGENT = 4


class State(StrEnum):
    """How far a task has come. Any state may follow any other."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    CANCELLED = "cancelled"

    @property
    def is_closed(self) -> bool:
        """Whether nothing is left to do."""
        return self in (State.DONE, State.CANCELLED)


class TaskFields(TypedDict, total=False):
    """What people may say about a task; an absent field is left as it is."""

    title: str
    description: str
    priority: Priority
    state: State
    due_date: datetime | None
    category: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something to be done, by whoever created it.

    `category` is the creator's own filing. `completed_at` is set while the state is done, and only then.
    `version` grows by one with every change; times are UTC.
    """

    id: UUID
    title: str
    description: str = ""
    priority: Priority = Priority.NORMAL
    state: State = State.OPEN
    due_date: datetime | None = None
    category: UUID | None = None
    created_by: UUID
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None = None
    version: int = 1

    @classmethod
    def create(cls, *, id: UUID, created_by: UUID, now: datetime, fields: TaskFields) -> Task:
        """Return a new task with these (checked) fields, of which `title` is required."""
        task = cls(id=id, created_by=created_by, created_at=now, updated_at=now, **fields)
        return replace(task, completed_at=now) if task.state is State.DONE else task

    def edit(self, fields: TaskFields, now: datetime) -> Task:
        """Return the task with these (checked) fields; itself when they change nothing."""
        edited = replace(self, **fields)
        if edited == self:
            return self
        now = max(now, self.updated_at)
        if edited.state is not self.state:
            edited = replace(edited, completed_at=now if edited.state is State.DONE else None)
        return replace(edited, version=self.version + 1, updated_at=now)

    def is_overdue(self, at: datetime) -> bool:
        """Whether the task should have been done by then and is neither done nor cancelled."""
        return self.due_date is not None and self.due_date < at and not self.state.is_closed

    @property
    def owners(self) -> tuple[UUID, ...]:
        """Who may change the task."""
        return (self.created_by,)


TASK_DEFAULTS: TaskFields = {
    "description": "",
    "priority": Priority.NORMAL,
    "state": State.OPEN,
    "due_date": None,
    "category": None,
}
TASK_RULES: dict[str, Rule] = {
    "title": text(shortest=1, longest=TITLE_LONGEST, trim=True),
    "description": text(longest=DESCRIPTION_LONGEST),
    "priority": Priority,
    "state": State,
    "due_date": optional(moment),
}
