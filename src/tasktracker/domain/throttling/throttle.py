"""Spending tries, on the way into a use case."""

from __future__ import annotations

from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import TooManyRequests
from tasktracker.domain.throttling.limit import Bucket
from tasktracker.domain.throttling.ports import RateLimiter


class Throttle:
    """Lets a use case go ahead while there are tries left for it. Without a limiter, always."""

    def __init__(self, limiter: RateLimiter | None, clock: Clock) -> None:
        self._limiter = limiter
        self._clock = clock

    def spend(self, *buckets: Bucket) -> None:
        """Take one try out of each bucket in turn, the narrowest first. Raises TooManyRequests at an empty one.

        What is refused has cost nothing: those who wait as long as they are told to may then try.
        """
        if self._limiter is None:
            return
        now = self._clock.now()
        for position, bucket in enumerate(buckets):
            wait = self._limiter.spend(bucket, now)
            if wait is not None:
                self.refund(*buckets[:position])
                raise TooManyRequests(wait)

    def refund(self, *buckets: Bucket) -> None:
        """Put the tries back: whoever turned out to be right has not been guessing."""
        if self._limiter is not None:
            for bucket in buckets:
                self._limiter.refund(bucket)
