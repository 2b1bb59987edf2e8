"""Looking back at a task, and taking a change back."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import UUID

from tasktracker.domain.history.change import TRACKED, Action, Change, ChangeKey
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.errors import AlreadyChanged, ChangeNotFound, InvalidInput, NotAllowed, Stale
from tasktracker.domain.kernel.paging import DEFAULT_PAGE, Page
from tasktracker.domain.kernel.versions import Expected, require
from tasktracker.domain.tasks.policy import require_editable, require_visible
from tasktracker.domain.tasks.service import FILING, TaskService
from tasktracker.domain.tasks.task import Task, TaskFields
from tasktracker.domain.work import Store, UnitOfWork


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some changes of a task, and the names of those who made them, as far as they still have accounts."""

    changes: Page[Change, ChangeKey]
    names: Mapping[UUID, str]


class HistoryService:
    """The histories of the tasks an actor can see."""

    def __init__(self, *, store: Store, tasks: TaskService) -> None:
        self._store = store
        self._tasks = tasks

    def list(
        self, actor: Actor, task_id: UUID, after: ChangeKey | None = None, limit: int = DEFAULT_PAGE
    ) -> HistoryPage:
        """Return a page of a task's changes, the newest first. Raises TaskNotFound."""
        with self._store.reading(actor) as work:
            task = require_visible(work.tasks.find(task_id), actor.user_id)
            page = work.history.list(task_id, after, limit)
            names = work.users.names({change.actor for change in page.items if change.actor})
        if task.created_by != actor.user_id:
            page = Page([_without_filing(change) for change in page.items], page.next)
        return HistoryPage(page, names)

    def undo(self, actor: Actor, task_id: UUID, change_id: UUID, expected: Expected = None) -> Task:
        """Set the fields of one change back to what they were before it, and no other.

        Raises TaskNotFound, NotAllowed, ChangeNotFound, Stale, AlreadyChanged when one of them has been
        changed since, and InvalidInput for a change that is no edit or whose category or parent is gone.
        """
        with self._store.writing(actor) as work:
            return self.undo_in(work, actor, task_id, change_id, expected)

    def undo_in(
        self, work: UnitOfWork, actor: Actor, task_id: UUID, change_id: UUID, expected: Expected = None
    ) -> Task:
        """Undo a change as part of a larger piece of work."""
        task = require_editable(work.tasks.find_unlocked(task_id), actor.user_id)
        change = work.history.find(task_id, change_id)
        if change is None:
            raise ChangeNotFound
        if change.action not in (Action.EDIT, Action.UNDO):
            raise InvalidInput.of("change", "is not an edit; only edits can be undone")
        names = [name for name in change.fields if name in TRACKED]
        if task.created_by != actor.user_id:
            names = [name for name in names if name not in FILING]
            if not names:
                raise NotAllowed("Only whoever created a task may file or move it.")
        fields = cast(TaskFields, {name: change.fields[name].before for name in names})
        while True:
            require(task, expected)
            if any(getattr(task, name) != change.fields[name].after for name in names):
                raise AlreadyChanged
            # `edit_in` locks whatever the fields concern; the version makes sure that it edits what was looked at.
            with suppress(Stale):
                return self._tasks.edit_in(work, actor, task_id, fields, frozenset({task.version}), Action.UNDO)
            # Somebody else was faster. From now on the task is locked, and stays as it is.
            task = require_editable(work.tasks.find_unlocked(task_id), actor.user_id)


def _without_filing(change: Change) -> Change:
    """A category is its owner's own filing: others do not learn of it."""
    fields: dict[str, Any] = {name: each for name, each in change.fields.items() if name != "category"}
    return replace(change, fields=fields)
