"""Recurrence across the changes of the offset of time zones from 2020 to 2030 (RFC 5545 §3.3.5).

The expected moments are found from the local times of moments in UTC, which are never ambiguous. `make test-thorough`
tests all zones.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from tasktracker.domain.kernel.time_zones import time_zone_names
from tasktracker.domain.recurrence.recurrence import Recurrence
from tests.fakes import CALENDAR
from tests.strategies import THOROUGHNESS

FIRST, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)

ODD_ZONES = (
    "Africa/Casablanca",  # back for Ramadan
    "Africa/Juba",  # a new offset in 2021
    "America/Havana",  # at midnight
    "America/Nuuk",  # the gap ends the day before; a new offset in 2023
    "America/Santiago",
    "Antarctica/Troll",  # two hours
    "Antarctica/Vostok",  # two hours, once
    "Asia/Almaty",
    "Asia/Gaza",
    "Australia/Lord_Howe",  # half an hour
    "Europe/Dublin",
    "Pacific/Apia",
)
ZONES = sorted(time_zone_names()) if THOROUGHNESS > 1 else ODD_ZONES


class Change(NamedTuple):
    """A change of the offset. At `moment`, the later one applies."""

    moment: datetime
    before: timedelta
    after: timedelta

    def wall_clock_times(self) -> Iterator[datetime]:
        """Yield wall-clock times around the gap or overlap, at its ends, and in it."""
        first, end = sorted(self.moment.replace(tzinfo=None) + offset for offset in (self.before, self.after))
        yield from (first - SECOND, first, first + (end - first) / 2, end - SECOND, end)


def offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    found = moment.astimezone(zone).utcoffset()
    assert found is not None
    return found


@cache
def changes(zone: ZoneInfo) -> list[Change]:
    found = []
    for number in range((END - FIRST).days):
        low, high = FIRST + number * DAY, FIRST + (number + 1) * DAY
        before, after = offset(zone, low), offset(zone, high)
        if before != after:
            while high - low > SECOND:
                middle = low + (high - low) // 2 // SECOND * SECOND
                low, high = (middle, high) if offset(zone, middle) == before else (low, middle)
            found.append(Change(high, before, after))
    return found


def expected(wall: datetime, zone: ZoneInfo, change: Change) -> datetime:
    """Return the first moment with this local time or, if there is none, the one by the offset before the change."""
    moments = sorted({(wall - each).replace(tzinfo=UTC) for each in (change.before, change.after)})
    there = [each for each in moments if each.astimezone(zone).replace(tzinfo=None) == wall]
    return there[0] if there else (wall - change.before).replace(tzinfo=UTC)


@pytest.mark.parametrize(("rule", "step"), [("FREQ=DAILY", DAY), ("FREQ=WEEKLY", 7 * DAY)])
def test_the_wall_clock_time_is_kept_at_every_change(rule: str, step: timedelta) -> None:
    gaps = overlaps = 0
    for name in ZONES:
        zone = ZoneInfo(name)
        for change in changes(zone):
            gaps += change.after > change.before
            overlaps += change.after < change.before
            for wall in change.wall_clock_times():
                start, *slots = (expected(wall + number * step, zone, change) for number in (-2, -1, 0, 1, 2))
                recurrence = Recurrence(rule=rule, time_zone=name, start=start)
                assert list(islice(recurrence.slots(start, FIRST - 30 * DAY, CALENDAR), 4)) == slots
    assert min(gaps, overlaps) > 5 * len(ODD_ZONES)
