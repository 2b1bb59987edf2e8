"""Measure an export of many tasks and imports of it.

Many tasks are imported over HTTP, exported, and imported into a second account, where every id is mapped. Then the
first account is deleted, and its export is imported into an empty account. The export of the new account must be
identical, line by line. During each step another user reads pages. The peak memory is that of the server process since
its start (VmHWM, so this needs Linux).
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import click
import httpx

from benchmarks.processes import serve
from tasktracker.adapters.sql import migrate

PASSWORD = "uH8#kq2Lx9"  # noqa: S105  # of accounts that live for a minute
NDJSON = {"Content-Type": "application/x-ndjson"}
BLOCK = 64 * 1024


@click.command()
@click.option("--tasks", default=100_000, show_default=True, help="Tasks to export.")
@click.option("--database-url", help="An empty PostgreSQL database.  [default: an SQLite file]")
def main(tasks: int, database_url: str | None) -> None:
    """Print the duration of each step and the memory of the server."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written = folder / "written.ndjson"
        _write(written, tasks)
        exported, again = folder / "exported.ndjson", folder / "again.ndjson"
        with _server(folder, database_url) as (client, pid):
            alice, bob, carol, dave = (_register(client, name) for name in ("alice", "bob", "carol", "dave"))
            click.echo(f"{tasks} tasks, {written.stat().st_size / 2**20:.0f} MiB")
            click.echo(f"{'idle server':<28} {'':>8} {'':>12}  {_peak(pid):6.0f} MiB")
            steps: list[tuple[str, Callable[[], object]]] = [
                ("dry run", lambda: _import(client, alice, written, "?dry_run=true", tasks, "created")),
                ("import", lambda: _import(client, alice, written, "", tasks, "created")),
                ("import of the same again", lambda: _import(client, alice, written, "", tasks, "unchanged")),
                ("export", lambda: _export(client, alice, exported)),
                ("import, all ids mapped", lambda: _import(client, bob, exported, "", tasks, "mapped")),
                ("deletion of the account", lambda: _delete(client, alice)),
                ("import, all ids kept", lambda: _import(client, dave, exported, "", tasks, "created")),
                ("export of that", lambda: _export(client, dave, again)),
            ]
            for label, step in steps:
                with _reading(client, carol) as waits:
                    started = time.perf_counter()
                    step()
                    taken = time.perf_counter() - started
                slowest = f"{max(waits, default=0) * 1000:.0f} ms"
                click.echo(
                    f"{label:<28} {taken:6.1f} s {tasks / taken:8.0f}/s  {_peak(pid):6.0f} MiB  slowest page {slowest}"
                )
        assert _ids(exported) == _ids(written), "the export differs from the import"
        assert _digest(again) == _digest(exported), "the second export differs from the first"
        click.echo("identical, line by line")


def _write(path: Path, tasks: int) -> None:
    parents: list[UUID] = []
    with path.open("w", encoding="utf-8") as file:

        def line(**fields: object) -> None:
            file.write(json.dumps(fields, default=str) + "\n")

        line(type="header", format="tasktracker", version=1)
        categories = [uuid4() for _ in range(20)]
        for number, category in enumerate(categories):
            line(type="category", id=category, name=f"category {number}")
        for number in range(tasks):
            id_ = uuid4()
            parent = parents[-1] if number % 4 == 3 else None
            moment = f"2026-01-{number % 28 + 1:02}T{number % 24:02}:00:{number % 60:02}Z"
            line(
                type="task",
                id=id_,
                title=f"task number {number}",
                description="a description of this one task, " * 4,
                category=categories[number % 20],
                parent=parent,
                due_date=moment,
                created_at=moment,
            )
            if parent is None:
                parents = [id_]
        line(type="end")


@contextmanager
def _server(folder: Path, database_url: str | None) -> Iterator[tuple[httpx.Client, int]]:
    url = database_url or f"sqlite:///{folder}/tasktracker.db"
    migrate.upgrade(url)
    with serve(folder, url) as running, httpx.Client(base_url=running.url, timeout=600) as client:
        yield client, running.pid


def _register(client: httpx.Client, username: str) -> dict[str, str]:
    body = {"username": f"{username}-{uuid4().hex[:8]}", "password": PASSWORD}
    answer = client.post("/api/accounts/register/", json=body).raise_for_status().json()
    return {"Authorization": f"Bearer {answer['access']}"}


def _import(client: httpx.Client, who: dict[str, str], path: Path, query: str, tasks: int, counted: str) -> None:
    def blocks() -> Iterator[bytes]:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                yield block

    answer = client.post(f"/api/accounts/me/import/{query}", content=blocks(), headers={**who, **NDJSON})
    report = answer.raise_for_status().json()
    assert report["tasks"][counted] == tasks, report


def _delete(client: httpx.Client, who: dict[str, str]) -> None:
    client.post("/api/accounts/me/delete/", json={"password": PASSWORD}, headers=who).raise_for_status()


def _export(client: httpx.Client, who: dict[str, str], path: Path) -> None:
    with client.stream("GET", "/api/accounts/me/export/", headers=who) as answer, path.open("wb") as file:
        for block in answer.iter_bytes():
            file.write(block)


@contextmanager
def _reading(client: httpx.Client, who: dict[str, str]) -> Iterator[list[float]]:
    """Read pages until the context ends; yield the list of their durations."""
    done = threading.Event()
    waits: list[float] = []

    def read() -> None:
        while not done.wait(0.05):
            started = time.perf_counter()
            client.get("/api/tasks/", headers=who).raise_for_status()
            waits.append(time.perf_counter() - started)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield waits
    finally:
        done.set()
        thread.join()


def _ids(path: Path) -> set[str]:
    with path.open(encoding="utf-8") as file:
        return {record["id"] for record in map(json.loads, file) if record["type"] in ("task", "category")}


def _digest(path: Path) -> str:
    """Hash all lines except the header and the profile, without the names of the owner and the creator."""
    summed = hashlib.sha256()
    with path.open("rb") as file:
        for line in file:
            fields = json.loads(line)
            if fields["type"] not in ("header", "profile"):
                fields |= {"owner": None, "created_by": None}
                summed.update(json.dumps(fields).encode())
    return summed.hexdigest()


def _peak(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found, "VmHWM is missing"
    return int(found[1]) / 1024


if __name__ == "__main__":
    main()
