"""Limits on the time that connecting to PostgreSQL and running statements take, enforced by the client.

So a database that does not answer, or a broken network, cannot block a thread for a longer time.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from math import inf
from threading import Thread
from time import monotonic, sleep
from typing import Any, TypeVar

import psycopg
from psycopg.abc import ConnDict
from psycopg.conninfo import conninfo_attempts, make_conninfo, timeout_from_conninfo
from psycopg.pq import PGconn, PollingStatus, abc

Connection = psycopg.Connection[tuple[Any, ...]]
Result = TypeVar("Result")

TICK_SECONDS = 0.1
# The limit on a statement without a deadline, as of an import.
MAX_STATEMENT_SECONDS = 300


def connect(options: ConnDict, seconds: float) -> Connection:
    """Connect within a number of seconds, in autocommit mode. Raises OperationalError.

    libpq would wait for the first of several hosts without a limit. psycopg's list of attempts has one attempt for each
    address of each host, in the order that the options require.
    """
    end = monotonic() + seconds
    attempts = conninfo_attempts(options)
    failures = []
    for number, attempt in enumerate(attempts):
        # A host that does not answer leaves time for the others.
        limit = min((end - monotonic()) / (len(attempts) - number), timeout_from_conninfo(options))
        try:
            connection = Connection(_connect(make_conninfo("", **attempt), monotonic() + limit))
        except psycopg.OperationalError as error:
            failures.append(str(error).strip())
        else:
            connection.autocommit = True
            return connection
    raise psycopg.OperationalError("; ".join(failures))


class BoundedCalls:
    """Calls functions that wait for the server. A late call ends because the connection's socket is shut down.

    The connection is then lost. The server may or may not have run the last statement, which may be a commit.

    One thread looks for late calls. If each call waited for the socket with a timeout instead, a request would take a
    tenth more processor time, because the calling thread would release the interpreter several times.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # This is a copy, because the descriptor of a closed connection may already belong to another connection.
        self._socket = socket.socket(fileno=os.dup(connection.fileno()))
        self._limit = inf
        _WATCHED.add(self)
        _start()

    def call(self, until: float, function: Callable[..., Result], *args: Any) -> Result:
        """Call a function. Raises OperationalError at the given moment, or after MAX_STATEMENT_SECONDS."""
        now = monotonic()
        if until < now:
            self._connection.close()
            raise psycopg.OperationalError("the time for the database is over")
        self._limit = min(until, now + MAX_STATEMENT_SECONDS)
        try:
            return function(*args)
        finally:
            self._limit = inf

    def end_late(self, now: float) -> None:
        """Shut down the socket if a call is late."""
        if self._limit < now:
            with suppress(OSError):  # it is closed already
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        _WATCHED.discard(self)
        self._connection.close()
        self._socket.close()


_WATCHED: set[BoundedCalls] = set()


@cache
def _start() -> None:
    """Start the thread that looks for late calls on all connections of the process."""
    Thread(target=_watch, name="late statements", daemon=True).start()


def _watch() -> None:
    while True:
        sleep(TICK_SECONDS)
        now = monotonic()
        for calls in _WATCHED.copy():
            calls.end_late(now)


def _connect(conninfo: str, end: float) -> abc.PGconn:
    pgconn = PGconn.connect_start(conninfo.encode())
    while (status := pgconn.connect_poll()) != PollingStatus.OK:
        if status == PollingStatus.FAILED:
            message = pgconn.get_error_message()
            pgconn.finish()
            raise psycopg.OperationalError(message)
        poll = select.poll()
        poll.register(pgconn.socket, select.POLLIN if status == PollingStatus.READING else select.POLLOUT)
        if not poll.poll(1000 * max(0.0, end - monotonic())):
            pgconn.finish()
            raise psycopg.OperationalError("the database did not accept the connection in time")
    pgconn.nonblocking = 1  # as psycopg's own functions need it
    return pgconn
