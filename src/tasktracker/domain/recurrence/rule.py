"""A recurrence rule: the part of an RRULE (RFC 5545 §3.3.10) that chooses days."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

from tasktracker.domain.kernel.fields import Refused

MAX_RULE_LENGTH = 500
MAX_INTERVAL = 1000
MAX_COUNT = 1000
EXAMPLE = "FREQ=WEEKLY;BYDAY=MO,TH"


class Frequency(StrEnum):
    """The period that a rule repeats."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    YEARLY = "YEARLY"


class Weekday(IntEnum):
    """A day of the week, numbered like `date.weekday()`."""

    MO = 0
    TU = 1
    WE = 2
    TH = 3
    FR = 4
    SA = 5
    SU = 6


class NthWeekday(NamedTuple):
    """A weekday of a month or year: the nth one, counted from the end if negative, or each one if 0."""

    nth: int
    weekday: Weekday

    def __str__(self) -> str:
        return f"{self.nth or ''}{self.weekday.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A parsed rule, whose lists are sorted. Its text is canonical: equal rules have the same text.

    `until` is a day, or a moment in UTC.
    """

    frequency: Frequency
    interval: int = 1
    months: tuple[int, ...] = ()
    month_days: tuple[int, ...] = ()
    weekdays: tuple[NthWeekday, ...] = ()
    positions: tuple[int, ...] = ()
    week_start: Weekday = Weekday.MO
    count: int | None = None
    until: date | datetime | None = None

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Return the rule of a text. Raises Refused."""
        if len(text) > MAX_RULE_LENGTH:
            raise Refused(f"must be at most {MAX_RULE_LENGTH} characters long")
        values: dict[str, Any] = {}
        for name, value in _parts(text):
            field, parse = PARTS[name]
            if field in values:
                raise Refused(f"must have {name} only once")
            values[field] = parse(name, value)
        if "frequency" not in values:
            raise Refused(f"must have FREQ, as in {EXAMPLE}")
        rule = cls(**values)
        rule._require_sense()
        return rule

    def __str__(self) -> str:
        parts = {
            "FREQ": self.frequency,
            "INTERVAL": self.interval if self.interval != 1 else "",
            "BYMONTH": _join(self.months),
            "BYMONTHDAY": _join(self.month_days),
            "BYDAY": _join(self.weekdays),
            "BYSETPOS": _join(self.positions),
            "WKST": self.week_start.name if self._depends_on_week_start else "",
            "COUNT": self.count or "",
            "UNTIL": _until_text(self.until) if self.until else "",
        }
        return ";".join(f"{name}={value}" for name, value in parts.items() if value)

    def counted_from(self, day: date) -> Rule:
        """Return the rule for a count of months or years from a day: a shorter month has its last day instead.

        This changes only a rule that names no day, and has one day in each of its periods.
        """
        monthly, yearly = self.frequency is Frequency.MONTHLY, self.frequency is Frequency.YEARLY
        months = self.months or ((day.month,) if yearly else ())
        names_days = self.month_days or self.weekdays or self.positions or (yearly and len(months) > 1)
        if day.day <= SHORTEST_MONTH or names_days or not (monthly or yearly):
            return self
        return replace(self, months=months, month_days=tuple(range(SHORTEST_MONTH, day.day + 1)), positions=(-1,))

    @property
    def _depends_on_week_start(self) -> bool:
        weekly = self.frequency is Frequency.WEEKLY and (self.interval > 1 or bool(self.positions))
        return weekly and self.week_start is not Weekday.MO

    def _require_sense(self) -> None:
        """Refuse parts that contradict one another, or that cannot choose a day."""
        frequency = self.frequency
        if self.count is not None and self.until is not None:
            raise Refused("must not have both COUNT and UNTIL")
        if self.month_days and frequency is Frequency.WEEKLY:
            raise Refused("must not have BYMONTHDAY if FREQ is WEEKLY")
        furthest = max((abs(each.nth) for each in self.weekdays), default=0)
        if furthest and frequency in (Frequency.DAILY, Frequency.WEEKLY):
            raise Refused("must have a number in BYDAY only if FREQ is MONTHLY or YEARLY")
        longest = 5 if frequency is Frequency.MONTHLY or self.months else 53
        if furthest > longest:
            raise Refused(f"must have numbers from 1 to {longest} or from -{longest} to -1 in BYDAY")
        if self.positions and not (self.months or self.month_days or self.weekdays):
            raise Refused("must have BYSETPOS only with BYDAY, BYMONTHDAY or BYMONTH")
        size = PERIOD_SIZES.get(frequency) or len(self.weekdays) or 1
        if any(abs(each) > size for each in self.positions):
            raise Refused(f"must have BYSETPOS from 1 to {size} or from -{size} to -1, for the days of a period")
        if self.months and self.month_days:
            length = max(MONTH_LENGTHS[month - 1] for month in self.months)
            if min(map(abs, self.month_days)) > length:
                raise Refused("must have a day in BYMONTHDAY that a month in BYMONTH has")


