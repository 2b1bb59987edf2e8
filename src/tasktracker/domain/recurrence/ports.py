"""The port for calendar rules."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Protocol

from tasktracker.domain.recurrence.rule import Rule

MAX_YEARS = 100
"""If a rule has no day in this number of years, it counts as a rule without days."""

LAST_DAY = date(9998, 12, 31)
"""The last day of any rule. The day after it still has a moment in UTC, in each time zone."""


class CalendarRules(Protocol):
    """The days of a rule in the calendar, without time and time zone."""

    def days(self, rule: Rule, start: date, begin: date) -> Iterator[date]:
        """Yield the days of the rule from `begin` on, each once and in order.

        `start` is the rule's DTSTART. It numbers the periods for INTERVAL, and completes a rule that names no day. No
        day is before `start`, and `start` itself is a day of the rule only if it matches the rule. COUNT and UNTIL are
        ignored. The last day is at most MAX_YEARS years after the later of both, and LAST_DAY. For each rule, the next
        day or the end is found in milliseconds.
        """
        ...
