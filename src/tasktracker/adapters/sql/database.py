"""What units of work need of a database: connections, taken from a pool and given back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from queue import Empty, SimpleQueue
from types import TracebackType

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.driver import Driver
from tasktracker.adapters.sql.violations import unavailable
from tasktracker.domain.kernel.errors import StorageUnavailable


class Database(ABC):
    """Where units of work get their connections from."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Connection]:
        """Take a connection of which every statement stands for itself. Raises StorageUnavailable."""

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[Connection]:
        """Open a transaction that only reads, and sees one state of the data. Raises StorageUnavailable."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[Connection]:
        """Open a transaction: leaving it normally commits, leaving it by an exception rolls back.

        Raises StorageUnavailable, StorageFull.
        """

    @abstractmethod
    def changing(self, reading: Connection) -> AbstractContextManager[Connection]:
        """Return a connection for a change made beside reading. It never waits for the reading connection."""

    @abstractmethod
    def close(self) -> None:
        """Close all connections."""


class Pool:
    """Keeps so many drivers at most, and hands out the one used last."""

    def __init__(self, connect: Callable[[], Driver], size: int, timeout: float) -> None:
        self._connect = connect
        self._timeout = timeout
        self._idle: list[Driver] = []
        # One for each driver that may still be taken.
        self._places: SimpleQueue[None] = SimpleQueue()
        for _ in range(size):
            self._places.put(None)
        self._is_closed = False

    def lease(self, *, is_writing: bool = False) -> Lease:
        """Return a lease, which takes a driver when entered, and gives it back when left."""
        return Lease(self, is_writing=is_writing)

    def take(self) -> Driver:
        """Take a driver, to be given back. Raises StorageUnavailable."""
        try:
            self._places.get(timeout=self._timeout)
        except Empty:
            raise StorageUnavailable from None
        try:
            return self._last_used() or self._connect()
        except BaseException as error:
            self._places.put(None)
            meaning = unavailable(error, is_lost=False)
            if meaning is None:
                raise
            raise meaning from error

    def give_back(self, driver: Driver) -> None:
        """Keep a driver for the next lease, if it is still of use."""
        try:
            if driver.is_lost:
                # What cut it has mostly cut the others.
                self._close_idle()
            if driver.is_at_rest and not self._is_closed:
                self._idle.append(driver)
            else:
                driver.close()
        finally:
            self._places.put(None)

    def close(self) -> None:
        """Close all drivers, those on lease as they are given back."""
        self._is_closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        while self._idle:
            with suppress(IndexError):
                self._idle.pop().close()

    def _last_used(self) -> Driver | None:
        while self._idle:
            with suppress(IndexError):  # another thread was quicker
                driver = self._idle.pop()
                if driver.is_alive():
                    return driver
                driver.close()
        return None


class Lease:
    """A connection that has a driver of the pool from entering to leaving."""

    __slots__ = ("_connection", "_driver", "_is_writing", "_pool")

    def __init__(self, pool: Pool, *, is_writing: bool) -> None:
        self._pool = pool
        self._is_writing = is_writing

    def __enter__(self) -> Connection:
        self._driver = self._pool.take()
        self._connection = Connection(self._driver, is_writing=self._is_writing)
        return self._connection

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._connection.close()
        self._pool.give_back(self._driver)
