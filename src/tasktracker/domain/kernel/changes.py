"""The port through which use cases record their changes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar
from uuid import UUID

from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.versions import Versioned


class Action(StrEnum):
    """The kind of a change.

    MOVE is a change of a task that follows from another change: of a task above it, of its owner, or the deletion of
    its category.
    """

    CREATE = "create"
    EDIT = "edit"
    MOVE = "move"
    UNDO = "undo"
    TRASH = "trash"
    RESTORE = "restore"
    SHARE = "share"
    UNSHARE = "unshare"


Item = TypeVar("Item", bound=Versioned)


class ChangeLog(Protocol):
    """Records the changes of one unit of work to synced items, with its actor and its time.

    Every change of a synced item is recorded here, and nowhere else. The log writes it to the item's history, if the
    item has one, and to the feeds of all users who see the item before or after the change.
    """

    def record(self, action: Action, before: Item | None, after: Item, on_behalf_of: UUID | None = None) -> None:
        """Record a change of an item; `before` is None for a new item.

        If the service acts `on_behalf_of` a user, the history names that user.
        """
        ...

    def record_many(self, action: Action, steps: Iterable[tuple[Item | None, Item]]) -> None:
        """Record many changes (before, after) of items of one type, in one statement."""
        ...

    def record_removal(self, item: Versioned) -> None:
        """Record that an item was permanently removed, together with its history."""
        ...

    def record_succession(self, before: Item, after: Item) -> None:
        """Record that a task takes the place of another, as the next occurrence or again: its reminders go there.

        Both are stored. Those before the due date go; those at a moment stay.
        """
        ...

    def deleted_version(self, kind: type[Versioned], item_id: UUID) -> int | None:
        """Return the version at which the actor's item with this id was deleted, or None if none is recorded.

        A new item that reuses the id continues from that version: versions never decrease.
        """
        ...


class ChangingWork(Protocol):
    """A unit of work that changes synced items."""

    @property
    def actor(self) -> Actor: ...
    @property
    def now(self) -> datetime: ...
    @property
    def changes(self) -> ChangeLog: ...
