"""The contract of a TrashRepository."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tasktracker.domain.accounts.user import User
from tasktracker.domain.categories.category import CategoryMember
from tasktracker.domain.feed.entries import Op
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.jobs.job import Job, JobKind
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.reminders.reminder import Reminder
from tasktracker.domain.tasks.query import TaskQuery, trash_key
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.work import Storage
from tests.contracts.base import BROKEN_REFERENCE, SECOND, Seed, find, listed, new_change, purge, read_pages
from tests.fakes import START, SYSTEM


def trash(store: Storage, task: Task, at: datetime, with_: UUID | None = None) -> Task:
    trashed = task.trash(with_ or task.id, at)
    with store.writing(SYSTEM) as work:
        work.tasks.save(trashed)
    return trashed


def pages(store: Storage, user: User, limit: int) -> list[list[Task]]:
    return read_pages(store, lambda work, after: work.trash.list(user.id, after, limit))


def expired(store: Storage, before: datetime, limit: int = 100) -> Sequence[UUID]:
    with store.reading(SYSTEM) as work:
        return work.trash.expired(before, limit)


class TestTrash:
    def test_a_deleted_task_is_listed_only_in_its_owners_trash(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        task = seed.task(alice, category=seed.category(alice).id, members=(Member(bob.id, Role.EDITOR),))
        trashed = trash(store, task, START + SECOND)
        assert find(store, task) == trashed
        for user in (alice, bob):
            assert listed(store, user, TaskQuery(at=START)) == []
        assert pages(store, alice, 10) == [[trashed]]
        assert pages(store, bob, 10) == [[]]
        restored = trashed.restore(trashed.tree, None, trashed.category, START + 2 * SECOND)
        with store.writing(SYSTEM) as work:
            work.tasks.save(restored)
        for user in (alice, bob):
            assert listed(store, user, TaskQuery(at=START)) == [restored]
        assert pages(store, alice, 10) == [[]]

    def test_a_task_deleted_with_its_parent_is_not_listed_separately(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        top = seed.task(user)
        below = seed.task(user, parent=top.id, root=top.id)
        alone = seed.task(user, parent=top.id, root=top.id)
        alone = trash(store, alone, START + SECOND)
        trash(store, below, START + 2 * SECOND, with_=top.id)
        top = trash(store, top, START + 2 * SECOND)
        assert pages(store, user, 10) == [[top, alone]]

    @pytest.mark.parametrize("limit", [1, 2, 3, 10, 11])
    def test_the_trash_is_ordered_last_deleted_first_then_by_id(self, store: Storage, seed: Seed, limit: int) -> None:
        user = seed.user()
        gaps = random.Random(limit).choices((1, 2, 3, 4), k=10)
        trashed = [trash(store, seed.task(user), START + gap * SECOND) for gap in gaps]
        seed.task(user)
        trash(store, seed.task(seed.user()), START)
        found = pages(store, user, limit)
        expected = sorted(trashed, key=lambda task: (task.trashed_at, task.id), reverse=True)
        assert [task for page in found for task in page] == expected
        assert len(found) == -(-len(trashed) // limit)

    def test_the_trash_continues_after_a_purged_task(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        old, middle, new = (trash(store, seed.task(user), START + gap * SECOND) for gap in (1, 2, 3))
        with store.reading(SYSTEM) as work:
            page = work.trash.list(user.id, None, 1)
        assert (list(page.items), page.next) == ([new], trash_key(new))
        purge(store, new, middle)
        trash(store, seed.task(user), START + 4 * SECOND)
        with store.reading(SYSTEM) as work:
            assert list(work.trash.list(user.id, page.next, 10).items) == [old]

    def test_purging_removes_only_the_task_and_its_history(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        category = seed.category(alice)
        top = seed.task(alice, category=category.id, members=(Member(bob.id, Role.EDITOR),))
        below = seed.task(alice, parent=top.id, root=top.id, members=top.members)
        other = seed.task(alice)
        change, other_change = new_change(seed, top, bob), new_change(seed, other, alice)
        with store.writing(SYSTEM) as work:
            work.history.add(change)
            work.history.add(other_change)
            for number, task in enumerate((top, below)):
                values: dict[str, Any] = {"task": task.id, "user_id": bob.id, "at": START, "created_at": START}
                work.reminders.add(Reminder(id=UUID(int=number), **values))
        purge(store, below, top)
        with store.reading(SYSTEM) as work:
            assert [work.tasks.find(task.id) for task in (top, below, other)] == [None, None, other]
            assert work.history.find(top.id, change.id) is None
            assert list(work.history.list(top.id, None, 10).items) == []
            assert work.history.find(other.id, other_change.id) == other_change
            assert list(work.tasks.tree(top.id)) == []
            deletions = work.feed.page(bob.id, 0, 9, [ItemType.REMINDER])
            assert {(each.entry.id, each.entry.op) for each in deletions} == {(UUID(int=n), Op.DELETE) for n in (0, 1)}
            assert list(work.tasks.shared_with(bob.id, 100)) == []
            assert work.categories.find(alice.id, category.id) == category
        assert listed(store, alice, TaskQuery(at=START)) == [other]
        assert listed(store, bob, TaskQuery(at=START)) == []

    def test_a_task_with_subtasks_cannot_be_purged(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        top = seed.task(user)
        below = seed.task(user, parent=top.id, root=top.id)
        with pytest.raises(BROKEN_REFERENCE):
            purge(store, top)
        assert [find(store, task) for task in (top, below)] == [top, below]

    def test_an_editor_of_a_category_lists_its_trash_once_ready(self, store: Storage, seed: Seed) -> None:
        alice, bob, carol = (seed.user() for _ in range(3))
        waiting = CategoryMember(bob.id, Role.EDITOR, START)
        category = seed.category(alice, members=(waiting,))
        shared: dict[str, Any] = {"root_category": category.id, "list_members": category.list_members}
        root = seed.task(alice, category=category.id, **shared)
        task = trash(store, seed.task(alice, parent=root.id, root=root.id, **shared), START + SECOND)
        former = trash(store, seed.task(seed.user(), category=category.id, **shared), START)  # not handed over yet

        def seen_by(user: User) -> list[UUID]:
            with store.reading(SYSTEM) as work:
                return [each.id for each in work.trash.list(user.id, None, 9, category.id).items]

        private = seed.category(alice)
        home = seed.task(alice, category=private.id)
        below = seed.task(alice, parent=home.id, root=home.id, root_category=private.id)  # in no category for alice
        trash(store, below, START)
        with store.reading(SYSTEM) as work:
            assert not work.trash.list(alice.id, None, 9, private.id).items
        both = [task.id, former.id]
        assert [seen_by(user) for user in (alice, bob, carol)] == [both, [], []]
        with store.writing(SYSTEM) as work:
            work.categories.save_shared(replace(category, members=(replace(waiting, is_ready=True),), version=2))
        assert [seen_by(user) for user in (alice, bob, carol)] == [both, both, []]
        assert [[each.id for each in page] for page in pages(store, alice, 9)] == [[task.id, below.id, former.id]]

    def test_the_deletions_in_a_tree_are_found(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        root = seed.task(user)
        before, top = (seed.task(user, parent=root.id, root=root.id) for _ in range(2))
        below = seed.task(user, parent=top.id, root=root.id)
        before, top = trash(store, before, START), trash(store, top, START)
        trash(store, below, START, with_=top.id)
        other = trash(store, seed.task(user), START)
        with store.reading(SYSTEM) as work:
            assert sorted(work.trash.deleted_in(root.id), key=lambda task: task.id) == [before, top]
        with store.writing(SYSTEM) as work:
            work.jobs.add(Job.of(JobKind.PURGE_TASK, top.id, user.id, START))
        with store.reading(SYSTEM) as work:
            assert list(work.trash.deleted_in(root.id)) == [before]
            assert [found and found.id for found in map(work.trash.find, (root.id, top.id))] == [None, top.id]
        assert expired(store, START + SECOND) == [before.id, other.id]

    def test_tasks_deleted_before_a_time_are_expired_oldest_first(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        second, first, third = (
            trash(store, seed.task(user), START + gap * SECOND) for user, gap in ((alice, 2), (bob, 1), (bob, 3))
        )
        below = seed.task(alice, parent=second.id, root=second.id)
        trash(store, below, START + 2 * SECOND, with_=second.id)
        seed.task(alice, created_at=START - SECOND)
        assert expired(store, START + SECOND) == []
        assert expired(store, START + 3 * SECOND) == [first.id, second.id]
        assert expired(store, START + 3 * SECOND, 1) == [first.id]
        assert expired(store, START + 4 * SECOND) == [first.id, second.id, third.id]

    def test_removing_a_user_removes_their_trash(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        top = seed.task(user)
        below = trash(store, seed.task(user, parent=top.id, root=top.id), START + SECOND, with_=top.id)
        top = trash(store, top, START + SECOND)
        with store.writing(SYSTEM) as work:
            work.history.add(replace(new_change(seed, top, user), action=Action.TRASH))
            work.users.remove(user.id)
        assert [find(store, task) for task in (top, below)] == [None, None]
        assert expired(store, START + timedelta(days=1)) == []
