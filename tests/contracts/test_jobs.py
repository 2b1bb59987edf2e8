"""Jobs: each piece is done once, by one process, and a job that was interrupted is continued."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from threading import Event
from typing import Any
from uuid import UUID

import pytest

from tasktracker.domain.jobs.job import LEASE, IsOver, Job, JobKind, after_steps, after_time
from tasktracker.domain.jobs.service import JobRunner, start
from tasktracker.domain.kernel.actors import AnyActor, SystemActor
from tasktracker.domain.work import Storage, UnitOfWork
from tests.backends import Backend, on_postgresql, on_sql
from tests.contracts.base import SECOND, Abort, Seed, race, run_next
from tests.fakes import START, SYSTEM, ManualClock
from tests.waiting import wait_until


def new_job(seed: Seed, **more: Any) -> Job:
    values: dict[str, Any] = {"id": seed.id(), "kind": JobKind.PURGE_TASK, "subject": seed.id(), "user_id": seed.id()}
    return Job(**(values | {"created_at": START} | more))


def add(store: Storage, *jobs: Job) -> None:
    with store.writing(SYSTEM) as work:
        for job in jobs:
            work.jobs.add(job)
    # Other databases of the same PostgreSQL server may have transactions that are older.
    with store.reading(SYSTEM) as work:
        wait_until(lambda: all(work.jobs.can_start(job.id) for job in jobs), "earlier transactions do not end")


def claim(store: Storage, clock: ManualClock) -> Job | None:
    with store.writing(SYSTEM) as work:
        return work.jobs.claim(clock.now())


def stored(store: Storage, job: Job) -> Job | None:
    with store.reading(SYSTEM) as work:
        return work.jobs.find(job.id)


def test_the_oldest_job_is_claimed_first_and_leased(store: Storage, seed: Seed, clock: ManualClock) -> None:
    younger, older = new_job(seed, created_at=START + SECOND), new_job(seed, position=seed.id())
    add(store, younger, older)
    claimed = claim(store, clock)
    assert claimed == replace(older, leased_until=START + LEASE) == stored(store, older)
    assert claim(store, clock) == replace(younger, leased_until=START + LEASE)
    assert claim(store, clock) is None
    with store.reading(SYSTEM) as work:
        assert work.jobs.count() == 2


def test_jobs_of_the_same_moment_are_claimed_and_listed_by_their_ids(
    store: Storage, seed: Seed, clock: ManualClock
) -> None:
    first, second, third = (new_job(seed) for _ in range(3))
    add(store, third, first, second)
    with store.reading(SYSTEM) as work:
        assert list(work.jobs.list(JobKind.PURGE_TASK)) == [first, second, third]
    claimed = [claim(store, clock) for _ in range(3)]
    assert [each and each.id for each in claimed] == [first.id, second.id, third.id]
    saved = replace(second, position=seed.id(), leased_until=START)
    with store.writing(SYSTEM) as work:
        assert work.jobs.find(second.id) == claimed[1]
        work.jobs.save(saved)
        work.jobs.remove(first.id)
    assert [stored(store, each) for each in (first, second, third)] == [None, saved, claimed[2]]


def test_a_job_is_claimed_again_only_after_its_lease(store: Storage, seed: Seed, clock: ManualClock) -> None:
    add(store, new_job(seed))
    claim(store, clock)
    clock.advance(LEASE - SECOND)
    assert claim(store, clock) is None
    clock.advance(SECOND)
    assert claim(store, clock) is not None


def test_a_lease_from_a_clock_that_was_wrong_does_not_last(store: Storage, seed: Seed, clock: ManualClock) -> None:
    add(store, new_job(seed))
    clock.advance(days=300)
    claim(store, clock)
    clock.set(START)
    assert claim(store, clock) is not None


def test_only_a_job_that_has_not_begun_can_be_withdrawn(store: Storage, seed: Seed) -> None:
    jobs = [new_job(seed), new_job(seed, position=seed.id()), new_job(seed, leased_until=START), new_job(seed)]
    add(store, *jobs)
    with store.writing(SYSTEM) as work:
        work.jobs.withdraw([each.id for each in jobs[:3]])
        work.jobs.withdraw([])
    assert [stored(store, each) for each in jobs] == [None, *jobs[1:]]


def test_jobs_are_listed_oldest_first_by_their_kind(store: Storage, seed: Seed) -> None:
    younger, older, oldest = (new_job(seed, created_at=START - number * SECOND) for number in range(3))
    other = new_job(seed, kind=JobKind.HAND_OVER)
    add(store, younger, oldest, older, other)
    with store.reading(SYSTEM) as work:
        assert list(work.jobs.list(JobKind.PURGE_TASK)) == [oldest, older, younger]
        assert [work.jobs.is_pending(each) for each in (other.subject, seed.id())] == [True, False]


def test_a_job_is_added_only_with_its_cause(store: Storage, seed: Seed) -> None:
    job = new_job(seed)
    with suppress(Abort), store.writing(SYSTEM) as work:
        work.jobs.add(job)
        raise Abort
    assert stored(store, job) is None


def test_a_job_can_start_after_it_was_added(store: Storage, seed: Seed) -> None:
    job = new_job(seed)
    add(store, job)
    with store.reading(SYSTEM) as work:
        assert work.jobs.can_start(job.id)
        assert work.jobs.can_start(seed.id())


@on_postgresql
@pytest.mark.parametrize("begins", ["before the job", "before its commit"])
def test_a_job_waits_for_transactions_that_do_not_see_it(
    store: Storage, backend: Backend, seed: Seed, clock: ManualClock, begins: str
) -> None:
    job = new_job(seed)
    other = backend.another_store()
    with ExitStack() as earlier, ExitStack() as cause:
        if begins == "before the job":
            earlier.enter_context(other.writing(SYSTEM))
        cause.enter_context(store.writing(SYSTEM)).jobs.add(job)
        if begins == "before its commit":
            earlier.enter_context(other.writing(SYSTEM))
        cause.close()
        assert claim(store, clock) is None
        with store.reading(SYSTEM) as work:
            assert not work.jobs.can_start(job.id)
    with store.reading(SYSTEM) as work:
        wait_until(lambda: work.jobs.can_start(job.id), "earlier transactions do not end")
    assert claim(store, clock) is not None
    other.close()


# ---------------------------------------------------------------------- runner


class Counting:
    """A step that adds users with numbers. A number that is added twice raises UsernameTaken."""

    def __init__(self, seed: Seed, last: int = 30, steps: int = 3) -> None:
        self._seed = seed
        self._last = last
        self._steps = steps
        self.pieces = 0
        self.on_piece: Callable[[], None] = lambda: None
        self.actors: set[AnyActor] = set()

    def __call__(self, work: UnitOfWork[AnyActor], job: Job, is_over: IsOver) -> Job | None:
        self.actors.add(work.actor)
        is_over = after_steps(self._steps)
        number = job.position.int if job.position else 0
        while number < self._last:
            number += 1
            work.users.add(self._seed.new_user(f"user{number}"))
            if is_over():
                break
        self.pieces += 1
        self.on_piece()
        return replace(job, position=UUID(int=number)) if number < self._last else None


def runner(store: Storage, clock: ManualClock, step: Counting) -> JobRunner[UnitOfWork[SystemActor]]:
    return JobRunner(store=store, clock=clock, steps=dict.fromkeys(JobKind, step))


def numbers(store: Storage) -> int:
    """Return the number of users that were added."""
    with store.reading(SYSTEM) as work:
        return sum(work.users.find_by_login(f"user{number}") is not None for number in range(1, 101))


def test_a_job_is_done_in_pieces_and_then_removed(store: Storage, seed: Seed, clock: ManualClock) -> None:
    step, job = Counting(seed), new_job(seed)
    add(store, job)
    run = run_next(runner(store, clock, step))
    assert (run.job, run.pieces) == (replace(job, leased_until=START + LEASE), 10)
    assert run.longest > 0
    assert step.actors == {SystemActor(job.kind, job.user_id)}
    assert (step.pieces, numbers(store), stored(store, job)) == (10, 30, None)
    assert runner(store, clock, step).run_next() is None


def test_each_piece_renews_the_lease_and_stores_the_position(store: Storage, seed: Seed, clock: ManualClock) -> None:
    step, job = Counting(seed), new_job(seed)
    add(store, job)
    step.on_piece = lambda: clock.advance(SECOND)
    run_next(runner(store, clock, step), pieces=2)
    assert stored(store, job) == replace(job, position=UUID(int=6), leased_until=START + SECOND + LEASE)
    assert numbers(store) == 6


def test_a_process_that_stops_begins_no_piece(store: Storage, seed: Seed, clock: ManualClock) -> None:
    step, job = Counting(seed), new_job(seed)
    add(store, job)
    run = run_next(runner(store, clock, step), pieces=0)
    assert (run.pieces, run.longest, step.pieces) == (0, 0, 0)
    assert stored(store, job) is not None


def test_a_piece_that_fails_is_done_again_after_the_lease(store: Storage, seed: Seed, clock: ManualClock) -> None:
    step, job = Counting(seed), new_job(seed)

    def fail() -> None:
        if step.pieces == 2:
            raise Abort

    step.on_piece = fail
    add(store, job)
    with pytest.raises(Abort):
        run_next(runner(store, clock, step))
    assert numbers(store) == 3
    assert runner(store, clock, step).run_next() is None
    clock.advance(LEASE)
    runner(store, clock, step).run_all()
    assert (numbers(store), stored(store, job)) == (30, None)


def test_a_process_whose_job_was_claimed_by_another_stops(store: Storage, seed: Seed, clock: ManualClock) -> None:
    slow, fast, job = Counting(seed), Counting(seed), new_job(seed)
    add(store, job)

    def overtaken() -> bool:
        if slow.pieces == 1:  # asked between two pieces
            clock.advance(LEASE)
            runner(store, clock, fast).run_next(lambda: fast.pieces == 1)
        return False

    wait_until(lambda: runner(store, clock, slow).run_next(overtaken), "the job cannot be claimed")
    assert (slow.pieces, fast.pieces, numbers(store)) == (1, 1, 6)


@on_sql
def test_two_processes_never_do_one_piece_twice(
    store: Storage, backend: Backend, seed: Seed, clock: ManualClock
) -> None:
    other = backend.another_store()
    steps = [Counting(seed, last=60, steps=2) for _ in range(2)]
    for step in steps:
        step.on_piece = lambda: clock.advance(LEASE)  # every lease has ended when its piece is done
    add(store, new_job(seed))

    def run(each: Storage, step: Counting) -> None:
        while runner(each, clock, step).run_next() or numbers(each) < 60:
            pass

    race(partial(run, store, steps[0]), partial(run, other, steps[1]))
    other.close()
    assert numbers(store) == 60
    assert sum(step.pieces for step in steps) >= 30


def test_a_small_job_is_done_with_its_cause(store: Storage, seed: Seed) -> None:
    job = new_job(seed)
    with store.writing(SYSTEM) as work:
        assert start(work, job, Counting(seed, last=3))
    assert (numbers(store), stored(store, job)) == (3, None)


def test_what_remains_of_a_large_job_is_added(store: Storage, seed: Seed) -> None:
    job = new_job(seed)
    with store.writing(SYSTEM) as work:
        assert not start(work, job, Counting(seed))
    assert (numbers(store), stored(store, job)) == (3, replace(job, position=UUID(int=3)))


def test_a_piece_ends_after_its_steps_or_its_time() -> None:
    is_over = after_steps(3)
    assert [is_over(), is_over(), is_over()] == [False, False, True]
    assert not after_time(60)()
    assert after_time(0)()


def test_a_job_wakes_the_runner_once_it_is_committed(backend: Backend, store: Storage, seed: Seed) -> None:
    added = Event()
    watched = backend.store_waking(jobs_added=added)
    with suppress(Abort), watched.writing(SYSTEM) as work:
        work.jobs.add(new_job(seed))
        raise Abort
    with watched.writing(SYSTEM) as work:
        assert work.jobs.count() == 0
    assert not added.is_set()
    with watched.writing(SYSTEM) as work:
        work.jobs.add(new_job(seed))
        assert not added.is_set()
    assert added.is_set()
    watched.close()
