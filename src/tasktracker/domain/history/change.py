"""A change of a task: who changed which fields from what to what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tasktracker.domain.kernel.actors import Actor, SessionActor
from tasktracker.domain.tasks.task import Priority, State, Task

Value = str | int | bool | datetime | UUID | list[str] | None

TRACKED = ("title", "description", "priority", "state", "due_date", "category", "parent")
"""The fields whose changes are told, and can be undone."""


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


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field's value before and after."""

    before: Value
    after: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry of a task's history. `actor` is None for somebody whose account is gone."""

    id: UUID
    task_id: UUID
    at: datetime
    action: Action
    version: int
    actor: UUID | None
    session_id: UUID | None
    token_id: UUID | None
    fields: Mapping[str, FieldChange]

    @classmethod
    def of(cls, *, id: UUID, action: Action, actor: Actor, now: datetime, before: Task | None, after: Task) -> Change:
        """Describe the step from one state of a task to the next."""
        return cls(
            id=id,
            task_id=after.id,
            at=now,
            action=action,
            version=after.version,
            actor=actor.user_id,
            session_id=actor.session_id if isinstance(actor, SessionActor) else None,
            token_id=None if isinstance(actor, SessionActor) else actor.token_id,
            fields=differences(before, after),
        )

    @property
    def key(self) -> ChangeKey:
        """Its place in a task's history."""
        return ChangeKey(self.version, self.id)


@dataclass(frozen=True, slots=True, order=True)
class ChangeKey:
    """The order of a history: the newest first."""

    version: int
    id: UUID


def differences(before: Task | None, after: Task) -> dict[str, FieldChange]:
    """Return what differs between two states of a task; from nothing, only what is not empty."""
    changed = {}
    for name in TRACKED:
        old, new = (getattr(before, name) if before else None), getattr(after, name)
        if old != new:
            changed[name] = FieldChange(old, new)
    if before is not None and before.members != after.members:
        changed["members"] = FieldChange(_members(before), _members(after))
    return changed


def _members(task: Task) -> list[str]:
    return [f"{member.user_id} {member.role}" for member in task.members]


FIELD_TYPES: Mapping[str, type] = {
    "title": str,
    "description": str,
    "priority": Priority,
    "state": State,
    "due_date": datetime,
    "category": UUID,
    "parent": UUID,
}
"""How a tracked field's value is read back from where a history is kept."""
