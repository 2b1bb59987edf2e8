"""Measure commits with notifications on a disk. The figures are the reason for docs/decisions/0029."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import click
import psycopg

from tests import postgres_supervisor as supervisor
from tests.postgres import ServerFolder

LISTENERS = (0, 8)
CLIENTS = (1, 8, 32)


def report(folder: Path) -> None:
    """Print the commits per second with and without notifications, when commits wait for the disk."""
    head = f"{'commits/s, waiting for the disk':<44}"
    click.echo(head + "".join(f"{f'{number} clients':>14}" for number in CLIENTS))
    choose, notify = "\\set n random(1, 10000)", "SELECT pg_notify('heads', 'user ' || :n);"
    update = "UPDATE heads SET head = head + 1 WHERE id = :n;"
    within = [choose, "BEGIN;", update, notify, "END;"]
    after = [choose, update, "BEGIN;", "SET LOCAL synchronous_commit = off;", notify, "END;"]
    with _durable() as (url, programs):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE heads (id integer PRIMARY KEY, head bigint NOT NULL)")
            connection.execute("INSERT INTO heads SELECT n, 0 FROM generate_series(1, 10000) AS n")
        for title, lines, listeners in (
            ("without notifying", [choose, "BEGIN;", update, "END;"], 0),
            *((f"notifying {number} listeners", within, number) for number in LISTENERS),
            (f"notifying {LISTENERS[-1]} listeners after the commit", after, LISTENERS[-1]),
        ):
            script = folder / "commit.sql"
            script.write_text("\n".join(lines) + "\n")
            with _listening(url, listeners):
                rates = [_pgbench(url, programs, script, number) for number in CLIENTS]
            click.echo(f"{title:<44}" + "".join(f"{rate:>14.0f}" for rate in rates))


@contextmanager
def _durable() -> Iterator[tuple[str, Path]]:
    """Run a PostgreSQL like that of the tests, but on a disk and with synchronous commits."""
    with ExitStack() as stack:
        kept = os.environ.get("TMPDIR"), dict(supervisor.SETTINGS)
        os.environ["TMPDIR"] = kept[0] or "/tmp"  # noqa: S108  # on a disk rather than in memory
        supervisor.SETTINGS["fsync"] = "on"
        folder = ServerFolder()
        stack.callback(folder.release)
        process, port = supervisor.prepare_and_start(folder.path, 0)
        stack.callback(supervisor.end, process)
        password = (folder.path / "password").read_text()
        yield f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres", supervisor.binaries(folder.path)
        supervisor.SETTINGS.update(kept[1])


@contextmanager
def _listening(url: str, number: int) -> Iterator[None]:
    over = threading.Event()

    def listen() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("LISTEN heads")
            while not over.is_set():
                for _ in connection.notifies(timeout=0.2):
                    pass

    with ThreadPoolExecutor(max(number, 1)) as threads:
        for _ in range(number):
            threads.submit(listen)
        time.sleep(0.5)
        try:
            yield
        finally:
            over.set()


def _pgbench(url: str, programs: Path, script: Path, clients: int) -> float:
    parts = urlsplit(url)
    options = ("-n", "-M", "prepared", "-T", "3", "-c", str(clients), "-j", "1", "-f", "/dev/stdin")
    address = ("-h", "127.0.0.1", "-p", str(parts.port), "-U", str(parts.username), "postgres")
    with script.open("rb") as file:
        result = subprocess.run(  # noqa: S603  # ours
            [str(programs / "pgbench"), *options, *address],
            stdin=file,
            capture_output=True,
            text=True,
            check=True,
            cwd=programs,
            env={**os.environ, "PGPASSWORD": str(parts.password)},
            **supervisor.unprivileged_user(),
        )
    found = re.search(r"^tps = ([\d.]+)", result.stdout, re.M)
    return float(found[1]) if found else 0.0  # no client connected in time
