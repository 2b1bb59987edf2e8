"""Running work in the background."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from tasktracker.domain.deliveries.delivery import DeliveryState
from tasktracker.domain.jobs.service import Run
from tasktracker.domain.kernel.errors import StorageUnavailable
from tasktracker.domain.reminders.firing import Fired
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.settings import load
from tasktracker.entrypoints.worker import background, sweeper
from tasktracker.entrypoints.worker.background import Background
from tasktracker.entrypoints.worker.worker import CHECK_SECONDS, STOP_SECONDS, Worker
from tests.contracts.base import Seed
from tests.contracts.test_deliveries import new_delivery
from tests.contracts.test_jobs import new_job
from tests.fakes import App
from tests.waiting import PATIENCE


def is_stopping() -> bool:
    return False


class Returning:
    """Returns the same result each time, and records how it is asked to end early."""

    def __init__(self, result: object) -> None:
        self.asked: list[Callable[[], bool]] = []
        self._result = result

    def run_next(self, is_stopping: Callable[[], bool]) -> object:
        self.asked.append(is_stopping)
        return self._result


class FakeRunner:
    """Makes the given calls, one each time that it is asked for work."""

    def __init__(self, *calls: Callable[[], object]) -> None:
        self._calls = list(calls)
        self.is_idle = Event()

    def add(self, call: Callable[[], object]) -> None:
        self._calls.append(call)

    def run_next(self, is_stopping: Callable[[], bool]) -> object:
        assert not is_stopping()
        if self._calls:
            return self._calls.pop(0)()
        self.is_idle.set()
        return None


@contextmanager
def working(runner: FakeRunner, woken: Event, check_seconds: float = PATIENCE) -> Iterator[None]:
    worker = Worker("job", runner.run_next, woken=woken, check_seconds=check_seconds)
    worker.start()
    try:
        yield
    finally:
        worker.ask_to_stop()
        worker.join()


def test_work_of_this_process_is_run_at_once() -> None:
    woken, ran = Event(), Event()
    runner = FakeRunner()
    with working(runner, woken):
        assert runner.is_idle.wait(PATIENCE)
        runner.add(ran.set)
        woken.set()
        assert ran.wait(PATIENCE)


def test_work_of_other_processes_is_found_after_a_while() -> None:
    ran = Event()
    runner = FakeRunner()
    with working(runner, Event(), 0.01):
        assert runner.is_idle.wait(PATIENCE)
        runner.add(ran.set)
        assert ran.wait(PATIENCE)


def test_all_work_is_run_before_the_worker_waits() -> None:
    runner = FakeRunner(object, object, object)
    with working(runner, Event()):
        assert runner.is_idle.wait(PATIENCE)
    assert runner._calls == []


def test_a_worker_that_waits_first_does_nothing_when_the_process_starts() -> None:
    runner = FakeRunner()
    worker = Worker("sweep", runner.run_next, check_seconds=PATIENCE, waits_first=True)
    worker.start()
    assert not runner.is_idle.wait(0.05)
    worker.ask_to_stop()
    worker.join()
    assert not runner.is_idle.is_set()


@pytest.mark.parametrize(
    ("error", "entry"),
    [
        (StorageUnavailable(), {"log_level": "warning", "problem": StorageUnavailable.slug}),
        (ValueError("a fault"), {"log_level": "error", "exc_info": True}),
    ],
)
def test_work_that_fails_is_logged_and_does_not_end_the_worker(error: Exception, entry: dict[str, Any]) -> None:
    woken, failed, ran = Event(), Event(), Event()

    def fail() -> None:
        failed.set()
        raise error

    runner = FakeRunner(fail)
    with capture_logs() as logs, working(runner, woken):
        assert failed.wait(PATIENCE)
        runner.add(ran.set)
        woken.set()
        assert ran.wait(PATIENCE)
    assert logs == [{"event": "background work failed", "work": "job", **entry}]


def test_a_worker_that_is_asked_to_stop_leaves_the_rest_to_others() -> None:
    pieces: list[object] = []

    def run_next(_: Callable[[], bool]) -> object:
        pieces.append(None)
        worker.ask_to_stop()
        return object() if len(pieces) < 100 else None

    worker = Worker("job", run_next)
    worker.start()
    worker.join(PATIENCE)
    assert len(pieces) == 1


def test_a_job_that_was_run_is_logged_with_its_pieces_and_the_longest_of_them() -> None:
    app = App.in_memory()
    job = new_job(Seed(app.store, app.clock, app.ids))
    run = Run(job, pieces=2, longest=0.0504)
    jobs: Any = Returning(run)
    with capture_logs() as logs:
        assert background._run_job(jobs, is_stopping) is run, "the next one is looked for at once"
    entry = {"event": "ran a job", "kind": job.kind, "job": str(job.id), "pieces": 2, "longest_ms": 50}
    assert (logs, jobs.asked) == ([{"log_level": "info", **entry}], [is_stopping])


@pytest.mark.parametrize(("state", "problem"), [(DeliveryState.DUE, "no answer"), (DeliveryState.SENT, None)])
def test_an_attempt_is_logged_with_its_result_and_without_the_address(
    state: DeliveryState, problem: str | None
) -> None:
    app = App.in_memory()
    delivery = replace(
        new_delivery(Seed(app.store, app.clock, app.ids), address="grace@example.org"),
        state=state,
        attempts=3,
        problem=problem,
    )
    courier: Any = Returning(delivery)
    with capture_logs() as logs:
        assert background._send(courier, is_stopping) is delivery, "the next one is looked for at once"
    entry = {"event": "attempted a delivery", "kind": delivery.kind, "delivery": str(delivery.id), "state": state}
    assert logs == [{"log_level": "info", **entry, "attempts": 3, "problem": problem}]
    assert courier.asked == [is_stopping]


@pytest.mark.parametrize(("late", "latest_ms"), [((2, 0.5, 1), 2000), ((), 0)])
def test_reminders_that_fired_are_logged_with_the_latest_and_counted_each(
    late: tuple[float, ...], latest_ms: int
) -> None:
    fired, counted = Fired(tuple(timedelta(seconds=each) for each in late), summaries=3), list[float]()
    firing: Any = Returning(fired)
    with capture_logs() as logs:
        assert background._fire(firing, counted.append, is_stopping) is fired, "the next ones are looked for at once"
    entry = {"event": "fired reminders", "reminders": len(late), "summaries": 3, "latest_ms": latest_ms}
    assert (logs, firing.asked) == ([{"log_level": "info", **entry}], [is_stopping])
    assert counted == list(late), "in seconds"


def test_what_was_not_done_is_not_logged() -> None:
    nothing: Any = Returning(None)
    with capture_logs() as logs:
        assert background._run_job(nothing, is_stopping) is None
        assert background._send(nothing, is_stopping) is None
        assert background._fire(nothing, lambda _: None, is_stopping) is None
    assert logs == []


def test_a_process_that_stops_waits_for_all_its_work_together(monkeypatch: pytest.MonkeyPatch) -> None:
    now, waited, asked = [0.0], list[float](), list[int]()

    def join(seconds: float) -> None:
        assert len(asked) == 3, "all end their pieces at the same time"
        waited.append(seconds)
        now[0] += 0.6 * STOP_SECONDS

    monkeypatch.setattr(background, "monotonic", lambda: now[0])
    stopping = Background.__new__(Background)
    worker: Any = SimpleNamespace(ask_to_stop=lambda: asked.append(1), join=join)
    stopping._workers = [worker] * 3
    stopping.stop()
    assert waited == pytest.approx([STOP_SECONDS, 0.4 * STOP_SECONDS, 0])


@pytest.mark.parametrize(
    ("mail", "names"), [(False, ["job", "reminder", "sweep"]), (True, ["job", "reminder", "sweep", "delivery"])]
)
def test_each_kind_of_work_is_woken_by_what_this_process_adds(mail: bool, names: list[str]) -> None:
    relay = {"MAIL_URL": "smtp://relay.example.org", "MAIL_FROM": "t@example.org", "PUBLIC_URL": "https://example.org"}
    container = Container(settings=load({"DATABASE_URL": "memory://", **(relay if mail else {})}, None))
    workers = {each._name: each for each in Background(container)._workers}
    assert list(workers) == names, "without mail, nothing looks for deliveries"
    assert workers["job"]._woken is container.jobs_added()
    assert not mail or workers["delivery"]._woken is container.deliveries_added()
    assert [name for name, each in workers.items() if each._waits_first] == ["sweep"], "a start is no time to sweep"
    seconds = {
        "job": CHECK_SECONDS,
        "delivery": CHECK_SECONDS,
        "sweep": sweeper.CHECK_SECONDS,
        "reminder": CHECK_SECONDS,
    }
    assert {name: each._check_seconds for name, each in workers.items()} == {name: seconds[name] for name in names}
    assert {each._thread.name: each._thread.daemon for each in workers.values()} == dict.fromkeys(names, True)


def test_all_work_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    started = Background.__new__(Background)
    workers = [Worker(name, lambda _: None, check_seconds=PATIENCE) for name in "abc"]
    started._workers = workers
    started.start()
    assert all(each._thread.is_alive() for each in workers)
    started.stop()
    assert not any(each._thread.is_alive() for each in workers)


def test_the_end_of_a_piece_is_waited_for_but_not_for_long() -> None:
    begun, release = Event(), Event()

    def piece(_: object) -> None:
        begun.set()
        release.wait(PATIENCE)

    worker = Worker("job", piece)
    worker.start()
    assert begun.wait(PATIENCE)
    worker.ask_to_stop()
    worker.join(0.01)
    assert worker._thread.is_alive()
    release.set()
    worker.join(PATIENCE)
    assert not worker._thread.is_alive()


def test_processes_look_for_work_at_different_times(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    woken: Any = SimpleNamespace(wait=waited.append, clear=lambda: waited.append(0))
    worker = Worker("job", lambda _: None, woken=woken, check_seconds=10)
    for _ in range(20):
        worker._wait()
    seconds = waited[::2]
    assert all(5 <= each <= 15 for each in seconds)
    assert len(set(seconds)) > 10
    assert waited[1::2] == [0] * 20, "else it would never wait again"
