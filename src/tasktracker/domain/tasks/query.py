"""Which tasks a list is to show, and from where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from tasktracker.domain.paging import DEFAULT_PAGE
from tasktracker.domain.tasks.task import Priority, State, Task

UNFILED: Final = "none"


@dataclass(frozen=True, slots=True, order=True)
class TaskKey:
    """A task's place in the list: the newest first, and by id among those of one moment."""

    created_at: datetime
    id: UUID

    @classmethod
    def of(cls, task: Task) -> TaskKey:
        """Return the place of a task."""
        return cls(task.created_at, task.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskQuery:
    """The tasks that pass every filter, in descending order of `TaskKey`, after a place and up to a number.

    An empty `states`, and None elsewhere, let every task pass; the category `UNFILED` means tasks without one.
    `at` is the moment at which a task is overdue or not: the same for every page of a list.
    """

    at: datetime
    states: frozenset[State] = frozenset()
    priority: Priority | None = None
    category: UUID | Literal["none"] | None = None
    overdue: bool | None = None
    after: TaskKey | None = None
    limit: int = DEFAULT_PAGE

    def matches(self, task: Task) -> bool:
        """Whether the task passes every filter."""
        return (
            (not self.states or task.state in self.states)
            and (self.priority is None or task.priority is self.priority)
            and (self.category is None or task.category == (None if self.category == UNFILED else self.category))
            and (self.overdue is None or task.is_overdue(self.at) is self.overdue)
        )
