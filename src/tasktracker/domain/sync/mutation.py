"""What a device did while nobody could be told, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.errors import DomainError
from tasktracker.domain.sync.ports import PushWork

MAX_MUTATIONS = 100


class MutationOp(StrEnum):
    """What was done to an item."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"


class Status(StrEnum):
    """The result of a mutation. A mutation that is in conflict or rejected has changed nothing."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    MERGED = "merged"
    CONFLICT = "conflict"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """Something done to an item, under an id by which it is done once however often it is sent.

    `base_version` is that of the item as the device knew it: only what others have changed since can be in conflict
    with it. `error` is why its data cannot be read, where it cannot. `fingerprint` stands for all of it.
    """

    id: UUID
    fingerprint: bytes
    type: ItemType
    op: MutationOp
    target: UUID
    base_version: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    error: DomainError | None = None


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A field that a device and somebody else have changed: its value before both, and after each."""

    base: Any
    yours: Any
    theirs: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a mutation, and the current version of its item."""

    status: Status
    version: int | None = None
    conflicts: Mapping[str, FieldConflict] = field(default_factory=dict)
    error: DomainError | None = None


class InConflict(Exception):
    """Undoes the work of a mutation that is in conflict."""

    def __init__(self, version: int, conflicts: Mapping[str, FieldConflict]) -> None:
        self.outcome = Outcome(status=Status.CONFLICT, version=version, conflicts=conflicts)


Apply = Callable[[PushWork, Mutation], Outcome]


class Mutations(Protocol):
    """The operations on one type of items. Adding a synced type is one entry in the registry of `PushService`."""

    def of(self, op: MutationOp) -> Apply | None:
        """Return what applies an operation, None where the type has no such operation."""
        ...
