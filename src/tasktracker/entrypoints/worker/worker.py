"""Runs one kind of work in the background."""

from __future__ import annotations

import random
from collections.abc import Callable
from threading import Event, Thread

import structlog

from tasktracker.domain.kernel.errors import DomainError

CHECK_SECONDS = 1.0
"""The time between two searches for items added by other processes. Items added by this process are found at once."""

STOP_SECONDS = 5.0
"""The longest wait for the current piece when the process stops. A database or a relay may not answer for minutes."""

RunNext = Callable[[Callable[[], bool]], object]
"""Does the next piece and returns it, or None if there is none. The argument returns whether to end early."""

# A separate generator, because other code may rely on the order of the shared one.
_RANDOM = random.Random()  # noqa: S311  # not a secret

log = structlog.get_logger("tasktracker.worker")


class Worker:
    """Runs pieces on a separate thread, until it is stopped. A failure is logged, and does not end the thread.

    The time between two searches is about `check_seconds`, with a random part, so that processes search at different
    times. With `waits_first`, the first search is not at the start.
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
        """Start the thread."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Stop after the current piece."""
        self._stopping.set()
        self._woken.set()

    def join(self, seconds: float = STOP_SECONDS) -> None:
        """Wait for the current piece, but not for long. Another process continues the rest."""
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
        self._woken.wait(self._check_seconds * _RANDOM.uniform(0.5, 1.5))
        self._woken.clear()
