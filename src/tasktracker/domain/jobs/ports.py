"""The repository of jobs, and units of work on them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from tasktracker.domain.jobs.job import IsOver, Job, JobKind


class JobRepository(Protocol):
    """Jobs that are not finished."""

    def add(self, job: Job) -> None:
        """Store a job, in the transaction of its cause. At the commit, the runner of this process starts."""
        ...

    def withdraw(self, job_ids: Collection[UUID]) -> None:
        """Remove those of these jobs that have no position, and that no process has claimed. Waits for no lock."""
        ...

    def claim(self, now: datetime) -> Job | None:
        """Lease the oldest claimable job to the caller for LEASE, and return it. Two callers never get the same lease.

        A job can be claimed when all transactions that ran when it was added have ended. They did not see the job, but
        its pieces see everything that they wrote.
        """
        ...

    def can_start(self, job_id: UUID) -> bool:
        """Whether all transactions that ran when the job was added have ended; also True if the job is finished."""
        ...

    def find(self, job_id: UUID) -> Job | None:
        """Return a job. A unit of work that writes locks the row until its end."""
        ...

    def list(self, kind: JobKind) -> Sequence[Job]:
        """Return the unfinished jobs of a kind, the oldest first. Locks nothing."""
        ...

    def is_pending(self, subject: UUID) -> bool:
        """Whether a job on this subject is unfinished. Locks nothing."""
        ...

    def save(self, job: Job) -> None:
        """Store the position and the lease of a job."""
        ...

    def remove(self, job_id: UUID) -> None:
        """Remove a finished job."""
        ...

    def count(self) -> int:
        """Return the number of unfinished jobs, including those that other processes run. Locks nothing."""
        ...


class JobWork(Protocol):
    """A unit of work that adds and continues jobs."""

    @property
    def now(self) -> datetime: ...
    @property
    def jobs(self) -> JobRepository: ...


Work_contra = TypeVar("Work_contra", contravariant=True)


class Step(Protocol[Work_contra]):
    """Processes one kind of jobs."""

    def __call__(self, work: Work_contra, job: Job, is_over: IsOver) -> Job | None:
        """Do one piece, which ends when `is_over` returns True. Return the job at its new position; None at its end.

        The changes commit together with the position, so no piece is done twice. A piece may begin at any position:
        another process may have done the earlier pieces.
        """
        ...
