"""PostgreSQL, with one pool for reading and writing.

Statements are sent through psycopg's libpq wrapper (https://www.psycopg.org/psycopg3/docs/api/pq.html), because a
cursor's overhead per statement is three times as high.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, date, datetime
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
from psycopg.adapt import Dumper, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult
from sqlalchemy import URL, Dialect
from sqlalchemy.dialects.postgresql import psycopg as dialects

from tasktracker.adapters.sql import bounded
from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.database import FIND_REVISION, Database, Pool, require_revision
from tasktracker.adapters.sql.driver import Driver
from tasktracker.adapters.sql.statements import Compiled, Row, Statements
from tasktracker.adapters.sql.violations import READ_ONLY
from tasktracker.domain.kernel import deadline
from tasktracker.domain.kernel.deadline import Deadline
from tasktracker.domain.kernel.errors import StorageUnavailable

# The server ends the wait for a lock at the deadline. The client waits this much longer for the answer, because it must
# close a connection whose statement has not ended.
GRACE_SECONDS = 0.3
# The server ends transactions that do nothing for this time: their client is lost, and they may hold locks.
MAX_IDLE_SECONDS = 30
# A snapshot holds no locks, and waits while the client of an export reads.
MAX_IDLE_SNAPSHOT_SECONDS = 120
# The server limits how long a transaction waits for each lock. The limit should be the time until the deadline. If this
# differs from the setting of the connection by less than these seconds, the setting is exact enough.
LOCK_TOLERANCE = 0.25
# Prepared statements per connection. Each of them takes memory on the server.
MAX_PREPARED = 200

# The URL can override each of these.
DEFAULTS = {
    "application_name": "tasktracker",
    "connect_timeout": 5,
    # A server that disappears without closing the connection is noticed within a minute on an idle connection, and
    # within 15 seconds after sending data.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


def _moment(value: datetime) -> bytes:
    if value.tzinfo is None:
        raise ValueError("a time without an offset cannot be stored")
    # PostgreSQL does not accept every UTC offset that Python allows.
    return (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat().encode()


# All values are sent as text; the statements determine their types.
_DUMPS: dict[type, Callable[[Any], bytes]] = {
    str: str.encode,
    UUID: lambda value: value.hex.encode(),
    datetime: _moment,
    date: lambda value: value.isoformat().encode(),
    int: lambda value: b"%d" % value,
    bool: lambda value: b"t" if value else b"f",
    bytes: lambda value: b"\\x" + value.hex().encode(),
}


def _dump(value: Any) -> bytes | None:
    return None if value is None else _DUMPS[type(value)](value)


class _Dumped(Dumper):
    """Passes bytes from `_dump` through unchanged."""

    def dump(self, value: bytes) -> bytes:
        return value


_DIALECT: Dialect = dialects.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
# Whether libpq can close a prepared statement without SQL. It can since version 17.
_CAN_CLOSE = psycopg.capabilities.has_send_close_prepared()
_DONE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


class PostgresDriver(Driver):
    """Runs statements through libpq, in autocommit mode unless a transaction is open."""

    dialect = "postgresql"
    statements = Statements(_DIALECT, _dump)

    def __init__(self, connection: bounded.Connection, until: Deadline, *, prepares: bool) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._prepares = prepares
        self._prepared: dict[Compiled, bytes] = {}
        self._numbers = count()
        self._transformer = Transformer(connection)
        self._until = until
        self._bounded = bounded.BoundedCalls(connection)
        self._poll = select.poll()
        self._poll.register(connection.fileno(), select.POLLIN)

    def set_deadline(self, until: Deadline) -> None:
        self._until = until

    def fetch(self, compiled: Compiled, values: list[Any]) -> Sequence[Row]:
        result = self._run_compiled(compiled, values)
        number = result.ntuples
        if not number:
            return []
        self._transformer.set_pgresult(result)
        rows = self._transformer.load_rows(0, number, tuple)
        self._transformer.set_pgresult(None)
        return rows

    def change(self, compiled: Compiled, values: list[Any]) -> int:
        return self._run_compiled(compiled, values).command_tuples or 0

    def change_all(self, compiled: Compiled, rows: list[list[Any]]) -> None:
        # A cursor sends many statements without waiting for each result. This saves more than its overhead.
        with psycopg.RawCursor(self._connection) as cursor:
            self._bounded.call(self._until.at + GRACE_SECONDS, cursor.executemany, compiled.text, rows)

    def run(self, command: str) -> Any:
        result = self._execute(self._pgconn.exec_, command.encode())
        value = result.get_value(0, 0) if result.ntuples else None
        return None if value is None else value.decode()

    @property
    def is_lost(self) -> bool:
        return self._pgconn.status == ConnStatus.BAD

    @property
    def is_idle(self) -> bool:
        return self._pgconn.transaction_status == TransactionStatus.IDLE

    def is_alive(self) -> bool:
        # On an idle connection, a server sends data only to announce its shutdown. Polling needs no round trip.
        return not self._poll.poll(0)

    def close(self) -> None:
        self._bounded.close()

    def _run_compiled(self, compiled: Compiled, values: list[Any]) -> PGresult:
        if not self._prepares or compiled.is_single_use:
            return self._execute(self._pgconn.exec_params, compiled.text.encode(), values, None, None, Format.BINARY)
        name = self._prepared.get(compiled) or self._prepare(compiled)
        return self._execute(self._pgconn.exec_prepared, name, values, None, Format.BINARY)

    def _prepare(self, compiled: Compiled) -> bytes:
        if len(self._prepared) >= MAX_PREPARED:
            # Drop the oldest. (DEALLOCATE ALL would also drop the prepared statements of psycopg's cursors.)
            self._drop(self._prepared.pop(next(iter(self._prepared))))
        name = b"s%d" % next(self._numbers)
        self._execute(self._pgconn.prepare, name, compiled.text.encode())
        self._prepared[compiled] = name
        return name

    def _drop(self, name: bytes) -> None:
        if _CAN_CLOSE:
            self._execute(self._pgconn.close_prepared, name)
        else:  # a pooler does not track this
            self.run(f"DEALLOCATE {name.decode()}")

    def _execute(self, function: Callable[..., PGresult], *args: Any) -> PGresult:
        """Call a function of libpq, which waits for its result."""
        result = self._bounded.call(self._until.at + GRACE_SECONDS, function, *args)
        if result.status not in _DONE:
            raise error_from_result(result)
        return result


class PostgreSQL(Database):
    """Implements Database with one pool for reading and writing."""

    def __init__(self, url: URL, pool_size: int, wait_seconds: float, *, pooler: bool, revision: str | None) -> None:
        _, options = _DIALECT.create_connect_args(url)
        self._options = {**DEFAULTS, **options, "client_encoding": "utf8"}
        self._wait = wait_seconds
        self._pooler = pooler
        self._revision = revision
        self._pool = Pool(self._connect, pool_size, wait_seconds)

    def reading(self) -> AbstractContextManager[Connection]:
        return self._pool.lease()

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        with self._pool.lease() as connection, connection.transaction(begin):
            # The snapshot is taken at the first statement.
            connection.run(
                f"SELECT set_config('idle_in_transaction_session_timeout', '{MAX_IDLE_SNAPSHOT_SECONDS}s', true)"
            )
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self._pool.lease(is_writing=True) as connection, self._transaction(connection):
            yield connection

    @contextmanager
    def changing(self, reading: Connection) -> Iterator[Connection]:
        with closing(Connection(reading.driver, is_writing=True)) as connection, self._transaction(connection):
            yield connection

    def check(self) -> None:
        with self._pool.lease() as connection:
            # On in a standby, too.
            if connection.run("SHOW transaction_read_only") == "on":
                connection.driver.close()
                raise StorageUnavailable(READ_ONLY)
            require_revision(connection.run(FIND_REVISION), self._revision)

    @property
    def in_use(self) -> int:
        return self._pool.in_use

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def _transaction(self, connection: Connection) -> Iterator[None]:
        """Open a transaction in a schema of the right revision. Raises StorageUnavailable."""
        try:
            with connection.transaction(self._begin()) as found:
                if self._revision:
                    require_revision(found, self._revision)
                yield
        except StorageUnavailable as error:
            if isinstance(error.__cause__, psycopg.errors.ReadOnlySqlTransaction):
                # The next connection may reach another host, or a host with other defaults.
                connection.driver.close()
            raise

    def _begin(self) -> str:
        """Return the commands that begin a transaction, as one text: each separate command takes a round trip."""
        commands = ["BEGIN"]
        seconds = deadline.current().remaining(self._wait)
        if self._pooler or seconds <= self._wait - LOCK_TOLERANCE:
            commands.append(f"SET LOCAL lock_timeout = {max(1, int(1000 * seconds))}")
        if self._revision:
            # Reading the revision locks its table against a migration until the transaction ends. The transaction gets
            # its number before it reads anything else. So jobs that it does not see wait for its end.
            commands.append(FIND_REVISION.replace(" FROM", ", pg_current_xact_id() FROM"))
        return "; ".join(commands)

    def _connect(self, until: Deadline) -> PostgresDriver:
        connection = bounded.connect(self._options, until.remaining(self._wait) + GRACE_SECONDS)
        connection.adapters.register_dumper(bytes, _Dumped)
        if self._pooler:
            connection.prepare_threshold = None
        driver = PostgresDriver(connection, until, prepares=not self._pooler)
        try:
            # Times are returned in the time zone of the session. (PgBouncer applies it to every server connection.)
            settings = {"TimeZone": "'UTC'"}
            if not self._pooler:
                # The limits also end statements that the server still runs for a connection that was closed after its
                # deadline.
                settings["lock_timeout"] = f"'{int(1000 * self._wait)}ms'"
                settings["statement_timeout"] = f"'{bounded.MAX_STATEMENT_SECONDS}s'"
                settings["idle_in_transaction_session_timeout"] = f"'{MAX_IDLE_SECONDS}s'"
                # Planning a page for its values takes as long as reading it, and gives the same plan.
                settings["plan_cache_mode"] = "force_generic_plan"
                # Such a plan does not know how few tasks LIMIT asks for. For a user with most tasks of the database, it
                # would start processes for each page, which takes ten times as long as reading it.
                settings["max_parallel_workers_per_gather"] = "0"
            driver.run("; ".join(f"SET {name} = {value}" for name, value in settings.items()))
        except BaseException:
            driver.close()
            raise
        return driver
