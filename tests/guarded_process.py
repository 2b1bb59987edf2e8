"""Processes that end with the process that started them, even when that is killed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from typing import Any


class Guard:
    """The leader of a process group, which kills the group when its owner ends it, or ends itself.

    It reads from a pipe to which the owner never writes. The system closes the pipe when the owner ends, even if it is
    killed.
    """

    def __init__(self) -> None:
        reader, writer = os.pipe()
        self._pipe = os.fdopen(writer, "wb")
        with os.fdopen(reader, "rb") as end:
            self._process = subprocess.Popen(["sh", "-c", "read -r _; kill -9 0"], stdin=end, process_group=0)
        self.pid = self._process.pid

    def end(self) -> None:
        """Kill the group."""
        self._pipe.close()
        self._process.wait()


class GuardedProcess(subprocess.Popen[bytes]):
    """A process whose group is killed when its owner ends or has waited for it."""

    def __init__(self, command: Sequence[str | os.PathLike[str]], **options: Any) -> None:
        self._guard = Guard()
        super().__init__(command, process_group=self._guard.pid, **options)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the process has ended, kill its children, and return its status."""
        status = super().wait(timeout)
        self._guard.end()
        return status
