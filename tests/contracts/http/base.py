"""Helpers of the HTTP contracts: paths, refusals, and everything that a user can read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

from tests.http import Api, Person, expect

NewApi = Callable[..., Api]
Task = dict[str, Any]


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


TASKS = "/api/tasks/"


DEFAULTS = {
    "description": "",
    "priority": 2,
    "state": "open",
    "start_on": None,
    "due_date": None,
    "is_overdue": False,
    "category": None,
    "parent": None,
    "completed_at": None,
    "version": 1,
}


def path_of(task: dict[str, Any]) -> str:
    return f"{TASKS}{task['id']}/"


def rfc3339(moment: datetime) -> str:
    """A moment as it is answered."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def first_page(person: Person, query: str = "") -> dict[str, Any]:
    """The first page of one of two tasks that the filters let pass."""
    person.task("first of two")
    person.task("second of two")
    page: dict[str, Any] = expect(person.get(f"{TASKS}?limit=1&{query}".rstrip("&")), 200)
    assert page["next_cursor"]
    return page


def create_chain(person: Person, depth: int, top: str | None = None) -> list[dict[str, Any]]:
    """Tasks each under the one before."""
    tasks: list[dict[str, Any]] = []
    for number in range(depth):
        tasks.append(person.task(f"{number}", parent=tasks[-1]["id"] if tasks else top))
    return tasks
