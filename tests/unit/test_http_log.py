"""Logging of unexpected errors."""

from __future__ import annotations

import asyncio
import io
import json
import logging as standard_logging
import re
from collections.abc import Callable, Iterator
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from sqlalchemy import create_engine

from tasktracker.entrypoints import logging
from tasktracker.entrypoints.http.core import middleware
from tasktracker.entrypoints.http.core.middleware import ResponseMiddleware
from tasktracker.entrypoints.logging import TRACEBACKS
from tasktracker.entrypoints.settings import load

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


def test_a_cancelled_request_is_logged_without_a_traceback() -> None:
    async def cancelled(*_: object) -> None:
        raise asyncio.CancelledError

    scope: Any = {
        "type": "http",
        "method": "GET",
        "headers": [(b"host", b"x")],
        "path_template": "/health/live",
    }
    nothing: Any = None
    with structlog.testing.capture_logs() as logs:
        asyncio.run(ResponseMiddleware(cancelled, {})(scope, nothing, nothing))
    assert [(each["event"], each["route"], each["log_level"]) for each in logs] == [
        ("request cancelled", "/health/live", "warning"),
        ("request", "/health/live", "info"),
    ]
    assert logs[-1]["status"] is None


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_request_is_logged_and_observed_with_its_method_route_status_time_and_user(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    async def answer(scope: Any, _: object, send: Any) -> None:
        scope["user"] = SimpleNamespace(user_id=7)
        await send({"type": "http.response.start", "status": HTTPStatus.ACCEPTED, "headers": []})

    async def sent(_: object) -> None:
        pass

    nothing: Any = None
    to: Any = sent
    observed: list[object] = []
    scope: Any = {"type": "http", "method": method, "headers": [(b"host", b"x")], "path_template": "/x"}
    monkeypatch.setattr(middleware, "perf_counter", iter([1.0, 1.25]).__next__)
    tested = ResponseMiddleware(answer, {}, observe=lambda *seen: observed.append(seen))
    with structlog.testing.capture_logs() as logs:
        asyncio.run(tested(scope, nothing, to))
    assert observed == [(method, "/x", 202, 0.25)]
    entry = {"method": method, "route": "/x", "status": 202, "duration_ms": 250, "user": "7"}
    assert logs == [{"event": "request", "log_level": "info", **entry}]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Restores the log of this process after the test."""
    root = standard_logging.getLogger()
    before, handlers, level = structlog.get_config(), root.handlers[:], root.level
    root.handlers.clear()
    structlog.contextvars.clear_contextvars()
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("tasktracker", "uvicorn.error"):
        standard_logging.getLogger(name).setLevel(standard_logging.NOTSET)


def logged(stream: io.StringIO, **settings: str) -> list[str]:
    """Write three lines to the log with these settings, and return them."""
    logging.configure(load(settings, None), stream)
    structlog.get_logger().info("request", status=200, method="GET", user=None)
    standard_logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
    standard_logging.getLogger("alembic").info("Running upgrade")
    return stream.getvalue().splitlines()


@pytest.mark.usefixtures("restored_logging")
class TestFormat:
    def test_development_logs_short_lines(self) -> None:
        request, started = logged(io.StringIO())
        assert re.fullmatch(r"\d\d:\d\d:\d\d \[info\] request status=200 method=GET user=None", request)
        assert re.fullmatch(r"\d\d:\d\d:\d\d \[info\] Started server process \[7\]", started)

    def test_only_a_terminal_gets_colours(self) -> None:
        assert "\x1b[" not in "".join(logged(io.StringIO()))
        assert "\x1b[" in logged(Terminal())[0]

    def test_debug_adds_the_messages_of_libraries(self) -> None:
        assert logged(io.StringIO(), DEBUG="true")[-1].endswith("[info] Running upgrade")

    def test_messages_of_the_domain_are_logged(self) -> None:
        stream = io.StringIO()
        logging.configure(load({}, None), stream)
        standard_logging.getLogger("tasktracker.domain.kernel").info("a finding")
        assert stream.getvalue().endswith("[info] a finding\n")

    def test_debug_shows_no_statements(self) -> None:
        logged(io.StringIO(), DEBUG="true")
        assert not standard_logging.getLogger(create_engine.__module__).isEnabledFor(standard_logging.INFO)

    def test_production_logs_json(self) -> None:
        key = "0123456789abcdef0123456789abcdef"
        stream = Terminal()
        with structlog.contextvars.bound_contextvars(request_id="its id"):
            request, started = map(json.loads, logged(stream, ENVIRONMENT="production", SECRET_KEYS=key))
            structlog.get_logger().error("uncaught error", exc_info=caught(fail))
        failed = json.loads(stream.getvalue().splitlines()[-1])
        assert request.pop("timestamp").endswith("Z")
        line = {"event": "request", "level": "info", "method": "GET", "status": 200, "user": None}
        assert request == {**line, "request_id": "its id"}
        assert (started["event"], started["logger"]) == ("Started server process [7]", "uvicorn.error")
        assert (failed["request_id"], failed["exception"][0]["exc_type"]) == ("its id", "RuntimeError")
