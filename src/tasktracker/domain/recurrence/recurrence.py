"""Recurrence of a task: a rule, and the days or moments at which it makes the task due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from itertools import dropwhile, islice
from typing import Annotated

from tasktracker.domain.kernel.fields import Editable, Refused
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


class Anchor(StrEnum):
    """What the next slot is counted from."""

    DUE = "due"
    COMPLETION = "completion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """A rule, the time zone of its days, and `start`, when the task was due as the rule was set.

    Slots are of the same kind as `start`. Moments have its wall-clock time, also after a change of the offset. A time
    that does not exist on a day is read with the offset before the gap, and of one that occurs twice, the first is
    taken (RFC 5545 §3.3.5).
    """

    rule: Annotated[str, Editable(canonical_rule)]
    time_zone: Annotated[str, Editable(known_time_zone)]
    from_: Annotated[Anchor, Editable(Anchor)] = Anchor.DUE
    start: Slot

    def slots(
        self, slot: Slot, now: datetime, calendar: CalendarRules, completed_at: datetime | None = None
    ) -> Iterator[Slot]:
        """Yield the slots after `slot` that are not past: those of today or later, or of this moment or later.

        A rule that counts from completion starts again on the day of `completed_at`, whatever the slot.
        """
        start = self._day(self.start)
        if completed_at is not None and self.from_ is Anchor.COMPLETION:
            start = self._day(completed_at)
            slot = self._at(start)
        earliest = now if isinstance(slot, datetime) else self._day(now)
        begin = max(self._day(slot), self._day(now))
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
        start = self._day(self.start)
        if next(self._slots(start, start, calendar), None) is None:
            raise Refused(f"must have a day within {MAX_YEARS} years, and before UNTIL")

    def _slots(self, start: date, begin: date, calendar: CalendarRules) -> Iterator[Slot]:
        """Yield all slots from the day `begin` on, and some of the days before."""
        rule = Rule.parse(self.rule)
        begin = date.fromordinal(max(begin.toordinal() - MAX_GAP_DAYS, 1))
        days = islice(calendar.days(rule, start, begin if rule.count is None else start), rule.count)
        until = rule.until
        if isinstance(until, datetime) and not isinstance(self.start, datetime):
            until = self._day(until)
        for day in dropwhile(lambda day: day < begin, days):
            slot = self._at(day)
            if until is not None and (slot if isinstance(until, datetime) else day) > until:
                return
            yield slot

    def _day(self, slot: Slot) -> date:
        """Return a day itself, and the day of a moment in the time zone."""
        return self._local(slot).date() if isinstance(slot, datetime) else slot

    def _at(self, day: date) -> Slot:
        """Return the slot of a day."""
        if not isinstance(self.start, datetime):
            return day
        # Without `fold`, the offset is that before a gap, and the first one of an overlap.
        local = datetime.combine(day, self._local(self.start).time().replace(fold=0))
        return local.replace(tzinfo=stored_time_zone(self.time_zone)).astimezone(UTC)

    def _local(self, moment: datetime) -> datetime:
        return min(max(moment, EARLIEST), LATEST).astimezone(stored_time_zone(self.time_zone))
