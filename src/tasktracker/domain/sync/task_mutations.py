"""The mutations of tasks: each merged by field with what others have changed since its base."""

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
        """Return what applies an operation, None where there is no such operation on a task."""
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
                # What others send in fields that the owner alone sets is ignored.
                wanted = cast(Mapping[str, Any], fields if is_owner else TASK.without_owner_only(fields))
                conflicts = conflicts_of(wanted, TASK.of(task), since, work.actor)
                if conflicts:
                    raise InConflict(task.version, conflicts)
            # `edit` locks whatever the fields concern; the version makes sure that it edits what was looked at.
            with suppress(Stale):
                edited = self._tasks.edit(work, task.id, fields, frozenset({task.version}))
                return Outcome(status=Status.APPLIED if is_current else Status.MERGED, version=edited.version)
            # Another work was faster. From now on the task is locked, and stays as it is.

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
    """Return the changes since a version, None where they are not known, and whether there were none."""
    if base is None or base == task.version:
        return (), True
    if base > task.version:
        return None, False
    changes, reaches_back = _changes_after(work, task, base)
    # Versions that merely followed from a change of another task are in no history, and have changed none of its
    # fields. Histories are swept from their beginning: one that reaches back as far as the base lacks nothing else.
    versions = [change.version for change in changes]
    is_complete = reaches_back or versions == list(range(base + 1, task.version + 1))
    return (changes if is_complete else None), False


def _changes_after(work: PushWork, task: Task, base: int) -> tuple[Sequence[Change], bool]:
    """Return the changes after a version, the first one first, and whether there is any that is not after it."""
    changes: list[Change] = []
    after: ChangeKey | None = None
    while True:
        page = work.history.list(task.id, after, min(task.version - base + 1, MAX_PAGE))
        later = [change for change in page.items if change.version > base]
        changes += later
        reaches_back, after = len(later) < len(page.items), page.next
        if reaches_back or after is None:
            return changes[::-1], reaches_back


def _changed_by_others(task: Task, since: Sequence[Change] | None, actor: Actor) -> Mapping[str, FieldConflict]:
    """Return what others have changed since, in conflict with a wish to delete it all."""
    if since is None:
        return {name: FieldConflict(None, None, value) for name, value in TASK.of(task).items()}
    conflicts: dict[str, FieldConflict] = {}
    for change in since:
        if not is_by(change, actor):
            for name, each in change.fields.items():
                if name in TASK.types:
                    conflicts.setdefault(name, FieldConflict(each.before, None, getattr(task, name)))
    return conflicts
