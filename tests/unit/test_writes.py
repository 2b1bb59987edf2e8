"""The write boundary: what a request does, and when its answer is rendered."""

from __future__ import annotations

from typing import Any

import pytest
from litestar import Response

from tasktracker.domain.kernel.actors import Actor, SessionActor
from tasktracker.domain.work import UnitOfWork
from tasktracker.entrypoints.http.core.idempotency import Answer, Writes, no_content
from tests.fakes import SYSTEM, App

PATH = "/api/tasks/"


class Sent:
    """As much of a request as the boundary looks at."""

    method = "POST"

    def __init__(self, user: SessionActor, *headers: tuple[bytes, bytes]) -> None:
        self.user = user
        self.scope = {"path": PATH, "headers": headers}


@pytest.fixture
def app() -> App:
    return App.in_memory()


@pytest.fixture
def alice(app: App) -> SessionActor:
    return app.actor(app.registration.register({"username": "alice"}, "correct horse"))


def answer(app: App, request: Any, log: list[str]) -> Response[Any]:
    """Answer a request, noting whether other work can be begun while it is rendered."""

    def write(work: UnitOfWork[Actor]) -> None:
        log.append("written")

    def render(_: None) -> Answer:
        try:
            with app.store.writing(SYSTEM):
                log.append("rendered after the work")
        except RuntimeError:  # there is one open in this thread
            log.append("rendered within the work")
        return no_content(None)

    return Writes(app.store).answer(request, b"", write, render)


def test_a_response_without_a_key_is_rendered_after_the_unit_of_work(app: App, alice: SessionActor) -> None:
    log: list[str] = []
    for _ in range(2):
        assert answer(app, Sent(alice), log).status_code == 204
    assert log == ["written", "rendered after the work"] * 2


def test_a_response_with_a_key_is_rendered_within_the_unit_of_work(app: App, alice: SessionActor) -> None:
    log: list[str] = []
    request = Sent(alice, (b"idempotency-key", b"once"))
    for _ in range(2):
        assert answer(app, request, log).status_code == 204
    assert log == ["written", "rendered within the work"]
