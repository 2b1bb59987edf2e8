"""Days in time zones."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktracker.domain.kernel.time_zones import end_of_day, first_day_ending, time_zone_names
from tests.strategies import examples

MICROSECOND = timedelta(microseconds=1)
zones = st.sampled_from(sorted(time_zone_names()))
days = st.sampled_from((date.min, date.max)) | st.dates() | st.dates(date(1900, 1, 1), date(2040, 1, 1))


@pytest.mark.parametrize(
    ("day", "zone", "end"),
    [
        ((2026, 3, 1), "UTC", "2026-03-02T00:00:00"),
        ((2026, 3, 1), "Pacific/Kiritimati", "2026-03-01T10:00:00"),
        ((2026, 3, 1), "Pacific/Pago_Pago", "2026-03-02T11:00:00"),
        ((2026, 3, 1), "Asia/Kathmandu", "2026-03-01T18:15:00"),
        ((2026, 4, 4), "Australia/Lord_Howe", "2026-04-04T13:00:00"),
        ((2026, 4, 5), "Australia/Lord_Howe", "2026-04-05T13:30:00"),
        ((2026, 9, 5), "America/Santiago", "2026-09-06T04:00:00"),  # there is no midnight: 1:00 follows 23:59
        ((2024, 10, 26), "America/Havana", "2024-10-27T04:00:00"),
        ((2024, 11, 2), "America/Havana", "2024-11-03T04:00:00"),  # there are two midnights
        ((2024, 11, 3), "America/Havana", "2024-11-04T05:00:00"),
        ((2011, 12, 29), "Pacific/Apia", "2011-12-30T10:00:00"),
        ((2026, 3, 1), "No/Longer", "2026-03-02T00:00:00"),
    ],
)
def test_a_day_ends_a_microsecond_before_the_next_one(day: tuple[int, int, int], zone: str, end: str) -> None:
    moment = datetime.fromisoformat(end).replace(tzinfo=UTC) - MICROSECOND
    assert end_of_day(date(*day), zone) == moment
    assert first_day_ending(moment, zone) == date(*day)
    assert first_day_ending(moment + MICROSECOND, zone) == date(*day) + timedelta(days=1)


def test_a_day_that_a_zone_skips_ends_between_its_neighbours() -> None:
    ends = [end_of_day(date(2011, 12, day), "Pacific/Apia") for day in (29, 30, 31)]
    assert ends[1] - ends[0] == MICROSECOND
    assert ends[2] - ends[0] == timedelta(days=1)


def test_every_day_of_the_calendar_has_an_end() -> None:
    for name in time_zone_names():
        assert end_of_day(date.max, name) == datetime.max.replace(tzinfo=UTC)
        assert end_of_day(date.max - timedelta(days=1), name) < end_of_day(date.max, name)
        assert first_day_ending(datetime.max.replace(tzinfo=UTC), name) == date.max
        assert first_day_ending(datetime.min.replace(tzinfo=UTC), name) == date.min


@examples(300)
@given(day=days, zone=zones, other=days)
def test_a_later_day_ends_later(day: date, zone: str, other: date) -> None:
    assert (day < other) is (end_of_day(day, zone) < end_of_day(other, zone))
    if day > date.min:
        assert end_of_day(day - timedelta(days=1), zone) < end_of_day(day, zone)


@examples(300)
@given(at=st.datetimes(timezones=st.just(UTC)), zone=zones)
def test_the_first_day_ending_is_found(at: datetime, zone: str) -> None:
    day = first_day_ending(at, zone)
    assert end_of_day(day, zone) >= at
    assert day == date.min or end_of_day(day - timedelta(days=1), zone) < at


@examples(200)
@given(minutes=st.integers(0, 8_000_000), zone=zones)
def test_a_moment_is_in_the_day_that_the_calendar_of_the_zone_shows(minutes: int, zone: str) -> None:
    at = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    assert first_day_ending(at, zone) == at.astimezone(ZoneInfo(zone)).date()
