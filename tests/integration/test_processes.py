"""Many clients change the same things by way of two server processes: nothing is lost, done twice or let through."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from http.client import HTTPException
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.contracts.http.base import problem
from tests.dying_server import DIE
from tests.http import Person, Server, expect, migrated
from tests.postgres import DatabaseFactory
from tests.security.processes import THIS_CODE, Pair, Wire, at_once

CLIENTS = 8
REPOSITORY = Path(__file__).parents[2]
SETTINGS = {"THROTTLE": "off"}


@pytest.fixture(params=["postgresql", "sqlite"], scope="module")
def url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url_factory: DatabaseFactory
) -> str:
    sqlite = f"sqlite:///{tmp_path_factory.mktemp('processes')}/tasks.db"
    return migrated(sqlite if request.param == "sqlite" else postgres_url_factory.create_database())


@pytest.fixture(scope="module")
def pair(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with Pair(tmp_path_factory.mktemp("servers"), url, **SETTINGS) as pair:
        yield pair


@pytest.fixture
def alice(pair: Pair) -> Person:
    return pair.visitor().register()


def clients(pair: Pair, person: Person, number: int = CLIENTS) -> list[Person]:
    """The person at so many clients, half of them at either process."""
    return [person if each % 2 else pair.beside(person) for each in range(number)]


def until_answered(call: Any) -> httpx.Response:
    """Try again what the database was too busy for: nothing was done."""
    while (response := call()).status_code == 503:
        time.sleep(0.05)
    answered: httpx.Response = response
    return answered


class TestUpdates:
    def test_of_appends_that_heed_versions_exactly_those_that_succeed_are_there(
        self, pair: Pair, alice: Person
    ) -> None:
        task = alice.task(description="")
        path = f"/api/tasks/{task['id']}/"

        def append(client: Person, markers: list[str]) -> dict[str, int]:
            answers = {}
            for marker in markers:
                read = client.get(path)
                seen = expect(read, 200)
                body = {"description": seen["description"] + marker}
                headers = {"If-Match": read.headers["etag"]}
                answers[marker] = until_answered(partial(client.patch, path, body, headers=headers)).status_code
            return answers

        everybody = clients(pair, alice)
        markers = [f"<{number}>" for number in range(104)]
        shares = [markers[number::CLIENTS] for number in range(CLIENTS)]
        parts = at_once([partial(append, client, share) for client, share in zip(everybody, shares, strict=True)])
        answers = {marker: status for part in parts for marker, status in part.items()}
        assert len(answers) == 104
        assert set(answers.values()) <= {200, 412}
        final = expect(alice.get(path), 200)
        kept = {marker for marker in markers if marker in final["description"]}
        assert kept == {marker for marker, status in answers.items() if status == 200}
        assert len(final["description"]) == sum(map(len, kept)), "none is there twice"
        assert final["version"] == 1 + len(kept)
        assert Counter(answers.values())[412], "they did not get in each other's way"

    def test_edits_of_different_fields_all_stand(self, pair: Pair, alice: Person) -> None:
        task = alice.task()
        path = f"/api/tasks/{task['id']}/"
        categories = [alice.category()["id"] for _ in range(13)]
        parents = [alice.task()["id"] for _ in range(13)]
        values: dict[str, list[Any]] = {
            "title": [f"title {number}" for number in range(13)],
            "description": [f"description {number}" for number in range(13)],
            "priority": [number % 4 + 1 for number in range(13)],
            "state": [("open", "in_progress", "cancelled")[number % 3] for number in range(13)],
            "due_date": [f"2030-01-{number + 1:02}T00:00:00Z" for number in range(13)],
            "category": categories,
            "parent": parents,
        }

        def edit(client: Person, name: str) -> list[int]:
            return [until_answered(partial(client.patch, path, {name: value})).status_code for value in values[name]]

        everybody = clients(pair, alice, len(values))
        statuses = at_once([partial(edit, client, name) for client, name in zip(everybody, values, strict=True)])
        assert [set(each) for each in statuses] == [{200}] * len(values)
        final = expect(alice.get(path), 200)
        assert {name: final[name] for name in values} == {name: each[-1] for name, each in values.items()}
        history = alice.listed(f"{path}history/")
        assert [change["version"] for change in history] == list(range(final["version"], 0, -1))
        for name, each in values.items():
            # Telling the task its own value is no change: where the first of them is the default, it is not told.
            changed = [value for number, value in enumerate(each) if value != each[number - 1] or not number]
            told = [change["fields"][name]["after"] for change in history[:-1] if name in change["fields"]][::-1]
            assert told in (changed, changed[1:])


class TestIdempotency:
    def test_of_fifty_requests_with_one_key_one_is_done(self, pair: Pair, alice: Person) -> None:
        key = {"Idempotency-Key": str(uuid4())}
        body = {"title": "once", "description": "x" * 1000}
        everybody = clients(pair, alice, 50)
        answers = at_once([partial(client.post, "/api/tasks/", body, headers=key) for client in everybody])
        assert {answer.status_code for answer in answers} <= {201, 409}
        done = [answer for answer in answers if answer.status_code == 201]
        for answer in answers:
            if answer.status_code == 409:
                problem(answer, 409, "idempotency-key-in-use")
                assert int(answer.headers["retry-after"]) > 0
        assert sum("idempotency-replayed" not in answer.headers for answer in done) == 1
        assert len({(answer.content, answer.headers["etag"], answer.headers["location"]) for answer in done}) == 1
        assert alice.titles() == ["once"]
        problem(alice.post("/api/tasks/", {"title": "other"}, headers=key), 422, "idempotency-key-reused")
        assert alice.titles() == ["once"]

    def test_a_server_that_dies_before_it_answers_has_done_it_once(self, url: str, tmp_path: Path) -> None:
        paths = f"{REPOSITORY}:{THIS_CODE['PYTHONPATH']}"
        with Server(tmp_path, **{**THIS_CODE, **SETTINGS, "PYTHONPATH": paths, "DATABASE_URL": url}) as server:
            server.stop()
            server.command = [sys.executable, "-m", "tests.dying_server"]
            server.start()
            alice = server.register()
            key = {"Idempotency-Key": "the-same"}
            with pytest.raises(httpx.TransportError):
                alice.post("/api/tasks/", {"title": "once"}, headers={**key, DIE: "now"})
            assert server.wait() == -9
            server.start()
            assert alice.titles() == ["once"]
            answer = alice.post("/api/tasks/", {"title": "once"}, headers=key)
            created = expect(answer, 201)
            assert answer.headers["idempotency-replayed"] == "true"
            assert answer.headers["etag"] == '"1"'
            assert answer.headers["location"] == f"/api/tasks/{created['id']}/"
            assert alice.listed("/api/tasks/") == [created]

    def test_a_server_that_is_killed_at_any_moment_has_done_each_once_or_not_at_all(
        self, pair: Pair, alice: Person
    ) -> None:
        keys = [str(uuid4()) for _ in range(120)]
        begun = Event()

        def send(number: int) -> None:
            connection = Wire(pair.servers[0].port)
            for key in keys[number::CLIENTS]:
                with suppress(HTTPException, OSError):
                    connection.send("POST", "/api/tasks/", {"title": key}, alice.access, **{"Idempotency-Key": key})
                begun.set()
            connection.close()

        def kill() -> None:
            begun.wait(10)
            time.sleep(0.08)
            pair.servers[0].kill()

        calls: list[Callable[[], None]] = [partial(send, number) for number in range(CLIENTS)]
        at_once([*calls, kill])
        there = alice.through(pair.servers[1].client)
        done = Counter(there.titles())
        assert all(count == 1 for count in done.values())
        ids = {}
        for key in keys:
            headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
            # The very same bytes.
            content = json.dumps({"title": key})
            again = partial(there.request, "POST", "/api/tasks/", content=content, headers=headers)
            answer = until_answered(again)
            ids[expect(answer, 201)["id"]] = key
            assert ("idempotency-replayed" in answer.headers) is (key in done)
        assert {task["id"]: task["title"] for task in there.listed("/api/tasks/")} == ids
        assert len(ids) == len(keys)
        pair.servers[0].start()


class TestSharing:
    def test_nothing_is_written_by_somebody_who_was_removed(self, pair: Pair, alice: Person) -> None:
        bob = pair.visitor(1).register()
        task = alice.task()
        path = f"/api/tasks/{task['id']}/"
        expect(alice.post(f"{path}shares/", {"username": bob.username, "role": "editor"}), 201)
        begun = Event()

        def write(client: Person, number: int) -> list[tuple[str, int]]:
            answers = []
            for step in range(25):
                marker = f"{number}.{step}"
                answer = until_answered(partial(client.patch, path, {"description": marker}))
                answers.append((marker, answer.status_code))
                begun.set()
            return answers

        def remove() -> list[tuple[str, int]]:
            begun.wait(10)
            time.sleep(0.1)
            expect(until_answered(partial(alice.delete, f"{path}shares/{bob.id}/")), 204)
            return []

        calls: list[Callable[[], list[tuple[str, int]]]] = [
            partial(write, client, number) for number, client in enumerate(clients(pair, bob))
        ]
        answers = [answer for part in at_once([*calls, remove]) for answer in part]
        assert len(answers) == 200
        assert {status for _, status in answers} == {200, 404}
        history = alice.listed(f"{path}history/")
        (removal,) = [change["version"] for change in history if change["action"] == "unshare"]
        by_bob = [change for change in history if change["actor"]["id"] == bob.id]
        assert max(change["version"] for change in by_bob) < removal
        assert sorted(change["fields"]["description"]["after"] for change in by_bob) == sorted(
            marker for marker, status in answers if status == 200
        )
        assert expect(alice.get(path), 200)["version"] == removal
