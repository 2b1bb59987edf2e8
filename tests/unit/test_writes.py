"""The write boundary: when the response to a write is rendered."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from litestar import Response

from tasktracker.domain.kernel.actors import Actor, SessionActor
from tasktracker.domain.work import UnitOfWork
from tasktracker.entrypoints.http.core.idempotency import Answer, Writes, no_content
from tests.fakes import SYSTEM, App

PATH = "/api/tasks/"


class FakeRequest:
    """The attributes of a request that the boundary reads."""

    method = "POST"

    def __init__(self, user: SessionActor, *headers: tuple[bytes, bytes]) -> None:
        self.user = user
        self.state = SimpleNamespace()
        self.scope = {"path": PATH, "headers": headers}


def answer(app: App, request: Any, log: list[str]) -> Response[Any]:
    """Answer a request, and log whether another unit of work can be opened during rendering."""

    def write(work: UnitOfWork[Actor]) -> None:
        log.append("written")

    def render(_: None) -> Answer:
        try:
            with app.store.writing(SYSTEM):
                log.append("rendered after the unit of work")
        except RuntimeError:  # a unit of work is open in this thread
            log.append("rendered within the unit of work")
        return no_content(None)

    return Writes(app.store).answer(request, b"", write, render)


def test_a_response_without_a_key_is_rendered_after_the_unit_of_work(app: App, alice: SessionActor) -> None:
    log: list[str] = []
    for _ in range(2):
        assert answer(app, FakeRequest(alice), log).status_code == 204
    assert log == ["written", "rendered after the unit of work"] * 2


def test_a_response_with_a_key_is_rendered_within_the_unit_of_work(app: App, alice: SessionActor) -> None:
    log: list[str] = []
    request = FakeRequest(alice, (b"idempotency-key", b"once"))
    for _ in range(2):
        assert answer(app, request, log).status_code == 204
    assert log == ["written", "rendered within the unit of work"]
