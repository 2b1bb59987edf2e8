"""The services and two users on each storage."""

from __future__ import annotations

import pytest

from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.work import Storage
from tests.fakes import App, ManualClock
from tests.unit.base import register


@pytest.fixture
def app(store: Storage, clock: ManualClock) -> App:
    return App(store, clock)


@pytest.fixture
def alice(app: App) -> SessionActor:
    return register(app, "alice")


@pytest.fixture
def bob(app: App) -> SessionActor:
    return register(app, "bob")
