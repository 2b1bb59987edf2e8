"""What units of work need of a database: connections, taken from a pool and given back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

from sqlalchemy import QueuePool, event, exc

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
    """Keeps up to `size` drivers, and hands out the one used last: SQLAlchemy's own pool."""

    def __init__(self, connect: Callable[[], Driver], size: int, timeout: float) -> None:
        self._pool = QueuePool(
            cast(Any, connect), pool_size=size, max_overflow=0, timeout=timeout, use_lifo=True, reset_on_return=None
        )
        event.listen(self._pool, "checkout", self._require_alive)
        self._is_cut = False
        self._is_closed = False

    @contextmanager
    def lease(self, *, is_writing: bool = False) -> Iterator[Connection]:
        """Take a driver, and give it back on leaving, unless it is of no more use. Raises StorageUnavailable."""
        try:
            pooled = self._pool.connect()
        except exc.TimeoutError:
            raise StorageUnavailable from None
        except Exception as error:
            meaning = unavailable(error, is_lost=False)
            if meaning is None:
                raise
            raise meaning from error
        driver = cast(Driver, pooled.dbapi_connection)
        connection = Connection(driver, is_writing=is_writing)
        try:
            yield connection
        finally:
            connection.close()
            # What cut it has mostly cut the others.
            self._is_cut = self._is_cut or driver.is_lost
            if self._is_closed or not driver.is_at_rest:
                pooled.invalidate()
            pooled.close()

    def close(self) -> None:
        """Close all drivers, those on lease as they are given back."""
        self._is_closed = True
        self._pool.dispose()

    def _require_alive(self, driver: Any, _record: object, _pooled: object) -> None:
        """Have the pool replace all idle drivers where one was cut, or died while it lay idle."""
        if self._is_cut or not driver.is_alive():
            self._is_cut = False
            raise exc.InvalidatePoolError
