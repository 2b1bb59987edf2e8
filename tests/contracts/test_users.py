"""The contract of a UserRepository."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from tasktracker.domain.accounts.user import USER, User
from tasktracker.domain.kernel.errors import Conflict, EmailTaken, Stale, UsernameTaken
from tasktracker.domain.work import Storage
from tests.contracts.base import Seed, everything, race
from tests.fakes import START, SYSTEM, ManualClock
from tests.strategies import USERNAMES, spellings


def find(store: Storage, user: User) -> User | None:
    with store.reading(SYSTEM) as work:
        return work.users.find(user.id)


def login(store: Storage, name: str) -> User | None:
    with store.reading(SYSTEM) as work:
        return work.users.find_by_login(name)


def add(store: Storage, user: User) -> bool:
    with store.writing(SYSTEM) as work:
        work.users.add(user)
    return True


def save(store: Storage, user: User) -> bool:
    with store.writing(SYSTEM) as work:
        work.users.save(user)
    return True


class TestUser:
    def test_a_user_is_read_as_stored(self, store: Storage, seed: Seed) -> None:
        user = seed.user(
            "alice",
            email="Alice@Example.org",
            first_name="Alice",
            last_name="Liddell",
            time_zone="Europe/Vienna",
            is_admin=True,
            is_active=False,
            password_hash="$argon2id$v=19$" + "x" * 200,
            created_at=START + timedelta(microseconds=1),
            version=7,
        )
        assert find(store, user) == user
        assert login(store, "alice") == user
        assert login(store, "alice@example.org") == user

    def test_an_unknown_user_is_not_found(self, store: Storage, seed: Seed) -> None:
        seed.user("alice", email="alice@example.org")
        assert find(store, seed.new_user()) is None
        for name in ("alic", "alice2", "", "%", "alice@", "@", "alice@example.com", "lice@example.org"):
            assert login(store, name) is None, name

    @pytest.mark.parametrize("name", USERNAMES)
    def test_every_spelling_of_a_login_finds_its_user(self, store: Storage, seed: Seed, name: str) -> None:
        user = seed.user(name, email=f"{name}@Example.org")
        seed.user("another", email="another@example.org")
        for spelling in spellings(name):
            assert login(store, spelling) == user, spelling
            assert login(store, f"{spelling}@EXAMPLE.ORG") == user, spelling

    def test_a_login_with_an_at_sign_is_looked_up_as_an_email_address(self, store: Storage, seed: Seed) -> None:
        # The rules refuse such names, but the repository must not look in the wrong column.
        seed.user("odd@name", email="plain")
        assert login(store, "odd@name") is None
        assert login(store, "plain") is None

    @pytest.mark.parametrize("name", USERNAMES)
    def test_every_spelling_of_a_used_username_is_taken(self, store: Storage, seed: Seed, name: str) -> None:
        user = seed.user(USER.rules["username"](name))
        for spelling in spellings(name):
            with pytest.raises(UsernameTaken):
                add(store, seed.new_user(USER.rules["username"](spelling)))
        assert everything(store, user) == [(user, [], [], [])]

    @pytest.mark.parametrize("name", USERNAMES)
    def test_every_spelling_of_a_used_email_address_is_taken(self, store: Storage, seed: Seed, name: str) -> None:
        seed.user(email=USER.rules["email"](f"{name}@example.org"))
        for spelling in spellings(f"{name}@example.org"):
            with pytest.raises(EmailTaken):
                add(store, seed.new_user(email=USER.rules["email"](spelling)))

    def test_several_users_can_have_no_email_address(self, store: Storage, seed: Seed) -> None:
        users = [seed.user(email=None) for _ in range(3)]
        assert [find(store, user) for user in users] == users

    def test_a_taken_username_and_a_taken_email_address_are_a_conflict(self, store: Storage, seed: Seed) -> None:
        seed.user("alice", email="alice@example.org")
        with pytest.raises(Conflict) as caught:
            add(store, seed.new_user("ALICE", email="ALICE@example.org"))
        assert isinstance(caught.value, UsernameTaken | EmailTaken)

    def test_saving_changes_only_that_user(self, store: Storage, seed: Seed) -> None:
        user, other = seed.user("alice", email="alice@example.org"), seed.user("bob", email="bob@example.org")
        changed = replace(
            user,
            username="carol",
            email=None,
            first_name="Carol",
            last_name="C",
            time_zone="Asia/Tokyo",
            is_admin=True,
            is_active=False,
            password_hash="other",
            version=2,
        )
        save(store, changed)
        assert find(store, user) == changed
        assert find(store, other) == other
        assert login(store, "carol") == changed
        assert login(store, "alice") is None
        assert login(store, "alice@example.org") is None

    def test_a_released_name_can_be_used_again(self, store: Storage, seed: Seed) -> None:
        user = seed.user("alice", email="alice@example.org")
        save(store, replace(user, username="carol", email="carol@example.org", version=2))
        newcomer = seed.user("Alice", email="Alice@example.org")
        assert login(store, "alice") == newcomer
        assert login(store, "alice@example.org") == newcomer

    def test_a_user_can_respell_their_names(self, store: Storage, seed: Seed) -> None:
        user = seed.user("alice", email="alice@example.org")
        respelled = replace(user, username="ALICE", email="Alice@Example.ORG", version=2)
        save(store, respelled)
        assert login(store, "alice") == respelled

    def test_a_user_cannot_take_the_name_of_another(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user("alice", email="alice@example.org"), seed.user("bob", email="bob@example.org")
        with pytest.raises(UsernameTaken):
            save(store, replace(bob, username="ALICE", version=2))
        with pytest.raises(EmailTaken):
            save(store, replace(bob, email="ALICE@example.org", version=2))
        assert [find(store, alice), find(store, bob)] == [alice, bob]

    @pytest.mark.parametrize("version", [1, 2, 3, 5])
    def test_only_the_next_version_can_be_saved(self, store: Storage, seed: Seed, version: int) -> None:
        user = seed.user("alice", version=3)
        with pytest.raises(Stale):
            save(store, replace(user, first_name="Lost", version=version))
        assert find(store, user) == user

    def test_an_unknown_user_cannot_be_saved(self, store: Storage, seed: Seed) -> None:
        with pytest.raises(Stale):
            save(store, replace(seed.new_user(), version=2))

    def test_removing_a_user_removes_only_their_data(self, store: Storage, seed: Seed, clock: ManualClock) -> None:
        alice, bob = seed.user("alice", email="alice@example.org"), seed.user("bob", email="bob@example.org")
        for user in (alice, bob):
            seed.session(user)
            category = seed.category(user, "Home")
            seed.task(user, category=category.id)
            seed.task(user)
        before = everything(store, bob)
        with store.writing(SYSTEM) as work:
            work.users.remove(alice.id)
        assert everything(store, alice) == [(None, [], [], [])]
        assert everything(store, bob) == before
        assert login(store, "alice") is None
        newcomer = seed.user("alice", email="alice@example.org")
        assert everything(store, newcomer) == [(newcomer, [], [], [])]

    def test_another_administrator_is_an_active_one(self, store: Storage, seed: Seed) -> None:
        admin = seed.user(is_admin=True)
        seed.user(is_admin=True, is_active=False)
        hidden = seed.user(is_admin=True)
        user = seed.user()
        with store.writing(SYSTEM) as work:
            work.users.hide(hidden.id, START)
            assert [work.users.has_other_admin(each.id) for each in (admin, user)] == [False, True]

    def test_an_account_that_is_removed_shows_nothing_of_its_user(self, store: Storage, seed: Seed) -> None:
        user = seed.user("alice", email="alice@example.org", pending_email="new@example.org", first_name="A")
        with store.writing(SYSTEM) as work:
            work.users.hide(user.id, START)
        with store.reading(SYSTEM) as work:
            assert work.users.find(user.id) is work.users.find_unlocked(user.id) is None
            for name in ("alice", "alice@example.org", f" {user.id}"):
                assert work.users.find_by_login(name) is None
            assert work.users.names([user.id]) == {}

    def test_clearing_removes_a_limited_number_of_rows(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        for _ in range(3):
            seed.category(user), seed.event(user), seed.api_token(user)
        with store.writing(SYSTEM) as work:
            counts = [work.users.clear(user.id, 4) for _ in range(3)]
        assert max(counts) in (3, 4)
        assert counts[-1] == 0

    def test_one_of_several_concurrent_additions_gets_the_username(self, store: Storage, seed: Seed) -> None:
        users = [seed.new_user(spelling) for spelling in spellings("alice.smith")]
        outcomes = race(*(partial(add, store, user) for user in users))
        assert outcomes.count(True) == 1
        assert sum(isinstance(outcome, UsernameTaken) for outcome in outcomes) == len(users) - 1
        assert login(store, "alice.smith") == users[outcomes.index(True)]

    def test_one_of_several_concurrent_additions_gets_the_email_address(self, store: Storage, seed: Seed) -> None:
        users = [seed.new_user(email=spelling) for spelling in spellings("alice@example.org")]
        outcomes = race(*(partial(add, store, user) for user in users))
        assert outcomes.count(True) == 1
        assert sum(isinstance(outcome, EmailTaken) for outcome in outcomes) == len(users) - 1

    def test_one_of_several_concurrent_renames_gets_the_username(self, store: Storage, seed: Seed) -> None:
        users = [seed.user() for _ in range(6)]
        outcomes = race(*(partial(save, store, replace(user, username="alice", version=2)) for user in users))
        assert outcomes.count(True) == 1
        assert sum(isinstance(outcome, UsernameTaken) for outcome in outcomes) == len(users) - 1
