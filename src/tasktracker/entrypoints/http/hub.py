"""Whoever waits for changes, and how they are woken: thousands of them, without a thread or a transaction for any."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import signal
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any, TypeVar
from uuid import UUID

import structlog
from litestar.types import Receive

from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.errors import DomainError, TooManyStreams
from tasktracker.domain.sync.ports import EventStream
from tasktracker.domain.sync.stream_service import StreamService

LOOK_SECONDS = 4
"""How often it is looked whether those who wait may still act; they leave within 5 seconds of a revocation."""

Result = TypeVar("Result")

log = structlog.get_logger("tasktracker.events")


class Waiter:
    """Somebody who waits for changes to a feed."""

    def __init__(self, actor: Actor, hub: Hub) -> None:
        self.actor = actor
        self.position = 0
        self.is_over = False
        self._hub = hub
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Have `wait` return."""
        self._woken.set()

    def end(self) -> None:
        """Have it return for good."""
        self.is_over = True
        self._woken.set()

    def clear(self) -> None:
        """Look from now on for what happens next."""
        if not self.is_over:
            self._woken.clear()

    async def wait(self, seconds: float) -> bool:
        """Wait for something to happen, and return whether it did."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._woken.wait()
        except TimeoutError:
            return False
        return True


@contextmanager
def hanging_up(receive: Receive, waiter: Waiter) -> Iterator[None]:
    """Have a waiter leave when its client hangs up. What is still to be read of the request is lost."""
    gone = asyncio.ensure_future(_gone(receive, waiter))
    try:
        yield
    finally:
        gone.cancel()


async def _gone(receive: Receive, waiter: Waiter) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    waiter.end()


class Hub:
    """Everybody in this process who waits for changes."""

    def __init__(self, events: EventStream, streams: StreamService, *, threads: int, most: int) -> None:
        self._events = events
        self._streams = streams
        self._most = most
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="streams")
        self._waiters: dict[UUID, set[Waiter]] = defaultdict(set)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._looking: asyncio.Task[None] | None = None
        self._background: list[asyncio.Task[None]] = []
        self._missed = asyncio.Event()
        self.is_closing = False

    def open(self) -> None:
        """Begin to listen, within the event loop."""
        self._loop = asyncio.get_running_loop()
        self._background = [
            asyncio.create_task(self._see_out()),
            asyncio.create_task(self._catch_up()),
        ]
        self._events.open(self._tell)
        self._close_on_signals()

    def release(self) -> None:
        """Have everybody leave: the server is about to stop, and waits for them."""
        self.is_closing = True
        for waiter in self._all():
            waiter.end()

    async def close(self) -> None:
        """Listen no more."""
        self.release()
        for task in self._background:
            task.cancel()
        await asyncio.to_thread(self._events.close)
        self._executor.shutdown()

    async def run(self, call: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
        """Run something on one of the threads that those who wait share."""
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, partial(context.run, call, *args, **kwargs))

    @contextmanager
    def waiting(self, actor: Actor) -> Iterator[Waiter]:
        """Be woken by changes to the actor's feed. Raises TooManyStreams."""
        waiters = self._waiters[actor.user_id]
        if len(waiters) >= self._most:
            raise TooManyStreams(f"There are {self._most} streams of yours open already.")
        waiter = Waiter(actor, self)
        if self.is_closing:
            waiter.end()
        waiters.add(waiter)
        try:
            yield waiter
        finally:
            waiters.discard(waiter)
            if not waiters and self._waiters.get(actor.user_id) is waiters:
                del self._waiters[actor.user_id]

    def _all(self) -> list[Waiter]:
        return [waiter for waiters in self._waiters.values() for waiter in waiters]

    def _tell(self, user_ids: Collection[UUID] | None) -> None:
        """Pass on, from whichever thread, who is to be woken."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._wake, user_ids)

    def _wake(self, user_ids: Collection[UUID] | None) -> None:
        if user_ids is None:
            self._missed.set()
            return
        for user_id in user_ids:
            for waiter in self._waiters.get(user_id, ()):
                waiter.wake()

    async def _catch_up(self) -> None:
        """Wake those whose feeds have changed, whenever that is not known of whom."""
        while True:
            await self._missed.wait()
            self._missed.clear()
            if not self._waiters:
                continue
            try:
                heads = await self.run(self._streams.heads, list(self._waiters))
            except DomainError:
                # They will ask themselves once the storage is there again.
                await asyncio.sleep(1)
                self._missed.set()
                continue
            for waiter in self._all():
                if heads.get(waiter.actor.user_id, 0) > waiter.position:
                    waiter.wake()

    async def _see_out(self) -> None:
        """See to it that nobody stays who may not act any more."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            waiters = self._all()
            if not waiters:
                continue
            try:
                live = set(await self.run(self._streams.live, list({waiter.actor for waiter in waiters})))
            except DomainError:
                continue
            for waiter in waiters:
                if waiter.actor not in live:
                    waiter.end()

    def _close_on_signals(self) -> None:
        """Have everybody leave as soon as the process is told to stop: the server waits for open connections first."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            previous = signal.getsignal(number)

            def stop(signum: int, frame: FrameType | None, previous: Any = previous) -> None:
                loop = self._loop
                if loop is not None:
                    with contextlib.suppress(RuntimeError):
                        loop.call_soon_threadsafe(self.release)
                if callable(previous):
                    previous(signum, frame)

            signal.signal(number, stop)
