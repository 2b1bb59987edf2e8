"""The repositories of tasks, and the work of the use cases on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from tasktracker.domain.categories.ports import CategoryRepository
from tasktracker.domain.jobs.ports import JobWork
from tasktracker.domain.kernel.changes import ChangeLog, ChangingWork
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.tasks.policy import viewers_of, visible_category
from tasktracker.domain.tasks.query import TaskKey, TaskQuery
from tasktracker.domain.tasks.task import Task


@dataclass(frozen=True, slots=True)
class ViewersChange:
    """A task whose stored viewers were refreshed: the added ones, the removed ones, and the others who are `affected`.

    These see the task in another category, because the one of its root was shared or is not shared any more.
    """

    task: Task
    added: frozenset[UUID]
    removed: frozenset[UUID]
    affected: frozenset[UUID]

    @classmethod
    def of(cls, task: Task, stored: Mapping[UUID, UUID | None]) -> ViewersChange:
        """Compare a task with its stored viewers, and the categories in which they are stored to see it."""
        viewers = viewers_of(task)
        kept = viewers & stored.keys()
        affected = frozenset(each for each in kept if stored[each] != visible_category(task, each))
        return cls(task, viewers - stored.keys(), frozenset(stored.keys() - viewers), affected)


class TaskRepository(Protocol):
    """Tasks, with their members and those of their shared categories.

    `tasks.policy` decides on access; only the lists filter by user. Neither `find` nor a list returns a task whose
    owner's account is being removed, or one that is being purged. A writing work that locks a task of a shared category
    locks its members, too: no change of them is committed until the work ends.
    """

    def add(self, task: Task) -> None:
        """Store a new task. Raises IdTaken, and InvalidInput if its category does not exist."""
        ...

    def find(self, task_id: UUID) -> Task | None:
        """Return a task, also from the trash; a writing work locks the row until it ends."""
        ...

    def find_unlocked(self, task_id: UUID) -> Task | None:
        """Return a task as last committed. Locks nothing; it serves to decide what to lock."""
        ...

    def save(self, task: Task) -> None:
        """Store a changed task. A work that changes its title or its description must have found it before.

        Raises Stale unless the stored version is the one before the task's. Raises InvalidInput if the category of the
        task does not exist.
        """
        ...

    def save_shared(self, task: Task) -> None:
        """Store a changed task together with its owner, its members and those of its category. Raises like `save`.

        Users who were stored to see it and do not see it any more get its deletion, also those whom the job of its
        category has not reached.
        """
        ...

    def refile(self, root: UUID, category_id: UUID | None) -> None:
        """Set `root_category` of the subtasks of a root that was saved. The subtasks keep their versions.

        Neither category may be shared, and no job on them may be left: so no user sees a change.
        """
        ...

    def tree(self, root: UUID) -> Sequence[Task]:
        """Return all tasks of a tree, including those in the trash, ordered by id. A work that writes locks them.

        A caller that changes the structure or the members of the tree must first lock its root with `find`.
        """
        ...

    def children(self, parents: Collection[UUID], limit: int | None = None) -> Sequence[Task]:
        """Return the direct subtasks of these tasks, including those in the trash, ordered by id.

        A work that writes locks them. With a `limit`, return at most that many; which ones is undefined. The caller
        must first lock the root, as for `tree`.
        """
        ...

    def shared_with(self, user_id: UUID, limit: int) -> Sequence[Task]:
        """Return at most `limit` tasks that are shared with the user by themselves, also in the trash. Locks nothing.

        Tasks whose owner's account is being removed are left out.
        """
        ...

    def owned(self, user_id: UUID, limit: int) -> Sequence[Task]:
        """Return at most `limit` of the user's own tasks, the newest first, those in the trash last, and lock them.

        So no other work puts a subtask under one of them, or has done so unnoticed.
        """
        ...

    def of_former_owner(self, category_id: UUID, owner: UUID, after: UUID | None, limit: int) -> Sequence[Task]:
        """Return the next `limit` tasks in a category, by id after `after`, that do not belong to its `owner`.

        Locks nothing.
        """
        ...

    def unfile(self, user_id: UUID, category_id: UUID, now: datetime, limit: int) -> Sequence[Task]:
        """Remove a category from at most `limit` of the user's tasks in it, and return the changed tasks.

        Each task gets a new version.
        """
        ...

    def list(self, user_id: UUID, query: TaskQuery) -> Page[Task, TaskKey[Any]]:
        """Return a page of the tasks that the user can see and that match the query, without those in the trash.

        Tasks that a member sees only through a category are left out until the member is ready.
        """
        ...

    def refresh(self, category_id: UUID, after: UUID | None, limit: int) -> Sequence[ViewersChange]:
        """Bring the lists of tasks in line with the members of a category, for the next `limit` tasks in it by id.

        The tasks start after `after`, and include those in the trash; they are locked. Return a result for each.
        """
        ...


class TrashRepository(Protocol):
    """Deleted tasks, until they are purged."""

    def list(
        self, user_id: UUID, after: TaskKey[datetime] | None, limit: int, category: UUID | None = None
    ) -> Page[Task, TaskKey[datetime]]:
        """Return the user's own deleted tasks, the last deleted first, without the tasks deleted with another task.

        With `category`, return those that the user sees in it: as its owner, or as an editor who is ready.
        """
        ...

    def find(self, task_id: UUID) -> Task | None:
        """Return a task in the trash, also one that is being purged. Locks nothing."""
        ...

    def deleted_in(self, root: UUID) -> Sequence[Task]:
        """Return the tasks of a tree that were deleted by themselves and not with another task. Locks nothing."""
        ...

    def purge(self, tasks: Collection[Task]) -> None:
        """Permanently remove tasks, with their histories. No remaining task may have one of them as its parent.

        A former member of a category gets a deletion of each task, unless the job for the former members has reached
        this member before.
        """
        ...

    def expired(self, before: datetime, limit: int) -> Sequence[UUID]:
        """Return tasks deleted before `before`, the oldest deletion first, without tasks deleted with another task."""
        ...


class TreeWork(Protocol):
    """Work on the structure of trees of tasks."""

    @property
    def tasks(self) -> TaskRepository: ...


class TaskWork(TreeWork, ChangingWork, JobWork, Protocol):
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
    def categories(self) -> CategoryRepository: ...
    @property
    def now(self) -> datetime: ...
    @property
    def changes(self) -> ChangeLog: ...


class TrashWork(PurgeWork, TaskWork, Protocol):
    """Work on the trash."""
