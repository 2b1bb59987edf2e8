"""The contract of a FeedRepository."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest

from tasktracker.domain.accounts.user import User
from tasktracker.domain.feed.entries import FeedEntry, FeedItem, Op, Reason, entries_of
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.feed.ports import EPOCH
from tasktracker.domain.jobs.job import Job, JobKind
from tasktracker.domain.kernel.actors import AnyActor
from tasktracker.domain.kernel.errors import CursorExpired, IdTaken
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.sync.service import DEFAULT_TYPES, SyncService
from tasktracker.domain.work import Storage, UnitOfWork
from tests.contracts.base import Abort, Seed
from tests.device import Device
from tests.fakes import START, SYSTEM, ManualClock

TASKS = frozenset({ItemType.TASK})


def versions(deletions: Mapping[UUID, FeedEntry]) -> dict[UUID, int]:
    return {id_: entry.version for id_, entry in deletions.items()}


class TestFeed:
    @pytest.fixture
    def user(self, seed: Seed) -> User:
        return seed.user()

    def add(self, store: Storage, *entries: FeedEntry) -> None:
        with store.writing(SYSTEM) as work:
            work.feed.add(entries)

    def page(self, store: Storage, user: User, after: int = 0, **more: int) -> list[FeedItem]:
        with store.reading(SYSTEM) as work:
            return list(work.feed.page(user.id, after, 100, DEFAULT_TYPES, **more))

    def entries(self, store: Storage, user: User) -> list[tuple[int, UUID, int]]:
        return [(each.sequence, each.entry.id, each.entry.version) for each in self.page(store, user)]

    def test_entries_are_ordered_by_change(self, store: Storage, seed: Seed, user: User) -> None:
        first, second = seed.id(), seed.id()
        self.add(store, FeedEntry(user.id, ItemType.TASK, first, 1), FeedEntry(user.id, ItemType.TASK, second, 1))
        assert self.entries(store, user) == [(1, first, 1), (2, second, 1)]

    def test_a_change_moves_an_entry_to_the_end(self, store: Storage, seed: Seed, user: User) -> None:
        first, second = seed.id(), seed.id()
        self.add(store, FeedEntry(user.id, ItemType.TASK, first, 1), FeedEntry(user.id, ItemType.TASK, second, 1))
        self.add(store, FeedEntry(user.id, ItemType.TASK, first, 2))
        assert self.entries(store, user) == [(2, second, 1), (3, first, 2)]

    def test_entries_of_one_item_in_one_unit_of_work_are_merged(self, store: Storage, seed: Seed, user: User) -> None:
        first, second = seed.id(), seed.id()
        granted = FeedEntry(user.id, ItemType.TASK, first, 1, Op.UPSERT, Reason.ACCESS_GRANTED)
        edited = FeedEntry(user.id, ItemType.TASK, second, 1)
        shared = replace(granted, id=second, version=2)
        other = FeedEntry(user.id, ItemType.CATEGORY, first, 1)  # an item of another type may have the same id
        self.add(store, granted, edited, other, shared, replace(granted, version=2, reason=None))
        assert [each.entry for each in self.page(store, user)] == [other, shared, replace(granted, version=2)]
        assert [each.sequence for each in self.page(store, user)] == [1, 2, 3]

    def test_a_deletion_that_is_undone_in_its_unit_of_work_leaves_no_reason(
        self, store: Storage, seed: Seed, user: User
    ) -> None:
        item = seed.id()
        deleted = FeedEntry(user.id, ItemType.TASK, item, 2, Op.DELETE, Reason.DELETED)
        self.add(store, deleted, FeedEntry(user.id, ItemType.TASK, item, 3))
        (found,) = self.page(store, user)
        assert (found.entry.op, found.entry.reason) == (Op.UPSERT, None)

    def test_a_rolled_back_unit_of_work_adds_no_entries(self, store: Storage, seed: Seed, user: User) -> None:
        task = seed.task(user)

        def add_and(fail: Callable[[UnitOfWork[AnyActor]], object]) -> None:
            with store.writing(SYSTEM) as work:
                work.feed.add([FeedEntry(user.id, ItemType.TASK, seed.id(), 1)])
                fail(work)

        with pytest.raises(ZeroDivisionError):
            add_and(lambda _: 1 / 0)
        with pytest.raises(IdTaken):
            add_and(lambda work: work.tasks.add(task))
        assert self.entries(store, user) == []
        with store.reading(SYSTEM) as work:
            assert work.feed.state(user.id).head == 0

    def test_an_entry_is_read_with_its_item(self, store: Storage, seed: Seed, user: User) -> None:
        task, category = seed.task(user), seed.category(user)
        self.add(store, *entries_of(None, task), *entries_of(None, category))
        self.add(store, FeedEntry(user.id, ItemType.TASK, seed.id(), 7, Op.DELETE, Reason.DELETED))
        assert [each.item for each in self.page(store, user)] == [task, category, None]

    def test_a_task_of_an_account_that_is_being_removed_is_in_no_feed(
        self, store: Storage, seed: Seed, user: User
    ) -> None:
        gone, kept = seed.user(), seed.task(user)
        task = seed.task(gone, members=(Member(user.id, Role.EDITOR),))
        self.add(store, *(FeedEntry(user.id, ItemType.TASK, each.id, 1) for each in (kept, task)))
        assert [each.item for each in self.page(store, user)] == [kept, task]
        with store.writing(SYSTEM) as work:
            work.users.hide(gone.id, START)
            work.jobs.add(Job.of(JobKind.REMOVE_ACCOUNT, gone.id, gone.id, START))
        assert [each.item for each in self.page(store, user)] == [kept, None]
        with store.reading(SYSTEM) as work:
            assert [each.id for each in work.feed.entries(user.id, TASKS)] == [kept.id]

    def test_all_users_whose_feeds_have_new_entries_are_published(
        self, store: Storage, seed: Seed, user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        published: list[Collection[UUID]] = []
        monkeypatch.setattr(store, "_publisher", SimpleNamespace(publish=published.append))
        users = [user.id, seed.user().id]
        self.add(store, *(FeedEntry(each, ItemType.TASK, seed.id(), 1) for each in (*users, user.id)))
        assert [sorted(each) for each in published] == [sorted(users)]

    def test_the_heads_of_feeds_that_have_entries_are_found(self, store: Storage, seed: Seed, user: User) -> None:
        other, empty = seed.user(), seed.user()
        for each in (user, other, other):
            self.add(store, FeedEntry(each.id, ItemType.TASK, seed.id(), 1))
        with store.reading(SYSTEM) as work:
            assert work.feed.heads([user.id, empty.id, seed.id()]) == {user.id: 1}
            assert work.feed.heads([user.id, other.id]) == {user.id: 1, other.id: 2}
            assert work.feed.heads([]) == {}

    def test_every_user_has_a_separate_feed(self, store: Storage, seed: Seed, user: User) -> None:
        other, item = seed.user(), seed.id()
        self.add(store, FeedEntry(user.id, ItemType.TASK, item, 1), FeedEntry(other.id, ItemType.TASK, item, 1))
        self.add(store, FeedEntry(other.id, ItemType.TASK, item, 2))
        assert self.entries(store, user) == [(1, item, 1)]
        assert self.entries(store, other) == [(2, item, 2)]

    def test_a_page_contains_only_the_requested_types(self, store: Storage, seed: Seed, user: User) -> None:
        entries = [
            FeedEntry(user.id, type_, (seed.task(user) if type_ is ItemType.TASK else seed.category(user)).id, 1)
            for type_ in (ItemType.CATEGORY, ItemType.TASK) * 3
        ]
        other = seed.user()
        self.add(store, *entries, FeedEntry(other.id, ItemType.TASK, seed.task(other).id, 1))
        with store.reading(SYSTEM) as work:
            tasks = work.feed.page(user.id, 2, 2, TASKS)
            assert [each.sequence for each in tasks] == [4, 6]
            assert sorted(entry.id for entry in work.feed.entries(user.id, TASKS)) == sorted(
                entry.id for entry in entries if entry.type is ItemType.TASK
            )

    def test_old_tombstones_can_be_skipped(self, store: Storage, seed: Seed, user: User) -> None:
        deleted, existing = seed.id(), seed.task(user).id
        self.add(store, FeedEntry(user.id, ItemType.TASK, deleted, 2, Op.DELETE, Reason.DELETED))
        self.add(store, FeedEntry(user.id, ItemType.TASK, existing, 1))
        self.add(store, FeedEntry(user.id, ItemType.TASK, seed.id(), 2, Op.DELETE, Reason.DELETED))
        assert [each.sequence for each in self.page(store, user, tombstones_after=1)] == [2, 3]
        with store.reading(SYSTEM) as work:
            assert [entry.id for entry in work.feed.entries(user.id, DEFAULT_TYPES)] == [existing]

    def test_tombstones_are_found_until_they_are_purged(
        self, store: Storage, seed: Seed, user: User, clock: ManualClock
    ) -> None:
        deleted, existing = seed.id(), seed.id()
        self.add(store, FeedEntry(user.id, ItemType.TASK, deleted, 5, Op.DELETE, Reason.DELETED))
        self.add(store, FeedEntry(user.id, ItemType.TASK, existing, 1))
        asked = [deleted, existing, seed.id()]
        clock.advance(days=1)
        with store.writing(SYSTEM) as work:
            assert versions(work.feed.tombstones(user.id, ItemType.TASK, asked)) == {deleted: 5}
            assert work.feed.tombstones(seed.id(), ItemType.TASK, asked) == {}
            assert work.feed.tombstones(user.id, ItemType.CATEGORY, asked) == {}
            assert work.feed.tombstones(user.id, ItemType.TASK, []) == {}
            assert work.feed.purge_before(START, 100) == 0
            assert work.feed.purge_before(clock.now(), 100) == 1
        assert self.entries(store, user) == [(2, existing, 1)]

    def test_a_purge_marks_each_feed_that_it_takes_deletions_from(
        self, store: Storage, seed: Seed, user: User, clock: ManualClock
    ) -> None:
        other, untouched = seed.user(), seed.user()
        for owner, count in ((user, 3), (other, 2), (untouched, 1)):
            for _ in range(count):
                op = Op.UPSERT if owner is untouched else Op.DELETE
                self.add(store, FeedEntry(owner.id, ItemType.TASK, seed.id(), 2, op))
                self.add(store, FeedEntry(owner.id, ItemType.TASK, seed.id(), 1))
        clock.advance(days=1)

        def swept() -> list[int]:
            with store.reading(SYSTEM) as work:
                return [work.feed.state(each.id).swept for each in (user, other, untouched)]

        def purge(limit: int) -> int:
            with store.writing(SYSTEM) as work:
                return work.feed.purge_before(clock.now(), limit)

        assert swept() == [0, 0, 0]
        assert [purge(2), purge(9), purge(9)] == [2, 3, 0]
        assert swept() == [5, 3, 0]
        self.add(store, FeedEntry(user.id, ItemType.TASK, seed.id(), 1))
        assert swept() == [5, 3, 0]

    def test_a_purge_that_is_rolled_back_leaves_no_mark(
        self, store: Storage, seed: Seed, user: User, clock: ManualClock
    ) -> None:
        self.add(store, FeedEntry(user.id, ItemType.TASK, seed.id(), 2, Op.DELETE, Reason.DELETED))
        clock.advance(days=1)
        with suppress(Abort), store.writing(SYSTEM) as work:
            assert work.feed.purge_before(clock.now(), 100) == 1
            raise Abort
        with store.reading(SYSTEM) as work:
            assert work.feed.state(user.id).swept == 0
        assert len(self.entries(store, user)) == 1

    @pytest.mark.parametrize("at_once", [True, False])
    def test_a_mark_never_goes_back(
        self, store: Storage, seed: Seed, user: User, clock: ManualClock, at_once: bool
    ) -> None:
        clock.advance(days=1)
        self.add(store, FeedEntry(user.id, ItemType.TASK, seed.id(), 2, Op.DELETE))
        clock.set(START)
        self.add(store, FeedEntry(user.id, ItemType.TASK, seed.id(), 2, Op.DELETE))
        for before in (
            (START + timedelta(days=2),) if at_once else (START + timedelta(days=1), START + timedelta(days=2))
        ):
            with store.writing(SYSTEM) as work:
                assert work.feed.purge_before(before, 100) == 1 + at_once
            with store.reading(SYSTEM) as work:
                assert work.feed.state(user.id).swept == 2

    def test_a_mark_is_the_highest_number_that_was_purged(
        self, store: Storage, seed: Seed, user: User, clock: ManualClock
    ) -> None:
        first, second = seed.id(), seed.id()
        for item, version in ((first, 2), (second, 2), (first, 3)):
            self.add(store, FeedEntry(user.id, ItemType.TASK, item, version, Op.DELETE))
        clock.advance(days=1)
        with store.writing(SYSTEM) as work:
            assert work.feed.purge_before(clock.now(), 100) == 2
        with store.reading(SYSTEM) as work:
            assert work.feed.state(user.id).swept == 3

    def test_a_later_change_of_an_item_replaces_all_of_its_entry(
        self, store: Storage, seed: Seed, user: User, clock: ManualClock
    ) -> None:
        item = seed.id()
        self.add(store, FeedEntry(user.id, ItemType.TASK, item, 1))
        clock.advance(days=2)
        last = FeedEntry(user.id, ItemType.TASK, item, 2, Op.DELETE, Reason.ACCESS_REVOKED)
        self.add(store, last)
        with store.writing(SYSTEM) as work:
            assert work.feed.purge_before(clock.now(), 100) == 0
        assert self.page(store, user) == [FeedItem(2, last, None)]

    def test_tombstones_of_the_same_unit_of_work_are_found(self, store: Storage, seed: Seed, user: User) -> None:
        deleted, recreated = seed.id(), seed.id()
        self.add(store, FeedEntry(user.id, ItemType.TASK, recreated, 5, Op.DELETE, Reason.DELETED))
        with store.writing(SYSTEM) as work:
            work.feed.add([FeedEntry(user.id, ItemType.TASK, deleted, 3, Op.DELETE, Reason.DELETED)])
            work.feed.add([FeedEntry(user.id, ItemType.TASK, recreated, 6)])
            assert versions(work.feed.tombstones(user.id, ItemType.TASK, [deleted, recreated])) == {deleted: 3}
            assert work.feed.tombstones(user.id, ItemType.TASK, [recreated]) == {}
            assert work.feed.tombstones(user.id, ItemType.CATEGORY, [deleted]) == {}
            assert work.feed.tombstones(seed.id(), ItemType.TASK, [deleted]) == {}

    def test_a_reading_unit_of_work_cannot_add_entries(self, store: Storage, seed: Seed, user: User) -> None:
        with store.reading(SYSTEM) as work, pytest.raises(RuntimeError):
            work.feed.add([FeedEntry(user.id, ItemType.TASK, seed.id(), 1)])

    def test_removing_a_user_removes_the_feed(self, store: Storage, seed: Seed, user: User) -> None:
        other, item = seed.user(), seed.id()
        self.add(store, FeedEntry(user.id, ItemType.TASK, seed.id(), 1))
        with store.writing(SYSTEM) as work:
            work.feed.add([FeedEntry(each.id, ItemType.TASK, item, 1) for each in (user, other)])
            work.users.remove(user.id)
            work.feed.drop(user.id)
        assert (self.entries(store, user), self.entries(store, other)) == ([], [(1, item, 1)])

    def test_a_removed_user_gets_no_entry_of_a_task_that_ends_to_be_shared(
        self, store: Storage, seed: Seed, user: User
    ) -> None:
        member, other = seed.user(), seed.user()
        members = tuple(Member(each.id, Role.VIEWER) for each in (member, other))
        tasks = [seed.task(user, members=members) for _ in range(2)]
        with store.writing(SYSTEM) as work:
            for task in tasks:
                work.tasks.find(task.id)
                work.tasks.save_shared(task.with_members((), START))
            work.users.remove(member.id)
            work.feed.drop(member.id)
        assert self.entries(store, member) == []
        assert {each.entry.id for each in self.page(store, other)} == {task.id for task in tasks}

    # ------------------------------------------------------------ cursors

    def test_a_cursor_is_promised_for_the_retention_after_the_device_was_up_to_date(
        self, store: Storage, seed: Seed, user: User, clock: ManualClock
    ) -> None:
        sync = SyncService(store=store, secrets=store, retention=timedelta(days=30))
        self.add(store, *(FeedEntry(user.id, ItemType.TASK, seed.id(), 2, Op.DELETE, Reason.DELETED) for _ in range(3)))
        device = Device(sync, seed.actor(user))
        assert device.pull().valid_until == clock.now() + timedelta(days=30)
        self.add(store, *(FeedEntry(user.id, ItemType.TASK, seed.id(), 2, Op.DELETE, Reason.DELETED) for _ in range(3)))
        clock.advance(days=10)
        # In the middle of the pages, the device is not up to date.
        assert device.pull(2).valid_until == clock.now() + timedelta(days=20)
        last = device.pull(1)
        assert (last.has_more, last.valid_until) == (False, clock.now() + timedelta(days=30))

    def test_a_cursor_of_another_epoch_is_refused(self, store: Storage, seed: Seed, user: User) -> None:
        sync = SyncService(store=store, secrets=store)
        device = Device(sync, seed.actor(user))
        device.pull()
        epoch = store.get_or_create_secret(EPOCH)
        assert store.rotate_secret(EPOCH) != epoch
        with pytest.raises(CursorExpired):
            device.pull()
