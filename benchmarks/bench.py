"""How far the server is from hand-written code: `make bench` prints the table.

The server and the floor (`benchmarks.floor`) run beside each other, each on a copy of the same database, and are
driven in turn: server, floor, server, floor. A ratio is of two neighbouring rounds; shown are the median of the ratios
and, in brackets, the smallest and the largest. The load is made by wrk, on the same machine.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
import httpx
import psycopg

from benchmarks import processes
from benchmarks.check import differences
from benchmarks.processes import FLOOR, SERVER, Running, serve
from benchmarks.workloads import WORKLOADS, Data, Workload, fill
from tests.postgres import DatabaseFactory, PrivatePostgres, memory

LOAD = Path(__file__).with_name("load.lua")
CONNECTIONS = (32, 1, 256)
ROUNDS = {32: 5}
OTHER_ROUNDS = 1


@dataclass(frozen=True)
class Round:
    """What one run of wrk came to; times in ms, processor time in seconds, memory in KiB."""

    requests: int
    seconds: float
    p50: float
    p99: float
    server_cpu: float
    database_cpu: float
    memory: int

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


@dataclass(frozen=True)
class Result:
    """The rounds of one workload on one database by a number of connections."""

    database: str
    workload: str
    connections: int
    server: Sequence[Round]
    floor: Sequence[Round]

    def ratios(self) -> Sequence[float]:
        """Return the server's rates as shares of the floor's."""
        return [mine.rate / its.rate for mine, its in zip(self.server, self.floor, strict=True)]

    def tails(self) -> Sequence[float]:
        """Return the server's p99 as multiples of the floor's."""
        return [mine.p99 / its.p99 for mine, its in zip(self.server, self.floor, strict=True)]


@dataclass(frozen=True)
class Side:
    """A server, or the floor, and its database."""

    running: Running
    data: Data
    backends: int | None

    def drive(self, workload: Workload, lines: Path, connections: int, seconds: int) -> Round:
        """Have wrk send requests."""
        lines.write_text("\n".join("\t".join(each) for each in workload.requests(self.data)) + "\n")
        before = self._used()
        result = subprocess.run(  # noqa: S603  # found by its name
            [
                *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(LOAD)),
                *(self.running.url, "--", workload.mode, str(lines)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        after = self._used()
        found = [line for line in result.stdout.splitlines() if line.startswith("RESULT ")]
        if result.returncode or not found:
            raise click.ClickException(f"wrk fails: {result.stdout}\n{result.stderr}")
        figures = json.loads(found[0].removeprefix("RESULT "))
        if figures.pop("errors"):
            raise click.ClickException(f"{workload.name}: there were errors: {result.stdout}")
        server, database = (late - early for late, early in zip(after, before, strict=True))
        return Round(**figures, server_cpu=server, database_cpu=database, memory=self.running.memory())

    def _used(self) -> tuple[float, float]:
        database = processes.used(processes.family(self.backends)) if self.backends else 0.0
        return self.running.used(), database


@click.command()
@click.option("--database", type=click.Choice(["postgresql", "sqlite"]), multiple=True, help="Only this one.")
@click.option("--workload", type=click.Choice([each.name for each in WORKLOADS]), multiple=True, help="Only this one.")
@click.option("--connections", type=int, multiple=True, help=f"[default: {', '.join(map(str, CONNECTIONS))}]")
@click.option("--rounds", type=int, help="[default: 5 with 32 connections, and 1 with others]")
@click.option("--seconds", default=2, show_default=True, help="How long a round takes.")
@click.option("--workers", default=1, show_default=True, help="Processes of the server, and of the floor.")
@click.option("--json", "output", type=click.Path(path_type=Path), help="Write all that was measured to a file.")
def main(
    database: Sequence[str],
    workload: Sequence[str],
    connections: Sequence[int],
    rounds: int | None,
    seconds: int,
    workers: int,
    output: Path | None,
) -> None:
    """Print how the server does beside a bare program that does the same by hand."""
    if shutil.which("wrk") is None:
        raise click.ClickException("wrk makes the load, and is not here. On Debian or Ubuntu: apt-get install wrk")
    click.echo(_machine())
    results = []
    with tempfile.TemporaryDirectory(prefix="bench-", dir=memory()) as name:
        folder = Path(name)
        for kind in database or ("postgresql", "sqlite"):
            with ExitStack() as stack:
                server, floor = stack.enter_context(_sides(kind, folder, workers))
                _compare(server, floor)
                for number in connections or CONNECTIONS:
                    click.echo(f"\n{kind}, {_count(number, 'connection')}, {_count(workers, 'worker')}\n{HEADING}")
                    for each in WORKLOADS:
                        if workload and each.name not in workload:
                            continue
                        count = rounds or ROUNDS.get(number, OTHER_ROUNDS)
                        result = _alternate(kind, each, server, floor, folder / "lines", number, count, seconds)
                        click.echo(_row(each, result))
                        results.append(result)
    if output:
        output.write_text(json.dumps([asdict(result) for result in results], indent=1))


def _compare(server: Side, floor: Side) -> None:
    clients = [httpx.Client(base_url=side.running.url) for side in (server, floor)]
    found = differences(clients[0], clients[1], server.data, floor.data)
    if found:
        raise click.ClickException("The floor answers otherwise than the server.\n" + "\n".join(found))


def _alternate(
    kind: str, workload: Workload, server: Side, floor: Side, lines: Path, connections: int, rounds: int, seconds: int
) -> Result:
    if connections == max(ROUNDS):
        for side in (server, floor):
            side.drive(workload, lines, connections, 1)  # everything is compiled, prepared and cached then
    mine, its = [], []
    for _ in range(rounds):
        mine.append(server.drive(workload, lines, connections, seconds))
        its.append(floor.drive(workload, lines, connections, seconds))
    return Result(kind, workload.name, connections, mine, its)


# ------------------------------------------------------------------------------------------------- databases


@contextmanager
def _sides(kind: str, folder: Path, workers: int) -> Iterator[tuple[Side, Side]]:
    settings = {"WORKERS": str(workers)}
    with ExitStack() as stack:
        backends = None
        if kind == "postgresql":
            postgres = stack.enter_context(PrivatePostgres())
            factory = stack.enter_context(closing(DatabaseFactory(postgres.url)))
            url = factory.create_database()
            data = fill(Data(url=url))
            copies = [factory.create_database(template=url) for _ in range(2)]
            with psycopg.connect(url) as connection:
                backends = processes.parent(connection.info.backend_pid)
        else:
            file = folder / "template.db"
            data = fill(Data(url=f"sqlite:///{file}"))
            copies = [f"sqlite:///{shutil.copy(file, folder / name)}" for name in ("server.db", "floor.db")]
        sides = [
            Side(stack.enter_context(serve(folder, copy, command, settings)), replace(data, url=copy), backends)
            for copy, command in zip(copies, (SERVER, FLOOR), strict=True)
        ]
        yield sides[0], sides[1]


# ------------------------------------------------------------------------------------------------- the table

HEADING = (
    f"{'':<24}{'requests/s':>16}{'p50 ms':>14}{'p99 ms':>16}{'CPU ms/request':>22}{'memory MiB':>12}"
    f"   {'ratio':<20}{'p99':<18}\n"
    f"{'':<24}{'server  floor':>16}{'server  floor':>14}{'server   floor':>16}{'server floor database':>22}"
    f"{'':>12}   {'to the floor':<20}{'x the floor':<18}"
)


def _row(workload: Workload, result: Result) -> str:
    def median(rounds: Sequence[Round], name: str) -> float:
        return float(statistics.median(getattr(each, name) for each in rounds))

    def per_request(rounds: Sequence[Round], name: str) -> float:
        return float(statistics.median(getattr(each, name) / each.requests * 1000 for each in rounds))

    mine, its = result.server, result.floor
    memory = max(each.memory for each in mine) / 1024
    return (
        f"{workload.title:<24}{median(mine, 'rate'):>9.0f}{median(its, 'rate'):>7.0f}"
        f"{median(mine, 'p50'):>8.1f}{median(its, 'p50'):>6.1f}{median(mine, 'p99'):>9.1f}{median(its, 'p99'):>7.1f}"
        f"{per_request(mine, 'server_cpu'):>8.2f}{per_request(its, 'server_cpu'):>6.2f}"
        f"{per_request(mine, 'database_cpu'):>8.2f}{memory:>12.0f}   {_spread(result.ratios()):<20}"
        f"{_spread(result.tails()):<18}"
    )


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} [{min(values):.2f}..{max(values):.2f}]"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _machine() -> str:
    model = platform.processor()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(": ")[2]
            break
    cores = len(os.sched_getaffinity(0))
    return f"{model}, {_count(cores, 'core')}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"


if __name__ == "__main__":
    sys.exit(main())
