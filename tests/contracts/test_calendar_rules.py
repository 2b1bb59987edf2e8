"""What every implementation of calendar rules guarantees. The examples are those of RFC 5545 §3.8.5.3, as days."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktracker.domain.recurrence.ports import LAST_DAY, MAX_YEARS, CalendarRules
from tasktracker.domain.recurrence.rule import Frequency, NthWeekday, Rule, Weekday
from tests.fakes import CALENDAR
from tests.strategies import examples, rule_texts

START = date(1997, 9, 2)  # a Tuesday
DAYS = st.dates(date(1990, 1, 1), date(2060, 12, 31))


@pytest.fixture(scope="module")
def calendar() -> CalendarRules:
    return CALENDAR


def texts(calendar: CalendarRules, rule: str, start: date, number: int) -> list[str]:
    return [day.isoformat() for day in islice(calendar.days(Rule.parse(rule), start, start), number)]


@pytest.mark.parametrize(
    ("rule", "start", "days"),
    [
        ("FREQ=DAILY", START, "1997-09-02 1997-09-03 1997-09-04"),
        ("FREQ=DAILY;INTERVAL=10", START, "1997-09-02 1997-09-12 1997-09-22 1997-10-02 1997-10-12"),
        ("FREQ=DAILY;BYMONTH=1", date(1998, 1, 30), "1998-01-30 1998-01-31 1999-01-01"),
        ("FREQ=WEEKLY", START, "1997-09-02 1997-09-09 1997-09-16"),
        ("FREQ=WEEKLY;INTERVAL=2;WKST=SU", START, "1997-09-02 1997-09-16 1997-09-30 1997-10-14"),
        ("FREQ=WEEKLY;WKST=SU;BYDAY=TU,TH", START, "1997-09-02 1997-09-04 1997-09-09 1997-09-11"),
        (
            "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=MO,WE,FR",
            date(1997, 9, 1),
            "1997-09-01 1997-09-03 1997-09-05 1997-09-15 1997-09-17 1997-09-19 1997-09-29",
        ),
        ("FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=TU,TH", START, "1997-09-02 1997-09-04 1997-09-16 1997-09-18"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=MO", date(1997, 8, 5), "1997-08-05 1997-08-10 1997-08-19 1997-08-24"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU", date(1997, 8, 5), "1997-08-05 1997-08-17 1997-08-19 1997-08-31"),
        ("FREQ=MONTHLY;BYDAY=1FR", date(1997, 9, 5), "1997-09-05 1997-10-03 1997-11-07 1997-12-05"),
        (
            "FREQ=MONTHLY;INTERVAL=2;BYDAY=1SU,-1SU",
            date(1997, 9, 7),
            "1997-09-07 1997-09-28 1997-11-02 1997-11-30 1998-01-04 1998-01-25",
        ),
        ("FREQ=MONTHLY;BYDAY=-2MO", date(1997, 9, 22), "1997-09-22 1997-10-20 1997-11-17 1997-12-22"),
        ("FREQ=MONTHLY;BYMONTHDAY=-3", date(1997, 9, 28), "1997-09-28 1997-10-29 1997-11-28 1997-12-29"),
        ("FREQ=MONTHLY;BYMONTHDAY=2,15", START, "1997-09-02 1997-09-15 1997-10-02 1997-10-15"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,-1", date(1997, 9, 30), "1997-09-30 1997-10-01 1997-10-31 1997-11-01 1997-11-30"),
        (
            "FREQ=MONTHLY;INTERVAL=18;BYMONTHDAY=10,11,12,13,14,15",
            date(1997, 9, 10),
            "1997-09-10 1997-09-11 1997-09-12 1997-09-13 1997-09-14 1997-09-15 1999-03-10",
        ),
        (
            "FREQ=MONTHLY;INTERVAL=2;BYDAY=TU",
            START,
            "1997-09-02 1997-09-09 1997-09-16 1997-09-23 1997-09-30 1997-11-04",
        ),
        ("FREQ=YEARLY;BYMONTH=6,7", date(1997, 6, 10), "1997-06-10 1997-07-10 1998-06-10 1998-07-10"),
        ("FREQ=YEARLY;INTERVAL=2;BYMONTH=1,2,3", date(1997, 3, 10), "1997-03-10 1999-01-10 1999-02-10 1999-03-10"),
        ("FREQ=YEARLY;BYDAY=20MO", date(1997, 5, 19), "1997-05-19 1998-05-18 1999-05-17"),
        ("FREQ=YEARLY;BYMONTH=3;BYDAY=TH", date(1997, 3, 13), "1997-03-13 1997-03-20 1997-03-27 1998-03-05"),
        # The next two start on a day that does not match.
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", START, "1998-02-13 1998-03-13 1998-11-13 1999-08-13 2000-10-13"),
        ("FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13", date(1997, 9, 13), "1997-09-13 1997-10-11 1997-11-08"),
        (
            "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
            date(1996, 11, 5),
            "1996-11-05 2000-11-07 2004-11-02",
        ),
        ("FREQ=MONTHLY;BYDAY=TU,WE,TH;BYSETPOS=3", date(1997, 9, 4), "1997-09-04 1997-10-07 1997-11-06"),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2", date(1997, 9, 29), "1997-09-29 1997-10-30 1997-11-27"),
        ("FREQ=MONTHLY;BYMONTHDAY=15,30", date(2007, 1, 15), "2007-01-15 2007-01-30 2007-02-15 2007-03-15 2007-03-30"),
        # These are not in the RFC.
        ("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=1", date(1997, 9, 3), "1997-09-08 1997-09-15"),
        ("FREQ=WEEKLY;BYDAY=MO,FR;BYSETPOS=1", date(2027, 1, 1), "2027-01-04 2027-01-11"),
        ("FREQ=YEARLY;BYDAY=FR,20MO", date(1997, 5, 19), "1997-05-19 1997-05-23 1997-05-30"),
        ("FREQ=YEARLY;BYDAY=FR,20MO", date(2027, 12, 25), "2027-12-31 2028-01-07"),
        (
            "FREQ=YEARLY;BYMONTH=12;BYDAY=SU,1MO",
            date(2023, 12, 4),
            "2023-12-04 2023-12-10 2023-12-17 2023-12-24 2023-12-31",
        ),
        ("FREQ=DAILY;BYDAY=MO,TU;BYSETPOS=1", START, "1997-09-02 1997-09-08 1997-09-09"),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=2,9", START, "1997-09-02 1997-09-11 1997-10-02 1997-10-13"),
        ("FREQ=MONTHLY", date(2026, 1, 31), "2026-01-31 2026-03-31 2026-05-31"),
        ("FREQ=YEARLY", date(2024, 2, 29), "2024-02-29 2028-02-29 2032-02-29"),
    ],
)
def test_a_rule_has_the_days_of_the_rfc(calendar: CalendarRules, rule: str, start: date, days: str) -> None:
    expected = days.split()
    assert texts(calendar, rule, start, len(expected)) == expected


def naive_days(rule: Rule, start: date, years: int) -> list[date]:
    """Return the days of a rule by checking each day separately, with the standard library only."""
    first = start - timedelta(days=(start.weekday() - rule.week_start) % 7)
    plain = not (rule.weekdays or rule.month_days)
    chosen: dict[int, list[date]] = {}
    for offset in range(-366, 366 * years):
        day = start + timedelta(days=offset)
        last = (date(day.year + day.month // 12, day.month % 12 + 1, 1) - timedelta(days=1)).day
        days_in_year = date(day.year, 12, 31).timetuple().tm_yday
        yearly = rule.frequency is Frequency.YEARLY and not rule.months
        number, length = (day.timetuple().tm_yday, days_in_year) if yearly else (day.day, last)
        nths = (0, (number - 1) // 7 + 1, -((length - number) // 7 + 1))
        number_of_period = {
            Frequency.DAILY: offset,
            Frequency.WEEKLY: (day - first).days // 7,
            Frequency.MONTHLY: 12 * (day.year - start.year) + day.month - start.month,
            Frequency.YEARLY: day.year - start.year,
        }[rule.frequency]
        matches = (
            number_of_period % rule.interval == 0
            and (not rule.months or day.month in rule.months)
            and (not rule.month_days or day.day in rule.month_days or day.day - last - 1 in rule.month_days)
            and (not rule.weekdays or any(NthWeekday(nth, Weekday(day.weekday())) in rule.weekdays for nth in nths))
        )
        if plain and rule.frequency is Frequency.WEEKLY:
            matches &= day.weekday() == start.weekday()
        if plain and rule.frequency in (Frequency.MONTHLY, Frequency.YEARLY):
            matches &= day.day == start.day
        if plain and yearly:
            matches &= day.month == start.month
        if matches:
            chosen.setdefault(number_of_period, []).append(day)
    for period, days in chosen.items():
        if rule.positions:
            at = {each - 1 if each > 0 else len(days) + each for each in rule.positions}
            chosen[period] = [day for index, day in enumerate(days) if index in at]
    return [day for days in chosen.values() for day in days if day >= start]


@examples(20)
@given(rule_texts(), DAYS)
def test_the_days_are_those_that_match_one_by_one(text: str, start: date) -> None:
    rule = Rule.parse(text)
    end = date(start.year + 2, 1, 1)  # before the last period that the naive days contain
    expected = [day for day in naive_days(rule, start, 4) if day < end]
    found = []
    for day in CALENDAR.days(rule, start, start):
        if day >= end:
            break
        found.append(day)
    assert found == expected


@examples(20)
@given(rule_texts(), DAYS, st.integers(-500, 5000))
def test_days_from_a_later_day_on_are_the_later_ones_of_all(text: str, start: date, offset: int) -> None:
    rule, begin = Rule.parse(text), start + timedelta(days=offset)
    all_days = list(islice(CALENDAR.days(rule, start, start), 200))
    assert all_days == sorted(set(all_days))
    assert all(day >= start for day in all_days)
    if all_days:
        found = list(islice(CALENDAR.days(rule, start, begin), 200))
        assert [day for day in found if day <= all_days[-1]] == [day for day in all_days if day >= begin]


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;INTERVAL=7;BYDAY=WE",
        "FREQ=DAILY;INTERVAL=994;BYDAY=MO,WE,TH,FR,SA,SU",
        "FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=-7,7",
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29",
    ],
)
def test_a_rule_that_matches_no_day_ends(calendar: CalendarRules, rule: str) -> None:
    assert texts(calendar, rule, START, 1) == []


def test_a_rule_ends_after_a_hundred_years_and_before_the_last_year(calendar: CalendarRules) -> None:
    yearly = Rule.parse("FREQ=YEARLY;INTERVAL=100")
    assert list(calendar.days(yearly, START, START)) == [START, date(START.year + MAX_YEARS, 9, 2)]
    assert next(iter(calendar.days(Rule.parse("FREQ=DAILY"), date(1800, 1, 1), START))) == START
    late = date(9998, 12, 30)
    assert list(calendar.days(Rule.parse("FREQ=DAILY"), late, late)) == [late, LAST_DAY]
    assert list(calendar.days(Rule.parse("FREQ=WEEKLY"), date.max, date.max)) == []
    # The last Friday is the first day of 9999.
    last_of_week = Rule.parse("FREQ=WEEKLY;BYDAY=MO,FR;BYSETPOS=-1")
    assert list(calendar.days(last_of_week, date(9998, 12, 21), date.min)) == [date(9998, 12, 25)]


def test_a_rule_can_start_in_the_first_year(calendar: CalendarRules) -> None:
    assert texts(calendar, "FREQ=WEEKLY;BYDAY=MO,SU;WKST=SU", date.min, 2) == ["0001-01-01", "0001-01-07"]
