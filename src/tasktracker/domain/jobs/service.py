"""Starting jobs, and running them piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from time import monotonic, sleep
from typing import Generic, TypeVar

from tasktracker.domain.jobs.job import LEASE, Job, JobKind, after_steps, after_time
from tasktracker.domain.jobs.ports import JobWork, Step
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.store import Store

FIRST_STEPS = 6
"""Steps of the piece that is done in the transaction of a job's cause. Small jobs are finished there."""

MIN_PAUSE = 0.05
"""Seconds between two pieces. SQLite's writers in other processes look for a free lock about every 25 ms."""

WorkT = TypeVar("WorkT", bound=JobWork)


def start(work: WorkT, job: Job, step: Step[WorkT]) -> bool:
    """Do the first piece of a new job in the work of its cause, and return whether it is done. Otherwise, add the job.

    The first piece ends after a number of steps and not after a time, so it does not depend on the speed of the host.
    """
    rest = step(work, job, after_steps(FIRST_STEPS))
    if rest is not None:
        work.jobs.add(rest)
    return rest is None


class JobRunner(Generic[WorkT]):
    """The process that runs jobs. Several of them, in any processes, share the jobs.

    `clock` must be the same for all hosts, because one reads until when another has leased a job. A wrong clock may
    give a job to two processes, but no piece is done twice: each checks the lease under the lock of the job's row.
    """

    def __init__(self, *, store: Store[SystemActor, WorkT], clock: Clock, steps: Mapping[JobKind, Step[WorkT]]) -> None:
        self._store = store
        self._clock = clock
        self._steps = steps

    def run_next(self, is_stopping: Callable[[], bool] = lambda: False) -> Job | None:
        """Claim a job, do its pieces until it is done, and return it; None if no job can be claimed.

        Ends early once `is_stopping` returns True, or if another process has claimed the job meanwhile.
        """
        with self._store.reading(SystemActor("find jobs")) as work:
            if not work.jobs.count():
                return None  # without waiting for SQLite's writer
        with self._store.writing(SystemActor("claim a job")) as work:
            claimed = work.jobs.claim(self._clock.now())
        job = claimed
        while job is not None and not is_stopping():
            begin = monotonic()
            job = self._do_piece(job)
            if job is not None:
                # Others get at least as much time as the piece took.
                sleep(max(MIN_PAUSE, monotonic() - begin))
        return claimed

    def run_all(self) -> None:
        """Run jobs until none is left, also in other processes."""
        while self._has_jobs():
            if self.run_next() is None:
                sleep(MIN_PAUSE)

    def _has_jobs(self) -> bool:
        with self._store.reading(SystemActor("find jobs")) as work:
            return work.jobs.count() > 0

    def _do_piece(self, leased: Job) -> Job | None:
        """Do a piece and return the job with its new position and lease; None if it is done, or another's."""
        now = self._clock.now()
        with self._store.writing(SystemActor(leased.kind, leased.user_id)) as work:
            job = work.jobs.find(leased.id)
            if job != leased:
                return None
            rest = self._steps[job.kind](work, job, after_time())
            if rest is None:
                work.jobs.remove(job.id)
                return None
            rest = replace(rest, leased_until=now + LEASE)
            work.jobs.save(rest)
        return rest
