"""Limits of a connection, without a socket. The test moves the time, and decides when the client reads."""

from __future__ import annotations

import asyncio
import json
import math
import resource
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest
import uvicorn
from structlog.testing import capture_logs
from uvicorn.server import ServerState

from tasktracker.entrypoints.http.core import connection as module
from tasktracker.entrypoints.http.core.connection import BoundedConnection

GET = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
HIGH_WATER, LOW_WATER = 65536, 16384


class Timer:
    def __init__(self, at: float, call: Callable[[], None]) -> None:
        self.at, self.call, self.is_cancelled = at, call, False

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    """An event loop whose time only the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[[], None]) -> Timer:
        self.timers.append(Timer(self.now + delay, call))
        return self.timers[-1]

    def create_task(self, call: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(call)

    async def advance(self, seconds: float) -> None:
        """Move the time on, and call what becomes due."""
        end = self.now + seconds
        while due := [each for each in self.timers if not each.is_cancelled and each.at <= end]:
            timer = min(due, key=lambda each: each.at)
            self.timers.remove(timer)
            self.now = max(self.now, timer.at)
            timer.call()
            await settle()
        self.now = end


class Transport:
    """The server's end of a connection. The client reads with `read`."""

    def __init__(self, server: Server) -> None:
        self.sent = b""  # by the server, and read by the client
        self.unsent = b""
        self.is_aborted = self.is_paused = self._is_closing = self._is_lost = False
        self.reads = True  # the client reads at once
        self.connection = BoundedConnection(server.config, server.state, {}, cast(Any, server.loop))
        server.transports.append(self)
        self.connection.connection_made(cast(Any, self))

    def get_extra_info(self, _name: str) -> None:
        return None

    def write(self, data: bytes) -> None:
        before = len(self.unsent)
        self.unsent += data
        if self.reads:
            self.read()
        elif before <= HIGH_WATER < len(self.unsent):
            self.connection.pause_writing()

    def get_write_buffer_size(self) -> int:
        return len(self.unsent)

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        self._is_closing = True
        self._lose()

    def abort(self) -> None:
        self.is_aborted, self.unsent = True, b""
        self.close()

    def read(self, size: int | None = None) -> None:
        """Take bytes as the client."""
        before = len(self.unsent)
        taken = self.unsent[:size]
        self.sent, self.unsent = self.sent + taken, self.unsent[len(taken) :]
        if self._is_closing:
            self._lose()
        elif before > LOW_WATER >= len(self.unsent):
            self.connection.resume_writing()

    def _lose(self) -> None:
        if not self.unsent and not self._is_lost:
            self._is_lost = True
            self.connection.connection_lost(None)

    @property
    def statuses(self) -> list[int]:
        """The statuses of the responses that the client has read."""
        return [int(each[:3]) for each in self.sent.split(b"HTTP/1.1 ")[1:]]

    @property
    def problem(self) -> str:
        """The type of the last response, a problem."""
        head, _, body = self.sent.rpartition(b"\r\n\r\n")
        assert b"content-type: application/problem+json\r\n" in head
        assert b"connection: close\r\n" in head
        assert b"\r\ndate: today\r\n" in head
        assert b"\r\nx-request-id: " in head
        assert b"\r\nx-content-type-options: nosniff\r\n" in head
        assert b"\r\ncache-control: no-store\r\n" in head
        return str(json.loads(body)["type"])

    async def receive(self, *blocks: bytes) -> None:
        """Receive blocks from the client."""
        for each in blocks:
            assert not self.is_paused, "the client could not send this"
            self.connection.data_received(each)
            await settle()


