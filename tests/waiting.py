"""Waits that a busy machine does not exceed: they count polls, not seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

Result = TypeVar("Result")

PATIENCE = 300
"""Seconds after which a wait counts as endless. Otherwise this has no effect on whether a test passes."""
POLLS = 6000
MAX_PAGES = 2000
PAUSE_SECONDS = 0.02


class Process(Protocol):
    """A process that may end."""

    def poll(self) -> int | None:
        """Return its status; None while it runs."""


def wait_until(
    condition: Callable[[], Result | None], message: str | Callable[[], str], process: Process | None = None
) -> Result:
    """Poll until the condition returns something true, and return it.

    Fails with the message after a fixed number of polls, and at once if the given process has ended.
    """
    for _ in range(POLLS):
        # Checked first: the process may end after it has made the condition true.
        has_ended = process is not None and process.poll() is not None
        if result := condition():
            return result
        if has_ended:
            break
        time.sleep(PAUSE_SECONDS)
    raise AssertionError(message if isinstance(message, str) else message())


def until_the_last() -> Iterator[int]:
    """Count the pages that a test reads until the last one. Fails if they seem to have no end."""
    yield from range(MAX_PAGES)
    raise AssertionError("the pages have no end")
