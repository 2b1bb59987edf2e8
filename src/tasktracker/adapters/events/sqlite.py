"""Notification of changes of an SQLite file made by any process."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from threading import Event, Thread

import structlog

from tasktracker.adapters.events.local import LocalChangeNotifier
from tasktracker.adapters.sql.sqlite_file import connect
from tasktracker.domain.sync.ports import ChangeListener

POLL_SECONDS = 0.1

log = structlog.get_logger("tasktracker.events")


class SqliteChangeNotifier(LocalChangeNotifier):
    """Implements FeedPublisher and ChangeNotifier: polls for commits of other processes.

    SQLite counts the commits of other connections (https://www.sqlite.org/pragma.html#pragma_data_version), and
    reading the count takes a few bytes of the file.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._closing = Event()
        self._thread: Thread | None = None

    def open(self, listener: ChangeListener) -> None:
        super().open(listener)
        self._thread = Thread(target=self._run, args=(listener,), name="events", daemon=True)
        self._thread.start()

    def close(self) -> None:
        super().close()
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, listener: ChangeListener) -> None:
        while not self._closing.is_set():
            try:
                with closing(connect(self._path, timeout=POLL_SECONDS)) as connection:
                    self._watch(connection, listener)
            except sqlite3.Error as error:
                log.warning("events are not looked for", cause=repr(error))
                self._closing.wait(1)

    def _watch(self, connection: sqlite3.Connection, listener: ChangeListener) -> None:
        seen = None
        while not self._closing.wait(POLL_SECONDS):
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            if version != seen:
                seen = version
                listener(None)
