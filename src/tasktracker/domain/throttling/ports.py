"""What throttling needs of storage."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from tasktracker.domain.throttling.limit import Bucket


class RateLimiter(Protocol):
    """Buckets that all processes share.

    Every call stands for itself: it is durable at once, and undone by no unit of work. Of concurrent tries, exactly
    as many pass as the bucket holds. Raises StorageUnavailable.
    """

    def spend(self, bucket: Bucket, now: datetime) -> timedelta | None:
        """Take one try out of a bucket and return None; from an empty one take nothing, and return how long to wait."""
        ...

    def refund(self, bucket: Bucket) -> None:
        """Put one try back."""
        ...
