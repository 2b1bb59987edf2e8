"""The contract of a SecondFactorRepository."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from tasktracker.domain.accounts.second_factor import SecondFactor
from tasktracker.domain.accounts.user import User
from tasktracker.domain.kernel.errors import SessionEnded
from tasktracker.domain.work import Storage
from tests.contracts.base import BROKEN_REFERENCE, MOMENT, SHORT_WAIT, Abort, BackgroundCall, Seed
from tests.fakes import START, SYSTEM
from tests.waiting import until_the_last


def find(store: Storage, user: User) -> SecondFactor | None:
    with store.reading(SYSTEM) as work:
        return work.second_factors.find(user.id)


class TestSecondFactor:
    @pytest.mark.parametrize("confirmed_at", [None, START + MOMENT])
    @pytest.mark.parametrize("codes", [(), ("a" * 64,), ("a" * 64, "b" * 64, "0" * 64)])
    def test_a_factor_is_read_as_stored(
        self, store: Storage, seed: Seed, confirmed_at: datetime | None, codes: tuple[str, ...]
    ) -> None:
        user = seed.user()
        factor = seed.second_factor(
            user,
            sealed_secret="x" * 1000,
            confirmed_at=confirmed_at,
            last_step=2**40,
            recovery_hashes=frozenset(codes),
        )
        assert find(store, user) == factor

    def test_a_user_without_a_factor_has_none(self, store: Storage, seed: Seed) -> None:
        assert find(store, seed.user()) is None
        assert find(store, seed.new_user()) is None

    def test_saving_replaces_only_the_users_factor(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        seed.second_factor(alice, sealed_secret="first", recovery_hashes=frozenset({"a"}))
        other = seed.second_factor(bob)
        second = seed.second_factor(alice, sealed_secret="second", confirmed_at=START, last_step=7)
        assert find(store, alice) == second
        assert find(store, bob) == other

    def test_removing_twice_removes_only_the_users_factor(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        seed.second_factor(alice)
        other = seed.second_factor(bob)
        for _ in range(2):
            with store.writing(SYSTEM) as work:
                work.second_factors.remove(alice.id)
            assert find(store, alice) is None
        assert find(store, bob) == other

    def test_a_unit_of_work_sees_its_own_changes(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        factor = SecondFactor(user_id=user.id, sealed_secret="sealed")
        with store.writing(SYSTEM) as work:
            work.users.find(user.id)
            assert work.second_factors.find(user.id) is None
            work.second_factors.save(factor)
            assert work.second_factors.find(user.id) == factor
            work.second_factors.save(replace(factor, last_step=1))
            assert work.second_factors.find(user.id) == replace(factor, last_step=1)
            work.second_factors.remove(user.id)
            assert work.second_factors.find(user.id) is None

    def test_a_rolled_back_unit_of_work_changes_nothing(self, store: Storage, seed: Seed) -> None:
        alice, bob, carol = seed.user(), seed.user(), seed.user()
        factors = [seed.second_factor(user) for user in (alice, bob)]

        def fail() -> None:
            with store.writing(SYSTEM) as work:
                for user in (alice, bob, carol):
                    work.users.find(user.id)
                work.second_factors.save(replace(factors[0], sealed_secret="other"))
                work.second_factors.remove(bob.id)
                work.second_factors.save(replace(factors[0], user_id=carol.id))
                raise Abort

        with pytest.raises(Abort):
            fail()
        assert [find(store, user) for user in (alice, bob, carol)] == [*factors, None]

    def test_a_reading_unit_of_work_cannot_write(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        factor = seed.second_factor(user)
        with store.reading(SYSTEM) as work:
            with pytest.raises(RuntimeError):
                work.second_factors.save(replace(factor, last_step=1))
            with pytest.raises(RuntimeError):
                work.second_factors.remove(user.id)
        assert find(store, user) == factor

    def test_two_units_of_work_cannot_use_the_same_code(self, store: Storage, seed: Seed) -> None:
        """A row read for writing is locked: the second unit of work sees the used code."""
        user = seed.user()
        seed.second_factor(user)

        def use() -> bool:
            with store.writing(SYSTEM) as work:
                work.users.find(user.id)
                found = work.second_factors.find(user.id)
                assert found is not None
                accepted = found.accept_step(1)
                if accepted is not None:
                    work.second_factors.save(accepted)
                return accepted is not None

        with store.writing(SYSTEM) as work:
            factor = work.second_factors.find(user.id)
            assert factor is not None
            other = BackgroundCall(use)
            assert not other.wait(SHORT_WAIT)
            work.second_factors.save(replace(factor, last_step=1))
        assert other.result() is False

    def test_removing_a_user_removes_only_their_factor(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        seed.second_factor(alice)
        other = seed.second_factor(bob)
        with store.writing(SYSTEM) as work:
            work.users.remove(alice.id)
        assert find(store, alice) is None
        assert find(store, bob) == other
        with store.reading(SYSTEM) as work:
            assert list(work.second_factors.list_users(None, 10)) == [bob.id]

    def test_a_factor_of_an_unknown_user_is_refused(self, store: Storage, seed: Seed) -> None:
        unknown = seed.new_user()
        with pytest.raises((SessionEnded, *BROKEN_REFERENCE)):
            seed.second_factor(unknown)
        assert find(store, unknown) is None

    @pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
    def test_users_with_a_factor_are_listed_by_id_in_pages(self, store: Storage, seed: Seed, limit: int) -> None:
        users = [seed.user() for _ in range(5)]
        seed.user()
        for user in reversed(users):
            seed.second_factor(user, confirmed_at=START + timedelta(days=1) if user is users[0] else None)
        found: list[UUID] = []
        after = None
        for _ in until_the_last():
            with store.reading(SYSTEM) as work:
                page = work.second_factors.list_users(after, limit)
            assert len(page) <= limit
            if not page:
                break
            found += page
            after = page[-1]
        assert found == sorted(user.id for user in users)
