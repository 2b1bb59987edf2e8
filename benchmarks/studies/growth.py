"""Measure the figures that docs/scaling.md estimates growth from.

These are: the bytes and changed rows of a task in each table, the rate of edits of the same row, the memory and
processor time of streams, and the rate of commits with notifications on a disk. Everything runs on one machine.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import click
import httpx
import psycopg

from benchmarks.processes import SERVER, Running, family, parent, serve, used
from benchmarks.studies import commits
from benchmarks.sync import follow
from tasktracker.adapters.sql import migrate
from tasktracker.adapters.system import Uuid7Generator
from tests.http import Caller, Person, expect
from tests.postgres import PrivatePostgres

TABLES = ("tasks", "task_entries", "task_changes", "feed_items", "feeds", "idempotency_keys")
FAST = {"ARGON2_MEMORY_KIB": "8", "ARGON2_PASSES": "1", "STREAMS_PER_USER": "10000"}
PEOPLE, EDITS, THREADS, SECONDS = 10, 4000, 8, 3.0
MEMBERS = (0, 1, 10, 100)
STREAMS, STREAMING, CHANGES, IDLE = 1000, 100, 300, 12.0
STATISTICS_DELAY = 11.0  # seconds until the statistics of PostgreSQL are complete
NDJSON = {"Content-Type": "application/x-ndjson"}

_own = threading.local()


@click.command()
@click.option("--tasks", default=100_000, show_default=True, help="Tasks to store.")
def main(tasks: int) -> None:
    """Print the figures that growth is estimated from."""
    with tempfile.TemporaryDirectory(prefix="growth-") as name:
        folder = Path(name)
        with PrivatePostgres() as postgres:
            migrate.upgrade(postgres.url)
            with serve(folder, postgres.url, SERVER, FAST) as one, serve(folder, postgres.url, SERVER, FAST) as other:
                with httpx.Client(base_url=one.url, timeout=600) as client:
                    _storage(client, postgres.url, tasks)
                    _rows(client, one, postgres.url)
                _streams(one, other, postgres.url)
        commits.report(folder)


# -------------------------------------------------------------------------------------------------- storage


def _storage(client: httpx.Client, url: str, tasks: int) -> None:
    people = [Caller(client).register(f"owner{number}") for number in range(PEOPLE)]
    before = _sizes(url)
    for person in people:
        answer = person.request(
            "POST", "/api/accounts/me/import/", content=_lines(tasks // PEOPLE), headers={**NDJSON, **person.headers}
        )
        assert expect(answer, 200)["tasks"]["created"] == tasks // PEOPLE
    filled = _sizes(url)
    click.echo(f"{f'bytes a task, of {tasks:,}':<28}{'table':>10}{'indexes':>10}{'all':>10}")
    total = [0.0, 0.0]
    for table in TABLES[:4]:
        parts = [(late - early) / tasks for late, early in zip(filled[table], before[table], strict=True)]
        total = [sum(each) for each in zip(total, parts, strict=True)]
        click.echo(f"{table:<28}{parts[0]:>10.0f}{parts[1]:>10.0f}{sum(parts):>10.0f}")
    click.echo(f"{'all':<28}{total[0]:>10.0f}{total[1]:>10.0f}{sum(total):>10.0f}\n")

    listed = [(person, task["id"]) for person in people for task in _some(person, EDITS // PEOPLE // 4)]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
        time.sleep(STATISTICS_DELAY)
        early, wal = _activity(connection), _position(connection)
        _concurrently(lambda n: _edit(*listed[n % len(listed)], n), EDITS)
        time.sleep(STATISTICS_DELAY)
        late, written = _activity(connection), _position(connection) - wal
        click.echo(f"{'rows an edit':<28}{'inserted':>10}{'updated':>10}{'of them HOT':>14}")
        for table in TABLES:
            inserted, updated, hot = ((a - b) / EDITS for a, b in zip(late[table], early[table], strict=True))
            click.echo(f"{table:<28}{inserted:>10.2f}{updated:>10.2f}{hot:>14.2f}")
        click.echo(f"WAL: {written / EDITS / 1024:.1f} KiB an edit, after a checkpoint")
        grown = _sizes(url)
        growth = {table: sum(grown[table]) - sum(filled[table]) for table in TABLES[:4]}
        click.echo(
            "growth an edit, before any vacuum: "
            + ", ".join(f"{table} {size / EDITS:.0f}" for table, size in growth.items())
            + " bytes\n"
        )


def _lines(tasks: int) -> bytes:
    ids = Uuid7Generator()
    lines: list[dict[str, object]] = [{"type": "header", "format": "tasktracker", "version": 1}]
    lines += [
        {
            "type": "task",
            "id": str(ids.new()),
            "title": f"Call about invoice {number:06}",
            "description": "A description of the task that has about a hundred characters, as in the other benchmarks.",
            "priority": 1 + number % 4,
            "due_date": f"2027-01-{number % 28 + 1:02}T12:00:00Z" if number % 2 else None,
        }
        for number in range(tasks)
    ]
    return "\n".join(map(json.dumps, [*lines, {"type": "end"}])).encode()


def _some(person: Person, number: int) -> Sequence[Mapping[str, str]]:
    found: list[Mapping[str, str]] = expect(person.get("/api/tasks/", params={"limit": number}), 200)["results"]
    return found


def _edit(person: Person, task: str, number: int) -> None:
    # With the standard library: httpx takes longer than the server.
    connection = getattr(_own, "connection", None)
    if connection is None:
        url = person.client.base_url
        connection = _own.connection = HTTPConnection(url.host, url.port)
    body = json.dumps({"description": f"changed for the {number}th time"})
    headers = {**person.headers, "Content-Type": "application/json"}
    connection.request("PATCH", f"/api/tasks/{task}/", body, headers)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status


def _sizes(url: str) -> Mapping[str, tuple[int, int]]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT relname, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class WHERE relname = ANY(%s)",
            [list(TABLES)],
        ).fetchall()
    return {name: (table, indexes) for name, table, indexes in rows}


def _activity(connection: psycopg.Connection[tuple[object, ...]]) -> Mapping[str, tuple[int, ...]]:
    connection.execute("SELECT pg_stat_clear_snapshot()")
    rows = connection.execute("SELECT relname, n_tup_ins, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables").fetchall()
    return {str(row[0]): tuple(int(str(each)) for each in row[1:]) for row in rows}


def _position(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    row = connection.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
    assert row is not None
    return int(str(row[0]))


# ------------------------------------------------------------------------------------------------- hot rows


def _rows(client: httpx.Client, server: Running, url: str) -> None:
    with psycopg.connect(url) as connection:
        postmaster = parent(connection.info.backend_pid)
    click.echo(
        f"{f'edits/s, {THREADS} threads':<34}{'one task':>12}{'own tasks':>14}{'CPU ms an edit: server':>26}"
        f"{'database':>10}"
    )
    people = [Caller(client).register(f"member{number}") for number in range(max(MEMBERS))]
    creators = [Caller(client).register(f"creator{number}") for number in range(THREADS)]

    def measure(title: str, each: Sequence[tuple[Person, str]]) -> None:
        together = _edits(lambda _: each[0]) / SECONDS
        before = server.used(), used(family(postmaster))
        edits = _edits(lambda n: each[n])
        costs = [late - early for late, early in zip((server.used(), used(family(postmaster))), before, strict=True)]
        click.echo(
            f"{title:<34}{together:>12.0f}{edits / SECONDS:>14.0f}{costs[0] / edits * 1000:>26.1f}"
            f"{costs[1] / edits * 1000:>10.1f}"
        )

    measure("of one user", [(creators[0], creators[0].task()["id"]) for _ in range(THREADS)])
    for number in MEMBERS:
        tasks = [creator.task() for creator in creators]
        for creator, task in zip(creators, tasks, strict=True):
            for person in people[:number]:
                creator.share(task, person)
        ids = [task["id"] for task in tasks]
        measure(f"of several users, {number} members each", list(zip(creators, ids, strict=True)))
    click.echo()


def _edits(pick: Callable[[int], tuple[Person, str]]) -> int:
    """Return the number of edits in SECONDS."""
    over = time.monotonic() + SECONDS
    numbers = itertools.count()

    def work(thread: int) -> int:
        done = 0
        while time.monotonic() < over:
            _edit(*pick(thread), next(numbers))
            done += 1
        return done

    return sum(_concurrently(work, THREADS))


def _concurrently(call: Callable[[int], object], times: int) -> list[int]:
    with ThreadPoolExecutor(THREADS) as threads:
        return [int(str(result or 0)) for result in threads.map(call, range(times))]


# -------------------------------------------------------------------------------------------------- streams


def _streams(writing: Running, streaming: Running, url: str) -> None:
    with psycopg.connect(url) as connection:
        postmaster = parent(connection.info.backend_pid)
    with httpx.Client(base_url=writing.url, timeout=30) as client:
        people = [Caller(client).register(f"follower{number}") for number in range(STREAMING)]
        asyncio.run(_follow(people, streaming, postmaster))


async def _follow(people: Sequence[Person], streaming: Running, postmaster: int) -> None:
    arrived: dict[str, list[float]] = {}
    before = streaming.memory()
    followers = []
    for number in range(STREAMS):
        ready = asyncio.Event()
        token = people[number % len(people)].access
        followers.append(asyncio.create_task(follow(streaming.port, token, ready, arrived)))
        await ready.wait()
    size = streaming.memory() - before
    clocks = streaming.used(), used(family(postmaster))
    await asyncio.sleep(IDLE)
    idle = [(a - b) / IDLE for a, b in zip((streaming.used(), used(family(postmaster))), clocks, strict=True)]
    clock = streaming.used()
    for change in range(CHANGES):
        await asyncio.to_thread(people[change % len(people)].task)
        await asyncio.sleep(0.01)
    await asyncio.sleep(1)
    sent = sum(map(len, arrived.values()))
    assert sent == CHANGES * STREAMS // len(people), sent
    busy = streaming.used() - clock - idle[0] * 1
    for follower in followers:
        follower.cancel()
    await asyncio.gather(*followers, return_exceptions=True)
    click.echo(
        f"{STREAMS} streams of {len(people)} users: {size / STREAMS / 1024:.0f} KiB each; idle"
        f" {idle[0] * 1000:.0f} ms of processor time a second, and {idle[1] * 1000:.0f} ms of the database;"
        f" {busy / sent * 1000:.2f} ms for each event\n"
    )


if __name__ == "__main__":
    sys.exit(main())