class Server:
    """Connections to an application that reads the body and answers with the path, or the asked number of bytes."""

    def __init__(self) -> None:
        self.loop, self.state = Loop(), ServerState()
        self.state.default_headers = [(b"date", b"today")]
        self.paths: list[str] = []
        self.headers: list[list[tuple[bytes, bytes]]] = []
        self.bodies: list[bytes] = []
        self.gate = asyncio.Event()  # requests to /wait are answered when it is set
        self.disconnected = 0
        self.transports: list[Transport] = []
        self.config = uvicorn.Config(
            self.answer, interface="asgi3", lifespan="off", log_config=None, ws="none", timeout_keep_alive=75
        )
        self.config.load()

    def connect(self) -> Transport:
        return Transport(self)

    async def answer(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].strip("/")
        self.paths.append(path)
        if path == "begun":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        if path == "early":
            self.gate.set()
        else:
            if path == "late":
                await self.gate.wait()
            body, more = b"", True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    self.disconnected += 1
                    return
                body, more = body + message["body"], message["more_body"]
            self.bodies.append(body)
        self.headers.append(list(scope["headers"]))
        if path == "wait":
            await self.gate.wait()
        if path == "stream":
            assert (await receive())["type"] == "http.disconnect"
            self.disconnected += 1
            return
        text = b"x" * int(path) if path.isdecimal() else path.encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
        await send({"type": "http.response.body", "body": text, "more_body": False})


async def settle() -> None:
    """Let the application run until it waits."""
    for _ in range(50):
        await asyncio.sleep(0)


def run(test: Callable[[Server], Coroutine[Any, Any, None]]) -> None:
    """Run a test in an event loop."""

    async def main() -> None:
        server = Server()
        await test(server)
        for each in server.transports:
            each.abort()
        await settle()
        assert not server.state.connections
        assert not server.state.tasks
        assert all(each.is_cancelled for each in server.loop.timers)

    asyncio.run(main())


