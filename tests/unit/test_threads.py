"""The threads that handle requests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from contextvars import ContextVar

import pytest

from tasktracker.domain.kernel.errors import Busy
from tasktracker.entrypoints.http.core.threads import ThreadRunner
from tests.waiting import PATIENCE

CALLER: ContextVar[str] = ContextVar("CALLER")


@pytest.fixture
def threads() -> Iterator[ThreadRunner]:
    threads = ThreadRunner(2, "test")
    yield threads
    threads.close()


def test_a_call_runs_in_another_thread_and_returns_its_result(threads: ThreadRunner) -> None:
    async def ask() -> tuple[int, str]:
        return await threads.run(lambda number, *, add: (number + add, threading.current_thread().name), 1, add=2)

    result, thread = asyncio.run(ask())
    assert result == 3
    assert thread != threading.current_thread().name


def test_an_exception_reaches_the_caller(threads: ThreadRunner) -> None:
    async def ask() -> None:
        await threads.run(int, "not a number")

    with pytest.raises(ValueError, match="not a number"):
        asyncio.run(ask())


def test_a_call_runs_in_the_context_of_its_caller(threads: ThreadRunner) -> None:
    async def ask(name: str) -> str:
        CALLER.set(name)
        return await threads.run(CALLER.get)

    async def ask_all() -> list[str]:
        return await asyncio.gather(*(ask(str(number)) for number in range(50)))

    assert asyncio.run(ask_all()) == [str(number) for number in range(50)]


def test_as_many_calls_as_threads_run_concurrently(threads: ThreadRunner) -> None:
    both = threading.Barrier(2)

    async def ask() -> list[int]:
        return sorted(await asyncio.gather(threads.run(both.wait, 10), threads.run(both.wait, 10)))

    assert asyncio.run(ask()) == [0, 1]


def test_a_cancelled_call_does_not_block_the_next(threads: ThreadRunner) -> None:
    started, may_end = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        may_end.wait(PATIENCE)

    async def ask() -> str:
        leaving = asyncio.ensure_future(threads.run(work))
        await threads.run(started.wait, 10)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        may_end.set()
        return await threads.run(str, "next")

    assert asyncio.run(ask()) == "next"


def test_closing_waits_for_submitted_calls() -> None:
    threads = ThreadRunner(1, "test")
    done: list[int] = []

    async def leave_early() -> None:
        for number in range(20):
            asyncio.ensure_future(threads.run(done.append, number))  # noqa: RUF006  # not awaited
        await asyncio.sleep(0)

    asyncio.run(leave_early())  # this closes the loop
    threads.close()
    assert done == list(range(20))


def test_the_limit_counts_calls_and_not_their_callers() -> None:
    may_end = threading.Event()

    async def ask(threads: ThreadRunner) -> str:
        running = asyncio.ensure_future(threads.run(may_end.wait, 10))
        waiting = asyncio.ensure_future(threads.run(may_end.wait, 10))
        await asyncio.sleep(0)
        for each in (running, waiting):
            with pytest.raises(Busy):
                await threads.run(str, "one more")
            each.cancel()  # its client has disconnected, but the call continues
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await threads.run(str, "one more")
        may_end.set()
        while True:
            with suppress(Busy):
                return await threads.run(str, "next")
            await asyncio.sleep(0.01)

    with closing(ThreadRunner(1, "test", limit=2)) as threads:
        assert asyncio.run(asyncio.wait_for(ask(threads), 10)) == "next"


def test_a_failed_call_releases_its_slot() -> None:
    async def ask(threads: ThreadRunner) -> None:
        for _ in range(5):
            with pytest.raises(ValueError, match="not a number"):
                await threads.run(int, "not a number")

    with closing(ThreadRunner(1, "test", limit=1)) as threads:
        asyncio.run(ask(threads))


def test_a_call_after_closing_is_refused() -> None:
    threads = ThreadRunner(1, "test")
    threads.close()

    async def ask() -> None:
        with pytest.raises(RuntimeError):
            await threads.run(str, "too late")

    asyncio.run(ask())
