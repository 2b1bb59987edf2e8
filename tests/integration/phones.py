"""Devices in this process, with the real application and a network that the test controls."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tasktracker_client import Replica
from tests.http import PASSWORD, Api, Person, expect
from tests.line import Line

URL = "http://testserver.local/api"


class Phone(Replica):
    """A replica with a network that the test controls."""

    def __init__(self, path: Path, api: Api) -> None:
        self.path = path
        self.line = Line(api.client)
        self.waits: list[float] = []
        super().__init__(path, URL, client=httpx.Client(transport=self.line), sleep=self.waits.append)

    def titles(self) -> list[str]:
        return sorted(task.title for task in self.tasks())

    def sql(self, statement: str) -> list[Any]:
        """Run a statement on the file of the replica."""
        database = sqlite3.connect(self.path, isolation_level=None)
        try:
            return database.execute(statement).fetchall()
        finally:
            database.close()


Add = Callable[..., Phone]
Open = Callable[..., Replica]
Result = dict[str, Any]


def in_sync(*phones: Phone) -> None:
    for phone in phones:
        phone.sync()
    for phone in phones:
        assert phone.verify().is_in_sync
        assert not phone.pending


def api_token(person: Person) -> str:
    """Create an API token with which a device can sync."""
    scopes = {"name": "script", "scopes": ["tasks:read", "tasks:write"]}
    return str(expect(person.post("/api/accounts/tokens/", {**scopes, "password": PASSWORD}), 201)["token"])


def answering(*answers: Callable[[Result], Result]) -> Callable[[httpx.Request], httpx.Response | None]:
    """Answer the mutations of the next push by these results."""
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response | None:
        if request.method != "POST" or not left:
            return None
        sent = json.loads(request.content)["mutations"]
        made, left[:] = left[: len(sent)], left[len(sent) :]
        results = [{"id": each["id"], **make(each)} for each, make in zip(sent, made, strict=True)]
        return httpx.Response(200, json={"results": results})

    return answer


def applied(_: Result, **more: object) -> Result:
    return {"status": "applied", "version": 1, "conflicts": {}, "problem": None, **more}


def rejected(_: Result, **more: object) -> Result:
    body = {"type": "/problems/no", "title": "No", "status": 409}
    return {"status": "rejected", "version": None, "conflicts": {}, "problem": body, **more}


def sent_by(phone: Phone) -> list[Result]:
    """Return the mutations that the phone sends from now on."""
    bodies: list[Result] = []

    def note(request: httpx.Request) -> None:
        if request.method == "POST":
            bodies.extend(json.loads(request.content)["mutations"])

    phone.line.before = note
    return bodies
