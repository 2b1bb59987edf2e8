"""What the HTTP contracts stand on: the application, some people, and what a refusal looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.fakes import ManualClock
from tests.http import Api, Person, expect

NewApi = Callable[..., Api]


class HttpContract:
    """The fixtures of every HTTP contract."""

    @pytest.fixture
    def shared(self) -> Api:
        """The application on a storage, shared by many tests, each with people of its own."""
        raise NotImplementedError

    @pytest.fixture
    def api(self, shared: Api) -> Api:
        """The application, at a whole second later than all that has happened."""
        shared.clock.set(shared.clock.now().replace(microsecond=0) + timedelta(seconds=1))
        return shared

    @pytest.fixture
    def new_api(self, api: Api) -> Iterator[NewApi]:
        """Makes another application on the same storage, with other settings: `new_api(REFRESH_GRACE_SECONDS="0")`."""
        with ExitStack() as stack:
            yield lambda **settings: stack.enter_context(api.beside(**settings))

    @pytest.fixture
    def clock(self, api: Api) -> ManualClock:
        """The clock that the application goes by."""
        return api.clock

    @pytest.fixture
    def alice(self, api: Api) -> Person:
        return api.register()

    @pytest.fixture
    def bob(self, api: Api) -> Person:
        """A stranger to alice."""
        return api.register()


def problem(response: httpx.Response, status: int, slug: str, *fields: str) -> dict[str, Any]:
    """Return a refusal, which must be of this status and kind and name exactly these fields as bad."""
    body: dict[str, Any] = expect(response, status)
    assert response.headers["content-type"] == "application/problem+json"
    assert (body["type"], body["status"]) == (f"/problems/{slug}", status)
    assert sorted(error["field"] for error in body.get("errors", ())) == sorted(fields), body
    assert all(error["message"] for error in body.get("errors", ()))
    return body


def invalid(response: httpx.Response, *fields: str) -> dict[str, Any]:
    """Return a refusal of input, in which these and no other fields are bad."""
    return problem(response, 400, "invalid-input", *fields)


def everything(person: Person) -> dict[str, Any]:
    """All that can be read by a person."""
    return {
        "profile": expect(person.get("/api/accounts/me/"), 200),
        "sessions": person.listed("/api/accounts/sessions/"),
        "categories": person.listed("/api/categories/"),
        "tasks": person.listed("/api/tasks/"),
        "trash": person.listed("/api/trash/"),
    }


def nowhere(path: str) -> str:
    """The path of something that does not exist."""
    return path.format(id=uuid4())
