"""Deleting tasks, and having second thoughts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from tasktracker.domain.history.change import Action
from tasktracker.domain.history.recorder import ChangeRecorder
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import TaskNotFound
from tasktracker.domain.kernel.paging import DEFAULT_PAGE, Page
from tasktracker.domain.kernel.versions import Expected, require
from tasktracker.domain.tasks.policy import require_own, require_owned
from tasktracker.domain.tasks.query import TaskKey
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.tasks.tree import lock_roots, subtree
from tasktracker.domain.work import Store, UnitOfWork


class TrashService:
    """The trash of whoever created the tasks in it. A task goes there, and comes back, with all that is under it."""

    def __init__(self, *, store: Store, recorder: ChangeRecorder, clock: Clock) -> None:
        self._store = store
        self._recorder = recorder
        self._clock = clock

    def delete(self, actor: Actor, task_id: UUID, expected: Expected = None) -> None:
        """Move a task to the trash, with all that is under it. Raises TaskNotFound, NotAllowed, Stale."""
        with self._store.writing(actor) as work:
            self.delete_in(work, actor, task_id, expected)

    def delete_in(self, work: UnitOfWork, actor: Actor, task_id: UUID, expected: Expected = None) -> None:
        """Delete a task as part of a larger piece of work."""
        lock_roots(work, task_id)
        task = require_owned(work.tasks.find(task_id), actor.user_id)
        require(task, expected)
        now = self._clock.now()
        for level in subtree(work, task):
            for each in level:
                if not each.trashed_at:
                    trashed = each.trash(task.id, now)
                    work.tasks.save(trashed)
                    self._recorder.record(work, Action.TRASH, actor, each, trashed)

    def list(
        self, actor: Actor, after: TaskKey[datetime] | None = None, limit: int = DEFAULT_PAGE
    ) -> Page[Task, TaskKey[datetime]]:
        """Return a page of the actor's deleted tasks, the last deleted first."""
        with self._store.reading(actor) as work:
            return work.trash.list(actor.user_id, after, limit)

    def restore(self, actor: Actor, task_id: UUID, expected: Expected = None) -> Task:
        """Take a task out of the trash, with those that were deleted with it. Taking it out twice changes nothing.

        Where its parent is still in the trash, it becomes a task of its own. Raises TaskNotFound, NotAllowed, Stale.
        """
        with self._store.writing(actor) as work:
            return self.restore_in(work, actor, task_id, expected)

    def restore_in(self, work: UnitOfWork, actor: Actor, task_id: UUID, expected: Expected = None) -> Task:
        """Restore a task as part of a larger piece of work."""
        lock_roots(work, task_id)
        task = require_own(work.tasks.find(task_id), actor.user_id)
        require(task, expected)
        if not task.trashed_at:
            return task
        parent = work.tasks.find_unlocked(task.parent) if task.parent else None
        root = task.id if parent is not None and parent.trashed_at else task.root
        now = self._clock.now()
        restored = task
        for level in subtree(work, task):
            for each in level:
                if each.trashed_with == task.trashed_with:
                    parent_id = None if each.id == task.id and root == task.id else each.parent
                    back = each.restore(root, parent_id, now)
                    work.tasks.save(back)
                    self._recorder.record(work, Action.RESTORE, actor, each, back)
                    restored = back if each.id == task.id else restored
                elif each.root != root:
                    moved = each.under(root, each.members, now)
                    work.tasks.save(moved)
                    self._recorder.record(work, Action.MOVE, actor, each, moved)
        return restored

    def purge(self, actor: Actor, task_id: UUID, expected: Expected = None) -> None:
        """Remove a task in the trash for good, with all that is under it. Raises TaskNotFound, NotAllowed, Stale."""
        with self._store.writing(actor) as work:
            self.purge_in(work, actor, task_id, expected)

    def purge_in(self, work: UnitOfWork, actor: Actor, task_id: UUID, expected: Expected = None) -> None:
        """Purge a task as part of a larger piece of work."""
        lock_roots(work, task_id)
        task = require_own(work.tasks.find(task_id), actor.user_id)
        if not task.trashed_at:
            raise TaskNotFound
        require(task, expected)
        levels = subtree(work, task)
        work.trash.purge([each for level in reversed(levels) for each in level])

    def purge_expired(self, before: datetime, limit: int) -> int:
        """Purge what was deleted before a moment, each tree at once, and return how many tasks that were."""
        with self._store.reading(None) as work:
            expired = work.trash.expired(before, limit)
        purged = 0
        for task_id in expired:
            with self._store.writing(None) as work:
                lock_roots(work, task_id)
                task = work.tasks.find(task_id)
                if task is not None and task.trashed_at and task.trashed_at < before:
                    levels = subtree(work, task)
                    work.trash.purge([each for level in reversed(levels) for each in level])
                    purged += sum(map(len, levels))
        return purged
