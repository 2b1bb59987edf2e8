"""The repositories of tasks, and the units of work of the use cases on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from tasktracker.domain.accounts.ports import QuotaRepository
from tasktracker.domain.categories.ports import CategoryRepository
from tasktracker.domain.jobs.ports import JobWork
from tasktracker.domain.kernel.changes import ChangeLog, ChangingWork
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.tasks.policy import viewers_of, visible_category
from tasktracker.domain.tasks.query import TaskKey, TaskQuery
from tasktracker.domain.tasks.task import Task


@dataclass(frozen=True, slots=True)
class ViewersChange:
    """A task whose stored viewers were refreshed: the users added, the users removed, and other viewers `affected`.

    The affected viewers see the task in another category than before, because the category of its root was shared or is
    not shared any more.
    """

    task: Task
    added: frozenset[UUID]
    removed: frozenset[UUID]
    affected: frozenset[UUID]

    @classmethod
    def of(cls, task: Task, stored: Mapping[UUID, UUID | None]) -> ViewersChange:
        """Compare a task with its stored viewers. `stored` has the category in which each of them saw the task."""
        viewers = viewers_of(task)
        kept = viewers & stored.keys()
        affected = frozenset(each for each in kept if stored[each] != visible_category(task, each))
        return cls(task, viewers - stored.keys(), frozenset(stored.keys() - viewers), affected)


class TaskRepository(Protocol):
    """Tasks, with their members and those of their shared categories.

    `tasks.policy` decides on access; only the lists filter by user. Neither `find` nor a list returns a task whose
    owner's account is being removed, or one that is being purged. A unit of work that writes and locks a task of a
    shared category also locks the category's members: no change of the members is committed until the unit of work
    ends.
    """

    def add(self, task: Task) -> None:
        """Store a new task. Raises IdTaken, and InvalidInput if its category does not exist."""
        ...

    def find(self, task_id: UUID) -> Task | None:
        """Return a task, also from the trash. A unit of work that writes locks the row until its end."""
        ...

    def find_unlocked(self, task_id: UUID) -> Task | None:
        """Return a task as last committed. Locks nothing. Use it to decide what to lock."""
        ...

    def save(self, task: Task) -> None:
        """Store a changed task. To change its title or description, the unit of work must have found the task before.

        Raises Stale unless the stored version is one below the task's. Raises InvalidInput if the category of the task
        does not exist.
        """
        ...

    def save_shared(self, task: Task) -> None:
        """Store a changed task together with its owner, its members and those of its category. Raises like `save`.

        Stored viewers who do not see the task any more get its deletion. These may include former members of its
        category, if the job of the category has not reached the task yet.
        """
        ...

    def refile(self, root: UUID, category_id: UUID | None) -> None:
        """Set `root_category` of the subtasks of a root that was saved. The subtasks keep their versions.

        Neither the old nor the new category may be shared or have a pending job. So no user sees a change.
        """
        ...

    def tree(self, root: UUID) -> Sequence[Task]:
        """Return all tasks of a tree, including those in the trash, ordered by id.

        A unit of work that writes locks them. A caller that changes the structure or the members of the tree must first
        lock its root with `find`.
        """
        ...

    def children(self, parents: Collection[UUID], limit: int | None = None) -> Sequence[Task]:
        """Return the direct subtasks of these tasks, including those in the trash, ordered by id.

        A unit of work that writes locks them. With a `limit`, return at most `limit` of them; it is undefined which.
        The caller must first lock the root, as for `tree`.
        """
        ...

    def shared_with(self, user_id: UUID, limit: int) -> Sequence[Task]:
        """Return at most `limit` tasks that are shared with the user directly, not by a category; also in the trash.

        Locks nothing. Tasks whose owner's account is being removed are left out.
        """
        ...

    def owned(self, user_id: UUID, limit: int) -> Sequence[Task]:
        """Return at most `limit` of the user's own tasks, the newest first, those in the trash last, and lock them.

        After that, all subtasks of these tasks are visible, and no other unit of work can add one.
        """
        ...

    def of_former_owner(self, category_id: UUID, owner: UUID, after: UUID | None, limit: int) -> Sequence[Task]:
        """Return the first `limit` tasks in a category with ids above `after` that `owner` does not own.

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
        """Update the stored viewers of the next `limit` tasks in a category. Return a result for each.

        The tasks are ordered by id, begin after `after`, include those in the trash, and are locked.
        """
        ...


class TrashRepository(Protocol):
    """Deleted tasks, until they are purged."""

    def list(
        self, user_id: UUID, after: TaskKey[datetime] | None, limit: int, category: UUID | None = None
    ) -> Page[Task, TaskKey[datetime]]:
        """Return the user's own deleted tasks, the last deleted first, without the tasks deleted with another task.

        With `category`, return the deleted tasks in this category, if the user is its owner, or an editor who is ready.
        """
        ...

    def find(self, task_id: UUID) -> Task | None:
        """Return a task in the trash, also one that is being purged. Locks nothing."""
        ...

    def deleted_in(self, root: UUID) -> Sequence[Task]:
        """Return the tasks of a tree that were deleted, except those deleted with another task. Locks nothing."""
        ...

    def purge(self, tasks: Collection[Task]) -> None:
        """Permanently remove tasks, with their histories. No remaining task may have one of them as its parent.

        A former member of a category gets a deletion of each task, unless the job for the former members has reached
        this member before.
        """
        ...

    def expired(self, before: datetime, limit: int) -> Sequence[UUID]:
        """Return the ids of tasks deleted before this time, the oldest deletion first.

        A task that was deleted together with one above it is left out.
        """
        ...


class TreeWork(Protocol):
    """A unit of work on the structure of trees of tasks."""

    @property
    def tasks(self) -> TaskRepository: ...


class TaskWork(TreeWork, ChangingWork, JobWork, Protocol):
    """A unit of work on tasks and their categories."""

    @property
    def categories(self) -> CategoryRepository: ...
    @property
    def trash(self) -> TrashRepository: ...
    @property
    def quotas(self) -> QuotaRepository: ...


class PurgeWork(TreeWork, JobWork, Protocol):
    """A unit of work that permanently removes tasks."""

    @property
    def trash(self) -> TrashRepository: ...


class RestoreWork(TreeWork, Protocol):
    """A unit of work that restores tasks from the trash, for any actor."""

    @property
    def categories(self) -> CategoryRepository: ...
    @property
    def now(self) -> datetime: ...
    @property
    def changes(self) -> ChangeLog: ...


class TrashWork(PurgeWork, TaskWork, Protocol):
    """A unit of work on the trash."""
