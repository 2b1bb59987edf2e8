"""A lock that serves its waiters in the order they came."""

from __future__ import annotations

from collections import deque
from threading import Lock


class FairLock:
    """A lock with one holder at a time, which waiting threads get in the order they came.

    A plain lock goes to the thread that asks first after its release, which under load is mostly the one that just
    released it: the others starve.
    """

    def __init__(self) -> None:
        self._guard = Lock()
        self._taken = False
        self._waiting: deque[Lock] = deque()

    def take(self, timeout: float) -> bool:
        """Wait for a turn, and return whether it came in time. The holder must pass it on."""
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            mine = Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=timeout):
            return True
        with self._guard:
            if mine not in self._waiting:
                return True  # it came at the last moment
            self._waiting.remove(mine)
            return False

    def pass_on(self) -> None:
        """Give the turn to the thread that has waited longest."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
