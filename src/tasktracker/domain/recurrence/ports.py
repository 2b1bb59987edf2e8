"""The port for calendar rules."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Protocol

from tasktracker.domain.recurrence.rule import Rule

MAX_YEARS = 100
"""A rule without a day in this number of years has none."""

LAST_DAY = date(9998, 12, 31)
"""The last day of any rule: the next one has a moment in UTC, whatever the time zone."""


class CalendarRules(Protocol):
    """The days of a rule in the calendar, without time and time zone."""

    def days(self, rule: Rule, start: date, begin: date) -> Iterator[date]:
        """Yield the days of the rule from `begin` on, each once and in order.

        `start` is the rule's DTSTART: it numbers the periods for INTERVAL, completes a rule that names no day, and is
        a day of the rule only if it matches. No day is before it. COUNT and UNTIL are ignored. The last day is at most
        MAX_YEARS years after the later of both, and LAST_DAY. The next day, or the end, takes milliseconds to find,
        whatever the rule.
        """
        ...
