"""The port of throttling."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from tasktracker.domain.throttling.limit import Bucket


class RateLimiter(Protocol):
    """Buckets that all server processes share.

    Every call is durable at once and independent of units of work. Of concurrent attempts, exactly as many pass as the
    bucket holds. Raises StorageUnavailable.

    An empty bucket is full again after `Limit.length`. If the stored time is more than `MAX_CLOCK_SKEW` later than
    possible, a clock ran ahead and was corrected. The bucket then has one attempt left. A smaller difference is kept,
    because an attacker would otherwise gain attempts by alternating between two hosts.
    """

    def consume(self, bucket: Bucket, now: datetime) -> timedelta | None:
        """Take one attempt from a bucket and return None. If it is empty, return the time to wait instead."""
        ...

    def refund(self, bucket: Bucket) -> None:
        """Put one attempt back."""
        ...

    def trust(self, bucket: Bucket, now: datetime) -> None:
        """Trust the network and the account of a bucket for `TRUSTED_FOR`, after a login or registration."""
        ...

    def is_trusted(self, bucket: Bucket, now: datetime) -> bool:
        """Whether the network and the account of a bucket are trusted."""
        ...

    def clear(self) -> int:
        """Make all buckets full, and return how many were in use. Trust is kept."""
        ...
