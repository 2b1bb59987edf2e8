"""The threads that run request handlers."""

from __future__ import annotations

import asyncio
import contextvars
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Hashable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from functools import partial, wraps
from math import inf
from queue import SimpleQueue
from threading import Lock, Thread
from time import monotonic
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from litestar import Response

from tasktracker.domain.kernel.deadline import Deadline, set_current
from tasktracker.domain.kernel.errors import Busy, StorageUnavailable
from tasktracker.entrypoints.http.core.responses import JsonResponse

Result = TypeVar("Result")
Parameters = ParamSpec("Parameters")

SHARE = 0.4
"""The part of the threads that one sharer may hold, for example the reads of a user. The writes of the user may hold
the same part. Reads and writes together leave some threads to other users."""
LARGE_BYTES, LARGE_RESPONSES = 256 * 1024, 2
"""The most large responses (LARGE_BYTES or more) that wait for the event loop. While the loop is busy, more would need
too much memory, so threads with further large responses wait."""
LATE = "The request waited for its turn longer than a request may wait."


Sharer = tuple[Hashable, bool]
"""The owner of calls, and whether they write. Calls of an equal sharer share a part of the threads. Reads and writes
are different sharers, so reads do not wait for writes that wait for a lock."""

_SHARER: ContextVar[Sharer | None] = ContextVar("sharer", default=None)


def set_sharer(owner: Hashable, method: str) -> None:
    """Let the calls for the current request use the share of its owner: a user, or the address of a client."""
    _SHARER.set((owner, method not in ("GET", "HEAD")))


class _Call:
    """A call of a function, which either runs or expires."""

    __slots__ = (
        "_claim",
        "_context",
        "_function",
        "ends_at",
        "future",
        "has_write_slot",
        "is_large",
        "is_write",
        "loop",
        "share",
        "sharer",
    )

    def __init__(self, function: Callable[[], Any], seconds: float) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.ends_at = monotonic() + seconds
        self.sharer = _SHARER.get()
        self.is_write = self.sharer is not None and self.sharer[1]
        # The call holds these while it runs, until it ends or gives them to another call.
        self.share: _Share | None = None
        self.has_write_slot = False
        self.is_large = False  # its response needs a permit
        self._function = function
        self._context = contextvars.copy_context()
        self._claim = Lock()

    def claim(self) -> bool:
        """Return whether the caller is the first to claim the call. The first caller makes it run or expire."""
        return self._claim.acquire(blocking=False)

    def run(self) -> Any:
        """Run the function with its deadline. Raises StorageUnavailable after the deadline."""
        if monotonic() >= self.ends_at:
            raise StorageUnavailable(LATE)
        return self._context.run(self._run)

    def _run(self) -> Any:
        set_current(Deadline(self.ends_at))
        return self._function()


class _Share:
    """The calls of a sharer: how many of them threads may run now, and the calls that wait until others end."""

    __slots__ = ("running", "waiting")

    def __init__(self) -> None:
        self.running = 0
        self.waiting: deque[_Call] = deque()


