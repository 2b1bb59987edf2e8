"""All work in the background of a process."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import structlog

from tasktracker.domain.deliveries.courier import Courier
from tasktracker.domain.deliveries.delivery import Delivery
from tasktracker.domain.jobs.service import JobRunner, Run
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.work import UnitOfWork
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.worker import sweeper as sweeping
from tasktracker.entrypoints.worker.sweeper import Sweeper
from tasktracker.entrypoints.worker.worker import STOP_SECONDS, Worker

log = structlog.get_logger("tasktracker.worker")

Work = UnitOfWork[SystemActor]


class Background:
    """Runs jobs, sends deliveries and sweeps, each on a separate thread. Any number of processes may do this."""

    def __init__(self, container: Container) -> None:
        jobs, courier = container.jobs(), container.courier()
        sweeper = Sweeper(container.housekeeping(), container.limiter(), container.clock())
        self._workers = [
            Worker("job", lambda is_stopping: _run_job(jobs, is_stopping), woken=container.jobs_added()),
            Worker("sweep", sweeper.run_next, check_seconds=sweeping.CHECK_SECONDS, waits_first=True),
        ]
        if container.outbox().is_on:
            woken = container.deliveries_added()
            self._workers.append(Worker("delivery", lambda is_stopping: _send(courier, is_stopping), woken=woken))

    def start(self) -> None:
        """Start all threads."""
        for each in self._workers:
            each.start()

    def stop(self) -> None:
        """Stop after the pieces that run now. Wait for these pieces, but not for long."""
        for each in self._workers:
            each.ask_to_stop()
        end = monotonic() + STOP_SECONDS
        for each in self._workers:
            each.join(max(0.0, end - monotonic()))


def _run_job(jobs: JobRunner[Work], is_stopping: Callable[[], bool]) -> Run | None:
    run = jobs.run_next(is_stopping)
    if run is not None:
        longest = round(1000 * run.longest)
        log.info("ran a job", kind=run.job.kind, job=str(run.job.id), pieces=run.pieces, longest_ms=longest)
    return run


def _send(courier: Courier[Work], is_stopping: Callable[[], bool]) -> Delivery | None:
    delivery = courier.run_next(is_stopping)
    if delivery is not None:
        log.info(
            "attempted a delivery",
            kind=delivery.kind,
            delivery=str(delivery.id),
            state=delivery.state,
            attempts=delivery.attempts,
            problem=delivery.problem,
        )
    return delivery
