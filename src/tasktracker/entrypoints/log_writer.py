"""A stream for the log that never blocks its writers."""

from __future__ import annotations

import io
import os
import time
from contextlib import suppress
from threading import Condition, Thread

import structlog

MAX_WAITING = 4 * 1024 * 1024
"""Characters that may wait to be written."""
CLOSE_SECONDS = 1
BATCH_SECONDS = 0.01
"""Lines are collected for this time. Waking the thread for each line would take 10 µs of each request."""


class LogWriter(io.TextIOBase):
    """Writes text to a file descriptor, on a separate thread.

    Otherwise, a pipe that is not read, or a slow disk, would stop the event loop and every request. Lines that do not
    fit into the buffer are dropped, and the number of dropped lines is logged as soon as lines can be written again.
    """

    def __init__(self, descriptor: int, *, max_waiting: int = MAX_WAITING) -> None:
        self._descriptor = descriptor
        self._max_waiting = max_waiting
        self._changed = Condition()
        self._texts: list[str] = []
        self._waiting = 0  # characters in `_texts` and in the call to the system
        self._dropped = 0
        self._is_closed = False
        Thread(target=self._work, name="log", daemon=True).start()

    def isatty(self) -> bool:
        """Return whether the log is shown on a terminal."""
        return os.isatty(self._descriptor)

    def write(self, text: str) -> int:
        """Write a line soon, or drop it. After `close`, write it at once, or drop it if earlier lines still wait."""
        with self._changed:
            if self._waiting + len(text) > self._max_waiting or (self._is_closed and self._waiting):
                self._dropped += 1
            elif self._is_closed:
                self._write([text])
            else:
                if not self._texts:
                    self._changed.notify()
                self._texts.append(text)
                self._waiting += len(text)
        return len(text)

    def close(self) -> None:
        """Write the waiting lines, for at most CLOSE_SECONDS. Call this when no more requests are served."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, CLOSE_SECONDS)
            self._is_closed = True

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._texts)
            time.sleep(BATCH_SECONDS)
            with self._changed:
                texts, self._texts = self._texts, []
            is_written = self._write(texts)
            with self._changed:
                self._waiting -= sum(map(len, texts))
                dropped = self._dropped if is_written else 0
                self._dropped += 0 if is_written else len(texts)
                self._dropped -= dropped
                self._changed.notify_all()
            if dropped:
                structlog.get_logger("tasktracker.log").warning("log lines dropped", lines=dropped)

    def _write(self, texts: list[str]) -> bool:
        rest = memoryview("".join(texts).encode(errors="backslashreplace"))
        with suppress(OSError):  # the reader has ended, or the disk is full
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        return not rest
