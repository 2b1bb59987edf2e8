"""Connections to SQLite and PostgreSQL.

All of them are in the driver's autocommit mode unless a transaction was asked for: a reading statement then costs
one round trip and holds nothing afterwards.
"""

from __future__ import annotations

import select
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, cast

import psycopg
from psycopg import IsolationLevel
from psycopg.conninfo import make_conninfo
from psycopg.pq import Format
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tasktracker.adapters.sql.turns import Turns
from tasktracker.adapters.sql.violations import raise_domain_errors
from tasktracker.domain.errors import StorageUnavailable

POSTGRESQL = "postgresql+psycopg"
SQLITE = "sqlite"
_DRIVERS = {
    "postgres": POSTGRESQL,
    "postgresql": POSTGRESQL,
    POSTGRESQL: POSTGRESQL,
    "sqlite": SQLITE,
    "sqlite+pysqlite": SQLITE,
}

# How long to wait for somebody else who writes. They may have been stopped in the middle of it.
SQLITE_BUSY_SECONDS = 5.0
LOCK_TIMEOUT = "5s"


class Database(ABC):
    """Where units of work get their connections from."""

    @abstractmethod
    def reading(self) -> Connection:
        """Return a connection of which every statement stands for itself. Raises StorageUnavailable."""

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


def open_database(url: str, *, pool_size: int = 10, pool_timeout: float = 5.0, pooler: bool = False) -> Database:
    """Prepare to connect to a database; nothing is sent before it is used.

    `pool_size` connections are kept at most (SQLite has one more, for writing), and whoever gets none within
    `pool_timeout` seconds is told so. Set `pooler` when a pooler in transaction mode, such as PgBouncer, stands
    between: nothing may then be kept on a connection, neither settings nor prepared statements.

    Raises ValueError for a URL of anything but a PostgreSQL database or an SQLite file.
    """
    parsed = database_url(url)
    if parsed.drivername == SQLITE:
        return Sqlite(parsed, pool_size, pool_timeout)
    return PostgreSQL(parsed, pool_size, pool_timeout, pooler=pooler)


