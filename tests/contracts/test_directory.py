"""The contract of an AccountDirectory."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tasktracker.domain.accounts.quota import Quotas, Usage
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.event import Kind, Outcome
from tasktracker.domain.administration.account import AccountQuery, AccountSort, AccountState, AccountSummary
from tasktracker.domain.work import Storage
from tests.contracts.base import MOMENT, SECOND, Seed, read_pages
from tests.fakes import START, SYSTEM

LATER = START + timedelta(hours=1)


def find(store: Storage, user: User, now: datetime = START) -> AccountSummary:
    """Return the account of a user, which a list also has."""
    with store.reading(SYSTEM) as work:
        found = work.directory.find(user.id, now)
    assert found is not None
    with store.reading(SYSTEM) as work:
        assert list(work.directory.list(AccountQuery(now=now, text=user.username)).items) == [found]
    return found


def listed(store: Storage, query: AccountQuery) -> list[User]:
    """Return the users of a list, read in pages of one."""
    found = read_pages(store, lambda work, after: work.directory.list(replace(query, after=after, limit=1)))
    return [account.user for page in found for account in page]


class TestSummary:
    def test_an_account_is_shown_with_what_it_owns(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        new = AccountSummary(
            user=user, has_two_factor=False, last_seen_at=None, sessions=0, usage=Usage(), quotas=Quotas()
        )
        assert find(store, user) == new
        with store.writing(SYSTEM) as work:
            work.quotas.save(user.id, Quotas(tasks=5, bytes=70))
            assert work.feed.state(user.id).head == 0
        seed.category(user)
        seed.task(user, "abc")
        owned = Usage(tasks=1, categories=1, bytes=3)
        assert find(store, user) == replace(new, usage=owned, quotas=Quotas(tasks=5, bytes=70))

    def test_only_a_confirmed_second_factor_is_shown(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        seed.second_factor(seed.user(), confirmed_at=START)
        seed.second_factor(user)
        assert not find(store, user).has_two_factor
        seed.second_factor(user, confirmed_at=START)
        assert find(store, user).has_two_factor

    def test_only_sessions_before_both_of_their_ends_are_live(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        for idle_until, ends_at in ((LATER, LATER), (LATER, START + MOMENT), (START, LATER), (LATER, START)):
            seed.session(user, idle_until=idle_until, ends_at=ends_at)
        assert find(store, user).sessions == 2
        assert find(store, user, START + MOMENT).sessions == 1

    def test_a_user_was_last_seen_at_the_last_use_of_a_session(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        seed.event(user, kind=Kind.LOGIN, at=START, session_id=seed.id())
        for seconds in (1, 3, 2):
            seed.session(user, used_at=START + seconds * SECOND, idle_until=START)
        assert find(store, user).last_seen_at == START + 3 * SECOND

    def test_a_user_who_logs_out_of_the_last_used_session_was_last_seen_then(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        seed.session(user, used_at=START)
        seed.event(user, kind=Kind.LOGOUT, at=START + SECOND, session_id=seed.id())
        assert find(store, user).last_seen_at == START + SECOND

    def test_the_last_use_stays_when_all_sessions_of_a_user_are_ended(self, store: Storage, seed: Seed) -> None:
        user, other, active = seed.user(), seed.user(), seed.user()
        seed.session(active, used_at=LATER)
        for seconds in (0, 3, 2, 1):
            for each in (1, 0):
                seed.session(user, used_at=START + (seconds + each) * SECOND)
            seed.session(other, used_at=START + MOMENT)
            before = find(store, user).last_seen_at
            with store.writing(SYSTEM) as work:
                work.sessions.remove_others(user.id, keep=None)
            assert (find(store, user).last_seen_at, find(store, user).sessions) == (before, 0)
        assert find(store, user).last_seen_at == START + 4 * SECOND
        seed.session(user, used_at=START + 5 * SECOND)
        assert find(store, user).last_seen_at == START + 5 * SECOND
        assert [find(store, each).last_seen_at for each in (other, active)] == [START + MOMENT, LATER]

    @pytest.mark.parametrize("kind", [Kind.LOGIN, Kind.REGISTER, Kind.LOGOUT])
    def test_a_user_without_a_session_was_last_seen_at_the_last_action(
        self, store: Storage, seed: Seed, kind: Kind
    ) -> None:
        user, other = seed.user(), seed.user()
        assert find(store, user).last_seen_at is None
        seed.event(user, kind=kind, at=LATER, session_id=None)  # a registration by a link or a command
        assert find(store, user).last_seen_at is None
        session = seed.id()
        seed.event(user, kind=kind, at=START + SECOND, session_id=session)
        seed.event(user, kind=kind, at=START, session_id=session)
        seed.event(user, kind=kind, at=LATER, session_id=session, outcome=Outcome.FAILURE)
        seed.event(user, kind=kind, at=LATER, session_id=session, subject=user.id)  # by an administrator
        seed.event(other, kind=kind, at=LATER, session_id=session)
        assert find(store, user).last_seen_at == START + SECOND

    def test_an_account_that_is_being_removed_is_not_found(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        with store.writing(SYSTEM) as work:
            work.users.hide(user.id, START)
        with store.reading(SYSTEM) as work:
            assert work.directory.find(user.id, START) is None
            assert work.directory.find(seed.id(), START) is None
        assert listed(store, AccountQuery(now=START)) == []


class TestList:
    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("field", ["created_at", "last_seen_at", "tasks"])
    def test_equal_accounts_are_ordered_by_id_in_the_same_direction(
        self, store: Storage, seed: Seed, field: str, descending: bool
    ) -> None:
        values = (2, 1, 1, 1, 0)
        created = [START + number * SECOND if field == "created_at" else START for number in values]
        last, *equal, first = users = [seed.user(created_at=at) for at in created]
        for user, number in zip(users, values, strict=True):
            if field == "last_seen_at" and number:
                seed.session(user, used_at=START + number * SECOND)
            for _ in range(number if field == "tasks" else 0):
                seed.task(user)
        ordered = [first, *equal, last]
        sort = AccountSort(f"-{field}" if descending else field)
        assert listed(store, AccountQuery(now=START, sort=sort)) == (ordered[::-1] if descending else ordered)

    @pytest.mark.parametrize("text", ["%", "_", "/", "A%", "%_/@", "x.ORG", " a% "])
    def test_a_part_of_a_name_or_an_address_is_found_as_it_is_written(
        self, store: Storage, seed: Seed, text: str
    ) -> None:
        user = seed.user("alice", email="a%_/@X.org")
        seed.user("bob", email="bobby@y.org")
        seed.user("carol")
        assert listed(store, AccountQuery(now=START, text=text)) == [user]

    def test_accounts_are_filtered_by_their_state(self, store: Storage, seed: Seed) -> None:
        alice, bob, carol = seed.user("alice"), seed.user("Bob", is_admin=True), seed.user("carol", is_active=False)
        former = seed.user("dave", is_admin=True, is_active=False)
        for state, expected in (
            (None, [alice, bob, carol, former]),
            (AccountState.ACTIVE, [alice, bob]),
            (AccountState.DISABLED, [carol, former]),
            (AccountState.ADMIN, [bob, former]),
        ):
            assert listed(store, AccountQuery(now=START, state=state)) == expected
