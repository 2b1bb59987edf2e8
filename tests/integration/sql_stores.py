"""Stores on SQLite and PostgreSQL for contracts to run on.

A test module imports the fixtures `sqlite` and `postgresql` along with the classes that use them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tasktracker.adapters.sql import migrate
from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.rate_limiter import SqlRateLimiter
from tasktracker.adapters.sql.schema import metadata
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.adapters.system import Uuid7Generator
from tasktracker.domain.throttling.ports import RateLimiter
from tasktracker.domain.work import Storage
from tests.contracts.base import Contract
from tests.fakes import START, ManualClock, RecordingAuditLog
from tests.postgres import DatabaseFactory

TABLES = [table.name for table in reversed(metadata.sorted_tables)]


@dataclass
class Shared:
    """A store that one test after the other uses: making a new database for each would take longer than the test."""

    url: str
    store: SqlStore
    limiter: SqlRateLimiter
    clock: ManualClock
    audit_log: RecordingAuditLog
    empty: Callable[[], None]


def share(url: str, empty: Callable[[], None]) -> Iterator[Shared]:
    migrate.upgrade(url)
    clock = ManualClock()
    audit_log = RecordingAuditLog()
    database = open_database(url)
    store = SqlStore(database, clock, Uuid7Generator(), audit_log)
    yield Shared(url, store, SqlRateLimiter(database), clock, audit_log, empty)
    store.close()


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    file: Path = tmp_path_factory.mktemp("sqlite") / "tasks.db"

    def empty() -> None:
        with closing(sqlite3.connect(file)) as connection, connection:
            for table in TABLES:
                connection.execute(f"DELETE FROM {table}")

    yield from share(f"sqlite:///{file}", empty)


@pytest.fixture(scope="module")
def postgresql(postgres_url_factory: DatabaseFactory) -> Iterator[Shared]:
    url = postgres_url_factory.create_database()

    def empty() -> None:
        with psycopg.connect(url) as connection:
            for table in TABLES:
                connection.execute(f"DELETE FROM {table}".encode())

    yield from share(url, empty)
    postgres_url_factory.drop_database(url)


class OnSqlite(Contract):
    @pytest.fixture
    def shared(self, sqlite: Shared) -> Shared:
        return sqlite

    @pytest.fixture
    def clock(self, shared: Shared) -> ManualClock:
        shared.clock.set(START)
        return shared.clock

    @pytest.fixture
    def audit_log(self, shared: Shared) -> RecordingAuditLog:
        return shared.audit_log

    @pytest.fixture
    def store(self, shared: Shared, clock: ManualClock, audit_log: RecordingAuditLog) -> Storage:
        shared.empty()
        audit_log.events.clear()
        return shared.store

    @pytest.fixture
    def limiter(self, shared: Shared, store: Storage) -> RateLimiter:
        return shared.limiter


class OnPostgreSQL(OnSqlite):
    @pytest.fixture
    def shared(self, postgresql: Shared) -> Shared:
        return postgresql
