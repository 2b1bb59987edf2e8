"""A network between a client and the application in this process, which fails on demand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import httpx

Hook = Callable[[httpx.Request], httpx.Response | None]


class Line(httpx.BaseTransport):
    """Sends requests to the real application. `paths` counts the requests that arrived."""

    def __init__(self, server: httpx.Client) -> None:
        self._server = server
        self.is_up = True
        self.lose: list[str] = []
        """Paths whose next answer is lost after the request was executed."""
        self.twice: list[str] = []
        """Paths to which the next request arrives twice."""
        self.before: Hook = lambda _: None
        """Called first. May answer instead of the server."""
        self.requests: list[httpx.Request] = []

    @property
    def paths(self) -> Counter[str]:
        return Counter(f"{request.method} {request.url.path}" for request in self.requests)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not self.is_up:
            raise httpx.ConnectError("the line is down", request=request)
        content = request.read()
        if (instead := self.before(request)) is not None:
            return instead
        path = request.url.path
        response = self._pass(request, content)
        if path in self.twice:
            self.twice.remove(path)
            response = self._pass(request, content)
        if path in self.lose:
            self.lose.remove(path)
            raise httpx.ReadError("the line broke", request=request)
        return response

    def _pass(self, request: httpx.Request, content: bytes) -> httpx.Response:
        self.requests.append(request)
        headers = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
        response = self._server.request(request.method, request.url.raw_path.decode(), content=content, headers=headers)
        return httpx.Response(response.status_code, headers=response.headers, content=response.content)


def problem(status: int, **more: object) -> httpx.Response:
    """Return a problem document as an answer."""
    body = {"type": "/problems/x", "title": "No", "status": status, "detail": "No.", **more}
    return httpx.Response(status, json=body, headers={"Content-Type": "application/problem+json"})
