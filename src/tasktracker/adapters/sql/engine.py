"""Opens databases, and SQLAlchemy engines for migrating them."""

from __future__ import annotations

from functools import partial
from typing import Any

from psycopg.conninfo import make_conninfo
from sqlalchemy import URL, Engine, create_engine

from tasktracker.adapters.sql import postgresql, sqlite
from tasktracker.adapters.sql.database import Database
from tasktracker.adapters.sql.schema import REVISION
from tasktracker.adapters.sql.sqlite_file import connect
from tasktracker.adapters.sql.urls import SQLITE, database_url


def open_database(
    url: str, *, pool_size: int = 10, wait_seconds: float = 5.0, pooler: bool = False, revision: str | None = REVISION
) -> Database:
    """Open a database. The first connection is made at the first use.

    At most `pool_size` connections are open, plus one for writing in SQLite. A unit of work raises StorageUnavailable
    when it waits for a connection or a lock longer than `wait_seconds`. It also raises it when any wait exceeds the
    current deadline (`domain.kernel.deadline`). Set `pooler` if connections go through a pooler in transaction mode,
    such as PgBouncer. Then connections keep neither settings nor prepared statements. Writing requires that the schema
    has the `revision`, unless it is None.

    Raises ValueError for a URL of a database other than PostgreSQL or an SQLite file.
    """
    parsed = database_url(url)
    if parsed.drivername == SQLITE:
        return sqlite.Sqlite(parsed, pool_size, wait_seconds, revision=revision)
    return postgresql.PostgreSQL(parsed, pool_size, wait_seconds, pooler=pooler, revision=revision)


def sqlite_engine(url: URL, *, timeout: float = 5.0, **options: Any) -> Engine:
    """Make an engine for an existing file, whose connections begin no transaction by themselves."""
    return create_engine(
        url, creator=partial(connect, url.database or "", timeout=timeout), hide_parameters=True, **options
    )


def postgresql_engine(url: URL, **options: Any) -> Engine:
    """Make an engine whose connections begin no transaction by themselves."""
    defaults = {name: value for name, value in postgresql.DEFAULTS.items() if name not in url.query}
    return create_engine(
        url,
        connect_args=defaults,
        isolation_level="AUTOCOMMIT",
        use_native_hstore=False,
        hide_parameters=True,
        **options,
    )


def conninfo(url: str) -> str:
    """Return a libpq connection string for a connection outside the pool, with the same defaults. Raises ValueError."""
    parsed = database_url(url)
    address = parsed.translate_connect_args(username="user", database="dbname")
    return make_conninfo(**{**postgresql.DEFAULTS, **address, **parsed.query})
