"""Creating, reading and changing tasks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.characters import Characters
from tasktracker.domain.kernel.clock import IdGenerator
from tasktracker.domain.kernel.errors import Stale
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.kernel.versions import Expected, require, with_version_after
from tasktracker.domain.recurrence.ports import CalendarRules
from tasktracker.domain.tasks.moving import edit_filed, find_category, new_filing, save_moved
from tasktracker.domain.tasks.policy import can_organise, is_visible, require_editable, require_visible, role_of
from tasktracker.domain.tasks.ports import TaskWork
from tasktracker.domain.tasks.query import TaskKey, TaskQuery
from tasktracker.domain.tasks.recurring import RecurringTasks, carried_fields, untouched
from tasktracker.domain.tasks.task import TASK, Task, TaskFields
from tasktracker.domain.tasks.tree import lock_roots


class ListWork(TaskWork, Protocol):
    """A unit of work that lists tasks."""

    @property
    def time_zone(self) -> str: ...


class TaskService:
    """Use cases on the tasks that the actor can see."""

    def __init__(self, *, ids: IdGenerator, characters: Characters, calendar: CalendarRules) -> None:
        self._ids = ids
        self._characters = characters
        self._recurring = RecurringTasks(ids=ids, calendar=calendar)

    def create(self, work: TaskWork, fields: TaskFields, task_id: UUID | None = None) -> Task:
        """Create a task, with the caller's id if one is given. Raises InvalidInput, IdTaken."""
        fields = TASK.complete(fields, self._characters)
        new_id = task_id or self._ids.new()
        fields, tree = new_filing(work, new_id, fields)
        task = Task.create(id=new_id, created_by=work.actor.user_id, now=work.now, fields=fields, tree=tree)
        self._recurring.check(None, task, fields)
        if task_id is not None:
            task = with_version_after(task, work.changes.deleted_version(Task, task_id))
        task = self._recurring.settle(work, None, task, None)
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
        """Return a page of tasks, whose days are those of the actor's time zone."""
        return work.tasks.list(work.actor.user_id, replace(query, time_zone=work.time_zone))

    def replace(self, work: TaskWork, task_id: UUID, fields: TaskFields, expected: Expected = None) -> Task:
        """Set every field; a missing field gets its default. Raises like `edit`."""
        return self.edit(work, task_id, TASK.complete(fields), expected)

    def carry_over(self, work: TaskWork, task: Task, fields: TaskFields) -> bool:
        """Make an edit of a task also in its next occurrence, unless that was changed, and return whether it was made.

        The task must be locked. Raises InvalidInput.
        """
        next_ = self._recurring.find_untouched(work, task)
        if next_ is None or role_of(next_, work.actor.user_id) not in (Role.OWNER, Role.EDITOR):
            return False
        self.edit(work, next_.id, carried_fields(task, next_, fields), is_carried=True)
        return True

    def edit(
        self,
        work: TaskWork,
        task_id: UUID,
        fields: TaskFields,
        expected: Expected = None,
        action: Action = Action.EDIT,
        completed_at: datetime | None = None,
        *,
        is_carried: bool = False,
    ) -> Task:
        """Change the given fields. `completed_at` is when the task was completed, if that is not now.

        With `is_carried`, the task counts as untouched after this.

        Raises InvalidInput, TaskNotFound, NotAllowed, Stale.
        """
        fields = TASK.check(fields)
        category = None
        if not fields.keys().isdisjoint(TASK.owner_only):
            found = require_visible(work.tasks.find_unlocked(task_id), work.actor.user_id)
            fields = _allowed(found, work.actor.user_id, fields)
            category = find_category(work, fields)
            if "parent" in fields:
                lock_roots(work, *filter(None, (task_id, fields["parent"])))
        task = require_editable(work.tasks.find(task_id), work.actor.user_id)
        require(task, expected)
        fields = _allowed(task, work.actor.user_id, fields)  # the actor's role may have changed before the lock
        tree = None
        if fields.keys().isdisjoint(TASK.owner_only):
            edited = task.edit(fields, work.now, completed_at)
        else:
            edited, tree = edit_filed(work, task, fields, category, completed_at)
        if action is not Action.UNDO:  # which may bring back a value from before these rules
            TASK.check_changes(task, edited, self._characters)
        self._recurring.check(task, edited, fields)
        if edited is not task:
            if tree is not None:
                edited = replace(edited, **tree.values())
            edited = self._recurring.settle(work, task, edited, completed_at)
            if is_carried:
                edited = untouched(edited)
            if tree is None:
                work.tasks.save(edited)
            else:
                edited = save_moved(work, task, edited, tree)
            work.changes.record(action, task, edited)
        return edited


def _allowed(task: Task, user_id: UUID, fields: TaskFields) -> TaskFields:
    """Return the fields without those that are ignored because the user may not file the task."""
    return fields if can_organise(task, user_id) else TASK.without_owner_only(fields)