class TestHead:
    def test_requests_are_answered(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            for number in range(3):
                await client.receive(GET % b"%d" % number, POST % (b"post", 6), b"abc", b"def")
            assert client.statuses == [200] * 6
            assert server.bodies == [b"", b"abcdef"] * 3
            assert not client.is_closing()

        run(test)

    @pytest.mark.parametrize("start", [b"GET /", b"GET / HTTP/1.1\r\nHost: ", b"GET / HTTP/1.1\r\n"])
    @pytest.mark.parametrize("endless", [b"a" * 1000, b"a: b\r\n" * 100])
    def test_an_endless_head_is_refused(self, start: bytes, endless: bytes) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            await client.receive(start)
            sent = 0
            while not client.is_closing() and sent <= module.MAX_HEAD_BYTES + len(endless):
                await client.receive(endless)
                sent += len(endless)
            assert client.is_closing()
            assert sent <= module.MAX_HEAD_BYTES + len(endless)
            assert client.problem == "/problems/head-too-large" or endless[1:2] == b":"
            assert server.paths == []

        run(test)

    @pytest.mark.parametrize("size", [1000, 262_144])
    def test_the_limit_of_a_head_does_not_depend_on_its_blocks(self, size: int) -> None:
        async def test(server: Server) -> None:
            for length, status in ((module.MAX_HEAD_BYTES - 100, 200), (module.MAX_HEAD_BYTES + 1, 431)):
                client = server.connect()
                head = b"GET /x HTTP/1.1\r\nHost: x\r\nX: " + b"a" * length + b"\r\n\r\n"
                for start in range(0, len(head), size):
                    await client.receive(head[start : start + size])
                assert client.statuses == [status]

        run(test)

    def test_a_long_path_is_part_of_the_head(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            await client.receive(GET % (b"a" * module.MAX_HEAD_BYTES))
            assert client.statuses == [431]

        run(test)

    def test_the_time_of_a_head_includes_the_end_of_the_earlier_response(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            await client.receive((GET % b"wait") + b"GET /")
            await server.loop.advance(module.HEAD_SECONDS)
            server.gate.set()
            await settle()
            await server.loop.advance(2 * module.CHECK_SECONDS)
            assert client.statuses == [200, 408]

        run(test)

    def test_a_large_body_beside_a_head_is_not_part_of_it(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            await client.receive((POST % (b"a", 200_000)) + b"x" * 200_000 + (POST % (b"b", 100_000))[:20])
            await client.receive((POST % (b"b", 100_000))[20:] + b"y" * 100_000)
            await client.receive(POST % (b"c", 100_000), b"x" * 100_000, (GET % b"d")[:10], (GET % b"d")[10:])
            assert client.statuses == [200] * 4

        run(test)

    @pytest.mark.parametrize("sent", [b"", b"\r\n", b"GET /", GET[:-2] % b""])
    def test_half_a_head_does_not_stay(self, sent: bytes) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            await client.receive(sent)
            await server.loop.advance(module.HEAD_SECONDS)
            assert not client.is_closing()
            for _ in range(2):
                if not client.is_closing() and sent:
                    await client.receive(b"\r\n" if sent == b"\r\n" else b"a")  # a little more does not help
                await server.loop.advance(module.CHECK_SECONDS)
            assert client.is_closing()
            assert client.statuses == ([] if sent in (b"", b"\r\n") else [408])

        run(test)

    def test_an_idle_connection_stays_longer_than_proxies_use_it(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            await client.receive(GET % b"a")
            await server.loop.advance(70)
            await client.receive((GET % b"b")[:10])
            await server.loop.advance(10)
            await client.receive((GET % b"b")[10:])
            assert client.statuses == [200, 200]
            await client.receive(b"\r\n")  # blank lines between requests
            await server.loop.advance(module.KEEP_ALIVE_SECONDS + 2 * module.CHECK_SECONDS)
            assert client.is_closing()

        run(test)

    def test_a_connection_stays_as_long_after_a_late_response(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            await client.receive(GET % b"wait")
            await server.loop.advance(2 * module.KEEP_ALIVE_SECONDS)
            server.gate.set()
            await settle()
            await server.loop.advance(module.KEEP_ALIVE_SECONDS - 1)
            assert client.statuses == [200]
            assert not client.is_closing()

        run(test)

    def test_what_is_not_http_is_a_problem(self) -> None:
        async def test(server: Server) -> None:
            for sent in (
                b"nonsense\r\n\r\n",
                b"GET /\xff HTTP/1.1\r\n\r\n",
                b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            ):
                client = server.connect()
                await client.receive(sent)
                assert (client.statuses, client.problem) == ([400], "/problems/bad-request")
                assert client.is_closing()

        run(test)

    @pytest.mark.parametrize(
        ("rest", "status"),
        [
            (b"Content-Length: 10\r\n\r\n12345", 408),
            (b"Host: x", 408),
            (b"X: " + b"x" * module.MAX_HEAD_BYTES, 431),
            (b"Content-Length: x\r\n\r\n", 400),
        ],
    )
    def test_a_refusal_has_the_request_id_of_the_client_also_in_the_log(self, rest: bytes, status: int) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            await client.receive(b"POST / HTTP/1.1\r\nX-Request-ID: my-id\r\n", rest)
            await server.loop.advance(30)
            assert (client.statuses, b"\r\nx-request-id: my-id\r\n" in client.sent) == ([status], True)

        with capture_logs() as logs:
            run(test)
        assert [each["request_id"] for each in logs] == ["my-id"]

    @pytest.mark.parametrize("coding", [b"gzip, chunked", b"gzip\r\nTransfer-Encoding: chunked", b"identity"])
    def test_a_transfer_coding_that_is_not_applied_is_refused(self, coding: bytes) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            head = b"POST /%s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: %s\r\n\r\n"
            await client.receive(head % (b"a", b"Chunked") + b"3\r\nabc\r\n0\r\n\r\n")
            await client.receive(head % (b"b", coding) + b"3\r\nabc\r\n0\r\n\r\n")
            assert (client.statuses, server.bodies) == ([200, 501], [b"abc"])
            assert client.problem == "/problems/unsupported-transfer-coding"
            assert b"Invalid HTTP" not in client.sent

        run(test)

    def test_nonsense_after_a_request_does_not_replace_its_response(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            await client.receive((GET % b"wait") + b"nonsense\r\n\r\n", b"more nonsense")
            assert client.sent == b""
            server.gate.set()
            await settle()
            assert client.statuses == [200]
            assert client.is_closing()

        run(test)

    def test_nonsense_in_the_body_of_a_waiting_request_is_not_answered_in_place_of_the_one_before(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            chunked = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            await client.receive((GET % b"wait") + chunked + b"nonsense")
            assert client.sent == b""
            assert client.is_closing()
            server.gate.set()
            await settle()

        run(test)

    def test_a_request_for_another_protocol_is_answered_and_ends_the_connection(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            await client.receive(b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
            assert client.statuses == [200]
            assert b"connection: close" in client.sent

        run(test)


class TestBody:
    def test_half_a_body_is_refused(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            await client.receive(POST % (b"a", 10), b"12345")
            await server.loop.advance(module.BODY_SECONDS)
            assert not client.is_closing()
            await server.loop.advance(2 * module.CHECK_SECONDS)
            assert (client.statuses, client.problem) == ([408], "/problems/request-timeout")
            assert server.disconnected == 1

        run(test)

    def test_the_refusal_of_a_body_does_not_follow_the_begin_of_its_response(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            await client.receive(POST % (b"begun", 10), b"12345")
            await server.loop.advance(module.BODY_SECONDS + 2 * module.CHECK_SECONDS)
            assert client.statuses == [200]
            assert client.is_closing()

        run(test)

    def test_a_slow_body_may_take_its_time(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            size = 2 * module.BYTES_PER_SECOND * module.CHECK_SECONDS
            await client.receive(POST % (b"a", 100 * size))
            for _ in range(100):
                await server.loop.advance(module.CHECK_SECONDS)
                await client.receive(b"x" * size)
            assert client.statuses == [200]

        run(test)

    def test_a_body_has_time_while_the_application_does_not_read_it(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            await client.receive(POST % (b"late", 100_000), b"x" * 90_000)
            assert client.is_paused
            await server.loop.advance(2 * (module.BODY_SECONDS + 100_000 / module.BYTES_PER_SECOND))
            server.gate.set()
            await settle()
            await server.loop.advance(module.BODY_SECONDS)  # from then on
            await client.receive(b"x" * 10_000)
            assert client.statuses == [200]

        run(test)

    def test_the_rest_of_a_body_is_received_for_a_while_after_its_response(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            await client.receive(POST % (b"early", 1_000_000))
            for _ in range(module.KEEP_ALIVE_SECONDS // module.CHECK_SECONDS):
                assert not client.is_closing()
                await client.receive(b"x" * 10_000)
                await server.loop.advance(module.CHECK_SECONDS)
            await server.loop.advance(2 * module.CHECK_SECONDS)
            assert client.statuses == [200]
            assert client.is_closing()

        run(test)

    @pytest.mark.parametrize("endless", [b"X: " + b"a" * 100 + b"\r\n", b"a" * 1000])
    def test_endless_trailers_are_refused(self, endless: bytes) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            await client.receive(POST % (b"a", 50_000), b"x" * 50_000)
            await client.receive(b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\nA: b\r\n")
            sent = 0
            while not client.is_closing() and sent <= module.MAX_HEAD_BYTES + len(endless):
                await client.receive(endless)
                sent += len(endless)
            assert client.is_closing()
            assert sent <= module.MAX_HEAD_BYTES + len(endless)
            assert client.statuses == [200, 400]

        run(test)

    def test_a_body_in_the_smallest_chunks_is_accepted(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            await client.receive(b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(4):
                await client.receive(b"1\r\nx\r\n" * 5_000)
            await client.receive(b"0\r\n\r\n")
            assert (client.statuses, server.bodies) == ([200], [b"x" * 20_000])

        run(test)

    def test_trailers_are_no_headers(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            await client.receive(b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
            await client.receive(b"Authorization: Bearer x\r\n\r\n")
            assert client.statuses == [200]
            assert [name for name, _ in server.headers[0]] == [b"host", b"transfer-encoding"]

        run(test)


class TestReading:
    def test_the_next_request_waits_until_the_client_has_read(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            client.reads = False
            await client.receive(3 * (GET % b"2000000"))
            assert server.paths == ["2000000"]
            assert client.is_paused
            client.read(1_990_000)
            await settle()
            assert server.paths == ["2000000"] * 2
            client.reads = True
            client.read()
            await settle()
            assert client.statuses == [200] * 3
            await client.receive(GET % b"a")  # it can be received again
            assert client.statuses == [200] * 4

        run(test)

    def test_the_next_request_waits_for_the_end_of_a_response_that_the_client_reads_in_parts(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            for _ in range(2):
                client.reads = False
                await client.receive(GET % b"100000")
                client.read()
                await settle()
            await client.receive((GET % b"wait") + (GET % b"a"))
            client.write(b"x" * 100_000)  # a part of the response
            client.read()
            await settle()
            assert server.paths[-1] == "wait"
            server.gate.set()
            await settle()

        run(test)

    def test_few_requests_wait_for_earlier_ones(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            with capture_logs() as logs:
                await client.receive((GET % b"wait") + 100 * (POST % (b"a", 1) + b"x"))
            assert not logs
            server.gate.set()
            await settle()
            assert client.statuses == [200] * (1 + module.MAX_PIPELINED)
            assert set(server.bodies[1:]) == {b"x"}
            assert client.sent.count(b"connection: close") == 1
            assert client.is_closing()

        run(test)

    @pytest.mark.parametrize("size", [b"100", b"2000000"])
    def test_a_client_that_reads_nothing_is_disconnected(self, size: bytes) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            client.reads = False
            await client.receive(GET % size)
            await server.loop.advance(module.STALLED_SECONDS)
            assert not client.is_aborted
            await server.loop.advance(2 * module.CHECK_SECONDS)
            assert client.is_aborted

        with capture_logs() as logs:
            run(test)
        assert [each["reason"] for each in logs] == ["the client does not read"]

    def test_a_client_that_reads_slowly_gets_everything(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            client.reads = False
            await client.receive(GET % b"2000000")
            while client.unsent:
                await server.loop.advance(10)
                client.read(module.BYTES_PER_SECOND * 11)
            assert client.statuses == [200]
            assert len(client.sent) > 2_000_000
            assert not client.is_closing()

        run(test)

    def test_a_client_that_reads_slowly_gets_what_is_added_meanwhile(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            client.reads = False
            await client.receive(GET % b"100000")
            client.write(b"x" * 1_000_000)
            while client.unsent:
                await server.loop.advance(10)
                client.read(module.BYTES_PER_SECOND * 11)
            assert not client.is_closing()

        run(test)

    @pytest.mark.parametrize(("size", "is_aborted"), [(b"2000000", True), (b"10000", False)])
    def test_only_much_data_must_be_read_quickly(self, size: bytes, is_aborted: bool) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            client.reads = False
            await client.receive(GET % size)
            for _ in range(5):
                await server.loop.advance(30)
                client.read(1000)
            assert client.is_aborted is is_aborted

        run(test)

    def test_the_slowest_are_disconnected_if_responses_take_too_much_memory(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "MAX_UNSENT_BYTES", 600_000)

        async def test(server: Server) -> None:
            clients = [server.connect() for _ in range(8)]
            for number, client in enumerate(clients):
                client.reads = False
                await server.loop.advance(1)
                if number == 5:
                    clients[0].read(70_000)  # this one reads
                await client.receive(GET % b"100000")
            assert [client.is_aborted for client in clients] == [False, True, True, *[False] * 5]
            assert sum(client.get_write_buffer_size() for client in clients) <= 600_000

        run(test)

    @pytest.mark.parametrize("earlier", [0, 2])
    def test_all_requests_end_when_the_client_leaves(self, earlier: int) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            await client.receive(earlier * (GET % b"b") + (GET % b"stream") + (GET % b"a"))
            client.close()
            await settle()
            assert server.disconnected == 1
            assert server.paths == [*["b"] * earlier, "stream"]

        run(test)


class TestStopping:
    def test_an_idle_connection_answers_a_request_that_was_on_its_way(self) -> None:
        async def test(server: Server) -> None:
            used, fresh = server.connect(), server.connect()
            await used.receive(GET % b"a")
            for client in (used, fresh):
                client.connection.shutdown()
                await server.loop.advance(module.UNUSED_SECONDS / 2)
                await client.receive(POST % (b"a", 1))
                await server.loop.advance(module.LAST_REQUEST_SECONDS - 1)
                await client.receive(b"x")
                assert client.statuses[-1] == 200
                assert client.sent.count(b"connection: close") == 1
                assert client.is_closing()

        run(test)

    def test_other_connections_end(self) -> None:
        async def test(server: Server) -> None:
            idle, half, waiting, deaf, unread = (server.connect() for _ in range(5))
            await idle.receive(GET % b"a")
            await half.receive(POST % (b"a", 2), b"x")
            await waiting.receive(GET % b"wait")
            deaf.reads = False
            await deaf.receive(GET % b"2000000")
            await unread.receive(POST % (b"late", 100_000), b"x" * 90_000)
            for client in list(server.transports):
                client.connection.shutdown()
            await server.loop.advance(2 * module.UNUSED_SECONDS)
            assert [each.is_closing() for each in server.transports] == [True, False, False, False, False]
            await server.loop.advance(module.LAST_REQUEST_SECONDS)
            assert [each.is_closing() for each in server.transports] == [True, True, False, True, True]
            assert half.statuses == unread.statuses == [408]
            server.gate.set()
            await settle()
            assert waiting.statuses == [200]
            assert waiting.is_closing()

        run(test)

    def test_a_response_that_takes_too_long_is_ended(self) -> None:
        async def test(server: Server) -> None:
            client = server.connect()
            await client.receive(GET % b"wait")
            client.connection.shutdown()
            aborted = []
            for seconds in (module.LAST_RESPONSE_SECONDS, 2 * module.STOPPING_CHECK_SECONDS):
                await server.loop.advance(seconds)
                aborted.append(client.is_aborted)
            assert aborted == [False, True]
            server.gate.set()
            await settle()

        run(test)


@pytest.mark.parametrize(("descriptors", "connections"), [(1024, 768), (100, 50), (resource.RLIM_INFINITY, 999_744)])
def test_a_process_takes_as_many_connections_as_it_has_descriptors_for(
    monkeypatch: pytest.MonkeyPatch, descriptors: int, connections: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (descriptors, 1 << 20))
    assert module.max_connections.__wrapped__() == connections


def test_a_connection_that_is_one_too_many_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "max_connections", lambda: 2)
    monkeypatch.setattr(BoundedConnection, "_logged_full_at", -math.inf)

    async def test(server: Server) -> None:
        first, second, third = (server.connect() for _ in range(3))
        assert second.statuses == []
        assert (third.statuses, third.problem) == ([503], "/problems/busy")
        assert b"\r\nretry-after: " in third.sent
        await first.receive(GET % b"a")
        assert first.statuses == [200]
        fourth = server.connect()
        assert fourth.statuses == [503]
        first.close()
        assert server.connect().statuses == []
        await server.loop.advance(module.REPEAT_LOG_SECONDS + 1)
        _ = [server.connect() for _ in range(3)]

    with capture_logs() as logs:
        run(test)
    assert [each["event"] for each in logs if each["log_level"] == "warning"] == ["too many connections"] * 2
