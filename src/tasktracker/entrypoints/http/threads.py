"""The threads on which requests are worked on."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

Result = TypeVar("Result")
Work = tuple[asyncio.AbstractEventLoop, asyncio.Future[Any], Callable[[], Any]]


class Threads:
    """Runs what would block the event loop, as `loop.run_in_executor` does, at a fraction of the cost.

    That makes two futures for each call, with a lock and a condition, and links them; here the thread hands its result
    straight to the loop. With many calls under way that is 4 µs instead of 20, for requests that take a hundred.
    """

    def __init__(self, count: int) -> None:
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._threads = [Thread(target=self._work, name=f"requests-{number}", daemon=True) for number in range(count)]
        for thread in self._threads:
            thread.start()

    async def run(self, function: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
        """Call a function on one of the threads, in the context of the caller, and return its result.

        It is called even if nobody waits for it any more by then.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        context = contextvars.copy_context()
        self._queue.put((loop, future, lambda: context.run(function, *args, **kwargs)))
        return await future

    def close(self) -> None:
        """Finish what was begun, and end the threads."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (work := self._queue.get()) is not None:
            loop, future, call = work
            try:
                result, failure = call(), None
            except BaseException as error:
                result, failure = None, error
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(_settle, future, result, failure)
            del work, loop, future, call, result, failure  # what a request held is not kept until the next one comes


def _settle(future: asyncio.Future[Any], result: Any, failure: BaseException | None) -> None:
    if future.done():  # whoever waited for it has left
        return
    if failure is None:
        future.set_result(result)
    else:
        future.set_exception(failure)
