"""Housekeeping beside the requests: now and then, on one process at a time."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from threading import Event

import structlog

from tasktracker.domain.housekeeping import HousekeepingService
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import DomainError
from tasktracker.domain.throttling.limit import Bucket, Limit
from tasktracker.domain.throttling.ports import RateLimiter
from tasktracker.entrypoints.http.core.threads import ThreadRunner

LOOK_SECONDS = 300
MOST = 10_000  # things of each kind at a time; the next sweep, of any process, does what is left over
# A bucket that holds one try an hour, shared by all processes: the one that gets it does the work.
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
        """Sweep whenever it is this process's turn, on one of the threads, until cancelled."""
        while True:
            # Not all processes at the same moment, and not while the server starts.
            await asyncio.sleep(LOOK_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311  # nothing secret about it
            try:
                await threads.run(self.sweep)
            except DomainError as error:
                log.warning("sweep failed", problem=error.slug)
            except Exception:
                log.exception("sweep failed")

    def sweep(self) -> int | None:
        """Sweep if it is this process's turn, and return how many things were removed."""
        if self._limiter.spend(TURN, self._clock.now()) is not None:
            return None
        removed = self._housekeeping.sweep(MOST, self._stopping.is_set)
        log.info("swept", removed=removed)
        if removed >= MOST and not self._stopping.is_set():
            # There may be more: the next process to look goes on.
            self._limiter.refund(TURN)
        return removed

    def stop(self) -> None:
        """Have a sweep under way end soon: a server that stops waits for its threads."""
        self._stopping.set()
