"""The mutations of tasks. Each is merged by field with the changes of others since its base version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from tasktracker.domain.history.change import Change, ChangeKey
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.errors import Stale
from tasktracker.domain.kernel.paging import MAX_PAGE
from tasktracker.domain.sync.merge import conflicts_of, is_by
from tasktracker.domain.sync.mutation import Apply, FieldConflict, InConflict, Mutation, MutationOp, Outcome, Status
from tasktracker.domain.sync.ports import PushWork
from tasktracker.domain.tasks.policy import require_visible
from tasktracker.domain.tasks.service import TaskService
from tasktracker.domain.tasks.task import TASK, Task, TaskFields
from tasktracker.domain.tasks.trash_service import TrashService


class TaskMutations:
    """Applies mutations of tasks."""

    def __init__(self, *, tasks: TaskService, trash: TrashService) -> None:
        self._tasks = tasks
        self._trash = trash
        self._by_op: Mapping[MutationOp, Apply] = {
            MutationOp.CREATE: self._create,
            MutationOp.UPDATE: self._update,
            MutationOp.DELETE: self._delete,
            MutationOp.RESTORE: self._restore,
        }

    def of(self, op: MutationOp) -> Apply | None:
        """Return the function that applies an operation, or None if tasks do not support it."""
        return self._by_op.get(op)

    def _create(self, work: PushWork, mutation: Mutation) -> Outcome:
        task = self._tasks.create(work, cast(TaskFields, mutation.data), mutation.target)
        return Outcome(status=Status.APPLIED, version=task.version)

    def _update(self, work: PushWork, mutation: Mutation) -> Outcome:
        fields = TASK.check(cast(TaskFields, mutation.data))
        while True:
            found = work.tasks.find_unlocked(mutation.target)
            if found is not None and found.trashed_at and found.created_by == work.actor.user_id:
                raise InConflict(
                    found.version, {name: FieldConflict(None, value, None) for name, value in fields.items()}
                )
            task = require_visible(found, work.actor.user_id)
            since, is_current = _since(work, task, mutation.base_version)
            if not is_current:
                is_owner = task.created_by == work.actor.user_id
                # Fields that only the owner may set are ignored for others.
                wanted = cast(Mapping[str, Any], fields if is_owner else TASK.without_owner_only(fields))
                conflicts = conflicts_of(wanted, TASK.of(task), since, work.actor)
                if conflicts:
                    raise InConflict(task.version, conflicts)
            # `edit` locks what these fields need. It raises Stale if the task has changed since it was checked.
            with suppress(Stale):
                edited = self._tasks.edit(work, task.id, fields, frozenset({task.version}))
                return Outcome(status=Status.APPLIED if is_current else Status.MERGED, version=edited.version)
            # Another work changed the task first. The task is now locked and stays unchanged for the next attempt.

    def _delete(self, work: PushWork, mutation: Mutation) -> Outcome:
        while True:
            found = work.tasks.find_unlocked(mutation.target)
            if found is not None and found.trashed_at and found.created_by == work.actor.user_id:
                return Outcome(status=Status.APPLIED, version=found.version)
            task = require_visible(found, work.actor.user_id)
            since, is_current = _since(work, task, mutation.base_version)
            if not is_current and (conflicts := _changed_by_others(task, since, work.actor)):
                raise InConflict(task.version, conflicts)
            with suppress(Stale):
                self._trash.delete(work, task.id, frozenset({task.version}))
                return Outcome(status=Status.APPLIED, version=task.version + 1)

    def _restore(self, work: PushWork, mutation: Mutation) -> Outcome:
        task = self._trash.restore(work, mutation.target)
        return Outcome(status=Status.APPLIED, version=task.version)


def _since(work: PushWork, task: Task, base: int | None) -> tuple[Sequence[Change] | None, bool]:
    """Return the changes since a version, None if they are not all stored, and whether it is the current version."""
    if base is None or base == task.version:
        return (), True
    if base > task.version:
        return None, False
    changes, reaches_base = _changes_after(work, task, base)
    # Some versions are not in the history: those that follow from a change of another task and change no field.
    # Histories are swept from the oldest change, so a history that reaches the base has all changes after it.
    versions = [change.version for change in changes]
    is_complete = reaches_base or versions == list(range(base + 1, task.version + 1))
    return (changes if is_complete else None), False


def _changes_after(work: PushWork, task: Task, base: int) -> tuple[Sequence[Change], bool]:
    """Return the changes after a version, the oldest first, and whether the history also has older changes."""
    changes: list[Change] = []
    after: ChangeKey | None = None
    while True:
        page = work.history.list(task.id, after, min(task.version - base + 1, MAX_PAGE))
        later = [change for change in page.items if change.version > base]
        changes += later
        reaches_base, after = len(later) < len(page.items), page.next
        if reaches_base or after is None:
            return changes[::-1], reaches_base


def _changed_by_others(task: Task, since: Sequence[Change] | None, actor: Actor) -> Mapping[str, FieldConflict]:
    """Return the fields that others have changed since, which are in conflict with deleting the task."""
    if since is None:
        return {name: FieldConflict(None, None, value) for name, value in TASK.of(task).items()}
    conflicts: dict[str, FieldConflict] = {}
    for change in since:
        if not is_by(change, actor):
            for name, each in change.fields.items():
                if name in TASK.types:
                    conflicts.setdefault(name, FieldConflict(each.before, None, getattr(task, name)))
    return conflicts
