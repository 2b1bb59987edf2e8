"""Serving under the path of PUBLIC_URL, whether the proxy in front removes that path or not."""

from __future__ import annotations

from typing import cast

from litestar.types import ASGIApp, Message, Receive, Scope, Send

_LINKS = {b"location": b"/", b"link": b"</"}
"""The headers with a path of this server at their beginning, and the first bytes of these headers."""


class SubPath:
    """Wraps an application: removes the path of PUBLIC_URL from requests, and adds it to paths in response headers."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path
        self._raw = path.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        path = scope.get("path", "")
        if path == self._path or path.startswith(f"{self._path}/"):
            raw = scope.get("raw_path") or b""
            shorter = {"path": path[len(self._path) :] or "/", "raw_path": raw[len(self._raw) :] or b"/"}
            scope = cast(Scope, {**scope, **shorter})

        async def prefix(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [(name, self._prefixed(name, value)) for name, value in message["headers"]]
            await send(message)

        await self._app(scope, receive, prefix)

    def _prefixed(self, name: bytes, value: bytes) -> bytes:
        begin = _LINKS.get(name.lower())
        if begin is None or not value.startswith(begin):
            return value
        return begin[:-1] + self._raw + value[len(begin) - 1 :]
