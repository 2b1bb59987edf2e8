"""The contract of an ApiTokenRepository, and of a Storage that admits an actor with an API token."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from tasktracker.domain.accounts.user import User
from tasktracker.domain.api_tokens.api_token import MAX_NAME_LENGTH, ApiToken
from tasktracker.domain.kernel.actors import Scope
from tasktracker.domain.kernel.errors import InsufficientScope, SessionEnded
from tasktracker.domain.work import Storage
from tests.contracts.base import (
    BROKEN_REFERENCE,
    MOMENT,
    Abort,
    Mode,
    Seed,
    can_open,
    each_mode,
    open_work,
    token_actor,
)
from tests.fakes import START, SYSTEM, ManualClock

NEEDED = {"reading": Scope.TASKS_READ, "writing": Scope.TASKS_WRITE}


def tokens_of(store: Storage, user: User) -> list[ApiToken]:
    with store.reading(SYSTEM) as work:
        return list(work.api_tokens.list(user.id))


def remove(store: Storage, user: User, token: ApiToken) -> bool:
    with store.writing(SYSTEM) as work:
        return work.api_tokens.remove(user.id, token.id)


class TestLastUse:
    @each_mode
    def test_the_last_use_of_a_token_is_stored_once_an_hour(
        self, store: Storage, seed: Seed, clock: ManualClock, mode: Mode
    ) -> None:
        user = seed.user()
        token, other = seed.api_token(user), seed.api_token(user)
        for minutes, expected in ((0, 0), (59, 0), (1, 60), (59, 60), (1, 120)):
            clock.advance(minutes=minutes)
            with open_work(store, mode, token_actor(token)):
                pass
            used = {each.id: each.last_used_at for each in tokens_of(store, user)}
            assert used == {token.id: START + timedelta(minutes=expected), other.id: None}

    def test_a_refused_token_is_not_used(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        token = seed.api_token(user, scopes=frozenset({Scope.TASKS_READ}))
        with pytest.raises(InsufficientScope), store.writing(token_actor(token)):
            pass
        with pytest.raises(SessionEnded), store.reading(replace(token_actor(token), secret_hash=b"other")):
            pass
        assert tokens_of(store, user) == [token]

    def test_a_failed_work_counts_as_a_use(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        token = seed.api_token(user)
        with suppress(Abort), store.writing(token_actor(token)):
            raise Abort
        assert [each.last_used_at for each in tokens_of(store, user)] == [START]


@each_mode
def test_a_work_has_the_time_zone_of_its_user(store: Storage, seed: Seed, mode: Mode) -> None:
    user = seed.user(time_zone="Asia/Kathmandu")
    for actor in (seed.actor(user), token_actor(seed.api_token(user))):
        for _ in range(2):  # the first work with a token stores its use
            with open_work(store, mode, actor) as work:
                assert work.time_zone == "Asia/Kathmandu"


class TestApiToken:
    @pytest.mark.parametrize("scopes", [(), (Scope.TASKS_READ,), (Scope.TASKS_WRITE,), tuple(Scope)])
    @pytest.mark.parametrize("expires_at", [None, START - MOMENT, START + timedelta(days=1, microseconds=7)])
    def test_a_token_is_read_as_stored(
        self, store: Storage, seed: Seed, scopes: Sequence[Scope], expires_at: object
    ) -> None:
        user = seed.user()
        token = seed.api_token(
            user,
            name="\U0001f427" * MAX_NAME_LENGTH,
            scopes=frozenset(scopes),
            secret_hash=bytes(range(256))[:32],
            created_at=START + MOMENT,
            expires_at=expires_at,
        )
        assert tokens_of(store, user) == [token]

    def test_all_tokens_of_one_user_are_removed(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        seed.api_token(alice), seed.api_token(alice)
        other = seed.api_token(bob)
        with store.writing(SYSTEM) as work:
            work.api_tokens.remove_all(alice.id)
            assert not work.api_tokens.remove(alice.id, other.id)
        assert [tokens_of(store, user) for user in (alice, bob)] == [[], [other]]

    def test_tokens_are_listed_newest_first_with_expired_ones(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        tokens = [
            seed.api_token(alice, created_at=START + offset * MOMENT, expires_at=START) for offset in (3, 1, 4, 1, 5)
        ]
        foreign = seed.api_token(bob)
        assert tokens_of(store, alice) == sorted(tokens, key=lambda token: (token.created_at, token.id), reverse=True)
        assert tokens_of(store, bob) == [foreign]
        assert tokens_of(store, seed.user()) == []

    def test_two_tokens_can_have_the_same_name(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        for _ in range(2):
            seed.api_token(user, name="backup")
        assert [token.name for token in tokens_of(store, user)] == ["backup", "backup"]

    def test_removing_returns_whether_the_token_existed(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        token, other = seed.api_token(user), seed.api_token(user)
        assert remove(store, user, token)
        assert not remove(store, user, token)
        assert not remove(store, user, seed.new_api_token(user))
        assert tokens_of(store, user) == [other]

    def test_a_user_cannot_remove_the_token_of_another(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        token = seed.api_token(alice)
        assert not remove(store, bob, token)
        assert tokens_of(store, alice) == [token]

    def test_a_rolled_back_unit_of_work_neither_adds_nor_removes(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        token = seed.api_token(user)

        def fail() -> None:
            with store.writing(SYSTEM) as work:
                work.api_tokens.remove(user.id, token.id)
                work.api_tokens.add(seed.new_api_token(user))
                raise Abort

        with pytest.raises(Abort):
            fail()
        assert tokens_of(store, user) == [token]

    def test_a_reading_unit_of_work_cannot_write(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        token = seed.api_token(user)
        with store.reading(SYSTEM) as work:
            with pytest.raises(RuntimeError):
                work.api_tokens.remove(user.id, token.id)
            with pytest.raises(RuntimeError):
                work.api_tokens.add(seed.new_api_token(user))
        assert tokens_of(store, user) == [token]

    def test_removing_a_user_removes_only_their_tokens(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        token, other = seed.api_token(alice), seed.api_token(bob)
        with store.writing(SYSTEM) as work:
            work.users.remove(alice.id)
        assert tokens_of(store, alice) == []
        assert tokens_of(store, bob) == [other]
        with pytest.raises(SessionEnded), store.reading(token_actor(token)):
            pass

    def test_a_token_of_an_unknown_user_is_refused(self, store: Storage, seed: Seed) -> None:
        unknown = seed.new_user()
        with pytest.raises((SessionEnded, *BROKEN_REFERENCE)):
            seed.api_token(unknown)
        assert tokens_of(store, unknown) == []


class TestTokenAdmission:
    @each_mode
    def test_a_token_may_act_within_its_scopes(self, store: Storage, seed: Seed, mode: Mode) -> None:
        user = seed.user()
        assert can_open(store, mode, token_actor(seed.api_token(user)))
        assert can_open(store, mode, token_actor(seed.api_token(user, scopes=frozenset({NEEDED[mode]}))))

    @each_mode
    def test_a_missing_scope_is_refused_with_its_name(self, store: Storage, seed: Seed, mode: Mode) -> None:
        user, needed = seed.user(), NEEDED[mode]
        for scopes in (frozenset(Scope) - {needed}, frozenset[Scope]()):
            with pytest.raises(InsufficientScope) as caught:
                can_open(store, mode, token_actor(seed.api_token(user, scopes=scopes)))
            assert caught.value.scope == needed

    @each_mode
    def test_a_forged_token_cannot_act(self, store: Storage, seed: Seed, mode: Mode) -> None:
        alice, bob = seed.user(), seed.user()
        token, foreign = seed.api_token(alice, secret_hash=b"a" * 32), seed.api_token(bob, secret_hash=b"b" * 32)
        genuine = token_actor(token)
        forged = (
            replace(genuine, token_id=seed.id()),
            replace(genuine, token_id=foreign.id),
            replace(genuine, user_id=bob.id),
            replace(genuine, user_id=seed.id()),
            replace(genuine, user_id=bob.id, token_id=foreign.id),
            replace(genuine, secret_hash=b"c" * 32),
            replace(genuine, secret_hash=foreign.secret_hash),
            replace(genuine, secret_hash=token.secret_hash[:-1]),
            replace(genuine, secret_hash=token.secret_hash + b"\0"),
            replace(genuine, secret_hash=b""),
        )
        for actor in forged:
            with pytest.raises(SessionEnded):
                can_open(store, mode, actor)
        assert can_open(store, mode, genuine)

    @each_mode
    def test_an_invalid_token_is_refused_before_its_scope_is_checked(
        self, store: Storage, seed: Seed, mode: Mode
    ) -> None:
        """Only a caller with the secret can learn the scopes of the token."""
        token = seed.api_token(seed.user(), scopes=frozenset())
        with pytest.raises(SessionEnded):
            can_open(store, mode, replace(token_actor(token), secret_hash=b"guessed"))

    @each_mode
    def test_a_token_can_act_until_it_expires(self, store: Storage, seed: Seed, clock: ManualClock, mode: Mode) -> None:
        expiry = clock.now() + timedelta(minutes=5, microseconds=7)
        actor = token_actor(seed.api_token(seed.user(), expires_at=expiry))
        clock.set(expiry - MOMENT)
        assert can_open(store, mode, actor)
        clock.set(expiry)
        with pytest.raises(SessionEnded):
            can_open(store, mode, actor)

    @each_mode
    def test_a_token_without_an_expiry_never_expires(
        self, store: Storage, seed: Seed, clock: ManualClock, mode: Mode
    ) -> None:
        actor = token_actor(seed.api_token(seed.user()))
        clock.advance(days=20 * 365)
        assert can_open(store, mode, actor)

    @each_mode
    def test_a_revoked_token_cannot_act(self, store: Storage, seed: Seed, mode: Mode) -> None:
        user = seed.user()
        token, other = seed.api_token(user), seed.api_token(user)
        assert remove(store, user, token)
        with pytest.raises(SessionEnded):
            can_open(store, mode, token_actor(token))
        assert can_open(store, mode, token_actor(other))

    @each_mode
    def test_the_token_of_a_disabled_user_cannot_act_until_the_user_is_enabled(
        self, store: Storage, seed: Seed, mode: Mode
    ) -> None:
        user = seed.user()
        actor = token_actor(seed.api_token(user))
        with store.writing(SYSTEM) as work:
            work.users.save(user.activated(False))
        with pytest.raises(SessionEnded):
            can_open(store, mode, actor)
        with store.writing(SYSTEM) as work:
            work.users.save(user.activated(False).activated(True))
        assert can_open(store, mode, actor)

    def test_a_token_needs_no_session(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        seed.session(user)
        actor = token_actor(seed.api_token(user))
        with store.writing(SYSTEM) as work:
            work.sessions.remove_others(user.id, keep=None)
        assert can_open(store, "writing", actor)

    @each_mode
    def test_a_refused_token_does_not_enter_the_block(self, store: Storage, seed: Seed, mode: Mode) -> None:
        """The store still works afterwards."""
        token = seed.api_token(seed.user(), scopes=frozenset())
        entered = False
        for actor in (token_actor(token), replace(token_actor(token), secret_hash=b"guessed")):
            for _ in range(15):
                with suppress(SessionEnded, InsufficientScope), open_work(store, mode, actor):
                    entered = True
        assert not entered
        assert can_open(store, mode, token_actor(seed.api_token(seed.user())))
