"""Rate limiting in memory."""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Lock

from tasktracker.domain.throttling.limit import Bucket

MAX_BUCKETS = 10_000  # stored before the full ones, which limit no caller, are removed


class MemoryRateLimiter:
    """Implements RateLimiter. Stores for each bucket the time at which it is full again."""

    def __init__(self) -> None:
        self._full_at: dict[str, datetime] = {}
        self._lock = Lock()

    def consume(self, bucket: Bucket, now: datetime) -> timedelta | None:
        limit = bucket.limit
        with self._lock:
            full_at = max(self._full_at.get(bucket.key, now), now) + limit.refill
            wait = full_at - now - limit.burst * limit.refill
            if wait > timedelta():
                return wait
            if len(self._full_at) >= MAX_BUCKETS:
                self._full_at = {key: moment for key, moment in self._full_at.items() if moment > now}
            self._full_at[bucket.key] = full_at
            return None

    def refund(self, bucket: Bucket) -> None:
        with self._lock:
            if bucket.key in self._full_at:
                self._full_at[bucket.key] -= bucket.limit.refill
