"""Rules of the administration that need no storage."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from tasktracker.domain.accounts.quota import Quotas, Usage
from tasktracker.domain.accounts.user import User
from tasktracker.domain.administration.access import require_still_admin
from tasktracker.domain.administration.account import NEVER, AccountKey, AccountQuery, AccountSort, AccountSummary
from tasktracker.domain.administration.statistics import bounds_of
from tasktracker.domain.kernel.actors import AdminActor
from tasktracker.domain.kernel.errors import AdminRequired
from tests.contracts.base import Seed
from tests.fakes import START, SYSTEM, App


@pytest.fixture
def user() -> User:
    app = App.in_memory()
    return Seed(app.store, app.clock, app.ids).user("ada", email="Ada@Example.org")


@pytest.mark.parametrize(
    ("changes", "is_still"),
    [
        ({"is_admin": True, "is_active": True}, True),
        ({"is_admin": True, "is_active": False}, False),
        ({"is_admin": False, "is_active": True}, False),
        (None, False),
    ],
)
def test_an_administrator_who_has_lost_the_role_meanwhile_changes_nothing(
    user: User, changes: dict[str, Any] | None, is_still: bool
) -> None:
    asked: list[UUID] = []

    def find_unlocked(user_id: UUID) -> User | None:
        asked.append(user_id)
        return None if changes is None else replace(user, **changes)

    work: Any = SimpleNamespace(
        actor=AdminActor(user.id, UUID(int=1), 1), users=SimpleNamespace(find_unlocked=find_unlocked)
    )
    if is_still:
        require_still_admin(work)
    else:
        with pytest.raises(AdminRequired):
            require_still_admin(work)
    assert asked == [user.id]
    require_still_admin(SimpleNamespace(actor=SYSTEM))


@pytest.mark.parametrize(
    ("sort", "value"),
    [
        (AccountSort.USERNAME, "ada"),
        (AccountSort.NEWEST, START),
        (AccountSort.SEEN_LAST, NEVER),
        (AccountSort.MOST_TASKS, 3),
    ],
)
def test_the_key_of_an_account_is_the_value_that_orders_it(user: User, sort: AccountSort, value: object) -> None:
    account = AccountSummary(
        user=replace(user, created_at=START),
        has_two_factor=False,
        last_seen_at=None,
        sessions=0,
        usage=Usage(tasks=3),
        quotas=Quotas(None, None, None),
    )
    assert account.key(sort) == AccountKey(value, user.id)
    seen = START + timedelta(days=1)
    assert replace(account, last_seen_at=seen).key(AccountSort.SEEN_FIRST).value == seen


@pytest.mark.parametrize("sort", AccountSort)
def test_a_minus_means_descending(sort: AccountSort) -> None:
    assert (f"-{sort.field}" if sort.is_descending else sort.field) == sort.value


@pytest.mark.parametrize(
    ("text", "is_found"), [("", True), (" AD ", True), ("EXAMPLE", True), ("grace", False), ("a d", False)]
)
def test_a_part_of_the_name_or_of_the_address_is_found(user: User, text: str, is_found: bool) -> None:
    assert AccountQuery(now=START, text=text).matches(user) is is_found


def test_a_day_ends_where_the_next_one_begins() -> None:
    day = START.date()
    begin, end = bounds_of(day)
    assert (begin.date(), begin.time().isoformat(), end - begin) == (day, "00:00:00", timedelta(days=1))
    assert bounds_of(day + timedelta(days=1))[0] == end
