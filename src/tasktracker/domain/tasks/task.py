"""Tasks: their fields, and the rules that need no storage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Any, TypedDict
from uuid import UUID

from tasktracker.domain.kernel.characters import Characters
from tasktracker.domain.kernel.fields import (
    Editable,
    EditableFields,
    Refused,
    moment,
    optional,
    require_visible,
    text,
)
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.kernel.time_zones import end_of_day
from tasktracker.domain.recurrence.occurrence import Occurrence
from tasktracker.domain.recurrence.recurrence import Recurrence, Slot, checked_recurrence

MAX_TITLE_LENGTH = 1000
MAX_TITLE_CLUSTERS = 200
MAX_DESCRIPTION_LENGTH = 10_000
MAX_DEPTH = 5


class Priority(IntEnum):
    LOW = 1
    NORMAL = 2
    HIGH = 3
    URGENT = 4


class State(StrEnum):
    """The progress of a task. Any state may follow any other."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    CANCELLED = "cancelled"

    @property
    def is_closed(self) -> bool:
        """Whether the task is done or cancelled."""
        return self in (State.DONE, State.CANCELLED)


class TaskFields(TypedDict, total=False):
    """The fields of a task that users may set; an absent field is left unchanged."""

    title: str
    description: str
    priority: Priority
    state: State
    start_on: date | None
    due_on: date | None
    due_date: datetime | None
    recurrence: Recurrence | None
    category: UUID | None
    parent: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task of its owner and the members with whom it is shared.

    Work on the task need not start before the day `start_on`. It is due on the day `due_on`, which begins and ends in
    the time zone of each viewer, or at the moment `due_date`; at most one of them is set. `completed_at` is set while
    the state is done, and only then. `version` grows by one with every change; times are UTC. `root` is the topmost
    task of the tree, or the task itself if it has no parent. `trashed_with` is the task with which this one was
    deleted, and with which it is restored. `created_by` only records who created the task; it is None once that account
    was removed.

    A task with a `recurrence` is due and has no parent. `occurrence` is its place in the series. It stays when the rule
    has moved to the next occurrence.

    A subtask has the owner, the members and the `root_category` of its root. `list_members` are the members of that
    category, including its owner. They are empty if the category is shared with no user. They are read together with
    the task, but stored with the category. In a page for a viewer, they contain only this viewer. `category` is where
    the owner has filed the task. While the root is in a shared category, the `category` of a subtask has no effect.
    """

    id: UUID
    title: Annotated[
        str,
        Editable(text(shortest=1, longest=MAX_TITLE_LENGTH, trim=True, unit="code points"), new=require_good_title),
    ]
    description: Annotated[str, Editable(text(longest=MAX_DESCRIPTION_LENGTH))] = ""
    priority: Annotated[Priority, Editable(Priority)] = Priority.NORMAL
    state: Annotated[State, Editable(State)] = State.OPEN
    start_on: Annotated[date | None, Editable()] = None
    due_on: Annotated[date | None, Editable()] = None
    due_date: Annotated[datetime | None, Editable(optional(moment))] = None
    recurrence: Annotated[Recurrence | None, Editable(optional(checked_recurrence))] = None
    category: Annotated[UUID | None, Editable(owner_only=True, private=True)] = None
    parent: Annotated[UUID | None, Editable(owner_only=True)] = None
    root: UUID
    root_category: UUID | None = None
    occurrence: Occurrence | None = None
    members: tuple[Member, ...] = ()
    list_members: tuple[Member, ...] = ()
    owner: UUID
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None = None
    trashed_at: datetime | None = None
    trashed_with: UUID | None = None
    version: int = 1

    @classmethod
    def create(cls, *, id: UUID, created_by: UUID, now: datetime, fields: TaskFields, tree: Tree | None = None) -> Task:
        """Return a new task with these (checked) fields, of which `title` is required, in a tree.

        Without `tree`, it is a task in its creator's own category, shared with no user.
        """
        tree = tree or Tree(id, fields.get("category"), created_by)
        task = cls(id=id, created_by=created_by, created_at=now, updated_at=now, **tree.values(), **fields)
        task = task if task.recurrence is None else task.with_rule(task.recurrence)
        return replace(task, completed_at=now) if task.state is State.DONE else task

    def edit(self, fields: TaskFields, now: datetime, completed_at: datetime | None = None) -> Task:
        """Return the task with these (checked) fields, or the same object if they change nothing.

        A task that becomes done is completed now, or at `completed_at`.
        """
        edited = replace(self, **fields)
        if edited.state is not self.state:
            done_at = completed_at or max(now, self.updated_at)
            edited = replace(edited, completed_at=done_at if edited.state is State.DONE else None)
        if edited.recurrence is not None:
            rule = edited.recurrence.like(self.recurrence)
            # One that returns after it was cleared goes on.
            is_new = rule != self.recurrence and (self.recurrence is not None or rule.start == edited.due)
            edited = edited.with_rule(rule, is_new=is_new)
        return self._changed(edited, now)

    @property
    def tree(self) -> Tree:
        """The tree that the task is in."""
        return Tree(self.root, self.root_category, self.owner, self.members, self.list_members)

    def with_tree(self, tree: Tree, now: datetime) -> Task:
        """Return the task in a tree. If the owner changes, the task leaves the category of the former owner."""
        category = self.category if tree.owner == self.owner else None
        return self._changed(replace(self, category=category, **tree.values()), now)

    def with_members(self, members: tuple[Member, ...], now: datetime) -> Task:
        """Return the task with the members of its tree."""
        return self._changed(replace(self, members=members), now)

    def trash(self, with_: UUID, now: datetime) -> Task:
        """Return the task moved to the trash, deleted together with another."""
        return self._changed(replace(self, trashed_at=max(now, self.updated_at), trashed_with=with_), now)

    def restore(self, tree: Tree, parent: UUID | None, category: UUID | None, now: datetime) -> Task:
        """Return the task restored from the trash, in a tree and a category. The parent must not be in the trash."""
        restored = replace(self, parent=parent, category=category, trashed_at=None, trashed_with=None, **tree.values())
        return self._changed(restored, now)

    def with_rule(self, rule: Recurrence, *, is_new: bool = False) -> Task:
        """Return the task with a recurrence or, if it is not due, without one.

        A new rule starts when the task is due, if it has no start, and the task stands for when it is due. The start
        and the slot become of the same kind as the due day or moment.
        """
        due, occurrence = self.due, self.occurrence
        if due is None:
            return replace(self, recurrence=None)
        if is_new or rule.start is None or occurrence is None:
            rule = replace(rule, start=rule.start or due)
            occurrence = replace(occurrence or Occurrence(slot=due, series=self.id), slot=due, next=None)
        rule = rule.of_kind(due)
        if isinstance(occurrence.slot, datetime) != isinstance(due, datetime):
            occurrence = replace(occurrence, slot=rule.slot_on(rule.day(occurrence.slot)))
        return replace(self, recurrence=rule, occurrence=occurrence)

    def due_in(self, slot: Slot) -> Task:
        """Return the task due on the day, or at the moment, of a slot."""
        if isinstance(slot, datetime):
            return replace(self, due_on=None, due_date=slot)
        return replace(self, due_on=slot, due_date=None)

    @property
    def due(self) -> Slot | None:
        """The day or moment at which the task is due."""
        return self.due_date if self.due_on is None else self.due_on

    @property
    def series(self) -> UUID | None:
        """The id of the first occurrence, for all occurrences of a recurring task."""
        return self.occurrence.series if self.occurrence else None

    @property
    def next(self) -> UUID | None:
        """The id of the next occurrence, if there is one."""
        return self.occurrence.next if self.occurrence else None

    def due_at(self, time_zone: str) -> datetime | None:
        """Return the last moment at which the task is not overdue: for a day, the end of it in a time zone."""
        return self.due_date if self.due_on is None else end_of_day(self.due_on, time_zone)

    def is_overdue(self, at: datetime, time_zone: str) -> bool:
        """Whether the task, for a viewer in a time zone, is due before `at`, and neither done nor cancelled."""
        due = self.due_at(time_zone)
        return due is not None and due < at and not self.state.is_closed

    @property
    def text_bytes(self) -> int:
        """The bytes of the title and the description in UTF-8, which count towards the owner's quota."""
        return len(self.title.encode()) + len(self.description.encode())

    @property
    def owners(self) -> tuple[UUID, ...]:
        """The owner and the editors with whom the task itself is shared."""
        if not self.members:
            return (self.owner,)
        return (self.owner, *(member.user_id for member in self.members if member.role is Role.EDITOR))

    def _changed(self, other: Task, now: datetime) -> Task:
        if other == self:
            return self
        return replace(other, version=self.version + 1, updated_at=max(now, self.updated_at))


@dataclass(frozen=True, slots=True)
class Tree:
    """What all tasks of a tree have in common: see `Task`."""

    root: UUID
    root_category: UUID | None
    owner: UUID
    members: tuple[Member, ...] = ()
    list_members: tuple[Member, ...] = ()

    def values(self) -> dict[str, Any]:
        """Return the values of these fields of its tasks, by name."""
        return {
            "root": self.root,
            "root_category": self.root_category,
            "owner": self.owner,
            "members": self.members,
            "list_members": self.list_members,
        }


def require_good_title(value: str, characters: Characters) -> None:
    """Refuse a title that looks empty or is too long."""
    require_visible(value, characters)
    require_short_title(value, characters)


def require_short_title(value: str, characters: Characters) -> None:
    """Refuse a title of more than `MAX_TITLE_CLUSTERS` grapheme clusters."""
    if len(characters.clusters(value)) > MAX_TITLE_CLUSTERS:
        raise Refused(f"must be at most {MAX_TITLE_CLUSTERS} characters long")


DUE = ("due_on", "due_date")
TASK = EditableFields[TaskFields](Task, exclusive=DUE, joined=(*DUE, "recurrence"))
