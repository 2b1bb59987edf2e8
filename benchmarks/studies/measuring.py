"""Measure the processor time of calls in this process, and send requests to an application in it."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

ROUNDS = 9

Repeated = Callable[[int], object]
"""Runs something a given number of times."""


@dataclass(frozen=True)
class Comparison:
    """The cost of a call of ours, of a call of the library and of a whole request, in microseconds."""

    what: str
    ours: float
    library: float
    whole: float

    def row(self) -> str:
        """Return the line of the table."""
        gain = self.library - self.ours
        return f"{self.what:<58} {self.ours:8.1f} {self.library:8.1f} {gain:8.1f} {gain / self.whole:8.0%}"


def heading() -> str:
    """Return the first line of the table."""
    return f"{'µs of processor time':<58} {'ours':>8} {'library':>8} {'gain':>8} {'request':>8}"


def measured(number: int, *calls: Repeated) -> Sequence[float]:
    """Return the processor time of each call in microseconds, measured in alternating rounds."""
    taken: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call(number)  # warm up: statements are prepared, caches are filled
    for _ in range(ROUNDS):
        for call, times in zip(calls, taken, strict=True):
            began = time.process_time()
            call(number)
            times.append((time.process_time() - began) / number * 1e6)
    return [statistics.median(times) for times in taken]


def compared(what: str, whole: float, number: int, ours: Repeated, library: Repeated) -> Comparison:
    """Measure a call of ours and the call of the library that does the same."""
    mine, its = measured(number, ours, library)
    return Comparison(what, mine, its, whole)


def repeated(call: Callable[[], object]) -> Repeated:
    """Return a function that repeats a call."""

    def repeat(number: int) -> None:
        for _ in range(number):
            call()

    return repeat


def on_loop(runner: asyncio.Runner, call: Callable[[], Awaitable[object]], concurrent: int = 1) -> Repeated:
    """Return a function that repeats a coroutine function, some of the calls concurrently."""

    async def some(number: int) -> None:
        for _ in range(number):
            await call()

    async def all_(number: int) -> None:
        await asyncio.gather(*(some(number // concurrent) for _ in range(concurrent)))

    return lambda number: runner.run(all_(number))


def scope_of(method: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the ASGI scope of a request, with the headers of a browser."""
    usual = {"host": "localhost", "user-agent": "Mozilla/5.0", "accept": "*/*", "accept-encoding": "gzip", **headers}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in usual.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


async def sent(app: Any, scope: Mapping[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Send a request to an application, and return the status, headers and body of the answer."""
    messages: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        messages.append(message)

    await app({**scope, "state": {}}, receive, send)
    headers = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
    return messages[0]["status"], headers, b"".join(each.get("body", b"") for each in messages[1:])
