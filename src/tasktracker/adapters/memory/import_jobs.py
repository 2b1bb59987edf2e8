"""Import jobs in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import islice
from uuid import UUID

from tasktracker.adapters.memory.tables import StoredLine, Transaction
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.portability.import_job import ImportedLine, ImportJob, JobKey, LineOutcome


class MemoryImportJobs:
    """Implements ImportJobRepository."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, job: ImportJob) -> None:
        data = self._transaction.data
        if data.users.get(job.user_id) is None:
            raise RuntimeError(f"User {job.user_id} does not exist.")
        if data.import_jobs.get(job.id) is not None:
            raise RuntimeError(f"Import {job.id} already exists.")
        self._transaction.put(data.import_jobs, job)

    def find(self, job_id: UUID) -> ImportJob | None:
        return self._transaction.data.import_jobs.get(job_id)

    def save(self, job: ImportJob) -> None:
        self._transaction.put(self._transaction.data.import_jobs, job)

    def list(self, user_id: UUID, after: JobKey | None, limit: int) -> Page[ImportJob, JobKey]:
        data = self._transaction.data
        keys = (key for key in reversed(data.import_jobs_of.keys(user_id)) if after is None or key < after)
        found = (data.import_jobs.get(key.id) for key in islice(keys, limit + 1))
        return Page.cut([job for job in found if job is not None], limit, lambda job: job.key)

    def add_lines(self, job_id: UUID, lines: Sequence[ImportedLine]) -> None:
        data = self._transaction.data
        for line in lines:
            stored = StoredLine(job_id, line)
            if data.import_jobs.get(job_id) is None or data.import_lines.get(stored.id) is not None:
                raise RuntimeError(f"Import {job_id} does not exist, or has line {line.position} already.")
            self._transaction.put(data.import_lines, stored)

    def lines(
        self, job_id: UUID, outcome: LineOutcome | None, after: int | None, limit: int
    ) -> Page[ImportedLine, int]:
        data = self._transaction.data
        stored = (
            data.import_lines.get(id_) for position, id_ in data.import_lines_of.keys(job_id) if position > (after or 0)
        )
        found = (each.line for each in stored if each and outcome in (None, each.line.outcome))
        return Page.cut(list(islice(found, limit + 1)), limit, lambda line: line.position)

    def expired(self, before: datetime, limit: int) -> Sequence[UUID]:
        keys = sorted(job.key for job in self._transaction.data.import_jobs.rows() if job.created_at < before)
        return [key.id for key in keys[:limit]]

    def purge(self, job_ids: Collection[UUID], limit: int) -> int:
        data = self._transaction.data
        lines = [id_ for job_id in job_ids for _, id_ in data.import_lines_of.keys(job_id)][:limit]
        for id_ in lines:
            self._transaction.drop(data.import_lines, id_)
        if lines:
            return len(lines)
        jobs = [job_id for job_id in job_ids if data.import_jobs.get(job_id) is not None][:limit]
        for job_id in jobs:
            self._transaction.drop(data.import_jobs, job_id)
        return len(jobs)
