"""The machine's clock, and ids made from it."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7


class SystemClock:
    """Tells the time by the machine's clock."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.now(UTC)


class Uuid7Generator:
    """Makes UUIDv7 ids: unique without coordination, and sorted by time, which keeps index inserts local."""

    def new(self) -> UUID:
        """Return a new id."""
        return uuid7()
