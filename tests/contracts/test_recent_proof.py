"""What needs a recent proof, and what replaces it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tasktracker.domain.accounts.password_confirmation import require_recent_proof
from tasktracker.domain.accounts.session import PROOF_LIFETIME
from tasktracker.domain.api_tokens.api_token import ApiTokenFields
from tasktracker.domain.kernel.actors import Scope, SessionActor
from tasktracker.domain.kernel.clock import MAX_CLOCK_SKEW
from tasktracker.domain.kernel.errors import ConfirmationRequired, InvalidInput, SessionEnded
from tests.contracts.base import SECOND, outcome_of
from tests.fakes import START, App
from tests.unit.base import PASSWORD, fields_of

OTHER = "battery staple"
TOKEN = ApiTokenFields(name="script", scopes=frozenset(Scope))
Sensitive = Callable[[App, SessionActor, str | None, str | None], object]

# Each with the field of its password.
SENSITIVE: dict[str, tuple[str, Sensitive]] = {
    "rename": ("password", lambda app, actor, *proof: edit(app, actor, {"username": "carol"}, *proof)),
    "address": ("password", lambda app, actor, *proof: edit(app, actor, {"email": "c@example.org"}, *proof)),
    "password": (
        "current_password",
        lambda app, actor, password, code: app.accounts.change_password(actor, password, OTHER, code=code),
    ),
    "delete": (
        "password",
        lambda app, actor, password, code: app.account_removal.delete(actor, password, code=code),
    ),
    "token": ("password", lambda app, actor, *proof: app.api_tokens.create(actor, TOKEN, *proof)),
    "disable": ("password", lambda app, actor, *proof: app.two_factor.disable(actor, *proof)),
    "codes": ("password", lambda app, actor, *proof: app.two_factor.renew_recovery_codes(actor, *proof)),
}
each_sensitive = pytest.mark.parametrize("name", SENSITIVE)


def edit(app: App, actor: SessionActor, fields: object, password: str | None, code: str | None) -> object:
    return app.accounts.edit(actor, fields, password, code=code)  # type: ignore[arg-type]


def code(app: App) -> str:
    """Return a code that was not used before."""
    app.clock.advance(seconds=60)
    return app.codes.code("SECRET", int(app.clock.now().timestamp()) // 30)


def turn_on(app: App, actor: SessionActor) -> None:
    app.two_factor.enrol(actor, PASSWORD)
    app.two_factor.confirm(actor, code(app))


def is_proved(app: App, actor: SessionActor) -> bool:
    _, error = outcome_of(lambda: app.see(actor, require_recent_proof))
    assert error is None or isinstance(error, ConfirmationRequired)
    return error is None


class TestProof:
    def test_a_confirmed_password_proves_its_session_for_ten_minutes(self, app: App, alice: SessionActor) -> None:
        other = app.actor(app.sessions.login("alice", PASSWORD))
        assert not is_proved(app, alice), "a log-in is no confirmation"
        app.confirmation.confirm(alice, PASSWORD)
        assert (is_proved(app, alice), is_proved(app, other)) == (True, False)
        app.clock.advance(PROOF_LIFETIME)
        assert is_proved(app, alice)
        app.clock.advance(SECOND)
        assert not is_proved(app, alice)

    def test_a_proof_lasts_through_refreshes(self, app: App) -> None:
        tokens = app.registration.register({"username": "carol"}, PASSWORD).tokens
        app.confirmation.confirm(app.actor(tokens), PASSWORD)
        assert is_proved(app, app.actor(app.sessions.refresh(tokens.refresh)))

    def test_a_proof_of_a_clock_that_ran_ahead_does_not_last_longer(self, app: App, alice: SessionActor) -> None:
        app.clock.advance(days=1)
        app.confirmation.confirm(alice, PASSWORD)
        app.clock.set(START)
        assert not is_proved(app, alice)
        app.clock.advance(timedelta(days=1) - MAX_CLOCK_SKEW)
        assert is_proved(app, alice)

    def test_a_wrong_password_proves_nothing(self, app: App, alice: SessionActor) -> None:
        with pytest.raises(InvalidInput) as caught:
            app.confirmation.confirm(alice, "wrong")
        assert fields_of(caught) == ["password"]
        assert not is_proved(app, alice)

    @pytest.mark.parametrize("given", [None, "000000"])
    def test_with_two_factor_a_proof_takes_a_code(self, app: App, alice: SessionActor, given: str | None) -> None:
        turn_on(app, alice)
        with pytest.raises(InvalidInput) as caught:
            app.confirmation.confirm(alice, PASSWORD, given)
        assert fields_of(caught) == ["code"]
        assert not is_proved(app, alice)
        app.confirmation.confirm(alice, PASSWORD, code(app))
        assert is_proved(app, alice)
        with pytest.raises(InvalidInput):
            app.confirmation.confirm(alice, PASSWORD)  # a proof is not extended without a code

    def test_turning_two_factor_on_ends_proofs_without_a_code(self, app: App, alice: SessionActor) -> None:
        other = app.actor(app.sessions.login("alice", PASSWORD))
        for actor in (alice, other):
            app.confirmation.confirm(actor, PASSWORD)
        turn_on(app, alice)
        assert (is_proved(app, alice), is_proved(app, other)) == (False, False)

    def test_an_ended_session_has_no_proof(self, app: App, alice: SessionActor) -> None:
        app.confirmation.confirm(alice, PASSWORD)
        app.do(alice, app.sessions.end, alice.session_id)
        with pytest.raises(SessionEnded):
            app.see(alice, require_recent_proof)


class TestSensitive:
    @each_sensitive
    def test_it_needs_a_proof(self, app: App, alice: SessionActor, name: str) -> None:
        _, act = SENSITIVE[name]
        for given in (None, "000000"):
            with pytest.raises(ConfirmationRequired):
                act(app, alice, None, given)

    @each_sensitive
    def test_a_recent_proof_is_enough(self, app: App, alice: SessionActor, name: str) -> None:
        turn_on(app, alice)
        app.confirmation.confirm(alice, PASSWORD, code(app))
        SENSITIVE[name][1](app, alice, None, None)

    @each_sensitive
    def test_the_password_and_the_code_are_enough(self, app: App, alice: SessionActor, name: str) -> None:
        turn_on(app, alice)
        SENSITIVE[name][1](app, alice, PASSWORD, code(app))

    @each_sensitive
    def test_with_two_factor_the_password_is_not_enough(self, app: App, alice: SessionActor, name: str) -> None:
        turn_on(app, alice)
        with pytest.raises(ConfirmationRequired):
            SENSITIVE[name][1](app, alice, PASSWORD, None)

    @each_sensitive
    def test_what_is_sent_must_be_right_even_after_a_proof(self, app: App, alice: SessionActor, name: str) -> None:
        field, act = SENSITIVE[name]
        turn_on(app, alice)
        app.confirmation.confirm(alice, PASSWORD, code(app))
        bad = (("wrong", code(app), field), ("\0", code(app), field), (PASSWORD, "000000", "code"))
        for password, given, expected in bad:
            with pytest.raises(InvalidInput) as caught:
                act(app, alice, password, given)
            assert fields_of(caught) == [expected]

    def test_a_refused_change_does_not_use_the_code_up(self, app: App, alice: SessionActor, bob: SessionActor) -> None:
        turn_on(app, alice)
        given = code(app)
        _, error = outcome_of(lambda: app.accounts.edit(alice, {"username": "bob"}, PASSWORD, code=given))
        assert error is not None
        app.accounts.edit(alice, {"username": "carol"}, PASSWORD, code=given)
