"""Running imports after the response to their request, and reading their results."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.kernel.actors import SessionActor, SystemActor
from tasktracker.domain.kernel.clock import Clock, IdGenerator
from tasktracker.domain.kernel.errors import Busy, DomainError, ImportNotFound
from tasktracker.domain.kernel.paging import DEFAULT_PAGE, Page
from tasktracker.domain.kernel.store import Store
from tasktracker.domain.portability.export_service import Owner
from tasktracker.domain.portability.import_job import (
    MAX_JOBS,
    MAX_STORED_LINES,
    ImportedLine,
    ImportJob,
    JobKey,
    JobState,
    LineOutcome,
)
from tasktracker.domain.portability.ports import ImportJobWork
from tasktracker.domain.portability.report import ImportReport

PURGED = 5000
"""Lines that one transaction removes."""

Record = Callable[[Sequence[ImportedLine], int], None]
"""Records the results of a batch of lines, and the number of bytes read."""


class Import(Protocol):
    """An import that calls `record` after each batch, and returns its report."""

    def __call__(self, *, record: Record) -> ImportReport:
        """Import."""
        ...


class _Interrupted(Exception):
    """The job must end: the server stops, or the job is no longer running."""


class ImportJobService:
    """The processes of import jobs. A user has one running job, in all server processes together.

    A job belongs to its process. If the process ends, the job stays unchanged until a caller reads it. Then it becomes
    interrupted. If the process was only slow, it finds the changed state when it records its next batch, and stops.

    `clock` must be the same for all hosts, because each host reads the times that the others recorded.
    """

    def __init__(self, *, store: Store[Owner, ImportJobWork], clock: Clock, ids: IdGenerator) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    def start(self, actor: SessionActor, size: int, *, dry_run: bool) -> ImportJob:
        """Store a job for a file of `size` bytes that has arrived. The caller must then run it.

        The oldest jobs over the limits are removed. Raises SessionEnded; Busy if another job of the user is running.
        """
        self.list(actor)  # interrupts stalled jobs
        now = self._clock.now()
        with self._store.writing(actor) as work:
            work.users.find(actor.user_id)  # locked, so that only one of two concurrent calls starts a job
            jobs = work.import_jobs.list(actor.user_id, None, 2 * MAX_JOBS).items
            if any(job.state is JobState.RUNNING for job in jobs):
                raise Busy("Another import of your account is running.")
            job = ImportJob(
                id=self._ids.new(),
                user_id=actor.user_id,
                dry_run=dry_run,
                size=size,
                created_at=now,
                updated_at=now,
            )
            work.import_jobs.add(job)
        self._remove(_surplus(jobs), actor)
        return job

    def run(
        self,
        job: ImportJob,
        do: Import,
        *,
        view: Callable[[ImportReport], bytes],
        explain: Callable[[Exception], bytes],
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Import the file of a job, and store the result: its report, or the error that ended it.

        If `is_stopping` returns True, the job is interrupted after the current batch. An error that is not a
        DomainError is raised again.
        """

        def record(lines: Sequence[ImportedLine], read: int) -> None:
            if is_stopping():
                raise _Interrupted
            self._change(job, lambda current, now: current.advance(read, len(lines), now), lines)

        def end(state: JobState, report: bytes | None = None, problem: bytes | None = None) -> None:
            with suppress(_Interrupted):
                self._change(job, lambda current, now: current.end(state, now, report=report, problem=problem))

        try:
            report = do(record=record)
        except _Interrupted:
            end(JobState.INTERRUPTED)
        except Exception as error:
            end(JobState.FAILED, problem=explain(error))
            if not isinstance(error, DomainError):
                raise
        else:
            end(JobState.DONE, report=view(report))

    def list(
        self, actor: SessionActor, after: JobKey | None = None, limit: int = DEFAULT_PAGE
    ) -> Page[ImportJob, JobKey]:
        """Return a page of the actor's jobs, the newest first. Raises SessionEnded."""
        with self._store.reading(actor) as work:
            page = work.import_jobs.list(actor.user_id, after, limit)
        return Page([self._interrupted_if_stalled(job) for job in page.items], page.next)

    def find(self, actor: SessionActor, job_id: UUID) -> ImportJob:
        """Return a job of the actor. Raises SessionEnded, ImportNotFound."""
        with self._store.reading(actor) as work:
            job = _require_own(work.import_jobs.find(job_id), actor.user_id)
        return self._interrupted_if_stalled(job)

    def lines(
        self,
        actor: SessionActor,
        job_id: UUID,
        outcome: LineOutcome | None = None,
        after: int | None = None,
        limit: int = DEFAULT_PAGE,
    ) -> Page[ImportedLine, int]:
        """Return a page of a job's lines, in the order of the file. Raises SessionEnded, ImportNotFound."""
        with self._store.reading(actor) as work:
            _require_own(work.import_jobs.find(job_id), actor.user_id)
            return work.import_jobs.lines(job_id, outcome, after, limit)

    def _interrupted_if_stalled(self, job: ImportJob) -> ImportJob:
        if job.is_stalled(now := self._clock.now()):
            with self._store.writing(SystemActor("interrupt an import", job.user_id)) as work:
                current = work.import_jobs.find(job.id)
                if current is not None and current.is_stalled(now):
                    current = current.end(JobState.INTERRUPTED, now)
                    work.import_jobs.save(current)
            return current or job
        return job

    def _change(
        self,
        job: ImportJob,
        change: Callable[[ImportJob, datetime], ImportJob],
        lines: Sequence[ImportedLine] = (),
    ) -> None:
        now = self._clock.now()
        with self._store.writing(SystemActor("import", job.user_id)) as work:
            current = work.import_jobs.find(job.id)
            if current is None or current.state is not JobState.RUNNING:
                raise _Interrupted
            work.import_jobs.add_lines(job.id, lines)
            work.import_jobs.save(change(current, now))

    def _remove(self, job_ids: Collection[UUID], actor: SessionActor) -> None:
        removed = bool(job_ids)
        while removed:
            with self._store.writing(SystemActor("remove imports", actor.user_id)) as work:
                removed = work.import_jobs.purge(job_ids, PURGED) > 0


def _surplus(jobs: Sequence[ImportJob]) -> Collection[UUID]:
    """Return the oldest jobs that exceed a limit, if one more is added. `jobs` has the newest first."""
    lines, surplus = 0, []
    for number, job in enumerate(jobs, 2):
        lines += job.lines
        if number > MAX_JOBS or lines > MAX_STORED_LINES:
            surplus.append(job.id)
    return surplus


def _require_own(job: ImportJob | None, user_id: UUID) -> ImportJob:
    if job is None or job.user_id != user_id:
        raise ImportNotFound
    return job
