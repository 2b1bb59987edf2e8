"""Leases: until a lease ends, the process that has claimed a row is the only one that works on it."""

from __future__ import annotations

from datetime import datetime, timedelta


def is_free(leased_until: datetime | None, now: datetime, length: timedelta) -> bool:
    """Whether no process has a lease at this time. A lease that ends too late is from a clock that was wrong."""
    return leased_until is None or not now < leased_until <= now + length
