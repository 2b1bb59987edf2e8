"""Bulk reading and writing of items, and the units of work of exports and imports."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.accounts.ports import UserRepository
from tasktracker.domain.categories.category import Category
from tasktracker.domain.categories.ports import CategoryRepository
from tasktracker.domain.feed.ports import FeedRepository
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.portability.import_job import ImportedLine, ImportJob, JobKey, LineOutcome
from tasktracker.domain.reminders.ports import ReminderRepository
from tasktracker.domain.tasks.ports import RestoreWork, TaskRepository
from tasktracker.domain.tasks.query import TaskKey
from tasktracker.domain.tasks.task import Task


class BulkRepository(Protocol):
    """Tasks and categories in bulk: each method reads or writes many rows in one statement."""

    def count(self, user_id: UUID) -> int:
        """Return the number of tasks that the user owns, including those in the trash."""
        ...

    def trashed(self, user_id: UUID, after: TaskKey[datetime] | None, limit: int) -> Page[Task, TaskKey[datetime]]:
        """Return a page of all of the user's own tasks in the trash, the first deleted first."""
        ...

    def created(self, user_id: UUID, after: UUID | None, limit: int) -> Page[Task, UUID]:
        """Return a page, by id, of the tasks that the user has created and another user owns, including the trash.

        The user may have lost access to them.
        """
        ...

    def find_tasks(self, task_ids: Collection[UUID]) -> Sequence[Task]:
        """Return the existing tasks with these ids, of all users, also from the trash. Locks nothing."""
        ...

    def lock(self, task_ids: Collection[UUID]) -> None:
        """Lock the existing tasks with these ids, in the order of their ids, until the unit of work ends."""
        ...

    def find_categories(
        self, user_id: UUID, category_ids: Collection[UUID], name_keys: Collection[str]
    ) -> Sequence[Category]:
        """Return the user's own categories with any of these ids or names. A unit of work that writes locks them."""
        ...

    def taken(self, category_ids: Collection[UUID]) -> Collection[UUID]:
        """Return the ids that are in use by a category of any user."""
        ...

    def add(self, tasks: Sequence[Task]) -> None:
        """Store new tasks, each after its parent. Raises like `TaskRepository.add`."""
        ...


class ImportJobRepository(Protocol):
    """Import jobs with their lines. They are removed with their user, and after the retention time."""

    def add(self, job: ImportJob) -> None:
        """Store a new job."""
        ...

    def find(self, job_id: UUID) -> ImportJob | None:
        """Return a job. A unit of work that writes locks the row until its end."""
        ...

    def save(self, job: ImportJob) -> None:
        """Store a changed job. The unit of work must have locked it before."""
        ...

    def list(self, user_id: UUID, after: JobKey | None, limit: int) -> Page[ImportJob, JobKey]:
        """Return a page of a user's jobs that follow `after`, the newest first."""
        ...

    def add_lines(self, job_id: UUID, lines: Sequence[ImportedLine]) -> None:
        """Store lines of a job, each once."""
        ...

    def lines(
        self, job_id: UUID, outcome: LineOutcome | None, after: int | None, limit: int
    ) -> Page[ImportedLine, int]:
        """Return a page of a job's lines by position, starting after `after`. `outcome` selects one outcome."""
        ...

    def expired(self, before: datetime, limit: int) -> Sequence[UUID]:
        """Return at most `limit` jobs created before `before`, the oldest first."""
        ...

    def purge(self, job_ids: Collection[UUID], limit: int) -> int:
        """Remove at most `limit` lines of these jobs. Without lines, remove the jobs. Return the number of rows."""
        ...


class PortabilityWork(Protocol):
    """A unit of work on everything that a user owns."""

    @property
    def now(self) -> datetime: ...
    @property
    def users(self) -> UserRepository: ...
    @property
    def categories(self) -> CategoryRepository: ...
    @property
    def bulk(self) -> BulkRepository: ...


class ExportWork(PortabilityWork, Protocol):
    """A unit of work that exports."""

    @property
    def tasks(self) -> TaskRepository: ...
    @property
    def reminders(self) -> ReminderRepository: ...


class ImportWork(PortabilityWork, RestoreWork, Protocol):
    """A unit of work that imports."""

    @property
    def feed(self) -> FeedRepository: ...
    @property
    def reminders(self) -> ReminderRepository: ...


class ImportJobWork(Protocol):
    """A unit of work on import jobs."""

    @property
    def users(self) -> UserRepository: ...
    @property
    def import_jobs(self) -> ImportJobRepository: ...
