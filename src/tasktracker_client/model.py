"""What a copy holds, and what becomes of edits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ItemType(StrEnum):
    """What is kept in sync."""

    TASK = "task"
    CATEGORY = "category"


class Op(StrEnum):
    """What an edit does to an item."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"


class Status(StrEnum):
    """What came of an edit. What is in conflict or rejected has changed nothing."""

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
"""What a new item is taken for until the server has told what it is."""


@dataclass(frozen=True, slots=True)
class Item:
    """A task or category as its user sees it: as the server told it, with the edits that it was not told yet.

    `version` is that of the server's; None where the server does not have it. `is_pending` while edits are under way.
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
    """An edit. Its id is made with it, so that it is done once however often it is sent."""

    id: str
    type: ItemType
    op: Op
    target: str
    base_version: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        """The edit as it is sent."""
        body: dict[str, Any] = {"id": self.id, "type": self.type, "op": self.op, "target": self.target}
        if self.base_version is not None:
            body["base_version"] = self.base_version
        if self.data:
            body["data"] = dict(self.data)
        return body


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A field that both sides have changed: before both (None where not known any more), and after each."""

    base: Any
    yours: Any
    theirs: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """An edit that the server did not take: in conflict with others' edits, or rejected for a `problem`.

    The copy shows what the server has. `data` is what was wanted: it can be made an edit again.
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
    """What came of an edit that was sent, and the version at which its item then was."""

    mutation: str
    status: Status
    version: int | None
    conflicts: Mapping[str, FieldConflict] = field(default_factory=dict)
    problem: Mapping[str, Any] | None = None

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Result:
        """Read what the server said of one edit."""
        return cls(
            mutation=answer["id"],
            status=Status(answer["status"]),
            version=answer["version"],
            conflicts={name: FieldConflict(**each) for name, each in answer["conflicts"].items()},
            problem=answer["problem"],
        )


@dataclass(frozen=True, slots=True)
class Change:
    """An item as it is now; gone where `data` is None."""

    type: ItemType
    id: str
    version: int
    data: Mapping[str, Any] | None

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Change:
        """Read what the server said of one item."""
        data = answer["data"] if answer["op"] == "upsert" else None
        if answer["op"] == "upsert" and not isinstance(data, Mapping):
            raise TypeError("an upsert carries the item")
        return cls(ItemType(answer["type"]), answer["id"], int(answer["version"]), data)


@dataclass(frozen=True, slots=True)
class Page:
    """Changes in the order in which they are to be applied, and the cursor to go on from."""

    changes: Sequence[Change]
    next_cursor: str
    has_more: bool

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Page:
        """Read an answer of the server."""
        changes = [Change.read(each) for each in answer["changes"]]
        return cls(changes, str(answer["next_cursor"]), bool(answer["has_more"]))


@dataclass(slots=True)
class SyncReport:
    """What a sync did."""

    applied: int = 0
    merged: int = 0
    duplicates: int = 0
    pulled: int = 0
    started_over: bool = False
    conflicts: list[Issue] = field(default_factory=list)
    rejections: list[Issue] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether every edit was taken."""
        return not self.conflicts and not self.rejections


@dataclass(frozen=True, slots=True)
class Verification:
    """How the copy compares with all that the server has. `buckets` are those that differ."""

    count: int
    their_count: int
    buckets: Sequence[str]

    @property
    def is_in_sync(self) -> bool:
        """Whether both are the same."""
        return not self.buckets and self.count == self.their_count
