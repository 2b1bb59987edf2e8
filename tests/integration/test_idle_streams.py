"""Those who wait cost a server little: no thread and no connection to its database, however many they are."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

import tests.contracts.http  # noqa: F401  # before what it has rewritten
from tasktracker.entrypoints.settings import STREAM_THREADS
from tests.http import Person, Server, expect, migrated
from tests.security.processes import THIS_CODE

STREAMS, POLLS = 200, 40
CONNECTIONS = 2


@pytest.fixture
def server(tmp_path: Path, database_url: str) -> Iterator[Server]:
    settings = {
        "DATABASE_URL": migrated(database_url),
        "DATABASE_CONNECTIONS": f"{CONNECTIONS}",
        "STREAMS_PER_USER": f"{STREAMS + POLLS}",
        "THROTTLE": "off",
    }
    with Server(tmp_path, **{**THIS_CODE, **settings}) as server:
        yield server


class Waiting:
    """A request that is answered later, or never to its end."""

    def __init__(self, person: Person, path: str) -> None:
        url = person.client.base_url
        self.socket = socket.create_connection((url.host, url.port or 80), timeout=30)
        head = "".join(f"{name}: {value}\r\n" for name, value in person.headers.items())
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
        self._read = b""

    def skip(self) -> None:
        """Read what is there."""
        while select.select([self.socket], [], [], 0)[0]:
            self._read += self.socket.recv(65536)

    def until(self, text: bytes) -> None:
        """Read until something was said."""
        while text not in self._read:
            block = self.socket.recv(65536)
            assert block, self._read
            self._read += block


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def connections(url: str) -> dict[str, int]:
    """How many connections a database has, by what they are doing."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT state, count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() GROUP BY state"
        )
        return dict(found.fetchall())


def test_waiting_takes_no_thread_and_no_connection(server: Server, database_url: str) -> None:
    ada = server.register()
    cursor = expect(ada.get("/api/sync/"), 200)["next_cursor"]

    def waiting(streams: int, polls: int) -> list[Waiting]:
        opened = [Waiting(ada, "/api/events/") for _ in range(streams)]
        opened += [Waiting(ada, f"/api/sync/?cursor={cursor}&wait=60") for _ in range(polls)]
        for each in opened:
            stack.enter_context(each.socket)
        return opened

    with ExitStack() as stack:
        few = waiting(10, 10)
        for each in few[:10]:
            each.until(b"id: ")
        before = threads(server.pid)
        many = waiting(STREAMS - 10, POLLS - 10)
        deadline = time.monotonic() + 30
        while ada.head("/api/events/").status_code != 409:  # all of them are counted
            assert time.monotonic() < deadline
            time.sleep(0.02)
        everybody = [*few, *many]
        for each in everybody:
            each.skip()
        assert not select.select([each.socket for each in everybody], [], [], 0.3)[0], "all of them wait"
        assert threads(server.pid) <= before + 2, "which may have been made only now, of those that all share"
        states = connections(database_url)
        assert set(states) == {"idle"}, "nothing is under way"
        assert states["idle"] <= CONNECTIONS + STREAM_THREADS + 2, "another one listens, and one looks around"
        task = ada.task()
        for each in everybody:
            each.until(task["id"].encode())
