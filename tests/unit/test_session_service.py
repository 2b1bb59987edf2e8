"""Logins, refreshes and logouts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tasktracker.domain.accounts.session import Session
from tasktracker.domain.accounts.token import TokenKind
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.event import Origin
from tasktracker.domain.kernel.errors import (
    AccountDisabled,
    InvalidCredentials,
    InvalidInput,
    InvalidToken,
    SessionEnded,
    SessionNotFound,
)
from tests.contracts.base import Seed
from tests.fakes import START, SYSTEM, App
from tests.unit.base import PASSWORD, before_next_call, fields_of


@pytest.fixture
def app() -> App:
    app = App.in_memory(max_sessions=3)
    app.registration.register({"username": "alice", "email": "alice@example.org"}, PASSWORD)
    app.hasher.clear()
    return app


def sessions_of(app: App, name: str = "alice") -> list[Session]:
    with app.store.reading(SYSTEM) as work:
        user = work.users.find_by_login(name)
        assert user is not None
        return list(work.sessions.list(user.id))


class TestLogin:
    @pytest.mark.parametrize(
        "login",
        [
            "alice",
            "ALICE",
            "\uff41lice",
            "  alice ",
            "alice@example.org",
            "Alice@Example.ORG",
            " alice@example.org\t",
            "alice\uff20example.org",
        ],
    )
    def test_every_spelling_of_the_username_or_email_address_logs_in(self, app: App, login: str) -> None:
        assert app.sessions.login(login, PASSWORD).user.username == "alice"

    def test_a_login_opens_a_session_on_the_device(self, app: App) -> None:
        app.clock.advance(minutes=1)
        signed_in = app.sessions.login("alice", PASSWORD, "  My phone ")
        session = sessions_of(app)[0]
        assert (session.device, session.generation, session.confirmed_generation) == ("My phone", 1, 0)
        assert session.created_at == app.clock.now()
        access, refresh = app.signer.read(signed_in.tokens.access), app.signer.read(signed_in.tokens.refresh)
        assert (access.kind, refresh.kind) == (TokenKind.ACCESS, TokenKind.REFRESH)
        assert access.session_id == refresh.session_id == session.id
        assert signed_in.tokens.expires_in == app.policy.access.total_seconds()

    @pytest.mark.parametrize("composed", [True, False])
    def test_unicode_forms_of_a_password_are_equal(self, app: App, composed: bool) -> None:
        app.registration.register({"username": "bob"}, "p\u00e4sswort" if composed else "pa\u0308sswort")
        app.sessions.login("bob", "pa\u0308sswort" if composed else "p\u00e4sswort")

    @pytest.mark.parametrize("space", [" ", "\u00a0", "\u2009", "\u3000"])
    def test_a_space_of_any_kind_is_the_same_in_a_password(self, app: App, space: str) -> None:
        app.registration.register({"username": "bob"}, f"correct{space}horse")
        for typed in (" ", "\u00a0", "\u202f"):
            app.hasher.clear()
            app.sessions.login("bob", f"correct{typed}horse")
            assert len(app.hasher.verified) == 1

    def test_a_hash_of_a_password_as_typed_is_accepted_and_replaced(self, app: App) -> None:
        typed = "correct\u00a0horse"
        with app.store.writing(SYSTEM) as work:
            found = work.users.find_by_login("alice")
            assert found is not None
            user = work.users.find(found.id)
            assert user is not None
            work.users.save(user.with_password(app.hasher._hash(typed, "1", "salt")))
        with pytest.raises(InvalidCredentials):
            app.sessions.login("alice", "correct horse")
        actor = app.actor(app.sessions.login("alice", typed))
        for each in (typed, "correct horse"):
            app.sessions.login("alice", each)
        app.accounts.change_password(actor, typed, "another horse")

    @pytest.mark.parametrize("username", ["alice", "unknown"])
    def test_a_wrong_password_with_another_space_costs_the_same_for_every_user(self, app: App, username: str) -> None:
        with pytest.raises(InvalidCredentials):
            app.sessions.login(username, "wrong\u00a0horse")
        assert [typed for typed, _ in app.hasher.verified] == ["wrong horse", "wrong\u00a0horse"]

    def test_a_username_from_before_the_rules_logs_in_and_is_kept(self, app: App) -> None:
        names = ["bob\u1160", "\u0430lice"]
        for name in names:
            password_hash = app.hasher.hash(PASSWORD)
            with app.store.writing(SYSTEM) as work:
                work.users.add(User(id=app.ids.new(), username=name, password_hash=password_hash, created_at=START))
            signed_in = app.sessions.login(name.upper(), PASSWORD)
            assert signed_in.user.username == name
            edited = app.accounts.edit(app.actor(signed_in), {"username": name, "first_name": "Bob"})
            assert (edited.username, edited.first_name) == (name, "Bob")
            with pytest.raises(InvalidInput) as caught:
                app.accounts.edit(app.actor(signed_in), {"username": f"{name}x"}, PASSWORD)
            assert fields_of(caught) == ["username"]

    @pytest.mark.parametrize(("device", "stored"), [("", None), (" \u3000", None), (" \u2764\ufe0f ", "\u2764\ufe0f")])
    def test_a_blank_device_has_no_name(self, app: App, device: str, stored: str | None) -> None:
        app.sessions.login("alice", PASSWORD, device)
        assert sessions_of(app)[0].device == stored

    @pytest.mark.parametrize("reason", ["unknown", "wrong password", "disabled, wrong password"])
    def test_every_failure_has_the_same_error_and_cost(self, app: App, reason: str) -> None:
        app.do(SYSTEM, app.set_active, "alice", "disabled" not in reason)
        with pytest.raises(InvalidCredentials) as caught:
            app.sessions.login(
                "bob" if reason == "unknown" else "alice", "wrong" if "wrong password" in reason else PASSWORD
            )
        assert caught.value.detail == InvalidCredentials().detail
        assert len(app.hasher.verified) == 1
        assert app.hasher.hashed == []

    def test_the_right_password_shows_that_the_account_is_disabled_at_the_same_cost(self, app: App) -> None:
        app.do(SYSTEM, app.set_active, "alice", False)
        with pytest.raises(AccountDisabled):
            app.sessions.login("alice", PASSWORD)
        assert (len(app.hasher.verified), app.hasher.hashed) == (1, [])

    @pytest.mark.parametrize(
        ("field", "arguments"),
        [
            ("username", ("\0", PASSWORD)),
            ("username", ("x" * 1025, PASSWORD)),
            ("password", ("alice", "\ud800")),
            ("password", ("alice", "x" * 1025)),
            ("device", ("alice", PASSWORD, "x" * 201)),
            ("device", ("alice", PASSWORD, "\0")),
            ("device", ("alice", PASSWORD, "\u200b\u3164")),
        ],
    )
    def test_bad_values_are_named_before_the_password_is_verified(
        self, app: App, field: str, arguments: tuple[Any, ...]
    ) -> None:
        with pytest.raises(InvalidInput) as caught:
            app.sessions.login(*arguments)
        assert fields_of(caught) == [field]
        assert app.hasher.verified == []

    def test_a_hash_with_old_parameters_is_replaced(self, app: App) -> None:
        app.hasher.cost = 2
        signed_in = app.sessions.login("alice", PASSWORD)
        assert signed_in.user.password_hash.startswith("fake$2$")
        app.hasher.clear()
        assert app.sessions.login("alice", PASSWORD).user == signed_in.user
        assert app.hasher.hashed == []

    def test_a_failed_login_does_not_replace_the_hash(self, app: App) -> None:
        app.hasher.cost = 2
        with pytest.raises(InvalidCredentials):
            app.sessions.login("alice", "wrong")
        assert app.hasher.hashed == []

    def test_a_concurrent_rehash_does_not_fail_the_login(self, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
        app.hasher.cost = 2
        before_next_call(monkeypatch, app.hasher, "hash", lambda: app.sessions.login("alice", PASSWORD))
        app.sessions.login("alice", PASSWORD)
        assert len(sessions_of(app)) == 3

    @pytest.mark.parametrize("change", ["password", "disabled", "removed"])
    def test_a_change_during_the_verification_fails_the_login(
        self, app: App, monkeypatch: pytest.MonkeyPatch, change: str
    ) -> None:
        actor = app.actor(app.sessions.login("alice", PASSWORD))

        def change_account() -> None:
            if change == "password":
                app.accounts.change_password(actor, PASSWORD, "battery staple")
            elif change == "disabled":
                app.do(SYSTEM, app.set_active, "alice", False)
            else:
                app.account_removal.delete(actor, PASSWORD)

        before_next_call(monkeypatch, app.hasher, "verify", change_account)
        with pytest.raises(AccountDisabled if change == "disabled" else InvalidCredentials):
            app.sessions.login("alice", PASSWORD)

    def test_a_login_over_the_limit_ends_the_least_recently_refreshed_session(self, app: App) -> None:
        first = sessions_of(app)[0]
        app.clock.advance(minutes=1)
        second = app.sessions.login("alice", PASSWORD)
        app.clock.advance(minutes=1)
        third = app.sessions.login("alice", PASSWORD)
        app.clock.advance(minutes=1)
        refreshed = app.sessions.refresh(second.tokens.refresh)
        app.clock.advance(minutes=1)
        app.sessions.login("alice", PASSWORD)
        assert first.id not in {session.id for session in sessions_of(app)}
        app.clock.advance(minutes=1)
        app.sessions.login("alice", PASSWORD)
        assert not app.is_usable(third.tokens)
        assert app.is_usable(refreshed)
        assert len(sessions_of(app)) == 3

    def test_expired_sessions_are_removed_first(self, app: App) -> None:
        app.clock.advance(app.policy.idle - timedelta(minutes=1))
        live = app.sessions.login("alice", PASSWORD)
        app.clock.advance(minutes=1)
        app.sessions.login("alice", PASSWORD)
        app.sessions.login("alice", PASSWORD)
        assert app.is_usable(live.tokens)
        assert len(sessions_of(app)) == 3

    def test_the_limit_can_be_one_session(self) -> None:
        app = App.in_memory(max_sessions=1)
        first = app.registration.register({"username": "alice"}, PASSWORD)
        second = app.sessions.login("alice", PASSWORD)
        assert not app.is_usable(first.tokens)
        assert app.is_usable(second.tokens)


class TestRefresh:
    def test_refreshing_returns_tokens_of_the_next_generation(self, app: App) -> None:
        first = app.sessions.login("alice", PASSWORD).tokens
        app.clock.advance(minutes=20)
        second = app.sessions.refresh(first.refresh)
        claims = app.signer.read(second.access)
        assert (claims.generation, claims.issued_at) == (2, app.clock.now())
        assert second.expires_in == 900
        assert app.sessions.refresh(second.refresh) != second

    def test_a_repeated_refresh_returns_the_same_tokens_within_the_grace_time(self, app: App) -> None:
        first = app.sessions.login("alice", PASSWORD).tokens
        second = app.sessions.refresh(first.refresh)
        before = sessions_of(app)
        app.clock.advance(seconds=10)
        again = app.sessions.refresh(first.refresh, Origin("192.0.2.1"))
        assert sessions_of(app) == before
        assert (again.access, again.refresh) == (second.access, second.refresh)
        assert (second.expires_in, again.expires_in) == (900, 890)

    def test_a_replay_ends_the_session_although_it_raises(self, app: App) -> None:
        other = app.sessions.login("alice", PASSWORD)
        first = app.sessions.login("alice", PASSWORD).tokens
        second = app.sessions.refresh(first.refresh)
        third = app.sessions.refresh(second.refresh)
        with pytest.raises(SessionEnded):
            app.sessions.refresh(first.refresh)
        for tokens in (first, second, third):
            assert not app.is_usable(tokens)
        assert app.is_usable(other.tokens)

    def test_a_predecessor_of_a_used_token_is_a_replay_after_the_grace_time(self, app: App) -> None:
        first = app.sessions.login("alice", PASSWORD).tokens
        second = app.sessions.refresh(first.refresh)
        app.see(app.actor(second), app.accounts.profile)
        app.clock.advance(seconds=11)
        with pytest.raises(SessionEnded):
            app.sessions.refresh(first.refresh)
        assert not app.is_usable(second)

    def test_an_undelivered_successor_is_extended_a_day_later(self, app: App) -> None:
        first = app.sessions.login("alice", PASSWORD).tokens
        lost = app.sessions.refresh(first.refresh)
        app.clock.advance(days=1)
        extended = app.sessions.refresh(first.refresh, Origin("192.0.2.1"))
        stored = sessions_of(app)[0]
        assert (stored.rotated_at, stored.used_at, stored.address) == (app.clock.now(), app.clock.now(), "192.0.2.1")
        assert extended.expires_in == 900
        assert extended.access != lost.access
        assert app.signer.read(extended.access).generation == 2
        assert app.see(app.actor(extended), app.accounts.profile).username == "alice"
        app.clock.advance(seconds=11)
        with pytest.raises(SessionEnded):
            app.sessions.refresh(first.refresh)

    def test_a_second_use_without_grace_time_ends_the_session(self) -> None:
        app = App.in_memory(grace=timedelta())
        first = app.registration.register({"username": "alice"}, PASSWORD).tokens
        second = app.sessions.refresh(first.refresh)
        with pytest.raises(SessionEnded):
            app.sessions.refresh(first.refresh)
        assert not app.is_usable(second)

    def test_a_later_generation_is_refused_and_ends_no_session(self, app: App) -> None:
        tokens = app.sessions.login("alice", PASSWORD).tokens
        claims = app.signer.read(tokens.refresh)
        with pytest.raises(SessionEnded):
            app.sessions.refresh(app.signer.sign(replace(claims, generation=2)))
        assert app.is_usable(tokens)

    def test_only_a_genuine_live_refresh_token_is_accepted(self, app: App) -> None:
        tokens = app.sessions.login("alice", PASSWORD).tokens
        for token in (tokens.access, "", "nonsense", tokens.refresh + "x", tokens.refresh[:-1]):
            with pytest.raises(InvalidToken):
                app.sessions.refresh(token)
        assert sessions_of(app)[0].generation == 1
        app.clock.advance(app.policy.idle)
        with pytest.raises(InvalidToken):
            app.sessions.refresh(tokens.refresh)

    def test_a_session_cannot_be_refreshed_beyond_its_end(self, app: App) -> None:
        tokens = app.sessions.login("alice", PASSWORD).tokens
        ends_at = app.clock.now() + app.policy.absolute
        while app.clock.now() + app.policy.idle < ends_at:
            app.clock.advance(app.policy.idle - timedelta(seconds=1))
            tokens = app.sessions.refresh(tokens.refresh)
        app.clock.set(ends_at - timedelta(seconds=1))
        last = app.sessions.refresh(tokens.refresh)
        assert last.expires_in == 1
        app.clock.set(ends_at)
        with pytest.raises(InvalidToken):
            app.sessions.refresh(last.refresh)

    @pytest.mark.parametrize("end", ["log out", "disable", "delete"])
    def test_an_ended_session_cannot_be_refreshed(self, app: App, end: str) -> None:
        tokens = app.sessions.login("alice", PASSWORD).tokens
        if end == "log out":
            app.sessions.logout(tokens.access)
        elif end == "disable":
            app.do(SYSTEM, app.set_active, "alice", False)
        else:
            app.account_removal.delete(app.actor(tokens), PASSWORD)
        with pytest.raises(AccountDisabled if end == "disable" else SessionEnded):
            app.sessions.refresh(tokens.refresh)


class TestVerify:
    def test_verifying_returns_the_claims_of_a_token(self, app: App) -> None:
        tokens = app.sessions.login("alice", PASSWORD).tokens
        for token, kind in ((tokens.access, TokenKind.ACCESS), (tokens.refresh, TokenKind.REFRESH)):
            claims = app.sessions.verify(token)
            assert claims == app.signer.read(token)
            assert claims.kind is kind

    def test_verifying_changes_nothing(self, app: App) -> None:
        first = app.sessions.login("alice", PASSWORD).tokens
        second = app.sessions.refresh(first.refresh)
        third = app.sessions.refresh(second.refresh)
        app.clock.advance(minutes=1)
        before = sessions_of(app)
        app.sessions.verify(second.access)
        app.sessions.verify(third.access)
        app.sessions.verify(second.refresh)
        with pytest.raises(SessionEnded):
            app.sessions.verify(first.refresh)
        assert sessions_of(app) == before

    def test_verifying_refuses_an_invalid_token(self, app: App) -> None:
        tokens = app.sessions.login("alice", PASSWORD).tokens
        with pytest.raises(InvalidToken):
            app.sessions.verify(tokens.access + "x")
        for token in (tokens.access, tokens.refresh):
            with pytest.raises(SessionEnded):
                app.sessions.verify(app.signer.sign(replace(app.signer.read(token), generation=2)))
        app.clock.advance(app.policy.access)
        with pytest.raises(InvalidToken):
            app.sessions.verify(tokens.access)
        app.sessions.logout(tokens.access)
        with pytest.raises(SessionEnded):
            app.sessions.verify(tokens.refresh)


class TestLogout:
    @pytest.mark.parametrize("kind", ["access", "refresh"])
    def test_an_access_or_refresh_token_ends_its_session(self, app: App, kind: str) -> None:
        tokens = app.sessions.login("alice", PASSWORD).tokens
        other = app.sessions.login("alice", PASSWORD).tokens
        app.sessions.logout(getattr(tokens, kind))
        assert not app.is_usable(tokens)
        assert app.is_usable(other)

    def test_several_tokens_end_all_their_sessions(self, app: App) -> None:
        first, second = (app.sessions.login("alice", PASSWORD).tokens for _ in range(2))
        app.sessions.logout(first.access, first.refresh, second.refresh)
        assert not app.is_usable(first)
        assert not app.is_usable(second)

    def test_an_expired_ended_or_replaced_token_is_accepted(self, app: App) -> None:
        first = app.sessions.login("alice", PASSWORD).tokens
        second = app.sessions.refresh(first.refresh)
        app.clock.advance(minutes=15)
        app.sessions.logout(first.access)
        assert not app.is_usable(second)
        app.sessions.logout(first.access)

    @pytest.mark.parametrize("position", [0, 1])
    def test_a_genuine_token_ends_its_session_whatever_the_other_one_is(self, app: App, position: int) -> None:
        tokens = app.sessions.login("alice", PASSWORD).tokens
        presented = ["undefined", "tt_x"]
        presented[position] = tokens.refresh
        app.sessions.logout(*presented)
        assert not app.is_usable(tokens)

    def test_tokens_that_are_all_forged_end_no_session(self, app: App) -> None:
        tokens = app.sessions.login("alice", PASSWORD).tokens
        with pytest.raises(InvalidToken):
            app.sessions.logout(tokens.access + "x", tokens.refresh + "x")
        assert app.is_usable(tokens)


class TestSessions:
    def test_live_sessions_are_listed_last_refreshed_first(self, app: App) -> None:
        registered = sessions_of(app)[0]
        app.clock.advance(app.policy.idle - timedelta(minutes=2))
        first = app.sessions.login("alice", PASSWORD, "first")
        app.clock.advance(minutes=1)
        second = app.sessions.login("alice", PASSWORD, "second")
        actor = app.actor(second)
        assert [session.device for session in app.see(actor, app.sessions.list)] == ["second", "first", None]
        app.clock.advance(seconds=30)
        app.sessions.refresh(first.tokens.refresh)
        assert [session.device for session in app.see(actor, app.sessions.list)] == ["first", "second", None]
        app.clock.advance(seconds=30)
        assert registered not in app.see(actor, app.sessions.list)

    def test_only_its_user_can_end_a_session(self, app: App) -> None:
        actor = app.actor(app.sessions.login("alice", PASSWORD))
        lost = app.sessions.login("alice", PASSWORD, "lost")
        bob = app.actor(app.registration.register({"username": "bob"}, PASSWORD))
        lost_id = app.actor(lost).session_id
        with pytest.raises(SessionNotFound):
            app.do(bob, app.sessions.end, lost_id)
        app.do(actor, app.sessions.end, lost_id)
        assert not app.is_usable(lost.tokens)
        for unknown in (lost_id, UUID(int=1)):
            with pytest.raises(SessionNotFound):
                app.do(actor, app.sessions.end, unknown)

    def test_all_other_sessions_can_be_ended(self, app: App) -> None:
        current, other = (app.sessions.login("alice", PASSWORD) for _ in range(2))
        bob = app.registration.register({"username": "bob"}, PASSWORD)
        app.do(app.actor(current), app.sessions.end_others)
        assert app.is_usable(current.tokens)
        assert not app.is_usable(other.tokens)
        assert app.is_usable(bob.tokens)
        assert len(sessions_of(app)) == 1

    @pytest.mark.parametrize("passed", [timedelta(microseconds=1), timedelta(milliseconds=999), -timedelta(seconds=90)])
    def test_new_tokens_expire_in_the_whole_lifetime(self, app: App, passed: timedelta) -> None:
        """Time passes before the answer, and the clock of the host that answers may be behind."""
        app.sessions.login("alice", PASSWORD)
        session = sessions_of(app)[0]
        app.clock.advance(passed)
        assert app.sessions.tokens_of(session).expires_in == 900

    def test_expires_in_is_never_negative(self, app: App) -> None:
        app.sessions.login("alice", PASSWORD)
        session = sessions_of(app)[0]
        app.clock.set(START + timedelta(days=1))
        assert app.sessions.tokens_of(session).expires_in == 0


@pytest.mark.parametrize(("idle", "absolute"), [(timedelta(days=1), timedelta(days=9)), (timedelta(days=9),) * 2])
def test_a_refresh_token_expires_with_its_session(idle: timedelta, absolute: timedelta) -> None:
    app = App.in_memory(idle=idle, absolute=absolute)
    tokens = app.registration.register({"username": "alice"}, PASSWORD).tokens
    app.clock.advance(hours=12)
    tokens = app.sessions.refresh(tokens.refresh)
    assert tokens.refresh_expires_at == min(app.clock.now() + idle, START + absolute)


def test_a_logout_ends_each_session_of_its_tokens_that_is_left(app: App) -> None:
    first, second = (app.sessions.login("alice", PASSWORD).tokens for _ in range(2))
    app.sessions.logout(first.refresh)
    app.sessions.logout(first.refresh, second.access)
    assert not app.is_usable(second)


def test_a_session_that_has_expired_takes_no_place_of_a_live_one(app: App) -> None:
    seed = Seed(app.store, app.clock, app.ids)
    user = seed.user("bob", password_hash=app.hasher.hash(PASSWORD))
    live = [seed.session(user) for _ in range(2)]
    later = START + timedelta(seconds=1)
    seed.session(user, rotated_at=later, used_at=later, ends_at=START)
    app.clock.advance(seconds=1)
    app.sessions.login("bob", PASSWORD)
    assert {each.id for each in live} < {each.id for each in sessions_of(app, "bob")}
    assert len(sessions_of(app, "bob")) == 3
