"""A reader of a feed misses no change of concurrent writers. With numbers from a sequence, it would miss some."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from threading import Event
from uuid import UUID

import pytest
from sqlalchemy import text

from tasktracker.adapters.sql import feed as sql_feed
from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.feed import SqlFeed
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.adapters.system import Uuid7Generator
from tasktracker.domain.feed.entries import FeedEntry
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.sync.service import DEFAULT_TYPES
from tasktracker.domain.work import Storage
from tests.backends import Backend, on_postgresql, on_sql
from tests.contracts.base import race
from tests.fakes import SYSTEM, App, ManualClock

WRITERS = 16
WRITES = 12
LIMIT = 7
SEQUENCE = "numbers_without_order"

Place = Callable[[SqlFeed, datetime, Sequence[FeedEntry]], Collection[UUID]]


def slowly(place: Place) -> Place:
    """Wait between the numbering of a change and its commit."""

    def placed(feed: SqlFeed, now: datetime, earlier: Sequence[FeedEntry]) -> Collection[UUID]:
        users = place(feed, now, earlier)
        time.sleep(random.uniform(0, 0.004))
        return users

    return placed


def follow(store: Storage, user_id: UUID, written: Event) -> list[tuple[UUID, int]]:
    """Read a feed page by page while it is written to, and return its entries."""
    seen: list[tuple[UUID, int]] = []
    place = 0
    while True:
        is_last = written.is_set()
        with store.reading(SYSTEM) as work:
            page = work.feed.page(user_id, place, LIMIT, DEFAULT_TYPES)
        seen += [(found.entry.id, found.entry.version) for found in page]
        place = page[-1].sequence if page else place
        if is_last and not page:
            return seen


def race_with_writers(app: App, actor: SessionActor) -> tuple[list[tuple[UUID, int]], dict[UUID, int]]:
    """Let threads write to separate tasks and a common one, and return the entries read and those stored."""
    common = app.do(actor, app.tasks.create, {"title": "common"})
    written = Event()
    done: set[int] = set()

    def write(number: int) -> None:
        try:
            write_all(number)
        finally:
            done.add(number)
            if len(done) == WRITERS:
                written.set()

    def write_all(number: int) -> None:
        task = app.do(actor, app.tasks.create, {"title": f"{number}"})
        for step in range(WRITES):
            task = app.do(actor, app.tasks.edit, task.id, {"description": f"{step}"})
            if step % 4 == number % 4:
                app.do(actor, app.tasks.edit, common.id, {"description": f"{number}.{step}"})
        app.do(actor, app.tasks.create, {"title": f"{number}, once more"})

    seen = race(partial(follow, app.store, actor.user_id, written), *(partial(write, n) for n in range(WRITERS)))[0]
    assert isinstance(seen, list)
    with app.store.reading(actor) as work:
        return seen, {entry.id: entry.version for entry in work.feed.entries(actor.user_id, DEFAULT_TYPES)}


def missed(entries: list[tuple[UUID, int]], stored: dict[UUID, int]) -> set[UUID]:
    """Return the items whose stored version was not read. Fails on repeated or unordered versions."""
    versions = defaultdict(list)
    for item_id, version in entries:
        versions[item_id].append(version)
    for item_id, seen in versions.items():
        assert seen == sorted(set(seen)), f"{item_id} has the versions {seen}"
    return {item_id for item_id, version in stored.items() if version not in versions[item_id]}


@pytest.fixture
def app(store: Storage, clock: ManualClock) -> App:
    return App(store, clock)


@pytest.fixture
def actor(app: App) -> SessionActor:
    return app.actor(app.registration.register({"username": "alice"}, "correct horse"))


@on_sql
def test_a_reader_of_a_feed_misses_no_change(app: App, actor: SessionActor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SqlFeed, "flush", slowly(SqlFeed.flush))
    seen, stored = race_with_writers(app, actor)
    assert len(stored) == 2 * WRITERS + 1
    assert missed(seen, stored) == set()
    # Each commit has its own position, so the reader has seen the final version of each item once.
    assert {item_id: version for item_id, version in seen if stored[item_id] == version} == stored


@on_postgresql
def test_the_race_detects_a_feed_numbered_by_a_sequence(
    app: App, actor: SessionActor, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sequence gives numbers in another order than that of the commits."""
    database = open_database(backend.url)
    with database.writing() as connection:
        connection.run(f"CREATE SEQUENCE {SEQUENCE}")
    monkeypatch.setattr(sql_feed, "_ADVANCE", text(f"SELECT nextval('{SEQUENCE}')"))
    monkeypatch.setattr(SqlFeed, "flush", slowly(SqlFeed.flush))
    try:
        seen, stored = race_with_writers(app, actor)
    finally:
        with database.writing() as connection:
            connection.run(f"DROP SEQUENCE {SEQUENCE}")
        SqlStore(database, backend.clock, Uuid7Generator()).close()
    assert missed(seen, stored), "the race does not detect numbers that differ from the order of commits"
