"""A server answers in time while its database is locked, held by another process, or out of reach."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
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
LIMIT = 35
"""A request should take at most a second longer than one wait: the time of 29 other requests, one each 0.1 seconds. Two
waits take the time of 38. On a busy machine, all of them take longer."""
REQUESTS = 30
ROUNDS = 10

Ask = Callable[[], httpx.Response]
Timed = tuple[httpx.Response, int]


class Held:
    """Sends requests that a server holds for some time, and counts other requests that it answers meanwhile."""

    def __init__(self, server: Server, *calls: Ask) -> None:
        self._server = server
        self._calls = calls
        self._answered = 0

    def require(self, *others: Ask, times: int = 1) -> None:
        """Require that the others are answered while the requests are held, which are then refused in time.

        On a busy machine, the wait may end before the others are answered: then this is repeated.
        """
        with ThreadPoolExecutor(len(self._calls) + 1) as pool:
            for _ in range(ROUNDS):
                held = [pool.submit(self._timed, call) for call in self._calls]
                counting = pool.submit(self._count, held)
                time.sleep(0.3)
                for other in others:
                    assert (answer := other()).status_code in (200, 201), answer.text
                times -= not any(each.done() for each in held)
                counting.result(PATIENCE)
                for answer, answered in (each.result() for each in held):
                    expect(answer, 503)
                    assert answered < LIMIT
                    assert 1 <= int(answer.headers["Retry-After"]) <= 5
                if times == 0:
                    return
        raise AssertionError("other requests have to wait, too")

    def _timed(self, call: Ask) -> Timed:
        before = self._answered
        answer = call()
        return answer, self._answered - before

    def _count(self, held: Sequence[Future[Timed]]) -> None:
        while not all(each.done() for each in held):
            time.sleep(0.1)
            expect(self._server.get("/health/live"), 200)
            self._answered += 1


def creating(person: Person) -> Ask:
    return lambda: person.post("/api/tasks/", {"title": "x"})


def reading(person: Person) -> Ask:
    return lambda: person.get("/api/tasks/")


def test_the_locked_rows_of_a_user_hold_up_no_other_user(tmp_path: Path, database_url: str) -> None:
    settings = {"DATABASE_URL": migrated(database_url), "DATABASE_WAIT_SECONDS": str(WAIT_SECONDS)}
    with Server(tmp_path, **settings) as server:
        alice, bob = server.register(), server.register()
        alice.task()
        bob.task()
        with psycopg.connect(database_url) as other:
            other.execute("SELECT FROM feeds WHERE user_id = %s FOR UPDATE", [alice.id])
            other.execute("SELECT FROM users WHERE id = %s FOR UPDATE", [alice.id])
            login = {"username": alice.username, "password": PASSWORD}
            logins = [lambda: server.post("/api/accounts/login/", login)] * 5
            Held(server, *[creating(alice)] * REQUESTS, *logins).require(
                creating(bob),
                reading(bob),
                reading(alice),
                lambda: server.get("/health/ready"),
                lambda: server.post("/api/accounts/refresh/", {"refresh": server.login(bob).refresh}),
                lambda: server.post("/api/accounts/login/", {"username": bob.username, "password": PASSWORD}),
            )
        until_answered(creating(alice))


@pytest.mark.first
def test_a_database_out_of_reach_holds_no_request(tmp_path: Path, database_url: str) -> None:
    port = urlsplit(migrated(database_url)).port
    assert port is not None
    with FrozenNetwork(port) as network:
        url = database_url.replace(f":{port}/", f":{network.port}/")
        with Server(tmp_path, DATABASE_URL=url, DATABASE_WAIT_SECONDS=str(WAIT_SECONDS)) as server:
            alice = server.register()
            network.is_frozen = True
            login = {"username": alice.username, "password": PASSWORD}
            Held(
                server,
                *[creating(alice), reading(alice)] * (REQUESTS // 2),
                *[lambda: server.get("/health/ready"), lambda: server.post("/api/accounts/login/", login)] * 5,
            ).require(lambda: server.get("/health/live"), times=2)  # with the open connections, and with new ones
            network.is_frozen = False
            expect(until_answered(reading(alice)), 200)
            expect(until_answered(lambda: server.get("/health/ready")), 200)
            expect(until_answered(lambda: server.post("/api/accounts/login/", login)), 200)
            network.is_frozen = True
            assert server.stop() in (0, -SIGTERM)


def test_a_held_writer_of_sqlite_holds_up_no_read(tmp_path: Path) -> None:
    file = tmp_path / "tasks.db"
    settings = {"DATABASE_URL": migrated(f"sqlite:///{file}"), "DATABASE_WAIT_SECONDS": str(WAIT_SECONDS)}
    with Server(tmp_path, **settings) as server:
        alice = server.register()
        alice.task()  # the first request of a session writes
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            Held(server, *[creating(alice)] * REQUESTS).require(reading(alice), lambda: server.get("/health/ready"))
        until_answered(creating(alice))
