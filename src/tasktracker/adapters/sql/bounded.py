"""Limits on the time that connecting to PostgreSQL and running statements take, enforced by the client.

A database that does not answer, or a network that passes nothing, cannot hold a thread longer.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from math import inf
from threading import Thread
from time import monotonic, sleep
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, PollingStatus, abc

Connection = psycopg.Connection[tuple[Any, ...]]
Result = TypeVar("Result")

TICK_SECONDS = 0.1
# The limit on a statement without a deadline, as of an import.
MAX_STATEMENT_SECONDS = 300


def connect(options: Mapping[str, Any], seconds: float) -> Connection:
    """Connect within a number of seconds, in autocommit mode. Raises OperationalError."""
    end = monotonic() + seconds
    hosts = list(_hosts(options))
    while True:
        # A host that does not answer leaves time for the others.
        limit = min((end - monotonic()) / len(hosts), float(options.get("connect_timeout", 0)) or seconds)
        try:
            connection = Connection(_connect(hosts.pop(0), monotonic() + limit))
        except psycopg.OperationalError:
            if not hosts:
                raise
        else:
            connection.autocommit = True
            return connection


class BoundedCalls:
    """Calls functions that wait for the server, and ends a late one by shutting down the socket of the connection.

    The connection is then lost. The server may or may not have done what was sent last, a commit included.

    One thread looks for late calls. If each call waited for the socket with a timeout instead, a request would take a
    tenth more processor time, because the calling thread would release the interpreter several times.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # A copy, because the descriptor of a connection that was closed may belong to another one.
        self._socket = socket.socket(fileno=os.dup(connection.fileno()))
        self._limit = inf
        _WATCHED.add(self)
        _start()

    def call(self, until: float, function: Callable[..., Result], *args: Any) -> Result:
        """Call a function. It fails at a moment, and after MAX_STATEMENT_SECONDS. Raises OperationalError."""
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


def _hosts(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield a connection string for each host. libpq would wait for the first one without a limit."""
    lists = {name: str(options[name]).split(",") for name in ("host", "hostaddr", "port") if options.get(name)}
    for number in range(max(map(len, lists.values()), default=1)):
        chosen = {name: values[number if len(values) > 1 else 0] for name, values in lists.items()}
        yield make_conninfo("", **{**options, **chosen})
