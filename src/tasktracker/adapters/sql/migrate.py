"""Migrates a database's schema to another revision.

Alembic is imported only for a migration. A server with a current database starts without it, a sixth of a second
faster.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from tasktracker.adapters.sql.engine import postgresql_engine, sqlite_engine
from tasktracker.adapters.sql.schema import REVISION
from tasktracker.adapters.sql.sqlite import switch_to_wal
from tasktracker.adapters.sql.sqlite_file import SqliteFile
from tasktracker.adapters.sql.urls import SQLITE, database_url
from tasktracker.adapters.sql.violations import explain, raise_unavailable
from tasktracker.domain.kernel.errors import StorageUnavailable

if TYPE_CHECKING:
    from alembic.config import Config

# An arbitrary number, the same in every version of Task Tracker.
_LOCK = text("SELECT pg_advisory_xact_lock(7203417519)")
_STOP_SERVERS = text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
_REVISION_TABLE = "alembic_version"
# The time to wait for another process that uses an SQLite file.
BUSY_SECONDS = 5.0

# Alembic keeps its state in a module, so only one thread may use it.
_alembic_lock = Lock()


def head() -> str:
    """Return the revision that this version of the program needs."""
    return REVISION


def current(url: str) -> str | None:
    """Return the database's revision, None before the first migration.

    Raises StorageUnavailable, also for a revision that this version of the program does not know.
    """
    parsed = database_url(url)
    if parsed.drivername == SQLITE and not SqliteFile(parsed.database or "").exists():
        return None
    with _connection(url) as connection:
        found = _current(connection)
    if found is not None and found != REVISION:
        _require_known(found)
    return found


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate to a newer revision in one transaction, one process at a time. Create an SQLite file that is missing.

    Raises StorageUnavailable. Reasons include a schema of a newer version or of another program, an SQLite file that
    another process uses, and a file that cannot be created.
    """
    parsed = database_url(url)
    if parsed.drivername == SQLITE:
        SqliteFile(parsed.database or "").create()
    if current(url) == (REVISION if revision == "head" else revision):
        return
    from alembic import command

    with _locked(url) as connection:
        command.upgrade(alembic_config(connection), revision)


def downgrade(url: str, revision: str) -> None:
    """Migrate back to an older revision. The revision `base` is an empty database. Raises StorageUnavailable."""
    from alembic import command

    with _locked(url) as connection:
        command.downgrade(alembic_config(connection), revision)


def alembic_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, which replaces its `alembic.ini`."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "tasktracker.adapters.sql:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@contextmanager
def _locked(url: str) -> Iterator[Connection]:
    """Open a transaction for migrating. Other processes wait for its end, and then find the database migrated."""
    with _alembic_lock, _connection(url) as connection:
        if connection.dialect.name == SQLITE:
            file = connection.connection.driver_connection
            assert isinstance(file, sqlite3.Connection)
            lock_file(file)
            # A table is altered by building a new one and dropping the old one. Dropping it must not delete rows of
            # other tables.
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("BEGIN")
            connection.execute(_LOCK)
            if inspect(connection).has_table(_REVISION_TABLE):
                # Wait until servers have finished their transactions. The next ones see the new revision.
                connection.execute(_STOP_SERVERS)
        try:
            yield connection
            _require_intact(connection)
        except BaseException:
            connection.rollback()
            raise
        connection.commit()


def _require_intact(connection: Connection) -> None:
    if connection.dialect.name == SQLITE:
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise StorageUnavailable(
                "The schema cannot be migrated.",
                reason=f"The table {broken[0]} refers to rows that do not exist. Restore a backup.",
            )


def lock_file(file: sqlite3.Connection) -> None:
    """Lock an SQLite file for this connection only. Raises StorageUnavailable if another process has it open.

    A connection in WAL mode holds a shared lock until it is closed, and each server has such a connection. A connection
    in exclusive locking mode needs all locks before it can use a file in this mode.
    """
    file.execute("PRAGMA locking_mode = EXCLUSIVE")
    try:
        switch_to_wal(file, BUSY_SECONDS)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        raise StorageUnavailable(
            "The database is in use.",
            reason="A server or another program has the file open: stop it before the database is migrated.",
        ) from error


def is_known(revision: str) -> bool:
    """Return whether this version of the program can upgrade a schema of this revision."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(alembic_config()).walk_revisions()
    return revision in {script.revision for script in scripts}


def _require_known(revision: str) -> None:
    if not is_known(revision):
        raise StorageUnavailable(
            f"The database's schema is at revision {revision}, which this version does not know.",
            reason="A newer version has migrated the database, or it belongs to another program."
            " Install the newer version, or correct DATABASE_URL.",
        )


def _current(connection: Connection) -> str | None:
    tables = inspect(connection).get_table_names()
    if _REVISION_TABLE not in tables:
        if tables and connection.dialect.name == SQLITE:
            raise StorageUnavailable(
                "The database belongs to another program.",
                reason="The SQLite file has tables, but none of this program. Correct DATABASE_URL.",
            )
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


@contextmanager
def _connection(url: str) -> Iterator[Connection]:
    parsed = database_url(url)
    if parsed.drivername == SQLITE:
        SqliteFile(parsed.database or "").require()
        engine = sqlite_engine(parsed, timeout=BUSY_SECONDS, pool_size=1)
    else:
        engine = postgresql_engine(parsed, pool_size=1)
    raise_unavailable(engine)
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        raise StorageUnavailable(reason=explain(error.orig or error)) from error
    finally:
        engine.dispose()
