"""Waiting requests take no thread and no connection to the database."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tasktracker.entrypoints.settings import STREAM_THREADS
from tests.http import Person, Server, expect, migrated
from tests.waiting import PATIENCE, wait_until

STREAMS, POLLS = 200, 40
CONNECTIONS = 2


@pytest.fixture
def server(tmp_path: Path, database_url: str) -> Iterator[Server]:
    settings = {
        "DATABASE_URL": migrated(database_url),
        "DATABASE_CONNECTIONS": f"{CONNECTIONS}",
        "STREAMS_PER_USER": f"{STREAMS + POLLS}",
    }
    with Server(tmp_path, **settings) as server:
        yield server


class Waiting:
    """A request whose answer arrives later, or never ends."""

    def __init__(self, person: Person, path: str) -> None:
        url = person.client.base_url
        self.socket = socket.create_connection((url.host, url.port or 80), timeout=PATIENCE)
        head = "".join(f"{name}: {value}\r\n" for name, value in person.headers.items())
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
        self._read = b""

    def skip(self) -> None:
        """Read what has arrived."""
        while select.select([self.socket], [], [], 0)[0]:
            self._read += self.socket.recv(65536)

    def read_until(self, text: bytes) -> None:
        """Read until a text has arrived."""
        while text not in self._read:
            block = self.socket.recv(65536)
            assert block, self._read
            self._read += block


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def connections(url: str) -> dict[str, int]:
    """Return the number of connections to a database by state."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT state, count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() GROUP BY state"
        )
        return dict(found.fetchall())


def test_waiting_requests_take_no_thread_and_no_connection(server: Server, database_url: str) -> None:
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
            each.read_until(b"id: ")
        before = threads(server.process.pid)
        many = waiting(STREAMS - 10, POLLS - 10)
        wait_until(lambda: ada.head("/api/events/").status_code == 409, "not every request has arrived")
        requests = [*few, *many]
        for each in requests:
            each.skip()
        assert not select.select([each.socket for each in requests], [], [], 0.3)[0], "a request does not wait"
        assert threads(server.process.pid) <= before + 2, "more threads than those that all requests share"
        states = connections(database_url)
        assert set(states) == {"idle"}, "a transaction is open"
        assert states["idle"] <= CONNECTIONS + STREAM_THREADS + 2, "one more listens, and one polls"
        task = ada.task()
        for each in requests:
            each.read_until(task["id"].encode())
