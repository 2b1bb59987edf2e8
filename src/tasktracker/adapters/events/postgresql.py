"""Changes of a PostgreSQL database, made by any process on any host."""

from __future__ import annotations

from collections.abc import Collection
from threading import Event, Thread
from uuid import UUID

import psycopg
import structlog

from tasktracker.adapters.sql.feed import CHANNEL
from tasktracker.domain.sync.ports import Tell

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
LOOK_UP_SECONDS = 0.5
POLL_SECONDS = 1.0

log = structlog.get_logger("tasktracker.events")


class PostgresEvents:
    """Implements EventStream: one connection listens, and is made anew when it is lost."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._closing = Event()
        self._thread: Thread | None = None

    def open(self, tell: Tell) -> None:
        self._thread = Thread(target=self._listen, args=(tell,), name="events", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def _listen(self, tell: Tell) -> None:
        pause = FIRST_PAUSE
        while not self._closing.is_set():
            try:
                with psycopg.connect(self._conninfo, autocommit=True, connect_timeout=5) as connection:
                    connection.execute(f"LISTEN {CHANNEL}".encode())
                    # What was notified before there was anybody to hear it.
                    tell(None)
                    pause = FIRST_PAUSE
                    self._hear(connection, tell)
            except psycopg.Error as error:
                log.warning("not listening to the database", cause=type(error).__name__, retry_seconds=pause)
                self._closing.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def _hear(self, connection: psycopg.Connection[object], tell: Tell) -> None:
        while not self._closing.is_set():
            # Returns in time for the question whether to go on.
            for notification in connection.notifies(timeout=LOOK_UP_SECONDS):
                tell(users_in(notification.payload))


class PollingEvents:
    """Implements EventStream where nothing can be listened to, as behind a pooler in transaction mode."""

    def __init__(self, every_seconds: float = POLL_SECONDS) -> None:
        self._every = every_seconds
        self._closing = Event()
        self._thread: Thread | None = None

    def open(self, tell: Tell) -> None:
        self._thread = Thread(target=self._poll, args=(tell,), name="events", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def _poll(self, tell: Tell) -> None:
        while not self._closing.wait(self._every):
            tell(None)


def users_in(payload: str) -> Collection[UUID] | None:
    """Return who is told by a notification; None, which is everybody, for one that is not ours."""
    try:
        return [UUID(user) for user in payload.split(",")]
    except ValueError:
        return None
