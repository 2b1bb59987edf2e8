"""Measure how fast a server starts, and its memory when idle."""

from __future__ import annotations

import http.client
import os
import subprocess
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import free_ports, memory_of

IDLE_SECONDS = 1.0


@dataclass(frozen=True)
class Start:
    """Seconds from the start of the process to its first answer, and its resident bytes one second later."""

    seconds: float
    memory: int


def start(folder: Path) -> Start:
    """Start a server with default settings in a folder, wait until it is ready, measure, and stop it."""
    (port,) = free_ports(1)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    command = [str(Path(sysconfig.get_path("scripts")) / "tasktracker"), "serve", "--port", str(port)]
    began = time.perf_counter()
    with subprocess.Popen(  # noqa: S603  # our own command
        command, cwd=folder, env=kept, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            while not _is_ready(port):
                if process.poll() is not None:
                    raise RuntimeError("the server has ended")
                time.sleep(0.002)
            seconds = time.perf_counter() - began
            time.sleep(IDLE_SECONDS)
            return Start(seconds, memory_of(process.pid))
        finally:
            process.terminate()


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except ConnectionError:
        return False
    finally:
        connection.close()
