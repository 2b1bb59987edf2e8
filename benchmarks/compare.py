"""Compare the processor time of the server with an earlier commit: `make bench BASE=<commit>` prints the tables.

The earlier commit is exported, gets a separate virtual environment from its locked requirements, and is run by its own
command. It fills a database. Each side gets a copy; the present side migrates its copy first. The code of each side
makes the requests for that side. Rounds run in pairs, first A B, then B A; a ratio compares the two rounds of a pair.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click
import psycopg

from benchmarks import processes, table
from benchmarks.bench import DATABASES, MAIN, Side, machine, place, require_wrk
from benchmarks.processes import REPOSITORY, SECRET, serve
from benchmarks.table import Round
from benchmarks.workloads import WORKLOADS, Data, Request, Workload
from tests.postgres import DatabaseFactory, PrivatePostgres, memory

SIDE = Path(__file__).with_name("compare_side.py")
PAIRS, MAX_RATIO = 15, 1.10
MIN_CPU = 0.5  # seconds of a round: the kernel counts in steps of 0.01 s
COLUMNS = (("", 23), ("base µs", 8), ("present µs", 10), ("present / base", 24))


@dataclass(frozen=True)
class Build:
    """A commit, or the working tree, with the Python of its virtual environment."""

    source: Path
    python: Path

    def tasktracker(self, *arguments: str) -> Sequence[str]:
        """Return a call of its command."""
        return (str(self.python.with_name("tasktracker")), *arguments)

    def side(self, *arguments: str) -> Sequence[str]:
        """Return a call of `compare_side`, which imports the `benchmarks` of this build and not those beside it."""
        return (str(self.python), "-P", str(SIDE), *arguments)

    def environment(self, settings: Mapping[str, str] = {}) -> dict[str, str]:
        """Return the environment of its commands."""
        return {**os.environ, "PYTHONPATH": str(self.source), **settings}


PRESENT = Build(REPOSITORY, Path(sys.executable))


@dataclass(frozen=True)
class Compared:
    """A side of the comparison, and a function that makes requests for its database."""

    side: Side
    make: Callable[[str], Sequence[Request]]

    def drive(self, workload: Workload, lines: Path, connections: int, seconds: int) -> Round:
        """Send requests for some seconds. Raises ClickException if a request fails."""
        made = replace(workload, requests=lambda _: self.make(workload.name))
        return self.side.drive(made, lines, connections, seconds)


@click.command()
@click.argument("base")
@click.option("--database", type=click.Choice(DATABASES), multiple=True, help="Measure this one only.")
@click.option(
    "--workload", type=click.Choice([each.name for each in WORKLOADS]), multiple=True, help="Measure this one only."
)
@click.option("--connections", default=MAIN, show_default=True, help="Connections of the load.")
@click.option("--rounds", default=PAIRS, show_default=True, help="Pairs of rounds of each workload.")
@click.option("--seconds", default=1, show_default=True, help="Duration of a round.")
def main(
    base: str, database: Sequence[str], workload: Sequence[str], connections: int, rounds: int, seconds: int
) -> None:
    """Compare the processor time for each request between the commit BASE and the working tree."""
    require_wrk()
    commit = _output(["git", "rev-parse", "--verify", f"{base}^{{commit}}"]).decode().strip()
    chosen = [each for each in WORKLOADS if not workload or each.name in workload]
    with tempfile.TemporaryDirectory(prefix="bench-", dir=memory()) as name:
        folder = Path(name)
        click.echo(f"Building {commit[:10]}", err=True)
        earlier = _build(commit, folder / "base")
        for kind in database or DATABASES:
            with _sides(kind, folder, earlier) as (before, after):
                click.echo(machine(before.side))
                click.echo(f"\n{place(kind, connections, 1)}, {rounds} pairs, base {commit[:10]}:\n\n{_heading()}")
                is_short = False
                for each in chosen:
                    pairs = _measure(each, before, after, folder / "lines", connections, rounds, seconds)
                    click.echo(_row(each, pairs))
                    is_short |= any(run.server_cpu < MIN_CPU for pair in pairs for run in pair)
                if is_short:
                    click.echo(f"\nSome rounds took less than {MIN_CPU} s of processor time: set --seconds higher.")


def _measure(
    workload: Workload, before: Compared, after: Compared, lines: Path, connections: int, rounds: int, seconds: int
) -> Sequence[tuple[Round, Round]]:
    for side in (before, after):
        side.drive(workload, lines, connections, 1)  # warm up: statements are prepared, caches are filled
    pairs = []
    for number in range(rounds):
        order = (before, after) if number % 2 == 0 else (after, before)
        first, second = (side.drive(workload, lines, connections, seconds) for side in order)
        pairs.append((first, second) if number % 2 == 0 else (second, first))
    return pairs


# ------------------------------------------------------------------------------------------------- the table


def _heading() -> str:
    names = [f"{name:<{width}}" if not name else f"{name:>{width}}" for name, width in COLUMNS]
    rules = ["-" * width if not name else "-" * (width - 1) + ":" for name, width in COLUMNS]
    return f"| {' | '.join(names)} |\n| {' | '.join(rules)} |"


def _row(workload: Workload, pairs: Sequence[tuple[Round, Round]]) -> str:
    before, after = ([_micros(run) for run in side] for side in zip(*pairs, strict=True))
    ratios = [late / early for early, late in zip(before, after, strict=True)]
    cells = (
        f"{workload.title:<{COLUMNS[0][1]}}",
        f"{statistics.median(before):>{COLUMNS[1][1]}.0f}",
        f"{statistics.median(after):>{COLUMNS[2][1]}.0f}",
        f"{table.spread(ratios, statistics.median(ratios) <= MAX_RATIO):>{COLUMNS[3][1]}}",
    )
    return f"| {' | '.join(cells)} |"


def _micros(run: Round) -> float:
    return run.server_cpu / run.requests * 1e6


# ------------------------------------------------------------------------------------- builds and databases


def _build(commit: str, folder: Path) -> Build:
    with tarfile.open(fileobj=io.BytesIO(_output(["git", "archive", "--format=tar", commit]))) as archive:
        archive.extractall(folder, filter="data")
    # The variables of this make must not reach the Makefile of the other commit.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    subprocess.run(  # noqa: S603  # the Makefile of this project
        ["make", f"PYTHON={sys.executable}", ".venv/.stamp-dev"],  # noqa: S607
        cwd=folder,
        env=environment,
        stdout=sys.stderr,
        check=True,
    )
    return Build(folder, folder / ".venv" / "bin" / "python")


@contextmanager
def _sides(kind: str, folder: Path, earlier: Build) -> Iterator[tuple[Compared, Compared]]:
    with ExitStack() as stack:
        postmaster = None
        if kind == "postgresql":
            postgres = stack.enter_context(PrivatePostgres())
            factory = stack.enter_context(closing(DatabaseFactory(postgres.url)))
            filled = factory.create_database()
            secrets = _fill(earlier, filled)
            copies = [factory.create_database(filled) for _ in range(2)]
            with psycopg.connect(filled) as connection:
                postmaster = processes.parent(connection.info.backend_pid)
        else:
            file = folder / "template.db"
            secrets = _fill(earlier, f"sqlite:///{file}")
            copies = [f"sqlite:///{shutil.copy(file, folder / name)}" for name in ("base.db", "present.db")]
        settings = {"DATABASE_URL": copies[1], "SECRET_KEYS": SECRET}
        _output(PRESENT.tasktracker("migrate"), env=PRESENT.environment(settings), cwd=folder)
        for copy in copies:
            _tidy(copy)
        before, after = (
            Compared(
                Side(
                    stack.enter_context(serve(folder, copy, build.tasktracker("serve"), build.environment())),
                    Data(url=copy),
                    postmaster,
                ),
                stack.enter_context(_maker(build, copy, secrets)),
            )
            for build, copy in zip((earlier, PRESENT), copies, strict=True)
        )
        yield before, after


def _fill(build: Build, url: str) -> Sequence[str]:
    """Fill a new database, and return its secrets."""
    secrets: list[str] = json.loads(_output(build.side("fill", url), env=build.environment()))
    return secrets


def _tidy(url: str) -> None:
    """Compact the database: a migration must not make one copy slower to read than the other."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as file:
            file.execute("VACUUM")
            file.execute("ANALYZE")
    else:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM FULL ANALYZE")


@contextmanager
def _maker(build: Build, url: str, secrets: Sequence[str]) -> Iterator[Callable[[str], Sequence[Request]]]:
    """Yield a function that makes the requests of a workload from the data stored when it is called."""
    with subprocess.Popen(  # noqa: S603  # our own command
        build.side("requests", url, *secrets),
        env=build.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        write, read = process.stdin, process.stdout
        assert write is not None
        assert read is not None

        def make(name: str) -> Sequence[Request]:
            write.write(f"{name}\n")
            write.flush()
            answer = read.readline()
            if not answer:
                raise click.ClickException(f"no requests could be made for the workload {name}")
            return [Request(*fields) for fields in json.loads(answer)]

        yield make


def _output(command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path = REPOSITORY) -> bytes:
    run = subprocess.run(command, cwd=cwd, env=env, stdout=subprocess.PIPE, check=False)  # noqa: S603  # our own
    if run.returncode:
        raise click.ClickException(f"{command[0]} failed")
    return run.stdout


if __name__ == "__main__":
    sys.exit(main())
