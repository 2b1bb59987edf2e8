"""Measures how long a server takes to answer that a password was forgotten, for names of different kinds.

The requests are interleaved in random order, each from an address of its own, beside the worker that sends the mails.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import defaultdict
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import click

from tasktracker.adapters.sql import migrate
from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.adapters.system import SystemClock, Uuid7Generator
from tests.contracts.base import Seed
from tests.fakes import SequentialIds
from tests.http import Server
from tests.postgres import PrivatePostgres
from tests.security.processes import new_address

ACCOUNTS = 100
"""Of each kind: an account gets three mails an hour."""


def fill(url: str) -> dict[str, list[str]]:
    """Add accounts, and return the names of each kind."""
    migrate.upgrade(url)
    clock = SystemClock()
    store = SqlStore(open_database(url), clock, Uuid7Generator())
    seed = Seed(store, clock, SequentialIds())
    kinds: dict[str, dict[str, Any]] = {
        "known": {"email_verified_at": clock.now()},
        "unverified": {},
        "disabled": {"email_verified_at": clock.now(), "is_active": False},
    }
    names = {kind: [f"{kind}{number}" for number in range(ACCOUNTS)] for kind in (*kinds, "unknown")}
    for kind, fields in kinds.items():
        for name in names[kind]:
            seed.user(name, email=f"{name}@example.org", **fields)
    store.close()
    return names


def measure(url: str, folder: Path, count: int) -> None:
    """Print the times of each kind of names, and require equal answers."""
    names = fill(url)
    settings = {
        "THROTTLE": "on",
        "TRUSTED_PROXIES": "127.0.0.1",
        "MAIL_URL": f"folder:{folder}/mail",
        "MAIL_FROM": "tasks@example.org",
        "PUBLIC_URL": "https://tasks.example.org",
    }
    order = [kind for kind in names for _ in range(count)]
    random.shuffle(order)
    times: dict[str, list[float]] = defaultdict(list)
    answers = set()
    with Server(folder, DATABASE_URL=url, **settings) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        for number, kind in enumerate(order):
            name = names[kind][number % ACCOUNTS]
            name = name if number % 2 else f"{name}@example.org"
            headers = {"Content-Type": "application/json", "X-Forwarded-For": new_address()}
            begin = time.perf_counter()
            connection.request("POST", "/api/accounts/password/forgot/", f'{{"username": "{name}"}}', headers)
            response = connection.getresponse()
            body = response.read()
            times[kind].append(1000 * (time.perf_counter() - begin))
            answers.add((response.status, body))
        connection.close()
    assert len(answers) == 1, answers
    for kind, taken in times.items():
        click.echo(
            f"{kind:<10} {len(taken)} requests, median {median(taken):.2f}, p95 {quantiles(taken, n=20)[18]:.2f} ms"
        )
    medians = [median(taken) for taken in times.values()]
    click.echo(
        f"the medians differ by {max(medians) - min(medians):.2f} ms; mails: {len(list((folder / 'mail').iterdir()))}"
    )


def main() -> None:
    """Run the measurement on SQLite and PostgreSQL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=300, help="of each kind")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        click.echo("SQLite")
        measure(f"sqlite:///{folder}/tasks.db", Path(folder), options.requests)
    with PrivatePostgres() as postgres, tempfile.TemporaryDirectory() as folder:
        click.echo("PostgreSQL")
        measure(postgres.url, Path(folder), options.requests)


if __name__ == "__main__":
    main()