def database_url(url: str) -> URL:
    """Return a database's URL with the driver that is used for it. Raises ValueError, which never quotes the URL."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValueError(
            "not a database URL, such as sqlite:///path/to/file.db or postgresql://user@host/name"
        ) from None
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise ValueError(f"databases of the kind {parsed.drivername}:// are not supported")
    if driver == SQLITE:
        path = parsed.database or ""
        if not path or path == ":memory:" or path.startswith("file:") or parsed.query or parsed.host:
            raise ValueError("an SQLite database must be a file, as in sqlite:///path/to/file.db")
    return parsed.set(drivername=driver)


class Sqlite(Database):
    """A file: any number of readers, and one writer at a time, the others waiting in the order they came."""

    def __init__(self, url: URL, pool_size: int, pool_timeout: float) -> None:
        self._timeout = pool_timeout
        self._turns = Turns()
        self._readers = sqlite_engine(url, pool_size=pool_size, pool_timeout=pool_timeout)
        self._writer = sqlite_engine(url, pool_size=1, pool_timeout=pool_timeout)
        event.listen(self._readers, "connect", _only_read)
        event.listen(self._writer, "connect", _set_up_writer)
        raise_domain_errors(self._readers)
        raise_domain_errors(self._writer)

    def reading(self) -> Connection:
        return _connect(self._readers)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        with _connect(self._readers) as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                # The state that is seen is that of the first page read.
                connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        if not self._turns.take(self._timeout):
            raise StorageUnavailable
        try:
            with _connect(self._writer) as connection:
                # IMMEDIATE, as a transaction that begins by reading may find that it cannot write any more.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                with _transaction(connection):
                    yield connection
        finally:
            self._turns.pass_on()

    def changing(self, _reading: Connection) -> AbstractContextManager[Connection]:
        return self.writing()

    def close(self) -> None:
        self._readers.dispose()
        self._writer.dispose()


class PostgreSQL(Database):
    """A server: one pool for reading and writing."""

    def __init__(self, url: URL, pool_size: int, pool_timeout: float, *, pooler: bool) -> None:
        self._engine = postgresql_engine(
            url,
            pool_size=pool_size,
            pool_timeout=pool_timeout,
            # Where nothing was begun, there is nothing to take back.
            skip_autocommit_rollback=True,
            connect_args={"cursor_factory": BinaryCursor, "prepare_threshold": None if pooler else 5},
        )
        event.listen(self._engine, "connect", _in_utc)
        if not pooler:
            event.listen(self._engine, "connect", _limit_waiting)
        event.listen(self._engine, "checkout", _require_alive)
        raise_domain_errors(self._engine)

    def reading(self) -> Connection:
        return _connect(self._engine)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        with _connect(self._engine) as connection:
            driver = _driver(connection)
            driver.isolation_level, driver.read_only = IsolationLevel.REPEATABLE_READ, True
            try:
                with _in_transactions(connection):
                    # The state that is seen is that at the first statement.
                    connection.exec_driver_sql("SELECT 1")
                    yield connection
            finally:
                if not connection.invalidated:
                    driver.isolation_level, driver.read_only = None, None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with _connect(self._engine) as connection, _in_transactions(connection), _transaction(connection):
            yield connection

    def changing(self, reading: Connection) -> AbstractContextManager[Connection]:
        return nullcontext(reading)

    def close(self) -> None:
        self._engine.dispose()


def sqlite_engine(url: URL, *, connect_args: Mapping[str, Any] = {}, **options: Any) -> Engine:
    """Make an engine whose connections begin no transaction by themselves."""
    return create_engine(
        url,
        connect_args={"isolation_level": None, "timeout": SQLITE_BUSY_SECONDS, **connect_args},
        max_overflow=0,
        pool_use_lifo=True,
        hide_parameters=True,
        **options,
    )


def postgresql_engine(url: URL, *, connect_args: Mapping[str, Any] = {}, **options: Any) -> Engine:
    """Make an engine whose connections begin no transaction by themselves."""
    defaults = {name: value for name, value in _POSTGRESQL_DEFAULTS.items() if name not in url.query}
    return create_engine(
        url,
        connect_args={**defaults, **connect_args},
        isolation_level="AUTOCOMMIT",
        use_native_hstore=False,
        max_overflow=0,
        pool_use_lifo=True,
        hide_parameters=True,
        **options,
    )


# Any of these can be set in the URL instead.
_POSTGRESQL_DEFAULTS = {
    "application_name": "tasktracker",
    "connect_timeout": 5,
    # A server that vanished without a word is noticed within a minute while nothing is sent, and within 15 seconds
    # of sending something.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


def conninfo(url: str) -> str:
    """Return what a connection beside the pool is made by, with the same defaults. Raises ValueError."""
    parsed = database_url(url)
    address = parsed.translate_connect_args(username="user", database="dbname")
    return make_conninfo(**{**_POSTGRESQL_DEFAULTS, **address, **parsed.query})


def _connect(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except PoolTimeoutError as error:
        raise StorageUnavailable from error


@contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    try:
        yield
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


@contextmanager
def _in_transactions(connection: Connection) -> Iterator[None]:
    """Have the driver send BEGIN before the next statement, until left; what was not committed is undone then."""
    driver = _driver(connection)
    driver.autocommit = False
    try:
        yield
    finally:
        if not connection.invalidated:
            if not driver.closed:
                driver.rollback()
            driver.autocommit = True


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)


def _only_read(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA query_only = ON")


def _set_up_writer(connection: sqlite3.Connection, _record: object) -> None:
    # Readers and the writer do not wait for each other. The file remembers it.
    _switch_to_wal(connection)
    # What was committed survives a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    # Of several that switch a new file, SQLite has all but one fail at once, whatever the timeout.
    deadline = time.monotonic() + SQLITE_BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


class BinaryCursor(psycopg.Cursor[Any]):
    """Fetches values in binary form, which is quicker to read."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.format = Format.BINARY

    @property
    def description(self) -> Any:
        """Say of the columns what SQLAlchemy looks at; all else takes longer to put together than a row to fetch."""
        result = self.pgresult
        if result is None or not result.nfields:
            return None
        return [
            (cast(bytes, result.fname(index)).decode(), result.ftype(index), None, None, None, None, None)
            for index in range(result.nfields)
        ]


def _in_utc(connection: psycopg.Connection[Any], _record: object) -> None:
    # Moments are handed out in the time zone of the session. (PgBouncer takes this along to every server.)
    connection.execute("SET TimeZone = 'UTC'")


def _limit_waiting(connection: psycopg.Connection[Any], _record: object) -> None:
    connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")


def _require_alive(connection: psycopg.Connection[Any], _record: object, _proxy: object) -> None:
    """Have the pool replace its connections if the server closed this one while it lay idle.

    A server has nothing to say on an idle connection but that it is going. Looking costs no round trip.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        raise DisconnectionError
