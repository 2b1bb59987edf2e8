"""Counting attempts before a use case runs."""

from __future__ import annotations

from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import TooManyRequests
from tasktracker.domain.throttling.limit import Bucket
from tasktracker.domain.throttling.ports import RateLimiter


class Throttle:
    """Lets a use case run while attempts are left. Without a limiter, it always runs."""

    def __init__(self, limiter: RateLimiter | None, clock: Clock) -> None:
        self._limiter = limiter
        self._clock = clock

    def consume(self, *buckets: Bucket) -> None:
        """Take one attempt from each bucket, the narrowest first. Raises TooManyRequests if one is empty.

        A refused attempt is not counted, so a caller who waits for the given time may then try.
        """
        if self._limiter is None:
            return
        now = self._clock.now()
        for position, bucket in enumerate(buckets):
            wait = self._limiter.consume(bucket, now)
            if wait is not None:
                self.refund(*buckets[:position])
                raise TooManyRequests(wait)

    def refund(self, *buckets: Bucket) -> None:
        """Put the attempts back, after a success: it was not a guess."""
        if self._limiter is not None:
            for bucket in buckets:
                self._limiter.refund(bucket)

    def trust(self, bucket: Bucket) -> None:
        """Trust the network and the account of a bucket, after a login or registration."""
        if self._limiter is not None:
            self._limiter.trust(bucket, self._clock.now())

    def is_trusted(self, bucket: Bucket) -> bool:
        """Whether the network and the account of a bucket are trusted."""
        return self._limiter is not None and self._limiter.is_trusted(bucket, self._clock.now())
