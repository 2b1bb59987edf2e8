"""Calendar rules by the library `python-dateutil`, which finds the days of a year.

Years and periods are counted here. The library looks for the next day until the year 9999, which takes it seconds if
there is none.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import MAXYEAR, date
from functools import lru_cache
from itertools import groupby

from dateutil.rrule import YEARLY, rrule, weekday

from tasktracker.domain.recurrence.ports import LAST_DAY, MAX_YEARS
from tasktracker.domain.recurrence.rule import Frequency, NthWeekday, Rule, Weekday

EACH_MONTH = tuple(range(1, 13))
EACH_WEEKDAY = tuple(NthWeekday(0, day) for day in Weekday)
FORMS = {(calendar.isleap(year), date(year, 1, 1).weekday()): year for year in range(2000, 2028)}
"""A year of each of the 14 forms that years have, by its length and its first weekday."""


class DateutilCalendarRules:
    """Implements CalendarRules. Days are counted as ordinals, which is several times faster than with dates."""

    def days(self, rule: Rule, start: date, begin: date) -> Iterator[date]:
        """Yield the days of the rule from `begin` on."""
        rule = _complete(rule, start)
        first = max(start, begin)
        last_year = min(first.year + MAX_YEARS + 1, LAST_DAY.year)
        # The first week can begin in the year before, and the last one end in the year after.
        years = range(max(first.year - 1, 1), last_year + 2)
        low, high = first.toordinal(), date(last_year, 12, 31).toordinal()
        find = _months if rule.frequency in (Frequency.MONTHLY, Frequency.YEARLY) else _weeks
        for days in find(rule, start, years):
            for day in _at_positions(days, rule.positions):
                if low <= day <= high:
                    yield date.fromordinal(day)


def _complete(rule: Rule, start: date) -> Rule:
    """Return the rule with its missing parts, which it takes from its first day (RFC 5545 §3.3.10)."""
    if rule.weekdays or rule.month_days or rule.frequency is Frequency.DAILY:
        return rule
    if rule.frequency is Frequency.WEEKLY:
        return replace(rule, weekdays=(NthWeekday(0, Weekday(start.weekday())),))
    months = rule.months or ((start.month,) if rule.frequency is Frequency.YEARLY else ())
    return replace(rule, months=months, month_days=(start.day,))


def _at_positions(days: Sequence[int], positions: Sequence[int]) -> Sequence[int]:
    """Return the days of a period at these positions, counted from 1, or from the end if negative."""
    if not positions:
        return days
    indexes = {each - 1 if each > 0 else len(days) + each for each in positions}
    return [days[index] for index in sorted(indexes) if 0 <= index < len(days)]


def _months(rule: Rule, start: date, years: range) -> Iterator[Sequence[int]]:
    """Yield the matching days of each month or year that the interval reaches."""
    size, first_month = (12, 0) if rule.frequency is Frequency.YEARLY else (1, start.month - 1)
    for year in years:
        months = _matching_days(rule, year)
        for month in range(0, 12, size):
            if (12 * (year - start.year) + month - first_month) % (size * rule.interval) == 0:
                yield [day for each in months[month : month + size] for day in each]


def _weeks(rule: Rule, start: date, years: range) -> Iterator[Sequence[int]]:
    """Yield the matching days of each day or week that the interval reaches."""
    size = 7 if rule.frequency is Frequency.WEEKLY else 1
    origin = start.toordinal() - (start.weekday() - rule.week_start) % size
    step = size * rule.interval
    reached = (
        day for year in years for month in _matching_days(rule, year) for day in month if (day - origin) % step < size
    )
    for _, days in groupby(reached, lambda day: (day - origin) // size):
        yield list(days)


def _matching_days(rule: Rule, year: int) -> list[list[int]]:
    """Return the days of each month of a year that match the rule, in any period and at any position."""
    months = rule.months or (EACH_MONTH if rule.frequency is Frequency.MONTHLY else ())
    new_year = date(year, 1, 1)
    form = (calendar.isleap(year), new_year.weekday())
    ordinal = new_year.toordinal()
    return [[ordinal + day for day in month] for month in _matching(months, rule.month_days, rule.weekdays, form)]


@lru_cache(maxsize=256)
def _matching(
    months: tuple[int, ...],
    month_days: tuple[int, ...],
    weekdays: tuple[NthWeekday, ...],
    form: tuple[bool, int],
) -> list[list[int]]:
    """Return the days of each month that match in a year of this form, numbered from 0."""
    if any(each.nth for each in weekdays):
        # The library requires both if some weekdays have a number and some have none: 1MO,FR.
        numbers = range(1, 6 if months else 54)
        weekdays = tuple(NthWeekday(nth, day) for number, day in weekdays for nth in ([number] if number else numbers))
    year = FORMS[form]
    days = rrule(
        YEARLY,
        dtstart=date(year, 1, 1),
        until=date(year, 12, 31),
        interval=MAXYEAR,
        bymonth=months or None,
        bymonthday=month_days or None,
        byweekday=[weekday(each.weekday, each.nth or None) for each in weekdays or EACH_WEEKDAY],
    )
    new_year = date(year, 1, 1).toordinal()
    found: list[list[int]] = [[] for _ in EACH_MONTH]
    for day in days:
        found[day.month - 1].append(day.toordinal() - new_year)
    return found
