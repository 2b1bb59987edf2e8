"""The modes of registration, and invitations."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from tasktracker.domain.accounts.invites import DEFAULT_LIFETIME, Invite, InviteFields
from tasktracker.domain.accounts.registration import Registration, RegistrationMode
from tasktracker.domain.accounts.session_service import LoggedIn
from tasktracker.domain.kernel.errors import (
    InvalidInput,
    InviteNotFound,
    RegistrationClosed,
    SettingFixed,
    UsernameTaken,
)
from tasktracker.domain.work import Storage
from tests.backends import Backend, on_postgresql
from tests.contracts.base import SECOND, SHORT_WAIT, BackgroundCall, race, read_pages
from tests.fakes import START, SYSTEM, App
from tests.unit.base import PASSWORD, fields_of


def set_mode(app: App, mode: Registration) -> None:
    app.do(SYSTEM, app.registration_mode.change, mode)


def invite(app: App, **fields: object) -> str:
    token = app.do(SYSTEM, app.invites.create, InviteFields(**fields))[1]  # type: ignore[typeddict-item]
    assert token is not None
    return token


def register(app: App, name: str, token: str | None = None) -> LoggedIn:
    return app.registration.register({"username": name}, PASSWORD, invite=token)


class TestMode:
    def test_registration_is_open_until_it_is_changed(self, app: App) -> None:
        assert app.see(SYSTEM, app.registration_mode.current) is Registration.OPEN
        register(app, "alice")
        for mode in (Registration.CLOSED, Registration.INVITE, Registration.OPEN):
            set_mode(app, mode)
            assert app.see(SYSTEM, app.registration_mode.current) is mode

    def test_a_change_applies_to_other_processes_at_once(self, app: App, backend: Backend) -> None:
        set_mode(app, Registration.CLOSED)
        other = app if backend.name == "memory" else App(backend.another_store(), backend.clock)
        with pytest.raises(RegistrationClosed):
            register(other, "alice")
        if other is not app:
            other.store.close()

    @pytest.mark.parametrize("token", [None, "made up"])
    def test_nobody_registers_while_registration_is_closed_and_nothing_is_hashed(
        self, app: App, token: str | None
    ) -> None:
        valid = invite(app)
        set_mode(app, Registration.CLOSED)
        for each in (token, valid):
            with pytest.raises(RegistrationClosed):
                register(app, "alice", each)
        assert app.hasher.hashed == []
        app.registration.create_admin({"username": "alice"}, PASSWORD)
        with pytest.raises(RegistrationClosed):
            app.do(SYSTEM, app.service_administration.invite, {})

    def test_a_fixed_mode_overrides_the_stored_one_and_cannot_be_changed(self, app: App) -> None:
        set_mode(app, Registration.CLOSED)
        fixed = RegistrationMode(Registration.OPEN)
        assert app.see(SYSTEM, fixed.current) is Registration.OPEN
        with pytest.raises(SettingFixed):
            app.do(SYSTEM, fixed.change, Registration.INVITE)
        assert (fixed.is_fixed, app.registration_mode.is_fixed) == (True, False)

    @on_postgresql
    def test_closing_waits_for_registrations_that_have_begun(self, app: App, store: Storage) -> None:
        set_mode(app, Registration.OPEN)
        with store.writing(SYSTEM) as work:
            assert app.registration_mode.current(work) is Registration.OPEN
            closing = BackgroundCall(partial(set_mode, app, Registration.CLOSED))
            assert not closing.wait(SHORT_WAIT)
        closing.result()


class TestInvite:
    @pytest.fixture(autouse=True)
    def invited_only(self, app: App) -> None:
        set_mode(app, Registration.INVITE)

    def test_an_invitation_is_found_used_and_renewed_by_itself(self, app: App, store: Storage) -> None:
        admin = app.registration.create_admin({"username": "alice"}, PASSWORD)
        end = START + SECOND
        made: dict[str, Any] = {"note": "for all", "address": "A@example.org", "created_at": START, "expires_at": end}
        invites = [
            Invite(id=app.ids.new(), digest=bytes([n]) * 32, uses_left=n, created_by=admin.id, **made) for n in range(4)
        ]
        used_up, once, twice, more = invites
        with store.writing(SYSTEM) as work:
            for each in invites:
                work.invites.add(each)
            found = [work.invites.find_usable(each.digest, START) for each in invites]
            assert found == [None, once, twice, more]
            assert work.invites.use(twice.digest, START) == replace(twice, uses_left=1)
            assert work.invites.use(once.digest, START) == replace(once, uses_left=0)
            assert work.invites.use(once.digest, START) is work.invites.use(twice.digest, end) is None
            new = b"n" * 32
            renewed = replace(more, digest=new)
            assert work.invites.renew(more.id, new, START) == renewed
            assert [work.invites.renew(each.id, b"x" * 32, START) for each in (used_up, once)] == [None, None]
            assert work.invites.renew(more.id, b"x" * 32, end) is work.invites.find_usable(new, end) is None
            assert work.invites.find_usable(more.digest, START) is None
            left = [renewed, replace(twice, uses_left=1), replace(once, uses_left=0), used_up]
            assert list(work.invites.list(None, 9).items) == left
            assert (work.invites.remove(twice.id), work.invites.remove(twice.id)) == (left.pop(1), None)
            assert list(work.invites.list(None, 9).items) == left

    def test_an_invitation_works_once(self, app: App) -> None:
        token = invite(app)
        register(app, "alice", token)
        app.hasher.clear()
        for bad in (token, None, "", "made up", "\ud800"):
            with pytest.raises(InvalidInput) as caught:
                register(app, "bob", bad)
            assert fields_of(caught) == ["invite"]
            assert ("is required" in caught.value.detail) is (not bad)
        assert app.hasher.hashed == []

    def test_an_invitation_works_as_often_as_it_says(self, app: App) -> None:
        token = invite(app, uses_left=2)
        register(app, "alice", token)
        register(app, "bob", token)
        with pytest.raises(InvalidInput):
            register(app, "carol", token)

    def test_concurrent_registrations_use_an_invitation_once(self, app: App) -> None:
        token = invite(app)
        outcomes = race(*(partial(register, app, f"user{number}", token) for number in range(6)))
        assert [isinstance(each, LoggedIn) for each in outcomes].count(True) == 1
        assert [isinstance(each, InvalidInput) for each in outcomes].count(True) == 5

    def test_a_refused_registration_does_not_use_the_invitation_up(self, app: App) -> None:
        first, second = invite(app), invite(app)
        register(app, "alice", first)
        with pytest.raises(UsernameTaken):
            register(app, "Alice", second)
        register(app, "bob", second)

    def test_an_invitation_expires(self, app: App) -> None:
        usual, short = invite(app), invite(app, expires_at=START + SECOND)
        app.clock.advance(SECOND)
        with pytest.raises(InvalidInput):
            register(app, "alice", short)
        app.clock.set(START + DEFAULT_LIFETIME - SECOND)
        register(app, "alice", usual)
        other = invite(app)
        app.clock.advance(DEFAULT_LIFETIME)
        with pytest.raises(InvalidInput):
            register(app, "bob", other)

    def test_an_invitation_is_counted_and_refused_while_registration_is_open(self, app: App) -> None:
        token, expired = invite(app), invite(app, expires_at=START + SECOND)
        set_mode(app, Registration.OPEN)
        register(app, "alice", token)
        app.clock.advance(SECOND)
        app.hasher.clear()
        for bad in (token, expired, "made up"):
            with pytest.raises(InvalidInput) as caught:
                register(app, "bob", bad)
            assert fields_of(caught) == ["invite"]
        assert app.hasher.hashed == []
        register(app, "bob", "")

    def test_a_revoked_invitation_is_refused(self, app: App) -> None:
        made, token = app.do(SYSTEM, app.invites.create, {})
        app.do(SYSTEM, app.invites.revoke, made.id)
        with pytest.raises(InvalidInput):
            register(app, "alice", token)
        with pytest.raises(InviteNotFound):
            app.do(SYSTEM, app.invites.revoke, made.id)

    def test_invitations_are_listed_newest_first_without_their_tokens(self, app: App, store: Storage) -> None:
        made = []
        for number in range(5):
            made.append(app.do(SYSTEM, app.invites.create, {"note": f"for {number}", "address": "A@example.org"}))
            app.clock.advance(SECOND * (number % 2))
        pages = read_pages(store, lambda work, after: app.invites.list(work, after, 2))
        assert [len(page) for page in pages] == [2, 2, 1]
        listed = [each for page in pages for each in page]
        assert listed == sorted((each for each, _ in made), key=lambda each: each.key, reverse=True)
        assert not [token for _, token in made if not token or token in repr(listed)]

    def test_every_bad_field_of_an_invitation_is_named(self, app: App) -> None:
        with pytest.raises(InvalidInput) as caught:
            app.do(SYSTEM, app.invites.create, {"note": "x" * 201, "address": "nobody", "uses_left": 0})
        assert fields_of(caught) == ["note", "address", "uses_left"]
        with pytest.raises(InvalidInput) as caught:
            app.do(SYSTEM, app.invites.create, {"expires_at": START})
        assert fields_of(caught) == ["expires_at"]

    def test_an_invitation_stays_without_the_account_that_made_it(self, app: App, store: Storage) -> None:
        set_mode(app, Registration.OPEN)
        alice = app.actor(register(app, "alice"))
        set_mode(app, Registration.INVITE)
        made, token = app.do(SYSTEM, app.invites.create, {}, alice.user_id)
        assert made.created_by == alice.user_id
        app.account_removal.delete(alice, PASSWORD)
        with store.reading(SYSTEM) as work:
            assert [each.created_by for each in work.invites.list(None, 10).items] == [None]
        register(app, "bob", token)

    def test_expired_invitations_are_purged_and_no_others(self, app: App, store: Storage) -> None:
        for _ in range(3):
            invite(app, expires_at=START + timedelta(days=1))
        current = invite(app)
        app.clock.advance(days=2)
        with store.writing(SYSTEM) as work:
            assert work.invites.purge_before(START + timedelta(days=1), 2) == 0
            assert [work.invites.purge_before(app.clock.now(), 2) for _ in range(3)] == [2, 1, 0]
        register(app, "alice", current)
