"""Check that servers work behind PgBouncer in transaction mode, and measure the cost.

The set-up is that of docs/deployment.md. Two pairs of servers run behind PgBouncer: one listens to PostgreSQL
directly, the other polls. A third pair without a pooler is for comparison.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import click
import httpx
import psycopg

from benchmarks.bench import Side
from benchmarks.processes import SERVER, Running, serve
from benchmarks.studies.pgbouncer import MISSING, PgBouncer, program
from benchmarks.studies.pooler_check import CHECKS, Place, clients
from benchmarks.sync import follow
from benchmarks.workloads import WORKLOADS, Data, fill, token
from tests.postgres import PrivatePostgres

ROLE, PASSWORD = "tasktracker", "a role of benchmarks"
POOL = 4
SUPPORTS_STATEMENTS = (1, 22)  # also DEALLOCATE ALL, which psycopg sends after a ROLLBACK
SERVER_STATES = {"sv_active", "sv_idle", "sv_used", "sv_tested", "sv_login"}
CONNECTIONS, ROUNDS = 32, 3
LOAD = ("list", "task", "create", "patch")
STREAMS, CHANGES, EVERY = 20, 250, 0.02
UNPREPARED = {"DATABASE_PREPARED_STATEMENTS": "false"}
FAST = {"ARGON2_MEMORY_KIB": "8", "ARGON2_PASSES": "1"}


@dataclass(frozen=True)
class Databases:
    """Two copies of one database. Their owner is a role without other rights."""

    postgres: PrivatePostgres
    plain: Data
    pooled: Data


@dataclass
class Peak:
    """The highest numbers of connections."""

    clients: int = 0
    servers: int = 0
    listening: int = 0
    direct: int = 0


@click.command()
@click.option("--seconds", default=1, show_default=True, help="Duration of a round of the load.")
@click.option("--prepared", is_flag=True, help="Use prepared statements, which need PgBouncer 1.22 or later.")
def main(seconds: int, prepared: bool) -> None:
    """Check that everything works behind PgBouncer, and measure the cost."""
    if program() is None:
        raise click.ClickException(MISSING)
    if shutil.which("wrk") is None:
        raise click.ClickException("wrk, which makes the load, is missing. On Debian or Ubuntu: apt-get install wrk")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pooler-")))
        folder.chmod(0o711)  # so that PgBouncer, which does not run as root, can enter it
        databases = stack.enter_context(_databases())
        pooled = databases.pooled.url
        settings = {"default_pool_size": POOL, **({"max_prepared_statements": 200} if prepared else {})}
        bouncer = PgBouncer(folder, pooled, settings)
        if prepared and bouncer.version < SUPPORTS_STATEMENTS:
            raise click.ClickException(f"PgBouncer {_dotted(bouncer.version)} does not support prepared statements.")
        stack.enter_context(bouncer)
        click.echo(
            f"PgBouncer {_dotted(bouncer.version)}, {POOL} connections to PostgreSQL, all on {os.cpu_count()} cores\n"
        )
        listening = {**({} if prepared else UNPREPARED), "LISTEN_DATABASE_URL": pooled}
        pairs = {
            "no pooler": _pair(stack, folder, databases.plain.url, {}),
            "listening": _pair(stack, folder, bouncer.url, listening),
            "polling": _pair(stack, folder, bouncer.url, UNPREPARED),
        }
        peak = stack.enter_context(_watched(bouncer, databases))
        _check(pairs, databases, bouncer)
        _latency(pairs, [token(actor) for actor in databases.pooled.writing()])
        _load(stack, folder, pairs, databases, bouncer, seconds)
        click.echo(
            f"\nMost connections: {peak.clients} of servers to PgBouncer, {peak.servers} of PgBouncer to PostgreSQL,"
            f" {peak.listening} that listen; without a pooler {peak.direct} to PostgreSQL"
        )


def _dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))


# ------------------------------------------------------------------------------------------------- databases


@contextmanager
def _databases() -> Iterator[Databases]:
    with PrivatePostgres() as postgres:
        parts = urlsplit(postgres.url)
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            for statement in (
                f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'",
                f"CREATE DATABASE plain OWNER {ROLE}",
            ):
                connection.execute(statement.encode())
            address = f"postgresql://{ROLE}:{PASSWORD.replace(' ', '%20')}@{parts.hostname}:{parts.port}"
            plain = fill(Data(url=f"{address}/plain"))
            connection.execute(f"CREATE DATABASE pooled OWNER {ROLE} TEMPLATE plain".encode())
        pooled = replace(plain, url=f"{address}/pooled")
        with psycopg.connect(pooled.url) as connection:
            connection.execute(f"ALTER ROLE {ROLE} SET lock_timeout = '5s'".encode())
        yield Databases(postgres, plain, pooled)


def _pair(stack: ExitStack, folder: Path, url: str, settings: Mapping[str, str]) -> Sequence[Running]:
    return [stack.enter_context(serve(folder, url, SERVER, {**FAST, **settings})) for _ in range(2)]


@contextmanager
def _watched(bouncer: PgBouncer, databases: Databases) -> Iterator[Peak]:
    """Count connections until the context ends."""
    peak, over = Peak(), threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            try:
                with psycopg.connect(databases.postgres.url, autocommit=True) as connection:
                    while not over.wait(0.1):
                        _count(peak, connection, bouncer)
            except psycopg.Error:  # PostgreSQL restarts
                continue

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


def _count(peak: Peak, connection: psycopg.Connection[tuple[str, bool, int]], bouncer: PgBouncer) -> None:
    rows = connection.execute(
        "SELECT datname, application_name LIKE '%events', count(*) FROM pg_stat_activity"
        " WHERE application_name LIKE 'tasktracker%' GROUP BY 1, 2"
    ).fetchall()
    found = {(name, listens): number for name, listens, number in rows}
    pool = bouncer.pool()
    peak.clients = max(peak.clients, pool.get("cl_active", 0) + pool.get("cl_waiting", 0))
    peak.servers = max(peak.servers, sum(number for name, number in pool.items() if name in SERVER_STATES))
    peak.listening = max(peak.listening, found.get(("pooled", True), 0))
    peak.direct = max(peak.direct, sum(number for (name, _), number in found.items() if name == "plain"))


# --------------------------------------------------------------------------------------------------- checks


def _check(pairs: Mapping[str, Sequence[Running]], databases: Databases, bouncer: PgBouncer) -> None:
    columns = {name: pair for name, pair in pairs.items() if name != "no pooler"}
    click.echo(f"{'works through PgBouncer':<28}" + "".join(f"{name:>14}" for name in columns))
    for check in CHECKS:
        click.echo(f"{check.__name__:<28}", nl=False)
        for pair in columns.values():
            with clients([running.url for running in pair]) as opened:
                began = time.monotonic()
                check(Place(opened, bouncer.url, POOL, databases.pooled.url, databases.postgres))
                click.echo(f"{f'in {time.monotonic() - began:.1f} s':>14}", nl=False)
        click.echo()


# -------------------------------------------------------------------------------------------------- latency


def _latency(pairs: Mapping[str, Sequence[Running]], tokens: Sequence[str]) -> None:
    click.echo(f"\n{'delay of events':<28}" + "".join(f"{name:>14}" for name in pairs))
    found = {name: asyncio.run(_times(pair[0], pair[1], tokens)) for name, pair in pairs.items()}
    for title, pick in (
        ("p50", statistics.median),
        ("p99", lambda times: statistics.quantiles(times, n=100)[98]),
    ):
        click.echo(f"{title:<28}" + "".join(f"{f'{pick(times):.1f} ms':>14}" for times in found.values()))


async def _times(writing: Running, streaming: Running, tokens: Sequence[str]) -> list[float]:
    """Return the ms from sending each request until its event is read at the other server."""
    arrived: dict[str, list[float]] = {}
    began: dict[str, float] = {}
    followers = []
    for each in tokens[:STREAMS]:
        ready = asyncio.Event()
        followers.append(asyncio.create_task(follow(streaming.port, each, ready, arrived)))
        await ready.wait()
    async with httpx.AsyncClient(base_url=writing.url) as client:

        async def create(number: int) -> None:
            headers = {"Authorization": f"Bearer {tokens[number % STREAMS]}"}
            sent = time.perf_counter()
            answer = await client.post("/api/tasks/", json={"title": "something"}, headers=headers)
            began[answer.raise_for_status().json()["id"]] = sent

        creating = []
        for number in range(CHANGES):
            creating.append(asyncio.create_task(create(number)))
            await asyncio.sleep(EVERY)
        await asyncio.gather(*creating)
    deadline = time.monotonic() + 10
    while not arrived.keys() >= began.keys() and time.monotonic() < deadline:  # noqa: ASYNC110  # cheaper than an event for each task
        await asyncio.sleep(0.01)
    for follower in followers:
        follower.cancel()
    await asyncio.gather(*followers, return_exceptions=True)
    if any(len(arrived.get(task, ())) != 1 for task in began):
        raise click.ClickException("some changes did not arrive exactly once")
    return [(arrived[task][0] - at) * 1000 for task, at in began.items()]


# ----------------------------------------------------------------------------------------------------- load


def _load(
    stack: ExitStack,
    folder: Path,
    pairs: Mapping[str, Sequence[Running]],
    databases: Databases,
    bouncer: PgBouncer,
    seconds: int,
) -> None:
    unprepared = stack.enter_context(serve(folder, databases.plain.url, SERVER, UNPREPARED))
    sides = {
        "no pooler": Side(pairs["no pooler"][0], databases.plain, None),
        "unprepared": Side(unprepared, databases.plain, None),
        "PgBouncer": Side(pairs["listening"][0], databases.pooled, None),
    }
    click.echo(f"\n{'requests/s':<28}" + "".join(f"{name:>14}" for name in sides) + f"{'its CPU a request':>22}")
    for workload in WORKLOADS:
        if workload.name not in LOAD:
            continue
        rates: dict[str, list[float]] = {name: [] for name in sides}
        costs = []
        for _ in range(ROUNDS):
            for name, side in sides.items():
                before = bouncer.used()
                found = side.drive(workload, folder / "lines", CONNECTIONS, seconds)
                rates[name].append(found.rate)
                if name == "PgBouncer":
                    costs.append((bouncer.used() - before) / found.requests * 1000)
        row = "".join(f"{statistics.median(each):>14.0f}" for each in rates.values())
        click.echo(f"{workload.title:<28}{row}{f'{statistics.median(costs):.2f} ms':>22}")


if __name__ == "__main__":
    sys.exit(main())
