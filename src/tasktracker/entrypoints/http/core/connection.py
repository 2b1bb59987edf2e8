"""Connections of clients, with limits on the time and the memory that a client may use."""

from __future__ import annotations

import math
import resource
from asyncio import Transport
from functools import cache
from http import HTTPStatus
from typing import Any, ClassVar

import msgspec
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from tasktracker.domain.kernel.errors import Busy
from tasktracker.entrypoints.http.core.middleware import DEFAULT_HEADERS, NOSNIFF, Header, request_id_of
from tasktracker.entrypoints.http.core.problems import MEDIA_TYPE, Problem, problem_of, protocol_problem

CHECK_SECONDS = 5
"""Interval of the checks of each connection. A limit on time may be exceeded by two intervals."""

KEEP_ALIVE_SECONDS = 75
"""How long a connection may wait for its next request, or for the rest of a body whose request was answered. Proxies
reuse a connection for 60 seconds. If the server closed the connection earlier, the proxy could send a request at the
same moment."""
HEAD_SECONDS = 20
"""How long the first request may wait, and how long the head of a request may take to arrive."""
MAX_HEAD_BYTES = 64 * 1024
"""Maximum size of the request line and the headers, and of the bytes around the chunks of a body."""
BODY_SECONDS = 20
BYTES_PER_SECOND = 1024
"""A body may take BODY_SECONDS, or longer if it arrives at this rate."""
MAX_PIPELINED = 10
"""Requests that may wait for the response to an earlier one on their connection."""

STALLED_SECONDS = 60
"""A connection is aborted when its client reads nothing for this time, or much data more slowly than
BYTES_PER_SECOND."""
MAX_UNSENT_BYTES = 16 * 1024 * 1024
"""The most bytes that wait for slow clients, in all connections of a process. Above it, the slowest are aborted."""

STOPPING_CHECK_SECONDS = 0.5
UNUSED_SECONDS = 0.5
"""How long a server that stops waits for a request that may be on its way on an idle connection."""
LAST_REQUEST_SECONDS = 5
"""How long a server that stops waits for the rest of a request."""
LAST_RESPONSE_SECONDS = 9
"""How long a server that stops waits for responses. Soon after, uvicorn cancels what still runs (SHUTDOWN_SECONDS)."""

UNIX_CLIENT = "unix"
"""The address of a client of a Unix socket, which has none."""

RESERVED_DESCRIPTORS = 256
"""Open files of each process that are not connections of clients: its database and temporary files."""
REPEAT_LOG_SECONDS = 60

log = structlog.get_logger("tasktracker.connection")


class RequestRefused(Exception):
    """Raised in callbacks of the parser, to stop it."""


