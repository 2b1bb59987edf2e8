"""The port of throttling."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from tasktracker.domain.throttling.limit import Bucket


class RateLimiter(Protocol):
    """Buckets that all server processes share.

    Every call is durable at once and independent of units of work. Of concurrent attempts, exactly as many pass as the
    bucket holds. Raises StorageUnavailable.
    """

    def consume(self, bucket: Bucket, now: datetime) -> timedelta | None:
        """Take one attempt from a bucket and return None. If it is empty, return the time to wait instead."""
        ...

    def refund(self, bucket: Bucket) -> None:
        """Put one attempt back."""
        ...
