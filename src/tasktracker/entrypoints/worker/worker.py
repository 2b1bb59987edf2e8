"""Runs one kind of work in the background."""

from __future__ import annotations

import random
from collections.abc import Callable
from threading import Event, Thread

import structlog

from tasktracker.domain.kernel.errors import DomainError

CHECK_SECONDS = 1.0
"""The time between two searches for work of other processes. That of this process is found at once."""

STOP_SECONDS = 5.0
"""The longest wait for a piece of work when the process stops. A database or a relay may not answer for minutes."""

RunNext = Callable[[Callable[[], bool]], object]
"""Does the next piece of work and returns it, or None if there is none. Is given a function: whether to end early."""

log = structlog.get_logger("tasktracker.worker")


class Worker:
    """Runs work on a thread of its own, until it is stopped. A failure is logged, and does not end it.

    The time between two searches is `check_seconds`, more or less, so that processes search at different times. With
    `waits_first`, it does not search when the process starts.
    """

    def __init__(
        self,
        name: str,
        run_next: RunNext,
        *,
        woken: Event | None = None,
        check_seconds: float = CHECK_SECONDS,
        waits_first: bool = False,
    ) -> None:
        self._name = name
        self._run_next = run_next
        self._woken = woken or Event()
        self._check_seconds = check_seconds
        self._waits_first = waits_first
        self._stopping = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start to run work."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Stop after the current piece of work."""
        self._stopping.set()
        self._woken.set()

    def join(self, seconds: float = STOP_SECONDS) -> None:
        """Wait for the current piece, but not for long. Another process continues what is left."""
        self._thread.join(seconds)

    def _run(self) -> None:
        if self._waits_first:
            self._wait()
        while not self._stopping.is_set():
            try:
                while not self._stopping.is_set() and self._run_next(self._stopping.is_set) is not None:
                    pass
            except DomainError as error:
                log.warning("background work failed", work=self._name, problem=error.slug)
            except Exception:
                log.exception("background work failed", work=self._name)
            self._wait()

    def _wait(self) -> None:
        self._woken.wait(self._check_seconds * random.uniform(0.5, 1.5))  # noqa: S311  # not a secret
        self._woken.clear()
