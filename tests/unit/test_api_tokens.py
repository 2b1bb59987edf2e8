"""API tokens and their scopes."""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktracker.domain.activity.event import Kind
from tasktracker.domain.api_tokens.api_token import (
    MAX_NAME_LENGTH,
    PREFIX,
    USE_STEP,
    ApiToken,
    ApiTokenFields,
    actor_of,
    has_api_token_prefix,
    is_use_due,
)
from tasktracker.domain.kernel.actors import Scope, SessionActor
from tasktracker.domain.kernel.errors import (
    ApiTokenNotFound,
    InsufficientScope,
    InvalidInput,
    InvalidToken,
    SessionEnded,
    TooManyApiTokens,
)
from tests.fakes import START, SYSTEM, App
from tests.unit.base import PASSWORD, fields_of

MOMENT = timedelta(microseconds=1)


def fields(name: str = "backup", *scopes: Scope, expires_at: datetime | None = None) -> ApiTokenFields:
    return ApiTokenFields(name=name, scopes=frozenset(scopes or Scope), expires_at=expires_at)


def decoded(text: str) -> bytes:
    body = text.removeprefix(PREFIX)
    return urlsafe_b64decode(body + "=" * (-len(body) % 4))


class TestText:
    def create(self) -> tuple[ApiToken, str]:
        return ApiToken.create(id=UUID(int=7), user_id=UUID(int=8), fields=fields(), now=START)

    def test_the_text_contains_the_user_the_token_and_its_secret(self) -> None:
        token, text = self.create()
        assert has_api_token_prefix(text)
        actor = actor_of(text)
        assert (actor.user_id, actor.token_id, actor.secret_hash) == (UUID(int=8), UUID(int=7), token.secret_hash)

    def test_the_secret_has_192_random_bits_and_only_its_hash_is_kept(self) -> None:
        created = [self.create() for _ in range(20)]
        secrets_ = [decoded(text)[32:] for _, text in created]
        assert {len(secret) for secret in secrets_} == {24}
        assert len(set(secrets_)) == 20
        for secret, (token, text) in zip(secrets_, created, strict=True):
            assert token.secret_hash == hashlib.sha256(secret).digest()
            assert secret not in token.secret_hash
            assert text not in repr(token)
            assert repr(token.secret_hash) not in repr(token)
            assert repr(token.secret_hash) not in repr(actor_of(text))

    def test_the_text_is_safe_in_a_header_and_a_url(self) -> None:
        for _ in range(20):
            _, text = self.create()
            assert all(character.isalnum() or character in "-_" for character in text)
            assert text.isascii()
            assert len(text) == len(PREFIX) + 75

    def test_a_signed_token_does_not_look_like_an_api_token(self) -> None:
        assert not has_api_token_prefix("eyJhbGciOiJIUzI1NiJ9.e30.x")
        assert not has_api_token_prefix("TT_x")
        assert not has_api_token_prefix(f"eyJhbGciOiJIUzI1NiJ9.{PREFIX}x")

    @pytest.mark.parametrize(
        "damage",
        [
            lambda _: "",
            lambda _: PREFIX,
            lambda text: text[:-1],
            lambda text: text + "A",
            lambda text: text + "=",
            lambda text: text[:-4],
            lambda text: text + "AAAA",
            lambda text: text[: len(PREFIX)] + " " + text[len(PREFIX) :],
            lambda text: text[:20] + "!" + text[20:],
            lambda text: text[:20] + "\n" + text[20:],
            lambda text: text[:20] + "\ud800" + text[20:],
            lambda text: text[:20] + "\u00e9" + text[20:],
            lambda text: PREFIX + text,
            lambda text: text.removeprefix(PREFIX),
            lambda _: PREFIX + "!" * 75,
            lambda _: PREFIX + "A" * 100_000,
            lambda text: text + "!" * 100_000,
        ],
    )
    def test_a_damaged_text_is_refused(self, damage: object) -> None:
        _, text = self.create()
        assert callable(damage)
        with pytest.raises(InvalidToken):
            actor_of(damage(text))

    def test_another_encoding_of_a_token_is_refused(self) -> None:
        """Neither the unused bits of the last character nor the other base64 alphabet is accepted."""
        secret = b"\xff" + b"\xfb\xef\xbe" * 7 + b"\xff\xff"
        payload = UUID(int=8).bytes + UUID(int=7).bytes + secret
        text = PREFIX + urlsafe_b64encode(payload).decode().rstrip("=")
        assert actor_of(text).token_id == UUID(int=7)
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        last = alphabet.index(text[-1])
        for other in [text.replace("-", "+"), text.replace("_", "/"), text[:-1] + alphabet[last ^ 1]]:
            assert other != text
            with pytest.raises(InvalidToken):
                actor_of(other)

    @given(st.text(st.characters(codec=None), max_size=120))
    def test_arbitrary_text_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidToken):
            actor_of(PREFIX + text)

    @given(st.binary(min_size=56, max_size=56))
    def test_any_payload_of_the_right_length_is_decoded(self, payload: bytes) -> None:
        actor = actor_of(PREFIX + urlsafe_b64encode(payload).decode().rstrip("="))
        assert actor.user_id.bytes + actor.token_id.bytes == payload[:32]


