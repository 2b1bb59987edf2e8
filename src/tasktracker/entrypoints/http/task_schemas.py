"""Tasks as JSON, and the query parameters of their lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from operator import attrgetter
from typing import Annotated, Any, Literal, TypeVar, cast
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from tasktracker.domain.kernel.fields import Refused, moment, require_storable
from tasktracker.domain.kernel.members import Role, role_in
from tasktracker.domain.recurrence.recurrence import Anchor, Recurrence, Slot, slot_text
from tasktracker.domain.recurrence.rule import EXAMPLE, MAX_RULE_LENGTH
from tasktracker.domain.tasks.policy import visible_category
from tasktracker.domain.tasks.query import NONE, TaskKey, TaskQuery, TaskSort, words_of
from tasktracker.domain.tasks.task import (
    MAX_DESCRIPTION_LENGTH,
    MAX_TITLE_CLUSTERS,
    MAX_TITLE_LENGTH,
    TASK,
    Priority,
    State,
    Task,
)
from tasktracker.entrypoints.http.core.conditional import etag
from tasktracker.entrypoints.http.core.schemas import (
    Body,
    Moment,
    PagedQuery,
    Part,
    ReadOnly,
    Version,
    sent,
    text,
    view,
)

MAX_SEARCH_LENGTH = 200
DataT = TypeVar("DataT", bound="TaskData")

DUE_ON = (
    "The day on which the task is due, in the time zone of each viewer. Setting it clears `due_date`, and vice versa."
)

Title = Annotated[
    str,
    text(shortest=1, longest=MAX_TITLE_LENGTH, pattern=r"\S"),
    Meta(description=f"At most {MAX_TITLE_CLUSTERS} characters (grapheme clusters, UAX #29), one of them visible."),
]
Description = Annotated[str, text(longest=MAX_DESCRIPTION_LENGTH)]


NAMES = {"from_": "from"}
"""The names of fields that are keywords in Python."""

RuleText = Annotated[
    str,
    Meta(
        description="A rule of RFC 5545 (RRULE) that chooses days.",
        examples=[EXAMPLE],
        extra_json_schema={"maxLength": MAX_RULE_LENGTH},
    ),
]
ZoneName = Annotated[str, Meta(description="The time zone of the days, by its IANA name.")]
From = Annotated[
    Anchor,
    Meta(description="Whether the next occurrence is counted from when this one is due, or from its completion."),
]
START = "The day, as in 2026-01-31, or the time from which on the days are counted."
SLOT_PATTERN = r"^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d))?$"
SlotText = Annotated[str, Meta(description="The day or time of the rule that this occurrence stands for.")]
NextId = Annotated[UUID, Meta(description="The next occurrence, which the completion of this one has created.")]
SeriesId = Annotated[UUID, Meta(description="The id of the first occurrence. All occurrences of a task have it.")]


class RecurrenceBody(Part, rename=NAMES, kw_only=True):
    """How a task recurs."""

    rule: RuleText
    time_zone: ZoneName
    from_: From = Anchor.DUE
    start: Annotated[str, Meta(description=START, pattern=SLOT_PATTERN)] | UnsetType | None = UNSET

    def value(self) -> Recurrence:
        # The domain reads the start.
        start = cast("Slot | None", sent(self.start))
        return Recurrence(rule=self.rule, time_zone=self.time_zone, from_=self.from_, start=start)


class RecurrenceView(Struct, rename=NAMES):
    """How a task recurs."""

    rule: RuleText
    time_zone: ZoneName
    from_: From
    start: Annotated[str, Meta(description=START)]


class TaskBody(Body):
    """The optional fields of a task."""

    rules = TASK.rules

    description: Description | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    state: State | UnsetType = UNSET
    start_on: date | UnsetType | None = UNSET
    due_on: Annotated[date, Meta(description=DUE_ON)] | UnsetType | None = UNSET
    due_date: Moment | UnsetType | None = UNSET
    recurrence: RecurrenceBody | UnsetType | None = UNSET
    category: UUID | UnsetType | None = UNSET
    parent: UUID | UnsetType | None = UNSET

    id: ReadOnly = UNSET
    owner: ReadOnly = UNSET
    owners: ReadOnly = UNSET
    created_by: ReadOnly = UNSET
    created_at: ReadOnly = UNSET
    updated_at: ReadOnly = UNSET
    completed_at: ReadOnly = UNSET
    series: ReadOnly = UNSET
    slot: ReadOnly = UNSET
    next: ReadOnly = UNSET
    is_overdue: ReadOnly = UNSET


class CreateTask(TaskBody, kw_only=True):
    """A new task."""

    example = {"title": "Buy milk", "priority": 2, "due_date": "2027-01-31T18:00:00+01:00"}

    title: Title
    version: ReadOnly = UNSET


class ReplaceTask(TaskBody, kw_only=True):
    """A whole task. Omitted fields get their default values."""

    example = {"title": "Buy oat milk", "description": "Two litres", "state": "in_progress"}

    title: Title
    version: Version | UnsetType = UNSET


class EditTask(TaskBody, kw_only=True):
    """A change to a task (RFC 7396). Omitted fields do not change; null clears a field that may be empty."""

    example = {"state": "done", "due_date": None}

    title: Title | UnsetType = UNSET
    version: Version | UnsetType = UNSET


class TaskData(Struct):
    """A task as devices store it, without fields that depend on the current time."""

    id: UUID
    title: str
    description: str
    priority: Priority
    state: State
    start_on: date | None
    due_on: Annotated[date, Meta(description=DUE_ON)] | None
    due_date: Moment | None
    recurrence: RecurrenceView | None
    category: UUID | None
    parent: UUID | None
    owner: UUID
    owners: Sequence[UUID]
    created_by: UUID | None
    created_at: Moment
    updated_at: Moment
    completed_at: Moment | None
    version: int
    series: SeriesId | None = None
    slot: SlotText | None = None
    next: NextId | None = None


class TaskView(TaskData, kw_only=True):
    """A task."""

    is_overdue: bool


_values = attrgetter(*(name for name in TaskData.__struct_fields__ if name not in ("series", "slot", "next")))


@view.register
def view_task(task: Task, at: datetime, viewer: UUID, time_zone: str) -> TaskView:
    """Return the representation of a task at a time, as a member in a time zone sees it."""
    return _as_seen(TaskView(*_values(task), is_overdue=task.is_overdue(at, time_zone)), task, viewer)


def view_data(task: Task, viewer: UUID) -> TaskData:
    """Return the representation of a task as a member's devices store it."""
    return _as_seen(TaskData(*_values(task)), task, viewer)


