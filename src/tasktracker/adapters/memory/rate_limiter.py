"""Rate limiting in memory."""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Lock

from tasktracker.domain.kernel.clock import MAX_CLOCK_SKEW
from tasktracker.domain.throttling.limit import TRUSTED_FOR, Bucket

MAX_BUCKETS = 10_000  # above this number, full buckets, which limit no caller, are removed


class MemoryRateLimiter:
    """Implements RateLimiter. Stores for each bucket the time at which it is full again."""

    def __init__(self) -> None:
        self._full_at: dict[str, datetime] = {}
        self._trusted_until: dict[str, datetime] = {}
        self._lock = Lock()

    def consume(self, bucket: Bucket, now: datetime) -> timedelta | None:
        limit, latest = bucket.limit, now + bucket.limit.length
        with self._lock:
            full_at = max(self._full_at.get(bucket.key, now), now) + limit.refill
            if full_at - limit.refill > latest + MAX_CLOCK_SKEW:
                full_at = latest
            wait = full_at - latest
            if wait > timedelta():
                return wait
            self._full_at = _purged(self._full_at, now)
            self._full_at[bucket.key] = full_at
            return None

    def refund(self, bucket: Bucket) -> None:
        with self._lock:
            if bucket.key in self._full_at:
                self._full_at[bucket.key] -= bucket.limit.refill

    def trust(self, bucket: Bucket, now: datetime) -> None:
        with self._lock:
            self._trusted_until = _purged(self._trusted_until, now)
            self._trusted_until[bucket.key] = now + TRUSTED_FOR

    def is_trusted(self, bucket: Bucket, now: datetime) -> bool:
        return self._trusted_until.get(bucket.key, now) > now

    def clear(self) -> int:
        with self._lock:
            count = len(self._full_at)
            self._full_at.clear()
            return count


def _purged(moments: dict[str, datetime], now: datetime) -> dict[str, datetime]:
    """Return `moments`, without those in the past if there are many."""
    if len(moments) < MAX_BUCKETS:
        return moments
    return {key: moment for key, moment in moments.items() if moment > now}
