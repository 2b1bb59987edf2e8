"""The plan for a batch of an import, and what the batches share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tasktracker.domain.categories.category import Category
from tasktracker.domain.kernel.errors import FieldError
from tasktracker.domain.portability.import_job import LineOutcome
from tasktracker.domain.portability.report import Counts, TaskCounts
from tasktracker.domain.reminders.reminder import ReminderFields
from tasktracker.domain.tasks.task import Task, Tree


@dataclass(frozen=True, slots=True)
class ParentInfo:
    """The properties of a parent that its subtasks depend on."""

    tree: Tree
    depth: int
    trashed_with: UUID | None


@dataclass(slots=True)
class ImportContext:
    """The moment of the import, and the results of earlier batches that later ones need.

    `categories` maps ids in the file to stored ids. So does `former`, for tasks stored under their former ids.
    `restored` are tasks restored from the trash that did not appear in the file yet. `names` (categories by name) and
    `parents` (tasks by id) have what a dry run would have stored.
    """

    moment: datetime
    categories: dict[UUID, UUID] = field(default_factory=dict)
    names: dict[str, UUID] = field(default_factory=dict)
    parents: dict[UUID, ParentInfo] = field(default_factory=dict)
    former: dict[UUID, UUID] = field(default_factory=dict)
    claimed: set[UUID] = field(default_factory=set)
    restored: set[UUID] = field(default_factory=set)

    def update(self, other: ImportContext, *, is_dry_run: bool) -> None:
        """Add the results of a finished batch. A dry run stores nothing, so it also needs the new names and parents."""
        self.categories.update(other.categories)
        self.former.update(other.former)
        self.claimed.update(other.claimed)
        self.restored = other.restored
        if is_dry_run:
            self.names.update(other.names)
            self.parents.update(other.parents)


@dataclass(slots=True)
class ImportPlan:
    """The items to store, and the findings to report. `waiting` are numbers of lines without an imported parent.

    `reminders` are those of new tasks, by the ids of the tasks. `decided` maps the number of each line whose item is
    stored to its outcome and the id of the item.
    """

    context: ImportContext
    new_categories: list[Category] = field(default_factory=list)
    new_tasks: list[Task] = field(default_factory=list)
    reminders: dict[UUID, Sequence[ReminderFields]] = field(default_factory=dict)
    categories: Counts = field(default_factory=Counts)
    tasks: TaskCounts = field(default_factory=TaskCounts)
    errors: list[tuple[int, Sequence[FieldError]]] = field(default_factory=list)
    notices: list[tuple[int, Sequence[FieldError]]] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    decided: dict[int, tuple[LineOutcome, UUID]] = field(default_factory=dict)
