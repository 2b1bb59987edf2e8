"""Pages of other origins (the Fetch standard's CORS protocol): which of them may call, and read what is answered."""

from __future__ import annotations

from collections.abc import Collection

from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

ALLOWED_METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-Request-ID"
EXPOSED_HEADERS = "ETag, Idempotency-Replayed, Link, Location, Retry-After, X-Request-ID"
PREFLIGHT_SECONDS = "600"


class Cors:
    """Wraps an application: answers preflights, and names the origin of a page that may read an answer.

    Any other page is refused nothing here: it is simply not named, and its browser keeps the answer from it.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self.app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        headers = Headers.from_scope(scope)
        origin = headers.get("origin")
        granted = origin if origin in self._origins or "*" in self._origins else None
        if scope["method"] == HttpMethod.OPTIONS and origin and "access-control-request-method" in headers:
            await _answer_preflight(granted, send)
        else:
            await self.app(scope, receive, _naming(granted, send))


async def _answer_preflight(granted: str | None, send: Send) -> None:
    start: Message = {"type": "http.response.start", "status": 204, "headers": []}
    headers = MutableScopeHeaders.from_message(start)
    headers["Vary"] = "Origin"
    if granted:
        headers["Access-Control-Allow-Origin"] = granted
        headers["Access-Control-Allow-Methods"] = ALLOWED_METHODS
        headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        headers["Access-Control-Max-Age"] = PREFLIGHT_SECONDS
    await send(start)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _naming(granted: str | None, send: Send) -> Send:
    async def name(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableScopeHeaders.from_message(message)
            headers["Vary"] = "Origin"
            if granted:
                headers["Access-Control-Allow-Origin"] = granted
                headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
        await send(message)

    return name
