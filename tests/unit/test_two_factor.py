"""Two-factor authentication."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given

from tasktracker.domain.accounts import reencryption_service
from tasktracker.domain.accounts.password_confirmation import CODE_NEEDED
from tasktracker.domain.accounts.reencryption_service import Reencrypted
from tasktracker.domain.accounts.second_factor import MAX_CODE_LENGTH, MAX_STEPS_AHEAD, SecondFactor, canonical_code
from tasktracker.domain.activity.event import Kind, Origin, Outcome
from tasktracker.domain.api_tokens.api_token import ApiTokenFields
from tasktracker.domain.kernel.actors import Scope, SessionActor
from tasktracker.domain.kernel.errors import (
    AccountDisabled,
    CodeRequired,
    ConfirmationRequired,
    FieldError,
    InvalidCredentials,
    InvalidInput,
    TwoFactorOff,
    TwoFactorOn,
)
from tasktracker.domain.kernel.fields import Refused
from tests.fakes import SYSTEM, App, FakeCodes
from tests.strategies import texts
from tests.unit.base import PASSWORD, before_next_call, fields_of, new_link


@pytest.fixture
def app() -> App:
    app = App.in_memory()
    app.clock.advance(seconds=15)  # in the middle of a step
    return app


def code(app: App, offset: int = 0, secret: str = "SECRET") -> str:
    return app.codes.code(secret, int(app.clock.now().timestamp()) // 30 + offset)


def turn_on(app: App, actor: SessionActor) -> list[str]:
    """Enable the second factor and return the recovery codes; the current code is unused."""
    app.two_factor.enrol(actor, PASSWORD)
    recovery = list(app.two_factor.confirm(actor, code(app)))
    app.clock.advance(seconds=90)
    return recovery


def factor_of(app: App, actor: SessionActor) -> SecondFactor | None:
    with app.store.reading(SYSTEM) as work:
        return work.second_factors.find(actor.user_id)


def log_in(app: App, code: str | None = None) -> None:
    app.sessions.login("alice", PASSWORD, code=code)


ORIGIN = Origin("192.0.2.1")
TOKEN = ApiTokenFields(name="script", scopes=frozenset(Scope), expires_at=None)
Operation = Callable[[App, SessionActor, str | None], object]
OPERATIONS: dict[Kind, Operation] = {
    Kind.RENAME: lambda app, actor, code: app.accounts.edit(actor, {"username": "bob"}, PASSWORD, ORIGIN, code),
    Kind.PASSWORD_CHANGE: lambda app, actor, code: app.accounts.change_password(
        actor, PASSWORD, "battery staple", ORIGIN, code
    ),
    Kind.API_TOKEN_CREATE: lambda app, actor, code: app.api_tokens.create(actor, TOKEN, PASSWORD, code, ORIGIN),
    Kind.DELETE: lambda app, actor, code: app.account_removal.delete(actor, PASSWORD, ORIGIN, None, code),
    Kind.TWO_FACTOR_DISABLE: lambda app, actor, code: app.two_factor.disable(actor, PASSWORD, code, ORIGIN),
    Kind.RECOVERY_CODES_RENEW: lambda app, actor, code: app.two_factor.renew_recovery_codes(
        actor, PASSWORD, code, ORIGIN
    ),
}


@pytest.mark.parametrize("kind", OPERATIONS)
def test_a_sensitive_operation_takes_a_code_and_says_where_it_was_used(
    app: App, alice: SessionActor, kind: Kind
) -> None:
    recovery = turn_on(app, alice)
    with pytest.raises(ConfirmationRequired):
        OPERATIONS[kind](app, alice, None)
    app.audit_log.events.clear()
    with pytest.raises(InvalidInput) as caught:
        OPERATIONS[kind](app, alice, "000000")
    assert fields_of(caught) == ["code"]
    OPERATIONS[kind](app, alice, recovery[0])
    assert [(each.kind, each.outcome, each.address) for each in app.audit_log.events] == [
        (kind, Outcome.FAILURE, ORIGIN.address),
        (Kind.RECOVERY_CODE_USE, Outcome.SUCCESS, ORIGIN.address),
        (kind, Outcome.SUCCESS, ORIGIN.address),
    ]


def test_a_login_that_meets_another_hash_of_the_password_keeps_its_device_its_code_and_its_origin(
    app: App, alice: SessionActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovery = turn_on(app, alice)
    other = app.hasher.hash(PASSWORD)

    def rehash() -> None:
        with app.store.writing(SYSTEM) as work:
            user = work.users.find(alice.user_id)
            assert user is not None
            work.users.save(user.with_password(other))

    before_next_call(monkeypatch, app.hasher, "verify", rehash)
    tokens = app.sessions.login("alice", PASSWORD, "Phone", recovery[0], ORIGIN)
    with app.store.reading(SYSTEM) as work:
        session = work.sessions.find(app.actor(tokens).session_id)
    assert session is not None
    assert (session.device, session.address) == ("Phone", ORIGIN.address)
    state = app.see(alice, app.two_factor.state)
    assert (state.enabled, state.recovery_codes_left) == (True, len(recovery) - 1)


def test_a_password_is_replaced_by_a_link_with_a_code_and_each_attempt_is_recorded(
    app: App, alice: SessionActor
) -> None:
    app.two_factor.enrol(alice, PASSWORD)
    app.password_reset.reset(new_link(app, alice), "battery staple")  # the factor is not confirmed
    alice = app.actor(app.sessions.login("alice", "battery staple"))
    app.two_factor.enrol(alice, "battery staple")
    recovery = app.two_factor.confirm(alice, code(app))
    token = new_link(app, alice)
    app.audit_log.events.clear()
    for wrong, message in ((None, CODE_NEEDED), (" ", CODE_NEEDED), ("000000", "is wrong")):
        with pytest.raises(InvalidInput) as caught:
            app.password_reset.reset(token, "correct staple", wrong, ORIGIN)
        assert caught.value.errors == (FieldError("code", message),)
    app.password_reset.reset(token, "correct staple", f" {recovery[0].upper()} ", ORIGIN)
    assert {each.address for each in app.audit_log.events} == {ORIGIN.address}
    assert [(each.kind, each.outcome, each.user_id) for each in app.audit_log.events] == [
        (Kind.PASSWORD_RESET, Outcome.FAILURE, alice.user_id),
        (Kind.RECOVERY_CODE_USE, Outcome.SUCCESS, alice.user_id),
        (Kind.PASSWORD_RESET, Outcome.SUCCESS, alice.user_id),
    ]


def test_a_code_is_ignored_until_the_factor_is_confirmed(app: App, alice: SessionActor) -> None:
    app.two_factor.enrol(alice, PASSWORD)
    assert app.accounts.edit(alice, {"username": "bob"}, PASSWORD, code="000000").username == "bob"


class TestEnrol:
    def test_enrolling_returns_a_secret_and_requires_no_code_yet(self, app: App, alice: SessionActor) -> None:
        enrolment = app.two_factor.enrol(alice, PASSWORD)
        assert enrolment.secret == "SECRET"
        assert enrolment.provisioning_uri == "otpauth://totp/alice?secret=SECRET"
        log_in(app)
        log_in(app, "anything")

    def test_the_secret_is_stored_sealed(self, app: App, alice: SessionActor) -> None:
        app.two_factor.enrol(alice, PASSWORD)
        factor = factor_of(app, alice)
        assert factor is not None
        assert factor.sealed_secret == app.cipher.seal("SECRET")
        assert not factor.is_required
        assert "SECRET" not in repr(factor)

    def test_enrolling_again_replaces_an_unconfirmed_secret(
        self, app: App, alice: SessionActor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        app.two_factor.enrol(alice, PASSWORD)
        monkeypatch.setattr(app.codes, "new_secret", lambda: "OTHER")
        app.two_factor.enrol(alice, PASSWORD)
        with pytest.raises(InvalidInput):
            app.two_factor.confirm(alice, code(app))
        app.two_factor.confirm(alice, code(app, secret="OTHER"))

    def test_enrolling_requires_the_password(self, app: App, alice: SessionActor) -> None:
        with pytest.raises(InvalidInput) as caught:
            app.two_factor.enrol(alice, "wrong")
        assert fields_of(caught) == ["password"]
        assert factor_of(app, alice) is None

    def test_enrolling_is_refused_when_two_factor_is_on(self, app: App, alice: SessionActor) -> None:
        turn_on(app, alice)
        before = factor_of(app, alice)
        with pytest.raises(TwoFactorOn):
            app.two_factor.enrol(alice, PASSWORD)
        assert factor_of(app, alice) == before

    def test_enrolling_does_not_replace_a_factor_confirmed_meanwhile(
        self, app: App, alice: SessionActor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def turn_on_and_prove() -> None:
            turn_on(app, alice)
            app.confirmation.confirm(alice, PASSWORD, code(app))

        before_next_call(monkeypatch, app.codes, "new_secret", turn_on_and_prove)
        with pytest.raises(TwoFactorOn):
            app.two_factor.enrol(alice)
        factor = factor_of(app, alice)
        assert factor is not None
        assert factor.is_required


class TestConfirm:
    def test_confirming_requires_codes_and_returns_recovery_codes(self, app: App, alice: SessionActor) -> None:
        recovery = turn_on(app, alice)
        assert len(set(recovery)) == 10
        assert all(re.fullmatch(r"([a-z2-7]{4}-){3}[a-z2-7]{4}", each) for each in recovery)
        with pytest.raises(CodeRequired):
            log_in(app)
        log_in(app, code(app))

    def test_recovery_codes_are_stored_as_hashes(self, app: App, alice: SessionActor) -> None:
        recovery = turn_on(app, alice)
        factor = factor_of(app, alice)
        assert factor is not None
        assert len(factor.recovery_hashes) == 10
        stored = str(sorted(factor.recovery_hashes))
        for each in recovery:
            assert each not in stored
            assert each.replace("-", "") not in stored
        assert not any(hash_ in repr(factor) for hash_ in factor.recovery_hashes)

    @pytest.mark.parametrize("offset", [-1, 0, 1])
    def test_a_code_of_a_neighbouring_step_is_accepted(self, app: App, alice: SessionActor, offset: int) -> None:
        app.two_factor.enrol(alice, PASSWORD)
        app.two_factor.confirm(alice, f" {code(app, offset)} ")

    @pytest.mark.parametrize("wrong", ["", "000000", "x" * 65, "\0", "\ud800", "\U0001f427" * 64])
    def test_a_wrong_code_changes_nothing(self, app: App, alice: SessionActor, wrong: str) -> None:
        app.two_factor.enrol(alice, PASSWORD)
        before = factor_of(app, alice)
        for bad in (wrong, code(app, 2), code(app, -2)):
            with pytest.raises(InvalidInput) as caught:
                app.two_factor.confirm(alice, bad)
            assert fields_of(caught) == ["code"]
        assert factor_of(app, alice) == before
        log_in(app)

    def test_confirming_requires_an_enrolment_and_succeeds_once(self, app: App, alice: SessionActor) -> None:
        with pytest.raises(TwoFactorOff):
            app.two_factor.confirm(alice, code(app))
        turn_on(app, alice)
        with pytest.raises(TwoFactorOn):
            app.two_factor.confirm(alice, code(app))


class TestLogin:
    def test_a_code_is_required_only_after_the_right_password(self, app: App, alice: SessionActor) -> None:
        turn_on(app, alice)
        for typed in (None, "", "  ", code(app), "000000"):
            with pytest.raises(InvalidCredentials):
                app.sessions.login("alice", "wrong", code=typed)
        for typed in (None, "", "  ", "-"):
            with pytest.raises(CodeRequired):
                log_in(app, typed)
        log_in(app, code(app))

    def test_a_disabled_user_is_refused_before_the_code(self, app: App, alice: SessionActor) -> None:
        turn_on(app, alice)
        app.do(SYSTEM, app.set_active, "alice", False)
        for typed in (None, code(app)):
            with pytest.raises(AccountDisabled):
                log_in(app, typed)

    def test_a_wrong_code_gets_the_same_error_as_a_wrong_password(self, app: App, alice: SessionActor) -> None:
        turn_on(app, alice)
        with pytest.raises(InvalidCredentials) as caught:
            log_in(app, "000000")
        assert caught.value.detail == InvalidCredentials().detail

    def test_a_code_is_accepted_once_including_the_confirmation(self, app: App, alice: SessionActor) -> None:
        app.two_factor.enrol(alice, PASSWORD)
        used = code(app)
        app.two_factor.confirm(alice, used)
        with pytest.raises(InvalidCredentials):
            log_in(app, used)
        app.clock.advance(seconds=30)
        fresh = code(app)
        log_in(app, fresh)
        for again in (fresh, used):
            with pytest.raises(InvalidCredentials):
                log_in(app, again)

    def test_a_code_of_a_neighbouring_step_uses_up_earlier_codes(self, app: App, alice: SessionActor) -> None:
        turn_on(app, alice)
        log_in(app, code(app, -1))
        log_in(app, code(app, 1))
        for used in (code(app, -1), code(app), code(app, 1)):
            with pytest.raises(InvalidCredentials):
                log_in(app, used)
        app.clock.advance(seconds=30)
        with pytest.raises(InvalidCredentials):
            log_in(app, code(app))
        log_in(app, code(app, 1))

    @pytest.mark.parametrize("offset", [-2, 2])
    def test_a_code_of_a_distant_step_is_refused(self, app: App, alice: SessionActor, offset: int) -> None:
        turn_on(app, alice)
        with pytest.raises(InvalidCredentials):
            log_in(app, code(app, offset))

    def test_a_code_used_while_the_clock_ran_ahead_does_not_refuse_later_codes(
        self, app: App, alice: SessionActor
    ) -> None:
        """The clock of the device was ahead, too."""
        turn_on(app, alice)
        app.clock.advance(days=1)
        app.sessions.login("alice", PASSWORD, code=code(app))
        app.clock.advance(timedelta(days=-1, minutes=1))
        used = code(app)
        app.sessions.login("alice", PASSWORD, code=used)
        with pytest.raises(InvalidCredentials):
            app.sessions.login("alice", PASSWORD, code=used)

    def test_a_failed_login_does_not_use_up_its_code(self, app: App, alice: SessionActor) -> None:
        turn_on(app, alice)
        with pytest.raises(InvalidCredentials):
            app.sessions.login("alice", "wrong", code=code(app))
        log_in(app, code(app))

    @pytest.mark.parametrize(
        "spelled",
        [
            str,
            str.upper,
            lambda text: text.replace("-", ""),
            lambda text: f" {text.replace('-', ' ')} ",
            lambda text: text.replace("-", "\u2009\u2013\u00a0"),
            lambda text: "\ufeff" + "".join(chr(ord(each) + 0xFEE0) for each in text),  # full-width
        ],
    )
    def test_a_recovery_code_is_accepted_once_in_any_spelling(
        self, app: App, alice: SessionActor, spelled: object
    ) -> None:
        recovery = turn_on(app, alice)
        assert callable(spelled)
        for each in recovery:
            log_in(app, spelled(each))
            with pytest.raises(InvalidCredentials):
                log_in(app, each)
        log_in(app, code(app))

    @pytest.mark.parametrize("separator", ["-", " ", "\u00a0", "\u2009", "\u2013"])
    def test_a_code_is_accepted_in_any_spelling(self, app: App, alice: SessionActor, separator: str) -> None:
        app.two_factor.enrol(alice, PASSWORD)
        app.two_factor.confirm(alice, separator.join(code(app)))
        app.clock.advance(seconds=90)
        log_in(app, separator.join(code(app)))
        app.clock.advance(seconds=90)
        app.two_factor.disable(alice, PASSWORD, separator.join(code(app)))

    @pytest.mark.parametrize("wrong", ["aaaa-aaaa-aaaa-aaaa", "x" * 64, "\ufdfa" * 64])
    def test_an_unknown_recovery_code_is_refused(self, app: App, alice: SessionActor, wrong: str) -> None:
        turn_on(app, alice)
        with pytest.raises(InvalidCredentials):
            log_in(app, wrong)

    @pytest.mark.parametrize("bad", ["\0", "\ud800", "x" * 65])
    def test_a_malformed_code_is_named(self, app: App, alice: SessionActor, bad: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            log_in(app, bad)
        assert fields_of(caught) == ["code"]

    def test_existing_sessions_stay_valid(self, app: App, alice: SessionActor) -> None:
        turn_on(app, alice)
        app.see(alice, app.accounts.profile)

    def test_two_concurrent_logins_cannot_use_the_same_code(
        self, app: App, alice: SessionActor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        turn_on(app, alice)
        before_next_call(monkeypatch, app.hasher, "verify", lambda: log_in(app, code(app)))
        with pytest.raises(InvalidCredentials):
            log_in(app, code(app))

    def test_a_factor_confirmed_during_a_login_requires_a_code(
        self, app: App, alice: SessionActor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before_next_call(monkeypatch, app.hasher, "verify", lambda: turn_on(app, alice))
        with pytest.raises(InvalidCredentials):
            log_in(app)


@pytest.mark.parametrize(
    "typed",
    [
        "123456",
        " 123 456 ",
        "123-456",
        "1 2 3 4 5 6",
        "123\u00a0456",
        "123\u2009456",
        "123\u202f456",
        "123\u3000456",
        "123\u2013456",
        "123\u2212456",
        "\u200e123456\u200b",
        "\uff11\uff12\uff13\uff0d\uff14\uff15\uff16",
        "\u0661\u0662\u0663\u0664\u0665\u0666",
        "\U0001d7cf\U0001d7d0\U0001d7d1456",
    ],
    ids=ascii,
)
def test_a_code_is_accepted_as_it_is_shown_copied_or_typed(typed: str) -> None:
    assert canonical_code(typed) == "123456"


@given(texts(MAX_CODE_LENGTH))
def test_a_canonical_code_is_canonical(typed: str) -> None:
    with suppress(Refused):
        code = canonical_code(typed)
        if len(code) <= MAX_CODE_LENGTH:
            assert canonical_code(code) == code


@pytest.mark.parametrize(
    ("ahead", "accepted"), [(-1, True), (0, False), (MAX_STEPS_AHEAD, False), (MAX_STEPS_AHEAD + 1, True)]
)
def test_a_last_step_refuses_earlier_ones_unless_a_clock_ran_ahead(ahead: int, accepted: bool) -> None:
    factor = SecondFactor(user_id=UUID(int=1), sealed_secret="sealed", last_step=1000 + ahead)
    assert (factor.accept_step(1000) is not None) is accepted


class TestDisable:
    def test_a_code_of_the_generator_disables_the_factor(self, app: App, alice: SessionActor) -> None:
        turn_on(app, alice)
        app.two_factor.disable(alice, PASSWORD, code(app))
        assert factor_of(app, alice) is None
        log_in(app)

    def test_a_recovery_code_disables_the_factor(self, app: App, alice: SessionActor) -> None:
        recovery = turn_on(app, alice)
        app.two_factor.disable(alice, PASSWORD, recovery[3].upper())
        log_in(app)

    def test_disabling_requires_the_password_and_an_unused_code(self, app: App, alice: SessionActor) -> None:
        recovery = turn_on(app, alice)
        log_in(app, code(app))
        log_in(app, recovery[0])
        before = factor_of(app, alice)
        with pytest.raises(InvalidInput) as caught:
            app.two_factor.disable(alice, "wrong", recovery[1])
        assert fields_of(caught) == ["password"]
        for bad in (code(app), recovery[0], "000000", "x" * 65, "\ud800"):
            with pytest.raises(InvalidInput) as caught:
                app.two_factor.disable(alice, PASSWORD, bad)
            assert fields_of(caught) == ["code"]
        assert factor_of(app, alice) == before

    @pytest.mark.parametrize("enrolled", [False, True])
    def test_disabling_requires_a_confirmed_factor(self, app: App, alice: SessionActor, enrolled: bool) -> None:
        if enrolled:
            app.two_factor.enrol(alice, PASSWORD)
        with pytest.raises(TwoFactorOff):
            app.two_factor.disable(alice, PASSWORD, code(app))

    def test_old_recovery_codes_are_refused_after_a_new_enrolment(self, app: App, alice: SessionActor) -> None:
        old = turn_on(app, alice)
        app.two_factor.disable(alice, PASSWORD, old[0])
        new = turn_on(app, alice)
        assert not set(old) & set(new)
        with pytest.raises(InvalidCredentials):
            log_in(app, old[1])
        log_in(app, new[0])


def test_new_recovery_codes_replace_all_former_ones_and_nothing_else(app: App, alice: SessionActor) -> None:
    turn_on(app, alice)
    app.confirmation.confirm(alice, PASSWORD, code(app))
    before = factor_of(app, alice)
    made = app.two_factor.renew_recovery_codes(alice)
    after = factor_of(app, alice)
    assert before is not None
    assert after is not None
    assert after == replace(before, recovery_hashes=after.recovery_hashes)
    assert (len(made), len(after.recovery_hashes - before.recovery_hashes)) == (10, 10)


class TestReseal:
    def enrolled(self, app: App, number: int) -> list[SessionActor]:
        actors = [app.actor(app.registration.register({"username": f"user{each}"}, PASSWORD)) for each in range(number)]
        for actor in actors:
            app.two_factor.enrol(actor, PASSWORD)
        return actors

    @pytest.mark.parametrize("batch", [1, 2, 3, 500])
    def test_every_secret_is_reencrypted_once(self, app: App, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
        monkeypatch.setattr(reencryption_service, "BATCH", batch)
        actors = self.enrolled(app, 4)
        app.registration.register({"username": "without"}, PASSWORD)
        assert app.reencryption.run() == Reencrypted(0, 0)
        app.cipher.number = 2
        last = app.actor(app.registration.register({"username": "new"}, PASSWORD))
        app.two_factor.enrol(last, PASSWORD)
        assert app.reencryption.run() == Reencrypted(4, 0)
        assert app.reencryption.run() == Reencrypted(0, 0)
        for actor in [*actors, last]:
            factor = factor_of(app, actor)
            assert factor is not None
            assert factor.sealed_secret == "2:SECRET"
            app.two_factor.confirm(actor, code(app))

    def test_only_the_sealed_secret_changes(self, app: App, alice: SessionActor) -> None:
        recovery = turn_on(app, alice)
        log_in(app, code(app))
        before = factor_of(app, alice)
        assert before is not None
        app.cipher.number = 2
        app.reencryption.run()
        assert factor_of(app, alice) == replace(before, sealed_secret="2:SECRET")
        with pytest.raises(InvalidCredentials):
            log_in(app, code(app))
        log_in(app, recovery[0])

    def test_secrets_that_no_key_opens_are_counted_and_skipped(self, app: App) -> None:
        app.cipher.number = 3
        *lost, first, second = self.enrolled(app, 4)
        with app.store.writing(SYSTEM) as work:
            for actor in (first, second):
                work.users.find(actor.user_id)
                work.second_factors.save(SecondFactor(user_id=actor.user_id, sealed_secret="1:SECRET"))
        app.cipher.number = 2  # the third key is no longer in the ring
        assert app.reencryption.run() == Reencrypted(done=2, lost=2)
        for actor in lost:
            assert factor_of(app, actor) == SecondFactor(user_id=actor.user_id, sealed_secret="3:SECRET")


class TestLostKey:
    """A key was removed from the ring before all secrets were re-encrypted."""

    @pytest.fixture
    def recovery(self, app: App, alice: SessionActor) -> list[str]:
        app.cipher.number = 2
        recovery = turn_on(app, alice)
        app.cipher.number = 1
        return recovery

    def test_only_recovery_codes_are_accepted_without_the_key(self, app: App, recovery: list[str]) -> None:
        with pytest.raises(InvalidCredentials):
            log_in(app, code(app))
        log_in(app, recovery[0])

    def test_a_recovery_code_disables_the_factor_without_the_key(
        self, app: App, alice: SessionActor, recovery: list[str]
    ) -> None:
        with pytest.raises(InvalidInput):
            app.two_factor.disable(alice, PASSWORD, code(app))
        app.two_factor.disable(alice, PASSWORD, recovery[0])
        turn_on(app, alice)

    def test_a_new_enrolment_replaces_one_of_a_lost_key(self, app: App) -> None:
        bob = app.actor(app.registration.register({"username": "bob"}, PASSWORD))
        app.cipher.number = 2
        app.two_factor.enrol(bob, PASSWORD)
        app.cipher.number = 1
        with pytest.raises(InvalidInput):
            app.two_factor.confirm(bob, code(app))
        turn_on(app, bob)


def test_fake_codes_behave_like_the_standard() -> None:
    codes, now = FakeCodes(), App.in_memory().clock.now()
    step = int(now.timestamp()) // 30
    assert [codes.step("S", codes.code("S", step + each), now) for each in (-2, -1, 0, 1, 2)] == [
        None,
        step - 1,
        step,
        step + 1,
        None,
    ]
    assert codes.step("S", codes.code("S", step), now + timedelta(seconds=30)) == step
