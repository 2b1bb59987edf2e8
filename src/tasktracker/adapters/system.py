"""The system clock, and ids that contain its time."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7


class SystemClock:
    """Implements Clock with the system clock."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(UTC)


class Uuid7Generator:
    """Generates UUIDv7 ids: unique without coordination, and sorted by time, which keeps index inserts local."""

    def new(self) -> UUID:
        """Return a new id."""
        return uuid7()
