"""The small building blocks of all entities: leases, pages, roles and versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import permutations
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from tasktracker.domain.kernel.errors import Stale
from tasktracker.domain.kernel.leases import is_free
from tasktracker.domain.kernel.members import Member, Role, role_in
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.kernel.store import server_id
from tasktracker.domain.kernel.versions import require, with_version_after
from tests.fakes import START

LENGTH, MOMENT = timedelta(seconds=10), timedelta(microseconds=1)


@dataclass(frozen=True)
class Thing:
    id: UUID
    version: int


@pytest.mark.parametrize(
    ("ends_after", "is_over"),
    [(-LENGTH, True), (timedelta(), True), (MOMENT, False), (LENGTH, False), (LENGTH + MOMENT, True)],
)
def test_a_lease_lasts_until_its_end_unless_its_clock_was_wrong(ends_after: timedelta, is_over: bool) -> None:
    assert is_free(START + ends_after, START, LENGTH) is is_over
    assert is_free(None, START, LENGTH)


@pytest.mark.parametrize(
    ("rows", "page"), [([], Page([], None)), ([1, 2], Page([1, 2], None)), ([1, 2, 3], Page([1, 2], "2"))]
)
def test_a_page_is_followed_by_another_only_if_there_is_a_further_row(rows: list[int], page: Page[int, str]) -> None:
    assert Page.cut(rows, 2, str) == page


def test_the_highest_role_of_a_user_counts() -> None:
    user, other = UUID(int=1), UUID(int=2)
    for roles in permutations(Role):
        members = [Member(other, Role.OWNER), *(Member(user, role) for role in roles if role is not Role.OWNER)]
        assert role_in(members, user) is Role.EDITOR
        assert role_in([Member(user, role) for role in roles], user) is Role.OWNER
    assert role_in([Member(other, Role.OWNER)], user) is None


def test_a_change_requires_one_of_the_expected_versions() -> None:
    thing = Thing(UUID(int=1), 3)
    for expected in (None, frozenset({3}), frozenset({1, 3})):
        require(thing, expected)
    for stale in (frozenset[int](), frozenset({2, 4})):
        with pytest.raises(Stale) as caught:
            require(thing, stale)
        assert caught.value.current is thing


@pytest.mark.parametrize(("deleted", "version"), [(None, 3), (2, 3), (3, 4), (7, 8)])
def test_a_version_never_decreases(deleted: int | None, version: int) -> None:
    assert with_version_after(Thing(UUID(int=1), 3), deleted) == Thing(UUID(int=1), version)


def test_the_id_of_the_server_is_that_of_its_stored_secret() -> None:
    secrets: Any = SimpleNamespace(get_or_create_secret={"server": bytes(range(32))}.__getitem__)
    assert server_id(secrets) == UUID("00010203-0405-4607-8809-0a0b0c0d0e0f")
