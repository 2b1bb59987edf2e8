"""The contract of a BulkRepository."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tasktracker.domain.accounts.user import User
from tasktracker.domain.categories.category import CategoryMember, name_key
from tasktracker.domain.jobs.job import Job, JobKind
from tasktracker.domain.kernel.errors import IdTaken
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.work import Storage
from tests.contracts.base import SHORT_WAIT, BackgroundCall, Seed, read_pages
from tests.fakes import START, SYSTEM


def trashed(store: Storage, user: User, limit: int) -> list[Task]:
    found = read_pages(store, lambda work, after: work.bulk.trashed(user.id, after, limit))
    return [task for page in found for task in page]


class TestBulk:
    def test_tasks_are_read_as_added(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        members = (Member(bob.id, Role.VIEWER),)
        parent = seed.new_task(alice, members=members, version=7)
        child = seed.new_task(alice, parent=parent.id, root=parent.id, members=members)
        with store.writing(SYSTEM) as work:
            work.bulk.add([parent, child])
            work.bulk.add([])
        with store.reading(SYSTEM) as work:
            assert {task.id: task for task in work.bulk.find_tasks([parent.id, seed.id(), child.id])} == {
                parent.id: parent,
                child.id: child,
            }
            assert {task.id for task in work.tasks.list(bob.id, TaskQuery(at=START)).items} == {parent.id, child.id}
            assert work.bulk.find_tasks([]) == []
            assert len(work.bulk.find_tasks([seed.id() for _ in range(2500)] + [child.id])) == 1

    def test_one_taken_id_refuses_the_whole_batch(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        new, taken = seed.new_task(alice), seed.task(bob)
        with pytest.raises(IdTaken), store.writing(SYSTEM) as work:
            work.bulk.add([new, seed.new_task(alice, id=taken.id)])
        with store.reading(SYSTEM) as work:
            assert work.bulk.find_tasks([new.id, taken.id]) == [taken]

    def test_another_unit_of_work_waits_for_locked_tasks(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        one, two = seed.task(user), seed.task(user)

        def edit() -> None:
            with store.writing(SYSTEM) as other:
                found = other.tasks.find(two.id)
                assert found is not None
                other.tasks.save(found.edit({"title": f"{found.title} and second"}, START))

        with store.writing(SYSTEM) as work:
            work.bulk.lock([one.id, seed.id(), two.id])
            work.bulk.lock([])
            waiting = BackgroundCall(edit)
            assert not waiting.wait(SHORT_WAIT)
            work.tasks.find(two.id)
            work.tasks.save(two.edit({"title": "first"}, START))
        waiting.result()
        with store.reading(SYSTEM) as work:
            assert [task.title for task in work.bulk.find_tasks([two.id])] == ["first and second"]

    def test_another_unit_of_work_waits_for_categories_that_were_found(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        category = seed.category(user)

        def remove() -> None:
            with store.writing(SYSTEM) as other:
                other.categories.remove(category.id)

        with store.writing(SYSTEM) as work:
            work.bulk.find_categories(user.id, [category.id], [])
            waiting = BackgroundCall(remove)
            assert not waiting.wait(SHORT_WAIT)
        waiting.result()

    @pytest.mark.parametrize("limit", [1, 2, 3, 10])
    def test_the_trash_of_a_user_is_listed_oldest_first(self, store: Storage, seed: Seed, limit: int) -> None:
        alice, bob = seed.user(), seed.user()
        members = (Member(alice.id, Role.EDITOR),)
        top = seed.task(alice, trashed_at=START)
        own = [
            seed.task(alice, trashed_at=START + timedelta(seconds=second), trashed_with=top.id if second else None)
            for second in (2, 0, 1)
        ]
        seed.task(alice)
        seed.task(bob, trashed_at=START, members=members)
        member = CategoryMember(seed.user().id, Role.EDITOR, START, is_ready=True)
        shared = seed.category(alice, members=(member,))  # passes on from bob
        seed.task(bob, trashed_at=START, category=shared.id, list_members=shared.list_members)
        expected = sorted([top, *own], key=lambda task: (task.trashed_at, task.id))
        assert trashed(store, alice, limit) == expected

    def test_the_tasks_created_for_others_are_read_page_by_page(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        ids = [seed.id() for _ in range(3)]
        created = [seed.task(bob, id=id_, created_by=alice.id, trashed_at=START) for id_ in reversed(ids)][::-1]
        seed.task(alice)
        seed.task(bob)
        found = read_pages(store, lambda work, after: work.bulk.created(alice.id, after, 2))
        assert found == [created[:2], created[2:]]

    def test_what_is_being_removed_is_not_found(self, store: Storage, seed: Seed) -> None:
        alice, bob, carol = seed.user(), seed.user(), seed.user()
        category, kept = seed.category(alice), seed.category(alice)
        seed.task(bob, created_by=alice.id)
        created = seed.task(carol, created_by=alice.id)
        purged, trashed = (
            seed.task(alice, id=id_, trashed_at=START, trashed_with=id_) for id_ in (seed.id(), seed.id())
        )
        with store.writing(SYSTEM) as work:
            work.categories.hide(category, START)
            work.users.hide(bob.id, START)
            work.jobs.add(Job.of(JobKind.REMOVE_ACCOUNT, bob.id, bob.id, START))
            work.jobs.add(Job.of(JobKind.PURGE_TASK, purged.id, alice.id, START))
        with store.reading(SYSTEM) as work:
            assert list(work.bulk.trashed(alice.id, None, 10).items) == [trashed]
            assert work.bulk.find_categories(alice.id, [category.id, kept.id], {name_key(category.name)}) == [kept]
            assert set(work.bulk.taken([category.id, kept.id])) == {category.id, kept.id}
            assert list(work.bulk.created(alice.id, None, 10).items) == [created]

    def test_the_count_includes_the_trash_and_excludes_tasks_of_others(self, store: Storage, seed: Seed) -> None:
        alice, bob, carol = seed.user(), seed.user(), seed.user()
        seed.task(alice, created_by=bob.id, members=(Member(bob.id, Role.EDITOR),))
        seed.task(alice, trashed_at=START)
        seed.task(bob, created_by=alice.id)
        with store.reading(SYSTEM) as work:
            assert [work.bulk.count(user.id) for user in (alice, bob, carol)] == [2, 1, 0]

    def test_only_the_users_own_categories_are_found_by_id_or_name(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        home, work_category, other = (seed.category(alice, name) for name in ("Home", "Work", "Other"))
        foreign = seed.category(bob, "Home")
        for open_ in (store.reading, store.writing):
            with open_(SYSTEM) as work:
                found = work.bulk.find_categories(
                    alice.id, [work_category.id, foreign.id, home.id, seed.id()], {name_key("HOME"), "nothing"}
                )
                assert found == sorted([home, work_category], key=lambda category: category.id)
                assert work.bulk.find_categories(alice.id, [], {name_key("other")}) == [other]
                assert work.bulk.find_categories(alice.id, [], []) == []
                assert set(work.bulk.taken([foreign.id, home.id, seed.id()])) == {foreign.id, home.id}
