"""Measures the requests of a writing user while the account of another, with many tasks, is removed.

The tasks have a change in their histories; a tenth of them are shared with the writing user.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import quantiles
from uuid import UUID

import click
from sqlalchemy import create_engine, text

from benchmarks import crowd
from tasktracker.adapters.sql import migrate
from tasktracker.adapters.sql.urls import database_url
from tests.http import Person, Server, expect
from tests.postgres import PrivatePostgres

PAUSE = 0.005
"""Seconds between two requests of the writing user."""


def fill(url: str, owner: UUID, member: UUID, count: int, category: str = "", filed: int = 0) -> None:
    """Add the tasks of the owner, with entries, histories and feeds. Some are filed in a category."""
    engine = create_engine(database_url(url))
    with engine.begin() as connection:
        crowd.add_tasks(connection, owner, count - count // 10)
        crowd.add_tasks(connection, owner, count // 10, shared_with=member)
        if filed:
            form = category if connection.dialect.name == "postgresql" else category.replace("-", "")
            some = f"SELECT id FROM tasks WHERE members = '' AND title LIKE 'letter %' LIMIT {filed}"  # noqa: S608
            filing = f"UPDATE tasks SET category = '{form}', root_category = '{form}' WHERE id IN ({some})"  # noqa: S608
            connection.execute(text(filing))
        connection.execute(text("DELETE FROM task_entries"))
        connection.execute(text("DELETE FROM feed_items"))
        connection.execute(text("DELETE FROM feeds"))
        crowd.fill_entries(connection)
        crowd.fill_feeds(connection)
        new_id = "gen_random_uuid()" if connection.dialect.name == "postgresql" else "lower(hex(randomblob(16)))"
        connection.execute(
            text(
                "INSERT INTO task_changes (id, task_id, at, action, version, actor, fields)"  # noqa: S608  # constants
                f" SELECT {new_id}, id, created_at, 'create', 1, created_by, '{{}}' FROM tasks"
            )
        )
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()


def is_left(url: str) -> bool:
    """Whether a job is left."""
    engine = create_engine(database_url(url))
    with engine.connect() as connection:
        left: int = connection.scalar(text("SELECT count(*) FROM jobs")) or 0
    engine.dispose()
    return left > 0


def write(writer: Person, task: str, number: int) -> tuple[float, int]:
    """Send one request that writes, and return its duration in milliseconds and its status."""
    begin = time.perf_counter()
    if number % 2:
        answer = writer.post("/api/tasks/", {"title": f"Task {number}"})
    else:
        answer = writer.patch(f"/api/tasks/{task}/", {"title": f"Title {number}"})
    return 1000 * (time.perf_counter() - begin), answer.status_code


def id_of(person: Person) -> UUID:
    """Return the id of a user."""
    return UUID(expect(person.get("/api/accounts/me/"), 200)["id"])


def report(name: str, requests: list[tuple[float, int]]) -> None:
    """Print the durations and statuses of requests."""
    times = sorted(duration for duration, _ in requests)
    cuts = quantiles(times, n=100)
    click.echo(
        f"{name}: {len(times)} requests, median {cuts[49]:.1f}, p99 {cuts[98]:.1f}, longest {times[-1]:.1f} ms,"
        f" statuses {dict(Counter(status for _, status in requests))}"
    )


def measure(url: str, folder: Path, count: int, workers: int, filed: int) -> None:
    """Remove an account beside a user who writes."""
    migrate.upgrade(url)
    with Server(folder, DATABASE_URL=url, THROTTLE="off", WORKERS=str(workers)) as server:
        owner, writer = server.register(), server.register()
        task = writer.task()["id"]
        category = owner.category("Team")
        fill(url, id_of(owner), id_of(writer), count, category["id"], filed)
        if filed:
            owner.share(category, writer)
            while is_left(url):
                time.sleep(PAUSE)
        before = [write(writer, task, number) for number in range(200)]
        report("before", before)
        begin = time.monotonic()
        expect(owner.post("/api/accounts/me/delete/", {"password": owner.password}), 204)
        click.echo(f"answer after {1000 * (time.monotonic() - begin):.0f} ms")
        assert expect(writer.get("/api/tasks/?role=viewer"), 200)["results"] == []
        if filed:
            assert expect(writer.get(f"/api/categories/{category['id']}/"), 200)["role"] == "owner"
            task = expect(writer.get(f"/api/tasks/?category={category['id']}"), 200)["results"][0]["id"]
        during: list[tuple[float, int]] = []
        while len(during) % 50 or is_left(url):
            during.append(write(writer, task, len(during)))
            time.sleep(PAUSE)
        click.echo(f"removed after {time.monotonic() - begin:.1f} s")
        report("meanwhile", during)
        time.sleep(0.5)
        click.echo("\n".join(re.findall(r".*ran a job.*", server.log)))


def main() -> None:
    """Run the measurement on SQLite and PostgreSQL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--filed", type=int, default=0, help="tasks in a category that the writing user edits, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        click.echo(f"SQLite, {options.workers} workers")
        measure(f"sqlite:///{folder}/tasks.db", Path(folder), options.tasks, options.workers, options.filed)
    with PrivatePostgres() as postgres, tempfile.TemporaryDirectory() as folder:
        click.echo(f"PostgreSQL, {options.workers} workers")
        measure(postgres.url, Path(folder), options.tasks, options.workers, options.filed)


if __name__ == "__main__":
    main()
