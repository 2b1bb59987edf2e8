"""The SQL rate limiter deletes old rows, and only those."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import psycopg
import pytest
from sqlalchemy import func, select

from tasktracker.adapters.sql import rate_limiter
from tasktracker.adapters.sql.database import Database
from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.rate_limiter import SqlRateLimiter
from tasktracker.adapters.sql.schema import rate_limits
from tasktracker.domain.throttling.limit import Bucket, Limit
from tasktracker.entrypoints.worker.sweeper import TURN
from tests.contracts.base import BackgroundCall, race
from tests.fakes import START

SECOND = timedelta(seconds=1)
LIMIT = Limit("test", 2, SECOND)
LATER = START + timedelta(hours=1)


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    database = open_database(migrated_url)
    yield database
    database.close()


@pytest.fixture
def limiter(database: Database) -> SqlRateLimiter:
    return SqlRateLimiter(database)


def count(database: Database) -> int:
    with database.reading() as connection:
        number: int = connection.value(select(func.count()).select_from(rate_limits))
        return number


def delete_old_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every attempt delete old rows."""
    monkeypatch.setattr("tasktracker.adapters.sql.rate_limiter._RANDOM.randrange", lambda _: 0)


def test_only_full_buckets_are_deleted(
    limiter: SqlRateLimiter, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasktracker.adapters.sql.rate_limiter._RANDOM.randrange", lambda _: 1)
    for number in range(20):
        limiter.consume(Bucket.of(LIMIT, f"old {number}"), START)
    kept = Bucket.of(LIMIT, "kept")
    assert [limiter.consume(kept, LATER) for _ in range(2)] == [None, None]
    assert count(database) == 21
    delete_old_rows(monkeypatch)
    limiter.consume(Bucket.of(LIMIT, "new"), LATER)
    assert count(database) == 2
    assert limiter.consume(kept, LATER) == SECOND


def test_the_number_of_deleted_buckets_is_limited(
    limiter: SqlRateLimiter, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasktracker.adapters.sql.rate_limiter._RANDOM.randrange", lambda _: 1)
    monkeypatch.setattr(rate_limiter, "MAX_PURGED", 5)
    for number in range(12):
        limiter.consume(Bucket.of(LIMIT, f"old {number}"), START)
    delete_old_rows(monkeypatch)
    limiter.consume(Bucket.of(LIMIT, "new"), LATER)
    assert count(database) == 12 - 5 + 1


def test_one_of_concurrent_servers_may_sweep(database: Database, migrated_url: str) -> None:
    others = [open_database(migrated_url) for _ in range(5)]
    limiters = [SqlRateLimiter(each) for each in (database, *others)]
    for hour in range(3):
        now = START + timedelta(hours=hour)
        turns = race(*(partial(limiter.consume, TURN, now) for limiter in limiters))
        assert sum(turn is None for turn in turns) == 1, turns
        assert all(isinstance(turn, timedelta | None) for turn in turns), turns
    for each in others:
        each.close()


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_a_locked_bucket_is_neither_awaited_nor_deleted(
    limiter: SqlRateLimiter, database: Database, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket.of(LIMIT, "idle until now")
    limiter.consume(bucket, START)
    delete_old_rows(monkeypatch)
    spent = int((LATER + 2 * SECOND).timestamp() * 10**6)
    with psycopg.connect(migrated_url) as other:
        other.execute("UPDATE rate_limits SET full_at = %s WHERE key = %s", (spent, bucket.key))
        clearing = BackgroundCall(lambda: limiter.consume(Bucket.of(LIMIT, "another bucket"), LATER))
        waited = not clearing.wait(1)
    assert clearing.result() is None
    assert limiter.consume(bucket, LATER) == SECOND
    assert not waited
