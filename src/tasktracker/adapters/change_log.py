"""The change log of a unit of work, for any storage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar, cast
from uuid import UUID

from tasktracker.domain.categories.category import Category
from tasktracker.domain.feed.entries import entries_of
from tasktracker.domain.feed.items import Item, synced_type_of
from tasktracker.domain.feed.ports import FeedRepository
from tasktracker.domain.history.change import Change
from tasktracker.domain.history.ports import HistoryRepository
from tasktracker.domain.kernel.actors import AnyActor, SystemActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.clock import IdGenerator
from tasktracker.domain.kernel.versions import Versioned
from tasktracker.domain.reminders.following import Step, carry_over, follow_members, follow_task
from tasktracker.domain.reminders.ports import ReminderRepository
from tasktracker.domain.tasks.task import Task

ItemT = TypeVar("ItemT", bound=Versioned)


class WorkChangeLog:
    """Implements ChangeLog: adds each change to the task's history and to the feeds of the item's viewers.

    The reminders of a task follow its changes, and those of a category's members follow theirs.
    """

    __slots__ = ("_actor", "_feed", "_history", "_ids", "_made_at", "_now", "_reminders")

    def __init__(
        self,
        actor: AnyActor,
        now: datetime,
        ids: IdGenerator,
        history: HistoryRepository,
        feed: FeedRepository,
        reminders: ReminderRepository,
        made_at: datetime | None,
    ) -> None:
        self._actor = actor
        self._now = now
        self._ids = ids
        self._history = history
        self._feed = feed
        self._reminders = reminders
        self._made_at = made_at

    def record(self, action: Action, before: ItemT | None, after: ItemT, on_behalf_of: UUID | None = None) -> None:
        if isinstance(after, Task):
            actor = SystemActor("act for a user", on_behalf_of) if on_behalf_of else self._actor
            self._history.add(self._change(action, cast(Task | None, before), after, actor))
        self._add_entries(before, after)

    def record_many(self, action: Action, steps: Iterable[tuple[ItemT | None, ItemT]]) -> None:
        steps = list(steps)
        changes = [
            self._change(action, cast(Task | None, before), after, self._actor)
            for before, after in steps
            if isinstance(after, Task)
        ]
        if changes:
            self._history.add(*changes)
        for before, after in steps:
            self._add_entries(before, after)

    def record_removal(self, item: Versioned) -> None:
        self._feed.add(entries_of(cast(Item, item), None))

    def record_succession(self, before: ItemT, after: ItemT) -> None:
        for step in carry_over(self._reminders, cast(Task, before), cast(Task, after), self._now):
            self._feed.add(entries_of(*step))

    def deleted_version(self, kind: type[Versioned], item_id: UUID) -> int | None:
        user_id = self._actor.user_id
        assert user_id is not None, "items belong to users"
        deleted = self._feed.tombstones(user_id, synced_type_of(kind).type, [item_id])
        return deleted[item_id].version if item_id in deleted else None

    def _add_entries(self, before: Versioned | None, after: Versioned) -> None:
        self._feed.add(entries_of(cast(Item | None, before), cast(Item, after)))
        steps: Sequence[Step] = ()
        if isinstance(before, Task) and isinstance(after, Task):
            steps = follow_task(self._reminders, before, after, self._now)
        elif isinstance(before, Category) and isinstance(after, Category):
            steps = follow_members(self._reminders, before, after)
        for step in steps:
            self._feed.add(entries_of(*step))

    def _change(self, action: Action, before: Task | None, after: Task, actor: AnyActor) -> Change:
        return Change.of(
            id=self._ids.new(),
            action=action,
            actor=actor,
            now=self._now,
            before=before,
            after=after,
            made_at=self._made_at,
        )
