"""Helpers of the unit tests of services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tasktracker.domain.accounts.link_service import create_link
from tasktracker.domain.accounts.links import LinkKind
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import InvalidInput
from tests.fakes import SYSTEM, App

PASSWORD = "correct horse"
UNKNOWN = UUID(int=1)


def register(app: App, username: str) -> SessionActor:
    return app.actor(app.registration.register({"username": username, "email": f"{username}@example.org"}, PASSWORD))


def new_link(
    app: App, actor: SessionActor, kind: LinkKind = LinkKind.RESET_PASSWORD, address: str | None = None
) -> str:
    """Make a one-time link of a user, and return its token."""
    with app.store.writing(SYSTEM) as work:
        user = work.users.find(actor.user_id)
        assert user is not None
        return create_link(work, user, kind, address)


def fields_of(caught: pytest.ExceptionInfo[InvalidInput]) -> list[str]:
    """Return the names of the refused fields."""
    return [error.field for error in caught.value.errors]


def before_next_call(monkeypatch: pytest.MonkeyPatch, target: object, name: str, action: Callable[[], object]) -> None:
    """Run an action before the next call of a method, like a concurrent request."""
    original = getattr(target, name)

    def act_and_call(*arguments: Any, **more: Any) -> Any:
        monkeypatch.undo()
        action()
        return original(*arguments, **more)

    monkeypatch.setattr(target, name, act_and_call)
