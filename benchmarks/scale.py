"""Measure how the cost of a page of tasks grows with the number of tasks: `make bench-scale` prints the table.

One user has many tasks. A thousand other users have a thousand tasks each, and share some of them with that user. Ten
users also share a category of 500 tasks with twenty people, one of whom is that user. A page is read as in the server,
with the check of the session. The figures are medians of one run.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from sqlalchemy import Connection, create_engine, text

from benchmarks import crowd
from tasktracker.adapters.calendar.rules import DateutilCalendarRules
from tasktracker.adapters.characters import RegexCharacters
from tasktracker.adapters.sql import migrate
from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.adapters.sql.urls import database_url
from tasktracker.adapters.system import SystemClock, Uuid7Generator
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.tasks.query import TaskKey, TaskQuery, TaskSort
from tasktracker.domain.tasks.service import TaskService
from tasktracker.domain.tasks.task import State, Task

PAGE = 100
ROUNDS = 60
SMALL = 1000
MIDDLE = 10_000
LISTS, LISTED, PEOPLE = 10, 500, 20
SERVICE = TaskService(ids=Uuid7Generator(), characters=RegexCharacters(), calendar=DateutilCalendarRules())


@click.command()
@click.option("--tasks", default=1_000_000, show_default=True, help="Tasks of the large user.")
@click.option("--others", default=1000, show_default=True, help="Other users, with 1,000 tasks each.")
@click.option("--shared", default=5000, show_default=True, help="Tasks of others shared with the large user.")
@click.option("--sqlite", is_flag=True, help="Use SQLite instead of PostgreSQL.")
def main(tasks: int, others: int, shared: int, sqlite: bool) -> None:
    """Print the cost of pages with 1,000 tasks, with 10,000, and with many."""
    with _database(sqlite) as url:
        migrate.upgrade(url)
        started = time.perf_counter()
        small, middle, large, categories, shared_category = _fill(url, tasks, others, shared)
        click.echo(f"filled in {time.perf_counter() - started:.0f} s", err=True)
        store = SqlStore(open_database(url, pool_size=2), SystemClock(), Uuid7Generator())
        _report(store, small, middle, large, categories, shared_category, tasks)
        store.close()


def _report(
    store: SqlStore,
    small: SessionActor,
    middle: SessionActor,
    large: SessionActor,
    categories: dict[UUID, UUID],
    shared_category: UUID,
    tasks: int,
) -> None:
    now = crowd.NOW
    base = TaskQuery(at=now, limit=PAGE)
    half = (now + timedelta(days=90), now + timedelta(days=270))
    queries = {
        "first page": base,
        "page in the middle": base,
        "state=done": replace(base, states=frozenset({State.DONE})),
        "category": base,
        "shared category": base,
        "due in half a year": replace(base, due_after=half[0], due_before=half[1]),
        "by due date": replace(base, sort=TaskSort.DUE_FIRST),
        "by due date, descending": replace(base, sort=TaskSort.DUE_LAST),
        "by due date, in the middle": replace(
            base, sort=TaskSort.DUE_FIRST, after=TaskKey(now + timedelta(days=180), UUID(int=0))
        ),
    }
    click.echo(f"{'page of 100':<28}{'at 1,000':>12}{f'at {tasks:,}':>16}{'ratio':>8}")
    for name, query in queries.items():
        pages: list[tuple[SessionActor, TaskQuery]] = []
        for actor, count in ((small, SMALL), (large, tasks)):
            asked = query
            if "category" in name:
                is_shared = name == "shared category" and actor is large
                asked = replace(query, category=shared_category if is_shared else categories[actor.user_id])
            if name == "page in the middle":
                asked = replace(query, after=_middle(store, actor, count))
            pages.append((actor, asked))
        _print(name, *_costs(store, *pages))
    click.echo()
    click.echo(f"{'other orders, first page':<28}{'at 1,000':>12}{f'at {MIDDLE:,}':>16}{'ratio':>8}")
    for sort in TaskSort:
        asked = replace(base, sort=sort)
        _print(f"sort={sort}", *_costs(store, (small, asked), (middle, asked)))
    click.echo()
    for name, words in {"q: in every fifth": ("letter",), "q: in none": ("nowhere",)}.items():
        asked = replace(base, words=words)
        _print(name, *_costs(store, (small, asked), (large, asked), rounds=3))


def _page(store: SqlStore, actor: SessionActor, query: TaskQuery) -> Page[Task, TaskKey[Any]]:
    with store.reading(actor) as work:
        return SERVICE.list(work, query)


def _costs(store: SqlStore, *pages: tuple[SessionActor, TaskQuery], rounds: int = ROUNDS) -> list[float]:
    """Return the ms that reading each page takes. Pages are read in turn, so other load on the machine affects all."""
    for actor, query in pages:
        page = _page(store, actor, query)
        assert len(page.items) == query.limit or query.words, "a page that is not full would cost less"
    gc.collect()
    costs: list[list[float]] = [[] for _ in pages]
    for _ in range(rounds):
        for (actor, query), of_page in zip(pages, costs, strict=True):
            started = time.perf_counter()
            _page(store, actor, query)
            of_page.append(time.perf_counter() - started)
    return [statistics.median(of_page) * 1000 for of_page in costs]


def _middle(store: SqlStore, actor: SessionActor, count: int) -> TaskKey[Any]:
    moment = crowd.NOW + timedelta(minutes=count // 2)
    query = TaskQuery(at=crowd.NOW, limit=1)
    key = query.key(_page(store, actor, query).items[0])
    return replace(key, value=moment)


def _print(name: str, small: float, large: float) -> None:
    click.echo(f"{name:<28}{small:>9.2f} ms{large:>13.2f} ms{large / small:>8.2f}")


def _fill(
    url: str, tasks: int, others: int, shared: int
) -> tuple[SessionActor, SessionActor, SessionActor, dict[UUID, UUID], UUID]:
    engine = create_engine(database_url(url))
    categories = {}

    def add(connection: Connection, number: int, count: int) -> SessionActor:
        actor = crowd.add_user(connection, number)
        category = categories[actor.user_id] = crowd.add_category(connection, actor.user_id, 1)
        crowd.add_tasks(connection, actor.user_id, count, category=category)
        return actor

    with engine.begin() as connection:
        small, middle, large = add(connection, 1, SMALL), add(connection, 2, MIDDLE), add(connection, 3, tasks)
        for number in range(others):
            other = crowd.add_user(connection, 10 + number)
            share = shared // others
            crowd.add_tasks(connection, other.user_id, SMALL - share)
            crowd.add_tasks(connection, other.user_id, share, shared_with=large.user_id)
        people = [crowd.add_user(connection, 10 + others + number).user_id for number in range(PEOPLE - 1)]
        owners = [crowd.add_user(connection, 100 + others + number).user_id for number in range(LISTS)]
        lists = {owner: crowd.add_category(connection, owner, 1) for owner in owners}
        for owner, shared_category in lists.items():
            crowd.add_members(connection, shared_category, owner, [large.user_id, *people])
            # Spread over the tasks of the large user, so that every page has some.
            minutes = tasks // LISTED
            crowd.add_tasks(connection, owner, LISTED, category=shared_category, filed=1, minutes=minutes)
        crowd.fill_entries(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if connection.dialect.name == "sqlite" else "VACUUM ANALYZE"))
    engine.dispose()
    return small, middle, large, categories, lists[owners[0]]


@contextmanager
def _database(sqlite: bool) -> Iterator[str]:
    if sqlite:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'scale.db'}"
    else:
        sys.path.insert(0, str(Path(__file__).parent.parent))
        from tests.postgres import PrivatePostgres

        with PrivatePostgres() as postgres:
            yield postgres.url


if __name__ == "__main__":
    main()
