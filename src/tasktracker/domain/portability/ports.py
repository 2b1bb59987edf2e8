"""What moving whole accounts needs of storage: many things at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.categories.category import Category
from tasktracker.domain.history.change import Change
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.tasks.query import TaskKey
from tasktracker.domain.tasks.task import Task


class TaskArchive(Protocol):
    """Tasks and categories by the hundred. One statement takes the place of hundreds."""

    def count(self, user_id: UUID) -> int:
        """Return how many tasks the user has created, those in the trash included."""
        ...

    def trashed(self, user_id: UUID, after: TaskKey[datetime] | None, limit: int) -> Page[Task, TaskKey[datetime]]:
        """Return all of the user's own tasks in the trash, also those deleted with others, the first deleted first."""
        ...

    def find_tasks(self, task_ids: Collection[UUID]) -> Sequence[Task]:
        """Return those of the tasks that exist, whoever created them, also from the trash. Locks nothing."""
        ...

    def lock(self, task_ids: Collection[UUID]) -> None:
        """Lock those of the tasks that exist, in the order of their ids, until the work ends."""
        ...

    def find_categories(
        self, user_id: UUID, category_ids: Collection[UUID], name_keys: Collection[str]
    ) -> Sequence[Category]:
        """Return the user's categories with any of these ids or names, by id; while writing, locked in that order."""
        ...

    def taken(self, category_ids: Collection[UUID]) -> Collection[UUID]:
        """Return those of the ids that somebody's category has."""
        ...

    def add(self, tasks: Sequence[Task], changes: Sequence[Change]) -> None:
        """Store new tasks, each after its parent, and the changes that made them. Raises like `TaskRepository.add`."""
        ...
