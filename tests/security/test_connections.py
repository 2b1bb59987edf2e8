"""Clients that send no end, or read nothing, or disconnect: the server continues, and its memory stays limited."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests import patient_server
from tests.contracts.http.base import problem
from tests.faults.load import MAX_MEMORY_MB, peak_memory
from tests.http import Person, Server, expect
from tests.impatient_server import COMMAND, DESCRIPTORS, RESERVED
from tests.waiting import PATIENCE, wait_until

LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
END = b"0\r\n\r\n"  # of a chunked body
IMPORT = "/api/accounts/me/import/"
MEMORY = {"DATABASE_URL": "memory://"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with impatient(tmp_path_factory.mktemp("impatient")) as server:
        yield server


@pytest.fixture(scope="module")
def ada(server: Server) -> Person:
    return server.register()


def connect(server: Server, sent: bytes = b"", *, buffer: int | None = None) -> socket.socket:
    """Open a connection and send these bytes. `buffer` limits what the kernel receives if the client does not read."""
    connection = socket.socket()
    if buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.settimeout(PATIENCE)
    connection.connect(("127.0.0.1", server.port))
    connection.sendall(sent)
    return connection


def read(connection: socket.socket, end: bytes | None = None) -> bytes:
    """Read until these bytes, or until the server closes the connection."""
    received = b""
    with suppress(ConnectionResetError):
        while not (end and received.endswith(end)) and (block := connection.recv(65536)):
            received += block
    return received


def exchange(connection: socket.socket) -> bytes:
    """Send a request and read its response."""
    connection.sendall(LIVE)
    received = b""
    while not received.endswith(b"}"):
        block = connection.recv(65536)
        assert block, received
        received += block
    return received


def request(person: Person, method: str, path: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: {person.headers['Authorization']}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def descriptors(server: Server) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def answer_problem(answer: bytes, status: int, slug: str) -> None:
    """Require a response that is a problem."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), answer
    for header in (b"application/problem+json", b"connection: close", b"x-content-type-options: nosniff"):
        assert header in head
    assert json.loads(body)["type"] == f"/problems/{slug}"


