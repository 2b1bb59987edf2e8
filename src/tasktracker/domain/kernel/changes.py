"""The port by which use cases record what they changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar
from uuid import UUID

from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.versions import Versioned


class Action(StrEnum):
    """What was done. A task is moved by what is done to another that it is under; what that was is in its history."""

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
    """The changes that a piece of work makes to synced items, by its actor and at its moment.

    Every change of such an item is recorded here, and nowhere else: the log writes it to the item's history, where it
    has one, and to the feeds of all users who see the item before or after.
    """

    def record(self, action: Action, before: Item | None, after: Item) -> None:
        """Record the step from one state of an item to the next; `before` is None for a new item."""
        ...

    def record_many(self, action: Action, steps: Iterable[tuple[Item | None, Item]]) -> None:
        """Record many steps of one kind of item, with one statement in place of hundreds."""
        ...

    def record_removal(self, item: Versioned) -> None:
        """Record that an item was removed for good, together with its history."""
        ...

    def deleted_version(self, kind: type[Versioned], item_id: UUID) -> int | None:
        """Return the version at which the actor's item of this id was deleted, None where no such item is known.

        A new item with the id of a deleted one continues from there: versions never go back.
        """
        ...


class ChangingWork(Protocol):
    """Work that changes synced items."""

    @property
    def actor(self) -> Actor: ...
    @property
    def now(self) -> datetime: ...
    @property
    def changes(self) -> ChangeLog: ...
