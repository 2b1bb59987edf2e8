"""Where the memory adapter is stricter than its contract: mistakes of the program raise errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tasktracker.adapters.memory.store import MemoryStore
from tasktracker.domain.accounts.second_factor import SecondFactor
from tasktracker.domain.accounts.user import User
from tasktracker.domain.categories.category import CategoryMember
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.work import Storage
from tests.contracts.base import BackgroundCall, Seed, everything
from tests.fakes import SYSTEM, ManualClock, SequentialIds


@pytest.fixture
def store() -> Storage:
    return MemoryStore(ManualClock(), SequentialIds())


@pytest.fixture
def seed(store: Storage) -> Seed:
    return Seed(store, ManualClock(), SequentialIds())


@pytest.fixture
def user(seed: Seed) -> User:
    return seed.user("alice")


@pytest.mark.parametrize("outer", ["reading", "writing"])
@pytest.mark.parametrize("inner", ["reading", "writing"])
def test_a_nested_unit_of_work_is_an_error(store: Storage, user: User, outer: str, inner: str) -> None:
    def nest() -> None:
        with getattr(store, outer)(SYSTEM) as work:
            with pytest.raises(RuntimeError, match="open in this thread"), getattr(store, inner)(SYSTEM):
                pass
            assert work.users.find(user.id) == user

    BackgroundCall(nest).result()
    with store.writing(SYSTEM) as work:
        assert work.users.find(user.id) == user


def test_a_secret_can_be_read_within_a_unit_of_work(store: Storage) -> None:
    with store.reading(SYSTEM):
        assert BackgroundCall(lambda: store.get_or_create_secret("first")).result() == store.get_or_create_secret(
            "first"
        )


def test_two_stores_are_separate(store: Storage, user: User) -> None:
    other = MemoryStore(ManualClock(), SequentialIds())
    assert everything(other, user) == [(None, [], [], [])]
    assert other.get_or_create_secret("first") != store.get_or_create_secret("first")


def test_rows_that_a_database_would_refuse_are_an_error(store: Storage, seed: Seed, user: User) -> None:
    unknown = seed.new_user()
    session = seed.session(user)
    category = seed.category(user)
    token, event = seed.api_token(user), seed.event(user)
    seed.task(user, category=category.id)
    with store.writing(SYSTEM) as work:
        member = CategoryMember(user.id, Role.VIEWER, since=work.now)
        calls: tuple[Callable[[], object], ...] = (
            lambda: work.users.add(seed.new_user(id=user.id)),
            lambda: work.sessions.add(session),
            lambda: work.sessions.add(seed.new_session(unknown)),
            lambda: work.api_tokens.add(token),
            lambda: work.api_tokens.add(seed.new_api_token(unknown)),
            lambda: work.activity.add(event),
            lambda: work.activity.add(seed.new_event(unknown)),
            lambda: work.second_factors.save(SecondFactor(user_id=unknown.id, sealed_secret="sealed")),
            lambda: work.categories.add(seed.new_category(unknown)),
            lambda: work.categories.remove(category.id),
            lambda: work.categories.save(category.with_member(member, work.now)),
            lambda: work.tasks.add(seed.new_task(unknown)),
        )
        for call in calls:
            with pytest.raises(RuntimeError):
                call()
