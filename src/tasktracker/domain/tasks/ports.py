"""The repositories of tasks, and the work of the use cases on them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from tasktracker.domain.categories.ports import CategoryRepository
from tasktracker.domain.jobs.ports import JobWork
from tasktracker.domain.kernel.changes import ChangeLog, ChangingWork
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.tasks.query import TaskKey, TaskQuery
from tasktracker.domain.tasks.task import Task


class TaskRepository(Protocol):
    """Tasks, with their members. `tasks.policy` decides on access; only the lists filter by user.

    Neither `find` nor a list returns a task whose owner's account is being removed, or one that is being purged.
    """

    def add(self, task: Task) -> None:
        """Store a new task. Raises IdTaken, and InvalidInput if its creator does not have its category."""
        ...

    def find(self, task_id: UUID) -> Task | None:
        """Return a task, also from the trash; a writing work locks the row until it ends."""
        ...

    def find_unlocked(self, task_id: UUID) -> Task | None:
        """Return a task as last committed. Locks nothing; it serves to decide what to lock."""
        ...

    def save(self, task: Task) -> None:
        """Store a changed task.

        Raises Stale unless the stored version is the one before the task's. Raises InvalidInput if the category of the
        task does not belong to the task's creator.
        """
        ...

    def save_shared(self, task: Task) -> None:
        """Store a changed task together with its members. Raises like `save`."""
        ...

    def tree(self, root: UUID) -> Sequence[Task]:
        """Return all tasks of a tree, including those in the trash, ordered by id; a writing work locks them.

        A caller that changes the structure or the members of the tree must first lock its root with `find`.
        """
        ...

    def children(self, parents: Collection[UUID], limit: int | None = None) -> Sequence[Task]:
        """Return the direct subtasks of these tasks, including those in the trash, by id; a writing work locks them.

        With a `limit`, return at most that many, any of them. The root must be locked first, as for `tree`.
        """
        ...

    def shared_with(self, user_id: UUID, limit: int) -> Sequence[Task]:
        """Return at most `limit` tasks of others that the user is a member of, also in the trash. Locks nothing.

        Tasks whose owner's account is being removed are left out.
        """
        ...

    def owned(self, user_id: UUID, limit: int) -> Sequence[Task]:
        """Return at most `limit` of the user's own tasks, the newest first, those in the trash last, and lock them.

        So no other work puts a subtask under one of them, or has done so unnoticed.
        """
        ...

    def unfile(self, user_id: UUID, category_id: UUID, now: datetime, limit: int) -> Sequence[Task]:
        """Remove a category from at most `limit` of the user's tasks in it, and return the changed tasks.

        Each task gets a new version.
        """
        ...

    def list(self, user_id: UUID, query: TaskQuery) -> Page[Task, TaskKey[Any]]:
        """Return a page of the tasks that the user can see and that match the query, without those in the trash."""
        ...


class TrashRepository(Protocol):
    """Deleted tasks, until they are purged."""

    def list(self, user_id: UUID, after: TaskKey[datetime] | None, limit: int) -> Page[Task, TaskKey[datetime]]:
        """Return the user's own deleted tasks, the last deleted first, without the tasks deleted with another task."""
        ...

    def find(self, task_id: UUID) -> Task | None:
        """Return a task in the trash, also one that is being purged. Locks nothing."""
        ...

    def deleted_in(self, root: UUID) -> Sequence[Task]:
        """Return the tasks of a tree that were deleted by themselves and not with another task. Locks nothing."""
        ...

    def purge(self, tasks: Collection[Task]) -> None:
        """Permanently remove tasks, with their histories. No remaining task may have one of them as its parent."""
        ...

    def expired(self, before: datetime, limit: int) -> Sequence[UUID]:
        """Return tasks deleted before `before`, the oldest deletion first, without tasks deleted with another task."""
        ...


class TreeWork(Protocol):
    """Work on the structure of trees of tasks."""

    @property
    def tasks(self) -> TaskRepository: ...


class TaskWork(TreeWork, ChangingWork, Protocol):
    """Work on tasks and their categories."""

    @property
    def categories(self) -> CategoryRepository: ...


class PurgeWork(TreeWork, JobWork, Protocol):
    """Work that permanently removes tasks."""

    @property
    def trash(self) -> TrashRepository: ...


class RestoreWork(TreeWork, Protocol):
    """Work that restores tasks from the trash, for any actor."""

    @property
    def now(self) -> datetime: ...
    @property
    def changes(self) -> ChangeLog: ...


class TrashWork(PurgeWork, ChangingWork, Protocol):
    """Work on the trash."""
