"""The contract of a SessionRepository."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tasktracker.domain.accounts.session import Session
from tasktracker.domain.accounts.user import User
from tasktracker.domain.kernel.errors import Stale
from tasktracker.domain.work import Storage
from tests.contracts.base import MOMENT, Seed
from tests.fakes import START, SYSTEM


def find(store: Storage, session: Session) -> Session | None:
    with store.reading(SYSTEM) as work:
        return work.sessions.find(session.id)


def list_of(store: Storage, user: User) -> list[Session]:
    with store.reading(SYSTEM) as work:
        return list(work.sessions.list(user.id))


def save(store: Storage, session: Session) -> None:
    with store.writing(SYSTEM) as work:
        work.sessions.save(session)


class TestSession:
    @pytest.mark.parametrize("device", [None, "", "Firefox on \U0001f427"])
    def test_a_session_is_read_as_stored(self, store: Storage, seed: Seed, device: str | None) -> None:
        session = seed.session(
            seed.user(),
            device=device,
            generation=2**31 - 1,
            confirmed_generation=2**31 - 2,
            created_at=START,
            rotated_at=START + timedelta(microseconds=1),
            idle_until=START + timedelta(days=1, microseconds=2),
            ends_at=START + timedelta(days=2, microseconds=3),
        )
        assert find(store, session) == session

    def test_an_unknown_session_is_not_found(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        assert find(store, seed.new_session(user)) is None
        assert list_of(store, user) == []

    def test_a_refreshed_session_can_be_saved(self, store: Storage, seed: Seed) -> None:
        session, other = seed.session(seed.user()), seed.session(seed.user())
        later = START + timedelta(hours=1)
        refreshed = replace(
            session,
            generation=2,
            confirmed_generation=1,
            rotated_at=later,
            used_at=later + MOMENT,
            idle_until=later + timedelta(days=1),
            proved_at=later - MOMENT,
        )
        save(store, refreshed)
        assert find(store, session) == refreshed
        assert find(store, other) == other

    def test_a_session_can_be_extended_in_the_same_generation(self, store: Storage, seed: Seed) -> None:
        session = seed.session(seed.user(), generation=2, confirmed_generation=1)
        extended = replace(session, rotated_at=START + timedelta(days=1), idle_until=START + timedelta(days=2))
        save(store, extended)
        assert find(store, session) == extended

    def test_an_older_generation_cannot_be_saved(self, store: Storage, seed: Seed) -> None:
        session = seed.session(seed.user(), generation=3)
        with pytest.raises(Stale):
            save(store, replace(session, generation=2))
        assert find(store, session) == session

    def test_a_removed_session_cannot_be_saved(self, store: Storage, seed: Seed) -> None:
        session = seed.session(seed.user())
        with store.writing(SYSTEM) as work:
            work.sessions.remove(session.id)
        with pytest.raises(Stale):
            save(store, replace(session, generation=2))
        assert find(store, session) is None

    def test_removing_a_session_twice_removes_only_that_session(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        session, other = seed.session(user), seed.session(user)
        for _ in range(2):
            with store.writing(SYSTEM) as work:
                work.sessions.remove(session.id)
            assert find(store, session) is None
            assert list_of(store, user) == [other]

    def test_removing_others_keeps_one_session_and_those_of_other_users(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        kept, *_ = [seed.session(alice) for _ in range(3)]
        foreign = seed.session(bob)
        with store.writing(SYSTEM) as work:
            work.sessions.remove_others(alice.id, keep=kept.id)
        assert list_of(store, alice) == [kept]
        assert list_of(store, bob) == [foreign]

    @pytest.mark.parametrize("keep", ["none", "of another user"])
    def test_removing_others_without_an_own_session_to_keep_removes_all(
        self, store: Storage, seed: Seed, keep: str
    ) -> None:
        alice, bob = seed.user(), seed.user()
        for _ in range(3):
            seed.session(alice)
        foreign = seed.session(bob)
        with store.writing(SYSTEM) as work:
            work.sessions.remove_others(alice.id, keep=None if keep == "none" else foreign.id)
        assert list_of(store, alice) == []
        assert list_of(store, bob) == [foreign]

    def test_the_proofs_of_one_user_are_cleared(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        sessions = [seed.session(user, proved_at=START) for user in (alice, alice, bob)]
        with store.writing(SYSTEM) as work:
            work.sessions.clear_proofs(alice.id)
        found = [find(store, each) for each in sessions]
        assert [each and each.proved_at for each in found] == [None, None, START]

    def test_sessions_are_listed_last_refreshed_first_with_expired_ones(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        sessions = [
            seed.session(user, rotated_at=START + timedelta(microseconds=offset), ends_at=START)
            for offset in (3, 1, 4, 0, 5, 9, 2, 6)
        ]
        seed.session(seed.user(), rotated_at=START)
        expected = sorted(sessions, key=lambda session: session.rotated_at, reverse=True)
        assert list_of(store, user) == expected
        first = replace(expected[-1], generation=2, rotated_at=START + timedelta(seconds=1))
        save(store, first)
        assert list_of(store, user) == [first, *expected[:-1]]

    def test_sessions_refreshed_at_the_same_moment_are_listed_by_their_ids(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        ids = [seed.id() for _ in range(4)]
        sessions = [seed.session(user, id=id_) for id_ in (ids[2], ids[0], ids[3], ids[1])]
        assert list_of(store, user) == sorted(sessions, key=lambda session: session.id, reverse=True)

    @pytest.mark.parametrize("end", ["idle_until", "ends_at"])
    def test_expired_sessions_are_purged_and_no_others(self, store: Storage, seed: Seed, end: str) -> None:
        user = seed.user()
        for _ in range(3):
            seed.session(user, **{end: START - MOMENT})
        kept = seed.session(user, **{end: START})
        with store.writing(SYSTEM) as work:
            assert [work.sessions.purge_before(START, 2) for _ in range(3)] == [2, 1, 0]
        assert list_of(store, user) == [kept]
