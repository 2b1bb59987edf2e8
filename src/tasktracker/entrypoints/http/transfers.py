"""Long transfers: exports as they are read, and files as they arrive, a few at a time."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Any, BinaryIO, cast
from uuid import UUID

from litestar import Response
from litestar.exceptions import HTTPException
from litestar.types import Receive, Scope, Send

from tasktracker.domain.kernel.errors import Busy, InvalidInput
from tasktracker.entrypoints.http.core.middleware import IS_HEAD
from tasktracker.entrypoints.http.core.request import Request
from tasktracker.entrypoints.http.core.responses import StreamedResponse
from tasktracker.entrypoints.http.core.threads import ThreadRunner

IN_MEMORY = 1024 * 1024
STALLED_SECONDS = 60


class BodyTooLarge(HTTPException):
    """The body is larger than what may be imported."""

    status_code = 413


class Transfers:
    """The exports and imports under way, and the threads that they run on.

    Each may take minutes and holds a connection while it does, so there are few, and one a user: no user keeps
    others from theirs, and other requests have threads and connections of their own.
    """

    def __init__(self, threads: ThreadRunner, *, limit: int, import_bytes: int) -> None:
        self.threads = threads
        self._limit = limit
        self._import_bytes = import_bytes
        self._users: set[UUID] = set()

    @contextmanager
    def turn(self, user_id: UUID) -> Iterator[None]:
        """Keep a place for a user's transfer. Raises Busy."""
        self.take(user_id)
        try:
            yield
        finally:
            self.give_back(user_id)

    def take(self, user_id: UUID) -> None:
        """Take a place, to be given back. Raises Busy."""
        if user_id in self._users:
            raise Busy("An export or import of yours is under way.")
        if len(self._users) >= self._limit:
            raise Busy
        self._users.add(user_id)

    def give_back(self, user_id: UUID) -> None:
        """Give a place back."""
        self._users.discard(user_id)

    async def download(self, user_id: UUID, blocks: Iterator[bytes], media_type: str, name: str) -> Response[bytes]:
        """Answer with blocks that are made while they are sent. Raises Busy, and what making the first one raises."""
        self.take(user_id)
        source = _Blocks(blocks, self.threads, partial(self.give_back, user_id))
        try:
            # What is refused is refused before the answer begins.
            first = await source.next()
        except BaseException as error:
            source.close()
            if isinstance(error, Exception):
                # The client may ask for the next at once.
                await source.closed()
            raise
        return _Download(source, first or b"", media_type, name)

    @contextlib.asynccontextmanager
    async def upload(self, request: Request) -> AsyncIterator[BinaryIO]:
        """Receive a body into a temporary file, of which little is in memory. Raises BodyTooLarge."""
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as spooled:
            file = cast(BinaryIO, spooled)
            block = bytearray()
            received = 0
            announced = request.headers.get("content-length", "")
            if announced.isdecimal() and int(announced) > self._import_bytes:
                raise BodyTooLarge(self._too_large)
            parts = request.stream()
            while part := await _in_time(anext(parts, b"")):
                received += len(part)
                if received > self._import_bytes:
                    raise BodyTooLarge(self._too_large)
                block += part
                if len(block) >= IN_MEMORY:
                    await self.threads.run(file.write, bytes(block))
                    block.clear()
            await self.threads.run(file.write, bytes(block))
            yield file

    @property
    def _too_large(self) -> str:
        return f"An import may have at most {self._import_bytes} bytes."


class _Blocks:
    """A generator that is advanced on one thread after another, and closed once whatever runs has come to its end."""

    def __init__(self, blocks: Iterator[bytes], threads: ThreadRunner, give_back: Callable[[], None]) -> None:
        self._blocks = blocks
        self._threads = threads
        self._give_back = give_back
        self._turn = Lock()
        self._closing: asyncio.Future[None] | None = None

    async def next(self) -> bytes | None:
        """Return the next block, None after the last."""
        return await self._threads.run(self._next)

    def close(self) -> None:
        """Have what the generator holds given back, without waiting for it: the caller may have been cancelled."""
        if self._closing is not None:
            return
        try:
            self._closing = self._threads.start(self._close)
        except RuntimeError:
            # The threads are gone, as the server stops: nothing runs any more.
            self._close()
            self._closing = asyncio.get_running_loop().create_future()
            self._closing.set_result(None)
        self._closing.add_done_callback(lambda _: self._give_back())

    async def closed(self) -> None:
        """Close, and return when all is given back."""
        self.close()
        if self._closing is not None:
            await asyncio.wait([self._closing])

    def _next(self) -> bytes | None:
        with self._turn:
            return next(self._blocks, None)

    def _close(self) -> None:
        with self._turn:
            cast(Any, self._blocks).close()


class _Download(StreamedResponse):
    """Sends blocks until the last, or until the client takes no more of them."""

    def __init__(self, source: _Blocks, first: bytes, media_type: str, name: str) -> None:
        super().__init__(media_type, {"Content-Disposition": f'attachment; filename="{name}"'})
        self._source = source
        self._first = first

    async def stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start the answer and send its body."""
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await self.start(send)
            # HEAD asks for none of it.
            block: bytes | None = None if IS_HEAD in scope.get("state", {}) else self._first
            while block is not None and not gone.done():
                # A client that takes nothing holds a connection to the database: it is not waited for.
                async with asyncio.timeout(STALLED_SECONDS):
                    await send({"type": "http.response.body", "body": block, "more_body": True})
                block = await self._source.next()
            if not gone.done():
                # A client that has read the last of it may ask for the next at once: the place is free by then.
                await self._source.closed()
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            self._source.close()


async def _in_time(part: Awaitable[bytes]) -> bytes:
    """Return a part of a body. A client that sends nothing more keeps others from theirs: it is not waited for."""
    try:
        async with asyncio.timeout(STALLED_SECONDS):
            return await part
    except TimeoutError:
        raise InvalidInput.of("body", "did not come in completely") from None


async def _gone(receive: Receive) -> None:
    """Return when the client has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass
