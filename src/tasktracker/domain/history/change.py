"""A change of a task: who changed which fields from what to what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from tasktracker.domain.kernel.actors import AnyActor, SessionActor, TokenActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.tasks.task import TASK, Task

Value = str | int | bool | date | datetime | UUID | list[str] | None


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
    def of(
        cls, *, id: UUID, action: Action, actor: AnyActor, now: datetime, before: Task | None, after: Task
    ) -> Change:
        """Describe the step from one state of a task to the next."""
        return cls(
            id=id,
            task_id=after.id,
            # As on the task: a clock that went back does not put a change before the one it follows.
            at=now if before is None else max(now, before.updated_at),
            action=action,
            version=after.version,
            actor=actor.user_id,
            session_id=actor.session_id if isinstance(actor, SessionActor) else None,
            token_id=actor.token_id if isinstance(actor, TokenActor) else None,
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
    for name in TASK.names:
        old, new = (getattr(before, name) if before else None), getattr(after, name)
        if old != new:
            changed[name] = FieldChange(old, new)
    if before is not None and before.members != after.members:
        changed["members"] = FieldChange(_members(before), _members(after))
    return changed


def _members(task: Task) -> list[str]:
    return [f"{member.user_id} {member.role}" for member in task.members]
