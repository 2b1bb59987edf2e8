"""Recurrence of a task: a rule, and the days or moments at which it makes the task due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any, TypedDict, cast

from tasktracker.domain.kernel.errors import FieldError
from tasktracker.domain.kernel.fields import Editable, EditableFields, Refused, moment
from tasktracker.domain.kernel.time_zones import known_time_zone, stored_time_zone
from tasktracker.domain.recurrence.ports import MAX_YEARS, CalendarRules
from tasktracker.domain.recurrence.rule import Rule, canonical_rule

Slot = date | datetime
"""When a recurring task is due: a day, or a moment in UTC."""

MAX_GAP_DAYS = 1
"""A gap in local time moves a slot to a later day than that of the rule, by at most this."""

# All zones have a local time for moments between these.
EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)

NOT_DUE = FieldError("recurrence", "requires due_on or due_date")
SUBTASK = FieldError("recurrence", "cannot be set for a subtask")
NO_PARENT = FieldError("parent", "cannot be set for a recurring task")
HAS_NEXT = FieldError("recurrence", "has moved to the next occurrence")


class Anchor(StrEnum):
    """What the next slot is counted from."""

    DUE = "due"
    COMPLETION = "completion"


class RecurrenceFields(TypedDict):
    """The fields of a recurrence that users set."""

    rule: str
    time_zone: str
    from_: Anchor
    start: Slot | None


def checked_start(value: Slot | str | None) -> Slot | None:
    """When a rule starts, which may be text."""
    try:
        slot = slot_of(value) if isinstance(value, str) else value
    except ValueError:
        raise Refused("must be a day, as in 2026-01-31, or a time with a UTC offset") from None
    return moment(slot) if isinstance(slot, datetime) else slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """A rule, the time zone of its days, and the day or moment `start`, from which its days are counted.

    Unless a user sets it, `start` is when the task was due when it got the rule. It is None until a task has the
    recurrence.

    Slots are of the same kind as `start`. Moments have its wall-clock time, also after a change of the offset. A time
    that does not exist on a day is read with the offset before the gap, and of one that occurs twice, the first is
    taken (RFC 5545 §3.3.5).
    """

    rule: Annotated[str, Editable(canonical_rule)]
    time_zone: Annotated[str, Editable(known_time_zone)]
    from_: Annotated[Anchor, Editable(Anchor)] = Anchor.DUE
    start: Annotated[Slot | None, Editable(checked_start)] = None

    def slots(
        self, slot: Slot, now: datetime, calendar: CalendarRules, completed_at: datetime | None = None
    ) -> Iterator[Slot]:
        """Yield the slots after `slot` that are not past: those of today or later, or of this moment or later.

        A rule that counts from completion starts again on the day of `completed_at`, whatever the slot.
        """
        start = self.day(self.first)
        if completed_at is not None and self.from_ is Anchor.COMPLETION:
            start = self.day(completed_at)
            slot = self.slot_on(start)
        earliest = now if isinstance(slot, datetime) else self.day(now)
        begin = max(self.day(slot), self.day(now))
        for each in self._slots(start, begin, calendar):
            if each > slot and each >= earliest:
                yield each
                slot = each  # two days can have the same moment, if the zone leaves out a day

    def next_after(
        self, slot: Slot, now: datetime, calendar: CalendarRules, completed_at: datetime | None = None
    ) -> Slot | None:
        """Return the first of the `slots`, or None if the recurrence has ended."""
        return next(self.slots(slot, now, calendar, completed_at), None)

    def require_slot(self, calendar: CalendarRules) -> None:
        """Refuse a recurrence that cannot make a task due: for new values."""
        if self.from_ is Anchor.COMPLETION and Rule.parse(self.rule).count is not None:
            raise Refused("must not have COUNT if it is from completion")
        start = self.day(self.first)
        if next(self._slots(start, start, calendar), None) is None:
            raise Refused(f"must have a day within {MAX_YEARS} years, and before UNTIL")

    def like(self, other: Recurrence | None) -> Recurrence:
        """Return the other recurrence if this one has no start and differs in nothing else, or this one."""
        is_same = self.start is None and other is not None and replace(self, start=other.start) == other
        return other if is_same and other else self

    def of_kind(self, due: Slot) -> Recurrence:
        """Return the recurrence with a start of the same kind as `due`: of the same day and, for a moment, its time."""
        start = self.first
        if isinstance(start, datetime) == isinstance(due, datetime):
            return self
        day = self.day(start)
        return replace(self, start=self._moment(day, self._local(due).time()) if isinstance(due, datetime) else day)

    def slot_on(self, day: date) -> Slot:
        """Return the slot of a day: the day itself, or the moment at the time of day of the start."""
        return self._moment(day, self._local(self.first).time()) if isinstance(self.first, datetime) else day

    def day(self, slot: Slot) -> date:
        """Return a day itself, and the day of a moment in the time zone."""
        return self._local(slot).date() if isinstance(slot, datetime) else slot

    def moved(self, slot: Slot, days: int) -> Slot:
        """Return a day or moment moved by a number of days. A moment keeps its wall-clock time."""
        day = date.fromordinal(min(max(self.day(slot).toordinal() + days, 1), date.max.toordinal()))
        return self._moment(day, self._local(slot).time()) if isinstance(slot, datetime) else day

    def _slots(self, start: date, begin: date, calendar: CalendarRules) -> Iterator[Slot]:
        """Yield all slots from the day `begin` on, and some of the days before."""
        rule = Rule.parse(self.rule)
        if self.from_ is Anchor.COMPLETION:
            rule = rule.counted_from(start)
        begin = date.fromordinal(max(begin.toordinal() - MAX_GAP_DAYS, 1))
        days = islice(calendar.days(rule, start, begin if rule.count is None else start), rule.count)
        until = rule.until
        if isinstance(until, datetime) and not isinstance(self.first, datetime):
            until = self.day(until)
        for day in days:
            slot = self.slot_on(day)
            if until is not None and (slot if isinstance(until, datetime) else day) > until:
                return
            yield slot

    @property
    def first(self) -> Slot:
        """The start of the recurrence of a task."""
        assert self.start is not None, "the recurrence of a task has a start"
        return self.start

    def _moment(self, day: date, at: time) -> datetime:
        """Return the moment of a local time."""
        # Without `fold`, the offset is that before a gap, and the first one of an overlap.
        local = datetime.combine(min(max(day, EARLIEST.date()), LATEST.date()), at.replace(fold=0))
        return local.replace(tzinfo=stored_time_zone(self.time_zone)).astimezone(UTC)

    def _local(self, moment: datetime) -> datetime:
        return min(max(moment, EARLIEST), LATEST).astimezone(stored_time_zone(self.time_zone))


RECURRENCE = EditableFields[RecurrenceFields](Recurrence)


def checked_recurrence(value: Recurrence) -> Recurrence:
    """A recurrence in canonical form."""
    return replace(value, **RECURRENCE.check(cast(RecurrenceFields, RECURRENCE.of(value))))


def to_json(value: Recurrence) -> Mapping[str, Any]:
    """Return a recurrence as a JSON object."""
    start = None if value.start is None else slot_text(value.start)
    return {"rule": value.rule, "time_zone": value.time_zone, "from": value.from_, "start": start}


def plain(value: object) -> object:
    """Return a recurrence as a JSON object, and any other value unchanged."""
    return to_json(value) if isinstance(value, Recurrence) else value


def from_json(value: Mapping[str, Any]) -> Recurrence:
    """Return a recurrence that was stored as a JSON object."""
    start = None if value["start"] is None else slot_of(value["start"])
    return Recurrence(rule=value["rule"], time_zone=value["time_zone"], from_=Anchor(value["from"]), start=start)


def slot_text(slot: Slot) -> str:
    """Return a slot as text, in the form of RFC 3339."""
    return slot.isoformat().replace("+00:00", "Z")


def slot_of(text: str) -> Slot:
    """Return the slot of a text."""
    return date.fromisoformat(text) if len(text) == len("2026-01-31") else datetime.fromisoformat(text)
