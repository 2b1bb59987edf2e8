"""Helpers of the HTTP contracts: paths, refusals, and test data."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.http import Api, Person, expect

# Words of Python and its libraries, which mean nothing to a user of the API.
PYTHON = re.compile(r"\b(int|str|bool|uuid|datetime|enum|RFC3339|[Ee]xpected|got)\b")

NewApi = Callable[..., Api]
Task = dict[str, Any]


def problem(response: httpx.Response, status: int, slug: str, *fields: str) -> dict[str, Any]:
    """Return a refusal. It must have this status and type, and name exactly these fields."""
    body: dict[str, Any] = expect(response, status)
    assert response.headers["content-type"] == "application/problem+json"
    assert (body["type"], body["status"]) == (f"/problems/{slug}", status)
    assert sorted(error["field"] for error in body.get("errors", ())) == sorted(fields), body
    assert all(error["message"] for error in body.get("errors", ()))
    return body


def invalid(response: httpx.Response, *fields: str) -> dict[str, Any]:
    """Return a refusal of bad input, which must name exactly these fields."""
    body = problem(response, 400, "invalid-input", *fields)
    for error in body["errors"]:
        assert not PYTHON.search(error["message"]), error
    return body


def everything(user: Person) -> dict[str, Any]:
    """Return everything that a user can read."""
    return {
        "profile": expect(user.get("/api/accounts/me/"), 200),
        "sessions": user.listed("/api/accounts/sessions/"),
        "categories": user.listed("/api/categories/"),
        "tasks": user.listed("/api/tasks/"),
        "trash": user.listed("/api/trash/"),
    }


TASKS = "/api/tasks/"
CATEGORIES = "/api/categories/"
DEFAULTS = {
    "description": "",
    "priority": 2,
    "state": "open",
    "start_on": None,
    "due_on": None,
    "due_date": None,
    "recurrence": None,
    "series": None,
    "slot": None,
    "next": None,
    "is_overdue": False,
    "category": None,
    "parent": None,
    "completed_at": None,
    "version": 1,
}


def path_of(task: dict[str, Any]) -> str:
    return f"{TASKS}{task['id']}/"


def rfc3339(moment: datetime) -> str:
    """Format a time like a response does."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def first_page(user: Person, query: str = "") -> dict[str, Any]:
    """Create two tasks and return a page with one of them."""
    user.task("first of two")
    user.task("second of two")
    page: dict[str, Any] = expect(user.get(f"{TASKS}?limit=1&{query}".rstrip("&")), 200)
    assert page["next_cursor"]
    return page


def create_chain(user: Person, depth: int) -> list[dict[str, Any]]:
    """Create tasks, each a subtask of the previous one."""
    tasks: list[dict[str, Any]] = []
    for number in range(depth):
        tasks.append(user.task(f"{number}", parent=tasks[-1]["id"] if tasks else None))
    return tasks
