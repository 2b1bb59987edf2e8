"""Changes to feeds, whichever process on any host makes them."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from threading import Event, Lock, Thread
from uuid import UUID

import psycopg
import structlog

from tasktracker.domain.sync.ports import ChangeListener

CHANNEL = "tasktracker_feeds"

FIRST_PAUSE, MAX_PAUSE = 0.1, 5.0
LOOK_UP_SECONDS = 0.5
# Notifications that come one after the other go out together.
BREATH_SECONDS = 0.005
# When a process dies between a commit and its notification, others notice the change after this time.
AGAIN_SECONDS = 10.0
# What a notification has room for is 8,000 bytes.
USERS_A_NOTIFICATION = 200

_NOTIFY = "SELECT pg_notify(%s, payload) FROM unnest(%s::text[]) AS payload"

log = structlog.get_logger("tasktracker.events")


class PostgresChangeNotifier:
    """Implements FeedPublisher and ChangeNotifier: one connection listens, and is made anew when it is lost.

    The same one publishes what this process commits, after the commit. Within it, PostgreSQL would have all commits
    wait for one another until each is on the disk.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._closing = Event()
        self._thread: Thread | None = None
        self._guard = Lock()
        self._unpublished: set[UUID] = set()

    def open(self, listener: ChangeListener) -> None:
        self._waking, self._woken = socket.socketpair()
        self._waking.setblocking(False)
        self._thread = Thread(target=self._work, args=(listener,), name="events", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        if self._thread is not None:
            self._wake()
            self._thread.join()
            self._waking.close()
            self._woken.close()

    def publish(self, user_ids: Collection[UUID]) -> None:
        if self._thread is None:  # of a command, which ends soon
            with suppress(psycopg.Error), self._connect() as connection:
                _notify(connection, user_ids)
            return
        with self._guard:
            was_empty = not self._unpublished
            self._unpublished.update(user_ids)
        if was_empty:
            self._wake()

    def _wake(self) -> None:
        with suppress(OSError):  # it is being woken already, or has ended
            self._waking.send(b"!")

    def _work(self, listener: ChangeListener) -> None:
        pause = FIRST_PAUSE
        while not self._closing.is_set():
            try:
                with self._connect() as connection:
                    connection.execute(f"LISTEN {CHANNEL}".encode())
                    # There may have been notifications before this connection listened.
                    listener(None)
                    pause = FIRST_PAUSE
                    self._pass_on(connection, listener)
            except psycopg.Error as error:
                log.warning("not listening to the database", cause=type(error).__name__, retry_seconds=pause)
                self._closing.wait(pause)
                pause = min(pause * 2, MAX_PAUSE)

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        connection = psycopg.connect(self._conninfo, autocommit=True, connect_timeout=5)
        # Seen in the list of the database's connections.
        connection.execute("SET application_name = 'tasktracker events'")
        # There is nothing in a notification that would have to reach the disk.
        connection.execute("SET synchronous_commit = off")
        return connection

    def _pass_on(self, connection: psycopg.Connection[tuple[object, ...]], listener: ChangeListener) -> None:
        """Pass on what other processes publish, and publish what this one commits, until closed."""
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        poll.register(self._woken.fileno(), select.POLLIN)
        looked = time.monotonic()
        is_last = False
        while not is_last:
            is_last = self._closing.is_set()
            ready = dict(poll.poll(0 if is_last else LOOK_UP_SECONDS * 1000))
            if self._woken.fileno() in ready:
                self._woken.recv(4096)
            self._publish_all(connection, listener)
            for notification in connection.notifies(timeout=0):
                if notification.pid != connection.info.backend_pid:  # not what this process published itself
                    listener(users_in(notification.payload))
            if time.monotonic() - looked > AGAIN_SECONDS:
                looked = time.monotonic()
                listener(None)

    def _publish_all(self, connection: psycopg.Connection[tuple[object, ...]], listener: ChangeListener) -> None:
        with self._guard:
            users, self._unpublished = self._unpublished, set()
        if not users:
            return
        try:
            listener(users)
            _notify(connection, users)
        except psycopg.Error:
            with self._guard:
                self._unpublished |= users
            raise
        self._closing.wait(BREATH_SECONDS)


def users_in(payload: str) -> Collection[UUID] | None:
    """Return the users that a notification is about; None, which stands for all, where it is not one of ours."""
    try:
        return [UUID(user) for user in payload.split(",")]
    except ValueError:
        return None


def _notify(connection: psycopg.Connection[tuple[object, ...]], user_ids: Collection[UUID]) -> None:
    connection.execute(_NOTIFY, [CHANNEL, _payloads(user_ids)])


def _payloads(user_ids: Collection[UUID]) -> Sequence[str]:
    users = [str(user_id) for user_id in user_ids]
    starts = range(0, len(users), USERS_A_NOTIFICATION)
    return [",".join(users[start : start + USERS_A_NOTIFICATION]) for start in starts]
