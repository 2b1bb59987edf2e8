"""A clock that all hosts of a database share."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import text

from tasktracker.adapters.sql.database import Database
from tasktracker.domain.kernel.clock import Clock

_NOW = text("SELECT clock_timestamp()")


class DatabaseClock:
    """Implements Clock with the clock of the database's host. For SQLite, this is the server's host.

    Decisions for all hosts use this clock, for example which data is old enough to be deleted. A host with a wrong
    clock must not decide this alone.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def now(self) -> datetime:
        """Return the current time in UTC. Raises StorageUnavailable."""
        with self._database.reading() as connection:
            if connection.driver.dialect == "sqlite":
                return self._clock.now()
            found: datetime = connection.value(_NOW)
        return found.astimezone(UTC)