class TestCreate:
    def test_the_text_is_returned_only_on_creation(self, app: App, alice: SessionActor) -> None:
        token, text = app.api_tokens.create(
            alice, fields(" nightly backup ", Scope.TASKS_READ, Scope.TASKS_READ), PASSWORD
        )
        assert (token.name, list(token.scopes), token.expires_at) == ("nightly backup", [Scope.TASKS_READ], None)
        assert (token.user_id, token.created_at) == (alice.user_id, START)
        assert app.see(alice, app.api_tokens.list) == [token]
        assert text not in repr(app.see(alice, app.api_tokens.list))

    def test_a_token_can_act_for_its_user(self, app: App, alice: SessionActor) -> None:
        _, text = app.api_tokens.create(alice, fields(), PASSWORD)
        actor = actor_of(text)
        task = app.do(actor, app.tasks.create, {"title": "By script"})
        assert task.created_by == alice.user_id
        assert list(app.see(actor, app.categories.list).items) == []

    def test_a_token_is_limited_to_its_scopes(self, app: App, alice: SessionActor) -> None:
        reader = actor_of(app.api_tokens.create(alice, fields("r", Scope.TASKS_READ), PASSWORD)[1])
        writer = actor_of(app.api_tokens.create(alice, fields("w", Scope.TASKS_WRITE), PASSWORD)[1])
        app.see(reader, app.categories.list)
        task = app.do(writer, app.tasks.create, {"title": "By script"})
        category, limit = app.do(writer, app.categories.create, {"name": "By script"}), app.invitation_limit
        for consume, id_ in ((limit.consume, task.id), (limit.consume_for_category, category.id)):
            consume(writer, id_)
            with pytest.raises(InsufficientScope):  # before any attempt is counted
                consume(reader, id_)
        with pytest.raises(InsufficientScope) as caught:
            app.do(reader, app.tasks.create, {"title": "By script"})
        assert caught.value.scope == "tasks:write"
        with pytest.raises(InsufficientScope) as caught:
            app.see(writer, app.categories.list)
        assert caught.value.scope == "tasks:read"

    @pytest.mark.parametrize("name", ["", " ", "\u3000\t", "x" * (MAX_NAME_LENGTH + 1), "a\0b", "\ud800", "\u200b"])
    def test_a_name_of_1_to_100_characters_is_required(self, app: App, alice: SessionActor, name: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            app.api_tokens.create(alice, fields(name), PASSWORD)
        assert fields_of(caught) == ["name"]
        app.api_tokens.create(alice, fields(" " + "x" * MAX_NAME_LENGTH + " "), PASSWORD)

    def test_every_bad_field_is_named(self, app: App, alice: SessionActor) -> None:
        with pytest.raises(InvalidInput) as caught:
            app.api_tokens.create(
                alice,
                ApiTokenFields(name="", scopes=frozenset(), expires_at=datetime(2030, 1, 1)),  # noqa: DTZ001
                PASSWORD,
            )
        assert fields_of(caught) == ["name", "scopes", "expires_at"]
        assert app.see(alice, app.api_tokens.list) == []

    @pytest.mark.parametrize("expires_at", [START, START - MOMENT, datetime(1, 1, 1, tzinfo=UTC)])
    def test_an_expiry_in_the_past_is_refused(self, app: App, alice: SessionActor, expires_at: datetime) -> None:
        with pytest.raises(InvalidInput) as caught:
            app.api_tokens.create(alice, fields(expires_at=expires_at), PASSWORD)
        assert fields_of(caught) == ["expires_at"]
        app.api_tokens.create(alice, fields(expires_at=START + MOMENT), PASSWORD)

    def test_an_expiry_is_stored_in_utc(self, app: App, alice: SessionActor) -> None:
        expires_at = (START + timedelta(days=1)).astimezone(timezone(timedelta(hours=5, minutes=45)))
        token, _ = app.api_tokens.create(alice, fields(expires_at=expires_at), PASSWORD)
        assert token.expires_at == expires_at
        assert token.expires_at.tzinfo is UTC

    def test_a_token_expires_to_the_microsecond(self, app: App, alice: SessionActor) -> None:
        token, text = app.api_tokens.create(alice, fields(expires_at=START + timedelta(hours=1)), PASSWORD)
        app.clock.set(START + timedelta(hours=1) - MOMENT)
        app.see(actor_of(text), app.categories.list)
        assert token.is_live(app.clock.now())
        app.clock.advance(MOMENT)
        assert not token.is_live(app.clock.now())
        with pytest.raises(SessionEnded):
            app.see(actor_of(text), app.categories.list)

    def test_a_user_has_at_most_50_tokens_with_expired_ones(self, app: App, alice: SessionActor) -> None:
        for number in range(50):
            app.api_tokens.create(alice, fields(str(number), expires_at=START + timedelta(minutes=1)), PASSWORD)
        app.clock.advance(hours=1)
        with pytest.raises(TooManyApiTokens) as caught:
            app.api_tokens.create(alice, fields(), PASSWORD)
        assert "50" in caught.value.detail
        newest = app.see(alice, app.api_tokens.list)[0]
        app.do(alice, app.api_tokens.revoke, newest.id)
        app.api_tokens.create(alice, fields(), PASSWORD)
        bob = app.actor(app.registration.register({"username": "bob"}, PASSWORD))
        app.api_tokens.create(bob, fields(), PASSWORD)


class TestRevoke:
    def test_a_revoked_token_cannot_act(self, app: App, alice: SessionActor) -> None:
        (token, text), (_, other) = (
            app.api_tokens.create(alice, fields(name), PASSWORD) for name in ("first", "second")
        )
        app.do(alice, app.api_tokens.revoke, token.id)
        with pytest.raises(SessionEnded):
            app.see(actor_of(text), app.categories.list)
        app.see(actor_of(other), app.categories.list)
        with pytest.raises(ApiTokenNotFound):
            app.do(alice, app.api_tokens.revoke, token.id)

    def test_a_token_of_another_user_cannot_be_revoked(self, app: App, alice: SessionActor) -> None:
        bob = app.actor(app.registration.register({"username": "bob"}, PASSWORD))
        token, text = app.api_tokens.create(alice, fields(), PASSWORD)
        with pytest.raises(ApiTokenNotFound):
            app.do(bob, app.api_tokens.revoke, token.id)
        assert app.see(bob, app.api_tokens.list) == []
        app.see(actor_of(text), app.categories.list)

    def test_revoking_an_unknown_token_is_not_recorded(self, app: App, alice: SessionActor) -> None:
        with pytest.raises(ApiTokenNotFound):
            app.do(alice, app.api_tokens.revoke, UUID(int=1))
        assert Kind.API_TOKEN_REVOKE not in {event.kind for event in app.audit_log.events}


class TestLife:
    def test_a_token_survives_logouts_and_a_password_change(self, app: App, alice: SessionActor) -> None:
        _, text = app.api_tokens.create(alice, fields(), PASSWORD)
        app.accounts.change_password(alice, PASSWORD, "battery staple")
        app.do(alice, app.sessions.end, alice.session_id)
        app.see(actor_of(text), app.categories.list)

    @pytest.mark.parametrize("end", ["disable", "delete"])
    def test_a_token_of_a_disabled_or_deleted_account_cannot_act(self, app: App, alice: SessionActor, end: str) -> None:
        _, text = app.api_tokens.create(alice, fields(), PASSWORD)
        if end == "disable":
            app.do(SYSTEM, app.set_active, "alice", False)
        else:
            app.account_removal.delete(alice, PASSWORD)
        with pytest.raises(SessionEnded):
            app.see(actor_of(text), app.categories.list)

    def test_a_guessed_secret_is_refused(self, app: App, alice: SessionActor) -> None:
        _, text = app.api_tokens.create(alice, fields(), PASSWORD)
        payload = decoded(text)[:32] + secrets.token_bytes(24)
        with pytest.raises(SessionEnded):
            app.see(actor_of(PREFIX + urlsafe_b64encode(payload).decode().rstrip("=")), app.categories.list)


def test_a_use_is_stored_at_most_once_an_hour() -> None:
    uses = (None, START - USE_STEP, START - USE_STEP + timedelta(microseconds=1), START, START + USE_STEP)
    assert [is_use_due(last, START) for last in uses] == [True, True, False, False, False]
