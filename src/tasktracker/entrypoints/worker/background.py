"""All work in the background of a process."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import structlog

from tasktracker.domain.deliveries.courier import Courier
from tasktracker.domain.deliveries.delivery import Delivery
from tasktracker.domain.jobs.service import JobRunner, Run
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.reminders.firing import Fired, Firing
from tasktracker.domain.work import UnitOfWork
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.worker import sweeper as sweeping
from tasktracker.entrypoints.worker.sweeper import Sweeper
from tasktracker.entrypoints.worker.worker import STOP_SECONDS, Worker

log = structlog.get_logger("tasktracker.worker")

Work = UnitOfWork[SystemActor]


class Background:
    """Runs jobs, fires reminders, sends deliveries and sweeps, each on a separate thread.

    Any number of processes may do this. `on_fired` is called with the lateness of each reminder in seconds.
    """

    def __init__(self, container: Container, on_fired: Callable[[float], None] = lambda _: None) -> None:
        jobs, courier, firing = container.jobs(), container.courier(), container.firing()
        sweeper = Sweeper(container.housekeeping(), container.limiter(), container.clock())
        self._workers = [
            Worker("job", lambda is_stopping: _run_job(jobs, is_stopping), woken=container.jobs_added()),
            Worker("reminder", lambda is_stopping: _fire(firing, on_fired, is_stopping)),
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


def _fire(firing: Firing[Work], on_fired: Callable[[float], None], is_stopping: Callable[[], bool]) -> Fired | None:
    fired = firing.run_next(is_stopping)
    if fired is not None:
        lateness = [each.total_seconds() for each in fired.lateness]
        for each in lateness:
            on_fired(each)
        latest = round(1000 * max(lateness, default=0))
        log.info("fired reminders", reminders=len(lateness), summaries=fired.summaries, latest_ms=latest)
    return fired
