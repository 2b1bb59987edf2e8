"""Services in memory, and two of their users."""

from __future__ import annotations

import pytest

from tasktracker.domain.kernel.actors import SessionActor
from tests.fakes import App
from tests.unit.base import register


@pytest.fixture
def app() -> App:
    return App.in_memory()


@pytest.fixture
def alice(app: App) -> SessionActor:
    return register(app, "alice")


@pytest.fixture
def bob(app: App) -> SessionActor:
    return register(app, "bob")
