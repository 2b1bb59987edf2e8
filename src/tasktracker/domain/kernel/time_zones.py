"""Time zones by their IANA names, from the package `tzdata`, which every host of the service has.

The host's own files are not listed, because they contain names that other hosts lack (`localtime`, `posix/UTC`).
"""

from __future__ import annotations

import logging
from functools import cache
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
