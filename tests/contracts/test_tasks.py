"""The contract of a TaskRepository."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any, Literal
from uuid import UUID

import pytest

from tasktracker.domain.accounts.user import User
from tasktracker.domain.categories.category import CategoryMember
from tasktracker.domain.jobs.job import Job, JobKind
from tasktracker.domain.kernel.errors import IdTaken, InvalidInput, Stale
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.recurrence.occurrence import Occurrence
from tasktracker.domain.tasks.query import NONE, TaskKey, TaskQuery, TaskSort
from tasktracker.domain.tasks.task import Priority, State, Task
from tasktracker.domain.work import Storage
from tests.contracts.base import MOMENT, SECOND, SHORT_WAIT, BackgroundCall, Seed, find, listed, pages, purge
from tests.fakes import START, SYSTEM
from tests.reference import in_order, matches
from tests.waiting import until_the_last


def add(store: Storage, task: Task) -> None:
    with store.writing(SYSTEM) as work:
        work.tasks.add(task)


def save(store: Storage, task: Task) -> None:
    with store.writing(SYSTEM) as work:
        work.tasks.find(task.id)
        work.tasks.save(task)


def save_shared(store: Storage, task: Task) -> None:
    with store.writing(SYSTEM) as work:
        work.tasks.save_shared(task)


class TestTask:
    def test_a_task_is_read_as_stored(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        task = seed.task(
            user,
            "Title",
            description="line\r\nline\n" * 800,
            priority=Priority.URGENT,
            state=State.DONE,
            start_on=date(9999, 12, 31),
            due_date=START + 1 * MOMENT,
            category=seed.category(user).id,
            created_at=START + 2 * MOMENT,
            updated_at=START + 3 * MOMENT,
            completed_at=START + 4 * MOMENT,
            version=9,
        )
        assert find(store, task) == task

    def test_an_unshared_task_is_listed_only_for_its_owner(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        task = seed.task(alice)
        with store.reading(SYSTEM) as work:
            assert work.tasks.find(seed.id()) is None
            assert work.tasks.find_unlocked(seed.id()) is None
            assert work.tasks.find_unlocked(task.id) == task
        assert listed(store, alice, TaskQuery(at=START)) == [task]
        assert listed(store, bob, TaskQuery(at=START)) == []

    def test_a_used_id_is_taken_for_every_user(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        task = seed.task(alice)
        for user in (alice, bob):
            with pytest.raises(IdTaken):
                add(store, seed.new_task(user, id=task.id))
        assert find(store, task) == task

    @pytest.mark.parametrize("category", ["unknown", "removed"])
    def test_a_task_is_refused_in_a_category_that_does_not_exist(
        self, store: Storage, seed: Seed, category: str
    ) -> None:
        alice = seed.user()
        removed = seed.category(alice)
        with store.writing(SYSTEM) as work:
            work.categories.remove(removed.id)
        category_id = {"unknown": seed.id(), "removed": removed.id}[category]

        new = seed.new_task(alice, category=category_id)
        with pytest.raises(InvalidInput) as caught:
            add(store, new)
        assert [error.field for error in caught.value.errors] == ["category"]
        assert find(store, new) is None

        task = seed.task(alice)
        with pytest.raises(InvalidInput) as caught:
            save(store, replace(task, category=category_id, version=2))
        assert [error.field for error in caught.value.errors] == ["category"]
        assert find(store, task) == task

    def test_saving_changes_only_that_task(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        task = seed.task(user, due_date=START, category=seed.category(user).id)
        other = seed.task(user)
        changed = replace(
            task,
            title="Changed",
            description="Changed",
            priority=Priority.LOW,
            state=State.DONE,
            start_on=date(1, 1, 1),
            due_date=START + timedelta(days=1),
            category=seed.category(user).id,
            updated_at=START + SECOND,
            completed_at=START + SECOND,
            version=2,
        )
        save(store, changed)
        assert find(store, task) == changed
        bare = replace(
            changed, start_on=None, due_date=None, category=None, completed_at=None, state=State.OPEN, version=3
        )
        bare = replace(bare, due_on=date(2026, 3, 2), trashed_at=START, trashed_with=task.id)
        save(store, bare)
        assert find(store, task) == bare
        assert find(store, other) == other
        later = replace(bare, title="Longer than before", trashed_at=None, trashed_with=None, version=4)
        occurrence = Occurrence(slot=date(2026, 3, 2), series=task.id)
        last = replace(later, title="Last", occurrence=occurrence, category=seed.category(user).id, version=5)
        with store.writing(SYSTEM) as work:
            work.tasks.find(task.id)
            work.tasks.save(later)
            work.tasks.save(last)
        assert listed(store, user, TaskQuery(at=START, series=task.id)) == [last]
        with store.writing(SYSTEM) as work:
            work.tasks.tree(task.id)
            work.tasks.save(last := replace(last, category=None, version=6))
        assert listed(store, user, TaskQuery(at=START, category=NONE)) == [other, last]

    @pytest.mark.parametrize("saved", [save, save_shared])
    @pytest.mark.parametrize("version", [1, 2, 3, 5])
    def test_only_the_next_version_can_be_saved(
        self, store: Storage, seed: Seed, version: int, saved: Callable[[Storage, Task], None]
    ) -> None:
        task = seed.task(seed.user(), version=3)
        with pytest.raises(Stale):
            saved(store, replace(task, title="Lost", version=version))
        assert find(store, task) == task

    @pytest.mark.parametrize("saved", [save, save_shared])
    def test_a_purged_task_cannot_be_saved(
        self, store: Storage, seed: Seed, saved: Callable[[Storage, Task], None]
    ) -> None:
        task = seed.task(seed.user())
        purge(store, task)
        with pytest.raises(Stale):
            saved(store, replace(task, version=2))
        assert find(store, task) is None

    def test_clearing_a_category_changes_only_its_tasks(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        category, other = seed.category(user), seed.category(user)
        filed = [
            seed.task(user, category=category.id, state=State.DONE, completed_at=START, version=version)
            for version in (1, 2, 3)
        ]
        # Changed later than this change, by a clock that was ahead.
        filed.append(seed.task(user, category=category.id, updated_at=START + timedelta(days=1)))
        unmoved = [seed.task(user, category=other.id), seed.task(user)]
        now = START + timedelta(hours=1)
        with store.writing(SYSTEM) as work:
            unfiled = work.tasks.unfile(user.id, category.id, now, 100)
        expected = [replace(task.edit({"category": None}, now), root_category=None) for task in filed]
        assert sorted(unfiled, key=lambda task: task.id) == expected
        assert [find(store, task) for task in filed] == expected
        assert [find(store, task) for task in unmoved] == unmoved
        with store.writing(SYSTEM) as work:
            work.categories.remove(category.id)

    # ------------------------------------------------------------ trees and members

    def test_a_tree_contains_all_tasks_of_one_root_with_deleted_ones(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        root = seed.task(user)
        below = [seed.task(user, root=root.id, parent=root.id) for _ in range(3)]
        deepest = seed.task(user, root=root.id, parent=below[0].id)
        seed.task(user)
        below[1] = below[1].trash(below[1].id, START)
        save(store, below[1])
        expected = sorted([root, *below, deepest], key=lambda task: task.id)
        with store.reading(SYSTEM) as work:
            assert list(work.tasks.tree(root.id)) == expected
            assert list(work.tasks.tree(below[0].id)) == []
        moved = replace(below[0], root=below[0].id, parent=None, version=2)
        save_shared(store, moved)
        with store.reading(SYSTEM) as work:
            assert list(work.tasks.tree(moved.id)) == [moved]
            assert list(work.tasks.tree(root.id)) == [task for task in expected if task.id != moved.id]

    def test_children_are_the_direct_subtasks_with_deleted_ones(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        root, other = seed.task(user), seed.task(user)
        below = [seed.task(user, root=root.id, parent=root.id) for _ in range(3)]
        deepest = seed.task(user, root=root.id, parent=below[0].id)
        other_child = seed.task(user, root=other.id, parent=other.id)
        below[1] = below[1].trash(below[1].id, START)
        save(store, below[1])
        with store.reading(SYSTEM) as work:
            assert list(work.tasks.children([root.id])) == sorted(below, key=lambda task: task.id)
            assert list(work.tasks.children([below[0].id, seed.id(), other.id])) == sorted(
                [deepest, other_child], key=lambda task: task.id
            )
            assert list(work.tasks.children([deepest.id])) == []
            assert list(work.tasks.children([])) == []
            many = [seed.id() for _ in range(2500)]
            assert list(work.tasks.children([*many, other.id])) == [other_child]

    def test_an_unknown_parent_is_refused(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        task = seed.task(user)
        with pytest.raises(InvalidInput) as caught:
            add(store, seed.new_task(user, parent=seed.id()))
        assert [error.field for error in caught.value.errors] == ["parent"]
        with pytest.raises(InvalidInput) as caught:
            save(store, replace(task, parent=seed.id(), version=2))
        assert [error.field for error in caught.value.errors] == ["parent"]
        assert find(store, task) == task

    def test_members_are_read_as_stored(self, store: Storage, seed: Seed) -> None:
        alice, bob, carol = (seed.user() for _ in range(3))
        task = seed.task(alice, members=_members((bob, Role.EDITOR), (carol, Role.VIEWER)))
        assert find(store, task) == task
        for members in (
            _members((bob, Role.VIEWER)),
            (),
            _members((carol, Role.EDITOR)),
            _members(*((seed.user(), Role.VIEWER) for _ in range(100))),
        ):
            task = task.with_members(members, START)
            save_shared(store, task)
            assert find(store, task) == task
            assert listed(store, alice, TaskQuery(at=START)) == [task]

    def test_own_tasks_come_newest_first_and_those_in_the_trash_last(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        trashed = seed.task(alice, created_at=START + timedelta(days=1), trashed_at=START)
        old, new = (seed.task(alice, created_at=START + timedelta(hours=hours)) for hours in (1, 2))
        middle = seed.task(alice, members=_members((bob, Role.EDITOR)), created_at=START + timedelta(minutes=90))
        seed.task(bob, members=_members((alice, Role.EDITOR)))
        with store.reading(SYSTEM) as work:
            assert list(work.tasks.owned(alice.id, 100)) == [new, middle, old, trashed]
            assert list(work.tasks.owned(alice.id, 3)) == [new, middle, old]
            assert list(work.tasks.owned(alice.id, 1)) == [new]

    def test_shared_tasks_are_those_of_others_with_the_user_as_a_member(self, store: Storage, seed: Seed) -> None:
        alice, bob, carol = (seed.user() for _ in range(3))
        members = _members((bob, Role.VIEWER))
        first, second, trashed, others = (
            seed.task(user, members=given)
            for user, given in (
                (carol, members),
                (alice, members),
                (alice, members),
                (alice, _members((carol, Role.EDITOR))),
            )
        )
        below = seed.task(alice, root=second.id, parent=second.id, members=members)
        seed.task(bob, members=_members((alice, Role.EDITOR)))
        save(store, trashed := trashed.trash(trashed.id, START))
        assert shared_with(store, bob) == [first, second, trashed, below]
        assert shared_with(store, carol) == [others]
        save_shared(store, first.with_members((), START))
        assert shared_with(store, bob) == [second, trashed, below]
        with store.reading(SYSTEM) as work:
            assert len(work.tasks.shared_with(bob.id, 2)) == 2

    def test_tasks_seen_through_a_category_are_neither_owned_nor_shared(self, store: Storage, seed: Seed) -> None:
        alice, bob, former = (seed.user() for _ in range(3))
        member = CategoryMember(bob.id, Role.EDITOR, START, is_ready=True)
        category = seed.category(alice, members=(member,))
        own, passing, other = (
            seed.task(user, category=category.id, list_members=category.list_members) for user in (alice, former, alice)
        )
        seed.task(alice, category=category.id, list_members=category.list_members, trashed_at=START)
        with store.reading(SYSTEM) as work:
            assert list(work.tasks.owned(alice.id, 2)) == [other, own]
            assert list(work.tasks.owned(former.id, 10)) == [passing]
            assert list(work.tasks.owned(bob.id, 10)) == []
            assert list(work.tasks.of_former_owner(category.id, alice.id, None, 10)) == [passing]
            assert list(work.tasks.of_former_owner(category.id, alice.id, passing.id, 10)) == []
        shared: dict[str, Any] = {"root_category": category.id, "list_members": category.list_members}
        seed.task(alice, parent=own.id, root=own.id, **shared)
        both = seed.task(alice, category=category.id, members=_members((bob, Role.VIEWER)), **shared)
        assert [shared_with(store, user) for user in (alice, bob, former)] == [[], [find(store, both)], []]

    def test_tasks_of_an_account_that_is_removed_are_not_shared(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        seed.task(alice, members=_members((bob, Role.EDITOR)))
        with store.writing(SYSTEM) as work:
            work.users.hide(alice.id, START)
            work.jobs.add(Job.of(JobKind.REMOVE_ACCOUNT, alice.id, alice.id, START))
        assert shared_with(store, bob) == []

    def test_a_subtask_leaves_its_own_category_and_stays_in_that_of_its_root(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        removed, kept = seed.category(user), seed.category(user)
        root = seed.task(user, category=kept.id)
        below = seed.task(user, root=root.id, parent=root.id, category=removed.id, root_category=kept.id)
        with store.writing(SYSTEM) as work:
            (unfiled,) = work.tasks.unfile(user.id, removed.id, START, 100)
        assert unfiled == replace(below, category=None, version=2) == find(store, below)
        assert find(store, root) == root

    def test_only_the_tasks_of_a_user_in_a_category_are_unfiled_and_only_up_to_a_limit(
        self, store: Storage, seed: Seed
    ) -> None:
        alice, bob = seed.user(), seed.user()
        removed, kept = seed.category(alice), seed.category(alice)
        members = _members((bob, Role.VIEWER))
        later = START + SECOND
        old = seed.task(alice, category=removed.id, members=members)
        new = seed.task(alice, category=removed.id, updated_at=later + SECOND)
        below = seed.task(alice, root=old.id, parent=old.id, root_category=removed.id, members=members)
        filed_below = seed.task(alice, root=new.id, parent=new.id, category=kept.id, root_category=removed.id)
        deeper = seed.task(alice, root=old.id, parent=below.id, root_category=removed.id, members=members)
        other = seed.task(alice, category=kept.id)
        of_bob = seed.task(bob, category=removed.id)
        everything = (old, new, below, filed_below, deeper, other, of_bob)
        with store.writing(SYSTEM) as work:
            (first,) = work.tasks.unfile(alice.id, removed.id, later, 1)
        assert first.id in (old.id, new.id)
        with store.writing(SYSTEM) as work:
            rest = work.tasks.unfile(alice.id, removed.id, later, 9)
            assert list(work.tasks.unfile(alice.id, removed.id, later, 9)) == []
        unfiled: dict[str, Any] = {"category": None, "root_category": None}
        expected = [
            replace(old, **unfiled, version=2, updated_at=later),
            replace(new, **unfiled, version=2),
            replace(below, **unfiled),
            replace(filed_below, root_category=None),
            replace(deeper, **unfiled),
            other,
            of_bob,
        ]
        assert sorted((first, *rest), key=lambda task: task.id) == expected[:2]
        assert [find(store, each) for each in everything] == expected
        by_change = TaskQuery(at=START, sort=TaskSort.UPDATED)
        assert listed(store, bob, by_change) == [expected[0], of_bob, expected[4], expected[2]]
        assert listed(store, alice, replace(by_change, category=NONE)) == [*expected[1::-1], expected[4], expected[2]]
        assert {task.id for task in listed(store, alice, replace(by_change, category=kept.id))} == {
            filed_below.id,
            other.id,
        }

    def test_only_the_subtasks_of_a_root_are_refiled_and_read(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        home, work_category = seed.category(user), seed.category(user)
        roots = [seed.task(user, category=each.id) for each in (work_category, home)]
        below = [
            seed.task(user, root=root.id, parent=root.id, root_category=home.id, trashed_at=at)
            for root in roots
            for at in (None, START)
        ]
        deeper = seed.task(user, root=roots[0].id, parent=below[0].id, root_category=home.id)
        with store.writing(SYSTEM) as work:
            work.tasks.refile(roots[0].id, work_category.id)
        expected = [replace(each, root_category=work_category.id) for each in (*below[:2], deeper)]
        for mode in (store.reading, store.writing):
            with mode(SYSTEM) as work:
                assert list(work.tasks.tree(roots[0].id)) == [roots[0], *expected]
                assert list(work.tasks.tree(roots[1].id)) == [roots[1], *below[2:]]
                parents = [each.id for each in (roots[1], roots[0])]
                assert list(work.tasks.children(parents)) == [*expected[:2], *below[2:]]
                assert list(work.tasks.children([below[0].id, deeper.id])) == [expected[2]]
                assert len(work.tasks.children(parents, 3)) == 3
                assert list(work.tasks.children([below[0].id], 3)) == [expected[2]]
        with store.writing(SYSTEM) as work:
            work.tasks.refile(roots[0].id, None)
        assert find(store, deeper) == replace(deeper, root_category=None)

    def test_the_tasks_of_former_owners_are_read_in_pages(self, store: Storage, seed: Seed) -> None:
        owner, former, gone = (seed.user() for _ in range(3))
        category, other = seed.category(owner), seed.category(owner)
        found = [seed.task(former, category=category.id), seed.task(gone, category=category.id)]
        found.append(seed.task(gone, root=found[0].id, parent=found[0].id, root_category=category.id))
        seed.task(owner, category=category.id)
        seed.task(former, category=other.id)
        seed.task(former, category=category.id, root_category=other.id)
        filed: dict[str, Any] = {"category": category.id, "trashed_at": START}
        purged, trashed = (seed.task(former, id=id_, trashed_with=id_, **filed) for id_ in (seed.id(), seed.id()))
        seed.task(former, parent=purged.id, root=purged.id, trashed_with=purged.id, **filed)
        found.append(trashed)
        with store.writing(SYSTEM) as work:
            work.jobs.add(Job.of(JobKind.PURGE_TASK, purged.id, former.id, START))
            work.jobs.add(Job.of(JobKind.HAND_OVER, category.id, owner.id, START))
            work.jobs.add(Job.of(JobKind.REMOVE_ACCOUNT, gone.id, gone.id, START))

        def read(after: Task | None, limit: int) -> list[UUID]:
            with store.reading(SYSTEM) as work:
                page = work.tasks.of_former_owner(category.id, owner.id, after.id if after else None, limit)
                return [task.id for task in page]

        ids = [each.id for each in found]
        assert (read(None, 9), read(None, 2), read(found[1], 1), read(found[3], 9)) == (ids, ids[:2], [ids[2]], [])

    def test_the_viewers_of_the_tasks_in_a_category_are_refreshed_in_pages(self, store: Storage, seed: Seed) -> None:
        owner, direct, *others = (seed.user() for _ in range(6))
        roles = [CategoryMember(each.id, Role.EDITOR, START, is_ready=each != others[3]) for each in others]
        before, after = ([*sorted(each, key=lambda member: member.user_id)] for each in (roles[:2], roles[2:]))
        category, other = seed.category(owner, members=tuple(before)), seed.category(owner)
        ids = [seed.id() for _ in range(3)]
        seen: dict[str, Any] = {"root_category": category.id, "list_members": category.list_members}
        root = seed.task(owner, id=ids[1], category=category.id, members=_members((direct, Role.VIEWER)), **seen)
        seed.task(owner, id=ids[0], parent=root.id, root=root.id, **seen)
        seed.task(owner, id=ids[2], category=category.id, **seen)
        seed.task(seed.user(), category=category.id, root_category=other.id)
        joined = CategoryMember(direct.id, Role.VIEWER, START, is_ready=True)
        category = replace(category, members=tuple(sorted([*after, joined], key=lambda each: each.user_id)), version=2)

        def refresh(after: UUID | None, limit: int) -> list[tuple[Any, ...]]:
            with store.writing(SYSTEM) as work:
                found = work.tasks.refresh(category.id, after, limit)
            assert all(each.task.list_members == category.list_members for each in found)
            return [(each.task.id, each.added, each.removed, each.affected) for each in found]

        with store.writing(SYSTEM) as work:
            work.categories.save_shared(category)
        come, left = ({each.user_id for each in members} for members in (after, before))
        expected = [
            (id_, come if id_ == root.id else come | {direct.id}, left, {direct.id} if id_ == root.id else set())
            for id_ in ids
        ]
        assert refresh(None, 1) + refresh(ids[0], 9) + refresh(ids[2], 9) == expected
        assert refresh(None, 9) == [(id_, set(), set(), set()) for id_ in ids]
        query = TaskQuery(at=START, category=category.id)
        lists = [sorted(each.id for each in listed(store, user, query)) for user in (owner, direct, *others)]
        assert lists == [ids, ids, [], [], ids, []]

    def test_a_task_cannot_be_shared_with_an_unknown_user(self, store: Storage, seed: Seed) -> None:
        task = seed.task(seed.user())
        with pytest.raises(InvalidInput) as caught:
            save_shared(store, task.with_members((Member(seed.id(), Role.VIEWER),), START))
        assert [error.field for error in caught.value.errors] == ["username"]
        assert find(store, task) == task

    @pytest.mark.parametrize("kind", ["tree", "root", "children"])
    def test_a_tree_that_was_read_is_locked_until_the_unit_of_work_ends(
        self, store: Storage, seed: Seed, kind: str
    ) -> None:
        user = seed.user()
        root = seed.task(user)
        below = seed.task(user, root=root.id, parent=root.id)
        changed = root if kind == "root" else below

        def change() -> None:
            with store.writing(SYSTEM) as work:
                found = work.tasks.find(changed.id)
                assert found is not None
                work.tasks.save(found.edit({"title": "Changed"}, START))

        with store.writing(SYSTEM) as work:
            if kind == "root":
                work.tasks.find(root.id)
            elif kind == "tree":
                work.tasks.tree(root.id)
            else:
                work.tasks.children([root.id])
            other = BackgroundCall(change)
            assert not other.wait(SHORT_WAIT)
            assert work.tasks.find_unlocked(changed.id) == changed
        other.result()
        assert find(store, changed) == changed.edit({"title": "Changed"}, START)

    def test_a_user_cannot_clear_the_category_of_tasks_of_others(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        category = seed.category(alice)
        task = seed.task(alice, category=category.id)
        with store.writing(SYSTEM) as work:
            work.tasks.unfile(bob.id, category.id, START, 100)
        assert find(store, task) == task

    @pytest.mark.parametrize("limit", [1, 2, 6, 11, 12, 13])
    def test_a_list_is_ordered_newest_first_then_by_id(self, store: Storage, seed: Seed, limit: int) -> None:
        user = seed.user()
        times = [START + offset * MOMENT for offset in (0, 0, 0, 1, 2, 2)]
        times += [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)]
        times += [START - timedelta(days=days) for days in (1, 1, 400, 40_000)]
        tasks = [seed.new_task(user, created_at=time, id=_random_id(number)) for number, time in enumerate(times)]
        seed.tasks(*tasks)
        seed.task(seed.user())
        found = pages(store, user, TaskQuery(at=START, limit=limit))
        assert [task for page in found for task in page] == in_order(TaskQuery(at=START), tasks)
        assert len(found) == -(-len(times) // limit)
        assert all(len(page) == limit for page in found[:-1])

    def test_an_empty_list_is_one_empty_page(self, store: Storage, seed: Seed) -> None:
        assert pages(store, seed.user(), TaskQuery(at=START)) == [[]]

    def test_a_list_continues_after_any_key(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        old, middle, new = (seed.task(user, created_at=START + offset * SECOND) for offset in range(3))

        def after(key: TaskKey[datetime]) -> list[Task]:
            return listed(store, user, TaskQuery(at=START, after=key))

        assert after(TaskQuery(at=START).key(new)) == [middle, old]
        assert after(TaskKey(START + 1 * SECOND, UUID(int=0))) == [old]
        assert after(TaskKey(START + 1 * SECOND, UUID(int=2**128 - 1))) == [middle, old]
        assert after(TaskKey(START + 1 * SECOND + MOMENT, UUID(int=0))) == [middle, old]
        assert after(TaskKey(START - MOMENT, UUID(int=0))) == []
        purge(store, middle)
        assert after(TaskQuery(at=START).key(middle)) == [old]

    def test_tasks_that_stay_are_listed_once_while_others_change(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        choice = random.Random(1)

        def random_time() -> datetime:
            return START + choice.randrange(10) * SECOND

        stable = [seed.new_task(user, created_at=random_time(), id=_random_id(number)) for number in range(20)]
        removable = [seed.new_task(user, created_at=random_time()) for _ in range(20)]
        seed.tasks(*stable, *removable)
        query = TaskQuery(at=START, limit=3)
        seen: list[Task] = []
        for _ in until_the_last():
            with store.reading(SYSTEM) as work:
                page = work.tasks.list(user.id, query)
            seen.extend(page.items)
            if page.next is None:
                break
            query = replace(query, after=page.next)
            purge(store, removable.pop(choice.randrange(len(removable))))
            seed.task(user, created_at=random_time())
            edited = choice.randrange(len(stable))
            stable[edited] = stable[edited].edit({"title": f"edited {len(seen)}"}, random_time())
            save(store, stable[edited])
        ids = [task.id for task in seen]
        assert len(ids) == len(set(ids))
        assert {task.id for task in stable} <= set(ids)

    def test_every_combination_of_filters_matches_the_reference(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        home, work_category, empty = (seed.category(user) for _ in range(3))
        choice = random.Random(1)
        due_dates = (None, START - timedelta(days=1), START - MOMENT, START, START + MOMENT)
        tasks = [
            seed.new_task(
                user,
                state=state,
                priority=priority,
                category=category,
                due_date=due_date,
                created_at=START - choice.randrange(50) * SECOND,
                id=_random_id(number),
            )
            for number, (state, priority, category, due_date) in enumerate(
                product(State, Priority, (None, home.id, work_category.id), due_dates)
            )
        ]
        tasks = choice.sample(tasks, 150)
        seed.tasks(*tasks)
        seed.task(seed.user(), due_date=START - SECOND)
        tasks = in_order(TaskQuery(at=START), tasks)

        for query in _all_queries((home.id, work_category.id, empty.id, seed.id())):
            assert listed(store, user, query) == [task for task in tasks if matches(query, user.id, task)], query

    @pytest.mark.parametrize(
        ("filters", "found"),
        [
            ({"due_after": START}, {0, 1}),
            ({"due_before": START}, {-1}),
            ({"due_after": START, "due_before": START + MOMENT}, {0}),
            ({"overdue": True}, {-1}),
            ({"overdue": False}, {None, 0, 1}),
        ],
    )
    def test_a_time_begins_with_its_moment_and_ends_before_it(
        self, store: Storage, seed: Seed, filters: dict[str, Any], found: set[int | None]
    ) -> None:
        user = seed.user()
        tasks = {
            seed.task(user, due_date=None if each is None else START + each * MOMENT): each for each in (None, -1, 0, 1)
        }
        for sort in (TaskSort.NEWEST, TaskSort.DUE_FIRST):
            assert {tasks[each] for each in listed(store, user, TaskQuery(at=START, sort=sort, **filters))} == found

    def test_a_task_has_started_on_its_day_in_the_time_zone_of_the_viewer(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        days = {seed.task(user, start_on=START.date() + timedelta(days=each)): each for each in (-1, 0, 1, 2)}
        days[seed.task(user)] = -9
        for zone, today in (("UTC", 0), ("Pacific/Kiritimati", 1)):
            for started in (True, False):
                query = TaskQuery(at=START, started=started, time_zone=zone)
                assert {days[each] for each in listed(store, user, query)} == {
                    day for day in days.values() if (day <= today) is started
                }

    def test_a_filtered_list_has_full_pages(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        tasks = [
            seed.new_task(
                user,
                created_at=START - number * SECOND,
                state=State.OPEN if number % 3 else State.DONE,
                due_date=START,
            )
            for number in range(20)
        ]
        seed.tasks(*tasks)
        query = TaskQuery(at=START + SECOND, states=frozenset({State.OPEN}), overdue=True, limit=4)
        found = pages(store, user, query)
        assert [len(page) for page in found] == [4, 4, 4, 1]
        assert [task for page in found for task in page] == [task for task in tasks if task.state is State.OPEN]

    @pytest.mark.parametrize("at", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
    def test_a_task_can_be_due_at_the_first_and_last_possible_time(
        self, store: Storage, seed: Seed, at: datetime
    ) -> None:
        user = seed.user()
        seed.tasks(
            seed.new_task(user, due_date=datetime(1, 1, 1, tzinfo=UTC)),
            seed.new_task(user, due_date=datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
            seed.new_task(user),
        )
        everything = listed(store, user, TaskQuery(at=at))
        for overdue in (True, False):
            query = TaskQuery(at=at, overdue=overdue)
            assert listed(store, user, query) == [task for task in everything if matches(query, user.id, task)]


def shared_with(store: Storage, user: User) -> list[Task]:
    with store.reading(SYSTEM) as work:
        return sorted(work.tasks.shared_with(user.id, 100), key=lambda task: task.id)


def _members(*roles: tuple[User, Role]) -> tuple[Member, ...]:
    return tuple(sorted(Member(user.id, role) for user, role in roles))


def _random_id(number: int) -> UUID:
    """An id whose order does not depend on the number."""
    return UUID(int=random.Random(number).getrandbits(128), version=4)


def _all_queries(categories: tuple[UUID, ...]) -> Iterator[TaskQuery]:
    states: list[frozenset[State]] = [frozenset(), *(frozenset({state}) for state in State), frozenset(State)]
    states += [
        frozenset({State.OPEN, State.DONE}),
        frozenset({State.IN_PROGRESS, State.CANCELLED, State.DONE}),
    ]
    category_filters: tuple[UUID | Literal["none"] | None, ...] = (None, NONE, *categories)
    for some, priority, category, overdue in product(states, (None, *Priority), category_filters, (None, True, False)):
        yield TaskQuery(at=START, states=some, priority=priority, category=category, overdue=overdue, limit=200)