def task_etag(task: Task, at: datetime, viewer: UUID, time_zone: str) -> str:
    """Return the entity tag of a task's representation. It depends on whether the category is shared with the user."""
    marks = {"o": task.is_overdue(at, time_zone), "s": role_in(task.list_members, viewer) is not None}
    return etag(task.version, *(mark for mark, is_set in marks.items() if is_set))


def _as_seen(data: DataT, task: Task, viewer: UUID) -> DataT:
    data.category = visible_category(task, viewer)
    if task.occurrence is not None:
        data.series, data.slot, data.next = task.series, slot_text(task.occurrence.slot), task.next
    if (rule := task.recurrence) is not None:
        data.recurrence = RecurrenceView(rule.rule, rule.time_zone, rule.from_, slot_text(rule.first))
    return data


def _id_or_none(value: str) -> UUID | Literal["none"]:
    """An id, or `none`."""
    if value == NONE:
        return NONE
    try:
        return msgspec.convert(value, UUID)
    except msgspec.ValidationError:
        raise Refused(f"must be an id, or {NONE}") from None


def _words(value: str) -> tuple[str, ...]:
    require_storable(value)
    if len(value) > MAX_SEARCH_LENGTH:
        raise Refused(f"must be at most {MAX_SEARCH_LENGTH} characters long")
    return words_of(value)


IdOrNone = Annotated[
    str,
    Meta(
        description=f"An id, or `{NONE}` for tasks where this field is null.",
        extra_json_schema={"anyOf": [{"type": "string", "format": "uuid"}, {"enum": [NONE]}]},
    ),
]


class ListTasks(PagedQuery):
    """Filters and order of a list of tasks. A task must match all filters."""

    rules = {
        "category": _id_or_none,
        "parent": _id_or_none,
        "due_after": moment,
        "due_before": moment,
        "q": _words,
    }

    state: Annotated[list[State], Meta(description="One of these states. May be repeated.")] = []
    priority: Annotated[Priority, Meta(description="Only tasks of this priority.")] | UnsetType = UNSET
    category: IdOrNone | UnsetType = UNSET
    parent: IdOrNone | UnsetType = UNSET
    series: Annotated[UUID, Meta(description="Occurrences of a task: the id of the first.")] | UnsetType = UNSET
    due_after: (
        Annotated[Moment, Meta(description="Due at this time or later. A day is due at its end.")] | UnsetType
    ) = UNSET
    due_before: Annotated[Moment, Meta(description="Due before this time. A day is due at its end.")] | UnsetType = (
        UNSET
    )
    overdue: (
        Annotated[
            bool, Meta(description="Whether the task is past its due day or date, and neither done nor cancelled.")
        ]
        | UnsetType
    ) = UNSET
    started: (
        Annotated[bool, Meta(description="Whether `start_on` is empty, today or earlier, in the caller's time zone.")]
        | UnsetType
    ) = UNSET
    q: (
        Annotated[
            str,
            Meta(
                description="Words that must all be in the title or the description. Case is ignored.",
                extra_json_schema={"maxLength": MAX_SEARCH_LENGTH},
            ),
        ]
        | UnsetType
    ) = UNSET
    role: Annotated[Role, Meta(description="The caller's role in the task.")] | UnsetType = UNSET
    sort: Annotated[TaskSort, Meta(description="A minus reverses the order. Tasks without a due date are last.")] = (
        TaskSort.NEWEST
    )


KEYS: dict[str, Any] = {
    "created_at": TaskKey[datetime],
    "updated_at": TaskKey[datetime],
    "due_date": TaskKey[datetime | None],
    "priority": TaskKey[int],
    "title": TaskKey[str],
}
"""The type of a cursor's key, by the field that the list is sorted by."""


def query_of(filters: ListTasks, at: datetime, after: TaskKey[Any] | None) -> TaskQuery:
    """Return the query of a request. The rules have already converted ids, times and words."""
    wanted = {name: value for name, value in structs.asdict(filters).items() if value is not UNSET}
    wanted.pop("cursor", None)
    return TaskQuery(at=at, after=after, states=frozenset(wanted.pop("state")), words=wanted.pop("q", ()), **wanted)
