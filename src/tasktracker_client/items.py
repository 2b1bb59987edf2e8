"""Tasks and categories, and the fields that a caller can set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, ClassVar, Literal, NotRequired, TypedDict
from uuid import UUID

Id = str | UUID
Priority = Literal[1, 2, 3, 4]
"""Low, normal, high and urgent."""
State = Literal["open", "in_progress", "done", "cancelled"]


class ItemType(StrEnum):
    """The types of items that are kept in sync."""

    TASK = "task"
    CATEGORY = "category"


# The JSON object has a field "from", which is a keyword in Python.
Recurrence = TypedDict(
    "Recurrence",
    {
        "rule": str,
        "time_zone": str,
        "from": NotRequired[Literal["due", "completion"]],
        "start": NotRequired[str | None],
    },
)
"""How a task recurs: an RRULE of RFC 5545, the time zone of its days, and from when on they are counted."""


class TaskFields(TypedDict, total=False):
    """The optional fields of a task.

    `due_date` needs a UTC offset in whole minutes. Setting `due_on` clears it, and the other way round. A task with a
    `recurrence` is due: clearing when it is due also clears its recurrence.
    """

    description: str
    priority: Priority
    state: State
    start_on: date | None
    due_on: date | None
    due_date: datetime | None
    recurrence: Recurrence | None
    category: Id | None
    parent: Id | None


class TaskEdit(TaskFields, total=False):
    """Changed fields of a task."""

    title: str


class CategoryFields(TypedDict, total=False):
    """The optional fields of a category. `color` is `#rrggbb`."""

    description: str
    color: str | None


class CategoryEdit(CategoryFields, total=False):
    """Changed fields of a category."""

    name: str


EDITABLE: Mapping[ItemType, frozenset[str]] = {
    ItemType.TASK: frozenset(TaskEdit.__optional_keys__),
    ItemType.CATEGORY: frozenset(CategoryEdit.__optional_keys__),
}
"""The names of the fields that a caller can set."""

EXCLUSIVE = ("due_on", "due_date")
"""The fields of a task of which setting one clears the other."""

REFERENCES: Mapping[str, ItemType] = {"category": ItemType.CATEGORY, "parent": ItemType.TASK}
"""The fields of a task that contain the id of another item, and the type of that item."""

DEFAULTS: Mapping[ItemType, Mapping[str, Any]] = {
    ItemType.TASK: {
        "title": "",
        "description": "",
        "priority": 2,
        "state": "open",
        "start_on": None,
        "due_on": None,
        "due_date": None,
        "recurrence": None,
        "category": None,
        "parent": None,
        "owner": None,
        "owners": [],
        "created_by": None,
        "created_at": None,
        "updated_at": None,
        "completed_at": None,
        "series": None,
        "slot": None,
        "next": None,
    },
    ItemType.CATEGORY: {
        "name": "",
        "description": "",
        "color": None,
        "owner": None,
        "role": "owner",
        "members": [],
        "ready": True,
        "created_at": None,
        "updated_at": None,
    },
}
"""The fields of a new item until it is received from the server."""


@dataclass(frozen=True, slots=True)
class Item:
    """A task or category as received from the server, with the later local edits applied.

    `version` is the version on the server, or None if the item was not received. `is_pending` is true while such edits
    exist. `data` has all fields as JSON values, including fields that this version of the client does not know. A date
    or time that cannot be read is None.
    """

    type: ClassVar[ItemType]

    id: str
    version: int | None
    data: Mapping[str, Any]
    is_pending: bool = False

    @property
    def description(self) -> str:
        """The text below the title or name."""
        return str(self.data["description"])

    @property
    def created_at(self) -> datetime | None:
        """When the item was created; None until it is received from the server."""
        return self._time("created_at")

    @property
    def updated_at(self) -> datetime | None:
        """When the item last changed; None until it is received from the server."""
        return self._time("updated_at")

    def _day(self, name: str) -> date | None:
        with suppress(KeyError, TypeError, ValueError):
            return date.fromisoformat(self.data[name])
        return None

    def _time(self, name: str) -> datetime | None:
        with suppress(KeyError, TypeError, ValueError):
            time = datetime.fromisoformat(self.data[name])
            return time if time.tzinfo else time.replace(tzinfo=UTC)
        return None


class Task(Item):
    """A task."""

    __slots__ = ()
    type = ItemType.TASK

    @property
    def title(self) -> str:
        """The title."""
        return str(self.data["title"])

    @property
    def priority(self) -> Priority:
        """From 1, low, to 4, urgent."""
        priority: Priority = self.data["priority"]
        return priority

    @property
    def state(self) -> State:
        """The state."""
        state: State = self.data["state"]
        return state

    @property
    def start_on(self) -> date | None:
        """The day before which the task can be ignored."""
        return self._day("start_on")

    @property
    def due_on(self) -> date | None:
        """The day on which the task is due, in every time zone; None if it is due at a moment."""
        return self._day("due_on")

    @property
    def due_date(self) -> datetime | None:
        """The time at which the task is due."""
        return self._time("due_date")

    @property
    def recurrence(self) -> Mapping[str, Any] | None:
        """How the task recurs, with the `start` of the rule; None if it does not."""
        recurrence: Mapping[str, Any] | None = self.data["recurrence"]
        return recurrence

    @property
    def series(self) -> str | None:
        """The id of the first occurrence of a recurring task."""
        return _text(self.data["series"])

    @property
    def slot(self) -> str | None:
        """The day or time of the rule that this occurrence stands for. It stays when the due day is moved."""
        return _text(self.data.get("slot"))  # a row of an earlier version has none

    @property
    def next(self) -> str | None:
        """The id of the next occurrence, which the server has created when it received the completion of this one."""
        return _text(self.data["next"])

    @property
    def category(self) -> str | None:
        """The id of the task's category."""
        category: str | None = self.data["category"]
        return category

    @property
    def parent(self) -> str | None:
        """The id of the task of which this is a subtask."""
        parent: str | None = self.data["parent"]
        return parent

    @property
    def owner(self) -> str | None:
        """The id of the owner; in a shared category, of the category's owner. None until received from the server."""
        return _text(self.data["owner"])

    @property
    def owners(self) -> Sequence[str]:
        """The ids of the owner and of the editors of the task itself; empty until received from the server."""
        owners = self.data["owners"]
        return tuple(owners) if isinstance(owners, list) else ()

    @property
    def created_by(self) -> str | None:
        """The id of the creator. None until the task is received, or if the account was deleted."""
        creator: str | None = self.data["created_by"]
        return creator

    @property
    def completed_at(self) -> datetime | None:
        """When the task was done."""
        return self._time("completed_at")

    @property
    def deleted_at(self) -> datetime | None:
        """When the task was deleted; None unless it was read from the trash."""
        return self._time("deleted_at")

    @property
    def is_overdue(self) -> bool:
        """Whether the due day, in the zone of this device, or the moment has passed and the task is not closed."""
        if self.state in ("done", "cancelled"):
            return False
        if self.due_on is not None:
            return self.due_on < datetime.now().astimezone().date()
        return self.due_date is not None and self.due_date < datetime.now(UTC)


class Category(Item):
    """A category."""

    __slots__ = ()
    type = ItemType.CATEGORY

    @property
    def name(self) -> str:
        """The name."""
        return str(self.data["name"])

    @property
    def color(self) -> str | None:
        """The color as `#rrggbb`."""
        color: str | None = self.data["color"]
        return color

    @property
    def owner(self) -> str | None:
        """The id of the owner; None until the category is received from the server."""
        return _text(self.data["owner"])

    @property
    def role(self) -> str:
        """The user's role: `owner`, `editor` or `viewer`."""
        return str(self.data["role"])

    @property
    def members(self) -> Mapping[str, str]:
        """The roles of the users with whom the category is shared, by user id. The owner is not included."""
        members = self.data["members"]
        return {each["user_id"]: each["role"] for each in members if _is_member(each)} if members else {}

    @property
    def is_ready(self) -> bool:
        """Whether the copy has all tasks of the category. It is false at first after the category was shared."""
        return bool(self.data["ready"])


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _is_member(value: Any) -> bool:
    return isinstance(value, dict) and {"user_id", "role"} <= value.keys()


CLASSES: Mapping[ItemType, type[Task] | type[Category]] = {ItemType.TASK: Task, ItemType.CATEGORY: Category}
