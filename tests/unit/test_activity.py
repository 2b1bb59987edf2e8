"""Recorded events: one for each action, with its user, session and address, and without secrets."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog

from tasktracker.adapters.audit_log import StructlogAuditLog
from tasktracker.domain.accounts.links import LinkKind
from tasktracker.domain.activity.event import AuthEvent, Kind, Origin, Outcome
from tasktracker.domain.api_tokens.api_token import ApiTokenFields
from tasktracker.domain.deliveries.delivery import Delivery, DeliveryKind
from tasktracker.domain.kernel.actors import Scope, SessionActor
from tasktracker.domain.kernel.errors import (
    AccountDisabled,
    CodeRequired,
    DomainError,
    InvalidCredentials,
    InvalidInput,
    SessionEnded,
    SessionNotFound,
)
from tests.fakes import START, SYSTEM, App
from tests.unit.base import before_next_call, new_link, register

PASSWORD, OTHER, WRONG = "correct horse", "battery staple", "a wrong password"
ORIGIN = Origin("192.0.2.1")
SUCCESS, FAILURE = Outcome.SUCCESS, Outcome.FAILURE
API_TOKEN = ApiTokenFields(name="script", scopes=frozenset({Scope.TASKS_READ}), expires_at=None)


@pytest.fixture
def alice(app: App) -> SessionActor:
    actor = app.actor(
        app.registration.register({"username": "alice", "email": "a@example.org"}, PASSWORD, origin=ORIGIN)
    )
    app.audit_log.events.clear()
    return actor


def recorded(app: App) -> list[tuple[Kind, Outcome]]:
    return [(event.kind, event.outcome) for event in app.audit_log.events]


def code(app: App, secret: str = "SECRET") -> str:
    return app.codes.code(secret, int(app.clock.now().timestamp()) // 30)


def turn_on(app: App, actor: SessionActor) -> list[str]:
    app.two_factor.enrol(actor, PASSWORD, ORIGIN)
    recovery = list(app.two_factor.confirm(actor, code(app), ORIGIN))
    app.clock.advance(minutes=2)
    app.audit_log.events.clear()
    return recovery


class TestEvents:
    def require(self, app: App, kind: Kind, outcome: Outcome, user: UUID | None, session: UUID | None) -> None:
        (event,) = app.audit_log.events
        assert event == AuthEvent(
            id=event.id,
            at=app.clock.now(),
            kind=kind,
            outcome=outcome,
            user_id=user,
            session_id=session,
            address=ORIGIN.address,
        )

    def test_registering_is_recorded(self, app: App) -> None:
        signed_in = app.registration.register({"username": "alice"}, PASSWORD, origin=ORIGIN)
        actor = app.actor(signed_in)
        self.require(app, Kind.REGISTER, SUCCESS, actor.user_id, actor.session_id)
        (session,) = app.see(actor, app.sessions.list)
        assert session.address == ORIGIN.address

    def test_a_login_is_recorded(self, app: App, alice: SessionActor) -> None:
        actor = app.actor(app.sessions.login("alice", PASSWORD, origin=ORIGIN))
        self.require(app, Kind.LOGIN, SUCCESS, alice.user_id, actor.session_id)

    @pytest.mark.parametrize("reason", ["password", "disabled", "unknown", "code"])
    def test_a_failed_login_is_recorded(self, app: App, alice: SessionActor, reason: str) -> None:
        if reason == "disabled":
            app.do(SYSTEM, app.set_active, "alice", False)
        if reason == "code":
            turn_on(app, alice)
        app.audit_log.events.clear()
        with pytest.raises(AccountDisabled if reason == "disabled" else InvalidCredentials):
            app.sessions.login(
                "bob" if reason == "unknown" else "alice",
                WRONG if reason == "password" else PASSWORD,
                code="000000" if reason == "code" else None,
                origin=ORIGIN,
            )
        self.require(app, Kind.LOGIN, FAILURE, None if reason == "unknown" else alice.user_id, None)

    def test_a_login_with_a_recovery_code_is_recorded_as_two_events(self, app: App, alice: SessionActor) -> None:
        recovery = turn_on(app, alice)
        app.sessions.login("alice", PASSWORD, code=recovery[0], origin=ORIGIN)
        assert recorded(app) == [(Kind.RECOVERY_CODE_USE, SUCCESS), (Kind.LOGIN, SUCCESS)]

    def test_a_login_that_lacks_a_code_is_not_recorded(self, app: App, alice: SessionActor) -> None:
        turn_on(app, alice)
        with pytest.raises(CodeRequired):
            app.sessions.login("alice", PASSWORD, origin=ORIGIN)
        assert recorded(app) == []

    def test_repeated_logouts_of_a_session_are_recorded_once(self, app: App, alice: SessionActor) -> None:
        tokens = app.sessions.login("alice", PASSWORD, origin=ORIGIN).tokens
        session = app.signer.read(tokens.access).session_id
        app.audit_log.events.clear()
        for _ in range(3):
            app.sessions.logout(tokens.access, tokens.refresh, origin=ORIGIN)
        self.require(app, Kind.LOGOUT, SUCCESS, alice.user_id, session)

    def test_a_replay_is_recorded_but_not_a_refresh(self, app: App, alice: SessionActor) -> None:
        first = app.sessions.login("alice", PASSWORD, origin=ORIGIN).tokens
        app.audit_log.events.clear()
        second = app.sessions.refresh(first.refresh, ORIGIN)
        app.sessions.refresh(second.refresh, ORIGIN)
        assert recorded(app) == []
        for _ in range(2):
            with pytest.raises(SessionEnded):
                app.sessions.refresh(first.refresh, ORIGIN)
        self.require(app, Kind.REPLAY, SUCCESS, alice.user_id, app.signer.read(first.access).session_id)

    def test_ending_a_session_is_recorded_once(self, app: App, alice: SessionActor) -> None:
        other = app.actor(app.sessions.login("alice", PASSWORD, origin=ORIGIN))
        app.audit_log.events.clear()
        app.do(alice, app.sessions.end, other.session_id, ORIGIN)
        with pytest.raises(SessionNotFound):
            app.do(alice, app.sessions.end, other.session_id, ORIGIN)
        self.require(app, Kind.SESSION_END, SUCCESS, alice.user_id, other.session_id)

    def test_ending_other_sessions_is_recorded_for_each(self, app: App, alice: SessionActor) -> None:
        others = {app.actor(app.sessions.login("alice", PASSWORD)).session_id for _ in range(3)}
        app.audit_log.events.clear()
        app.do(alice, app.sessions.end_others, ORIGIN)
        assert recorded(app) == [(Kind.SESSION_END, SUCCESS)] * 3
        assert {event.session_id for event in app.audit_log.events} == others
        assert {event.address for event in app.audit_log.events} == {ORIGIN.address}

    def test_a_changed_username_or_email_address_is_recorded(self, app: App, alice: SessionActor) -> None:
        app.accounts.edit(alice, {"first_name": "A"}, PASSWORD, ORIGIN)
        app.accounts.edit(alice, {"username": "alice"}, PASSWORD, ORIGIN)
        assert recorded(app) == []
        app.accounts.edit(alice, {"email": None}, PASSWORD, ORIGIN)
        self.require(app, Kind.RENAME, SUCCESS, alice.user_id, alice.session_id)

    def test_a_changed_password_is_recorded(self, app: App, alice: SessionActor) -> None:
        app.accounts.change_password(alice, PASSWORD, OTHER, ORIGIN)
        self.require(app, Kind.PASSWORD_CHANGE, SUCCESS, alice.user_id, alice.session_id)

    @pytest.mark.parametrize(
        ("kind", "call"),
        [
            (Kind.RENAME, lambda app, actor: app.accounts.edit(actor, {"username": "bob"}, WRONG, ORIGIN)),
            (Kind.PASSWORD_CHANGE, lambda app, actor: app.accounts.change_password(actor, WRONG, OTHER, ORIGIN)),
            (Kind.DELETE, lambda app, actor: app.account_removal.delete(actor, WRONG, ORIGIN)),
            (Kind.TWO_FACTOR_ENABLE, lambda app, actor: app.two_factor.enrol(actor, WRONG, ORIGIN)),
            (Kind.CONFIRM, lambda app, actor: app.confirmation.confirm(actor, WRONG, None, ORIGIN)),
            (Kind.TWO_FACTOR_DISABLE, lambda app, actor: app.two_factor.disable(actor, WRONG, "000000", ORIGIN)),
            (
                Kind.RECOVERY_CODES_RENEW,
                lambda app, actor: app.two_factor.renew_recovery_codes(actor, WRONG, None, ORIGIN),
            ),
            (Kind.API_TOKEN_CREATE, lambda app, actor: app.api_tokens.create(actor, API_TOKEN, WRONG, None, ORIGIN)),
        ],
    )
    def test_a_wrong_password_is_recorded_as_a_failure(
        self, app: App, alice: SessionActor, kind: Kind, call: Callable[[App, SessionActor], object]
    ) -> None:
        with pytest.raises(InvalidInput):
            call(app, alice)
        self.require(app, kind, FAILURE, alice.user_id, alice.session_id)

    def test_a_weak_new_password_is_not_recorded(self, app: App, alice: SessionActor) -> None:
        with pytest.raises(InvalidInput):
            app.accounts.change_password(alice, PASSWORD, "weak password", ORIGIN)
        assert recorded(app) == []

    def test_changes_of_two_factor_authentication_and_wrong_codes_are_recorded(
        self, app: App, alice: SessionActor
    ) -> None:
        app.two_factor.enrol(alice, PASSWORD, ORIGIN)
        assert recorded(app) == []
        with pytest.raises(InvalidInput):
            app.two_factor.confirm(alice, "000000", ORIGIN)
        self.require(app, Kind.TWO_FACTOR_ENABLE, FAILURE, alice.user_id, alice.session_id)
        app.audit_log.events.clear()
        app.two_factor.confirm(alice, code(app), ORIGIN)
        self.require(app, Kind.TWO_FACTOR_ENABLE, SUCCESS, alice.user_id, alice.session_id)
        app.audit_log.events.clear()
        with pytest.raises(InvalidInput):
            app.two_factor.disable(alice, PASSWORD, "000000", ORIGIN)
        self.require(app, Kind.TWO_FACTOR_DISABLE, FAILURE, alice.user_id, alice.session_id)
        app.audit_log.events.clear()
        app.clock.advance(minutes=1)
        app.two_factor.disable(alice, PASSWORD, code(app), ORIGIN)
        self.require(app, Kind.TWO_FACTOR_DISABLE, SUCCESS, alice.user_id, alice.session_id)

    def test_a_confirmed_password_is_recorded(self, app: App, alice: SessionActor) -> None:
        app.confirmation.confirm(alice, PASSWORD, None, ORIGIN)
        self.require(app, Kind.CONFIRM, SUCCESS, alice.user_id, alice.session_id)

    def test_renewed_recovery_codes_are_recorded(self, app: App, alice: SessionActor) -> None:
        turn_on(app, alice)
        app.two_factor.renew_recovery_codes(alice, PASSWORD, code(app), ORIGIN)
        self.require(app, Kind.RECOVERY_CODES_RENEW, SUCCESS, alice.user_id, alice.session_id)

    def test_a_password_replaced_by_a_link_is_recorded(self, app: App, alice: SessionActor) -> None:
        token = new_link(app, alice)
        app.password_reset.reset(token, OTHER, None, ORIGIN)
        self.require(app, Kind.PASSWORD_RESET, SUCCESS, alice.user_id, None)

    def test_creating_and_revoking_an_api_token_is_recorded(self, app: App, alice: SessionActor) -> None:
        token, _ = app.api_tokens.create(alice, API_TOKEN, PASSWORD, origin=ORIGIN)
        self.require(app, Kind.API_TOKEN_CREATE, SUCCESS, alice.user_id, alice.session_id)
        app.audit_log.events.clear()
        app.do(alice, app.api_tokens.revoke, token.id, ORIGIN)
        self.require(app, Kind.API_TOKEN_REVOKE, SUCCESS, alice.user_id, alice.session_id)

    def test_deleting_an_account_is_recorded_without_the_user(self, app: App, alice: SessionActor) -> None:
        app.account_removal.delete(alice, PASSWORD, ORIGIN)
        self.require(app, Kind.DELETE, SUCCESS, None, None)

    def test_administrative_changes_are_recorded_without_an_address(self, app: App, alice: SessionActor) -> None:
        app.do(SYSTEM, app.set_active, "alice", False)
        app.do(SYSTEM, app.set_active, "alice", True)
        admin = app.registration.create_admin({"username": "admin"}, PASSWORD)
        assert recorded(app) == [(Kind.DISABLE, SUCCESS), (Kind.ENABLE, SUCCESS), (Kind.REGISTER, SUCCESS)]
        assert [event.user_id for event in app.audit_log.events] == [alice.user_id, alice.user_id, admin.id]
        assert {event.address for event in app.audit_log.events} == {None}

    def test_what_administrators_do_with_mails_is_recorded(self, app: App, alice: SessionActor) -> None:
        delivery = Delivery.of(
            DeliveryKind.NEW_DEVICE, UUID(int=1), START, mail_domain="example.org", user_id=alice.user_id
        )
        with app.store.writing(SYSTEM) as work:
            work.deliveries.add(delivery)
        app.do(SYSTEM, app.delivery_administration.cancel, delivery.id)
        app.do(SYSTEM, app.delivery_administration.retry, delivery.id)
        assert recorded(app) == [(Kind.DELIVERY_CANCEL, SUCCESS), (Kind.DELIVERY_RETRY, SUCCESS)]
        assert {event.subject for event in app.audit_log.events} == {delivery.id}

    def test_a_verified_address_is_recorded(self, app: App) -> None:
        bob = register(app, "bob")
        app.audit_log.events.clear()
        app.do(SYSTEM, app.emails.verify, new_link(app, bob, LinkKind.VERIFY_EMAIL, "bob@example.org"), ORIGIN)
        self.require(app, Kind.EMAIL_VERIFY, SUCCESS, bob.user_id, None)

    def test_a_failed_login_of_a_removed_user_is_recorded_without_the_user(
        self, app: App, alice: SessionActor, monkeypatch: pytest.MonkeyPatch
    ) -> None:

        def change_account() -> None:
            app.account_removal.delete(alice, PASSWORD, ORIGIN)
            app.audit_log.events.clear()

        before_next_call(monkeypatch, app.hasher, "verify", change_account)
        with pytest.raises(InvalidCredentials):
            app.sessions.login("alice", WRONG, origin=ORIGIN)
        self.require(app, Kind.LOGIN, FAILURE, None, None)

    def test_other_failures_are_not_recorded(self, app: App, alice: SessionActor) -> None:
        for call in (
            lambda: app.registration.register({"username": "ALICE"}, PASSWORD, origin=ORIGIN),
            lambda: app.registration.register({"username": "b"}, PASSWORD, origin=ORIGIN),
            lambda: app.sessions.refresh("nonsense", ORIGIN),
            lambda: app.sessions.logout("nonsense", origin=ORIGIN),
            lambda: app.two_factor.confirm(alice, "000000", ORIGIN),
            lambda: app.do(alice, app.api_tokens.revoke, UUID(int=1), ORIGIN),
            lambda: app.do(SYSTEM, app.set_active, "unknown", False),
        ):
            with pytest.raises(DomainError):
                call()
        assert recorded(app) == []

    def test_every_kind_is_used_here_or_in_the_tests_of_administration(self) -> None:
        text = Path(__file__).read_text(encoding="utf-8")
        administration = Path(__file__).parents[1] / "contracts" / "http" / "test_administration.py"
        mail = administration.with_name("test_mail.py").read_text(encoding="utf-8")
        other = administration.read_text(encoding="utf-8") + mail
        assert [kind for kind in Kind if f"Kind.{kind.name}" not in text and f'"{kind}"' not in other] == []


class TestList:
    def test_a_user_lists_their_own_events_newest_first(self, app: App, alice: SessionActor) -> None:
        bob = app.actor(app.registration.register({"username": "bob"}, PASSWORD))
        app.clock.advance(minutes=1)
        app.sessions.login("alice", PASSWORD, origin=ORIGIN)
        page = app.see(alice, app.activity.list, limit=1)
        assert [event.kind for event in page.items] == [Kind.LOGIN]
        rest = app.see(alice, app.activity.list, page.next)
        assert [event.kind for event in rest.items] == [Kind.REGISTER]
        assert rest.next is None
        assert [event.kind for event in app.see(bob, app.activity.list).items] == [Kind.REGISTER]


class TestSecrecy:
    def test_no_event_or_audit_line_holds_a_secret(self, app: App, lines: io.StringIO) -> None:
        signed_in = app.registration.register({"username": "alice", "email": "a@example.org"}, PASSWORD, origin=ORIGIN)
        alice = app.actor(signed_in)
        secrets = [PASSWORD, OTHER, WRONG, "SECRET", signed_in.tokens.access, signed_in.tokens.refresh, "999111"]
        secrets.append(signed_in.user.password_hash)
        _, text = app.api_tokens.create(
            alice,
            ApiTokenFields(name="script", scopes=frozenset({Scope.TASKS_READ}), expires_at=None),
            PASSWORD,
            origin=ORIGIN,
        )
        secrets.append(text)
        app.two_factor.enrol(alice, PASSWORD, ORIGIN)
        with pytest.raises(InvalidInput):
            app.two_factor.confirm(alice, "999111", ORIGIN)
        recovery = app.two_factor.confirm(alice, code(app), ORIGIN)
        secrets += recovery
        for password in (WRONG, PASSWORD):
            for given in (None, "999111", recovery[0]):
                with suppress(DomainError):
                    tokens = app.sessions.login("alice", password, "device", given, ORIGIN).tokens
                    secrets += [tokens.access, tokens.refresh]
        # A user types the password into the username field.
        with pytest.raises(InvalidCredentials):
            app.sessions.login(WRONG, WRONG, origin=ORIGIN)
        app.accounts.change_password(alice, PASSWORD, OTHER, ORIGIN, recovery[2])
        app.clock.advance(minutes=1)
        app.two_factor.disable(alice, OTHER, recovery[1], ORIGIN)
        app.account_removal.delete(alice, OTHER, ORIGIN)
        audit = StructlogAuditLog()
        for event in app.audit_log.events:
            audit.write(event)
        written = repr(app.audit_log.events) + str([asdict(event) for event in app.audit_log.events]) + lines.getvalue()
        assert len(app.audit_log.events) == len(lines.getvalue().splitlines()) >= 10
        assert [secret for secret in secrets if secret in written] == []
        assert "alice" not in written
        assert "a@example.org" not in written


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """The log output: one JSON object per line, as in production."""
    output = io.StringIO()
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()],
        logger_factory=structlog.WriteLoggerFactory(file=output),
        cache_logger_on_first_use=False,
    )
    yield output
    structlog.configure(**before)


class TestAuditLine:
    def event(self, **more: Any) -> AuthEvent:
        values: dict[str, Any] = {"id": UUID(int=1), "at": START, "kind": Kind.LOGIN, "user_id": UUID(int=2)}
        return AuthEvent(**(values | more))

    def test_an_audit_line_contains_every_field_of_an_event(self, lines: io.StringIO) -> None:
        audit = StructlogAuditLog()
        audit.write(self.event(session_id=UUID(int=3), address="192.0.2.1"))
        audit.write(self.event(admin_id=UUID(int=4), subject=UUID(int=5)))
        first, second = map(json.loads, lines.getvalue().splitlines())
        assert (second["admin"], second["subject"]) == (str(UUID(int=4)), str(UUID(int=5)))
        assert first == {
            "event": "audit",
            "level": "info",
            "id": str(UUID(int=1)),
            "at": "2026-03-01T12:00:00+00:00",
            "kind": "login",
            "outcome": "success",
            "user": str(UUID(int=2)),
            "session": str(UUID(int=3)),
            "address": "192.0.2.1",
            "admin": None,
            "subject": None,
        }

    def test_a_failure_is_logged_as_a_warning(self, lines: io.StringIO) -> None:
        StructlogAuditLog().write(self.event(outcome=FAILURE, user_id=None))
        line = json.loads(lines.getvalue())
        assert (line["level"], line["outcome"], line["user"], line["session"], line["address"]) == (
            "warning",
            "failure",
            None,
            None,
            None,
        )

    def test_line_breaks_in_an_address_do_not_break_the_line(self, lines: io.StringIO) -> None:
        StructlogAuditLog().write(self.event(address='x\n{"event": "audit"}\r\u2028'))
        assert len(lines.getvalue().split("\n")) == 2

    @pytest.mark.parametrize("error", [BrokenPipeError, OSError, ValueError("I/O operation on closed file")])
    def test_a_failing_log_output_raises_nothing(
        self, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        def fail(_: str) -> None:
            raise error

        monkeypatch.setattr(lines, "write", fail)
        StructlogAuditLog().write(self.event())
