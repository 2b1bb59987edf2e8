"""Queries for lists of tasks: filters, order and start of the page."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, Generic, Literal, TypeVar
from uuid import UUID

from tasktracker.domain.kernel.members import Role
from tasktracker.domain.kernel.paging import DEFAULT_PAGE
from tasktracker.domain.kernel.time_zones import DEFAULT_TIME_ZONE, stored_time_zone
from tasktracker.domain.tasks.policy import visible_category
from tasktracker.domain.tasks.task import Priority, State, Task

NONE: Final = "none"
# In code points. PostgreSQL's indexes take at most 2704 bytes, and folding a title gives at most 600 code points.
MAX_TITLE_KEY_LENGTH = 600
Value = TypeVar("Value")


class TaskSort(StrEnum):
    """The order of tasks. A minus means descending. Equal values are ordered by id, in the same direction."""

    NEWEST = "-created_at"
    OLDEST = "created_at"
    DUE_FIRST = "due_date"
    DUE_LAST = "-due_date"
    MOST_URGENT = "-priority"
    LEAST_URGENT = "priority"
    TITLE = "title"
    UPDATED = "-updated_at"

    @property
    def field(self) -> str:
        """The field by which tasks are ordered."""
        return self.value.removeprefix("-")

    @property
    def is_by_due(self) -> bool:
        """Whether tasks are ordered by the end of the day, or the moment, at which they are due."""
        return self in (TaskSort.DUE_FIRST, TaskSort.DUE_LAST)

    @property
    def is_descending(self) -> bool:
        """Whether the greatest value is first. Tasks without a value are last in both directions."""
        return self.value.startswith("-")

    def is_after(self, key: TaskKey[Any], other: TaskKey[Any]) -> bool:
        """Whether a key is after another in this order."""
        return _OrderedKey(other, self.is_descending) < _OrderedKey(key, self.is_descending)


@dataclass(frozen=True, slots=True)
class _OrderedKey:
    """A sort key that compares in one direction. A key without a value is last in both directions."""

    key: TaskKey[Any]
    is_descending: bool

    def __lt__(self, other: _OrderedKey) -> bool:
        if (self.key.value is None) != (other.key.value is None):
            return other.key.value is None
        mine, theirs = [(key.id,) if key.value is None else (key.value, key.id) for key in (self.key, other.key)]
        return mine > theirs if self.is_descending else mine < theirs


@dataclass(frozen=True, slots=True)
class TaskKey(Generic[Value]):
    """A task's sort key: the value ordered by, and the id for equal values."""

    value: Value
    id: UUID


def trash_key(task: Task) -> TaskKey[datetime]:
    """Return a deleted task's sort key in the trash, by the time of its deletion."""
    assert task.trashed_at is not None, "the task is not in the trash"
    return TaskKey(task.trashed_at, task.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskQuery:
    """Selects at most `limit` tasks that pass every filter, in the order of `sort`, starting after the key `after`.

    An empty `states` or `words`, and None for other filters, let every task pass; `NONE` means tasks without a category
    or parent. `due_after` and `due_before` are the ends of a half-open range. `at` is the time at which `overdue` is
    decided: it is the same for every page of a list. Its day in `time_zone` decides which tasks have `started`. A task
    that is due on a day is due at the end of it in `time_zone`.
    """

    at: datetime
    states: frozenset[State] = frozenset()
    priority: Priority | None = None
    category: UUID | Literal["none"] | None = None
    parent: UUID | Literal["none"] | None = None
    series: UUID | None = None
    due_after: datetime | None = None
    due_before: datetime | None = None
    overdue: bool | None = None
    started: bool | None = None
    time_zone: str = DEFAULT_TIME_ZONE
    words: tuple[str, ...] = ()
    role: Role | None = None
    sort: TaskSort = TaskSort.NEWEST
    after: TaskKey[Any] | None = None
    limit: int = DEFAULT_PAGE

    @property
    def today(self) -> date:
        """The day of `at` in the viewer's time zone."""
        return self.at.astimezone(stored_time_zone(self.time_zone)).date()

    def key(self, task: Task) -> TaskKey[Any]:
        """Return a task's sort key in the order of `sort`."""
        if self.sort.is_by_due:
            return TaskKey(task.due_at(self.time_zone), task.id)
        value = title_key(task.title) if self.sort is TaskSort.TITLE else getattr(task, self.sort.field)
        return TaskKey(value, task.id)

    def ordered(self, tasks: Iterable[Task]) -> list[Task]:
        """Return tasks in the order of `sort`."""
        return sorted(tasks, key=lambda task: _OrderedKey(self.key(task), self.sort.is_descending))

    def matches(self, task: Task, viewer: UUID, role: Role) -> bool:
        """Whether the task, as the viewer sees it, passes every filter."""
        due = task.due_at(self.time_zone)
        return (
            (not self.states or task.state in self.states)
            and (self.priority is None or task.priority is self.priority)
            and (self.category is None or visible_category(task, viewer) == _or_none(self.category))
            and (self.parent is None or task.parent == _or_none(self.parent))
            and self.series in (None, task.series)
            and (self.due_after is None or (due is not None and due >= self.due_after))
            and (self.due_before is None or (due is not None and due < self.due_before))
            and (self.overdue is None or task.is_overdue(self.at, self.time_zone) is self.overdue)
            and (self.started is None or (task.start_on is None or task.start_on <= self.today) is self.started)
            and (self.role is None or role is self.role)
            and (not self.words or all(word in search_text(task) for word in self.words))
        )


def words_of(text: str) -> tuple[str, ...]:
    """Split a search text into words, all of which must be found."""
    return tuple(dict.fromkeys(folded(text).split()))


def search_text(task: Task) -> str:
    """Return the text that is searched: title and description, case-folded."""
    return f"{folded(task.title)}\n{folded(task.description)}"


def title_key(title: str) -> str:
    """Return the sort key of a title, to be compared by code point. Titles with the same key are ordered by id."""
    return folded(title)[:MAX_TITLE_KEY_LENGTH]


def folded(text: str) -> str:
    """Return text case-folded. Canonically equivalent texts give the same result (UAX #15, NFC)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _or_none(value: UUID | Literal["none"]) -> UUID | None:
    return None if value == NONE else value
