"""Creating, reading and changing tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from tasktracker.domain.accounts.ports import UserRepository
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.characters import Characters
from tasktracker.domain.kernel.clock import IdGenerator
from tasktracker.domain.kernel.errors import InvalidInput, Stale
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.kernel.versions import Expected, require, with_version_after
from tasktracker.domain.tasks.policy import is_visible, require_editable, require_visible
from tasktracker.domain.tasks.ports import TaskWork
from tasktracker.domain.tasks.query import TaskKey, TaskQuery
from tasktracker.domain.tasks.task import TASK, Task, TaskFields
from tasktracker.domain.tasks.tree import can_be_parent, find_parent, lock_roots, require_depth, subtree


class ListWork(TaskWork, Protocol):
    """Work that lists tasks."""

    @property
    def users(self) -> UserRepository: ...


class TaskService:
    """Use cases on the tasks that the actor can see."""

    def __init__(self, *, ids: IdGenerator, characters: Characters) -> None:
        self._ids = ids
        self._characters = characters

    def create(self, work: TaskWork, fields: TaskFields, task_id: UUID | None = None) -> Task:
        """Create a task, with the caller's id if one is given. Raises InvalidInput, IdTaken."""
        fields = TASK.complete(fields, self._characters)
        _require_category(work, fields)
        parent = None
        if fields["parent"] is not None:
            lock_roots(work, fields["parent"])
            parent = find_parent(work, work.actor.user_id, fields["parent"])
            require_depth(work, parent)
        task = Task.create(
            id=task_id or self._ids.new(), created_by=work.actor.user_id, now=work.now, fields=fields, parent=parent
        )
        if task_id is not None:
            task = with_version_after(task, work.changes.deleted_version(Task, task_id))
        work.tasks.add(task)
        work.changes.record(Action.CREATE, None, task)
        return task

    def create_if_absent(self, work: TaskWork, task_id: UUID, fields: TaskFields) -> Task:
        """Create a task with the caller's id. Raises Stale if the actor already sees a task with this id."""
        existing = work.tasks.find_unlocked(task_id)
        if is_visible(existing, work.actor.user_id):
            raise Stale(existing)
        return self.create(work, fields, task_id)

    def get(self, work: TaskWork, task_id: UUID) -> Task:
        """Return a task. Raises TaskNotFound."""
        return require_visible(work.tasks.find(task_id), work.actor.user_id)

    def list(self, work: ListWork, query: TaskQuery) -> Page[Task, TaskKey[Any]]:
        """Return a page of tasks. The filter `started` uses the actor's time zone."""
        if query.started is not None and (user := work.users.find_unlocked(work.actor.user_id)):
            query = replace(query, time_zone=user.time_zone)
        return work.tasks.list(work.actor.user_id, query)

    def replace(self, work: TaskWork, task_id: UUID, fields: TaskFields, expected: Expected = None) -> Task:
        """Set every field; a missing field gets its default. Raises like `edit`."""
        return self.edit(work, task_id, TASK.complete(fields), expected)

    def edit(
        self,
        work: TaskWork,
        task_id: UUID,
        fields: TaskFields,
        expected: Expected = None,
        action: Action = Action.EDIT,
        completed_at: datetime | None = None,
    ) -> Task:
        """Change the given fields. `completed_at` is when the task was completed, if that is not now.

        Raises InvalidInput, TaskNotFound, NotAllowed, Stale.
        """
        fields = TASK.check(fields)
        if not fields.keys().isdisjoint(TASK.owner_only):
            found = require_visible(work.tasks.find_unlocked(task_id), work.actor.user_id)
            if found.created_by != work.actor.user_id:
                fields = TASK.without_owner_only(fields)
            _require_category(work, fields)
            if "parent" in fields:
                lock_roots(work, *filter(None, (task_id, fields["parent"])))
        task = require_editable(work.tasks.find(task_id), work.actor.user_id)
        require(task, expected)
        edited = task.edit(fields, work.now, completed_at)
        if action is not Action.UNDO:  # which may bring back a value from before these rules
            TASK.check_changes(task, edited, self._characters)
        if edited.parent != task.parent:
            edited = _move(work, task, edited)
        elif edited is not task:
            work.tasks.save(edited)
        if edited is not task:
            work.changes.record(action, task, edited)
        return edited


def _move(work: TaskWork, task: Task, edited: Task) -> Task:
    """Move a task, with all its subtasks, to another parent. The roots of both trees must be locked."""
    levels = subtree(work, task)
    moved = {each.id for level in levels for each in level}
    root, members = task.id, task.members
    if edited.parent is not None:
        if edited.parent in moved:
            raise InvalidInput.of("parent", "must not be the task itself or one of its subtasks")
        parent = find_parent(work, task.created_by, edited.parent)
        require_depth(work, parent, len(levels))
        root, members = parent.root, parent.members
    edited = replace(edited, root=root, members=members)
    work.tasks.save_shared(edited)
    for level in levels[1:]:
        for each in level:
            changed = each.with_tree(root, members, edited.updated_at)
            if changed is not each:
                work.tasks.save_shared(changed)
                work.changes.record(Action.MOVE, each, changed)
    return edited


def dangling(work: TaskWork, fields: TaskFields, task: Task | None = None) -> Sequence[str]:
    """Return which of `category` and `parent` refer to nothing that the actor can use, for a new task or an own one.

    What the others refer to is locked, so that it stays usable in this work.
    """
    found = [] if _has_category(work, fields) else ["category"]
    parent = fields.get("parent")
    if parent is not None:
        lock_roots(work, parent, *([task.id] if task else []))
        if not can_be_parent(work.tasks.find_unlocked(parent), work.actor.user_id):
            found.append("parent")
    return found


def _require_category(work: TaskWork, fields: TaskFields) -> None:
    if not _has_category(work, fields):
        raise InvalidInput.of("category", "is not one of your categories")


def _has_category(work: TaskWork, fields: TaskFields) -> bool:
    """Whether the actor has the category in these fields, if there is one.

    This locks the category before any task, in the same order as deleting a category does.
    """
    category = fields.get("category")
    return category is None or work.categories.find(work.actor.user_id, category) is not None
