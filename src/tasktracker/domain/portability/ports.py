"""Reading and storing many items at once, and the work of exports and imports."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.accounts.ports import UserRepository
from tasktracker.domain.categories.category import Category
from tasktracker.domain.categories.ports import CategoryRepository
from tasktracker.domain.feed.ports import FeedRepository
from tasktracker.domain.kernel.changes import ChangeLog
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.tasks.ports import TaskRepository
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

    def add(self, tasks: Sequence[Task]) -> None:
        """Store new tasks, each after its parent. Raises like `TaskRepository.add`."""
        ...


class PortabilityWork(Protocol):
    """Work on everything that a user owns."""

    @property
    def now(self) -> datetime: ...
    @property
    def users(self) -> UserRepository: ...
    @property
    def categories(self) -> CategoryRepository: ...
    @property
    def archive(self) -> TaskArchive: ...


class ExportWork(PortabilityWork, Protocol):
    """Work that reads it."""

    @property
    def tasks(self) -> TaskRepository: ...


class ImportWork(PortabilityWork, Protocol):
    """Work that adds to it."""

    @property
    def feed(self) -> FeedRepository: ...
    @property
    def changes(self) -> ChangeLog: ...
