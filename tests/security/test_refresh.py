"""Refresh tokens: concurrent use, lost answers and theft."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest
from sqlalchemy import update

from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.schema import sessions
from tasktracker.domain.accounts.session import Session, SessionPolicy
from tasktracker.domain.accounts.token import TokenPair
from tasktracker.domain.kernel.errors import SessionEnded
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.settings import load
from tests.fakes import SYSTEM
from tests.http import SETTINGS, Api, Person, bearer, expect
from tests.security.conftest import NewPair
from tests.security.processes import Pair, Visitor, Wire, at_once

PARALLEL = 50
RACES = {"postgresql": 500, "sqlite": 100}
RACES_AT_ONCE = 25


def refresh(caller: Visitor | Api, token: str) -> httpx.Response:
    return caller.post("/api/accounts/refresh/", {"refresh": token})


def claims(token: str) -> dict[str, Any]:
    read: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return read


def age(url: str, token: str, by: timedelta) -> None:
    """Move the last refresh of a token's session into the past."""
    rotated_at = datetime.now(UTC) - by
    fields = {"rotated_at": rotated_at, "idle_until": rotated_at + SessionPolicy().idle}
    database = open_database(url, pool_size=1)
    with database.writing() as connection:
        connection.change(update(sessions).where(sessions.c.id == UUID(claims(token)["sid"])).values(fields))
    database.close()


def refresh_in_parallel(pair: Pair, token: str) -> list[httpx.Response]:
    visitors = [pair.visitor(number) for number in range(PARALLEL)]
    return at_once([partial(refresh, visitor, token) for visitor in visitors])


def test_without_grace_one_of_many_parallel_refreshes_succeeds(pairs: NewPair, storage: str) -> None:
    pair = pairs(storage, REFRESH_GRACE_SECONDS="0")
    person = pair.visitor().register()
    answers = refresh_in_parallel(pair, person.refresh)
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * (PARALLEL - 1)


def test_within_the_grace_all_parallel_refreshes_give_the_same_successor(pairs: NewPair, storage: str) -> None:
    pair = pairs(storage)
    person = pair.visitor().register()
    answers = [expect(answer, 200) for answer in refresh_in_parallel(pair, person.refresh)]
    assert len({(answer["access"], answer["refresh"]) for answer in answers}) == 1
    assert claims(answers[0]["refresh"])["gen"] == claims(person.refresh)["gen"] + 1
    assert claims(answers[0]["access"])["gen"] == claims(person.access)["gen"] + 1


def test_a_lost_answer_does_not_break_the_chain(pairs: NewPair, storage: str) -> None:
    pair = pairs(storage)
    person = pair.visitor().register()
    token = person.refresh
    for number in range(6):
        lost = expect(refresh(pair.visitor(number), token), 200)
        again = expect(refresh(pair.visitor(number + 1), token), 200)
        assert again["refresh"] == lost["refresh"]
        token = again["refresh"]
        expect(pair.visitor(number).get("/api/accounts/me/", headers=bearer(again["access"])), 200)
    assert claims(token)["gen"] == claims(person.refresh)["gen"] + 6


