"""Time zones by their IANA names, from the package `tzdata`, which every host of the service has.

The host's own files are not listed, because they contain names that other hosts lack (`localtime`, `posix/UTC`).
"""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from tasktracker.domain.kernel.fields import Refused

DEFAULT_TIME_ZONE = "UTC"
NO_ZONE = "Factory"  # in tz, the zone of a host without a configured zone

log = logging.getLogger(__name__)


@cache
def time_zone_names() -> frozenset[str]:
    """Return the names of all time zones."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()) - {NO_ZONE}


def known_time_zone(value: str) -> str:
    """A time zone by its IANA name."""
    if value not in time_zone_names():
        raise Refused("must be an IANA time zone name, as in Europe/Vienna")
    return value


@cache
def stored_time_zone(name: str) -> ZoneInfo:
    """Return the time zone with a name that was valid when it was stored. If it no longer exists, return UTC."""
    if name in time_zone_names():
        return ZoneInfo(name)
    log.warning("The stored time zone %s does not exist; UTC is used instead.", name)
    return ZoneInfo(DEFAULT_TIME_ZONE)


@lru_cache(4096)  # the tasks of a page are due on few days
def end_of_day(day: date, time_zone: str) -> datetime:
    """Return the last microsecond of a day in a time zone. A later day always has a later end.

    A day that the zone skips ends when the next one begins. The last day of the calendar ends with it in every zone.
    """
    if day == date.max:
        return _LATEST
    return max(_start(day + _DAY, time_zone) - timedelta.resolution, _start(day, time_zone))


def first_day_ending(at: datetime, time_zone: str) -> date:
    """Return the first day whose end in a time zone is at this time or later."""
    # The day of the zone is at most a day before that of `at`. The end of a skipped day, and a clock set back over
    # midnight, are up to two days away.
    day = max(at.date(), date.min + 3 * _DAY) - 3 * _DAY
    while end_of_day(day, time_zone) < at:
        day += _DAY
    return day


_DAY = timedelta(days=1)
_EARLIEST, _LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def at_hour(day: date, hour: int, time_zone: str) -> datetime:
    """Return when an hour of a day begins in a time zone: the first time, if it begins twice.

    If clocks are set forward over it, it begins when they are set.
    """
    try:
        return datetime(day.year, day.month, day.day, hour, tzinfo=stored_time_zone(time_zone)).astimezone(UTC)
    except OverflowError:
        return _EARLIEST if day.year == 1 else _LATEST


def _start(day: date, time_zone: str) -> datetime:
    """Return when a day begins."""
    return at_hour(day, 0, time_zone)
