"""Administrators who remove one another concurrently, on two processes: one active administrator is left."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from tasktracker.domain.administration.account import AccountQuery, AccountState
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.settings import load
from tests.fakes import SYSTEM
from tests.faults.load import IS_FULL
from tests.http import Person, expect
from tests.security.processes import Pair, Wire, at_once

RACES = 200 if IS_FULL else 12
ENDINGS = {200, 204, 401, 403, 404, 409}


@pytest.fixture
def pair(tmp_path: Path, url: str) -> Iterator[Pair]:
    with Pair(tmp_path, url, THROTTLE="off") as pair:
        yield pair


def test_administrators_who_remove_one_another_leave_one(pair: Pair) -> None:
    chance = random.Random(pair.url.partition(":")[0])
    container = Container(settings=load(pair.servers[0].environment, None))
    statuses: Counter[int] = Counter()
    wires = [Wire(server.port) for server in (*pair.servers, *pair.servers)]
    with closing(container.store()):
        for _ in range(RACES):
            people = [administrator(container, pair, number) for number in range(2)]
            demote_all_but(container, people)
            statuses.update(race(wires, people, chance))
            left = active_admins(container)
            assert len(left) == 1
    for wire in wires:
        wire.close()
    assert statuses.keys() <= ENDINGS, statuses
    assert statuses[409] >= RACES // 4, "too few races were close"


def administrator(container: Container, pair: Pair, number: int) -> Person:
    """Return a new administrator with a recent proof."""
    person = pair.visitor(number).register()
    with container.store().writing(SYSTEM) as work:
        container.administration().edit(work, UUID(person.id), {"is_admin": True})
    expect(person.post("/api/accounts/me/confirm/", {"password": person.password}), 204)
    return person


def active_admins(container: Container) -> list[UUID]:
    with container.store().reading(SYSTEM) as work:
        page = container.administration().list(work, AccountQuery(now=work.now, state=AccountState.ADMIN))
    return [each.user.id for each in page.items if each.user.is_active]


def demote_all_but(container: Container, people: list[Person]) -> None:
    for user_id in set(active_admins(container)) - {UUID(person.id) for person in people}:
        with container.store().writing(SYSTEM) as work:
            container.administration().edit(work, user_id, {"is_admin": False})


def race(wires: list[Wire], people: list[Person], chance: random.Random) -> list[int]:
    """Let two administrators remove each other and themselves, and return the statuses of the responses."""
    calls = []
    for person, other in (people, people[::-1]):
        theirs, own = f"/api/admin/users/{other.id}/", f"/api/admin/users/{person.id}/"
        ways: list[tuple[str, str, object]] = [
            ("PATCH", theirs, {"is_admin": False}),
            ("PATCH", theirs, {"is_active": False}),
            ("DELETE", theirs, None),
            ("PATCH", own, {"is_admin": False}),
            ("DELETE", own, None),
            ("POST", "/api/accounts/me/delete/", {"password": person.password}),
        ]
        calls += [(way, person.access) for way in chance.sample(ways, 2)]
    chance.shuffle(calls)
    sends = [
        partial(wire.send, method, path, body, token)
        for wire, ((method, path, body), token) in zip(wires, calls, strict=True)
    ]
    return [status for status, _ in at_once(sends)]
