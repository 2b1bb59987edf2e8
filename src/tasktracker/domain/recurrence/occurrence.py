"""The place of a task in a series of recurring tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from tasktracker.domain.recurrence.recurrence import Slot, slot_of, slot_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """The slot that a task stands for, and the `next` occurrence, which exists once the task was completed.

    All occurrences have the same `series`, the id of the first.

    `untouched` is the version of the task as it was made, or after an edit that was carried over to it. `subtasks` is a
    digest of the subtasks that it was made with. An occurrence with other ones has been changed by a user.
    """

    slot: Slot
    series: UUID
    next: UUID | None = None
    untouched: int | None = None
    subtasks: str = ""

    def to_json(self) -> Mapping[str, Any]:
        """Return the occurrence as a JSON object."""
        ids = {"series": str(self.series), "next": self.next and str(self.next)}
        return {**asdict(self), "slot": slot_text(self.slot), **ids}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Occurrence:
        """Return an occurrence that was stored as a JSON object."""
        next_ = UUID(value["next"]) if value["next"] else None
        return cls(**{**value, "slot": slot_of(value["slot"]), "series": UUID(value["series"]), "next": next_})
