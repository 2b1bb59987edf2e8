"""A connection to PostgreSQL on which nothing waits longer than until a deadline.

It waits for its socket itself, so that a database that does not answer, or a network that passes nothing, cannot hold
a thread.
"""

from __future__ import annotations

import select
from collections.abc import Iterator, Mapping
from time import monotonic
from typing import Any, Self, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, PollingStatus, abc
from psycopg.waiting import Ready, Wait

from tasktracker.domain.kernel.deadline import Deadline

Result = TypeVar("Result")

# The server ends the wait for a lock at the deadline. Its answer is awaited this long, because a connection whose
# statement has not ended must be closed.
GRACE_SECONDS = 0.3
# The limit on a statement without a deadline, as of an import.
MAX_STATEMENT_SECONDS = 300

LATE = "the database did not answer in time"
_EVENTS = {Wait.R: select.POLLIN, Wait.W: select.POLLOUT, Wait.RW: select.POLLIN | select.POLLOUT}


class BoundedConnection(psycopg.Connection[tuple[Any, ...]]):
    """Waits until the deadline `until`, then closes itself and raises OperationalError.

    After that, the server may or may not have done what was sent last, a commit included.
    """

    until: Deadline

    @classmethod
    def open(cls, options: Mapping[str, Any], until: Deadline, seconds: float) -> Self:
        """Connect within a number of seconds, and until the deadline. Raises OperationalError."""
        end = min(monotonic() + seconds, until.at) + GRACE_SECONDS
        attempts = list(_hosts(options))
        while True:
            # A host that does not answer leaves time for the others.
            limit = min((end - monotonic()) / len(attempts), float(options.get("connect_timeout", 0)) or seconds)
            try:
                connection = cls(_connect(attempts.pop(0), monotonic() + limit))
            except psycopg.OperationalError:
                if not attempts:
                    raise
            else:
                connection.until = until
                connection.autocommit = True
                return connection

    def require_time(self) -> None:
        """Close the connection and raise OperationalError after the deadline, before anything more is sent."""
        if monotonic() > self.until.at + GRACE_SECONDS:
            self.close()
            raise psycopg.OperationalError(LATE)

    def wait(self, gen: PQGen[Result], *_: object, **__: object) -> Result:
        """Run a generator of psycopg, which yields what it waits for. All of psycopg's methods wait here."""
        end = min(self.until.at + GRACE_SECONDS, monotonic() + MAX_STATEMENT_SECONDS)
        fileno = self.pgconn.socket
        try:
            state = next(gen)
            while True:
                events = _poll(fileno, _EVENTS[state], end)
                if not events:
                    self.close()
                    gen.throw(psycopg.OperationalError(LATE))
                # Errors are reported as both, and found by the next read or write.
                ready = (Ready.W if events & ~select.POLLIN else 0) | (Ready.R if events & ~select.POLLOUT else 0)
                state = gen.send(Ready(ready))
        except StopIteration as done:
            result: Result = done.value
            return result

    def has_data(self) -> bool:
        """Return whether the server has sent something, or closed the connection."""
        return bool(_poll(self.pgconn.socket, select.POLLIN, 0))


def _connect(conninfo: str, end: float) -> abc.PGconn:
    pgconn = PGconn.connect_start(conninfo.encode())
    while (status := pgconn.connect_poll()) != PollingStatus.OK:
        if status == PollingStatus.FAILED:
            message = pgconn.get_error_message()
            pgconn.finish()
            raise psycopg.OperationalError(message)
        if not _poll(pgconn.socket, select.POLLIN if status == PollingStatus.READING else select.POLLOUT, end):
            pgconn.finish()
            raise psycopg.OperationalError("the database did not accept the connection in time")
    pgconn.nonblocking = 1
    return pgconn


def _hosts(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield a connection string for each host. libpq would wait for the first one without a limit."""
    lists = {name: str(options[name]).split(",") for name in ("host", "hostaddr", "port") if options.get(name)}
    for number in range(max(map(len, lists.values()), default=1)):
        chosen = {name: values[number if len(values) > 1 else 0] for name, values in lists.items()}
        yield make_conninfo("", **{**options, **chosen})


def _poll(fileno: int, events: int, end: float) -> int:
    """Wait for events of a socket until a moment, and return them; 0 if there are none."""
    poll = select.poll()
    poll.register(fileno, events)
    ready = poll.poll(1000 * max(0.0, end - monotonic()))
    return ready[0][1] if ready else 0
