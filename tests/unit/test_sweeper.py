"""Servers sweep by themselves: from time to time, one server after the other, and not after they have stopped."""

from __future__ import annotations

from contextvars import copy_context
from datetime import timedelta
from math import inf
from threading import Event
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from tasktracker.domain import housekeeping
from tasktracker.domain.housekeeping import HousekeepingService
from tasktracker.domain.kernel import deadline
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.deadline import Deadline
from tasktracker.domain.kernel.retention import RETENTION
from tasktracker.domain.tasks.trash_service import purge_expired
from tasktracker.entrypoints.worker import sweeper as sweeping
from tasktracker.entrypoints.worker.sweeper import Sweeper
from tests.contracts.http.base import problem
from tests.fakes import App
from tests.http import Api, expect
from tests.waiting import wait_until

PASSWORD = "correct horse"
DELETED = 12


@pytest.fixture
def app() -> App:
    return App.in_memory(idle=timedelta(days=365), absolute=timedelta(days=365))


@pytest.fixture
def alice(app: App) -> SessionActor:
    return app.actor(app.registration.register({"username": "alice"}, PASSWORD))


def a_sweeper(app: App) -> Sweeper:
    return Sweeper(app.housekeeping, app.limiter, app.clock)


def delete_some(app: App, actor: SessionActor, number: int) -> None:
    for _ in range(number):
        app.do(actor, app.trash.delete, app.do(actor, app.tasks.create, {"title": "task"}).id)
    app.clock.advance(RETENTION + timedelta(hours=1))


def test_one_server_sweeps_per_hour(app: App, alice: SessionActor) -> None:
    one, other = a_sweeper(app), a_sweeper(app)
    delete_some(app, alice, 1)
    with capture_logs() as logs:
        assert one.sweep() == 2  # the task, and the event of registering
    assert [(each["event"], each["removed"]) for each in logs] == [("swept", 2)]
    assert (one.sweep(), other.sweep()) == (None, None)
    app.clock.advance(minutes=59)
    assert other.sweep() is None
    app.clock.advance(minutes=1)
    assert (other.sweep(), one.sweep()) == (0, None)


def test_a_sweep_is_limited_and_the_next_one_continues(
    app: App, alice: SessionActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "MAX_PER_SWEEP", 3)
    delete_some(app, alice, 5)
    swept = []
    for _ in range(3):
        swept.append(a_sweeper(app).sweep())
        app.clock.advance(hours=1)
    # Three tasks, three entries in the histories of the other two, and the event of registering; then these two.
    assert swept == [3 + 3 + 1, 2, 0]


def test_an_unfinished_sweep_continues_within_the_hour(
    app: App, alice: SessionActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or else no more than that could be done in an hour, however much becomes due."""
    monkeypatch.setattr(sweeping, "MAX_PER_SWEEP", 3)
    one, other = a_sweeper(app), a_sweeper(app)
    delete_some(app, alice, 5)
    assert (one.sweep(), other.sweep(), one.sweep()) == (3 + 3 + 1, 2, None)


def test_a_sweep_that_removed_the_maximum_continues_within_the_hour(app: App) -> None:
    given: list[object] = []

    def sweep(removed: int, is_stopping: bool = False) -> int | None:
        def stopping() -> bool:
            return is_stopping

        def of_housekeeping(limit: int, asked: object) -> int:
            given.append((limit, asked is stopping))
            return removed

        done = cast(HousekeepingService, SimpleNamespace(sweep=of_housekeeping))
        return Sweeper(done, app.limiter, app.clock).sweep(stopping)

    most = sweeping.MAX_PER_SWEEP
    assert [sweep(removed) for removed in (most, most - 1, 1)] == [most, most - 1, None]
    app.clock.advance(hours=1)
    assert [sweep(most, is_stopping=True), sweep(1)] == [most, None], "a process that stops leaves its turn"
    assert given == [(most, True)] * 3


def test_a_sweep_ends_early_when_the_server_stops(
    app: App, alice: SessionActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 5)
    delete_some(app, alice, DELETED)
    stopping = Event()
    purge = purge_expired

    def purge_and_stop(*arguments: Any) -> int:
        stopping.set()
        return int(purge(*arguments))

    monkeypatch.setattr(housekeeping, "purge_expired", purge_and_stop)
    assert 0 < (a_sweeper(app).sweep(stopping.is_set) or 0) < DELETED


def test_a_running_server_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "CHECK_SECONDS", 0.02)
    with Api("memory://") as api:
        alice = api.register()
        restore = f"/api/tasks/{alice.task()['id']}/restore/"
        expect(alice.delete(restore.replace("restore/", "")), 204)
        api.clock.advance(days=31)
        phone = api.login(alice)
        wait_until(lambda: not phone.listed("/api/trash/"), "the server does not sweep")
        problem(phone.post(restore), 404, "task-not-found")


def test_the_rest_of_a_sweep_waits_for_the_next_check(app: App) -> None:
    asked: list[object] = []

    def is_stopping() -> bool:
        return False

    def of_housekeeping(_: int, asked_for: object) -> int:
        asked.append(asked_for)
        return 9

    done = cast(HousekeepingService, SimpleNamespace(sweep=of_housekeeping))
    until = Deadline(0)
    context = copy_context()
    context.run(deadline.set_current, until)
    sweeper = Sweeper(done, app.limiter, app.clock)
    result: object = context.run(Sweeper.run_next, sweeper, is_stopping)
    assert (result, asked, until.at) == (None, [is_stopping], inf), "a sweep has no deadline"
