"""One processor for all threads that serve requests.

Only one of these threads can run at a time, because they run Python code. On two processors, they would pass the
interpreter's lock to each other many times in a request. Each time, the system would wake a thread on the other
processor. This would take as much processor time as the request itself.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from threading import Thread

_CLAIMED: list[socket.socket] = []
"""The claim of this process. It lasts as long as the socket is open."""


def share_processor(threads: Iterable[Thread]) -> None:
    """Let these threads run on one processor, which no other server process on this host has claimed.

    Does nothing if all processors are claimed, if there is only one, or if the system is not Linux.
    """
    if hasattr(os, "sched_setaffinity") and (processor := _claim()) is not None:
        for thread in threads:
            if thread.native_id is not None:
                os.sched_setaffinity(thread.native_id, {processor})


def _claim() -> int | None:
    """Claim a processor until this process ends, by a socket's abstract address, which needs no file (unix(7))."""
    processors = sorted(os.sched_getaffinity(0))
    claim = socket.socket(socket.AF_UNIX)
    for each in processors if len(processors) > 1 else ():
        with suppress(OSError):  # another process has claimed it
            claim.bind(f"\0tasktracker processor {each}")
            _CLAIMED.append(claim)
            return each
    claim.close()
    return None
