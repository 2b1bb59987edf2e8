"""Replacing a forgotten password by a one-time link."""

from __future__ import annotations

from functools import partial

import pytest

from tasktracker.domain.accounts.links import LinkKind
from tasktracker.domain.accounts.password_reset_service import ResetForm
from tasktracker.domain.api_tokens.api_token import ApiTokenFields, actor_of
from tasktracker.domain.kernel.actors import Actor, Scope, SessionActor
from tasktracker.domain.kernel.errors import (
    CodeRequired,
    DomainError,
    InvalidCredentials,
    InvalidInput,
    SessionEnded,
    TooManyRequests,
)
from tasktracker.domain.throttling.limit import CODE_BY_ACCOUNT
from tests.contracts.base import race
from tests.contracts.test_recent_proof import code, turn_on
from tests.fakes import App
from tests.unit.base import PASSWORD, fields_of, new_link, register

NEW = "battery staple"


@pytest.mark.parametrize("kind", [LinkKind.RESET_PASSWORD, LinkKind.SET_PASSWORD])
def test_a_link_replaces_the_password_and_logs_nobody_in(app: App, alice: SessionActor, kind: LinkKind) -> None:
    token = new_link(app, alice, kind)
    assert app.password_reset.find(token) == ResetForm("alice", needs_code=False)
    app.password_reset.reset(token, NEW)
    with pytest.raises(InvalidCredentials):
        app.sessions.login("alice", PASSWORD)
    assert len(app.see(app.actor(app.sessions.login("alice", NEW)), app.sessions.list)) == 1


def test_a_reset_ends_all_sessions_and_api_tokens(app: App, alice: SessionActor, bob: SessionActor) -> None:
    actors = [alice, app.actor(app.sessions.login("alice", PASSWORD))]
    _, text = app.api_tokens.create(alice, ApiTokenFields(name="script", scopes=frozenset(Scope)), PASSWORD)
    _, other = app.api_tokens.create(bob, ApiTokenFields(name="script", scopes=frozenset(Scope)), PASSWORD)
    app.password_reset.reset(new_link(app, alice), NEW)
    ended: list[Actor] = [*actors, actor_of(text)]
    for actor in ended:
        with pytest.raises(SessionEnded), app.store.reading(actor):
            pass
    kept: list[Actor] = [bob, actor_of(other)]
    assert app.store.filter_admissible(kept) == kept


def test_a_link_that_two_use_concurrently_sets_one_password(app: App, alice: SessionActor) -> None:
    token = new_link(app, alice)
    outcomes = race(*(partial(app.password_reset.reset, token, f"{NEW} {number}") for number in range(4)))
    assert [isinstance(each, DomainError) for each in outcomes].count(False) == 1
    right = [isinstance(each, DomainError) for each in outcomes].index(False)
    app.sessions.login("alice", f"{NEW} {right}")


def test_a_weak_password_does_not_use_the_link_up(app: App, alice: SessionActor) -> None:
    token = new_link(app, alice)
    app.hasher.clear()
    for weak in ("short", "alice alice", "weak password"):
        with pytest.raises(InvalidInput) as caught:
            app.password_reset.reset(token, weak)
        assert fields_of(caught) == ["new_password"]
    assert app.hasher.hashed == []
    app.password_reset.reset(token, NEW)


def test_a_dead_link_hashes_nothing(app: App, alice: SessionActor) -> None:
    app.hasher.clear()
    with pytest.raises(InvalidInput) as caught:
        app.password_reset.reset("made up", NEW)
    assert fields_of(caught) == ["token"]
    assert app.hasher.hashed == []


def test_a_reset_needs_a_code_if_two_factor_is_on_and_a_wrong_one_does_not_use_the_link_up(
    app: App, alice: SessionActor
) -> None:
    turn_on(app, alice)
    token = new_link(app, alice)
    assert app.password_reset.find(token).needs_code
    app.hasher.clear()
    for given in (None, "000000"):
        with pytest.raises(InvalidInput) as caught:
            app.password_reset.reset(token, NEW, given)
        assert fields_of(caught) == ["code"]
        assert bool(app.hasher.hashed) is bool(given), "a form without a code costs nothing"
    app.see(alice, app.sessions.list)
    app.password_reset.reset(token, NEW, code(app))
    with pytest.raises(CodeRequired):
        app.sessions.login("alice", NEW)


def test_wrong_codes_of_a_link_are_limited() -> None:
    app = App.in_memory(throttled=True)
    alice = register(app, "alice")
    turn_on(app, alice)
    token = new_link(app, alice)
    for attempt in range(CODE_BY_ACCOUNT.burst + 1):
        if attempt == CODE_BY_ACCOUNT.burst - 1:
            app.password_reset.reset(token, NEW, code(app))  # a minute later, which regains an attempt
            token = new_link(app, alice)
        with pytest.raises(InvalidInput):
            app.password_reset.reset(token, NEW, "000000")
    with pytest.raises(TooManyRequests):
        app.password_reset.reset(token, NEW, "000000")
