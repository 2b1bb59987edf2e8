"""Binding of services to the controllers that annotate them."""

from __future__ import annotations

import pytest
from litestar import Controller, Litestar, get
from litestar.testing import TestClient

from tasktracker.entrypoints.http.core.controllers import bind


class Greeter(Controller):
    path = "/greeting"

    words: str
    name: str

    @get("/", sync_to_thread=False)
    def greet(self) -> str:
        return f"{self.words} {self.name}"


def test_several_applications_have_separate_services() -> None:
    one = bind(Greeter, {"words": lambda: "Hello,", "name": lambda: "Ada"})
    other = bind(Greeter, {"words": lambda: "Hi,", "name": lambda: "Bob"})
    greetings = []
    for controller in (one, other):
        with TestClient(Litestar([controller], openapi_config=None, logging_config=None)) as client:
            greetings.append(client.get("/greeting").text)
    assert greetings == ["Hello, Ada", "Hi, Bob"]


def test_only_annotated_services_are_bound() -> None:
    def fail() -> str:
        raise AssertionError("it is not annotated")

    bound = bind(Greeter, {"words": lambda: "Hello,", "name": lambda: "Ada", "other": fail})
    assert not hasattr(bound, "other")
    assert not hasattr(Greeter, "words"), "the controller class does not change"


def test_a_missing_service_is_named() -> None:
    with pytest.raises(LookupError, match="Greeter needs the service 'name'"):
        bind(Greeter, {"words": lambda: "Hello,"})
