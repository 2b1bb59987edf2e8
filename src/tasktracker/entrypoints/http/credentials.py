"""Where passwords are hashed: apart from everything else, a few at a time."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from tasktracker.domain.kernel.errors import Busy
from tasktracker.entrypoints.settings import THREADS_A_HASH

Result = TypeVar("Result")


class CredentialExecutor:
    """Runs use cases that hash passwords on threads of their own, with a bounded queue before them.

    Hashing is costly on purpose. Run among the other requests it would starve them; unbounded, a flood of logins would
    take all memory. What is counted is the work itself, not the request that waits for it: a client that hangs up does
    not make room for the next one before its hash is done. How many hash at a time, the hasher sees to; there are more
    threads than that, so that one may ask the database while another hashes.
    """

    def __init__(self, *, hashing: int, queue: int) -> None:
        threads = THREADS_A_HASH * hashing
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="credentials")
        self._most = hashing + queue
        self._running = 0

    async def run(self, use_case: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
        """Run a use case and return its result. Raises Busy when too many are waiting."""
        if self._running >= self._most:
            raise Busy
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()
        work = self._executor.submit(partial(context.run, use_case, *args, **kwargs))
        self._running += 1
        work.add_done_callback(partial(self._finished, loop))
        return await asyncio.wrap_future(work)

    def close(self) -> None:
        """Finish what is running and let the threads go."""
        self._executor.shutdown(cancel_futures=True)

    def _finished(self, loop: asyncio.AbstractEventLoop, _: Future[Any]) -> None:
        # Counted on the event loop only, so that no lock is needed.
        loop.call_soon_threadsafe(self._release)

    def _release(self) -> None:
        self._running -= 1
