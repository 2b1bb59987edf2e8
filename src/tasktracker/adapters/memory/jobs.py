"""Jobs in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from tasktracker.adapters.memory.tables import Transaction
from tasktracker.domain.jobs.job import LEASE, Job, JobKind


class MemoryJobs:
    """Implements JobRepository."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.has_added = False

    def add(self, job: Job) -> None:
        if self.find(job.id) is not None:
            raise RuntimeError(f"Job {job.id} already exists.")
        self.save(job)
        self.has_added = True

    def withdraw(self, job_ids: Collection[UUID]) -> None:
        for job_id in job_ids:
            job = self.find(job_id)
            if job is not None and job.position is None and job.leased_until is None:
                self.remove(job_id)

    def claim(self, now: datetime) -> Job | None:
        self._transaction.require_writable()
        claimable = [job for job in self._transaction.data.jobs.rows() if job.is_claimable(now)]
        if not claimable:
            return None
        job = min(claimable, key=lambda job: (job.created_at, job.id))
        job = replace(job, leased_until=now + LEASE)
        self.save(job)
        return job

    def can_start(self, job_id: UUID) -> bool:
        del job_id  # units of work run one at a time
        return True

    def find(self, job_id: UUID) -> Job | None:
        return self._transaction.data.jobs.get(job_id)

    def list(self, kind: JobKind) -> Sequence[Job]:
        found = [job for job in self._transaction.data.jobs.rows() if job.kind is kind]
        return sorted(found, key=lambda job: (job.created_at, job.id))

    def is_pending(self, subject: UUID) -> bool:
        return any(job.subject == subject for job in self._transaction.data.jobs.rows())

    def save(self, job: Job) -> None:
        self._transaction.put(self._transaction.data.jobs, job)

    def remove(self, job_id: UUID) -> None:
        self._transaction.drop(self._transaction.data.jobs, job_id)

    def count(self) -> int:
        return len(self._transaction.data.jobs.rows())
