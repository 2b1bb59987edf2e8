"""The services and two users on each storage."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tasktracker.domain.jobs import service
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.work import Storage
from tests.fakes import App, ManualClock
from tests.unit.base import register


@pytest.fixture(autouse=True, scope="module")
def unpaused_jobs() -> Iterator[None]:
    """Run the pieces of a job without a pause: no other process waits for its turn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "MIN_PAUSE", 0.0)
        yield


@pytest.fixture
def app(store: Storage, clock: ManualClock) -> App:
    return App(store, clock)


@pytest.fixture
def alice(app: App) -> SessionActor:
    return register(app, "alice")


@pytest.fixture
def bob(app: App) -> SessionActor:
    return register(app, "bob")
