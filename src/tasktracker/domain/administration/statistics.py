"""What is counted in the service: its users and tasks now, and what happened on each day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

DAYS = 30
"""The number of days, today included, that the overview shows."""


class Counted(StrEnum):
    """What is counted for each day (UTC)."""

    REGISTRATIONS = "registrations"
    LOGINS = "logins"
    FAILURES = "failures"
    """Failed logins. A wrong password elsewhere, for example when it is confirmed, is not counted."""
    TASKS_CREATED = "tasks_created"
    TASKS_DONE = "tasks_done"


class Maintenance(StrEnum):
    """Maintenance whose last time is stored."""

    SWEEP = "sweep"
    BACKUP = "backup"


@dataclass(frozen=True, slots=True)
class Totals:
    """The number of users, and the number of their tasks including those in the trash."""

    users: int
    active: int
    admins: int
    tasks: int


@dataclass(frozen=True, slots=True)
class DayCounts:
    """What happened on a day."""

    day: date
    counts: Mapping[Counted, int]


def bounds_of(day: date) -> tuple[datetime, datetime]:
    """Return the begin and the end of a day (UTC)."""
    begin = datetime.combine(day, time(), UTC)
    return begin, begin + timedelta(days=1)
