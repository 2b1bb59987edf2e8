"""Mutations: changes that a device made offline, and their outcomes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.errors import DomainError
from tasktracker.domain.sync.ports import PushWork

MAX_MUTATIONS = 100
MAX_OWN = 100


class MutationOp(StrEnum):
    """The operation of a mutation."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"


class Status(StrEnum):
    """The status of a mutation. CONFLICT and REJECTED mean that nothing was changed."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    MERGED = "merged"
    CONFLICT = "conflict"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """An operation on an item. Its id makes it idempotent: it is applied once, even if it is sent several times.

    `base_version` is the version of the item that the device had: only later changes of others can be in conflict. If
    it is None, the base is the earliest version that was made by a mutation of `own`. `own` are the ids of the user's
    earlier mutations of the same item, as far as the device knows them. Their changes are no conflicts. `made_at` is
    when the user made the change, by the clock of the device. `error` is set if the data cannot be read. `fingerprint`
    is a hash of the whole mutation without `own`.
    """

    id: UUID
    fingerprint: bytes
    type: ItemType
    op: MutationOp
    target: UUID
    base_version: int | None = None
    own: Collection[UUID] = ()
    made_at: datetime | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    error: DomainError | None = None


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A field changed by a device and by another: its value before both changes, and after each."""

    base: Any
    yours: Any
    theirs: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of a mutation, and the current version of its item.

    `dropped` are the fields of the mutation that were left out. `made` is the version of the item that the mutation
    made; None if it changed nothing.
    """

    status: Status
    version: int | None = None
    dropped: Sequence[str] = ()
    made: int | None = None
    conflicts: Mapping[str, FieldConflict] = field(default_factory=dict)
    error: DomainError | None = None


class InConflict(Exception):
    """Raised for a mutation in conflict, so that its unit of work is undone."""

    def __init__(self, version: int, conflicts: Mapping[str, FieldConflict]) -> None:
        self.outcome = Outcome(status=Status.CONFLICT, version=version, conflicts=conflicts)


Apply = Callable[[PushWork, Mutation], Outcome]


class Mutations(Protocol):
    """The operations on one type of items. A new synced type needs an entry in the registry of `PushService`."""

    def of(self, op: MutationOp) -> Apply | None:
        """Return the function that applies an operation, or None if the type does not support it."""
        ...
