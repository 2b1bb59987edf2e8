"""A lock that threads acquire in the order of their requests."""

from __future__ import annotations

from collections import deque
from threading import Lock


class FairLock:
    """A lock that waiting threads acquire in the order of their requests.

    A plain lock goes to the first thread that requests it after its release. Under load, this is mostly the thread that
    has just released the lock, and the others may wait very long.
    """

    def __init__(self) -> None:
        self._guard = Lock()
        self._is_held = False
        self._waiting: deque[Lock] = deque()

    def acquire(self, timeout: float) -> bool:
        """Wait for the lock, and return whether it was acquired within `timeout` seconds."""
        with self._guard:
            if not self._is_held:
                self._is_held = True
                return True
            mine = Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=timeout):
            return True
        with self._guard:
            if mine not in self._waiting:
                return True  # acquired at the last moment
            self._waiting.remove(mine)
            return False

    def release(self) -> None:
        """Release the lock, to the thread that has waited longest."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_held = False
