"""Starting jobs, and running them piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import monotonic, sleep
from typing import Generic, TypeVar

from tasktracker.domain.jobs.job import LEASE, Job, JobKind, after_steps, after_time
from tasktracker.domain.jobs.ports import JobWork, Step
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.store import Store

FIRST_STEPS = 6
"""The steps of the first piece, which runs in the transaction of the job's cause. It finishes small jobs."""

MIN_PAUSE = 0.05
"""Seconds between two pieces. SQLite's writers in other processes look for a free lock about every 25 ms."""


@dataclass(frozen=True, slots=True)
class Run:
    """The pieces of a job that a process did: their number, and the seconds that the longest one took."""

    job: Job
    pieces: int
    longest: float


WorkT = TypeVar("WorkT", bound=JobWork)


def start(work: WorkT, job: Job, step: Step[WorkT]) -> bool:
    """Do the first piece of a new job in its cause's unit of work. Return whether the job is done; else add the job.

    The first piece ends after a number of steps and not after a time, so it does not depend on the speed of the host.
    """
    rest = step(work, job, after_steps(FIRST_STEPS))
    if rest is not None:
        work.jobs.add(rest)
    return rest is None


class JobRunner(Generic[WorkT]):
    """The process that runs jobs. Several of them, in any processes, share the jobs.

    `clock` must be the same for all hosts, because each host reads the ends of the leases of the others. With a wrong
    clock, two processes may claim the same job. Even then no piece is done twice, because each process checks its lease
    while it locks the job's row.
    """

    def __init__(self, *, store: Store[SystemActor, WorkT], clock: Clock, steps: Mapping[JobKind, Step[WorkT]]) -> None:
        self._store = store
        self._clock = clock
        self._steps = steps

    def run_next(self, is_stopping: Callable[[], bool] = lambda: False) -> Run | None:
        """Claim a job and do its pieces until it is done. Return None if no job can be claimed.

        Ends early once `is_stopping` returns True, or if another process has claimed the job meanwhile.
        """
        with self._store.reading(SystemActor("find jobs")) as work:
            if not work.jobs.count():
                return None  # without waiting for SQLite's writer
        with self._store.writing(SystemActor("claim a job")) as work:
            claimed = work.jobs.claim(self._clock.now())
        if claimed is None:
            return None
        job: Job | None = claimed
        pieces = []
        while job is not None and not is_stopping():
            job, seconds = self._do_piece(job)
            pieces.append(seconds)
            if job is not None:
                sleep(max(MIN_PAUSE, seconds))  # others get at least as much time
        return Run(claimed, len(pieces), max(pieces, default=0.0))

    def run_all(self) -> None:
        """Run jobs until none is left, also in other processes."""
        while self._has_jobs():
            if self.run_next() is None:
                sleep(MIN_PAUSE)

    def _has_jobs(self) -> bool:
        with self._store.reading(SystemActor("find jobs")) as work:
            return work.jobs.count() > 0

    def _do_piece(self, leased: Job) -> tuple[Job | None, float]:
        """Do a piece. Return the seconds taken, and the changed job: None if it is done or another process has it."""
        now = self._clock.now()
        rest = None
        with self._store.writing(SystemActor(leased.kind, leased.user_id)) as work:
            begin = monotonic()
            job = work.jobs.find(leased.id)
            if job == leased:
                rest = self._steps[job.kind](work, job, after_time())
                if rest is None:
                    work.jobs.remove(job.id)
                else:
                    rest = replace(rest, leased_until=now + LEASE)
                    work.jobs.save(rest)
        return rest, monotonic() - begin