class TestRequests:
    def test_an_endless_head_is_refused_at_once(self, server: Server) -> None:
        with connect(server, b"GET / HTTP/1.1\r\nHost: x\r\nX-Endless: ") as connection:
            sent = 0
            with suppress(ConnectionError):  # the server closes the connection
                while sent < 100 * 1024 * 1024:
                    sent += connection.send(b"a" * 65536)
            assert sent < 20 * 1024 * 1024, "what the kernel buffers"
            answer_problem(read(connection), 431, "head-too-large")

    def test_what_is_not_http_gets_a_problem(self, server: Server) -> None:
        with connect(server, b"nonsense\r\n\r\n") as connection:
            answer_problem(read(connection), 400, "bad-request")

    def test_half_requests_do_not_stay(self, server: Server, ada: Person) -> None:
        before = descriptors(server)
        task = request(ada, "POST", "/api/tasks/", "Content-Type: application/json", "Content-Length: 9", body=b'{"tit')
        upload = request(ada, "POST", IMPORT, "Content-Type: text/csv", "Content-Length: 9", body=b"TY")
        halves = [*[b""] * 20, *[b"GET / HTTP/1.1\r\n"] * 20, *[task] * 20, upload]
        with ExitStack() as stack:
            connections = [stack.enter_context(connect(server, half)) for half in halves]
            wait_until(lambda: descriptors(server) >= before + len(connections), "not all connections arrived")
            wait_until(lambda: descriptors(server) <= before, "half requests stay open")
            silent, *answers = (read(connection) for connection in connections[::20])
        assert silent == b""
        for answer in answers:
            answer_problem(answer, 408, "request-timeout")
        # The half import does not keep the user's only place.
        response = ada.request("POST", IMPORT, content=b"x", headers={"Content-Type": "text/csv"})
        problem(response, 400, "invalid-input", "body")

    def test_a_client_that_leaves_is_no_error(self, server: Server, ada: Person) -> None:
        cursor = expect(ada.get("/api/sync/"), 200)["next_cursor"]
        stream, waiting = ("GET", "/api/events/"), ("GET", f"/api/sync/?cursor={cursor}&wait=9")
        for number, (first, behind, status) in enumerate(
            [
                (("POST", IMPORT, "Content-Type: text/csv", "Content-Length: 9"), b"TY", 400),
                (("POST", "/api/tasks/", "Content-Type: application/json", "Content-Length: 9"), b"", 400),
                (stream, b"", 200),
                (stream, LIVE, 200),  # the request behind it never starts
                (waiting, request(ada, *waiting), 200),
            ]
        ):
            connect(server, request(ada, *first, f"X-Request-ID: leaves-{number}") + behind).close()
            logged = rf" request .* status={status} .*request_id=leaves-{number}\n"
            wait_until(lambda: re.search(logged, server.log), lambda: f"no {logged}: {server.log}")  # noqa: B023
        assert "error]" not in server.log
        assert "Traceback" not in server.log

    def test_a_connection_that_is_one_too_many_is_refused(self, tmp_path: Path) -> None:
        with impatient(tmp_path, **{DESCRIPTORS: "100"}) as server, ExitStack() as stack:
            opened = stack.enter_context(connect(server))
            assert exchange(opened).startswith(b"HTTP/1.1 200")
            connections = [stack.enter_context(connect(server)) for _ in range(70)]
            answer_problem(read(connections[-1]), 503, "busy")
            assert exchange(opened).startswith(b"HTTP/1.1 200")
            wait_until(lambda: descriptors(server) < 60, "unused connections stay open")
            expect(server.get("/health/live"), 200)
            assert server.log.count("too many connections") == 1
            assert "error]" not in server.log

    def test_without_file_descriptors_open_connections_are_served(self, tmp_path: Path) -> None:
        with impatient(tmp_path, **{DESCRIPTORS: "60", RESERVED: "0"}) as server, ExitStack() as stack:
            opened = stack.enter_context(connect(server))
            assert exchange(opened).startswith(b"HTTP/1.1 200")
            for _ in range(100):  # the kernel accepts them
                stack.enter_context(connect(server))
            wait_until(lambda: descriptors(server) == 60, "there is a descriptor left")
            began, spent = time.monotonic(), processor_seconds(server)
            assert exchange(opened).startswith(b"HTTP/1.1 200")
            time.sleep(1)
            assert processor_seconds(server) - spent < 0.5 * (time.monotonic() - began), "a busy loop"
            wait_until(lambda: descriptors(server) < 60, "unused connections stay open")
            expect(httpx.get(f"{server.url}/health/live"), 200)
            assert len(server.log.splitlines()) < 50


class TestReading:
    def test_responses_that_are_not_read_take_limited_memory(self, server: Server, ada: Person) -> None:
        unread(server, ada, connections=200)

    def test_a_client_that_reads_slowly_gets_all_pipelined_responses(self, server: Server, ada: Person) -> None:
        big_tasks(ada)
        sent = 2 * request(ada, "GET", "/api/tasks/?limit=200") + request(
            ada, "GET", "/health/live", "Connection: close"
        )
        with connect(server, sent, buffer=4096) as connection:
            received = b""
            while len(received) < 1_000_000:
                received += connection.recv(65536)
            time.sleep(2 * 1.2)  # longer than a check
            received += read(connection)
        assert received.count(b"HTTP/1.1 200") == 3
        assert received.endswith(b'{"status":"live"}')


class TestLog:
    def test_a_log_that_is_not_read_does_not_stop_the_server(self, tmp_path: Path) -> None:
        reader, writer = os.pipe()
        with os.fdopen(reader, "rb") as log, logging_to(writer, tmp_path) as server:
            for number in range(600):  # a pipe holds 64 KiB
                expect(server.get("/health/live", headers={"X-Request-ID": f"number-{number}"}), 200)
            text = b""
            while b"number-599" not in text:
                text += log.read1(65536)
            assert text.count(b"request_id=number-") == 600, "what waited is written later"
            log.close()
            person = server.register()  # the reader has ended; the audit log is written, too
            expect(person.get("/api/tasks/"), 200)
            assert server.stop() == -signal.SIGTERM


