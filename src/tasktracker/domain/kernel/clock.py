"""Ports for time and for new ids."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID


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
