"""Notification of feed changes made by any process on any host, by LISTEN and NOTIFY."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Collection, Sequence
from contextlib import closing, suppress
from threading import Event, Lock, Thread
from uuid import UUID

import psycopg
import structlog
from psycopg.conninfo import conninfo_to_dict

from tasktracker.adapters.sql import bounded
from tasktracker.adapters.sql.violations import explain
from tasktracker.domain.sync.ports import ChangeListener

CHANNEL = "tasktracker_feeds"

FIRST_PAUSE, MAX_PAUSE = 0.1, 5.0
POLL_SECONDS = 0.5
# The time for connecting and for each statement. If it takes longer, the network or the server has failed.
ANSWER_SECONDS = 5.0
# Changes within this time are published together.
BATCH_SECONDS = 0.005
# If a process dies between a commit and its notification, others notice the change after this time.
RECHECK_SECONDS = 10.0
# The payload of a notification is limited to 8,000 bytes.
USERS_PER_NOTIFICATION = 200

_NOTIFY = "SELECT pg_notify(%s, payload) FROM unnest(%s::text[]) AS payload"

log = structlog.get_logger("tasktracker.events")


class PostgresChangeNotifier:
    """Implements FeedPublisher and ChangeNotifier with one connection, which is opened again when it is lost.

    The connection listens, and publishes this process's changes after their commit. If NOTIFY were inside the
    transactions, PostgreSQL would do one commit after the other, and each would wait until the earlier one is on disk.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._closing = Event()
        self._thread: Thread | None = None
        self._guard = Lock()
        self._unpublished: set[UUID] = set()

    def open(self, listener: ChangeListener) -> None:
        self._wake_writer, self._wake_reader = socket.socketpair()
        self._wake_writer.setblocking(False)
        self._thread = Thread(target=self._run, args=(listener,), name="events", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        if self._thread is not None:
            self._wake()
            self._thread.join()
            self._wake_writer.close()
            self._wake_reader.close()

    def publish(self, user_ids: Collection[UUID]) -> None:
        if self._thread is None:  # in a command-line process, which ends soon
            with suppress(psycopg.Error), closing(self._connect()) as connection:
                _notify(connection, user_ids)
            return
        with self._guard:
            was_empty = not self._unpublished
            self._unpublished.update(user_ids)
        if was_empty:
            self._wake()

    def _wake(self) -> None:
        with suppress(OSError):  # the thread already has a signal to continue, or has ended
            self._wake_writer.send(b"!")

    def _run(self, listener: ChangeListener) -> None:
        pause = FIRST_PAUSE
        while not self._closing.is_set():
            try:
                with closing(self._connect()) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    # Notifications may have been missed before this connection listened.
                    listener(None)
                    pause = FIRST_PAUSE
                    self._forward(connection, listener)
            except psycopg.Error as error:
                log.warning("not listening to the database", cause=explain(error), retry_seconds=pause)
                self._closing.wait(pause)
                pause = min(pause * 2, MAX_PAUSE)

    def _connect(self) -> _Connection:
        connection = _Connection(self._conninfo)
        # The name appears in the database's list of connections. Notifications need no commit on disk.
        connection.execute("SET application_name = 'tasktracker events'; SET synchronous_commit = off")
        return connection

    def _forward(self, connection: _Connection, listener: ChangeListener) -> None:
        """Forward other processes' notifications to the listener, and publish this process's changes, until closed."""
        poll = select.poll()
        poll.register(connection.pgconn.socket, select.POLLIN)
        poll.register(self._wake_reader.fileno(), select.POLLIN)
        checked = time.monotonic()
        is_last = False
        while not is_last:
            is_last = self._closing.is_set()
            ready = dict(poll.poll(0 if is_last else POLL_SECONDS * 1000))
            if self._wake_reader.fileno() in ready:
                self._wake_reader.recv(4096)
            self._publish_all(connection, listener)
            connection.pgconn.consume_input()
            while (notification := connection.pgconn.notifies()) is not None:
                if notification.be_pid != connection.pgconn.backend_pid:  # not published by this process
                    listener(users_in(notification.extra.decode()))
            if time.monotonic() - checked > RECHECK_SECONDS:
                checked = time.monotonic()
                connection.execute("SELECT 1")  # fails if the network is broken
                listener(None)

    def _publish_all(self, connection: _Connection, listener: ChangeListener) -> None:
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
        self._closing.wait(BATCH_SECONDS)


class _Connection:
    """A connection whose statements take at most ANSWER_SECONDS."""

    def __init__(self, conninfo: str) -> None:
        connection = bounded.connect(conninfo_to_dict(conninfo), ANSWER_SECONDS)
        self.pgconn = connection.pgconn
        self._connection = connection
        self._bounded = bounded.BoundedCalls(connection)
        self.close = self._bounded.close

    def execute(self, statement: str, parameters: Sequence[object] | None = None) -> None:
        limit = time.monotonic() + ANSWER_SECONDS
        self._bounded.call(limit, self._connection.execute, statement.encode(), parameters)


def users_in(payload: str) -> Collection[UUID] | None:
    """Return the users in a notification's payload. None stands for all users, if another program sent it."""
    try:
        return [UUID(user) for user in payload.split(",")]
    except ValueError:
        return None


def _notify(connection: _Connection, user_ids: Collection[UUID]) -> None:
    connection.execute(_NOTIFY, [CHANNEL, _payloads(user_ids)])


def _payloads(user_ids: Collection[UUID]) -> Sequence[str]:
    users = [str(user_id) for user_id in user_ids]
    starts = range(0, len(users), USERS_PER_NOTIFICATION)
    return [",".join(users[start : start + USERS_PER_NOTIFICATION]) for start in starts]
