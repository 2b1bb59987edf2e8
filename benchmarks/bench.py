"""Compare the server with the hand-written baseline (`benchmarks.baseline`): `make bench` prints the tables.

Both run on the same machine, each on a copy of the same database. wrk sends requests to one, then to the other, in
turn. A ratio compares two consecutive rounds; the tables show the median, the smallest and the largest ratio. The
databases are in memory if there is enough of it, so that waiting for a disk does not hide a difference.
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
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import click
import httpx
import psycopg

from benchmarks import processes, table
from benchmarks.baseline import TRICKS
from benchmarks.check import differences
from benchmarks.processes import BASELINE, SERVER, Running, serve
from benchmarks.start import start
from benchmarks.table import Result, Round
from benchmarks.workloads import LOGIN, WORKLOADS, Data, Request, Workload, fill
from tests.postgres import DatabaseFactory, PrivatePostgres, memory

LOAD = Path(__file__).with_name("load.lua")
DATABASES = ("postgresql", "sqlite")
MAIN, OTHERS = 32, (1, 256)
LOGIN_SECONDS = 3  # so long that requests unfinished at the end have little effect
LOGINS_EACH = 4  # concurrent logins for each thread that hashes
REST_SECONDS = 0.05
ROUNDS, OTHER_ROUNDS, LOGIN_ROUNDS, STARTS = 5, 1, 3, 3


@dataclass(frozen=True)
class Side:
    """The server or the baseline, with its copy of the data. `postmaster` is the main process of PostgreSQL."""

    running: Running
    data: Data
    postmaster: int | None
    known: dict[str, Sequence[Request]] = field(default_factory=dict)

    def drive(self, workload: Workload, lines: Path, connections: int, seconds: int) -> Round:
        """Send requests for some seconds. Raises ClickException if a request fails."""
        requests = self.known.get(workload.name) or workload.requests(self.data)
        if not workload.is_write:
            self.known[workload.name] = requests  # the data that they read does not change
        lines.write_text("".join("\t".join(each) + "\n" for each in requests))
        options = ("-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(LOAD))
        before = self._used()
        run = subprocess.run(  # noqa: S603  # require_wrk has checked it
            ["wrk", *options, self.running.url, "--", workload.mode, str(lines)],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        after = self._used()
        self.rest()
        server, database = (late - early for late, early in zip(after, before, strict=True))
        result = next((line for line in run.stdout.splitlines() if line.startswith("RESULT ")), None)
        figures = json.loads(result.removeprefix("RESULT ")) if result else {}
        if figures.pop("errors", True):
            raise click.ClickException(f"{workload.title}, {connections} connections: {run.stdout}{run.stderr}")
        return Round(**figures, server_cpu=server, database_cpu=database, memory=self.running.memory())

    def rest(self) -> None:
        """Wait until the processes are idle: some requests may have been cut off at the end of a round."""
        done, now = -1.0, self.running.used()
        while now > done:
            time.sleep(REST_SECONDS)
            done, now = now, self.running.used()

    def _used(self) -> tuple[float, float]:
        database = processes.used(processes.family(self.postmaster)) if self.postmaster else 0.0
        return self.running.used(), database


def require_wrk() -> None:
    """Raise ClickException if wrk is not installed."""
    if shutil.which("wrk") is None:
        raise click.ClickException("wrk, which makes the load, is missing. On Debian or Ubuntu: apt-get install wrk")


@click.command()
@click.option("--database", type=click.Choice(DATABASES), multiple=True, help="Measure this one only.")
@click.option(
    "--workload", type=click.Choice([each.name for each in WORKLOADS]), multiple=True, help="Measure this one only."
)
@click.option(
    "--connections", type=int, multiple=True, help=f"Number of connections.  [default: {MAIN}, then {OTHERS}]"
)
@click.option(
    "--rounds", type=int, help=f"Rounds of each side.  [default: {ROUNDS} with {MAIN} connections, else {OTHER_ROUNDS}]"
)
@click.option("--seconds", default=1, show_default=True, help="Duration of a round.")
@click.option("--workers", default=1, show_default=True, help="Processes of each side.")
@click.option(
    "--tricks", is_flag=True, help="Let the baseline also cache verified tokens and use the threads of the server."
)
@click.option("--json", "output", type=click.Path(path_type=Path), help="Also write all figures to this file.")
def main(
    database: Sequence[str],
    workload: Sequence[str],
    connections: Sequence[int],
    rounds: int | None,
    seconds: int,
    workers: int,
    tricks: bool,
    output: Path | None,
) -> None:
    """Compare the server with the hand-written baseline."""
    require_wrk()
    chosen = [each for each in WORKLOADS if not workload or each.name in workload]
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="bench-", dir=memory()) as name:
        folder = Path(name)
        for kind in database or DATABASES:
            with _sides(kind, folder, {"WORKERS": str(workers), TRICKS: "on" if tricks else "off"}) as (
                server,
                baseline,
            ):
                click.echo(machine(server))
                _compare(server, baseline)
                for number in connections or (MAIN, *OTHERS):
                    click.echo(f"\n{place(kind, number, workers)}:\n\n{table.heading()}")
                    for each in chosen:
                        count = rounds or (ROUNDS if number == MAIN else OTHER_ROUNDS)
                        results.append(_measure(kind, each, server, baseline, folder / "lines", number, count, seconds))
                        click.echo(table.row(results[-1]))
                if not workload:
                    click.echo("\n" + _logins(kind, server, folder / "lines", workers))
        if not workload:
            click.echo("\n" + _starts(folder))
    if output:
        output.write_text(json.dumps([asdict(result) for result in results], indent=1))


def _measure(
    kind: str,
    workload: Workload,
    server: Side,
    baseline: Side,
    lines: Path,
    connections: int,
    rounds: int,
    seconds: int,
) -> Result:
    if connections == MAIN:
        for side in (server, baseline):
            side.drive(workload, lines, connections, 1)  # warm up: statements are prepared, caches are filled
    mine, its = [], []
    for _ in range(rounds):
        mine.append(server.drive(workload, lines, connections, seconds))
        its.append(baseline.drive(workload, lines, connections, seconds))
    return Result(kind, workload.name, workload.title, workload.is_write, connections, mine, its)


def _compare(server: Side, baseline: Side) -> None:
    with (
        httpx.Client(base_url=server.running.url) as of_server,
        httpx.Client(base_url=baseline.running.url) as of_baseline,
    ):
        found = differences(of_server, of_baseline, server.data, baseline.data)
    if found:
        raise click.ClickException("The baseline and the server answer differently.\n" + "\n".join(found))


def _logins(kind: str, server: Side, lines: Path, workers: int) -> str:
    """Return the logins per second, compared with the hash function alone on the same number of threads."""
    logins, hashes = [], []
    for _ in range(LOGIN_ROUNDS):
        logins.append(server.drive(LOGIN, lines, LOGINS_EACH * workers, LOGIN_SECONDS).rate)
        run = subprocess.run(  # noqa: S603  # our own command
            [sys.executable, "-m", "benchmarks.hashing", str(workers), str(LOGIN_SECONDS)],
            capture_output=True,
            text=True,
            check=True,
            cwd=processes.REPOSITORY,
        )
        hashes.append(float(run.stdout))
    ratios = [mine / its for mine, its in zip(logins, hashes, strict=True)]
    shares = table.spread(ratios, statistics.median(ratios) >= table.GOAL_LOGIN)
    return (
        f"Logins on {kind}: {statistics.median(logins):.1f}/s, where argon2 alone verifies"
        f" {statistics.median(hashes):.1f} passwords a second on as many threads ({workers}): {shares}"
        f" ({table.GOAL_LOGIN})"
    )


def _starts(folder: Path) -> str:
    """Return how fast a server with default settings starts, on a new and on an existing database, and its memory."""
    new, again = [], []
    for number in range(STARTS):
        place = folder / f"start-{number}"
        place.mkdir()
        new.append(start(place))
        again.append(start(place))
    lines = []
    for what, starts in (("a new database", new), ("an existing database", again)):
        seconds = [each.seconds for each in starts]
        lines.append(
            f"Start to first answer on {what}: "
            f"{table.spread(seconds, statistics.median(seconds) < table.MAX_START)} s ({table.MAX_START})"
        )
    most = max(each.memory for each in (*new, *again))
    shown = table.judged(f"{most / 1e6:.0f}", most < table.MAX_MEMORY)
    lines.append(f"Resident memory of an idle worker: {shown} MB ({table.MAX_MEMORY / 1e6:.0f})")
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------------- databases


@contextmanager
def _sides(kind: str, folder: Path, settings: Mapping[str, str]) -> Iterator[tuple[Side, Side]]:
    with ExitStack() as stack:
        postmaster = None
        if kind == "postgresql":
            postgres = stack.enter_context(PrivatePostgres())
            factory = stack.enter_context(closing(DatabaseFactory(postgres.url)))
            data = fill(Data(url=factory.create_database()))
            copies = [factory.create_database(data.url) for _ in range(2)]
            with psycopg.connect(data.url) as connection:
                postmaster = processes.parent(connection.info.backend_pid)
        else:
            file = folder / "template.db"
            data = fill(Data(url=f"sqlite:///{file}"))
            copies = [f"sqlite:///{shutil.copy(file, folder / name)}" for name in ("server.db", "baseline.db")]
        server, baseline = (
            Side(stack.enter_context(serve(folder, copy, command, settings)), replace(data, url=copy), postmaster)
            for copy, command in zip(copies, (SERVER, BASELINE), strict=True)
        )
        yield server, baseline


def machine(side: Side) -> str:
    """Describe the machine and the versions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    database = f"SQLite {sqlite3.sqlite_version}"
    if side.postmaster:
        with psycopg.connect(side.data.url) as connection:
            database = (
                f"PostgreSQL {connection.info.server_version // 10_000}.{connection.info.server_version % 10_000}"
            )
    cores = len(os.sched_getaffinity(0))
    return f"\n{model}, {cores} cores, {platform.system()}, Python {platform.python_version()}, {database}."


def place(kind: str, connections: int, workers: int) -> str:
    """Describe the database, the connections and the workers."""
    return ", ".join([kind, *(f"{number} {what}{'s' * (number > 1)}"
                              for number, what in ((connections, "connection"), (workers, "worker")))])  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
