"""The mutations of tasks. Each is merged by field with the changes of others since its base version."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

from tasktracker.domain.feed.entries import Reason
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.history.access import Access
from tasktracker.domain.history.change import Change, plausible
from tasktracker.domain.history.since import changes_since
from tasktracker.domain.kernel.errors import InvalidInput, Stale
from tasktracker.domain.sync.applied import base_and_own
from tasktracker.domain.sync.merge import conflicts_of, is_current, is_of_others
from tasktracker.domain.sync.mutation import Apply, FieldConflict, InConflict, Mutation, MutationOp, Outcome, Status
from tasktracker.domain.sync.ports import PushWork
from tasktracker.domain.tasks.moving import dangling
from tasktracker.domain.tasks.policy import (
    can_organise,
    is_in_trash_of,
    only_category,
    require_deletable,
    require_editable,
    visible_category,
)
from tasktracker.domain.tasks.service import TaskService
from tasktracker.domain.tasks.task import DUE, TASK, Task, TaskFields
from tasktracker.domain.tasks.trash_service import TrashService
from tasktracker.domain.tasks.tree import lock_roots

NOT_CARRIED = ("state", *DUE, "parent")
"""What an edit of a task does not change in its next occurrence."""


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
        fields = cast(TaskFields, mutation.data)
        dropped = dangling(work, fields)
        _require_private(work, fields, dropped)
        task = self._tasks.create(work, _without(fields, dropped), mutation.target)
        return Outcome(status=Status.APPLIED, version=task.version, dropped=dropped, made=task.version)

    def _update(self, work: PushWork, mutation: Mutation) -> Outcome:
        fields = TASK.check(cast(TaskFields, mutation.data))
        while True:
            found = work.tasks.find_unlocked(mutation.target)
            if found is not None and is_in_trash_of(found, work.actor.user_id):
                raise InConflict(
                    found.version, {name: FieldConflict(None, value, None) for name, value in fields.items()}
                )
            task = require_editable(found, work.actor.user_id)
            dropped = _dropped(work, task, fields)
            kept = _without(fields, dropped)
            status = Status.APPLIED
            carried: TaskFields = {}
            base, own = base_and_own(work, mutation)
            if base is not None and not is_current(base, task.version, own):
                status = Status.MERGED
                since = _since(work, task, base)
                if _was_completed(task, since, own):
                    carried = _without(kept, NOT_CARRIED)
                    kept = _without(kept, ["recurrence"])
                if (rule := kept.get("recurrence")) is not None:
                    kept = {**kept, "recurrence": rule.like(task.recurrence)}
                conflicts = conflicts_of(kept, _seen(work, task), since, own, TASK.joined)
                if conflicts:
                    raise InConflict(task.version, _without_unused_rule(conflicts))
            made_at = mutation.made_at and plausible(mutation.made_at, task, work.now)
            # `edit` locks what these fields need. It raises Stale if the task has changed since it was checked.
            with suppress(Stale):
                edited = self._tasks.edit(work, task.id, kept, frozenset({task.version}), completed_at=made_at)
                if carried and not self._tasks.carry_over(work, edited, carried) and carried.get("recurrence"):
                    raise InConflict(edited.version, {"recurrence": FieldConflict(None, carried["recurrence"], None)})
                if not can_organise(edited, work.actor.user_id):
                    dropped = _owner_only(fields)  # also if the actor's role changed before the lock
                made = None if edited.version == task.version else edited.version
                return Outcome(status=status, version=edited.version, dropped=dropped, made=made)
            # Another unit of work changed the task first. The task is now locked and stays unchanged for the next
            # attempt.

    def _delete(self, work: PushWork, mutation: Mutation) -> Outcome:
        while True:
            found = work.tasks.find_unlocked(mutation.target)
            if found is not None and is_in_trash_of(found, work.actor.user_id):
                return Outcome(status=Status.APPLIED, version=found.version)
            task = require_deletable(found, work.actor.user_id)
            base, own = base_and_own(work, mutation)
            if base is not None and not is_current(base, task.version, own):
                conflicts = _changed_by_others(_seen(work, task), _since(work, task, base), own)
                if conflicts:
                    raise InConflict(task.version, conflicts)
            with suppress(Stale):
                self._trash.delete(work, task.id, frozenset({task.version}))
                return Outcome(status=Status.APPLIED, version=task.version + 1, made=task.version + 1)

    def _restore(self, work: PushWork, mutation: Mutation) -> Outcome:
        lock_roots(work, mutation.target)
        found = work.tasks.find_unlocked(mutation.target)
        task = self._trash.restore(work, mutation.target)
        made = task.version if found is not None and found.trashed_at else None
        return Outcome(status=Status.APPLIED, version=task.version, made=made)


def _without_unused_rule(conflicts: Mapping[str, FieldConflict]) -> Mapping[str, FieldConflict]:
    """Return conflicts without a rule that the task does not have on either side. It conflicts as when it is due."""
    if conflicts.get("recurrence") != FieldConflict(None, None, None):
        return conflicts
    return {name: each for name, each in conflicts.items() if name != "recurrence"}


def _was_completed(task: Task, since: Sequence[Change] | None, own: frozenset[int]) -> bool:
    """Whether one of these changes, of others, has created the next occurrence of a task."""
    created = [change for change in since or () if is_of_others(change, own) and "next" in change.fields]
    return task.next is not None and any(change.fields["next"].after == task.next for change in created)


def _dropped(work: PushWork, task: Task, fields: TaskFields) -> Sequence[str]:
    """Return the fields of an update to leave out. Raises InvalidInput if the wrong users would see the task then."""
    if not can_organise(task, work.actor.user_id):
        return _owner_only(fields)
    found = dangling(work, fields, task)
    # The update was meant for the members of another parent or category. Without the field, it would be visible to the
    # members of the present one.
    if "parent" in found and (task.members or task.list_members):
        raise InvalidInput.of("parent", "is not one of your tasks")
    if "category" in found and task.list_members:
        raise InvalidInput.of("category", "is not one of your categories")
    return found


def _owner_only(fields: TaskFields) -> Sequence[str]:
    return [name for name in fields if name in TASK.owner_only]


def _require_private(work: PushWork, fields: TaskFields, dropped: Collection[str]) -> None:
    """Raise InvalidInput if a new task was meant for the members of a category or parent that it cannot get.

    Without the category or the parent, the task would be visible to its creator only.
    """
    user_id = work.actor.user_id
    is_filed = fields.get("category") and "category" not in dropped
    if "category" in dropped and (category_id := fields.get("category")):
        deletion = work.feed.tombstones(user_id, ItemType.CATEGORY, [category_id]).get(category_id)
        is_viewer = work.categories.find(user_id, category_id) is not None
        if is_viewer or (deletion is not None and deletion.reason is Reason.ACCESS_REVOKED):
            raise InvalidInput.of("category", "is not one of your categories")
    if "parent" in dropped and (parent_id := fields.get("parent")) and not is_filed:
        deletion = work.feed.tombstones(user_id, ItemType.TASK, [parent_id]).get(parent_id)
        parent = work.tasks.find_unlocked(parent_id)
        is_member = parent is not None and only_category(parent, user_id) is not None
        if is_member or (deletion is not None and deletion.reason is Reason.ACCESS_REVOKED):
            raise InvalidInput.of("parent", "is not one of your tasks")


def _without(fields: TaskFields, names: Collection[str]) -> TaskFields:
    return cast(TaskFields, {name: value for name, value in fields.items() if name not in names})


def _since(work: PushWork, task: Task, base: int) -> Sequence[Change] | None:
    """Return the changes since a version; None if they are not all stored, or the actor could not see that version."""
    if base > task.version:
        return None
    changes, reaches_base = changes_since(work.history, task, base)
    access = Access.of(work, task)
    if not access.includes_all(changes):
        return None
    # The rule moves to the next occurrence without a change of when this one is due.
    changes = [
        replace(change, fields={name: each for name, each in change.fields.items() if name != "recurrence"})
        if "next" in change.fields
        else change
        for change in changes
    ]
    if not access.is_owner:
        changes = [
            replace(change, fields={name: each for name, each in change.fields.items() if name not in TASK.private})
            for change in changes
        ]
    # Some versions are not in the history: those that follow from a change of another task and change no field.
    # Histories are swept from the oldest change, so a history that reaches the base has all changes after it.
    versions = [change.version for change in changes]
    is_complete = reaches_base or versions == list(range(base + 1, task.version + 1))
    return changes if is_complete else None


def _seen(work: PushWork, task: Task) -> Mapping[str, Any]:
    """Return the fields of a task as the actor sees them."""
    return {**TASK.of(task), "category": visible_category(task, work.actor.user_id)}


def _changed_by_others(
    seen: Mapping[str, Any], since: Sequence[Change] | None, own: frozenset[int]
) -> Mapping[str, FieldConflict]:
    """Return the fields in these changes that others made. They are in conflict with deleting the task."""
    if since is None:
        return {name: FieldConflict(None, None, value) for name, value in seen.items()}
    conflicts: dict[str, FieldConflict] = {}
    for change in since:
        if is_of_others(change, own):
            for name, each in change.fields.items():
                if name in TASK.types:
                    conflicts.setdefault(name, FieldConflict(each.before, None, seen[name]))
    return conflicts
