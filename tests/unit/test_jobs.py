"""Running jobs: pieces, pauses and leases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import accumulate
from typing import Any, cast
from uuid import UUID

import pytest

from tasktracker.domain.jobs import job as job_module
from tasktracker.domain.jobs import service
from tasktracker.domain.jobs.job import BEGIN, LEASE, PIECE_SECONDS, Job, JobKind, after_time
from tasktracker.domain.jobs.service import FIRST_STEPS, MIN_PAUSE, JobRunner, start
from tests.contracts.base import Seed
from tests.contracts.test_jobs import new_job
from tests.fakes import SYSTEM, App

KIND = JobKind.PURGE_TASK


@pytest.fixture
def app() -> App:
    return App.in_memory()


@pytest.fixture
def job(app: App) -> Job:
    return replace(new_job(Seed(app.store, app.clock, app.ids)), kind=KIND)


def added(app: App, *jobs: Job) -> None:
    with app.store.writing(SYSTEM) as work:
        for each in jobs:
            work.jobs.add(each)


def stored(app: App, job: Job) -> Job | None:
    with app.store.reading(SYSTEM) as work:
        found: Job | None = work.jobs.find(job.id)
    return found


def runner(app: App, step: Callable[..., Job | None]) -> JobRunner[Any]:
    steps: Mapping[JobKind, Any] = {KIND: step}
    return JobRunner(store=app.store, clock=app.clock, steps=steps)


def test_the_numbers_are_those_of_the_documentation() -> None:
    assert (timedelta(seconds=10), 0.05, 0.05, 6) == (LEASE, PIECE_SECONDS, MIN_PAUSE, FIRST_STEPS)


def test_there_is_one_job_of_a_kind_on_a_subject(app: App) -> None:
    now, subjects = app.clock.now(), [UUID(int=1), UUID(int=2)]
    jobs = [Job.of(kind, subject, UUID(int=9), now) for kind in JobKind for subject in subjects]
    assert len({each.id for each in jobs}) == len(jobs)
    assert Job.of(KIND, subjects[0], UUID(int=8), now).id == Job.of(KIND, subjects[0], UUID(int=9), now).id


@pytest.mark.parametrize("rest", [None, BEGIN])
def test_a_small_job_is_done_in_the_transaction_of_its_cause(app: App, job: Job, rest: UUID | None) -> None:
    steps: list[int] = []

    def step(_: object, given: Job, is_over: Callable[[], bool]) -> Job | None:
        steps.append(1)
        while not is_over():
            steps.append(1)
        return replace(given, position=rest) if rest else None

    with app.store.writing(SYSTEM) as work:
        assert start(work, job, cast("Any", step)) is (rest is None)
    assert len(steps) == FIRST_STEPS
    assert stored(app, job) == (replace(job, position=rest) if rest else None)


def test_after_each_piece_others_get_at_least_as_much_time(app: App, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, pauses = accumulate([0, 0.02, 0, 0.3, 0, 0.01]), list[float]()
    monkeypatch.setattr(service, "monotonic", lambda: next(clock))
    monkeypatch.setattr(service, "sleep", pauses.append)
    seen: list[Job] = []

    def step(work: Any, given: Job, _: object) -> Job | None:
        assert (work.actor.reason, work.actor.user_id) == (KIND, job.user_id)
        seen.append(given)
        app.clock.advance(seconds=1)
        return replace(given, position=UUID(int=len(seen))) if len(seen) < 3 else None

    added(app, job)
    run = runner(app, step).run_next()
    assert run is not None
    first = replace(job, leased_until=app.clock.now() - timedelta(seconds=3) + LEASE)
    assert (run.job, run.pieces) == (first, 3)
    assert run.longest == pytest.approx(0.3)
    assert pauses == pytest.approx([MIN_PAUSE, 0.3])
    assert [each.position and each.position.int for each in seen] == [None, 1, 2]
    assert {each.leased_until and each.leased_until - LEASE for each in seen[1:]} == {
        app.clock.now() - timedelta(seconds=gap) for gap in (3, 2)
    }, "each piece renews the lease"
    assert stored(app, job) is None


def test_a_piece_ends_by_time(app: App, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    now, over = [0.0], list[bool]()
    monkeypatch.setattr(job_module, "monotonic", lambda: now[0])
    assert [after_time(2)() for now[0] in (0, 1)] == [False, False]

    def step(_: object, __: Job, is_over: Callable[[], bool]) -> None:
        begin = now[0]
        for now[0] in (begin, begin + 0.9 * PIECE_SECONDS, begin + PIECE_SECONDS):
            over.append(is_over())

    added(app, job)
    runner(app, step).run_next()
    assert over == [False, False, True]


def test_a_process_that_stops_begins_no_further_piece(app: App, job: Job) -> None:
    added(app, job)
    pieces = iter([job, job])
    run = runner(app, lambda *_: next(pieces, None)).run_next(lambda: True)
    assert run is not None
    assert (run.pieces, run.longest) == (0, 0)
    assert stored(app, job) == run.job


def test_a_command_waits_until_all_jobs_are_done_also_those_of_other_processes(
    app: App, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Job] = []
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        app.clock.advance(seconds=8)

    monkeypatch.setattr(service, "sleep", pause)
    other = replace(job, id=app.ids.new(), leased_until=app.clock.now() + LEASE)
    added(app, job, other)
    runner(app, lambda _, given, __: done.append(given)).run_all()
    assert ([each.id for each in done], pauses) == ([job.id, other.id], [MIN_PAUSE] * 2)
