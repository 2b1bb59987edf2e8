"""Periodic housekeeping, run by one server process at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog

from tasktracker.domain.housekeeping import HousekeepingService
from tasktracker.domain.kernel import deadline
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.throttling.limit import Bucket, Limit
from tasktracker.domain.throttling.ports import RateLimiter

CHECK_SECONDS = 300
MAX_PER_SWEEP = 10_000  # items of each kind; the next sweep of any process removes more
# All processes share this bucket with one attempt per hour. The process that gets the attempt sweeps.
TURN = Bucket.of(Limit("sweep", 1, timedelta(hours=1)))

log = structlog.get_logger("tasktracker.sweep")


class Sweeper:
    """Runs the housekeeping of a server."""

    def __init__(self, housekeeping: HousekeepingService, limiter: RateLimiter, clock: Clock) -> None:
        self._housekeeping = housekeeping
        self._limiter = limiter
        self._clock = clock

    def run_next(self, is_stopping: Callable[[], bool]) -> None:
        """Sweep if it is this process's turn. Return None, because the rest can wait until the next check."""
        self.sweep(is_stopping)

    def sweep(self, is_stopping: Callable[[], bool] = lambda: False) -> int | None:
        """Sweep if it is this process's turn, and return the number of removed items; otherwise return None.

        Ends early once `is_stopping` returns True.
        """
        if self._limiter.consume(TURN, self._clock.now()) is not None:
            return None
        deadline.current().lift()
        removed = self._housekeeping.sweep(MAX_PER_SWEEP, is_stopping)
        log.info("swept", removed=removed)
        if removed >= MAX_PER_SWEEP and not is_stopping():
            # There may be more: the next process that checks continues.
            self._limiter.refund(TURN)
        return removed
