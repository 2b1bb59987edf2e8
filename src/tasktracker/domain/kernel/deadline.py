"""Deadlines of calls: how long one call may wait for the storage in total."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from time import monotonic


class Deadline:
    """A moment of the monotonic clock, in seconds. The storage raises StorageUnavailable instead of waiting longer."""

    __slots__ = ("at",)

    def __init__(self, at: float) -> None:
        self.at = at

    def remaining(self, limit: float) -> float:
        """Return the seconds until the deadline, at least 0 and at most `limit`."""
        return max(0.0, min(limit, self.at - monotonic()))

    def lift(self) -> None:
        """Remove the deadline, for the rest of a call that may take long because it changes many items."""
        self.at = inf


_NONE = Deadline(inf)
_CURRENT: ContextVar[Deadline] = ContextVar("deadline", default=_NONE)
set_current = _CURRENT.set
current = _CURRENT.get


@contextmanager
def paused(limit: float = inf) -> Iterator[None]:
    """Do not count the time of a block against the current deadline, up to `limit` seconds: it is not waiting."""
    start = monotonic()
    try:
        yield
    finally:
        current().at += min(limit, monotonic() - start)
