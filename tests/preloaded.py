"""Processes in which the program is already imported, which takes most of the time of a short test otherwise."""

from __future__ import annotations

import atexit
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path

from uvicorn import _subprocess

from tests.guarded_process import Guard

PRELOADED = [
    "tests.uncollected",
    "alembic.command",
    "anyio._backends._asyncio",
    "encodings.idna",
    "psycopg",
    "tasktracker.adapters.sql.migrate",
    "tasktracker.entrypoints.cli",
    "tasktracker.entrypoints.server",
    "tests.preloaded",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "tests.warmed",
]


class PreloadedProcess:
    """Runs a command of Python in a fork of a process that has imported the program. It is used like `Popen`.

    The process that runs the tests has one such process. Each fork ends with the tests, even when they are killed.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        output: Path,
        errors: Path | None = None,
    ) -> None:
        self.command = command
        self._guard = Guard()
        target = (command, folder, dict(environment), output, errors or output, self._guard.pid)
        self._process = _forkserver().Process(target=_run, args=target)
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its status; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return its status; None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended, kill its children, and return its status. Raises TimeoutExpired."""
        self._process.join(timeout)
        status = self._process.exitcode
        if status is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(self.command, timeout)
        self._guard.end()
        return status


@cache
def _forkserver() -> ForkServerContext:
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def _run(
    command: Sequence[str], folder: Path, environment: dict[str, str], output: Path, errors: Path, group: int
) -> None:
    os.setpgid(0, group)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate((Path(os.devnull), output, errors)):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    sys.stdin = os.fdopen(0)
    # New processes would import the program again: over a second of a processor for each worker of a server.
    vars(_subprocess)["spawn"] = get_context("fork")
    program, *arguments = command
    try:
        if program == sys.executable:
            _, module, *arguments = arguments  # -m module
            sys.argv[:] = [module, *arguments]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        else:
            from tasktracker.entrypoints import cli

            sys.argv[:] = command
            cli.main()
    finally:
        # Processes of `multiprocessing` do not call these.
        atexit._run_exitfuncs()