class BoundedConnection(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 connection, with limits.

    A client has limited time to send a request and to read a response, and limited memory for both. A refused request
    gets a problem document, and its connection is closed after the responses to earlier requests.

    Each connection checks its limits on time periodically, because a timer for each request would cost more.
    """

    _logged_full_at: ClassVar[float] = -math.inf

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # A request has a head, until `on_headers_complete`, and a body, while `cycle.more_body`.
        self._is_in_head = False
        self._block = 0  # size of the block that was received last
        self._received = 0  # bytes of the head or of the body, without the block in which it began
        self._body = 0  # bytes of the body, without the bytes around its chunks
        self._since: float | None = None  # when the first check saw the present state
        self._is_deaf = False  # ignore all later bytes
        self._is_last = False  # ignore all bytes after the running requests
        self._is_stopping = False
        self._ends_at = math.inf
        self._refusal: HTTPStatus | None = None

        self._running: RequestResponseCycle | None = None  # `cycle` is the request that was received last
        self._awaits_drain = False  # the client has not read enough of the last response to get another one
        self._unsent = 0  # bytes that waited for the client at `_read_at`
        self._read_at = 0.0  # when the client last read some of them

    # ------------------------------------------------------------ connection

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Begin to check the connection. Refuse it if the process would run out of file descriptors."""
        super().connection_made(transport)
        self.client = self.client or (UNIX_CLIENT, 0)
        self._checks = self.loop.call_later(CHECK_SECONDS, self._check)
        if len(self.connections) > max_connections():
            self._is_deaf = True
            busy = Busy("The server has the maximum number of connections.")
            self._answer(problem_of(busy), request_id_of([]), (b"retry-after", str(busy.retry_after).encode()))
            now = self.loop.time()
            if now - BoundedConnection._logged_full_at > REPEAT_LOG_SECONDS:
                BoundedConnection._logged_full_at = now
                log.warning("too many connections", connections=len(self.connections))

    def connection_lost(self, exc: Exception | None) -> None:
        """End the running request, too. uvicorn ends only the request that was received last."""
        self._checks.cancel()
        self.pipeline.clear()
        if self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Answer requests that have arrived, are arriving or may still arrive soon, and close the connection.

        uvicorn calls it when the server stops. Closing a connection on which a proxy has just sent a request would
        lose that request.
        """
        self._is_stopping = True
        self._since = self._read_at = self.loop.time()
        self._ends_at = self._read_at + LAST_RESPONSE_SECONDS
        self._checks.cancel()
        self._checks = self.loop.call_later(STOPPING_CHECK_SECONDS, self._check)
        if self._is_answering():
            self.cycle.keep_alive = False
            self._is_last = True

    # -------------------------------------------------------------- receiving

    def data_received(self, data: bytes) -> None:
        """Parse a block of at most 256 KiB, and refuse the request if it has become too large."""
        if self._is_deaf:
            return
        self._block = len(data)
        self._received += self._block
        super().data_received(data)
        if self._received > MAX_HEAD_BYTES and not self._is_deaf:
            if self._is_in_head:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            elif self._is_in_body() and self._received > MAX_HEAD_BYTES + 8 * self._body:
                self._refuse(HTTPStatus.BAD_REQUEST)  # endless trailers or chunk extensions

    def on_message_begin(self) -> None:
        """Begin a request."""
        if self._is_last:
            self._is_deaf = True
            raise RequestRefused
        super().on_message_begin()
        self._is_in_head = True
        self._since = None
        self._received = 0

    def on_headers_complete(self) -> None:
        """Start the request, or queue it behind others."""
        if self._received or self._block > MAX_HEAD_BYTES:
            size = len(self.url) + sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers)
            if size > MAX_HEAD_BYTES:
                self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
                raise RequestRefused
        if any(name == b"transfer-encoding" and value.lower() != b"chunked" for name, value in self.headers):
            self._refusal = HTTPStatus.NOT_IMPLEMENTED  # RFC 9112 §6.1
            raise RequestRefused
        super().on_headers_complete()
        self.headers = []  # the parser adds trailers to this list; the application must not see them as headers
        self._is_in_head = False
        self._since = None
        self._received = self._body = 0
        if not self.pipeline:
            self._running = self.cycle
        if self._is_stopping or len(self.pipeline) >= MAX_PIPELINED or self.parser.should_upgrade():
            # The parser cannot continue after a request to upgrade to another protocol, although HTTP/1.1 answers the
            # request.
            self.cycle.keep_alive = False
            self._is_last = True

    def on_body(self, body: bytes) -> None:
        """Receive a part of the body."""
        self._body += len(body)
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that cannot be parsed. uvicorn would send plain text, even inside another response."""
        if not self._is_deaf:
            self._refuse(self._refusal or HTTPStatus.BAD_REQUEST, "" if self._refusal else msg)

    # ---------------------------------------------------------------- sending

    def on_response_complete(self) -> None:
        """Start the next request when the client has read enough of the response."""
        if not self._is_in_head:
            self._since = None
        if self.flow.write_paused and not self.transport.is_closing():
            self._awaits_drain = True
            self.flow.pause_reading()
            return
        if self.pipeline:
            self._running, _ = self.pipeline[-1]
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Note that the client reads slowly. Abort the slowest connections if responses take too much memory."""
        super().pause_writing()
        self._unsent, self._read_at = self.transport.get_write_buffer_size(), self.loop.time()
        connections = [each for each in self.connections if isinstance(each, BoundedConnection)]
        slow = [each for each in connections if each.flow.write_paused and not each.transport.is_closing()]
        excess = sum(each._measure() for each in slow) - MAX_UNSENT_BYTES
        if excess > 0:
            for each in sorted(slow, key=lambda each: each._read_at):
                excess -= each.transport.get_write_buffer_size()
                each._abort("the responses of all connections take too much memory")
                if excess <= 0:
                    break

    def resume_writing(self) -> None:
        """Start the next request, if it waited until the client had read the response."""
        super().resume_writing()
        self._unsent = 0
        if self._awaits_drain:
            self._awaits_drain = False
            self.on_response_complete()

    # ----------------------------------------------------------------- limits

    def _is_in_body(self) -> bool:
        return self._running is not None and not self._is_in_head and self.cycle.more_body

    def _is_answering(self) -> bool:
        return self._running is not None and not self.cycle.response_complete

    def _check(self) -> None:
        interval = STOPPING_CHECK_SECONDS if self._is_stopping else CHECK_SECONDS
        self._checks = self.loop.call_later(interval, self._check)
        now = self.loop.time()
        stalled_seconds = LAST_REQUEST_SECONDS if self._is_stopping else STALLED_SECONDS
        if now > self._ends_at:
            self._abort("the server stops")
        elif self._measure() and now - self._read_at > stalled_seconds:
            self._abort("the client does not read")
        elif self._since is None:
            self._since = now
        elif self.flow.read_paused and not self._is_stopping:
            self._since = now  # the client cannot send: its request waits for earlier ones or for the application
        elif now - self._since <= self._seconds_allowed() or self.transport.is_closing() or self._is_deaf:
            return
        elif self._is_in_head or (self._is_in_body() and self._is_answering()):
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def _seconds_allowed(self) -> float:
        """Return how long the client may take for the next data that it sends."""
        if self._is_in_head or self._is_in_body():
            if self._is_stopping:
                return LAST_REQUEST_SECONDS
            if self._is_in_head:
                return HEAD_SECONDS
            if self._is_answering():
                return BODY_SECONDS + self._received / BYTES_PER_SECOND
        elif self._is_answering() or self._awaits_drain:
            return math.inf
        if self._is_stopping:
            return UNUSED_SECONDS
        return HEAD_SECONDS if self._running is None else KEEP_ALIVE_SECONDS

    def _measure(self) -> int:
        """Return the number of bytes that wait for the client, and note the time if the client has read some."""
        unsent = self.transport.get_write_buffer_size()
        least = STALLED_SECONDS * BYTES_PER_SECOND if self.flow.write_paused else 1
        if unsent == 0 or self._unsent == 0 or unsent <= self._unsent - least:
            self._unsent, self._read_at = unsent, self.loop.time()
        self._unsent = max(unsent, self._unsent)
        return unsent

    def _refuse(self, status: HTTPStatus, detail: str = "") -> None:
        """Receive nothing more. Answer with a problem, unless responses to earlier requests must be sent first."""
        self._is_deaf = True
        # The parser keeps the headers of a request until its body begins.
        headers = self.headers or (self.scope["headers"] if self._is_in_body() else [])
        request_id = request_id_of(headers)
        log.info("connection refused", status=status.value, request_id=request_id)
        if not self._is_in_body():
            if self._is_answering():
                self.cycle.keep_alive = False
            else:
                self._answer(protocol_problem(status, detail), request_id)
        elif self.cycle is self._running and not self.cycle.response_started:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._answer(protocol_problem(status, detail), request_id)
        else:
            self.transport.close()

    def _answer(self, problem: Problem, request_id: str, *more: Header) -> None:
        """Send a problem and close the connection."""
        body = msgspec.json.encode(problem)
        headers = [
            *self.server_state.default_headers,
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
            (b"x-request-id", request_id.encode()),
            NOSNIFF,
            *DEFAULT_HEADERS,
            *more,
        ]
        head = b"".join(b"%s: %s\r\n" % header for header in headers)
        status = HTTPStatus(problem.status)
        self.transport.write(b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (status, status.phrase.encode(), head, body))
        self.transport.close()

    def _abort(self, reason: str) -> None:
        log.info("connection aborted", reason=reason, unsent_bytes=self.transport.get_write_buffer_size())
        self.transport.abort()


@cache
def max_connections() -> int:
    """Return how many connections a process may have without running out of file descriptors."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        descriptors = 1_000_000
    return max(descriptors - RESERVED_DESCRIPTORS, descriptors // 2)
