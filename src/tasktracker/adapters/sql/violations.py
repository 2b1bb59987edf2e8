"""Translates errors of drivers into domain errors."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping
from errno import EMFILE, ENFILE
from typing import Any, cast

import psycopg
from sqlalchemy import Engine, Executable, Insert, PrimaryKeyConstraint, Table, UniqueConstraint, Update, event

from tasktracker.adapters.sql.schema import categories, metadata, tasks, users
from tasktracker.domain.kernel.errors import (
    CategoryNameTaken,
    DomainError,
    EmailTaken,
    IdTaken,
    InvalidInput,
    SessionEnded,
    StorageFull,
    StorageUnavailable,
    UsernameTaken,
)

VIOLATIONS: dict[str, Callable[[], DomainError]] = {
    "uq_users_username_key": UsernameTaken,
    "uq_users_email_key": EmailTaken,
    "uq_categories_user_id_name_key": CategoryNameTaken,
    "pk_categories": IdTaken,
    "pk_tasks": IdTaken,
    "pk_reminders": IdTaken,
    "fk_tasks_category": lambda: InvalidInput.of("category", "is not one of your categories"),
    # The user was removed after this unit of work began.
    "fk_sessions_user_id": SessionEnded,
    "fk_categories_user_id": SessionEnded,
    "fk_category_members_user_id": lambda: InvalidInput.of("username", "does not match a user"),
    "fk_tasks_owner": SessionEnded,
    "fk_tasks_parent": lambda: InvalidInput.of("parent", "is not one of your tasks"),
    "fk_task_entries_user_id": lambda: InvalidInput.of("username", "does not match a user"),
    "fk_task_changes_actor": SessionEnded,
    "fk_idempotency_keys_user_id": SessionEnded,
    "fk_feeds_user_id": SessionEnded,
    "fk_tickets_session_id": SessionEnded,
    "fk_feed_items_user_id": SessionEnded,
    "fk_second_factors_user_id": SessionEnded,
    "fk_api_tokens_user_id": SessionEnded,
    "fk_one_time_links_user_id": SessionEnded,
    "fk_invites_created_by": SessionEnded,
    "fk_share_invitations_invited_by": SessionEnded,
    "fk_auth_events_user_id": SessionEnded,
    "fk_import_jobs_user_id": SessionEnded,
    "fk_deliveries_user_id": SessionEnded,
    "fk_reminders_user_id": SessionEnded,
    "fk_notifications_user_id": SessionEnded,
    "fk_notification_preferences_user_id": SessionEnded,
}

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_DISK_FULL = "53100"
_TEMPORARY = (
    "08",  # connection exceptions
    "25P03",  # idle_in_transaction_session_timeout
    "25P04",  # transaction_timeout
    "40001",  # serialization_failure
    "40P01",  # deadlock_detected
    "53",  # insufficient resources
    "55P03",  # lock_not_available
    "57014",  # query_canceled
    "57P",  # operator intervention, such as a shutdown
    "42501",  # insufficient_privilege
)

# A standby, or default_transaction_read_only.
_READ_ONLY = "25006"

# https://www.sqlite.org/rescode.html
_SQLITE_UNUSABLE = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
)

_REVISION_TABLE = "alembic_version"

# Texts in the messages of libpq, PostgreSQL and SQLite, and advice for an operator.
_ADVICE = (
    ("SSL|sslmode|certificate", "Correct `sslmode` or the certificates in DATABASE_URL."),
    ("password", "Correct the user or the password in DATABASE_URL."),
    ("(role|database) .* does not exist", "Create it, or correct DATABASE_URL."),
    ("pg_hba.conf", "Allow the connection in pg_hba.conf of the database server."),
    ("permission denied", "Grant the rights to the role, or make it the owner of the database."),
    ("read-?only", "Correct the database's settings, or the host in DATABASE_URL."),
    ("not a database|malformed|disk image", "Correct DATABASE_URL, or restore a backup."),
    ("locked", "Stop the server and other programs that use the file, and try again."),
    ("", "Check that the database runs and that DATABASE_URL is correct."),
)

READ_ONLY = "The database is read-only."
NO_SCHEMA = "The database has no schema yet: it must be migrated."


def raise_unavailable(engine: Engine) -> None:
    """Make an engine raise StorageUnavailable and StorageFull. Other errors remain unchanged."""
    event.listen(
        engine,
        "handle_error",
        lambda context: unavailable(context.original_exception, is_lost=context.is_disconnect),
    )


def unavailable(error: BaseException, *, is_lost: bool) -> DomainError | None:
    """Return the domain error if the database itself failed or the connection was lost, or None."""
    if isinstance(error, sqlite3.Error):
        # The low byte is the kind of error; the rest is detail. Errors of the Python module itself have no code.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            return StorageFull()
        if code in (sqlite3.SQLITE_READONLY, *_SQLITE_UNUSABLE):
            return StorageUnavailable(READ_ONLY if code == sqlite3.SQLITE_READONLY else None, reason=explain(error))
    elif isinstance(error, psycopg.Error):
        state = error.sqlstate
        if state == _DISK_FULL:
            return StorageFull()
        if state == _READ_ONLY:
            return StorageUnavailable(READ_ONLY, reason=explain(error))
        # An error without an SQLSTATE is not from the server. It means that the server cannot be reached.
        is_lost = is_lost or (state is None and isinstance(error, psycopg.OperationalError))
        if is_lost or (state or "").startswith(_TEMPORARY):
            return StorageUnavailable(reason=explain(error))
    elif isinstance(error, OSError) and error.errno in (EMFILE, ENFILE):
        # The process has no free descriptor for a new connection. Some connections will be closed soon.
        return StorageUnavailable(reason=explain(error))
    if _REVISION_TABLE in str(error) and isinstance(error, sqlite3.OperationalError | psycopg.errors.UndefinedTable):
        return StorageUnavailable(NO_SCHEMA)
    return None


def explain(error: BaseException) -> str:
    """Return the driver's message, and advice for the operator. Messages of drivers contain no password."""
    message = " ".join(str(error).split())
    advice = next(advice for pattern, advice in _ADVICE if re.search(pattern, message))
    return f"{message}{'' if message.endswith(('.', '?')) else '.'} {advice}"


