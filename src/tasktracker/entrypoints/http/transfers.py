"""Downloads of exports and uploads of imports, with a limit on concurrent transfers."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event, Lock
from typing import Any, BinaryIO, cast
from uuid import UUID

import structlog
from litestar import Response
from litestar.exceptions import HTTPException, InternalServerException
from litestar.types import Receive, Scope, Send

from tasktracker.domain.kernel.errors import Busy, InvalidInput
from tasktracker.entrypoints.http.core.middleware import IS_HEAD
from tasktracker.entrypoints.http.core.request import Request
from tasktracker.entrypoints.http.core.responses import StreamedResponse
from tasktracker.entrypoints.http.core.threads import ThreadRunner

IN_MEMORY = 1024 * 1024

log = structlog.get_logger("tasktracker.transfers")


class BodyTooLarge(HTTPException):
    """The file is larger than the limit on imports."""

    status_code = 413


class Transfers:
    """The running exports and imports, and their threads.

    A transfer may take minutes and holds a database connection. Therefore the number of slots is small, each user
    gets only one, and transfers do not use the threads and connections of other requests.
    """

    def __init__(self, threads: ThreadRunner, *, limit: int, import_bytes: int) -> None:
        self.threads = threads
        self._limit = limit
        self._import_bytes = import_bytes
        self._users: set[UUID] = set()
        self._continued: set[asyncio.Task[None]] = set()
        self._stopping = Event()

    @contextmanager
    def slot(self, user_id: UUID) -> Iterator[None]:
        """Hold a slot for a user's transfer. Raises Busy."""
        self.acquire(user_id)
        try:
            yield
        finally:
            self.release(user_id)

    def acquire(self, user_id: UUID) -> None:
        """Acquire a slot, which the caller must release. Raises Busy."""
        if user_id in self._users:
            raise Busy("Another export or import of your account is running.")
        if len(self._users) >= self._limit:
            raise Busy
        self._users.add(user_id)

    def release(self, user_id: UUID) -> None:
        """Release a slot."""
        self._users.discard(user_id)

    async def download(self, user_id: UUID, blocks: Iterator[bytes], media_type: str, name: str) -> Response[bytes]:
        """Return a response that sends blocks as they are produced. Raises Busy, and errors of the first block."""
        self.acquire(user_id)
        source = _Blocks(blocks, self.threads, partial(self.release, user_id))
        try:
            # Read the first block before the response starts, so that an error still has a status.
            first = await source.next()
        except BaseException as error:
            source.close()
            if isinstance(error, Exception):
                # Release the slot before the error response: the client may retry at once.
                await source.closed()
            raise
        return _Download(source, first or b"", media_type, name)

    @contextlib.asynccontextmanager
    async def upload(self, request: Request) -> AsyncIterator[BinaryIO]:
        """Receive a body into a temporary file. Raises BodyTooLarge, and InvalidInput for an incomplete body."""
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as spooled:
            file = cast(BinaryIO, spooled)
            block = bytearray()
            received = 0
            announced = request.headers.get("content-length", "")
            if announced.isdecimal() and int(announced) > self._import_bytes:
                raise BodyTooLarge(self._too_large)
            parts = request.stream()
            while part := await _next_part(parts):
                received += len(part)
                if received > self._import_bytes:
                    raise BodyTooLarge(self._too_large)
                block += part
                if len(block) >= IN_MEMORY:
                    await self.threads.run(file.write, bytes(block))
                    block.clear()
            await self.threads.run(file.write, bytes(block))
            yield file

    def continue_with(self, function: Callable[[], None], held: contextlib.AsyncExitStack) -> None:
        """Call a function on a thread, after the response. Then release its resources, such as its slot."""

        async def call() -> None:
            async with held:
                try:
                    await self.threads.run(function)
                except Exception:
                    log.exception("work after a response failed")

        task = asyncio.create_task(call())
        self._continued.add(task)
        task.add_done_callback(self._continued.discard)

    async def stop(self) -> None:
        """Ask the functions that run after their response to end soon, and wait for them."""
        self._stopping.set()
        await asyncio.gather(*self._continued)

    def is_stopping(self) -> bool:
        """Return whether the server stops."""
        return self._stopping.is_set()

    @property
    def _too_large(self) -> str:
        return f"An import must not be larger than {self._import_bytes} bytes."


class _Blocks:
    """A generator that runs on a pool of threads. It is closed only after a running step has finished."""

    def __init__(self, blocks: Iterator[bytes], threads: ThreadRunner, release: Callable[[], None]) -> None:
        self._blocks = blocks
        self._threads = threads
        self._release = release
        self._lock = Lock()
        self._closing: asyncio.Future[None] | None = None

    async def next(self) -> bytes | None:
        """Return the next block, None after the last."""
        return await self._threads.run(self._next)

    def close(self) -> None:
        """Start to close the generator. Does not wait, because the caller may have been cancelled."""
        if self._closing is not None:
            return
        try:
            self._closing = self._threads.start(self._close)
        except RuntimeError:
            # The server stops and its threads have ended, so no step is running.
            self._close()
            self._closing = asyncio.get_running_loop().create_future()
            self._closing.set_result(None)
        self._closing.add_done_callback(lambda _: self._release())

    async def closed(self) -> None:
        """Close the generator, and return when it is closed and the slot is released."""
        self.close()
        if self._closing is not None:
            await asyncio.wait([self._closing])

    def _next(self) -> bytes | None:
        with self._lock:
            return next(self._blocks, None)

    def _close(self) -> None:
        with self._lock:
            cast(Any, self._blocks).close()


class _Download(StreamedResponse):
    """Sends all blocks, unless the client disconnects."""

    def __init__(self, source: _Blocks, first: bytes, media_type: str, name: str) -> None:
        super().__init__(media_type, {"Content-Disposition": f'attachment; filename="{name}"'})
        self._source = source
        self._first = first

    async def stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start the response and send its body."""
        disconnected = asyncio.ensure_future(_disconnected(receive))
        is_head = IS_HEAD in scope.get("state", {})
        try:
            if is_head:
                # The start is all of the response.
                await self._source.closed()
            await self.start(send)
            block: bytes | None = None if is_head else self._first
            while block is not None and not disconnected.done():
                # A transfer holds a database connection. BoundedConnection aborts it if the client does not read.
                await send({"type": "http.response.body", "body": block, "more_body": True})
                block = await self._source.next()
            if not disconnected.done():
                # Release the slot before the response ends: the client may start the next transfer at once.
                await self._source.closed()
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            disconnected.cancel()
            self._source.close()


async def _next_part(parts: AsyncIterator[bytes]) -> bytes:
    """Return the next part of a body, empty at its end. Raises InvalidInput if the client disconnects."""
    try:
        return await anext(parts, b"")
    except InternalServerException:  # Litestar raises it when the client disconnects
        raise InvalidInput.of("body", "was not sent completely") from None


async def _disconnected(receive: Receive) -> None:
    """Return when the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass
