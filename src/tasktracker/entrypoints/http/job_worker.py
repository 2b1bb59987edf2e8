"""Runs jobs beside the requests."""

from __future__ import annotations

from threading import Event, Thread
from typing import Any

import structlog

from tasktracker.domain.jobs.service import JobRunner
from tasktracker.domain.kernel.errors import DomainError

CHECK_SECONDS = 1.0
"""The time between two searches for jobs of other processes. One of this process is found at once."""

log = structlog.get_logger("tasktracker.jobs")


class JobWorker:
    """Runs jobs on a thread of its own, until it is stopped."""

    def __init__(self, runner: JobRunner[Any], added: Event) -> None:
        self._runner = runner
        self._added = added
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        """Start running jobs."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current piece, and wait for it. Another process continues the job."""
        self._stopping.set()
        self._added.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                while (run := self._runner.run_next(self._stopping.is_set)) is not None:
                    longest = round(1000 * run.longest)
                    log.info("ran a job", kind=run.job.kind, job=str(run.job.id), pieces=run.pieces, longest_ms=longest)
            except DomainError as error:
                log.warning("job failed", problem=error.slug)
            except Exception:
                log.exception("job failed")
            self._added.wait(CHECK_SECONDS)
            self._added.clear()
