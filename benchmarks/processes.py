"""Start server processes and measure their processor time and memory."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

SERVER = (sys.executable, "-c", "from tasktracker.entrypoints.cli import main; main()", "serve")
BASELINE = (sys.executable, "-m", "benchmarks.baseline")
SECRET = "benchmarks sign with this and with nothing else"  # noqa: S105  # of benchmarks only
REPOSITORY = Path(__file__).parent.parent
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Running:
    """A server process with its workers, if it has several."""

    url: str
    port: int
    pid: int

    def memory(self) -> int:
        """Return its resident bytes; with several workers, those of the largest."""
        return max(memory_of(pid) for pid in family(self.pid))

    def used(self) -> float:
        """Return the seconds of processor time that it has used."""
        return used(family(self.pid))


@contextmanager
def serve(
    folder: Path, url: str, command: Sequence[str] = SERVER, settings: Mapping[str, str] = {}, *, port: int = 0
) -> Iterator[Running]:
    """Run a server on a database until the context ends. By default without throttling and request log."""
    port = port or free_ports(1)[0]
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "DATABASE_URL": url,
        "PORT": str(port),
        "SECRET_KEYS": SECRET,
        "THROTTLE": "off",
        "REQUEST_LOG": "off",
        **settings,
    }
    log = folder / f"{port}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603  # our own command
            command, cwd=folder, env=environment, stdout=file, stderr=file
        )
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise RuntimeError(f"the server does not start:\n{log.read_text()}") from None
                time.sleep(0.01)
        yield Running(f"http://127.0.0.1:{port}", port, process.pid)
    finally:
        process.terminate()
        process.wait(30)


def free_ports(number: int) -> Sequence[int]:
    """Return unused ports."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def family(pid: int) -> Sequence[int]:
    """Return a process and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, new = [], [pid]
    while new:
        found += new
        new = [child for each in new for child in children.get(each, ())]
    return found


def used(pids: Iterable[int]) -> float:
    """Return the seconds of processor time that processes and their ended children have used."""
    return sum(sum(map(int, fields[11:15])) for pid in pids if (fields := _stat(pid))) / TICKS


def memory_of(pid: int) -> int:
    """Return the resident bytes of a process."""
    return int(_stat(pid)[21]) * PAGE_BYTES


def parent(pid: int) -> int:
    """Return the parent of a process."""
    return int(_stat(pid)[1])


def _stat(pid: int) -> Sequence[str]:
    """Return the fields from the third on; none if the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ()
