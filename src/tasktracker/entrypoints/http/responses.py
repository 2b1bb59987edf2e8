"""Answers in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

T = TypeVar("T")
JSON = "application/json"
WITHOUT_BODY = (204, 304)


class JsonResponse(Response[T]):
    """An answer whose body is encoded where it is made, on the thread of its handler, and sent as it is.

    A body that is bytes has been encoded before. Without a status, it is that of the handler.
    """

    def __init__(self, content: T, *, status_code: int | None = None, headers: Mapping[str, str] = {}) -> None:
        super().__init__(content, status_code=status_code, media_type=JSON)
        self.body = content if isinstance(content, bytes) else msgspec.json.encode(content)
        self.lines = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]

    def to_asgi_response(self, *_args: Any, status_code: int | None = None, **_options: Any) -> ASGIResponse:
        """Return what sends the answer."""
        return _Sent(self.status_code or status_code or 200, self.lines, self.body)


class _Sent(ASGIResponse):
    """Sends an answer. What it says by itself is what HTTP requires of it; the rest is up to the edge."""

    __slots__ = ("lines", "status")

    def __init__(self, status: int, lines: list[tuple[bytes, bytes]], body: bytes) -> None:
        if status in WITHOUT_BODY:
            body = b""
        else:
            lines += [(b"content-type", JSON.encode()), (b"content-length", str(len(body)).encode())]
        self.status, self.lines, self.body = status, lines, body

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.lines})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})