class TestStopping:
    @pytest.mark.parametrize("workers", ["1", "2"])
    def test_open_connections_are_no_errors_and_lose_no_request(self, tmp_path: Path, workers: str) -> None:
        server = Server(tmp_path, SECRET_KEYS="", DATABASE_URL="", WORKERS=workers)
        server.command = patient_server.COMMAND
        with server, ExitStack() as stack:
            ada = server.register()
            server.client.close()  # the server would wait for another request on its connection
            open_ = [stack.enter_context(connect(server)) for _ in range(20)]
            for each in open_[:10]:
                exchange(each)
            json_ = "Content-Type: application/json"
            half = [
                request(ada, "POST", "/api/tasks/", json_, "Content-Length: 99", body=b'{"tit'),
                request(ada, "POST", IMPORT, "Content-Type: text/csv", "Content-Length: 99", body=b"TY"),
            ]
            halves = [stack.enter_context(connect(server, each)) for each in half]
            stream = stack.enter_context(connect(server, request(ada, "GET", "/api/events/")))
            wait_until(lambda: unread_bytes(server) == 0, "the server does not read")
            server.terminate()
            server.wait_for_log("Shutting down", times=int(workers))
            body = b'{"title": "on its way"}'
            late = request(ada, "POST", "/api/tasks/", json_, f"Content-Length: {len(body)}", body=body)
            for each in open_:
                each.sendall(late)
            for each in open_:
                answer = read(each)
                assert answer.startswith(b"HTTP/1.1 201"), answer
                assert b"connection: close" in answer
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", server.port))
            for each in halves:
                assert read(each).startswith(b"HTTP/1.1 408")
            with stream:  # another request could follow on it
                assert read(stream, END).startswith(b"HTTP/1.1 200")
            assert server.wait() == (0 if workers == "2" else -signal.SIGTERM)
            assert "error]" not in server.log
            assert "Traceback" not in server.log


@contextmanager
def logging_to(descriptor: int, folder: Path) -> Iterator[Server]:
    """Start a server that logs to a pipe, of which it has the only writing end."""
    server = Server(folder, **MEMORY)
    try:
        with os.fdopen(descriptor, "wb") as log:
            server.start(log)
        yield server
    finally:
        server.client.close()
        server.kill()


@contextmanager
def impatient(folder: Path, **settings: str) -> Iterator[Server]:
    server = Server(folder, **MEMORY, **settings)
    server.command = COMMAND
    with server:
        yield server


def big_tasks(person: Person) -> None:
    """Create tasks that fill a page of two megabytes."""
    missing = 200 - len(person.titles("limit=200"))
    for _ in range(missing):
        person.task(description="x" * 9990)


def unread(server: Server, person: Person, connections: int) -> None:
    """Request three large pages on each connection without reading, and check the memory of the server."""
    big_tasks(person)
    expect(person.get("/api/tasks/?limit=200"), 200)
    pages = 3 * request(person, "GET", "/api/tasks/?limit=200")
    with ExitStack() as stack:
        for _ in range(connections):
            stack.enter_context(connect(server, pages, buffer=4096))
        wait_until(lambda: "take too much memory" in server.log, "all responses are kept")
        expect(server.get("/health/live"), 200)
        wait_until(lambda: "the client does not read" in server.log, "the connections stay open")
        assert peak_memory(server.process.pid) < MAX_MEMORY_MB
    expect(person.get("/api/tasks/?limit=1"), 200)


def unread_bytes(server: Server) -> int:
    """Return the number of bytes and connections that have arrived at the server, and that it has not read yet."""
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(each[4].partition(":")[2], 16) for each in sockets if each[1].endswith(f":{server.port:04X}"))


def processor_seconds(server: Server) -> float:
    """Return the processor time that the server has used."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