def canonical_rule(value: str) -> str:
    """A recurrence rule, in its canonical form."""
    return str(Rule.parse(value))


PERIOD_SIZES = {Frequency.DAILY: 1, Frequency.MONTHLY: 31, Frequency.YEARLY: 366}
SHORTEST_MONTH = 28
MONTH_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

UNTIL = re.compile(r"\d{8}(T\d{6}Z)?", re.ASCII)
WEEKDAY = re.compile(rf"([+-]?(?:0?[1-9]|[1-5][0-9]))?({'|'.join(Weekday.__members__)})")
NUMBER = re.compile(r"[+-]?\d{1,4}", re.ASCII)


def _parts(text: str) -> Iterator[tuple[str, str]]:
    for part in text.upper().split(";"):
        name, equals, value = part.partition("=")
        if not equals or not name.isalnum():
            raise Refused(f"must be a recurrence rule of RFC 5545, as in {EXAMPLE}")
        if name not in PARTS:
            raise Refused(f"must not have {name[:20]}: possible are {', '.join(PARTS)}")
        yield name, value


def _frequency(name: str, value: str) -> Frequency:
    if value not in Frequency.__members__:
        raise Refused(f"must have a {name} of {', '.join(Frequency)}")
    return Frequency(value)


def _weekday(name: str, value: str) -> Weekday:
    if value not in Weekday.__members__:
        raise Refused(f"must have a {name} of {', '.join(Weekday.__members__)}")
    return Weekday[value]


def _weekdays(name: str, value: str) -> tuple[NthWeekday, ...]:
    days = set()
    for each in value.split(","):
        found = WEEKDAY.fullmatch(each)
        if found is None:
            raise Refused(f"must have {name} as weekdays, as in MO,FR or 1MO,-1FR")
        days.add(NthWeekday(int(found[1] or 0), Weekday[found[2]]))
    return tuple(sorted(days, key=lambda day: (_order(day.nth), day.weekday)))


def _until(name: str, value: str) -> date | datetime:
    found = UNTIL.fullmatch(value)
    try:
        if found:
            return datetime.fromisoformat(value) if found[1] else date.fromisoformat(value)
    except ValueError:
        pass  # no such day or hour
    raise Refused(f"must have {name} as a day or a moment in UTC, as in 20261231 or 20261231T225900Z")


def _number(limit: int) -> Callable[[str, str], int]:
    def parse(name: str, value: str) -> int:
        if not NUMBER.fullmatch(value) or not 1 <= int(value) <= limit:
            raise Refused(f"must have {name} from 1 to {limit}")
        return int(value)

    return parse


def _numbers(limit: int, *, negative: bool) -> Callable[[str, str], tuple[int, ...]]:
    lowest = -limit if negative else 1
    allowed = f"from 1 to {limit} or from -{limit} to -1" if negative else f"from 1 to {limit}"

    def parse(name: str, value: str) -> tuple[int, ...]:
        texts = value.split(",")
        numbers = {int(each) for each in texts if NUMBER.fullmatch(each)}
        if not all(map(NUMBER.fullmatch, texts)) or not all(lowest <= each <= limit and each for each in numbers):
            raise Refused(f"must have {name} as numbers {allowed}")
        return tuple(sorted(numbers, key=_order))

    return parse


def _order(number: int) -> tuple[bool, int]:
    """The order of numbers in a list. Numbers that count from the end come last."""
    return number < 0, number


def _join(values: Collection[object]) -> str:
    return ",".join(map(str, values))


def _until_text(until: date) -> str:
    text = until.isoformat().replace("-", "").replace(":", "")
    return text.replace("+0000", "Z")


PARTS: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    "FREQ": ("frequency", _frequency),
    "INTERVAL": ("interval", _number(MAX_INTERVAL)),
    "BYMONTH": ("months", _numbers(12, negative=False)),
    "BYMONTHDAY": ("month_days", _numbers(31, negative=True)),
    "BYDAY": ("weekdays", _weekdays),
    "BYSETPOS": ("positions", _numbers(366, negative=True)),
    "WKST": ("week_start", _weekday),
    "COUNT": ("count", _number(MAX_COUNT)),
    "UNTIL": ("until", _until),
}
"""The parts of a rule: the field of each, and the function that reads it."""
