"""Leases: until a lease ends, only the process that has claimed a row may process it."""

from __future__ import annotations

from datetime import datetime, timedelta


def is_free(leased_until: datetime | None, now: datetime, length: timedelta) -> bool:
    """Whether no process has a lease now. A lease with an end after `now + length` is ignored: its clock was wrong."""
    return leased_until is None or not now < leased_until <= now + length
