"""Getting things done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast
from uuid import UUID

from tasktracker.domain.feed.entries import ItemType
from tasktracker.domain.history.change import Action
from tasktracker.domain.history.recorder import ChangeRecorder
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.clock import Clock, IdGenerator
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.kernel.fields import check
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.kernel.versions import Expected, require
from tasktracker.domain.tasks.policy import require_editable, require_visible
from tasktracker.domain.tasks.query import TaskKey, TaskQuery
from tasktracker.domain.tasks.task import TASK_DEFAULTS, TASK_RULES, Task, TaskFields
from tasktracker.domain.tasks.tree import find_parent, lock_roots, require_room, subtree
from tasktracker.domain.work import Store, UnitOfWork

FILING = ("category", "parent")
"""Fields that are the creator's alone: what others send in them is ignored."""


class TaskService:
    """The tasks an actor can see."""

    def __init__(self, *, store: Store, recorder: ChangeRecorder, clock: Clock, ids: IdGenerator) -> None:
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._ids = ids

    def create(self, actor: Actor, fields: TaskFields, task_id: UUID | None = None) -> Task:
        """Create a task, under the caller's own id where one is given. Raises InvalidInput, IdTaken."""
        with self._store.writing(actor) as work:
            return self.create_in(work, actor, fields, task_id)

    def create_in(self, work: UnitOfWork, actor: Actor, fields: TaskFields, task_id: UUID | None = None) -> Task:
        """Create a task as part of a larger piece of work."""
        fields = check(TASK_RULES, TASK_DEFAULTS | fields, required=("title",))
        _require_category(work, actor, fields)
        parent = None
        if fields["parent"] is not None:
            lock_roots(work, fields["parent"])
            parent = find_parent(work, actor.user_id, fields["parent"])
            require_room(work, parent)
        now = self._clock.now()
        task = Task.create(
            id=task_id or self._ids.new(), created_by=actor.user_id, now=now, fields=fields, parent=parent
        )
        if task_id is not None:
            task = task.continuing(work.feed.tombstones(actor.user_id, ItemType.TASK, [task_id]).get(task_id))
        work.tasks.add(task)
        self._recorder.record(work, Action.CREATE, actor, None, task)
        return task

    def get(self, actor: Actor, task_id: UUID) -> Task:
        """Return a task. Raises TaskNotFound."""
        with self._store.reading(actor) as work:
            return require_visible(work.tasks.find(task_id), actor.user_id)

    def list(self, actor: Actor, query: TaskQuery) -> Page[Task, TaskKey[Any]]:
        """Return a page of tasks."""
        with self._store.reading(actor) as work:
            return work.tasks.list(actor.user_id, query)

    def edit(self, actor: Actor, task_id: UUID, fields: TaskFields, expected: Expected = None) -> Task:
        """Change the given fields and no other.

        Raises InvalidInput, TaskNotFound, NotAllowed, Stale.
        """
        with self._store.writing(actor) as work:
            return self.edit_in(work, actor, task_id, fields, expected)

    def replace(self, actor: Actor, task_id: UUID, fields: TaskFields, expected: Expected = None) -> Task:
        """Change every field: what is not given goes back to its default. Raises like `edit`."""
        with self._store.writing(actor) as work:
            return self.replace_in(work, actor, task_id, fields, expected)

    def replace_in(
        self, work: UnitOfWork, actor: Actor, task_id: UUID, fields: TaskFields, expected: Expected = None
    ) -> Task:
        """Replace a task as part of a larger piece of work."""
        fields = check(TASK_RULES, TASK_DEFAULTS | fields, required=("title",))
        return self.edit_in(work, actor, task_id, fields, expected)

    def edit_in(
        self,
        work: UnitOfWork,
        actor: Actor,
        task_id: UUID,
        fields: TaskFields,
        expected: Expected = None,
        action: Action = Action.EDIT,
    ) -> Task:
        """Change a task as part of a larger piece of work."""
        fields = check(TASK_RULES, fields)
        if not fields.keys().isdisjoint(FILING):
            if require_visible(work.tasks.find_unlocked(task_id), actor.user_id).created_by != actor.user_id:
                fields = _without_filing(fields)
            _require_category(work, actor, fields)
            if "parent" in fields:
                lock_roots(work, *filter(None, (task_id, fields["parent"])))
        task = require_editable(work.tasks.find(task_id), actor.user_id)
        require(task, expected)
        edited = task.edit(fields, self._clock.now())
        if edited.parent != task.parent:
            edited = self._move(work, actor, task, edited)
        elif edited is not task:
            work.tasks.save(edited)
        if edited is not task:
            self._recorder.record(work, action, actor, task, edited)
        return edited

    def _move(self, work: UnitOfWork, actor: Actor, task: Task, edited: Task) -> Task:
        """Put a task, with all that is under it, under another parent; both trees are locked by their roots."""
        levels = subtree(work, task)
        moved = {each.id for level in levels for each in level}
        root, members = task.id, task.members
        if edited.parent is not None:
            if edited.parent in moved:
                raise InvalidInput.of("parent", "is the task itself or under it")
            parent = find_parent(work, task.created_by, edited.parent)
            require_room(work, parent, len(levels))
            root, members = parent.root, parent.members
        edited = replace(edited, root=root, members=members)
        work.tasks.save_shared(edited)
        for level in levels[1:]:
            for each in level:
                changed = each.under(root, members, edited.updated_at)
                if changed is not each:
                    work.tasks.save_shared(changed)
                    self._recorder.record(work, Action.MOVE, actor, each, changed)
        return edited


def _without_filing(fields: TaskFields) -> TaskFields:
    return cast(TaskFields, {name: value for name, value in fields.items() if name not in FILING})


def _require_category(work: UnitOfWork, actor: Actor, fields: TaskFields) -> None:
    """Refuse a category the actor does not have.

    Finding it locks it before any task is locked, the order in which deleting a category locks them too.
    """
    category = fields.get("category")
    if category is not None and work.categories.find(actor.user_id, category) is None:
        raise InvalidInput.of("category", "names no category of yours")
