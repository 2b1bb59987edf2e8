"""Writing down what was changed: in histories, and in the feeds of whoever sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from tasktracker.domain.feed.entries import task_marks
from tasktracker.domain.history.change import Action, Change
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.clock import IdGenerator
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.work import UnitOfWork


class ChangeRecorder:
    """Records each change of a task in the unit of work that makes it."""

    def __init__(self, *, ids: IdGenerator) -> None:
        self._ids = ids

    def unfiled(self, work: UnitOfWork, actor: Actor, category_id: UUID, tasks: Sequence[Task]) -> None:
        """Record that tasks, of which there may be very many, lost their category, as that was deleted."""
        steps = [(replace(task, category=category_id), task) for task in tasks]
        work.history.add(*(self._change(Action.EDIT, actor, before, after) for before, after in steps))
        for before, after in steps:
            work.feed.add(task_marks(before, after))

    def record(self, work: UnitOfWork, action: Action, actor: Actor, before: Task | None, after: Task) -> None:
        """Record the step from one state of a task to the next."""
        work.history.add(self._change(action, actor, before, after))
        work.feed.add(task_marks(before, after))

    def _change(self, action: Action, actor: Actor, before: Task | None, after: Task) -> Change:
        return Change.of(
            id=self._ids.new(), action=action, actor=actor, now=after.updated_at, before=before, after=after
        )
