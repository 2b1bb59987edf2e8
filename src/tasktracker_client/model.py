"""Edits and their results, and the changes of a feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from tasktracker_client.items import ItemType

MAX_OWN = 100


class Op(StrEnum):
    """What an edit does to an item."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"


class Status(StrEnum):
    """The result of an edit.

    A CONFLICT or a REJECTED edit has changed nothing. Two statuses are for issues only. PARTIAL is an edit that was
    applied without some of its fields. LOST is data or a deletion that a restored backup of the server does not have.
    """

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    MERGED = "merged"
    CONFLICT = "conflict"
    REJECTED = "rejected"
    PARTIAL = "partial"
    LOST = "lost"

    @property
    def is_done(self) -> bool:
        """Whether the server has the edit."""
        return self in (Status.APPLIED, Status.DUPLICATE, Status.MERGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """An edit. Its id makes it idempotent: it is applied once, even if it is sent several times.

    `own` are the ids of earlier edits of the item, by this copy, that were applied since `base_version`. `made_at` is
    the time of the device, in the form of RFC 3339.
    """

    id: str
    type: ItemType
    op: Op
    target: str
    base_version: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    own: Sequence[str] = ()
    made_at: str | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The edit as a JSON object to send."""
        body: dict[str, Any] = {"id": self.id, "type": self.type, "op": self.op, "target": self.target}
        if self.base_version is not None:
            body["base_version"] = self.base_version
        if self.own:
            body["own"] = list(self.own)[-MAX_OWN:]
        if self.made_at is not None:
            body["made_at"] = self.made_at
        if self.data:
            body["data"] = dict(self.data)
        return body


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A field in conflict: its value at the base version (None if not known), here, and on the server."""

    base: Any
    yours: Any
    theirs: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """An edit, or a part of one, that the server does not have. The copy shows the server's values.

    `data` are the values that the server did not accept. `item` is the whole item as it was shown before, or {} if it
    is not known. `problem` explains a rejection. `existing` is the id of the item that prevents the edit, such as the
    category with the same name.
    """

    mutation: str
    type: ItemType
    op: Op
    target: str
    status: Status
    data: Mapping[str, Any]
    conflicts: Mapping[str, FieldConflict] = field(default_factory=dict)
    problem: Mapping[str, Any] | None = None
    existing: str | None = None
    item: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a sent edit, and the version of its item after the edit.

    `dropped` are the fields that the server left out.
    """

    mutation: str
    status: Status
    version: int | None
    conflicts: Mapping[str, FieldConflict] = field(default_factory=dict)
    problem: Mapping[str, Any] | None = None
    existing: str | None = None
    dropped: Sequence[str] = ()

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Result:
        """Parse the server's result for one edit. An edit with an unknown status is kept for the user as rejected."""
        version, problem = answer["version"], answer.get("problem")
        if problem is not None:
            problem = dict(problem)
        try:
            status = Status(answer["status"])
        except ValueError:
            status, problem = Status.REJECTED, problem or {"title": f"The status is {answer['status']!r}"}
        if status.is_done and not isinstance(version, int):
            raise TypeError("an applied edit must have a version")
        conflicts = answer.get("conflicts") or {}
        existing = answer.get("existing") or (problem or {}).get("existing")
        return cls(
            mutation=str(answer["id"]),
            status=status,
            version=version,
            conflicts={
                str(name): FieldConflict(each.get("base"), each.get("yours"), each.get("theirs"))
                for name, each in conflicts.items()
            },
            problem=problem,
            existing=str(existing["id"]) if existing else None,
            dropped=tuple(str(name) for name in answer.get("dropped") or ()),
        )

    def of(self, mutation: Mutation) -> Result:
        """Return the result for this edit. Deleting an item that the user does not have counts as done."""
        if mutation.op is Op.DELETE and self.status is Status.REJECTED and is_not_found(self.problem):
            return replace(self, status=Status.APPLIED, version=mutation.base_version or 0, problem=None)
        return self


def is_not_found(problem: Mapping[str, Any] | None) -> bool:
    """Return whether the problem is that the user does not have the item."""
    return str((problem or {}).get("type")).endswith(("/task-not-found", "/category-not-found"))


@dataclass(frozen=True, slots=True)
class Change:
    """The current state of an item. `data` is None if it was deleted, or if the user may no longer see it."""

    type: ItemType
    id: str
    version: int
    data: Mapping[str, Any] | None
    is_revoked: bool = False

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Change | None:
        """Parse the server's entry for one item. Return None for a type or an operation that is not known."""
        if str(answer["type"]) not in set(ItemType) or answer["op"] not in ("upsert", "delete"):
            return None
        data = answer["data"] if answer["op"] == "upsert" else None
        if answer["op"] == "upsert" and not isinstance(data, Mapping):
            raise TypeError("an upsert must contain the item")
        is_revoked = answer.get("reason") == "access_revoked"
        return cls(ItemType(answer["type"]), str(answer["id"]), int(answer["version"]), data, is_revoked)


@dataclass(frozen=True, slots=True)
class Page:
    """Changes in the order in which to apply them, and the cursor for the next page."""

    changes: Sequence[Change]
    next_cursor: str
    has_more: bool

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Page:
        """Parse an answer of the server."""
        changes = [change for each in answer["changes"] if (change := Change.read(each))]
        return cls(changes, str(answer["next_cursor"]), bool(answer["has_more"]))


@dataclass(slots=True)
class SyncReport:
    """The results of a sync. `partial` are edits that were applied without some of their fields."""

    applied: int = 0
    merged: int = 0
    duplicates: int = 0
    pulled: int = 0
    started_over: bool = False
    conflicts: list[Issue] = field(default_factory=list)
    rejections: list[Issue] = field(default_factory=list)
    partial: list[Issue] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether every edit was accepted as a whole."""
        return not self.conflicts and not self.rejections and not self.partial


@dataclass(frozen=True, slots=True)
class Verification:
    """A comparison of the copy with the server's data. `buckets` are the buckets that differ."""

    count: int
    their_count: int
    buckets: Sequence[str]

    @property
    def is_in_sync(self) -> bool:
        """Whether the copy matches the server."""
        return not self.buckets and self.count == self.their_count
