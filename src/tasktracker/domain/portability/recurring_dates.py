"""Recurring dates of Todoist, in English and German, if a text has only one meaning."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from tasktracker.domain.portability import dates
from tasktracker.domain.recurrence.ports import CalendarRules
from tasktracker.domain.recurrence.recurrence import Anchor, Recurrence
from tasktracker.domain.recurrence.rule import Frequency, Weekday, canonical_rule


@dataclass(frozen=True, slots=True)
class RecurringDate:
    """A rule, a time of day, and the day from which the rule is counted."""

    rule: str
    from_: Anchor
    at: time | None
    start: date | None


@dataclass(frozen=True, slots=True)
class Today:
    """The time of an import, and the calendar."""

    now: datetime
    calendar: CalendarRules

    def due(self, recurring: RecurringDate, zone: ZoneInfo) -> tuple[Recurrence, date] | None:
        """Return the recurrence of a date in a time zone, and when it makes a task due; None if that is never."""
        start: date = recurring.start or self.now.astimezone(zone).date()
        if recurring.at is not None:
            start = datetime.combine(start, recurring.at, zone).astimezone(UTC)
        found = Recurrence(rule=recurring.rule, time_zone=zone.key, from_=recurring.from_, start=start)
        due = found.next_after(found.moved(start, -1), self.now, self.calendar)
        # Without a day to count from, the rule starts when the task is due.
        return None if due is None else (found if recurring.start else replace(found, start=due), due)


@dataclass(frozen=True, slots=True)
class _Language:
    """Patterns of words. `weekdays` has the names from Monday on, with their abbreviations after a slash."""

    every: str
    day: str
    workday: str
    last_day: str
    ordinal: str
    both: str
    starting: str
    until: str
    units: Mapping[str, Frequency]
    weekdays: str

    def weekday(self, name: str) -> str:
        """Return the abbreviation of RFC 5545. Raises ValueError."""
        names = [each.split("/") for each in self.weekdays.split()]
        return Weekday(next((number for number, known in enumerate(names) if name in known), -1)).name


LANGUAGES = {
    "en": _Language(
        every="every|ev",
        day="day",
        workday="weekday|workday",
        last_day="last day",
        ordinal="st|nd|rd|th",
        both="and",
        starting="starting|from",
        until="until|ending",
        units={"day": Frequency.DAILY, "week": Frequency.WEEKLY, "month": Frequency.MONTHLY, "year": Frequency.YEARLY},
        weekdays="monday/mon tuesday/tue/tues wednesday/wed thursday/thu/thurs friday/fri saturday/sat sunday/sun",
    ),
    "de": _Language(
        every="jeden|jede|jedes|alle",
        day="tag",
        workday="",  # "Wochentag" may mean any day
        last_day="letzten tag",
        ordinal=r"\.",
        both="und",
        starting="ab|beginnend am",
        until="bis",
        units={
            "tage": Frequency.DAILY,
            "wochen": Frequency.WEEKLY,
            "monate": Frequency.MONTHLY,
            "jahre": Frequency.YEARLY,
        },
        weekdays="montag/mo dienstag/di mittwoch/mi donnerstag/do freitag/fr samstag/sa sonntag/so",
    ),
}
_TIME = rf"(?=\d{{1,2}}(?::|\s*[ap]m)){dates.TIME}"  # a number alone may be a day


def read(text: str, language: str) -> RecurringDate | None:
    """Return the recurring date that a text means, or None if it may mean several, or no one.

    A rule with an interval, as "every 3 days", needs a day from which it is counted.
    """
    code = dates.language_code(language)
    words = LANGUAGES.get(code)
    if words is None or len(text) > dates.MAX_LENGTH:
        return None
    found = re.fullmatch(
        rf"(?:{words.every})(?P<completion>!)?\s+(?P<what>.+?)(?:{dates.AT}{_TIME})?"
        rf"(?:\s+(?:{words.starting})\s+(?P<start>.+?))?(?:\s+(?:{words.until})\s+(?P<until>.+))?",
        unicodedata.normalize("NFC", text.casefold().strip()),
    )
    if found is None:
        return None
    parts = found.groupdict()
    with suppress(ValueError):  # also Refused
        start, until = (_day(parts[name], language) for name in ("start", "until"))
        rule = _rule(parts["what"], words, code, start)
        if until is not None:
            rule += f";UNTIL={until:%Y%m%d}"
        anchor = Anchor.COMPLETION if parts["completion"] else Anchor.DUE
        return RecurringDate(canonical_rule(rule), anchor, dates.time_of(parts), start)
    return None


def _rule(what: str, words: _Language, code: str, start: date | None) -> str:
    """Return the rule of what follows "every". Raises ValueError."""
    if what == words.day:
        return "FREQ=DAILY"
    if re.fullmatch(words.workday, what):
        return "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"
    if what == words.last_day:
        return "FREQ=MONTHLY;BYMONTHDAY=-1"
    each = re.split(rf"\s*,\s*|\s+(?:{words.both})\s+", what)
    days = [re.fullmatch(rf"(\d{{1,2}})(?:{words.ordinal})", one) for one in each]
    if all(days):
        return f"FREQ=MONTHLY;BYMONTHDAY={','.join(day[1] for day in days if day)}"
    if counted := re.fullmatch(rf"(\d{{1,3}})\s+({'|'.join(words.units)})s?", what):
        if start is None:
            raise ValueError(what)
        return f"FREQ={words.units[counted[2]]};INTERVAL={counted[1]}"
    if month := _month_and_day(what, words, code):
        return f"FREQ=YEARLY;BYMONTH={month[0]};BYMONTHDAY={month[1]}"
    return f"FREQ=WEEKLY;BYDAY={','.join(words.weekday(one) for one in each)}"


def _month_and_day(what: str, words: _Language, code: str) -> Sequence[int] | None:
    day, name = rf"(?P<day>\d{{1,2}})(?:{words.ordinal})?", r"(?P<name>[^\W\d_]{3,})\.?"
    found = re.fullmatch(rf"{day}\s+{name}", what)
    if found is None and code == "en":
        found = re.fullmatch(rf"{name}\s+{day}", what)
    months = dates.months_named(found["name"], code) if found else []
    return (months[0], int(found["day"])) if found and months else None


def _day(text: str | None, language: str) -> date | None:
    """Return the day of a text. Raises ValueError if it is not exactly one."""
    if text is None:
        return None
    (day,) = (each for each in dates.read(text, language) if not isinstance(each, datetime))
    return day
