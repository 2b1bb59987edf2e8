"""A change of a task: its actor, and the fields with their values before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from tasktracker.domain.kernel.actors import AnyActor, SessionActor, TokenActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.recurrence.recurrence import Recurrence
from tasktracker.domain.tasks.task import TASK, Task

ROOT_CATEGORY = "root_category"
"""The name of the recorded field that says when a task entered or left a shared category. It is not shown."""

Value = str | int | bool | date | datetime | UUID | Recurrence | list[str] | None


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field's value before and after."""

    before: Value
    after: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry of a task's history. `actor` is None if the user's account was removed.

    `at` is when the change was stored. `made_at` is when a device made the change, if the device sent that time.
    """

    id: UUID
    task_id: UUID
    at: datetime
    made_at: datetime | None = None
    action: Action
    version: int
    actor: UUID | None
    session_id: UUID | None
    token_id: UUID | None
    fields: Mapping[str, FieldChange]

    @classmethod
    def of(
        cls,
        *,
        id: UUID,
        action: Action,
        actor: AnyActor,
        now: datetime,
        before: Task | None,
        after: Task,
        made_at: datetime | None = None,
    ) -> Change:
        """Return the change from one state of a task to the next."""
        return cls(
            id=id,
            task_id=after.id,
            # Even if the clock was set back, a change is not earlier than the one before it, like `updated_at` of the
            # task.
            at=now if before is None else max(now, before.updated_at),
            made_at=made_at and plausible(made_at, after, now),
            action=action,
            version=after.version,
            actor=actor.user_id,
            session_id=actor.session_id if isinstance(actor, SessionActor) else None,
            token_id=actor.token_id if isinstance(actor, TokenActor) else None,
            fields=differences(before, after),
        )

    def grants_access(self, user_id: UUID) -> bool:
        """Whether the user became a member by this change."""
        members = self.fields.get("members")
        return members is not None and _is_in(user_id, members.after) and not _is_in(user_id, members.before)

    def gives_to(self, user_id: UUID) -> bool:
        """Whether another user made this user the owner by this change."""
        owner = self.fields.get("owner")
        return owner is not None and str(owner.after) == str(user_id) and self.actor != user_id

    def enters(self, category_id: UUID) -> bool:
        """Whether this change created the task in this category of its root, or moved the task there."""
        entered = self.fields.get(ROOT_CATEGORY)
        return entered is not None and str(entered.after) == str(category_id)

    @property
    def key(self) -> ChangeKey:
        """The sort key in a task's history."""
        return ChangeKey(self.version, self.id)


@dataclass(frozen=True, slots=True, order=True)
class ChangeKey:
    """The sort key of changes, which are listed newest first."""

    version: int
    id: UUID


def differences(before: Task | None, after: Task) -> dict[str, FieldChange]:
    """Return the fields that differ between two states of a task. For a new task, these are the fields with a value."""
    changed = {}
    for name in TASK.names:
        old, new = (getattr(before, name) if before else None), getattr(after, name)
        if old != new:
            changed[name] = FieldChange(old, new)
    if after.list_members or (before is not None and before.list_members):
        old, new = (before.root_category if before else None), after.root_category
        if old != new:
            changed[ROOT_CATEGORY] = FieldChange(old, new)
        if before is not None and before.owner != after.owner:
            changed["owner"] = FieldChange(before.owner, after.owner)
    if before is not None and before.members != after.members:
        changed["members"] = FieldChange(_members(before), _members(after))
    if before is not None and before.completed_at != after.completed_at:
        changed["completed_at"] = FieldChange(before.completed_at, after.completed_at)
    next_before = before.next if before else None
    if next_before != after.next:
        changed["next"] = FieldChange(next_before, after.next)
    if before is None and after.series not in (None, after.id):
        changed["series"] = FieldChange(None, after.series)
    return changed


def plausible(made_at: datetime, task: Task, now: datetime) -> datetime:
    """Return the time at which a device says that it made a change, moved into the life of the task.

    Clocks of devices can be wrong. This is no reason to refuse a change.
    """
    return max(task.created_at, min(made_at, now))


def _is_in(user_id: UUID, members: Value) -> bool:
    return isinstance(members, list) and any(each.startswith(str(user_id)) for each in members)


def _members(task: Task) -> list[str]:
    return [f"{member.user_id} {member.role}" for member in task.members]
