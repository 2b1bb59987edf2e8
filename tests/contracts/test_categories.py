"""The contract of a CategoryRepository."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest

from tasktracker.domain.accounts.user import User
from tasktracker.domain.categories.category import Category, CategoryKey, CategoryMember, name_key
from tasktracker.domain.jobs.job import Job, JobKind
from tasktracker.domain.kernel.errors import CategoryNameTaken, IdTaken, Stale
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.work import Storage
from tests.contracts.base import BROKEN_REFERENCE, Seed, everything, race, read_pages
from tests.fakes import START, SYSTEM
from tests.strategies import USERNAMES, spellings
from tests.waiting import until_the_last

NAMES = (
    "b", "A", "C", "a b", "a-b", "a_b", "aa", "\u00e4", "z", "Z\u00e9", "1", "10", "2", "\u00df", "ssa",
    "\u0131", "\u3042", "\ud55c", "\ue000", "\uffff", "\U00010000", "\U0001f600", "\u0430", "\u05d0", "%",
)  # fmt: skip


def find(store: Storage, category: Category) -> Category | None:
    with store.reading(SYSTEM) as work:
        return work.categories.find(category.user_id, category.id)


def add(store: Storage, category: Category) -> bool:
    with store.writing(SYSTEM) as work:
        work.categories.add(category)
    return True


def save(store: Storage, category: Category) -> bool:
    with store.writing(SYSTEM) as work:
        work.categories.save(category)
    return True


def save_shared(store: Storage, category: Category) -> None:
    with store.writing(SYSTEM) as work:
        work.categories.save_shared(category)


def remove(store: Storage, category: Category) -> None:
    with store.writing(SYSTEM) as work:
        work.categories.remove(category.id)


def hide(store: Storage, category: Category) -> None:
    with store.writing(SYSTEM) as work:
        work.categories.hide(category, START)


def pages(store: Storage, user: User, limit: int) -> list[list[Category]]:
    return read_pages(store, lambda work, after: work.categories.list(user.id, after, limit))


class TestCategory:
    def test_a_category_is_read_as_stored(self, store: Storage, seed: Seed) -> None:
        category = seed.category(
            seed.user(),
            "Home",
            description="Where the heart is",
            color="#1e90ff",
            created_at=START + timedelta(microseconds=1),
            updated_at=START + timedelta(microseconds=2),
            version=5,
        )
        assert find(store, category) == category

    def test_another_user_does_not_find_a_category(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        category = seed.category(alice)
        with store.reading(SYSTEM) as work:
            assert work.categories.find(bob.id, category.id) is None
            assert work.categories.find(alice.id, seed.id()) is None
            assert list(work.categories.list(bob.id, None, 100).items) == []

    @pytest.mark.parametrize("name", USERNAMES)
    def test_every_spelling_of_a_used_name_is_taken(self, store: Storage, seed: Seed, name: str) -> None:
        alice, bob = seed.user(), seed.user()
        seed.category(alice, name)
        for spelling in spellings(name):
            with pytest.raises(CategoryNameTaken):
                add(store, seed.new_category(alice, spelling))
        assert add(store, seed.new_category(bob, name))

    def test_a_used_id_is_taken_for_every_user(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        category = seed.category(alice)
        for user in (alice, bob):
            with pytest.raises(IdTaken):
                add(store, seed.new_category(user, id=category.id))
        assert find(store, category) == category

    def test_saving_changes_only_that_category(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        category, other = seed.category(user, color="#000000"), seed.category(user)
        changed = replace(
            category,
            name="Renamed",
            description="Changed",
            color=None,
            updated_at=START + timedelta(days=1),
            version=2,
            field_versions={"name": 2, "color": 1},
        )
        save(store, changed)
        assert find(store, category) == changed
        assert find(store, other) == other
        assert add(store, seed.new_category(user, category.name))

    def test_a_category_can_respell_its_name_but_not_take_another_ones(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        seed.category(user, "Home")
        category = seed.category(user, "Work")
        with pytest.raises(CategoryNameTaken):
            save(store, replace(category, name="HOME", version=2))
        assert find(store, category) == category
        assert save(store, replace(category, name="WORK", version=2))

    @pytest.mark.parametrize("version", [1, 2, 3, 5])
    def test_only_the_next_version_can_be_saved(self, store: Storage, seed: Seed, version: int) -> None:
        category = seed.category(seed.user(), version=3)
        for save_ in (save, save_shared):
            with pytest.raises(Stale):
                save_(store, replace(category, description="Lost", version=version))
        assert find(store, category) == category

    @pytest.mark.parametrize("version", [2, 4])
    def test_only_the_stored_version_can_be_hidden(self, store: Storage, seed: Seed, version: int) -> None:
        category = seed.category(seed.user(), version=3)
        with pytest.raises(Stale):
            hide(store, replace(category, version=version))
        assert find(store, category) == category
        hide(store, category)
        assert find(store, category) is None

    def test_a_removed_category_cannot_be_saved(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        category = seed.category(user, "Home")
        remove(store, category)
        with pytest.raises(Stale):
            save(store, replace(category, version=2))
        assert add(store, seed.new_category(user, "Home"))

    def test_a_hidden_category_is_not_found_and_its_name_is_free(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        category, other = seed.category(user, "Home"), seed.category(user, "Work")
        task = seed.task(user, category=category.id)
        hide(store, category)
        assert find(store, category) is None
        assert pages(store, user, 10) == [[other]]
        with store.reading(SYSTEM) as work:
            assert list(work.bulk.find_categories(user.id, [category.id], [category.key.name])) == []
            assert work.tasks.find(task.id) == task
        with pytest.raises(IdTaken):
            add(store, seed.new_category(user, id=category.id))
        hide(store, seed.category(user, "Home"))
        with store.reading(SYSTEM) as work:
            assert work.categories.find_named(user.id, name_key("Home")) is None
            assert work.categories.find_unlocked(category.id) is None
        assert add(store, seed.new_category(user, "Home"))
        with store.writing(SYSTEM) as work:
            work.tasks.unfile(user.id, category.id, START, 10)
        remove(store, category)
        again = seed.category(user, id=category.id)
        assert find(store, again) == again

    def test_a_category_is_found_by_its_name_and_its_owner(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        home = seed.category(alice, "Home", members=(CategoryMember(bob.id, Role.EDITOR, START),))
        with store.reading(SYSTEM) as work:
            assert work.categories.find_named(alice.id, name_key("HOME")) == home
            assert work.categories.find_named(alice.id, name_key("Work")) is None
            assert work.categories.find_named(bob.id, name_key("Home")) is None

    def test_the_categories_that_are_not_ready_are_those_of_their_members(self, store: Storage, seed: Seed) -> None:
        alice, bob, carol = (seed.user() for _ in range(3))
        members = [CategoryMember(bob.id, Role.EDITOR, START), CategoryMember(carol.id, Role.VIEWER, START, True)]
        category = seed.category(alice, members=tuple(sorted(members)))
        seed.category(bob)

        def not_ready() -> list[frozenset[UUID]]:
            with store.reading(SYSTEM) as work:
                return [work.categories.not_ready(user.id) for user in (alice, bob, carol)]

        assert not_ready() == [frozenset(), {category.id}, frozenset()]
        with store.writing(SYSTEM) as work:
            work.categories.save_shared(category.with_member(CategoryMember(bob.id, Role.VIEWER, START, True), START))
        assert not_ready() == [frozenset()] * 3
        found = find(store, category)
        assert found is not None
        assert found.member(bob.id) == CategoryMember(bob.id, Role.VIEWER, START, True)
        again = CategoryMember(bob.id, Role.EDITOR, START + timedelta(seconds=1))
        with store.writing(SYSTEM) as work:
            work.categories.save_shared(replace(found, members=(again,), version=found.version + 1))
        assert find(store, category) == replace(found, members=(again,), version=found.version + 1)

    def test_a_category_that_has_passed_on_is_settled_if_it_has_no_members(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        alone = seed.category(alice)
        common = seed.category(alice, members=(CategoryMember(bob.id, Role.EDITOR, START, True),))
        private = seed.category(alice)
        categories = (alone, common, private)
        tasks = [seed.task(alice, category=each.id, list_members=each.list_members) for each in categories]
        waiting = seed.category(alice)
        jobs = [Job.of(JobKind.HAND_OVER, each.id, alice.id, START) for each in (alone, common, waiting)]
        tasks.append(seed.task(alice, category=waiting.id))
        with store.writing(SYSTEM) as work:
            for job in jobs:
                work.jobs.add(job)
            for each in (alone, private, waiting):
                work.categories.save_shared(replace(each, version=2))

        def members() -> list[tuple[Member, ...]]:
            with store.reading(SYSTEM) as work:
                return [found.list_members for each in tasks if (found := work.tasks.find(each.id))]

        owner = (Member(alice.id, Role.OWNER),)
        assert members() == [owner, common.list_members, (), owner]
        with store.writing(SYSTEM) as work:
            for job in jobs[:2]:
                work.jobs.remove(job.id)
                work.categories.settle(job.subject)
        assert members() == [(), common.list_members, (), owner]

    def test_a_category_counts_for_its_owner(self, store: Storage, seed: Seed) -> None:
        users = alice, bob = seed.user(), seed.user()
        category, other = seed.category(alice), seed.category(alice)

        def owned() -> list[int]:
            with store.reading(SYSTEM) as work:
                return [work.quotas.usage(user.id).categories for user in users]

        assert owned() == [2, 0]
        with store.writing(SYSTEM) as work:
            work.categories.save_shared(replace(category, user_id=bob.id, version=2))
        assert owned() == [1, 1]
        remove(store, other)
        remove(store, category)
        assert owned() == [0, 0]

    def test_a_category_with_tasks_cannot_be_removed(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        category = seed.category(user)
        seed.task(user, category=category.id)
        before = everything(store, user)
        with pytest.raises(BROKEN_REFERENCE):
            remove(store, category)
        assert everything(store, user) == before

    @pytest.mark.parametrize("limit", [1, 2, 5, len(NAMES) - 1, len(NAMES), len(NAMES) + 1])
    def test_a_list_is_ordered_by_the_code_points_of_folded_names(self, store: Storage, seed: Seed, limit: int) -> None:
        user, other, third = seed.user(), seed.user(), seed.user()
        shuffled = random.Random(limit).sample(NAMES, len(NAMES))
        members = (CategoryMember(user.id, Role.EDITOR, START, True),)
        categories = [seed.category(third, name, members=members) for name in NAMES[:3]]
        categories += [
            seed.category(other, name, members=members) if number % 2 else seed.category(user, name)
            for number, name in enumerate(shuffled)
        ]
        seed.category(other, "of another user")
        found = pages(store, user, limit)
        expected = sorted(categories, key=lambda category: (name_key(category.name), category.id))
        assert [category for page in found for category in page] == expected
        assert len(found) == -(-len(categories) // limit)
        assert all(len(page) == limit for page in found[:-1])

    def test_an_empty_list_is_one_empty_page(self, store: Storage, seed: Seed) -> None:
        assert pages(store, seed.user(), 10) == [[]]

    def test_a_list_continues_after_any_key(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        ant, bee, cat = (seed.category(user, name) for name in ("Ant", "Bee", "Cat"))

        def after(key: CategoryKey) -> list[Category]:
            with store.reading(SYSTEM) as work:
                return list(work.categories.list(user.id, key, 10).items)

        assert after(ant.key) == [bee, cat]
        assert after(CategoryKey("bee", seed.id())) == [cat]
        assert after(CategoryKey("b", seed.id())) == [bee, cat]
        assert after(CategoryKey("", seed.id())) == [ant, bee, cat]
        assert after(CategoryKey("\U0010ffff", seed.id())) == []
        remove(store, ant)
        assert after(ant.key) == [bee, cat]

    def test_categories_that_stay_are_listed_once_while_others_change(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        choice = random.Random(1)
        stable = {seed.category(user, f"{number:02} stays").id for number in range(0, 40, 2)}
        removable = [seed.category(user, f"{number:02} removed") for number in range(1, 40, 2)]
        seen: list[Category] = []
        after: CategoryKey | None = None
        for _ in until_the_last():
            with store.reading(SYSTEM) as work:
                page = work.categories.list(user.id, after, 3)
            seen.extend(page.items)
            if page.next is None:
                break
            after = page.next
            remove(store, removable.pop(choice.randrange(len(removable))))
            seed.category(user, f"{choice.randrange(40):02} added {len(seen)}")
        ids = [category.id for category in seen]
        assert len(ids) == len(set(ids))
        assert stable <= set(ids)

    def test_one_of_several_concurrent_additions_gets_the_name(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        categories = [seed.new_category(user, spelling) for spelling in spellings("home sweet home")]
        outcomes = race(*(partial(add, store, item) for item in categories))
        assert outcomes.count(True) == 1
        assert sum(isinstance(outcome, CategoryNameTaken) for outcome in outcomes) == len(categories) - 1
        assert pages(store, user, 10) == [[categories[outcomes.index(True)]]]
