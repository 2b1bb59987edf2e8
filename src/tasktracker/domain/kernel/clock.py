"""Ports for time and for new ids."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

MAX_CLOCK_SKEW = timedelta(minutes=2)
"""How far the clocks of two hosts may differ. If a stored time is further ahead, the clock that wrote it was wrong."""


class Clock(Protocol):
    """The current time."""

    def now(self) -> datetime:
        """Return the current time in UTC, to the microsecond."""
        ...


class IdGenerator(Protocol):
    """Makes ids."""

    def new(self) -> UUID:
        """Return a new unique id. Later ids sort after earlier ones (UUIDv7, RFC 9562 §5.7)."""
        ...
