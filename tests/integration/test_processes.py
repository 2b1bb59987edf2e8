"""Concurrent clients of two server processes: no change is lost, repeated or wrongly allowed."""

from __future__ import annotations

import json
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
from tests.dying_server import COMMAND, DIE
from tests.http import Person, Server, expect, until_answered
from tests.security.processes import Pair, Wire, at_once
from tests.waiting import PATIENCE

CLIENTS = 8


@pytest.fixture(scope="module")
def pair(shared_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with Pair(tmp_path_factory.mktemp("servers"), shared_url, THROTTLE="off") as pair:
        yield pair


@pytest.fixture
def alice(pair: Pair) -> Person:
    return pair.visitor().register()


def clients(pair: Pair, person: Person, number: int = CLIENTS) -> list[Person]:
    """Return clients of the user, half of them at each process."""
    return [person if each % 2 else pair.beside(person) for each in range(number)]


class TestUpdates:
    def test_conditional_appends_succeed_or_leave_no_trace(self, pair: Pair, alice: Person) -> None:
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

        everyone = clients(pair, alice)
        markers = [f"<{number}>" for number in range(104)]
        shares = [markers[number::CLIENTS] for number in range(CLIENTS)]
        parts = at_once([partial(append, client, share) for client, share in zip(everyone, shares, strict=True)])
        answers = {marker: status for part in parts for marker, status in part.items()}
        assert len(answers) == 104
        assert set(answers.values()) <= {200, 412}
        final = expect(alice.get(path), 200)
        kept = {marker for marker in markers if marker in final["description"]}
        assert kept == {marker for marker, status in answers.items() if status == 200}
        assert len(final["description"]) == sum(map(len, kept)), "a marker was appended twice"
        assert final["version"] == 1 + len(kept)
        assert Counter(answers.values())[412], "no append was stale"

    def test_concurrent_edits_of_different_fields_are_all_kept(self, pair: Pair, alice: Person) -> None:
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

        everyone = clients(pair, alice, len(values))
        statuses = at_once([partial(edit, client, name) for client, name in zip(everyone, values, strict=True)])
        assert [set(each) for each in statuses] == [{200}] * len(values)
        final = expect(alice.get(path), 200)
        assert {name: final[name] for name in values} == {name: each[-1] for name, each in values.items()}
        history = alice.listed(f"{path}history/")
        assert [change["version"] for change in history] == list(range(final["version"], 0, -1))
        for name, each in values.items():
            # An edit to the current value is no change. So the first edit is no change if it sets the default.
            changed = [value for number, value in enumerate(each) if value != each[number - 1] or not number]
            recorded = [change["fields"][name]["after"] for change in history[:-1] if name in change["fields"]][::-1]
            assert recorded in (changed, changed[1:])


class TestIdempotency:
    def test_only_one_of_fifty_requests_with_one_key_is_executed(self, pair: Pair, alice: Person) -> None:
        key = {"Idempotency-Key": str(uuid4())}
        body = {"title": "once", "description": "x" * 1000}
        everyone = clients(pair, alice, 50)
        answers = at_once([partial(client.post, "/api/tasks/", body, headers=key) for client in everyone])
        assert {answer.status_code for answer in answers} <= {201, 409}
        done = [answer for answer in answers if answer.status_code == 201]
        assert sum("idempotency-replayed" not in answer.headers for answer in done) == 1
        assert len({(answer.content, answer.headers["etag"], answer.headers["location"]) for answer in done}) == 1
        assert alice.titles() == ["once"]
        problem(alice.post("/api/tasks/", {"title": "other"}, headers=key), 422, "idempotency-key-reused")
        assert alice.titles() == ["once"]

    def test_a_request_is_executed_once_if_the_server_dies_before_its_answer(
        self, shared_url: str, tmp_path: Path
    ) -> None:
        server = Server(tmp_path, DATABASE_URL=shared_url)
        server.command = COMMAND
        with server:
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

    def test_requests_are_executed_once_or_never_if_the_server_is_killed(self, pair: Pair, alice: Person) -> None:
        keys = [str(uuid4()) for _ in range(120)]
        started = Event()

        def send(number: int) -> None:
            connection = Wire(pair.servers[0].port)
            for key in keys[number::CLIENTS]:
                with suppress(HTTPException, OSError):
                    connection.send("POST", "/api/tasks/", {"title": key}, alice.access, **{"Idempotency-Key": key})
                started.set()
            connection.close()

        def kill() -> None:
            assert started.wait(PATIENCE)
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
            content = json.dumps({"title": key})
            again = partial(there.request, "POST", "/api/tasks/", content=content, headers=headers)
            answer = until_answered(again)
            ids[expect(answer, 201)["id"]] = key
            assert ("idempotency-replayed" in answer.headers) is (key in done)
        assert {task["id"]: task["title"] for task in there.listed("/api/tasks/")} == ids
        assert len(ids) == len(keys)
        pair.servers[0].start()


class TestSharing:
    def test_a_removed_member_writes_nothing(self, pair: Pair, alice: Person) -> None:
        bob = pair.visitor(1).register()
        task = alice.task()
        path = f"/api/tasks/{task['id']}/"
        expect(alice.post(f"{path}shares/", {"username": bob.username, "role": "editor"}), 201)
        started = Event()

        def write(client: Person, number: int) -> list[tuple[str, int]]:
            answers = []
            for step in range(25):
                marker = f"{number}.{step}"
                answer = until_answered(partial(client.patch, path, {"description": marker}))
                answers.append((marker, answer.status_code))
                started.set()
            return answers

        def remove() -> list[tuple[str, int]]:
            assert started.wait(PATIENCE)
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
