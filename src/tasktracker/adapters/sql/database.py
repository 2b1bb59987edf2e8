"""Databases, and the pool of their connections."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from queue import Empty, SimpleQueue
from types import TracebackType

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.driver import Driver
from tasktracker.adapters.sql.violations import NO_SCHEMA, unavailable
from tasktracker.domain.kernel import deadline
from tasktracker.domain.kernel.deadline import Deadline
from tasktracker.domain.kernel.errors import StorageUnavailable

FIND_REVISION = "SELECT version_num FROM alembic_version"


def require_revision(found: str | None, needed: str | None) -> None:
    """Raise StorageUnavailable if the database's schema has another revision than this version needs."""
    if found == needed:
        return
    if found is None:
        raise StorageUnavailable(NO_SCHEMA)
    needs = f"The database's schema is at revision {found}, but this version needs {needed}"
    raise StorageUnavailable(f"{needs}: it must be migrated." if found < str(needed) else f"{needs}: it is too old.")


class Database(ABC):
    """Provides connections to units of work."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Connection]:
        """Open a connection for reading, without a transaction. Raises StorageUnavailable."""

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[Connection]:
        """Open a read-only transaction that sees one state of the data. Raises StorageUnavailable."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[Connection]:
        """Open a transaction. Commit on a normal exit, roll back on an exception.

        Raises StorageUnavailable, StorageFull. Raises StorageUnavailable also if the schema has another revision than
        this version needs. No process can migrate the schema until the transaction ends.
        """

    @abstractmethod
    def changing(self, reading: Connection) -> AbstractContextManager[Connection]:
        """Open a connection for a change during reading. It never waits for the reading connection."""

    @abstractmethod
    def check(self) -> None:
        """Check that the schema has the right revision and that rows can be written. Raises StorageUnavailable."""

    @property
    @abstractmethod
    def in_use(self) -> int:
        """The connections that are in use now."""

    @abstractmethod
    def close(self) -> None:
        """Close all connections."""


class Pool:
    """Keeps at most `size` drivers, and leases the most recently used one first.

    The current deadline limits how long a lease waits for a driver, for connecting, and for each statement.
    """

    def __init__(self, connect: Callable[[Deadline], Driver], size: int, wait_seconds: float) -> None:
        self._connect = connect
        self._wait = wait_seconds
        self._idle: list[Driver] = []
        # One permit for each driver that may still be acquired.
        self._size = size
        self._permits: SimpleQueue[None] = SimpleQueue()
        for _ in range(size):
            self._permits.put(None)
        self._is_closed = False

    @property
    def in_use(self) -> int:
        """The drivers that are leased now."""
        return self._size - self._permits.qsize()

    def lease(self, *, is_writing: bool = False) -> Lease:
        """Return a lease, which acquires a driver on entry and releases it on exit."""
        return Lease(self, is_writing=is_writing)

    def acquire(self) -> Driver:
        """Return an idle or a new driver, to be released later. Raises StorageUnavailable."""
        until = deadline.current()
        seconds = until.remaining(self._wait)
        if not seconds:
            raise StorageUnavailable
        try:
            self._permits.get(timeout=seconds)
        except Empty:
            raise StorageUnavailable from None
        try:
            driver = self._last_used() or self._connect(until)
            driver.set_deadline(until)
            return driver
        except BaseException as error:
            self._permits.put(None)
            meaning = unavailable(error, is_lost=False)
            if meaning is None:
                raise
            raise meaning from error

    def release(self, driver: Driver) -> None:
        """Keep a driver for the next lease if it is idle; otherwise close it."""
        try:
            if driver.is_lost:
                # The same failure has probably ended the other connections, too.
                self._close_idle()
            if driver.is_idle and not self._is_closed:
                self._idle.append(driver)
            else:
                driver.close()
        finally:
            self._permits.put(None)

    def close(self) -> None:
        """Close all idle drivers now, and leased ones when they are released."""
        self._is_closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        while self._idle:
            with suppress(IndexError):
                self._idle.pop().close()

    def _last_used(self) -> Driver | None:
        while self._idle:
            with suppress(IndexError):  # another thread has taken it
                driver = self._idle.pop()
                if driver.is_alive():
                    return driver
                driver.close()
        return None


class Lease:
    """A context manager for a connection, which holds a driver of the pool from entry to exit."""

    __slots__ = ("_connection", "_driver", "_is_writing", "_pool")

    def __init__(self, pool: Pool, *, is_writing: bool) -> None:
        self._pool = pool
        self._is_writing = is_writing

    def __enter__(self) -> Connection:
        self._driver = self._pool.acquire()
        self._connection = Connection(self._driver, is_writing=self._is_writing)
        return self._connection

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._connection.close()
        self._pool.release(self._driver)
