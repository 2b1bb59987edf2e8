"""Recurring tasks: completing one creates the next occurrence, and undoing that takes it back.

The rule moves from a task to its next occurrence. So a task that has a next one has no rule, and gets no second one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from tasktracker.domain.accounts.quota import Usage
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.clock import IdGenerator
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.kernel.fields import Refused
from tasktracker.domain.recurrence.occurrence import Occurrence
from tasktracker.domain.recurrence.ports import CalendarRules
from tasktracker.domain.recurrence.recurrence import HAS_NEXT, NO_PARENT, NOT_DUE, SUBTASK, Recurrence, Slot
from tasktracker.domain.tasks.ports import TaskWork
from tasktracker.domain.tasks.task import State, Task, TaskFields
from tasktracker.domain.tasks.tree import subtree

NAME_OF_NEXT = "next"
"""The name of the next occurrence. Its id is derived from it and from the id of the completed one."""


class RecurringTasks:
    """The part of use cases on tasks that recur. Other tasks cost nothing."""

    def __init__(self, *, ids: IdGenerator, calendar: CalendarRules) -> None:
        self._ids = ids
        self._calendar = calendar

    def check(self, before: Task | None, after: Task, fields: TaskFields) -> None:
        """Refuse a recurrence that a task cannot have. Raises InvalidInput."""
        rule = after.recurrence
        if rule is None:
            if fields.get("recurrence") is not None:
                raise InvalidInput(NOT_DUE)
            return
        if after.parent is not None:
            raise InvalidInput(SUBTASK if before is None or before.recurrence is None else NO_PARENT)
        if before is None or rule != before.recurrence:
            try:
                rule.require_slot(self._calendar)
            except Refused as refused:
                raise InvalidInput.of("recurrence.rule", str(refused)) from None

    def settle(self, work: TaskWork, before: Task | None, after: Task, completed_at: datetime | None) -> Task:
        """Return an edited or new task as it is stored, and create or take back its next occurrence.

        `after` has the tree that it moves to. The task is locked, and was completed at `completed_at`, if that is not
        now. Raises InvalidInput if the task gets a rule and has a next occurrence.
        """
        if after.recurrence is None and after.occurrence is None:
            return after
        was_closed = before is not None and before.state.is_closed
        if before is not None and before.next is not None and (was_closed or after.recurrence):
            after = self._with_next(work, after, before.next, reopens=was_closed and not after.state.is_closed)
        if after.recurrence is not None and after.state.is_closed and not was_closed:
            return self._complete(work, after, completed_at)
        return after

    def _complete(self, work: TaskWork, task: Task, completed_at: datetime | None) -> Task:
        rule, occurrence = task.recurrence, task.occurrence
        assert rule is not None, "the task recurs"
        assert occurrence is not None, "a task that recurs stands for a slot"
        at = task.completed_at or completed_at or work.now
        slot = rule.next_after(occurrence.slot, work.now, self._calendar, at)
        if slot is None:
            return task  # The rule has ended. It stays at the last occurrence.
        made = self._next(work, task, rule, slot)
        work.quotas.exempt(task.owner, Usage(tasks=len(made), bytes=sum(each.text_bytes for each in made)))
        for each in made:
            work.tasks.add(each)
        work.changes.record_many(Action.CREATE, [(None, each) for each in made])
        work.changes.record_succession(task, made[0])
        return replace(task, recurrence=None, occurrence=replace(occurrence, next=made[0].id))

    def _next(self, work: TaskWork, task: Task, rule: Recurrence, slot: Slot) -> Sequence[Task]:
        """Return the next occurrence of a completed task, with its subtasks, each after its parent."""
        assert task.due is not None, "a task that recurs is due"
        days = (rule.day(slot) - rule.day(task.due)).days

        def again(each: Task, **more: Any) -> Task:
            dates: dict[str, Any] = {
                name: None if slot is None else rule.moved(slot, days)
                for name, slot in (("start_on", each.start_on), ("due_on", each.due_on), ("due_date", each.due_date))
            }
            opened = replace(each, state=State.OPEN, completed_at=None, created_at=work.now, updated_at=work.now)
            return replace(opened, **dates, **more)

        new_id = uuid5(task.id, NAME_OF_NEXT)
        if work.tasks.find_unlocked(new_id) or work.trash.find(new_id):
            new_id = self._ids.new()
        # Its versions go on from those of this task, because one with the same id may have been made and taken back.
        top = again(task, id=new_id, root=new_id).due_in(slot)
        subtasks: list[Task] = []
        ids = {task.id: new_id}
        for each in (each for level in subtree(work, task)[1:] for each in level):
            if each.trashed_at is None and each.parent in ids:
                ids[each.id] = self._ids.new()
                more = {"parent": ids[each.parent], "occurrence": None, "version": 1}
                subtasks.append(again(each.with_tree(top.tree, work.now), id=ids[each.id], **more))
        assert task.series is not None, "the task is an occurrence"
        made = Occurrence(slot=slot, series=task.series, untouched=top.version, subtasks=_digest(subtasks))
        return [replace(top, occurrence=made), *subtasks]

    def _with_next(self, work: TaskWork, task: Task, next_id: UUID, *, reopens: bool) -> Task:
        if not reopens and task.recurrence is None:
            return task
        found = _find_next(work, task, next_id)
        if found is None:
            return task
        if not reopens or task.parent is not None or task.due is None or not _take_back(work, found, task):
            if task.recurrence is not None:
                raise InvalidInput(HAS_NEXT)
            return task
        assert task.occurrence is not None, "the task has a next occurrence"
        task = replace(task, occurrence=replace(task.occurrence, next=None))
        return task if task.recurrence or not found.recurrence else task.with_rule(found.recurrence)

    def find_untouched(self, work: TaskWork, task: Task) -> Task | None:
        """Return the next occurrence of a task, and lock it, if no user has changed it."""
        found = _find_next(work, task, task.next) if task.next else None
        return found if found and _is_untouched(found, subtree(work, found)) else None


def carried_fields(task: Task, next_: Task, fields: TaskFields) -> TaskFields:
    """Return the fields of an edit of a task as they are set in its next occurrence: later by as many days."""
    rule, start = next_.recurrence, fields.get("start_on")
    if rule is None or start is None or task.due is None or next_.due is None:
        return fields
    return {**fields, "start_on": rule.moved(start, (rule.day(next_.due) - rule.day(task.due)).days)}


def untouched(task: Task) -> Task:
    """Return a task that has this version after an edit that was carried over to it."""
    assert task.occurrence is not None, "the task is an occurrence"
    return replace(task, occurrence=replace(task.occurrence, untouched=task.version))


def _find_next(work: TaskWork, task: Task, next_id: UUID) -> Task | None:
    """Return the next occurrence of a task, and lock it. In an imported file, the id may be that of any task."""
    found = work.tasks.find(next_id)
    is_next = found is not None and not found.trashed_at and (found.owner, found.series) == (task.owner, task.series)
    return found if is_next else None


def _take_back(work: TaskWork, task: Task, reopened: Task) -> bool:
    """Remove an occurrence that no user has changed, and return whether it was one.

    What belongs to it belongs to the `reopened` occurrence again.
    """
    levels = subtree(work, task)
    if not _is_untouched(task, levels):
        return False
    work.changes.record_succession(task, reopened)
    for level in reversed(levels):
        for each in level:
            work.changes.record_removal(each)
        work.trash.purge(level)
    return True


def _is_untouched(task: Task, levels: Sequence[Sequence[Task]]) -> bool:
    """Whether a task is as it was made by the completion of another, apart from edits that were carried over."""
    made = task.occurrence
    subtasks = (each for level in levels[1:] for each in level)
    return made is not None and made.untouched == task.version and made.subtasks == _digest(subtasks)


def _digest(tasks: Iterable[Task]) -> str:
    """Return a digest of ids and versions."""
    texts = sorted(f"{each.id} {each.version}" for each in tasks)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
