"""The storage of the baseline: the statements of the server, run directly by psycopg or sqlite3.

They are the statements that SQLAlchemy compiles for the server, without casts that PostgreSQL does not need.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import psycopg

from tasktracker.adapters.events.postgresql import PostgresChangeNotifier
from tasktracker.adapters.sql.engine import conninfo
from tasktracker.adapters.sql.fair_lock import FairLock

TASK_COLUMNS = (
    *("id", "title", "description", "priority", "state", "due_date", "category", "parent", "root", "members"),
    *("created_by", "created_at", "updated_at", "completed_at", "trashed_at", "trashed_with", "version"),
)
TASK = ", ".join(f"tasks.{name}" for name in TASK_COLUMNS)
SESSION = "id, user_id, device, generation, confirmed_generation, created_at, rotated_at, idle_until, ends_at"


Wake = Callable[[str], object]


class Statements:
    """The statements. The handlers depend on the order of the columns."""

    admit = (
        "SELECT sessions.confirmed_generation FROM sessions JOIN users ON users.id = sessions.user_id"
        " WHERE sessions.id = %(session_id)s AND sessions.user_id = %(user_id)s"
        " AND sessions.generation >= %(generation)s AND sessions.idle_until > %(now)s AND sessions.ends_at > %(now)s"
        " AND users.is_active"
    )
    confirm = (
        "UPDATE sessions SET confirmed_generation = %(confirmed)s"
        " WHERE id = %(session_id)s AND confirmed_generation < %(confirmed)s"
    )
    secret = "SELECT value FROM secrets WHERE name = 'cursors'"  # noqa: S105  # a statement
    profile = (
        "SELECT id, username, email, first_name, last_name, time_zone, is_admin, is_active, password_hash, created_at,"
        " version FROM users WHERE id = %(id)s"
    )
    lock_session = f"SELECT {SESSION} FROM sessions WHERE id = %(id)s FOR UPDATE"  # noqa: S608  # a name from above
    save_session = (
        "UPDATE sessions SET generation = %(generation)s, confirmed_generation = %(confirmed)s,"
        " rotated_at = %(rotated_at)s, idle_until = %(idle_until)s WHERE id = %(id)s AND generation <= %(generation)s"
    )
    tasks = (
        f"SELECT {TASK} FROM task_entries JOIN tasks ON tasks.id = task_entries.task_id"  # noqa: S608
        " WHERE task_entries.user_id = %(user_id)s AND task_entries.trashed_at IS NULL"
        " ORDER BY task_entries.created_at DESC, task_entries.task_id DESC LIMIT %(limit)s"
    )
    task = f"SELECT {TASK} FROM tasks WHERE id = %(id)s"  # noqa: S608
    lock_task = f"{task} FOR UPDATE"
    add_task = (
        "INSERT INTO tasks (id, title, description, search, priority, state, due_date, category, parent, root, members,"
        " created_by, created_at, updated_at, completed_at, trashed_at, trashed_with, version) VALUES (%(id)s,"
        " %(title)s, %(description)s, %(search)s, %(priority)s, %(state)s, %(due_date)s, %(category)s, %(parent)s,"
        " %(root)s, %(members)s, %(created_by)s, %(created_at)s, %(updated_at)s, %(completed_at)s, %(trashed_at)s,"
        " %(trashed_with)s, %(version)s)"
    )
    add_entry = (
        "INSERT INTO task_entries (task_id, user_id, role, title_key, priority, state, due_date, category, parent,"
        " created_at, updated_at, trashed_at) VALUES (%(id)s, %(created_by)s, 'owner', %(title_key)s, %(priority)s,"
        " %(state)s, %(due_date)s, %(category)s, %(parent)s, %(created_at)s, %(updated_at)s, %(trashed_at)s)"
    )
    save_task = (
        "UPDATE tasks SET title = %(title)s, description = %(description)s, search = %(search)s,"
        " priority = %(priority)s, state = %(state)s, due_date = %(due_date)s, category = %(category)s,"
        " parent = %(parent)s, root = %(root)s, members = %(members)s, updated_at = %(updated_at)s,"
        " completed_at = %(completed_at)s, trashed_at = %(trashed_at)s, trashed_with = %(trashed_with)s,"
        " version = %(version)s WHERE id = %(id)s AND version = %(version)s - 1"
    )
    save_entries = (
        "UPDATE task_entries SET title_key = %(title_key)s, priority = %(priority)s, state = %(state)s,"
        " due_date = %(due_date)s, category = CASE WHEN role = 'owner' THEN %(category)s::uuid END,"
        " parent = %(parent)s, updated_at = %(updated_at)s, trashed_at = %(trashed_at)s WHERE task_id = %(id)s"
    )
    add_change = (
        "INSERT INTO task_changes (id, task_id, at, action, version, actor, session_id, token_id, fields) VALUES"
        " (%(change_id)s, %(id)s, %(updated_at)s, %(action)s, %(version)s, %(actor)s, %(session_id)s, NULL,"
        " %(fields)s)"
    )
    advance = (
        "INSERT INTO feeds (user_id, head) VALUES (%(user_id)s, 1) ON CONFLICT (user_id)"
        " DO UPDATE SET head = feeds.head + excluded.head"
        " RETURNING head"
    )
    place = (
        "INSERT INTO feed_items (user_id, type, id, sequence, version, op, reason, recorded_at) VALUES (%(user_id)s,"
        " 'task', %(id)s, %(sequence)s, %(version)s, 'upsert', NULL, %(now)s) ON CONFLICT (user_id, type, id)"
        " DO UPDATE SET sequence = excluded.sequence, version = excluded.version, op = excluded.op,"
        " reason = excluded.reason, recorded_at = excluded.recorded_at"
    )
    feed_state = (
        "SELECT (SELECT head FROM feeds WHERE user_id = %(user_id)s), (SELECT value FROM secrets WHERE name = 'epoch')"
    )
    feed_page = (
        "SELECT feed_items.sequence, feed_items.user_id, feed_items.type, feed_items.id, feed_items.version,"  # noqa: S608
        f" feed_items.op, feed_items.reason, {TASK}, categories.id, categories.user_id, categories.name,"
        " categories.description, categories.color, categories.created_at, categories.updated_at, categories.version"
        " FROM feed_items LEFT OUTER JOIN tasks ON feed_items.type = 'task' AND feed_items.op = 'upsert'"
        " AND tasks.id = feed_items.id LEFT OUTER JOIN categories ON feed_items.type = 'category'"
        " AND feed_items.op = 'upsert' AND categories.id = feed_items.id"
        " WHERE feed_items.user_id = %(user_id)s AND feed_items.sequence > %(after)s"
        " AND (feed_items.op = 'upsert' OR feed_items.sequence > %(began)s)"
        " ORDER BY feed_items.sequence LIMIT %(limit)s"
    )


class Postgres:
    """PostgreSQL, with one connection for each thread."""

    sql: Any = Statements

    def __init__(self, url: str, wake: Wake) -> None:
        self._url = url
        self._local = threading.local()
        self._connections: list[psycopg.Connection[Any]] = []
        # Publishes and listens as the server does.
        self._events = PostgresChangeNotifier(conninfo(url))

        def on_change(users: Collection[UUID] | None) -> None:
            for user in users or ():
                wake(str(user))

        self._events.open(on_change)

    def close(self) -> None:
        """Stop listening and close the connections."""
        self._events.close()
        for connection in self._connections:
            connection.close()

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """Yield a cursor without a transaction around its statements."""
        yield self._cursor()

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """Yield a cursor in a transaction."""
        cursor = self._cursor()
        with cursor.connection.transaction():
            yield cursor

    def notify(self, user_id: UUID) -> None:
        """Notify all processes of a change in the feed of a user, this one included."""
        self._events.publish([user_id])

    def from_token(self, value: UUID) -> Any:
        """Return an id of a token in the form that answers and comparisons use."""
        return value

    def id(self, value: Any) -> Any:
        """Return a stored id in the same form."""
        return value

    def moment(self, value: Any) -> Any:
        """Return a stored time as a datetime."""
        return value

    def task(self, row: Any) -> Any:
        """Return a row of a task with its ids and times converted."""
        return row

    def _cursor(self) -> psycopg.Cursor[Any]:
        try:
            cursor: psycopg.Cursor[Any] = self._local.cursor
        except AttributeError:
            connection = psycopg.connect(self._url, autocommit=True)
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET lock_timeout = '5s'")
            self._connections.append(connection)
            cursor = self._local.cursor = connection.cursor(binary=True)
        return cursor


class Sqlite:
    """SQLite, with one connection for each thread to read, and one connection to write behind a fair lock."""

    sql: Any = SimpleNamespace(
        **{
            name: re.sub(r"%\((\w+)\)s(::uuid)?| FOR UPDATE", lambda found: (found[1] and f":{found[1]}") or "", text)
            for name, text in vars(Statements).items()
            if not name.startswith("_")
        }
    )

    def __init__(self, url: str, wake: Wake) -> None:
        sqlite3.register_adapter(UUID, lambda value: value.hex)
        sqlite3.register_adapter(datetime, lambda value: value.isoformat(" ", "microseconds"))
        self._path = url.removeprefix("sqlite:///")
        self._wake = wake
        self._local = threading.local()
        self._turns = FairLock()
        self._connections: list[sqlite3.Connection] = []
        self._writer = self._connect()
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            self._writer.execute(f"PRAGMA {pragma}")

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """Yield a cursor without a transaction around its statements."""
        try:
            cursor = self._local.cursor
        except AttributeError:
            connection = self._connect()
            connection.execute("PRAGMA query_only = ON")
            cursor = self._local.cursor = connection.cursor()
        yield cursor

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """Yield a cursor in a transaction."""
        if not self._turns.acquire(5):
            raise TimeoutError
        try:
            cursor = self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
                self._writer.execute("COMMIT")
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
        finally:
            self._turns.release()

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections:
            connection.close()

    def notify(self, user_id: UUID) -> None:
        """Notify this process of a change in the feed of a user."""
        self._wake(str(user_id))

    def from_token(self, value: UUID) -> Any:
        """Return an id of a token in the form that answers and comparisons use."""
        return str(value)

    def id(self, value: Any) -> Any:
        """Return a stored id in the same form."""
        return value and f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"

    def moment(self, value: Any) -> Any:
        """Return a stored time as a datetime."""
        return value and datetime.fromisoformat(value)

    def task(self, row: Any) -> Any:
        """Return a row of a task with its ids and times converted."""
        (key, title, text, priority, state, due, category, parent, root, members, by, *moments, gone, of, version) = row
        (due, *moments) = map(self.moment, (due, *moments))
        (key, category, parent, by) = map(self.id, (key, category, parent, by))
        started = (key, title, text, priority, state, due, category, parent, root, members, by)
        return (*started, *moments, gone, of, version)

    def _connect(self) -> sqlite3.Connection:
        # No two threads use it concurrently, but another thread closes it.
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=5, check_same_thread=False)
        self._connections.append(connection)
        return connection
