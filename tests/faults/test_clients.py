"""Clients that hold connections, and send or read nothing."""

from __future__ import annotations

import json
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep

from tests.faults.load import IS_FULL, LOST, Load
from tests.http import Person, Server, expect

SECONDS = 10 if IS_FULL else 1


@contextmanager
def connections(server: Server, number: int, *sent: bytes) -> Iterator[list[socket.socket]]:
    """Hold connections that send one of these, and read nothing."""
    with ExitStack() as stack:
        opened = []
        for each in range(number):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.port))
            if sent:
                connection.sendall(sent[each % len(sent)])
            opened.append(connection)
        yield opened


def head(person: Person, line: str, *more: str) -> bytes:
    """Return the head of a request of a user."""
    return "\r\n".join([line, "Host: x", f"Authorization: {person.headers['Authorization']}", *more, "", ""]).encode()


def test_the_server_is_alive_without_free_descriptors(server: Server) -> None:
    pid = server.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    with Load(server, tolerates=(503, LOST)) as load:
        used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 16, hard))
        with connections(server, 64):
            answered = len(load.probe.latencies.seconds)
            sleep(SECONDS)
            assert len(load.probe.latencies.seconds) > answered + SECONDS, "an open connection is not answered"
        load.progress()
        expect(server.get("/health/live"), 200)


def test_other_users_are_served_beside_slow_clients(server: Server) -> None:
    slow = server.register()
    for number in range(20):
        slow.task(f"{number}", description="x" * 10_000)
    whole = json.dumps({"title": "x" * 100}).encode()
    half = [
        b"GET /health/live HTTP/1.1\r\nHost: x\r\n",
        head(slow, "POST /api/tasks/ HTTP/1.1", f"Content-Length: {len(whole)}", "Content-Type: application/json")
        + whole[:9],
        head(slow, "POST /api/accounts/me/import/ HTTP/1.1", "Content-Length: 9", "Content-Type: text/csv"),
    ]
    unread = [
        head(slow, "GET /api/tasks/?limit=200 HTTP/1.1") * 20,
        head(slow, "GET /api/accounts/me/export/ HTTP/1.1"),
    ]
    with Load(server) as load:
        with connections(server, 150, *half) as held, connections(server, 10, *unread):
            until = monotonic() + SECONDS
            while monotonic() < until:
                for connection in held[1::3]:
                    connection.send(b" ")  # slowly goes on with the body
                sleep(0.5)
            load.progress()
        load.check_others()
