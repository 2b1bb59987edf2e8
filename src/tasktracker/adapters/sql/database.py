"""What units of work need of a database: connections, taken from a pool and given back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import cast

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool

from tasktracker.adapters.sql.connection import DRIVER_ERRORS, Connection
from tasktracker.adapters.sql.violations import unavailable
from tasktracker.domain.errors import StorageUnavailable


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
    """Keeps so many connections at most, and hands out the one used last."""

    def __init__(self, connect: Callable[[], Connection], size: int, timeout: float) -> None:
        def connect_() -> DBAPIConnection:
            # All that the pool does with a connection is closing it.
            return cast(DBAPIConnection, connect())

        self._pool = QueuePool(
            connect_, pool_size=size, max_overflow=0, timeout=timeout, use_lifo=True, reset_on_return=None
        )
        self._losses = 0
        event.listen(self._pool, "connect", self._note_losses)
        event.listen(self._pool, "checkout", self._require_alive)

    def take(self) -> Lease:
        """Take a connection, until the lease is left. Raises StorageUnavailable."""
        try:
            return Lease(self, self._pool.connect())
        except PoolTimeoutError as error:
            raise StorageUnavailable from error
        except DRIVER_ERRORS as error:
            meaning = unavailable(error, is_lost=False)
            if meaning is None:
                raise
            raise meaning from error

    def give_back(self, leased: PoolProxiedConnection, connection: Connection) -> None:
        """Keep a connection for whoever comes next, if it is still of use."""
        if connection.is_lost:
            self._losses += 1
            leased.invalidate()
        else:
            leased.close()

    def close(self) -> None:
        """Close all connections that nobody has."""
        self._pool.dispose()

    def _note_losses(self, _connection: object, entry: ConnectionPoolEntry) -> None:
        entry.info["losses"] = self._losses

    def _require_alive(self, connection: object, entry: ConnectionPoolEntry, _leased: object) -> None:
        # What cuts one connection has mostly cut all that were made before. The pool makes a new one.
        if entry.info["losses"] != self._losses or not cast(Connection, connection).is_alive():
            raise DisconnectionError


class Lease:
    """A connection until it is left, which gives it back."""

    __slots__ = ("_leased", "_pool", "connection")

    def __init__(self, pool: Pool, leased: PoolProxiedConnection) -> None:
        self._pool = pool
        self._leased = leased
        self.connection = cast(Connection, leased.dbapi_connection)

    def __enter__(self) -> Connection:
        return self.connection

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._pool.give_back(self._leased, self.connection)
