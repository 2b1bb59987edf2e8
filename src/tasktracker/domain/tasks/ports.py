"""The repositories of tasks, and the work of the use cases on them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from tasktracker.domain.categories.ports import CategoryRepository
from tasktracker.domain.kernel.changes import ChangingWork
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.tasks.query import TaskKey, TaskQuery
from tasktracker.domain.tasks.task import Task


class TaskRepository(Protocol):
    """Tasks, with their members. Who may see what is for `tasks.policy` to decide, but for the lists."""

    def add(self, task: Task) -> None:
        """Store a new task. Raises IdTaken, and InvalidInput when its creator has no such category (any more)."""
        ...

    def find(self, task_id: UUID) -> Task | None:
        """Return a task, also one in the trash; while writing, locked until the work ends."""
        ...

    def find_unlocked(self, task_id: UUID) -> Task | None:
        """Return a task as it was committed last, without locking it: for deciding what to lock."""
        ...

    def save(self, task: Task) -> None:
        """Store a changed task.

        Raises Stale unless its predecessor is stored, and InvalidInput when its creator has no such category.
        """
        ...

    def save_shared(self, task: Task) -> None:
        """Store a changed task whose members may have changed, too. Raises like `save`."""
        ...

    def tree(self, root: UUID) -> Sequence[Task]:
        """Return all tasks of a tree, also those in the trash, in the order of their ids; while writing, locked.

        Whoever changes the shape or the members of a tree must have found its root by this work before.
        """
        ...

    def children(self, parents: Collection[UUID]) -> Sequence[Task]:
        """Return all tasks directly under any of these, also those in the trash, by id; while writing, locked.

        The same goes as for `tree`.
        """
        ...

    def shared_with(self, user_id: UUID) -> Sequence[UUID]:
        """Return the roots of the trees of others that the user is a member of, in the order of their ids."""
        ...

    def shared_by(self, user_id: UUID) -> Sequence[UUID]:
        """Return the roots of the user's own trees that others are members of, in the order of their ids."""
        ...

    def unfile(self, user_id: UUID, category_id: UUID, now: datetime) -> Sequence[Task]:
        """Take all of the user's tasks out of a category: a change to each, advancing its version.

        Returns them as they are then.
        """
        ...

    def list(self, user_id: UUID, query: TaskQuery) -> Page[Task, TaskKey[Any]]:
        """Return the tasks the user is a member of that the query asks for, none of them from the trash."""
        ...


class TrashRepository(Protocol):
    """Tasks that were deleted, until they are purged."""

    def list(self, user_id: UUID, after: TaskKey[datetime] | None, limit: int) -> Page[Task, TaskKey[datetime]]:
        """Return the user's own deleted tasks, the last deleted first; each stands for those deleted with it."""
        ...

    def purge(self, tasks: Collection[Task]) -> None:
        """Remove tasks for good, with their histories. None may be left that has one of them as its parent."""
        ...

    def expired(self, before: datetime, limit: int) -> Sequence[UUID]:
        """Return the tasks that others were deleted with, deleted before a moment, the longest ago first."""
        ...


class TreeWork(Protocol):
    """Work on the shape of trees of tasks."""

    @property
    def tasks(self) -> TaskRepository: ...


class TaskWork(TreeWork, ChangingWork, Protocol):
    """Work on tasks and how they are filed."""

    @property
    def categories(self) -> CategoryRepository: ...


class PurgeWork(TreeWork, Protocol):
    """Work that removes tasks for good."""

    @property
    def trash(self) -> TrashRepository: ...


class TrashWork(PurgeWork, ChangingWork, Protocol):
    """Work on the trash."""
