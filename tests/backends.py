"""The storages that the contracts run on: memory, SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest

from tasktracker.adapters.memory.rate_limiter import MemoryRateLimiter
from tasktracker.adapters.memory.store import MemoryStore
from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.rate_limiter import SqlRateLimiter
from tasktracker.adapters.sql.schema import metadata
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.adapters.system import Uuid7Generator
from tasktracker.domain.throttling.ports import RateLimiter
from tasktracker.domain.work import Storage
from tests.fakes import START, ManualClock, RecordingAuditLog, SequentialIds
from tests.http import migrated

NAMES = ("memory", "sqlite", "postgresql")
TABLES = [table.name for table in reversed(metadata.sorted_tables)]

on_sql = pytest.mark.parametrize("backend", NAMES[1:], indirect=True)
on_postgresql = pytest.mark.parametrize("backend", NAMES[2:], indirect=True)

# For HTTP tests that do not depend on the storage. For example, bad input is refused before it reaches a storage.
http_on_memory = pytest.mark.parametrize("shared", NAMES[:1], indirect=True)


@dataclass
class Backend:
    """A storage that many tests share: creating a database takes longer than a test."""

    name: str
    url: str
    store: Storage
    limiter: RateLimiter
    clock: ManualClock
    audit_log: RecordingAuditLog
    _delete_rows: Callable[[], None] = field(default=lambda: None)
    _query: Callable[[str], list[tuple[Any, ...]]] = field(default=lambda _: [])

    def reset(self) -> None:
        """Delete all rows and set the clock to `START`."""
        self.clock.set(START)
        self.audit_log.events.clear()
        if self.name == "memory":
            self.store = MemoryStore(self.clock, SequentialIds(), self.audit_log)
            self.limiter = MemoryRateLimiter()
        self._delete_rows()

    def check(self) -> None:
        """Require that a database has counted what users own, and that the history of a task has its last version."""
        if self.name != "memory":
            # What is removed is not counted any more.
            users = "(SELECT id FROM users WHERE removed_at IS NULL)"
            counted = {
                user_id: counts
                for user_id, *counts in self._query(
                    f"SELECT user_id, tasks, categories, bytes FROM feeds WHERE user_id IN {users}"
                )
                if any(counts)
            }
            stored: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0])
            for owner, title, description in self._query(
                f"SELECT owner, title, description FROM tasks WHERE owner IN {users}"
            ):
                stored[owner][0] += 1
                stored[owner][2] += len(f"{title}{description}".encode())
            for (owner,) in self._query(f"SELECT user_id FROM categories WHERE user_id IN {users}"):
                stored[owner][1] += 1
            assert counted == stored
            # A task has no history if the test stored it without one.
            newest = "(SELECT task_id, max(version) AS version FROM task_changes GROUP BY task_id)"
            assert (
                self._query(
                    f"SELECT tasks.id FROM tasks JOIN {newest} AS newest ON newest.task_id = tasks.id"
                    " WHERE newest.version < tasks.version"
                )
                == []
            ), "a change without an entry in the history"

    def another_store(self) -> SqlStore:
        """Return a second store on the same database, like that of another process. The caller closes it."""
        return SqlStore(open_database(self.url), self.clock, Uuid7Generator())

    def store_waking(self, jobs_added: Event | None = None, deliveries_added: Event | None = None) -> Storage:
        """Return a store that sets the events when it has committed a job or a delivery. The caller closes it."""
        woken: Any = {"jobs_added": jobs_added, "deliveries_added": deliveries_added}
        if self.name == "memory":
            return MemoryStore(self.clock, SequentialIds(), **woken)
        return SqlStore(open_database(self.url), self.clock, Uuid7Generator(), **woken)


def memory() -> Backend:
    clock, audit_log = ManualClock(), RecordingAuditLog()
    store = MemoryStore(clock, SequentialIds(), audit_log)
    return Backend("memory", "memory://", store, MemoryRateLimiter(), clock, audit_log)


@contextmanager
def sqlite(file: Path) -> Iterator[Backend]:
    url = migrated(f"sqlite:///{file}")
    # One connection for all tests: each new one parses the schema.
    with closing(sqlite3.connect(file, check_same_thread=False)) as connection:

        def delete_rows() -> None:
            with connection:
                for table in TABLES:
                    connection.execute(f"DELETE FROM {table}")

        def query(statement: str) -> list[tuple[Any, ...]]:
            return connection.execute(statement).fetchall()

        with _sql("sqlite", url, delete_rows, query) as backend:
            yield backend


@contextmanager
def postgresql(url: str) -> Iterator[Backend]:
    """`url`: a migrated database."""
    deletions = "".join(f"DELETE FROM {table}; " for table in TABLES)
    function = f"FUNCTION pg_temp.delete_rows() RETURNS void LANGUAGE plpgsql AS $$ BEGIN {deletions}END $$"
    with psycopg.connect(url, autocommit=True) as connection:
        # A function keeps its plans: planning takes longer than deleting the few rows.
        connection.execute(f"CREATE {function}".encode())

        def delete_rows() -> None:
            connection.execute(b"SELECT pg_temp.delete_rows()")

        def query(statement: str) -> list[tuple[Any, ...]]:
            return connection.execute(statement.encode()).fetchall()

        with _sql("postgresql", url, delete_rows, query) as backend:
            yield backend


@contextmanager
def _sql(
    name: str, url: str, delete_rows: Callable[[], None], query: Callable[[str], list[tuple[Any, ...]]]
) -> Iterator[Backend]:
    clock, audit_log = ManualClock(), RecordingAuditLog()
    database = open_database(url)
    store = SqlStore(database, clock, Uuid7Generator(), audit_log)
    yield Backend(name, url, store, SqlRateLimiter(database), clock, audit_log, delete_rows, query)
    store.close()
