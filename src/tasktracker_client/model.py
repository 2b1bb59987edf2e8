"""Items, edits and their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ItemType(StrEnum):
    """The types of items that are kept in sync."""

    TASK = "task"
    CATEGORY = "category"


class Op(StrEnum):
    """What an edit does to an item."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"


class Status(StrEnum):
    """The result of an edit. A conflict or a rejection has changed nothing."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    MERGED = "merged"
    CONFLICT = "conflict"
    REJECTED = "rejected"

    @property
    def is_done(self) -> bool:
        """Whether the server has the edit."""
        return self in (Status.APPLIED, Status.DUPLICATE, Status.MERGED)


DEFAULTS: Mapping[ItemType, Mapping[str, Any]] = {
    ItemType.TASK: {
        "title": "",
        "description": "",
        "priority": 2,
        "state": "open",
        "start_on": None,
        "due_date": None,
        "category": None,
        "parent": None,
        "owners": [],
        "created_by": None,
        "created_at": None,
        "updated_at": None,
        "completed_at": None,
    },
    ItemType.CATEGORY: {"name": "", "description": "", "color": None, "created_at": None, "updated_at": None},
}
"""The fields of a new item until it is received from the server."""


@dataclass(frozen=True, slots=True)
class Item:
    """A task or category as received from the server, with the local edits applied that it does not include yet.

    `version` is the server's, or None if the item was not received. `is_pending` is true while there are such edits.
    """

    type: ItemType
    id: str
    version: int | None
    data: Mapping[str, Any]
    is_pending: bool = False

    def __getitem__(self, name: str) -> Any:
        return self.data[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """An edit. Its id makes it idempotent: it is applied once, even if it is sent several times."""

    id: str
    type: ItemType
    op: Op
    target: str
    base_version: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        """The edit as a JSON object to send."""
        body: dict[str, Any] = {"id": self.id, "type": self.type, "op": self.op, "target": self.target}
        if self.base_version is not None:
            body["base_version"] = self.base_version
        if self.data:
            body["data"] = dict(self.data)
        return body


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A field in conflict: its value at the base version (None if the server no longer has it), and on each side."""

    base: Any
    yours: Any
    theirs: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """An edit that the server did not accept: in conflict with other edits, or rejected because of a `problem`.

    The copy shows the server's values. `data` are the values of the edit, which can be submitted again.
    """

    mutation: str
    type: ItemType
    op: Op
    target: str
    status: Status
    data: Mapping[str, Any]
    conflicts: Mapping[str, FieldConflict] = field(default_factory=dict)
    problem: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of an edit that was sent, and the version of its item after it."""

    mutation: str
    status: Status
    version: int | None
    conflicts: Mapping[str, FieldConflict] = field(default_factory=dict)
    problem: Mapping[str, Any] | None = None

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Result:
        """Parse the server's result for one edit."""
        return cls(
            mutation=answer["id"],
            status=Status(answer["status"]),
            version=answer["version"],
            conflicts={name: FieldConflict(**each) for name, each in answer["conflicts"].items()},
            problem=answer["problem"],
        )


@dataclass(frozen=True, slots=True)
class Change:
    """The current state of an item. `data` is None if it was deleted."""

    type: ItemType
    id: str
    version: int
    data: Mapping[str, Any] | None

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Change:
        """Parse the server's entry for one item."""
        data = answer["data"] if answer["op"] == "upsert" else None
        if answer["op"] == "upsert" and not isinstance(data, Mapping):
            raise TypeError("an upsert must contain the item")
        return cls(ItemType(answer["type"]), answer["id"], int(answer["version"]), data)


@dataclass(frozen=True, slots=True)
class Page:
    """Changes in the order in which to apply them, and the cursor for the next page."""

    changes: Sequence[Change]
    next_cursor: str
    has_more: bool

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Page:
        """Parse an answer of the server."""
        changes = [Change.read(each) for each in answer["changes"]]
        return cls(changes, str(answer["next_cursor"]), bool(answer["has_more"]))


@dataclass(slots=True)
class SyncReport:
    """The results of a sync."""

    applied: int = 0
    merged: int = 0
    duplicates: int = 0
    pulled: int = 0
    started_over: bool = False
    conflicts: list[Issue] = field(default_factory=list)
    rejections: list[Issue] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether every edit was accepted."""
        return not self.conflicts and not self.rejections


@dataclass(frozen=True, slots=True)
class Verification:
    """A comparison of the copy with the server's data. `buckets` are those that differ."""

    count: int
    their_count: int
    buckets: Sequence[str]

    @property
    def is_in_sync(self) -> bool:
        """Whether the copy matches the server."""
        return not self.buckets and self.count == self.their_count
