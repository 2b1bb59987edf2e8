"""Getting things done."""

from __future__ import annotations

from uuid import UUID

from tasktracker.domain.actors import Actor
from tasktracker.domain.errors import InvalidInput, TaskNotFound
from tasktracker.domain.fields import check
from tasktracker.domain.paging import Page
from tasktracker.domain.tasks.query import TaskKey, TaskQuery
from tasktracker.domain.tasks.task import TASK_DEFAULTS, TASK_RULES, Task, TaskFields
from tasktracker.domain.versions import Expected, require
from tasktracker.domain.work import Clock, IdGenerator, Store, UnitOfWork


class TaskService:
    """The tasks an actor can see."""

    def __init__(self, *, store: Store, clock: Clock, ids: IdGenerator) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    def create(self, actor: Actor, fields: TaskFields) -> Task:
        """Create a task. Raises InvalidInput."""
        fields = check(TASK_RULES, TASK_DEFAULTS | fields, required=("title",))
        task = Task.create(id=self._ids.new(), created_by=actor.user_id, now=self._clock.now(), fields=fields)
        with self._store.writing(actor) as work:
            _require_category(work, actor, fields)
            work.tasks.add(task)
        return task

    def get(self, actor: Actor, task_id: UUID) -> Task:
        """Return a task. Raises TaskNotFound."""
        with self._store.reading(actor) as work:
            return _find(work, actor, task_id)

    def list(self, actor: Actor, query: TaskQuery) -> Page[Task, TaskKey]:
        """Return a page of tasks."""
        with self._store.reading(actor) as work:
            return work.tasks.list(actor.user_id, query)

    def edit(self, actor: Actor, task_id: UUID, fields: TaskFields, expected: Expected = None) -> Task:
        """Change the given fields and no other. Raises InvalidInput, TaskNotFound, Stale."""
        fields = check(TASK_RULES, fields)
        with self._store.writing(actor) as work:
            _require_category(work, actor, fields)
            task = _find(work, actor, task_id)
            require(task, expected)
            edited = task.edit(fields, self._clock.now())
            if edited is not task:
                work.tasks.save(edited)
            return edited

    def replace(self, actor: Actor, task_id: UUID, fields: TaskFields, expected: Expected = None) -> Task:
        """Change every field: what is not given goes back to its default. Raises like `edit`."""
        fields = check(TASK_RULES, TASK_DEFAULTS | fields, required=("title",))
        return self.edit(actor, task_id, fields, expected)

    def delete(self, actor: Actor, task_id: UUID, expected: Expected = None) -> None:
        """Remove a task. Raises TaskNotFound, Stale."""
        with self._store.writing(actor) as work:
            task = _find(work, actor, task_id)
            require(task, expected)
            work.tasks.remove(task)


def _find(work: UnitOfWork, actor: Actor, task_id: UUID) -> Task:
    task = work.tasks.find(actor.user_id, task_id)
    if task is None:
        raise TaskNotFound
    return task


def _require_category(work: UnitOfWork, actor: Actor, fields: TaskFields) -> None:
    """Refuse a category the actor does not have.

    Finding it locks it before any task is locked, the order in which deleting a category locks them too.
    """
    category = fields.get("category")
    if category is not None and work.categories.find(actor.user_id, category) is None:
        raise InvalidInput.of("category", "names no category of yours")
