"""Deleting, restoring and purging tasks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import TaskNotFound
from tasktracker.domain.kernel.paging import DEFAULT_PAGE, Page
from tasktracker.domain.kernel.versions import Expected, require
from tasktracker.domain.tasks.policy import require_owned, require_owned_also_in_trash
from tasktracker.domain.tasks.ports import PurgeWork, RestoreWork, TrashWork
from tasktracker.domain.tasks.query import TaskKey
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.tasks.tree import lock_roots, subtree


class TrashService:
    """Use cases on the trash of the actor's own tasks. A task is deleted and restored with all its subtasks."""

    def delete(self, work: TrashWork, task_id: UUID, expected: Expected = None) -> None:
        """Move a task to the trash, with all its subtasks. Raises TaskNotFound, NotAllowed, Stale."""
        lock_roots(work, task_id)
        task = require_owned(work.tasks.find(task_id), work.actor.user_id)
        require(task, expected)
        for level in subtree(work, task):
            for each in level:
                if not each.trashed_at:
                    trashed = each.trash(task.id, work.now)
                    work.tasks.save(trashed)
                    work.changes.record(Action.TRASH, each, trashed)

    def list(
        self, work: TrashWork, after: TaskKey[datetime] | None = None, limit: int = DEFAULT_PAGE
    ) -> Page[Task, TaskKey[datetime]]:
        """Return a page of the actor's deleted tasks, the last deleted first."""
        return work.trash.list(work.actor.user_id, after, limit)

    def restore(self, work: TrashWork, task_id: UUID, expected: Expected = None) -> Task:
        """Restore a task, with the tasks that were deleted with it. Restoring it twice changes nothing.

        If its parent is still in the trash, the task becomes a root. Raises TaskNotFound, NotAllowed, Stale.
        """
        lock_roots(work, task_id)
        task = require_owned_also_in_trash(work.tasks.find(task_id), work.actor.user_id)
        require(task, expected)
        if not task.trashed_at:
            return task
        return restore_tree(work, task)[0]

    def purge(self, work: TrashWork, task_id: UUID, expected: Expected = None) -> None:
        """Permanently remove a task in the trash, with all its subtasks. Raises TaskNotFound, NotAllowed, Stale."""
        lock_roots(work, task_id)
        task = require_owned_also_in_trash(work.tasks.find(task_id), work.actor.user_id)
        if not task.trashed_at:
            raise TaskNotFound
        require(task, expected)
        _purge(work, task)


def restore_tree(work: RestoreWork, task: Task) -> Sequence[Task]:
    """Restore a task in the trash and the tasks that were deleted with it, and return them, the task first.

    If its parent is still in the trash, the task becomes a root. The task and its root must be locked.
    """
    parent = work.tasks.find_unlocked(task.parent) if task.parent else None
    root = task.id if parent is not None and parent.trashed_at else task.root
    restored = []
    for level in subtree(work, task):
        for each in level:
            if each.trashed_with == task.trashed_with:
                parent_id = None if each.id == task.id and root == task.id else each.parent
                changed = each.restore(root, parent_id, work.now)
                work.tasks.save(changed)
                work.changes.record(Action.RESTORE, each, changed)
                restored.append(changed)
            elif each.root != root:
                moved = each.with_tree(root, each.members, work.now)
                work.tasks.save(moved)
                work.changes.record(Action.MOVE, each, moved)
    return restored


def purge_expired(work: PurgeWork, task_id: UUID, before: datetime) -> int:
    """Purge a task deleted before `before`, with all its subtasks, and return the number of purged tasks."""
    lock_roots(work, task_id)
    task = work.tasks.find(task_id)
    if task is None or not task.trashed_at or task.trashed_at >= before:
        return 0
    return _purge(work, task)


def _purge(work: PurgeWork, task: Task) -> int:
    tasks = [each for level in reversed(subtree(work, task)) for each in level]
    work.trash.purge(tasks)
    return len(tasks)
