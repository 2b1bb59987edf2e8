"""Logging of unexpected errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from tasktracker.entrypoints.logging import TRACEBACKS

SECRET = "the password of a user"


def fail(password: str) -> None:
    token = password + "!"
    raise RuntimeError(f"a message of {len(token)} characters")


def caught(function: Callable[[str], None]) -> Exception:
    with pytest.raises(RuntimeError) as error:
        function(SECRET)
    return error.value


def test_a_traceback_is_logged_without_values_of_variables() -> None:
    event: dict[str, Any] = {"event": "uncaught error", "exc_info": caught(fail)}
    line = structlog.processors.JSONRenderer()(None, "error", TRACEBACKS(None, "error", event))
    assert SECRET not in str(line)
    (exception,) = json.loads(line)["exception"]
    assert (exception["exc_type"], exception["exc_value"]) == ("RuntimeError", "a message of 23 characters")
    assert exception["frames"][-1]["name"] == "fail"
