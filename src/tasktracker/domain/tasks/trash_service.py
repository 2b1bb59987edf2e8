"""Deleting, restoring and purging tasks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tasktracker.domain.jobs.job import IsOver, Job, JobKind
from tasktracker.domain.jobs.service import start
from tasktracker.domain.kernel import deadline
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import TaskNotFound
from tasktracker.domain.kernel.paging import DEFAULT_PAGE, Page
from tasktracker.domain.kernel.versions import Expected, require
from tasktracker.domain.tasks.policy import require_owned, require_owned_also_in_trash
from tasktracker.domain.tasks.ports import PurgeWork, RestoreWork, TrashWork
from tasktracker.domain.tasks.query import TaskKey
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.tasks.tree import leaves, lock_roots, subtree

PURGE_STEP = 50
"""Tasks purged in one step of a piece."""


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
        deadline.current().lift()
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


def purge_expired(work: PurgeWork, task_id: UUID, before: datetime) -> bool:
    """Purge a task deleted before `before`, with all its subtasks, and return whether there was such a task."""
    lock_roots(work, task_id)
    task = work.tasks.find(task_id)
    if task is None or not task.trashed_at or task.trashed_at >= before:
        return False
    _purge(work, task)
    return True


def _purge(work: PurgeWork, task: Task) -> None:
    """Purge a task whose root is locked, with all its subtasks. If they are many, a job does it; all disappear now."""
    if not start(work, _job(work, task), purge_task):
        # Subtasks that were deleted before it have places of their own in the trash.
        for each in work.trash.deleted_in(task.root):
            if _is_below(work, each, task):
                work.jobs.add(_job(work, each))


def _job(work: PurgeWork, task: Task) -> Job:
    return Job.of(JobKind.PURGE_TASK, task.id, task.created_by, work.now)


def purge_task(work: PurgeWork, job: Job, is_over: IsOver) -> Job | None:
    """Do one piece of purging a task with all its subtasks (see `jobs.ports.Step`)."""
    top = work.trash.find(job.subject)
    if top is None:
        return None
    work.tasks.find(top.root)  # locked, unless it is being purged: then no other work uses this tree
    while True:
        purged = leaves(work, [top], PURGE_STEP)
        work.trash.purge(purged)
        if top.id in {task.id for task in purged}:
            return None
        if is_over():
            return job


def _is_below(work: PurgeWork, task: Task, top: Task) -> bool:
    above: Task | None = task
    while above is not None and above.parent != top.id:
        above = work.trash.find(above.parent) if above.parent else None
    return above is not None
