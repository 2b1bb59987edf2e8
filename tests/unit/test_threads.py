"""The threads that handle requests."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from contextvars import ContextVar
from typing import Any
from uuid import UUID

import pytest

from tasktracker.domain.kernel import deadline
from tasktracker.domain.kernel.errors import Busy, StorageUnavailable
from tasktracker.entrypoints.http.core import threads as module
from tasktracker.entrypoints.http.core.responses import JsonResponse
from tasktracker.entrypoints.http.core.threads import LARGE_BYTES, LARGE_RESPONSES, ThreadRunner, set_sharer
from tests.http import PASSWORD, Api
from tests.waiting import PATIENCE, wait_until

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


def test_large_responses_do_not_pile_up_while_the_event_loop_is_busy(threads: ThreadRunner) -> None:
    made: list[int] = []

    def respond(number: int) -> JsonResponse[bytes]:
        made.append(number)
        return JsonResponse(b"x" * LARGE_BYTES)

    async def ask() -> None:
        calls = [threads.start(respond, number) for number in range(20)]
        held = LARGE_RESPONSES + 2  # each of the two threads has one more
        wait_until(lambda: len(made) == held, "the calls do not run")
        time.sleep(0.05)  # noqa: ASYNC251  # the event loop must not run
        assert len(made) == held
        await asyncio.gather(*calls)

    asyncio.run(ask())
    assert len(made) == 20


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


# ------------------------------------------------------------------------- deadlines


def test_a_call_that_no_thread_begins_before_its_deadline_fails_and_never_runs() -> None:
    may_end, ran = threading.Event(), threading.Event()

    async def ask(threads: ThreadRunner) -> None:
        running = threads.start(may_end.wait, PATIENCE)
        with pytest.raises(StorageUnavailable):
            await threads.run(ran.set)
        assert not running.done(), "a call that has begun is not refused"
        may_end.set()
        assert await running

    with closing(ThreadRunner(1, "test", wait_seconds=0.05)) as threads:
        asyncio.run(asyncio.wait_for(ask(threads), PATIENCE))
    assert not ran.is_set()


def test_the_deadline_of_a_call_is_counted_from_its_arrival() -> None:
    may_end = threading.Event()

    async def ask(threads: ThreadRunner) -> tuple[float, float]:
        arrival = time.monotonic()
        waiting = threads.start(deadline.current)
        await asyncio.sleep(0.05)
        may_end.set()
        return (await waiting).at, arrival

    async def ask_behind_another(threads: ThreadRunner) -> tuple[float, float]:
        threads.start(may_end.wait, PATIENCE)
        return await ask(threads)

    with closing(ThreadRunner(1, "test", wait_seconds=10)) as threads:
        at, arrival = asyncio.run(ask_behind_another(threads))
    assert at - arrival == pytest.approx(10, abs=0.04)


def test_without_a_limit_a_call_has_no_deadline(threads: ThreadRunner) -> None:
    async def ask() -> float:
        return (await threads.run(deadline.current)).remaining(1e9)

    assert asyncio.run(ask()) == 1e9


def test_each_waiting_call_has_a_deadline_of_its_own() -> None:
    may_end = threading.Event()

    async def ask(threads: ThreadRunner) -> None:
        assert await threads.run(str, "quick") == "quick"
        await asyncio.sleep(0.1)
        running = threads.start(may_end.wait, PATIENCE)
        late = threads.start(str, "late")
        refused, _ = await asyncio.wait([late], timeout=30)
        may_end.set()
        assert refused, "it waits for a thread"
        assert await running
        with pytest.raises(StorageUnavailable):
            await late

    with closing(ThreadRunner(1, "test", wait_seconds=0.2)) as threads:
        asyncio.run(asyncio.wait_for(ask(threads), PATIENCE))


def test_a_lifted_deadline_concerns_only_its_call() -> None:
    async def ask(threads: ThreadRunner) -> list[bool]:
        await threads.run(lambda: deadline.current().lift())
        return [math.isinf((await threads.run(deadline.current)).at)]

    with closing(ThreadRunner(1, "test", wait_seconds=10)) as threads:
        assert asyncio.run(ask(threads)) == [False]


# ---------------------------------------------------------------------------- shares


def test_calls_of_one_user_leave_threads_to_others_and_run_in_order() -> None:
    may_end = threading.Event()
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        may_end.wait(PATIENCE)

    async def ask(threads: ThreadRunner) -> None:
        set_sharer("alice", "POST")
        calls = [threads.start(work, number) for number in range(30)]
        set_sharer("bob", "POST")
        assert await threads.run(str, "answer") == "answer"
        set_sharer("alice", "GET")
        assert await threads.run(str, "a read does not wait behind writes") != ""
        assert len(begun) == 2
        may_end.set()
        await asyncio.gather(*calls)

    with closing(ThreadRunner(5, "test")) as threads:
        asyncio.run(asyncio.wait_for(ask(threads), PATIENCE))
    assert sorted(begun) == list(range(30))
    assert begun.index(29) > 20


def test_a_waiting_call_of_a_user_fails_at_its_deadline() -> None:
    may_end, ran = threading.Event(), threading.Event()

    async def ask(threads: ThreadRunner) -> None:
        set_sharer("alice", "POST")
        running = threads.start(may_end.wait, PATIENCE)
        with pytest.raises(StorageUnavailable):
            await threads.run(ran.set)
        may_end.set()
        await running
        # The share is whole again.
        assert await threads.run(str, "next") == "next"

    with closing(ThreadRunner(2, "test", wait_seconds=0.05)) as threads:
        asyncio.run(asyncio.wait_for(ask(threads), PATIENCE))
    assert not ran.is_set()


def test_writes_of_many_users_leave_threads_to_reads() -> None:
    may_end = threading.Event()

    async def ask(threads: ThreadRunner) -> None:
        calls = []
        for number in range(20):
            set_sharer(f"user {number}", "POST")
            calls.append(threads.start(may_end.wait, PATIENCE))
        for method in ("GET", "HEAD"):
            set_sharer("user 0", method)
            assert await threads.run(str, "answer") == "answer"
        may_end.set()
        assert all(await asyncio.gather(*calls))

    with closing(ThreadRunner(3, "test", for_reads=1)) as threads:
        asyncio.run(asyncio.wait_for(ask(threads), PATIENCE))


def test_a_write_that_has_ended_leaves_its_place_and_no_trace() -> None:
    async def ask(threads: ThreadRunner) -> None:
        for number in range(5):
            set_sharer(f"user {number}", "POST")
            assert await threads.run(str, "answer") == "answer"

    with closing(ThreadRunner(3, "test", wait_seconds=PATIENCE, for_reads=1)) as threads:
        asyncio.run(asyncio.wait_for(ask(threads), PATIENCE))
        assert (dict(threads._shares), threads._timed, threads.waiting, threads.running) == ({}, {}, 0, 0)


def test_one_user_cannot_fill_the_queue() -> None:
    may_end = threading.Event()

    async def ask(threads: ThreadRunner) -> str:
        set_sharer("alice", "POST")
        calls = [threads.start(may_end.wait, PATIENCE) for _ in range(3)]
        with pytest.raises(Busy):
            threads.start(str, "one more")
        set_sharer("bob", "POST")
        answer = await threads.run(str, "answer")
        may_end.set()
        await asyncio.gather(*calls)
        return answer

    with closing(ThreadRunner(2, "test", limit=5, limit_each=3)) as threads:
        assert asyncio.run(asyncio.wait_for(ask(threads), PATIENCE)) == "answer"


def test_each_request_uses_the_share_of_its_user(monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[object] = []
    start = ThreadRunner.start

    def note(self: ThreadRunner, *args: Any, **kwargs: Any) -> Any:
        shares.append(module._SHARER.get())
        return start(self, *args, **kwargs)

    monkeypatch.setattr(ThreadRunner, "start", note)
    with Api("memory://") as api:
        ada = api.register("Grace")
        number = UUID(ada.id).int
        ada.get("/api/tasks/")
        ada.head("/api/tasks/")
        path = f"/api/tasks/{ada.task()['id']}/"
        ada.put(path, {"title": "one"})
        ada.patch(path, {"title": "two"})
        ada.delete(path)
        api.post("/api/accounts/login/", {"username": "GRACE", "password": PASSWORD})
        api.post("/api/accounts/refresh/", {"refresh": ada.refresh})
        api.post("/api/accounts/logout/", {"refresh": ada.refresh})
        api.post("/api/accounts/refresh/", {"refresh": "x"})
    reads, writes = (number, False), (number, True)
    expected = [("testclient", True), reads, reads, *[writes] * 4, ("grace", True), writes, writes]
    assert [each for each in shares if each is not None] == [*expected, ("testclient", True)]


def test_closing_also_waits_for_calls_that_wait_for_others() -> None:
    threads = ThreadRunner(2, "test", wait_seconds=PATIENCE, for_reads=1)
    done: list[int] = []

    async def leave_early() -> None:
        for number in range(20):
            set_sharer(f"user {number % 3}", "POST")
            threads.start(done.append, number)
        await asyncio.sleep(0)

    asyncio.run(leave_early())
    threads.close()
    assert sorted(done) == list(range(20))
