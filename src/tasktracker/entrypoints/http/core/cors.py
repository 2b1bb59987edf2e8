"""CORS (https://fetch.spec.whatwg.org/#http-cors-protocol): which origins may call the API from a browser."""

from __future__ import annotations

from collections.abc import Collection

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

ALLOWED_METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
ALLOWED_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer, X-Request-ID"
)
EXPOSED_HEADERS = "ETag, Idempotency-Replayed, Link, Location, Preference-Applied, Retry-After, X-Request-ID"
PREFLIGHT_SECONDS = "600"
PREFLIGHT = b"access-control-request-method"
VARY = (b"vary", b"Origin")


class Cors:
    """Wraps an application: responds to preflight requests, and adds CORS headers for allowed origins.

    Requests from other origins are not refused. Their responses have no CORS headers, so the browser blocks them.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self.app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        sent = headers.get(b"origin")
        origin = None if sent is None else sent.decode("latin-1")
        granted = sent if origin in self._origins or "*" in self._origins else None
        if scope["method"] == HttpMethod.OPTIONS and origin and PREFLIGHT in headers:
            await _answer_preflight(granted, send)
        else:
            await self.app(scope, receive, _with_cors_headers(granted, send))


async def _answer_preflight(granted: bytes | None, send: Send) -> None:
    headers = [VARY]
    if granted:
        headers += [
            (b"access-control-allow-origin", granted),
            (b"access-control-allow-methods", ALLOWED_METHODS.encode()),
            (b"access-control-allow-headers", ALLOWED_HEADERS.encode()),
            (b"access-control-max-age", PREFLIGHT_SECONDS.encode()),
        ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _with_cors_headers(granted: bytes | None, send: Send) -> Send:
    added = [VARY]
    if granted:
        added += [
            (b"access-control-allow-origin", granted),
            (b"access-control-expose-headers", EXPOSED_HEADERS.encode()),
        ]

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *added]
        await send(message)

    return send_with_headers
