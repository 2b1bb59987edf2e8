"""Writing down what was changed: in histories, and in the feeds of whoever sees it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from tasktracker.domain.actors import Actor
from tasktracker.domain.history.change import Action, Change
from tasktracker.domain.sync.feed import task_marks
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.work import IdGenerator, UnitOfWork


class ChangeRecorder:
    """Records each change of a task in the unit of work that makes it."""

    def __init__(self, *, ids: IdGenerator) -> None:
        self._ids = ids

    def unfiled(self, work: UnitOfWork, actor: Actor, category_id: UUID, after: Task) -> None:
        """Record that a task lost its category, as that was deleted."""
        self.record(work, Action.EDIT, actor, replace(after, category=category_id), after)

    def record(self, work: UnitOfWork, action: Action, actor: Actor, before: Task | None, after: Task) -> None:
        """Record the step from one state of a task to the next."""
        change = Change.of(
            id=self._ids.new(), action=action, actor=actor, now=after.updated_at, before=before, after=after
        )
        work.history.add(change)
        work.feed.add(task_marks(before, after))
