"""The threads that run request handlers."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import wraps
from queue import SimpleQueue
from threading import Thread
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from litestar import Response

from tasktracker.domain.kernel.errors import Busy
from tasktracker.entrypoints.http.core.responses import JsonResponse

Result = TypeVar("Result")
Parameters = ParamSpec("Parameters")
Call = tuple[asyncio.AbstractEventLoop, asyncio.Future[Any], Callable[[], Any]]


class ThreadRunner:
    """A thread pool for functions that would block the event loop.

    `loop.run_in_executor` creates two linked futures for each call, with a lock and a condition. Here, the thread
    passes its result directly to the loop. With many concurrent calls, a call takes 9 µs instead of 14, and a request a
    tenth less (`python -m benchmarks.studies.library`).

    `limit` is the maximum number of running and waiting calls. A call counts until it ends, even if the client of its
    request has disconnected.
    """

    def __init__(self, count: int, name: str, limit: int | None = None) -> None:
        self._limit = limit
        self._pending = 0
        self._is_closed = False
        self._queue: SimpleQueue[Call | None] = SimpleQueue()
        self._threads = [Thread(target=self._work, name=f"{name}-{number}", daemon=True) for number in range(count)]
        for thread in self._threads:
            thread.start()

    async def run(self, function: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
        """Call a function on one of the threads, with the caller's context variables, and return its result.

        The function is called even if the caller is cancelled. Raises Busy above the limit, RuntimeError after `close`.
        """
        return await self.start(function, *args, **kwargs)

    def start(self, function: Callable[..., Result], *args: Any, **kwargs: Any) -> asyncio.Future[Result]:
        """Like `run`, but return a future of the result at once."""
        if self._is_closed:
            raise RuntimeError("The threads have ended.")
        if self._limit is not None and self._pending >= self._limit:
            raise Busy
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        context = contextvars.copy_context()
        self._pending += 1
        self._queue.put((loop, future, lambda: context.run(function, *args, **kwargs)))
        return future

    def close(self) -> None:
        """Finish all started calls, and end the threads."""
        self._is_closed = True
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
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._settle, future, result, failure)
            del work, loop, future, call, result, failure  # free their memory before waiting for the next call

    def _settle(self, future: asyncio.Future[Any], result: Any, failure: BaseException | None) -> None:
        self._pending -= 1  # no lock, because this runs only on the event loop
        if future.done():  # the caller was cancelled
            return
        if failure is None:
            future.set_result(result)
        else:
            future.set_exception(failure)


class Threaded(Protocol):
    """A controller with threads for its handlers."""

    threads: ThreadRunner


class Hashing(Protocol):
    """A controller with threads for handlers that hash passwords."""

    hashing_threads: ThreadRunner


ThreadedT = TypeVar("ThreadedT", bound=Threaded)
HashingT = TypeVar("HashingT", bound=Hashing)


def on_thread(
    handler: Callable[Concatenate[ThreadedT, Parameters], Result],
) -> Callable[Concatenate[ThreadedT, Parameters], Coroutine[Any, Any, Result]]:
    """Run a handler on one of the threads of its controller, and encode its result there."""

    @wraps(handler)
    async def called(self: ThreadedT, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        return await self.threads.start(_encoded, handler, self, *args, **kwargs)

    return called


def on_hashing_thread(
    handler: Callable[Concatenate[HashingT, Parameters], Result],
) -> Callable[Concatenate[HashingT, Parameters], Coroutine[Any, Any, Result]]:
    """Run a handler on one of the few threads for password hashing.

    Hashing is expensive on purpose. On the threads of other requests it would block them, and without a limit, a flood
    of logins would use all memory.
    """

    @wraps(handler)
    async def called(self: HashingT, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        return await self.hashing_threads.start(_encoded, handler, self, *args, **kwargs)

    return called


def _encoded(handler: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    answer = handler(*args, **kwargs)
    return answer if isinstance(answer, Response) else JsonResponse(answer)
