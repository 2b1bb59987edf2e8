"""Reading the history of a task, and undoing a change."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast
from uuid import UUID

from tasktracker.domain.history.access import Access
from tasktracker.domain.history.change import Change, ChangeKey, FieldChange, Value
from tasktracker.domain.history.ports import HistoryWork
from tasktracker.domain.history.since import changes_since
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import AlreadyChanged, ChangeNotFound, FieldError, InvalidInput, NotAllowed, Stale
from tasktracker.domain.kernel.paging import DEFAULT_PAGE, Page
from tasktracker.domain.kernel.versions import Expected, require
from tasktracker.domain.tasks.policy import can_organise, require_editable, require_visible
from tasktracker.domain.tasks.service import TaskService
from tasktracker.domain.tasks.task import TASK, Task, TaskFields


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A page of changes of a task, and the usernames of their actors who still have accounts."""

    changes: Page[Change, ChangeKey]
    names: Mapping[UUID, str]


class HistoryService:
    """Use cases on the histories of the tasks that the actor can see."""

    def __init__(self, *, tasks: TaskService) -> None:
        self._tasks = tasks

    def list(
        self, work: HistoryWork, task_id: UUID, after: ChangeKey | None = None, limit: int = DEFAULT_PAGE
    ) -> HistoryPage:
        """Return a page of a task's changes, the newest first. Raises TaskNotFound.

        A member sees the changes since the member's access began, and no values from before.
        """
        task = require_visible(work.tasks.find(task_id), work.actor.user_id)
        page = _as_seen(work.history.list(task_id, after, limit), Access.of(work, task))
        names = work.users.names({change.actor for change in page.items if change.actor})
        return HistoryPage(page, names)

    def undo(self, work: HistoryWork, task_id: UUID, change_id: UUID, expected: Expected = None) -> Task:
        """Set the fields of one change back to their values before it.

        Raises TaskNotFound, NotAllowed, ChangeNotFound, Stale; AlreadyChanged if one of the fields has been changed
        again; InvalidInput for a change that is not an edit, or whose category or parent cannot be set any more.
        """
        task = require_editable(work.tasks.find_unlocked(task_id), work.actor.user_id)
        change = work.history.find(task_id, change_id)
        if change is None or Access.of(work, task).begins_after(work.history, task, change):
            raise ChangeNotFound
        if change.action not in (Action.EDIT, Action.UNDO):
            raise InvalidInput.of("change", "is not an edit; only edits can be undone")
        # The rule moves together with the state to the next occurrence, and back.
        moved = {"recurrence"} if "next" in change.fields else set()
        names = [name for name in change.fields if name in TASK.types and name not in moved]
        fields = cast(TaskFields, {name: change.fields[name].before for name in names})
        if not can_organise(task, work.actor.user_id):
            fields = TASK.without_owner_only(fields)
            if not fields:
                raise NotAllowed("Only the task's owner may change its category or parent.")
        completed = change.fields.get("completed_at")
        completed_at = cast("datetime | None", completed.before) if completed else None
        while True:
            require(task, expected)
            if any(getattr(task, name) != after for name, after in _afterwards(change, fields).items()):
                raise AlreadyChanged
            if _is_rule_changed_since(work, task, change, fields):
                raise AlreadyChanged
            # `edit` takes the locks that these fields need. The version ensures that it edits the checked state.
            try:
                return self._tasks.edit(work, task_id, fields, frozenset({task.version}), Action.UNDO, completed_at)
            except InvalidInput as error:
                reasons = (f"cannot be undone, because {each.field} {each.message}" for each in error.errors)
                raise InvalidInput(*(FieldError("change", reason) for reason in reasons)) from None
            except Stale:
                pass
            # Another work changed the task first. The task is now locked and stays unchanged for the next attempt.
            task = require_editable(work.tasks.find_unlocked(task_id), work.actor.user_id)


def _afterwards(change: Change, names: Collection[str]) -> Mapping[str, Value]:
    """Return the values of fields after a change. If it changed an exclusive field, the others had no value."""
    after = {name: change.fields[name].after for name in names}
    if after.keys().isdisjoint(TASK.exclusive):
        return after
    return {**dict.fromkeys(TASK.exclusive), **after}


def _is_rule_changed_since(work: HistoryWork, task: Task, change: Change, fields: TaskFields) -> bool:
    """Whether the rule of a task, or when the task is due, was changed since a change of either."""
    if (not task.recurrence and not fields.get("recurrence")) or TASK.joined.isdisjoint(fields):
        return False
    since, _ = changes_since(work.history, task, change.version)
    return not all(TASK.joined.isdisjoint(each.fields) for each in since)


def _as_seen(page: Page[Change, ChangeKey], access: Access) -> Page[Change, ChangeKey]:
    """Return a page as a user sees it: since the user's access, with the fields that the user sees."""
    seen: list[Change] = []
    for change in page.items:
        fields = access.shown_fields(change)
        if not access.includes(change):
            return Page(seen, None)
        if access.begins_with(change):
            first = {name: FieldChange(None, each.after) for name, each in fields.items()}
            return Page([*seen, replace(change, fields=first)], None)
        seen.append(replace(change, fields=fields))
    return Page(seen, page.next)