class ThreadRunner:
    """A thread pool for functions that would block the event loop.

    `loop.run_in_executor` creates two linked futures for each call, with a lock and a condition. Here, the thread
    passes its result directly to the loop. With many concurrent calls, a call takes 9 µs instead of 14, and a request a
    tenth less (`python -m benchmarks.studies.library`).

    `limit` is the maximum number of running and waiting calls, and `limit_each` is the maximum for one sharer. A call
    counts until it ends, even if the client of its request has disconnected. `wait_seconds` limits how long a call
    waits in total, first for a thread and then for the storage. Writes never hold the last `for_reads` threads.
    """

    def __init__(
        self,
        count: int,
        name: str,
        *,
        limit: float = inf,
        limit_each: float = inf,
        wait_seconds: float = inf,
        for_reads: int = 0,
    ) -> None:
        self._limit = limit
        self._limit_each = limit_each
        self._wait = wait_seconds
        self._free_for_writes = count - for_reads
        self._share = max(1, int(count * SHARE))
        self._pending = 0
        self._is_closed = False
        # Changed only on the event loop, without a lock.
        self._shares: dict[Sharer | None, _Share] = defaultdict(_Share)
        # The writes that their shares allow to run, but that wait until another write ends.
        self._writes: deque[_Call] = deque()
        # The calls that have not ended, in order of their deadlines.
        self._timed: dict[_Call, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._queue: SimpleQueue[_Call | None] = SimpleQueue()
        # One permit for each large response that may wait until the event loop sends it.
        self._permits: SimpleQueue[None] = SimpleQueue()
        self._permit(LARGE_RESPONSES)
        self._threads = [Thread(target=self._work, name=f"{name}-{number}", daemon=True) for number in range(count)]
        for thread in self._threads:
            thread.start()

    async def run(self, function: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
        """Call a function on one of the threads, with the caller's context variables, and return its result.

        The function is called even if the caller is cancelled. Raises Busy above the limit, StorageUnavailable if no
        thread is free before the deadline, RuntimeError after `close`.
        """
        return await self.start(function, *args, **kwargs)

    def start(self, function: Callable[..., Result], *args: Any, **kwargs: Any) -> asyncio.Future[Result]:
        """Like `run`, but return a future of the result at once."""
        if self._is_closed:
            raise RuntimeError("The threads have ended.")
        if self._pending >= self._limit:
            raise Busy
        call = _Call(partial(function, *args, **kwargs), self._wait)
        self._submit(call)
        self._pending += 1
        if self._wait < inf:
            self._timed[call] = None
            if self._timer is None:
                self._timer = call.loop.call_later(self._wait, self._expire)
        return call.future

    def __iter__(self) -> Iterator[Thread]:
        return iter(self._threads)

    @property
    def waiting(self) -> int:
        """The calls that no thread has begun."""
        return len(self._writes) + sum(len(each.waiting) for each in self._shares.values()) + self._queue.qsize()

    @property
    def running(self) -> int:
        """The calls that a thread has begun, and whose results the event loop has not received yet."""
        return max(0, self._pending - self.waiting)

    def __len__(self) -> int:
        return len(self._threads)

    def close(self) -> None:
        """Finish all started calls, and end the threads."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        for waiting in (self._writes, *(share.waiting for share in self._shares.values())):
            with suppress(IndexError):
                while True:
                    self._queue.put(waiting.popleft())
        self._permit(self._pending)  # the event loop may take no results any more
        self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _permit(self, count: int) -> None:
        for _ in range(count):
            self._permits.put(None)

    def _submit(self, call: _Call) -> None:
        """Pass a call to the threads, or let it wait until other calls end. Raises Busy."""
        if call.sharer is not None:
            share = self._shares[call.sharer]
            if share.running >= self._share:
                if share.running + len(share.waiting) >= self._limit_each:
                    raise Busy
                share.waiting.append(call)
                return
            share.running += 1
            call.share = share
            if call.is_write:
                if not self._free_for_writes:
                    self._writes.append(call)
                    return
                self._free_for_writes -= 1
                call.has_write_slot = True
        self._queue.put(call)

    def _work(self) -> None:
        call: _Call | None = None
        while True:
            if call is None:
                call = self._queue.get()
            if call is None:
                is_last = self._queue.empty()  # a running call may still have a successor
                self._queue.put(None)  # for the other threads
                if is_last:
                    return
                continue
            result: Any = None
            failure: BaseException | None = None
            if call.claim():
                try:
                    result = call.run()
                except BaseException as error:
                    failure = error
            if isinstance(result, JsonResponse) and len(result.body) >= LARGE_BYTES:
                call.is_large = True
                self._permits.get()
            successor = self._successor(call)
            with suppress(RuntimeError):  # the loop is closed
                call.loop.call_soon_threadsafe(self._settle, call, result, failure)
            del call, result, failure  # free their memory before waiting for the next call
            call = successor
            if call is not None and not self._queue.empty():
                # Other calls wait longer, so this one goes to the end. With an empty queue, this thread goes on without
                # waking another.
                self._queue.put(call)
                call = None

    def _successor(self, call: _Call) -> _Call | None:
        """Give the share and the slot of an ended call to waiting calls. Return a call that may run now.

        This runs on the call's thread, so that the thread need not wait for the event loop. It runs again on the event
        loop.
        """
        if (share := call.share) is not None and share.waiting:
            try:
                successor = share.waiting.popleft()
            except IndexError:
                pass  # another thread has taken it
            else:
                successor.share, call.share = share, None
                if not successor.is_write:
                    return successor
                self._writes.append(successor)
        if call.has_write_slot and (write := self._next_write()) is not None:
            call.has_write_slot = False
            return write
        return None

    def _next_write(self) -> _Call | None:
        """Give a slot to the write that has waited for the longest time, and return this write."""
        try:
            call = self._writes.popleft()
        except IndexError:
            return None
        call.has_write_slot = True
        return call

    def _settle(self, call: _Call, result: Any, failure: BaseException | None) -> None:
        self._pending -= 1
        self._timed.pop(call, None)
        if (successor := self._successor(call)) is not None:
            self._queue.put(successor)
        if call.has_write_slot:
            self._free_for_writes += 1
        # A successor in the share may still wait for a slot, if another call has taken the slot of its predecessor.
        while self._writes and self._free_for_writes and (write := self._next_write()) is not None:
            self._free_for_writes -= 1
            self._queue.put(write)
        if (share := call.share) is not None:
            share.running -= 1
            if not share.running:
                del self._shares[call.sharer]
        if not call.future.done():  # otherwise the caller was cancelled, or the call has expired
            if failure is None:
                call.future.set_result(result)
            else:
                call.future.set_exception(failure)
        if call.is_large:
            # The request sends the response before this is called.
            call.loop.call_soon(self._permits.put, None)

    def _expire(self) -> None:
        """Refuse the calls that no thread has begun before their deadline."""
        self._timer = None
        while self._timed:
            call = next(iter(self._timed))
            seconds = call.ends_at - monotonic()
            if seconds > 0:
                self._timer = call.loop.call_later(seconds, self._expire)
                return
            del self._timed[call]
            if call.claim() and not call.future.done():
                call.future.set_exception(StorageUnavailable(LATE))


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

    Hashing is slow on purpose. On the threads of other requests, it would block these requests. Without a limit, very
    many logins would use all memory.
    """

    @wraps(handler)
    async def called(self: HashingT, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        return await self.hashing_threads.start(_encoded, handler, self, *args, **kwargs)

    return called


def shared_by(
    owner: Callable[..., Hashable],
) -> Callable[[Callable[..., Coroutine[Any, Any, Result]]], Callable[..., Coroutine[Any, Any, Result]]]:
    """Let a handler without authentication use the share of an owner, found from the handler's arguments.

    If the owner is None, the share remains that of the client's address.
    """

    def decorated(handler: Callable[..., Coroutine[Any, Any, Result]]) -> Callable[..., Coroutine[Any, Any, Result]]:
        @wraps(handler)
        async def called(self: object, /, **kwargs: Any) -> Result:
            if (found := owner(self, **kwargs)) is not None:
                set_sharer(found, "POST")
            return await handler(self, **kwargs)

        return called

    return decorated


def _encoded(handler: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    answer = handler(*args, **kwargs)
    return answer if isinstance(answer, Response) else JsonResponse(answer)
