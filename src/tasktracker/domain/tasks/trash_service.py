"""Deleting, restoring and purging tasks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tasktracker.domain.jobs.job import IsOver, Job, JobKind
from tasktracker.domain.jobs.service import start
from tasktracker.domain.kernel import deadline
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.paging import DEFAULT_PAGE, Page
from tasktracker.domain.kernel.versions import Expected, require
from tasktracker.domain.tasks.policy import require_deletable, require_purgeable, require_restorable
from tasktracker.domain.tasks.ports import PurgeWork, RestoreWork, TrashWork
from tasktracker.domain.tasks.query import TaskKey
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.tasks.tree import leaves, lock_roots, save, subtree, tree_in

PURGE_STEP = 50
"""Tasks purged in one step of a piece."""


class TrashService:
    """Use cases on the trash. A task is deleted and restored with all its subtasks.

    The editors of a shared category delete and restore the tasks in it. Only the owner of a task purges it.
    """

    def delete(self, work: TrashWork, task_id: UUID, expected: Expected = None) -> None:
        """Move a task to the trash, with all its subtasks. Raises TaskNotFound, NotAllowed, Stale."""
        lock_roots(work, task_id)
        task = require_deletable(work.tasks.find(task_id), work.actor.user_id)
        require(task, expected)
        for level in subtree(work, task):
            for each in level:
                if not each.trashed_at:
                    trashed = each.trash(task.id, work.now)
                    work.tasks.save(trashed)
                    work.changes.record(Action.TRASH, each, trashed)

    def list(
        self,
        work: TrashWork,
        after: TaskKey[datetime] | None = None,
        limit: int = DEFAULT_PAGE,
        category: UUID | None = None,
    ) -> Page[Task, TaskKey[datetime]]:
        """Return a page of the actor's deleted tasks, the last deleted first.

        With `category`, return the deleted tasks in this category, of which the actor may be an editor.
        """
        return work.trash.list(work.actor.user_id, after, limit, category)

    def restore(self, work: TrashWork, task_id: UUID, expected: Expected = None) -> Task:
        """Restore a task, with the tasks that were deleted with it. Restoring it twice changes nothing.

        If its parent is still in the trash, the task becomes a root. If its category does not exist any more, the task
        is restored without one. Raises TaskNotFound, NotAllowed, Stale.
        """
        lock_roots(work, task_id)
        task = require_restorable(work.tasks.find(task_id), work.actor.user_id)
        require(task, expected)
        if not task.trashed_at:
            return task
        return restore_tree(work, task)[0]

    def purge(self, work: TrashWork, task_id: UUID, expected: Expected = None) -> None:
        """Permanently remove a task in the trash, with all its subtasks. Raises TaskNotFound, NotAllowed, Stale."""
        lock_roots(work, task_id)
        task = require_purgeable(work.tasks.find(task_id), work.actor.user_id)
        require(task, expected)
        deadline.current().lift()
        _purge(work, task)


def restore_tree(work: RestoreWork, task: Task) -> Sequence[Task]:
    """Restore a task in the trash and the tasks that were deleted with it, and return them, the task first.

    If its parent is still in the trash, the task becomes a root. It stays in the category in which users saw it, if
    this category still exists. The task and its root must be locked.
    """
    parent = work.tasks.find_unlocked(task.parent) if task.parent else None
    parent_id = None if parent is None or parent.trashed_at else parent.id
    tree, category = task.tree, task.category
    if parent_id is None:
        seen = task.root_category if task.list_members else task.category
        found = work.categories.find_unlocked(seen) if seen else None
        category = found.id if found else None
        tree = tree_in(found, task.id, task.owner, task.members)
    restored = []
    for level in subtree(work, task):
        for each in level:
            is_top = each.id == task.id
            own = category if is_top else each.category if each.owner == tree.owner else None
            if each.trashed_with == task.trashed_with:
                changed = each.restore(tree, parent_id if is_top else each.parent, own, work.now)
                save(work, each, changed)
                work.changes.record(Action.RESTORE, each, changed)
                restored.append(changed)
            elif each.tree != tree:
                moved = each.with_tree(tree, work.now)
                save(work, each, moved)
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
    """Purge a task whose root is locked, with all its subtasks. A job purges many, but all disappear now."""
    if not start(work, _job(work, task), purge_task):
        # Subtasks that were deleted earlier than the task are items of the trash themselves. A job hides each of them.
        for each in work.trash.deleted_in(task.root):
            if _is_below(work, each, task):
                work.jobs.add(_job(work, each))


def _job(work: PurgeWork, task: Task) -> Job:
    return Job.of(JobKind.PURGE_TASK, task.id, task.owner, work.now)


def purge_task(work: PurgeWork, job: Job, is_over: IsOver) -> Job | None:
    """Do one piece of purging a task with all its subtasks (see `jobs.ports.Step`)."""
    top = work.trash.find(job.subject)
    if top is None:
        return None
    work.tasks.find(top.root)  # locked, unless it is being purged: then no other unit of work uses this tree
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
