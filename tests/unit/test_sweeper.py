"""The sweeper of a server: one server sweeps per hour, in limited batches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from typing import Any

import pytest

from tasktracker.domain import housekeeping
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import StorageUnavailable
from tasktracker.domain.sync.cursor import RETENTION
from tasktracker.domain.tasks.trash_service import purge_expired
from tasktracker.entrypoints.http import sweeper as sweeping
from tasktracker.entrypoints.http.core.threads import ThreadRunner
from tasktracker.entrypoints.http.sweeper import Sweeper
from tests.contracts.http.base import problem
from tests.fakes import App
from tests.http import Api, expect

DELETED = 1200


@pytest.fixture
def app() -> App:
    return App.in_memory(idle=timedelta(days=365), absolute=timedelta(days=365))


def new_sweeper(app: App) -> Sweeper:
    return Sweeper(app.housekeeping, app.limiter, app.clock)


def delete_tasks(app: App, actor: SessionActor, number: int) -> None:
    for _ in range(number):
        app.do(actor, app.trash.delete, app.do(actor, app.tasks.create, {"title": "task"}).id)
    app.clock.advance(RETENTION + timedelta(hours=1))


def test_one_server_sweeps_per_hour(app: App, alice: SessionActor) -> None:
    one, other = new_sweeper(app), new_sweeper(app)
    delete_tasks(app, alice, 1)
    assert one.sweep() == 2  # the task, and the registration event
    assert (one.sweep(), other.sweep()) == (None, None)
    app.clock.advance(minutes=59)
    assert other.sweep() is None
    app.clock.advance(minutes=1)
    assert (other.sweep(), one.sweep()) == (0, None)


def test_a_sweep_is_limited_and_the_next_one_continues(
    app: App, alice: SessionActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "MOST", 3)
    delete_tasks(app, alice, 5)
    swept = []
    for _ in range(3):
        swept.append(new_sweeper(app).sweep())
        app.clock.advance(hours=1)
    # Three tasks, three changes of the other two, and the registration event; then these two tasks.
    assert swept == [3 + 3 + 1, 2, 0]


def test_an_unfinished_sweep_continues_within_the_hour(
    app: App, alice: SessionActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the limit of a sweep would be the limit per hour."""
    monkeypatch.setattr(sweeping, "MOST", 3)
    one, other = new_sweeper(app), new_sweeper(app)
    delete_tasks(app, alice, 5)
    assert (one.sweep(), other.sweep(), one.sweep()) == (3 + 3 + 1, 2, None)


def test_a_sweep_ends_early_when_the_server_stops(
    app: App, alice: SessionActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete_tasks(app, alice, DELETED)
    sweeper = new_sweeper(app)
    purge = purge_expired

    def purge_and_stop(*arguments: Any) -> int:
        sweeper.stop()
        return int(purge(*arguments))

    monkeypatch.setattr(housekeeping, "purge_expired", purge_and_stop)
    assert 0 < (sweeper.sweep() or 0) < DELETED


def test_a_failed_sweep_is_retried(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "LOOK_SECONDS", 0.001)
    outcomes: list[Callable[[], int]] = []

    def fail() -> int:
        raise StorageUnavailable

    def break_() -> int:
        raise ZeroDivisionError

    class Sweeping(Sweeper):
        def sweep(self) -> int | None:
            if len(outcomes) == 3:
                raise asyncio.CancelledError
            outcomes.append((fail, break_, lambda: 1)[len(outcomes)])
            return outcomes[-1]()

    async def run() -> None:
        with suppress(asyncio.CancelledError), closing(ThreadRunner(1, "requests")) as threads:
            await Sweeping(app.housekeeping, app.limiter, app.clock).run(threads)

    asyncio.run(asyncio.wait_for(run(), 10))
    assert len(outcomes) == 3


def test_a_running_server_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "LOOK_SECONDS", 0.02)
    with Api("memory://") as api:
        alice = api.register()
        restore = f"/api/tasks/{alice.task()['id']}/restore/"
        expect(alice.delete(restore.replace("restore/", "")), 204)
        api.clock.advance(days=31)
        phone = api.login(alice)
        deadline = time.monotonic() + 10
        while phone.listed("/api/trash/"):
            assert time.monotonic() < deadline, "the server does not sweep"
            time.sleep(0.02)
        problem(phone.post(restore), 404, "task-not-found")
