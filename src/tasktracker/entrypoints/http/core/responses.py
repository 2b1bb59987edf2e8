"""JSON responses and streamed responses."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

T = TypeVar("T")
JSON = "application/json"
BINARY = "application/octet-stream"
WITHOUT_BODY = (204, 304)


class JsonResponse(Response[T]):
    """A response that is encoded in its constructor, on the thread of the handler.

    `content` of type bytes is already encoded. Without `status_code`, the status is that of the handler.
    """

    def __init__(self, content: T, *, status_code: int | None = None, headers: Mapping[str, str] = {}) -> None:
        super().__init__(content, status_code=status_code, media_type=JSON)
        self.body = content if isinstance(content, bytes) else msgspec.json.encode(content)
        self.raw_headers = _raw_headers(headers)

    def to_asgi_response(self, *_args: Any, status_code: int | None = None, **_options: Any) -> ASGIResponse:
        """Return the ASGI application that sends the response."""
        return _Sent(self.status_code or status_code or 200, self.raw_headers, self.body)


class _Sent(ASGIResponse):
    """Sends a response with the headers that HTTP requires. ResponseMiddleware adds the others."""

    __slots__ = ("raw_headers", "status")

    def __init__(self, status: int, raw_headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        if status in WITHOUT_BODY:
            body = b""
        else:
            raw_headers += [(b"content-type", JSON.encode()), (b"content-length", str(len(body)).encode())]
        self.status, self.raw_headers, self.body = status, raw_headers, body

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the response."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


class StreamedResponse(Response[bytes]):
    """A response whose body is produced while it is sent."""

    def __init__(self, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(b"", media_type=media_type)
        content_type = f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
        self.raw_headers = _raw_headers({**headers, "content-type": content_type})

    @abstractmethod
    async def stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start the response and send its body."""

    async def start(self, send: Send) -> None:
        """Send the status and the headers."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})

    def to_asgi_response(self, *_args: Any, **_options: Any) -> ASGIResponse:
        """Return the ASGI application that sends the response."""
        return _Streamed(self)


class HeadResponse(StreamedResponse):
    """The response to HEAD if the response to GET is a stream, whose length is unknown (RFC 9110 §8.6)."""

    async def stream(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the headers."""
        await self.start(send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Streamed(ASGIResponse):
    __slots__ = ("response",)

    def __init__(self, response: StreamedResponse) -> None:
        self.response = response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.response.stream(scope, receive, send)


def _raw_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
