"""A server answers in time while its database is locked, held by another process, or out of reach."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from signal import SIGTERM
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from tests.frozen_network import FrozenNetwork
from tests.http import PASSWORD, Person, Server, expect, migrated, until_answered
from tests.waiting import PATIENCE

WAIT_SECONDS = 2
LIMIT_SECONDS = WAIT_SECONDS + 1.5
"""A request should take at most a second longer than one wait, and more on a busy machine. Two waits take four
seconds."""
REQUESTS = 30

Ask = Callable[[], httpx.Response]
Timed = tuple[httpx.Response, float]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2 * REQUESTS) as pool:
        yield pool


def start(pool: ThreadPoolExecutor, *calls: Ask) -> list[Future[Timed]]:
    return [pool.submit(timed, call) for call in calls]


def timed(call: Ask) -> Timed:
    start = time.monotonic()
    answer = call()
    return answer, time.monotonic() - start


def results(futures: Sequence[Future[Timed]]) -> list[Timed]:
    return [future.result(PATIENCE) for future in futures]


def require_in_time(answers: Sequence[Timed], status: int, limit: float = LIMIT_SECONDS) -> None:
    for answer, seconds in answers:
        expect(answer, status)
        assert seconds < limit
        assert status != 503 or 1 <= int(answer.headers["Retry-After"]) <= 5


def creating(person: Person) -> Ask:
    return lambda: person.post("/api/tasks/", {"title": "x"})


def reading(person: Person) -> Ask:
    return lambda: person.get("/api/tasks/")


def test_the_locked_rows_of_a_user_hold_up_no_other_user(
    tmp_path: Path, database_url: str, pool: ThreadPoolExecutor
) -> None:
    settings = {"DATABASE_URL": migrated(database_url), "DATABASE_WAIT_SECONDS": str(WAIT_SECONDS)}
    with Server(tmp_path, **settings) as server:
        alice, bob = server.register(), server.register()
        alice.task()
        bob.task()
        with psycopg.connect(database_url) as other:
            other.execute("SELECT FROM feeds WHERE user_id = %s FOR UPDATE", [alice.id])
            other.execute("SELECT FROM users WHERE id = %s FOR UPDATE", [alice.id])
            held = start(
                pool,
                *[creating(alice)] * REQUESTS,
                *[lambda: server.post("/api/accounts/login/", {"username": alice.username, "password": PASSWORD})] * 5,
            )
            time.sleep(0.3)
            others = [
                creating(bob),
                reading(bob),
                reading(alice),
                lambda: server.get("/health/ready"),
                lambda: server.post("/api/accounts/refresh/", {"refresh": bob.refresh}),
                lambda: server.post("/api/accounts/login/", {"username": bob.username, "password": PASSWORD}),
            ]
            for answer, seconds in map(timed, others):
                assert answer.status_code in (200, 201), answer.text
                assert seconds < 1
            require_in_time(results(held), 503)
        until_answered(creating(alice))


def test_a_database_out_of_reach_holds_no_request(tmp_path: Path, database_url: str, pool: ThreadPoolExecutor) -> None:
    port = urlsplit(migrated(database_url)).port
    assert port is not None
    with FrozenNetwork(port) as network:
        url = database_url.replace(f":{port}/", f":{network.port}/")
        with Server(tmp_path, DATABASE_URL=url, DATABASE_WAIT_SECONDS=str(WAIT_SECONDS)) as server:
            alice = server.register()
            network.is_frozen = True
            login = {"username": alice.username, "password": PASSWORD}
            for _ in range(2):  # with the open connections, and with new ones
                held = start(
                    pool,
                    *[creating(alice), reading(alice)] * (REQUESTS // 2),
                    *[lambda: server.get("/health/ready"), lambda: server.post("/api/accounts/login/", login)] * 5,
                )
                time.sleep(0.3)
                require_in_time([timed(lambda: server.get("/health/live"))], 200, limit=1)
                require_in_time(results(held), 503)
            network.is_frozen = False
            expect(until_answered(reading(alice)), 200)
            expect(until_answered(lambda: server.get("/health/ready")), 200)
            expect(until_answered(lambda: server.post("/api/accounts/login/", login)), 200)
            network.is_frozen = True
            assert server.stop() in (0, -SIGTERM)


def test_a_held_writer_of_sqlite_holds_up_no_read(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    file = tmp_path / "tasks.db"
    settings = {"DATABASE_URL": migrated(f"sqlite:///{file}"), "DATABASE_WAIT_SECONDS": str(WAIT_SECONDS)}
    with Server(tmp_path, **settings) as server:
        alice = server.register()
        alice.task()  # the first request of a session writes
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            held = start(pool, *[creating(alice)] * REQUESTS)
            time.sleep(0.3)
            require_in_time([timed(reading(alice)), timed(lambda: server.get("/health/ready"))], 200, limit=1)
            require_in_time(results(held), 503)
        until_answered(creating(alice))