def is_lock_timeout(error: StorageUnavailable) -> bool:
    """Return whether only the wait for another transaction's lock timed out."""
    return isinstance(error.__cause__, psycopg.errors.LockNotAvailable)


def violated(error: BaseException, statement: Executable | None, parameters: Mapping[str, Any]) -> DomainError | None:
    """Return the domain error if an insert or update violates a constraint, or None."""
    # Deleting a row that others refer to is a bug of the program, not an invalid value.
    if not isinstance(statement, Insert | Update):
        return None
    name = None
    if isinstance(error, psycopg.IntegrityError):
        name = error.diag.constraint_name
    elif isinstance(error, sqlite3.IntegrityError):
        if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
            name = _foreign_key(cast(Table, statement.table), parameters)
        else:
            name = _unique(str(error))
    violation = VIOLATIONS.get(name or "")
    return violation() if violation else None


def _unique(message: str) -> str | None:
    """Find the constraint in a message like "UNIQUE constraint failed: categories.user_id, categories.name_key"."""
    columns = re.findall(r"(\w+)\.(\w+)", message.partition("UNIQUE constraint failed: ")[2])
    return _CONSTRAINT_BY_COLUMNS.get(frozenset(columns))


_CONSTRAINT_BY_COLUMNS = {
    frozenset((table.name, column.name) for column in constraint.columns): str(constraint.name)
    for table in metadata.tables.values()
    for constraint in table.constraints
    if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint)
}


def _foreign_key(table: Table, values: Mapping[str, Any]) -> str | None:
    """Find the violated foreign key, which SQLite does not name. It is of the category or parent, if one is set."""
    referred = users
    if table is tasks:
        filed, nested = values.get("category") is not None, values.get("parent") is not None
        referred = categories if filed else tasks if nested else users
    for constraint in table.foreign_key_constraints:
        if constraint.referred_table is referred:
            return str(constraint.name)
    return None
