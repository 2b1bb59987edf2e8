"""Polling for feed changes, where the database cannot send notifications."""

from __future__ import annotations

from collections.abc import Collection
from threading import Event, Thread
from uuid import UUID

from tasktracker.domain.sync.ports import ChangeListener

POLL_SECONDS = 1.0


class PollingChangeNotifier:
    """Implements FeedPublisher and ChangeNotifier without notifications, as behind a transaction pooler."""

    def __init__(self, every_seconds: float = POLL_SECONDS) -> None:
        self._every = every_seconds
        self._closing = Event()
        self._thread: Thread | None = None

    def open(self, listener: ChangeListener) -> None:
        self._thread = Thread(target=self._poll, args=(listener,), name="events", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def publish(self, user_ids: Collection[UUID]) -> None:
        """Do nothing: each process polls for changes."""

    def _poll(self, listener: ChangeListener) -> None:
        while not self._closing.wait(self._every):
            listener(None)
