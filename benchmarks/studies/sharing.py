"""Measures sharing and unsharing a category of many tasks with many people, beside other users who write and read.

The processes are killed at random moments, and started again, if `--kills` is given.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import quantiles
from threading import Event, Thread

import click
from sqlalchemy import create_engine, text

from benchmarks import crowd
from benchmarks.studies.removal import id_of, is_left
from tasktracker.adapters.sql import migrate
from tasktracker.adapters.sql.urls import database_url
from tests.http import Person, Server, expect
from tests.postgres import PrivatePostgres
from tests.security.processes import Wire

PAUSE = 0.02
"""Seconds between two requests of another user."""

PAGE = {"limit": "200"}


def fill(url: str, owner: Person, category: str, count: int) -> None:
    """Add the tasks of the category."""
    engine = create_engine(database_url(url))
    with engine.begin() as connection:
        crowd.add_tasks(connection, id_of(owner), count)
        form = category if connection.dialect.name == "postgresql" else category.replace("-", "")
        connection.execute(text(f"UPDATE tasks SET category = '{form}', root_category = '{form}'"))  # noqa: S608
        # Ids in the order of creation, as the server makes them.
        if connection.dialect.name == "postgresql":
            ordered = "(lpad(to_hex(n), 8, '0') || substr(CAST(id AS text), 9))::uuid"
        else:
            ordered = "printf('%08x', n) || substr(id, 9)"
        numbered = "(SELECT id, row_number() OVER (ORDER BY created_at) AS n FROM tasks) AS t"
        numbers = f"(SELECT id AS of_id, {ordered} AS new_id FROM {numbered}) AS s"  # noqa: S608
        connection.execute(text(f"UPDATE tasks SET id = new_id, root = new_id FROM {numbers} WHERE id = of_id"))  # noqa: S608
        for table in ("task_entries", "feeds"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
        connection.execute(text("DELETE FROM feed_items WHERE type = 'task'"))
        crowd.fill_entries(connection)
        connection.execute(text("UPDATE feed_items SET sequence = 1000000"))
        insert = (
            "INSERT INTO feed_items (user_id, type, id, sequence, version, op, reason, recorded_at)"
            " SELECT owner, 'task', id, row_number() OVER (PARTITION BY owner ORDER BY id), version, 'upsert', NULL,"
            " updated_at FROM tasks"
        )
        connection.execute(text(insert))
        heads = "INSERT INTO feeds (user_id, head) SELECT user_id, max(sequence) FROM feed_items GROUP BY user_id"
        connection.execute(text(heads))
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()


class Other(Thread):
    """A user of one process who writes and reads own tasks all the time, and keeps the durations."""

    def __init__(self, server: Server, person: Person) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._person = person
        self._stopping = Event()
        self.requests: list[tuple[float, int]] = []
        self.task = person.task()["id"]

    def run(self) -> None:
        """Send requests until `finish` is called."""
        number = 0
        wire = Wire(self._server.port)
        while not self._stopping.wait(PAUSE):
            number += 1
            ways: tuple[tuple[str, str, object], ...] = (
                ("POST", "/api/tasks/", {"title": f"Task {number}"}),
                ("PATCH", f"/api/tasks/{self.task}/", {"title": f"Title {number}"}),
                ("GET", "/api/tasks/?limit=20", None),
                ("GET", f"/api/tasks/{self.task}/", None),
            )
            begin = time.perf_counter()
            try:
                status, _ = wire.send(*ways[number % 4], token=self._person.access)
            except OSError:  # the process was killed
                wire.close()
                wire = Wire(self._server.port)
                continue
            self.requests.append((1000 * (time.perf_counter() - begin), status))
        wire.close()

    def finish(self) -> None:
        """Stop after the current request."""
        self._stopping.set()
        self.join()


def report(name: str, others: Sequence[Other]) -> tuple[float, float]:
    """Print the durations and statuses of the requests since the last report. Return p99 and the longest."""
    requests = [each for other in others for each in other.requests]
    for other in others:
        other.requests = []
    times = sorted(duration for duration, _ in requests)
    cuts = quantiles(times, n=100)
    statuses = dict(Counter(status for _, status in requests))
    click.echo(
        f"  others during {name}: {len(times)} requests, median {cuts[49]:.1f}, p99 {cuts[98]:.1f},"
        f" longest {times[-1]:.1f} ms, {statuses}"
    )
    return cuts[98], times[-1]


def effective(members: Sequence[Person], task: str, *, sees: bool, writes: bool, lists: bool | None) -> float:
    """Check the rights that each member has now, and return the longest duration of a request in milliseconds."""
    longest = 0.0
    for member in members:
        began = time.perf_counter()
        assert member.get(f"/api/tasks/{task}/").status_code == (200 if sees else 404)
        title = member.patch(f"/api/tasks/{task}/", {"title": f"By {member.username}"})
        assert title.status_code == (200 if writes else 403 if sees else 404), title.text
        if lists is not None:
            assert bool(expect(member.get("/api/tasks/"), 200)["results"]) is lists
            assert (expect(member.get("/api/sync/digest/"), 200)["count"] > 1) is lists
            changes = expect(member.get("/api/sync/", params=PAGE), 200)["changes"]
            assert any((each["type"], each["op"]) == ("task", "upsert") for each in changes) is lists
        longest = max(longest, 1000 * (time.perf_counter() - began))
    return longest


def share_all(owner: Person, category: str, members: Sequence[Person], servers: Sequence[Server]) -> float:
    """Share the category with all, each with one request, and return the longest duration in milliseconds."""

    def share(number: int) -> float:
        path = f"/api/categories/{category}/shares/"
        body = {"username": members[number].username, "role": "editor"}
        return timed(servers[number % len(servers)], owner, "POST", path, body, 201)

    return max(share(number) for number in range(len(members)))


def unshare_all(owner: Person, category: str, members: Sequence[Person], servers: Sequence[Server]) -> float:
    """End the membership of all, and return the longest duration of a request in milliseconds."""
    return max(
        timed(
            servers[number % len(servers)], owner, "DELETE", f"/api/categories/{category}/shares/{each.id}/", None, 204
        )
        for number, each in enumerate(members)
    )


def timed(server: Server, person: Person, method: str, path: str, body: object, status: int) -> float:
    """Send a request that must have this status, and return its duration in milliseconds."""
    with closing(Wire(server.port)) as wire:
        begin = time.perf_counter()
        found, answer = wire.send(method, path, body, person.access)
        assert found == status, (found, answer)
        return 1000 * (time.perf_counter() - begin)


def kill_some(servers: Sequence[Server], url: str, kills: int, chance: random.Random) -> None:
    """Kill a process at random moments while a job is left, as if its lease had ended, and start it again."""
    engine = create_engine(database_url(url))
    for _ in range(kills):
        time.sleep(chance.uniform(0.1, 1.5))
        if not is_left(url):
            break
        server = chance.choice(servers)
        server.kill()
        with engine.begin() as connection:
            connection.execute(text("UPDATE jobs SET leased_until = NULL"))
        server.start()
    engine.dispose()


def states(members: Sequence[Person]) -> list[object]:
    """Return the digest of each user, and the number of tasks in their lists."""
    return [
        (expect(each.get("/api/sync/digest/"), 200)["buckets"], len(each.listed("/api/tasks/", "limit=200")))
        for each in members
    ]


def is_ready(member: Person, category: str) -> bool:
    """Whether the lists of a member are complete."""
    answer = member.get(f"/api/categories/{category}/")
    return answer.status_code == 200 and answer.json()["ready"]


def measure(
    url: str, folder: Path, *, tasks: int, people: int, processes: int, kills: int, others: int = 2
) -> dict[str, float]:
    """Share and unshare, print the figures, and return them: times in seconds, durations in milliseconds."""
    migrate.upgrade(url)
    chance = random.Random(url)  # noqa: S311
    figures: dict[str, float] = {}
    with ExitStack() as stack:
        servers = [
            stack.enter_context(Server(folder, DATABASE_URL=url, THROTTLE="off", SHARES_PER_HOUR="0"))
            for _ in range(processes)
        ]
        one = servers[0]
        owner = one.register()
        members = [one.register() for _ in range(people)]
        category = owner.category("Team")["id"]
        fill(url, owner, category, tasks)
        writers = [Other(each, each.register()) for each in servers for _ in range(others)]
        task = expect(owner.get("/api/tasks/?limit=1"), 200)["results"][0]["id"]
        for writer in writers:
            stack.callback(writer.finish)
            writer.start()
        time.sleep(1)
        report("nothing", writers)
        steps: list[tuple[str, Callable[[], float], bool]] = [
            ("sharing", lambda: share_all(owner, category, members, servers), True),
            ("unsharing", lambda: unshare_all(owner, category, members, servers), False),
        ]
        for name, step, is_shared in steps:
            begin = time.monotonic()
            request = step()
            asked = time.monotonic() - begin
            lists = None if is_shared else False
            now = effective(members, task, sees=is_shared, writes=is_shared, lists=lists)
            click.echo(f"  {name}: {asked:.1f} s for all requests, longest {request:.0f} ms; then effective,")
            click.echo(f"    five requests of a member take {now:.0f} ms at most")
            kill_some(servers, url, kills, chance)
            while is_left(url):
                time.sleep(0.1)
            figures[name] = time.monotonic() - begin
            if is_shared:
                assert all(is_ready(each, category) for each in members)
            click.echo(f"  {name}: complete after {figures[name]:.1f} s")
            figures[f"{name} p99"], figures[f"{name} longest"] = report(name, writers)
            figures[f"{name} request"], figures[f"{name} effective"] = request, now
            found = states(members)
            assert all(each == found[0] for each in found)
            assert found[0] == (states([owner])[0] if is_shared else ({}, 0)), "the members do not see what they may"
            for writer in writers:
                writer.requests = []
    return figures


def main() -> None:
    """Run the measurement on SQLite and PostgreSQL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--database", choices=["sqlite", "postgresql"])
    options = parser.parse_args()
    sizes = {"tasks": options.tasks, "people": options.people, "kills": options.kills}
    with tempfile.TemporaryDirectory() as folder:
        if options.database != "postgresql":
            click.echo("SQLite, 1 process")
            measure(f"sqlite:///{folder}/tasks.db", Path(folder), processes=1, **sizes)
        if options.database != "sqlite":
            with PrivatePostgres() as postgres:
                click.echo("PostgreSQL, 2 processes")
                measure(postgres.url, Path(folder), processes=2, **sizes)


if __name__ == "__main__":
    main()
