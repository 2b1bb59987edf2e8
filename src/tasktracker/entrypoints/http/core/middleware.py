"""The outermost middleware: request ids, security headers and the request log."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import structlog
from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from tasktracker.domain.kernel.actors import Actor
from tasktracker.entrypoints.http.core.problems import refuse_host

SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}", re.ASCII)
API_POLICY = "default-src 'none'; frame-ancestors 'none'"

Header = tuple[bytes, bytes]
Observe = Callable[[str, str | None, int | None, float], None]
"""Called after each response: with the method, the route, the status and the duration in seconds."""
NOSNIFF: Header = (b"x-content-type-options", b"nosniff")
DEFAULT_HEADERS: Sequence[Header] = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", API_POLICY.encode()),
)

IS_HEAD = "is_head"
"""Key in the connection's state. It is set for HEAD requests, so that handlers can skip an expensive body."""

# Request ids must be unique, but not secret. Random bytes of the operating system would be much slower.
_RANDOM = random.Random()  # noqa: S311

log = structlog.get_logger("tasktracker.request")


@dataclass(slots=True)
class SentStatus:
    """The status of the response, once it has started."""

    status: int | None = None


class ResponseMiddleware:
    """Wraps an application: adds request ids and security headers, and handles HEAD as GET without a body.

    `methods` contains the methods of each path template, for the response to OPTIONS.
    """

    def __init__(
        self,
        app: ASGIApp,
        methods: Mapping[str, Iterable[str]],
        *,
        request_log: bool = True,
        observe: Observe | None = None,
    ) -> None:
        self.app = app
        self._methods = methods
        self._request_log = request_log
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        request_id = request_id_of(scope["headers"])
        head = scope["method"] == HttpMethod.HEAD
        if head:
            # This is a copy, because the server's own scope decides whether the server sends a body.
            scope = {**scope, "method": HttpMethod.GET, "state": {**scope.get("state", {}), IS_HEAD: True}}
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = perf_counter()
        answer = SentStatus()
        app = self.app if _has_host(scope) else refuse_host
        try:
            await app(scope, receive, self._finishing(scope, send, request_id, answer, head))
        except asyncio.CancelledError:
            # uvicorn cancels requests that still run when the server must stop. It would log each of them with a
            # traceback.
            log.warning("request cancelled", route=scope.get("path_template"))
        finally:
            seconds = perf_counter() - started
            method = "HEAD" if head else scope["method"]
            if self._observe is not None:
                self._observe(method, scope.get("path_template"), answer.status, seconds)
            if self._request_log:
                # The route is logged, and never the path or the query, which may contain private data.
                log.info(
                    "request",
                    method=method,
                    route=scope.get("path_template"),
                    status=answer.status,
                    duration_ms=round(seconds * 1000, 2),
                    user=_user(scope),
                )

    def _finishing(self, scope: Scope, send: Send, request_id: str, answer: SentStatus, head: bool) -> Send:
        async def finish(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = int(message["status"])  # an HTTPStatus would be logged by its name
                message["headers"] = self._headers(scope, message["headers"], request_id)
            elif head and message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        return finish

    def _headers(self, scope: Scope, sent: Iterable[Header], request_id: str) -> list[Header]:
        headers = [*sent, (b"x-request-id", request_id.encode()), NOSNIFF]
        names = {name for name, _ in headers}
        headers += [(name, value) for name, value in DEFAULT_HEADERS if name not in names]
        if b"allow" in names:
            (allowed,) = (value for name, value in headers if name == b"allow")
            served = self._methods.get(scope.get("path_template", ""), allowed.decode().split(", "))
            headers = [(name, _allow(served) if name == b"allow" else value) for name, value in headers]
        return headers


def _has_host(scope: Scope) -> bool:
    hosts = sum(name == b"host" for name, _ in scope["headers"])
    return hosts == 1 or (hosts == 0 and scope.get("http_version") == "1.0")


def request_id_of(headers: Iterable[Header]) -> str:
    """Return the id that the client sent, if its form is allowed; otherwise a new id."""
    for name, value in headers:
        if name == b"x-request-id" and SANE_REQUEST_ID.fullmatch(value):
            return value.decode()
    return f"{_RANDOM.getrandbits(128):032x}"


def _user(scope: Scope) -> str | None:
    actor: Actor | None = scope.get("user")
    return str(actor.user_id) if actor else None


def _allow(methods: Iterable[str]) -> bytes:
    """Return the `Allow` header. Every path supports OPTIONS, and a path with GET supports HEAD."""
    allowed = {"OPTIONS", *methods}
    if "GET" in allowed:
        allowed.add("HEAD")
    return ", ".join(sorted(allowed)).encode()
