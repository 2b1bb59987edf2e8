"""Periodic housekeeping, run by one server process at a time."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from threading import Event

import structlog

from tasktracker.domain.housekeeping import HousekeepingService
from tasktracker.domain.kernel import deadline
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import DomainError
from tasktracker.domain.throttling.limit import Bucket, Limit
from tasktracker.domain.throttling.ports import RateLimiter
from tasktracker.entrypoints.http.core.threads import ThreadRunner

CHECK_SECONDS = 300
MAX_PER_SWEEP = 10_000  # items of each kind; the next sweep, by any process, continues
# All processes share this bucket with one attempt per hour. The process that gets the attempt sweeps.
TURN = Bucket.of(Limit("sweep", 1, timedelta(hours=1)))

log = structlog.get_logger("tasktracker.sweep")


class Sweeper:
    """Runs the housekeeping of a server."""

    def __init__(self, housekeeping: HousekeepingService, limiter: RateLimiter, clock: Clock) -> None:
        self._housekeeping = housekeeping
        self._limiter = limiter
        self._clock = clock
        self._stopping = Event()

    async def run(self, threads: ThreadRunner) -> None:
        """Sweep on one of the threads whenever it is this process's turn, until cancelled."""
        while True:
            # Random, so that the processes check at different times, and not while the server starts.
            await asyncio.sleep(CHECK_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311  # not a secret
            try:
                await threads.run(self.sweep)
            except DomainError as error:
                log.warning("sweep failed", problem=error.slug)
            except Exception:
                log.exception("sweep failed")

    def sweep(self) -> int | None:
        """Sweep if it is this process's turn, and return the number of removed items; otherwise return None."""
        if self._limiter.consume(TURN, self._clock.now()) is not None:
            return None
        deadline.current().lift()
        removed = self._housekeeping.sweep(MAX_PER_SWEEP, self._stopping.is_set)
        log.info("swept", removed=removed)
        if removed >= MAX_PER_SWEEP and not self._stopping.is_set():
            # There may be more: the next process that checks continues.
            self._limiter.refund(TURN)
        return removed

    def stop(self) -> None:
        """End a running sweep soon, because a server that stops waits for its threads."""
        self._stopping.set()
