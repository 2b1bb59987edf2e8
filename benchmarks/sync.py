"""Measure the delay of events, the memory of a stream and the cost of a delta: `make bench-sync` prints the figures.

Two server processes use one PostgreSQL: one receives the writes, the other serves the streams. A delay is the time from
sending a request until its event is read, so it includes the request and its commit.
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import click
import httpx
from sqlalchemy import create_engine, text

from benchmarks import crowd
from benchmarks.processes import Running, serve
from tasktracker.adapters.calendar.rules import DateutilCalendarRules
from tasktracker.adapters.characters import RegexCharacters
from tasktracker.adapters.sql import migrate
from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.adapters.sql.urls import database_url
from tasktracker.adapters.system import SystemClock, Uuid7Generator
from tasktracker.domain.feed.ports import EPOCH
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.sync.service import SyncService
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.service import TaskService
from tests.postgres import PrivatePostgres

STREAMS = (1, 100, 2000)
USERS = 100
PAUSE = 0.02
MANY, FEW, CHANGED, ROUNDS = 100_000, 100, 10, 200
LISTED, PEOPLE = 5000, 20
SETTINGS = {"ARGON2_MEMORY_KIB": "8", "ARGON2_PASSES": "1", "STREAMS_PER_USER": "10000"}
PASSWORD = "a password of the benchmark 42"  # noqa: S105  # of no account


@click.command()
@click.option("--changes", default=400, show_default=True, help="Changes to measure with each number of streams.")
def main(changes: int) -> None:
    """Print the delay of events and the cost of deltas."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 10_000)), hard))
    with PrivatePostgres() as postgres, tempfile.TemporaryDirectory() as folder:
        migrate.upgrade(postgres.url)
        with ExitStack() as stack:
            writing, streaming = (
                stack.enter_context(serve(Path(folder), postgres.url, settings=SETTINGS)) for _ in range(2)
            )
            users = [_register(writing.url, number) for number in range(USERS)]
            click.echo(f"{'streams':>8}{'p50':>12}{'p99':>12}{'memory a stream':>20}")
            for number in STREAMS:
                times, size = asyncio.run(_measure(writing, streaming, users[: min(number, USERS)], number, changes))
                p99 = statistics.quantiles(times, n=100)[98]
                p50, each = statistics.median(times), size / number / 1024
                click.echo(f"{number:>8}{p50:>9.1f} ms{p99:>9.1f} ms{each:>16.0f} KiB")
        click.echo()
        _deltas(postgres.url)


# --------------------------------------------------------------------------------------------------- streams


def _register(url: str, number: int) -> str:
    body = {"username": f"device{number}", "password": PASSWORD}
    answer = httpx.post(f"{url}/api/accounts/register/", json=body).raise_for_status()
    return str(answer.json()["access"])


async def _measure(
    writing: Running, streaming: Running, tokens: Sequence[str], number: int, changes: int
) -> tuple[list[float], float]:
    """Return the delays in ms, and the memory of the streams in bytes."""
    arrived: dict[str, list[float]] = {}
    before = streaming.memory()
    async with httpx.AsyncClient(base_url=writing.url) as client:
        followers = []
        for each in range(number):
            ready = asyncio.Event()
            followers.append(asyncio.create_task(follow(streaming.port, tokens[each % len(tokens)], ready, arrived)))
            await ready.wait()
        times: list[float] = []
        per_change = number // len(tokens)
        for change in range(changes):
            headers = {"Authorization": f"Bearer {tokens[change % len(tokens)]}"}
            began = time.perf_counter()
            answer = await client.post("/api/tasks/", json={"title": "something"}, headers=headers)
            task = answer.raise_for_status().json()["id"]
            while len(arrived.get(task, ())) < per_change:  # noqa: ASYNC110  # cheaper than an event for each stream
                await asyncio.sleep(0.001)
            times += [(at - began) * 1000 for at in arrived[task]]
            await asyncio.sleep(PAUSE)
        size = streaming.memory() - before
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)
    return times, size


async def follow(port: int, token: str, ready: asyncio.Event, arrived: dict[str, list[float]]) -> None:
    """Read a stream until cancelled, and store the time of each event by its task."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /api/events/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    try:
        while line := await reader.readline():
            if line.startswith(b"id:"):
                ready.set()
            elif line.startswith(b"data:"):
                at = time.perf_counter()
                task = line.partition(b'"id":"')[2][:36].decode()
                arrived.setdefault(task, []).append(at)
    finally:
        writer.close()


# ---------------------------------------------------------------------------------------------------- deltas


def _deltas(url: str) -> None:
    engine = create_engine(database_url(url))
    with engine.begin() as connection:
        few, many = crowd.add_user(connection, 1), crowd.add_user(connection, 2)
        for actor, count in ((few, FEW), (many, MANY)):
            crowd.add_tasks(connection, actor.user_id, count)
        owner, member = crowd.add_user(connection, 3), crowd.add_user(connection, 4)
        category = crowd.add_category(connection, owner.user_id, 1)
        people = [crowd.add_user(connection, 5 + number).user_id for number in range(PEOPLE)]
        crowd.add_members(connection, category, owner.user_id, [member.user_id, *people])
        crowd.add_tasks(connection, owner.user_id, LISTED, category=category, filed=1)
        for table in ("task_entries", "feed_items", "feeds"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608  # a name from the line above
        crowd.fill_entries(connection)
        crowd.fill_feeds(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()
    store = SqlStore(open_database(url, pool_size=2), SystemClock(), Uuid7Generator())
    store.get_or_create_secret(EPOCH)
    small, large, shared = (_delta(store, actor) for actor in (few, many, member))
    click.echo(f"{f'delta of {CHANGED}':<32}{f'among {FEW}':>12}{f'among {MANY:,}':>16}{'ratio':>8}")
    click.echo(f"{'':<32}{small:>9.2f} ms{large:>13.2f} ms{large / small:>8.2f}")
    click.echo(f"{f'in a shared category of {LISTED:,}':<32}{'':>12}{shared:>13.2f} ms{shared / small:>8.2f}")
    store.close()


def _delta(store: SqlStore, actor: SessionActor) -> float:
    sync = SyncService(store=store, secrets=store)
    tasks = TaskService(ids=Uuid7Generator(), characters=RegexCharacters(), calendar=DateutilCalendarRules())
    cursor = sync.latest(actor)
    with store.writing(actor) as work:
        for task in tasks.list(work, TaskQuery(at=work.now, limit=CHANGED)).items:
            tasks.edit(work, task.id, {"description": "changed"})
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        changes = sync.pull(actor, replace(cursor))
        times.append((time.perf_counter() - began) * 1000)
        assert len(changes.items) == CHANGED
    return statistics.median(times)


if __name__ == "__main__":
    sys.exit(main())
