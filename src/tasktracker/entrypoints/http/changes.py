"""Changes of a feed as JSON, and sync cursors as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from tasktracker.domain.feed.entries import FeedItem, Op, Reason
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.fields import Refused
from tasktracker.domain.kernel.paging import DEFAULT_PAGE
from tasktracker.domain.sync.cursor import SyncCursor
from tasktracker.domain.sync.service import DEFAULT_TYPES, Changes
from tasktracker.entrypoints.http.categories import CategoryView, view_category
from tasktracker.entrypoints.http.core.cursors import Cursors
from tasktracker.entrypoints.http.core.schemas import CursorText, Limit, Moment, Query
from tasktracker.entrypoints.http.notifications import NotificationView, view_notification
from tasktracker.entrypoints.http.reminders import ReminderView, view_reminder
from tasktracker.entrypoints.http.task_schemas import TaskData, view_data


class TaskChange(Struct, tag_field="type", tag=ItemType.TASK.value):
    """The current state of a task. `data` is null if the task was removed."""

    id: UUID
    op: Op
    version: int
    data: TaskData | None
    reason: Reason | None


class CategoryChange(Struct, tag_field="type", tag=ItemType.CATEGORY.value):
    """The current state of a category. `data` is null if the category was removed."""

    id: UUID
    op: Op
    version: int
    data: CategoryView | None
    reason: Reason | None


class ReminderChange(Struct, tag_field="type", tag=ItemType.REMINDER.value):
    """The current state of a reminder. `data` is null if the reminder was removed."""

    id: UUID
    op: Op
    version: int
    data: ReminderView | None
    reason: Reason | None


class NotificationChange(Struct, tag_field="type", tag=ItemType.NOTIFICATION.value):
    """The current state of a notification. `data` is null if the notification was removed."""

    id: UUID
    op: Op
    version: int
    data: NotificationView | None
    reason: Reason | None


AnyChange = TaskChange | CategoryChange | ReminderChange | NotificationChange


class ChangesView(Struct):
    """Changes in the order to apply them, and the cursor to continue from."""

    changes: list[AnyChange]
    next_cursor: str
    has_more: bool
    cursor_valid_until: Moment


def _types(texts: list[str]) -> frozenset[ItemType]:
    names = [name for text in texts for name in text.split(",")]
    try:
        types = frozenset(ItemType(name) for name in names)
    except ValueError:
        types = frozenset()
    if len(types) != len(names):
        raise Refused(f"must be some of {', '.join(sorted(ItemType))}, without duplicates")
    return types


Types = Annotated[
    list[Annotated[str, Meta(extra_json_schema={"enum": sorted(ItemType)})]],
    Meta(
        description=(
            "Only these types of items. The parameter may be repeated, or have several values separated by commas. By "
            "default `task` and `category`. Types that are added later are sent only to clients that name them."
        ),
        extra_json_schema={"minItems": 1, "uniqueItems": True},
    ),
]


class Typed(Query):
    """A filter by types of items."""

    rules = {"types": _types}

    types: Types | UnsetType = UNSET

    @property
    def chosen(self) -> frozenset[ItemType]:
        """The requested types."""
        return DEFAULT_TYPES if self.types is UNSET else self.types  # type: ignore[return-value]  # its rule made it a set


MAX_WAIT = 60


class PullChanges(Typed):
    """Where to continue, and how many changes to return."""

    wait: Annotated[int, Meta(ge=0, le=MAX_WAIT, description="Seconds to wait if there are no changes yet.")] = 0

    cursor: CursorText | UnsetType = UNSET
    limit: Limit = DEFAULT_PAGE


class SyncCursors:
    """Sync cursors as text. Each is valid only for its user and types."""

    def __init__(self, cursors: Cursors) -> None:
        self._cursors = cursors

    def open(self, text: str | UnsetType, actor: Actor, types: frozenset[ItemType]) -> SyncCursor | None:
        """Decode a cursor. Raises InvalidInput."""
        return None if text is UNSET else self._cursors.unseal(str(text), SyncCursor, _context(actor, types))

    def seal(self, cursor: SyncCursor, actor: Actor, types: frozenset[ItemType]) -> str:
        """Encode a cursor."""
        return self._cursors.seal(cursor, _context(actor, types))


def _context(actor: Actor, types: frozenset[ItemType]) -> str:
    return f"{actor.user_id} sync {','.join(sorted(types))}"


VIEWS: Mapping[ItemType, tuple[type[AnyChange], Callable[[Any, UUID], Any]]] = {
    ItemType.TASK: (TaskChange, view_data),
    ItemType.CATEGORY: (CategoryChange, view_category),
    ItemType.REMINDER: (ReminderChange, view_reminder),
    ItemType.NOTIFICATION: (NotificationChange, view_notification),
}
"""For each type of items: the view of a change, and the function that returns the view of the item."""


def view_change(found: FeedItem, actor: Actor) -> AnyChange:
    """Return the representation of a change, with the item as the actor sees it."""
    entry = found.entry
    change, view_item = VIEWS[entry.type]
    data = None if found.item is None else view_item(found.item, actor.user_id)
    return change(id=entry.id, op=entry.op, version=entry.version, reason=entry.reason, data=data)


def view_changes(changes: Changes, actor: Actor, types: frozenset[ItemType], cursors: SyncCursors) -> ChangesView:
    """Return the representation of changes."""
    return ChangesView(
        changes=[view_change(item, actor) for item in changes.items],
        next_cursor=cursors.seal(changes.next, actor, types),
        has_more=changes.has_more,
        cursor_valid_until=changes.valid_until,
    )
