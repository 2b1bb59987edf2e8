"""Running jobs beside the requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest
from structlog.testing import capture_logs

from tasktracker.domain.jobs.job import JobKind
from tasktracker.domain.jobs.service import Run
from tasktracker.domain.kernel.errors import StorageUnavailable
from tasktracker.entrypoints.http import job_worker
from tasktracker.entrypoints.http.job_worker import JobWorker
from tests.contracts.base import Seed
from tests.contracts.test_jobs import new_job
from tests.fakes import App
from tests.waiting import PATIENCE


class FakeRunner:
    """Runs the given calls, one each time that it is asked for a job."""

    def __init__(self, *calls: Callable[[], Run | None]) -> None:
        self._calls = list(calls)
        self.is_idle = Event()

    def run_next(self, is_stopping: Callable[[], bool]) -> Run | None:
        assert not is_stopping()
        if self._calls:
            return self._calls.pop(0)()
        self.is_idle.set()
        return None


@contextmanager
def working(runner: Any, added: Event) -> Iterator[None]:
    worker = JobWorker(runner, added)
    worker.start()
    try:
        yield
    finally:
        worker.stop()


@pytest.fixture(autouse=True)
def never_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the worker look for jobs only when it is woken."""
    monkeypatch.setattr(job_worker, "CHECK_SECONDS", PATIENCE)


def a_run() -> Run:
    app = App.in_memory()
    return Run(new_job(Seed(app.store, app.clock, app.ids), kind=JobKind.PURGE_TASK), 2, 0.05)


def test_a_job_of_this_process_is_run_at_once() -> None:
    added, ran = Event(), Event()
    runner = FakeRunner()
    with working(runner, added):
        assert runner.is_idle.wait(PATIENCE)
        runner._calls.append(ran.set)
        added.set()
        assert ran.wait(PATIENCE)


def test_all_jobs_are_run_before_the_worker_waits() -> None:
    runner = FakeRunner(a_run, a_run, a_run)
    with capture_logs() as logs, working(runner, Event()):
        assert runner.is_idle.wait(PATIENCE)
    assert runner._calls == []
    assert [(each["event"], each["kind"], each["pieces"], each["longest_ms"]) for each in logs] == [
        ("ran a job", JobKind.PURGE_TASK, 2, 50)
    ] * 3


@pytest.mark.parametrize(
    ("error", "entry"),
    [
        (StorageUnavailable(), {"log_level": "warning", "problem": StorageUnavailable.slug}),
        (ValueError("a fault"), {"log_level": "error", "exc_info": True}),
    ],
)
def test_a_job_that_fails_is_logged_and_does_not_end_the_worker(error: Exception, entry: dict[str, Any]) -> None:
    added, failed, ran = Event(), Event(), Event()

    def fail() -> None:
        failed.set()
        raise error

    runner = FakeRunner(fail)
    with capture_logs() as logs, working(runner, added):
        assert failed.wait(PATIENCE)
        runner._calls.append(ran.set)
        added.set()
        assert ran.wait(PATIENCE)
    assert logs == [{"event": "job failed", **entry}]
