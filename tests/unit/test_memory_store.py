"""Where the memory adapter is stricter than its contracts ask: mistakes of the program are errors at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tasktracker.adapters.memory.store import MemoryStore
from tasktracker.domain.accounts.second_factor import SecondFactor
from tasktracker.domain.accounts.user import User
from tasktracker.domain.work import Storage
from tests.contracts.base import Aside, Seed, everything
from tests.fakes import SYSTEM, ManualClock, SequentialIds

Calls = tuple[Callable[[], object], ...]


@pytest.fixture
def store() -> Storage:
    return MemoryStore(ManualClock(), SequentialIds())


@pytest.fixture
def seed(store: Storage) -> Seed:
    return Seed(store, ManualClock(), SequentialIds())


@pytest.fixture
def user(seed: Seed) -> User:
    return seed.user("alice")


def test_writing_in_a_reading_work_is_an_error(store: Storage, seed: Seed, user: User) -> None:
    session, category, task = seed.session(user), seed.category(user), seed.task(user)
    before = everything(store, user)
    with store.reading(SYSTEM) as work:
        calls: Calls = (
            lambda: work.users.add(seed.new_user()),
            lambda: work.users.save(user.activated(False)),
            lambda: work.users.remove(user.id),
            lambda: work.sessions.add(seed.new_session(user)),
            lambda: work.sessions.save(session),
            lambda: work.sessions.remove(session.id),
            lambda: work.sessions.remove_others(user.id, keep=None),
            lambda: work.categories.add(seed.new_category(user)),
            lambda: work.categories.remove(category),
            lambda: work.tasks.add(seed.new_task(user)),
            lambda: work.trash.purge([task]),
        )
        for call in calls:
            with pytest.raises(RuntimeError, match="for reading only"):
                call()
    assert everything(store, user) == before


@pytest.mark.parametrize("opening", ["reading", "writing"])
def test_a_closed_work_is_an_error_to_use(store: Storage, seed: Seed, user: User, opening: str) -> None:
    with getattr(store, opening)(None) as work:
        pass
    calls: Calls = (
        lambda: work.users.find(user.id),
        lambda: work.users.remove(user.id),
        lambda: work.sessions.list(user.id),
        lambda: work.categories.list(user.id, None, 1),
        lambda: work.tasks.add(seed.new_task(user)),
    )
    for call in calls:
        with pytest.raises(RuntimeError, match="closed"):
            call()


@pytest.mark.parametrize("outer", ["reading", "writing"])
@pytest.mark.parametrize("inner", ["reading", "writing"])
def test_a_nested_unit_of_work_is_an_error(store: Storage, user: User, outer: str, inner: str) -> None:
    def nest() -> None:
        with getattr(store, outer)(None) as work:
            with pytest.raises(RuntimeError, match="open in this thread"), getattr(store, inner)(None):
                pass
            assert work.users.find(user.id) == user

    Aside(nest).result()
    with store.writing(SYSTEM) as work:
        assert work.users.find(user.id) == user


def test_a_secret_can_be_read_within_a_unit_of_work(store: Storage) -> None:
    with store.reading(SYSTEM):
        assert Aside(lambda: store.get_or_create_secret("first")).result() == store.get_or_create_secret("first")


def test_two_stores_are_separate(store: Storage, user: User) -> None:
    other = MemoryStore(ManualClock(), SequentialIds())
    assert everything(other, user) == [(None, [], [], [])]
    assert other.get_or_create_secret("first") != store.get_or_create_secret("first")


def test_rows_that_a_database_would_refuse_are_an_error(store: Storage, seed: Seed, user: User) -> None:
    stranger = seed.new_user()
    session = seed.session(user)
    category = seed.category(user)
    token, event = seed.api_token(user), seed.event(user)
    seed.task(user, category=category.id)
    with store.writing(SYSTEM) as work:
        calls: Calls = (
            lambda: work.users.add(seed.new_user(id=user.id)),
            lambda: work.sessions.add(session),
            lambda: work.sessions.add(seed.new_session(stranger)),
            lambda: work.api_tokens.add(token),
            lambda: work.api_tokens.add(seed.new_api_token(stranger)),
            lambda: work.activity.add(event),
            lambda: work.activity.add(seed.new_event(stranger)),
            lambda: work.second_factors.save(SecondFactor(user_id=stranger.id, sealed_secret="sealed")),
            lambda: work.categories.add(seed.new_category(stranger)),
            lambda: work.categories.remove(category),
            lambda: work.tasks.add(seed.new_task(stranger)),
        )
        for call in calls:
            with pytest.raises(RuntimeError):
                call()