class TestReplay:
    """A used token is presented again, too late or after the use of its successor. It may be stolen."""

    @pytest.fixture
    def brief(self, pairs: NewPair) -> Pair:
        return pairs("postgresql", REFRESH_GRACE_SECONDS="1")

    @pytest.fixture
    def person(self, brief: Pair) -> Person:
        return brief.visitor().register()

    @pytest.fixture
    def other_session(self, brief: Pair, person: Person) -> Iterator[Person]:
        other = brief.visitor().login(person)
        yield other
        expect(other.get("/api/accounts/me/"), 200)
        expect(refresh(brief.visitor(1), other.refresh), 200)

    def require_ended(self, brief: Pair, *tokens: dict[str, Any]) -> None:
        for number in range(2):
            for token in tokens:
                expect(brief.visitor(number).get("/api/accounts/me/", headers=bearer(token["access"])), 401)
                expect(refresh(brief.visitor(number), token["refresh"]), 401)

    def test_an_old_refresh_token_ends_the_session_on_every_process(
        self, brief: Pair, person: Person, other_session: Person
    ) -> None:
        second = expect(refresh(brief.visitor(), person.refresh), 200)
        third = expect(refresh(brief.visitor(1), second["refresh"]), 200)
        expect(brief.visitor().get("/api/accounts/me/", headers=bearer(third["access"])), 200)
        expect(refresh(brief.visitor(), person.refresh), 401)
        self.require_ended(brief, third, second)

    def test_the_predecessor_of_a_used_refresh_token_ends_the_session_after_the_grace(
        self, brief: Pair, person: Person, other_session: Person
    ) -> None:
        second = expect(refresh(brief.visitor(), person.refresh), 200)
        expect(brief.visitor(1).get("/api/accounts/me/", headers=bearer(second["access"])), 200)
        assert expect(refresh(brief.visitor(1), person.refresh), 200)["refresh"] == second["refresh"]
        time.sleep(1.1)
        expect(refresh(brief.visitor(), person.refresh), 401)
        self.require_ended(brief, second)

    def test_the_predecessor_of_an_unused_refresh_token_is_accepted_a_day_later(
        self, brief: Pair, person: Person
    ) -> None:
        expect(refresh(brief.visitor(), person.refresh), 200)  # the answer is lost
        age(brief.url, person.refresh, timedelta(days=1))
        second = expect(refresh(brief.visitor(1), person.refresh), 200)
        assert claims(second["refresh"])["gen"] == claims(person.refresh)["gen"] + 1
        expect(brief.visitor().get("/api/accounts/me/", headers=bearer(second["access"])), 200)
        third = expect(refresh(brief.visitor(), second["refresh"]), 200)
        assert claims(third["refresh"])["gen"] == claims(person.refresh)["gen"] + 2


def test_a_session_continues_after_a_day_without_requests(pairs: NewPair, storage: str) -> None:
    pair = pairs(storage)
    with Api(pair.url) as api:
        person = api.register()
        expect(refresh(api, person.refresh), 200)
        api.clock.advance(timedelta(days=1))
        second = expect(refresh(api, person.refresh), 200)
        expect(api.get("/api/accounts/me/", headers=bearer(second["access"])), 200)
        api.clock.advance(timedelta(seconds=11))
        expect(refresh(api, person.refresh), 401)
        expect(api.get("/api/accounts/me/", headers=bearer(second["access"])), 401)


def test_no_refresh_that_races_a_log_out_leaves_a_usable_token(pairs: NewPair, storage: str) -> None:
    pair = pairs(storage)
    person = pair.visitor().register()
    container = Container(settings=load({**SETTINGS, "DATABASE_URL": pair.url}, None))
    first, second = ([Wire(server.port) for _ in range(RACES_AT_ONCE)] for server in pair.servers)
    won = 0
    for _ in range(RACES[storage] // RACES_AT_ONCE):
        racing = open_sessions(container, UUID(person.id), RACES_AT_ONCE)
        calls = [
            partial(wire.send, "POST", path, {"refresh": tokens.refresh})
            for wires, path in ((first, "/api/accounts/refresh/"), (second, "/api/accounts/logout/"))
            for wire, tokens in zip(wires, racing, strict=True)
        ]
        answers = at_once(calls)
        refreshed = [answer for status, answer in answers[:RACES_AT_ONCE] if status == 200]
        assert {status for status, _ in answers[:RACES_AT_ONCE]} <= {200, 401}
        assert {status for status, _ in answers[RACES_AT_ONCE:]} == {204}
        won += len(refreshed)
        for answer, wire in zip(refreshed, second, strict=False):
            assert wire.send("GET", "/api/accounts/me/", token=answer["access"])[0] == 401
            assert wire.send("POST", "/api/accounts/refresh/", {"refresh": answer["refresh"]})[0] == 401
        for token in [token for tokens in racing for token in (tokens.access, tokens.refresh)]:
            with pytest.raises(SessionEnded):
                container.sessions().verify(token)
        first, second = second, first
    assert 0 < won < RACES[storage], "one side won every race"
    for wire in (*first, *second):
        wire.close()
    container.store().close()


def open_sessions(container: Container, user_id: UUID, number: int) -> list[TokenPair]:
    """Create sessions of a user without hashing the password."""
    policy, now = SessionPolicy(), datetime.now(UTC)
    opened = [
        Session.start(id=container.ids().new(), user_id=user_id, device=None, now=now, policy=policy)
        for _ in range(number)
    ]
    with container.store().writing(SYSTEM) as work:
        for session in opened:
            work.sessions.add(session)
    return [container.sessions().tokens_of(session) for session in opened]
