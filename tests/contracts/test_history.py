"""The contract of a HistoryRepository."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktracker.domain.history.change import Change, ChangeKey, FieldChange
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import SessionEnded
from tasktracker.domain.kernel.fields import check
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.tasks.task import TASK, Priority, State, Task, TaskFields
from tasktracker.domain.work import Storage
from tests import strategies
from tests.contracts.base import BROKEN_REFERENCE, SECOND, Abort, Seed, new_change, read_pages
from tests.fakes import START, SYSTEM
from tests.strategies import examples


def add(store: Storage, *changes: Change) -> None:
    with store.writing(SYSTEM) as work:
        for change in changes:
            work.history.add(change)


def pages(store: Storage, task: Task, limit: int) -> list[list[Change]]:
    return read_pages(store, lambda work, after: work.history.list(task.id, after, limit))


class TestHistory:
    def test_a_change_is_read_as_stored(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        task = seed.task(user)
        moment = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
        change = new_change(
            seed,
            task,
            user,
            at=START + timedelta(microseconds=1),
            made_at=START - timedelta(microseconds=1),
            action=Action.UNDO,
            version=7,
            session_id=None,
            token_id=seed.id(),
            fields={
                "title": FieldChange("a\r\n\"\\'", "\U0001f469\u200d\U0001f4bb\ufeff"),
                "description": FieldChange("x" * 10_000, ""),
                "priority": FieldChange(Priority.LOW, Priority.URGENT),
                "state": FieldChange(State.OPEN, State.IN_PROGRESS),
                "start_on": FieldChange(date(2026, 2, 28), None),
                "due_date": FieldChange(None, moment),
                "category": FieldChange(seed.id(), None),
                "parent": FieldChange(None, seed.id()),
                "members": FieldChange([], [f"{user.id} editor"]),
            },
        )
        add(store, change)
        with store.reading(SYSTEM) as work:
            found = work.history.find(task.id, change.id)
            assert found == change
            assert found is not None
            for name, each in change.fields.items():
                assert type(found.fields[name].before) is type(each.before)
                assert type(found.fields[name].after) is type(each.after)
            assert list(work.history.list(task.id, None, 10).items) == [change]

    def test_any_change_is_read_as_stored(self, store: Storage, seed: Seed) -> None:
        @examples(30)
        @given(fields=strategies.task_fields(START, [seed.id()], whole=True), later=st.data())
        def check_change(fields: TaskFields, later: st.DataObject) -> None:
            user = seed.user()
            before = Task.create(id=seed.id(), created_by=user.id, now=START, fields={"title": "before"})
            seed.tasks(before)
            due: TaskFields = {"due_date": later.draw(st.none() | strategies.moments())}
            after = before.edit(check(TASK.rules, fields | due), START + SECOND)
            actor = SessionActor(user.id, seed.id(), 1)
            change = Change.of(id=seed.id(), action=Action.EDIT, actor=actor, now=START, before=before, after=after)
            add(store, change)
            with store.reading(SYSTEM) as work:
                assert work.history.find(before.id, change.id) == change

        check_change()

    def test_a_change_is_found_only_by_its_task(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        task, other = seed.task(user), seed.task(user)
        change = new_change(seed, task, user)
        add(store, change)
        with store.reading(SYSTEM) as work:
            assert work.history.find(other.id, change.id) is None
            assert work.history.find(task.id, seed.id()) is None
            assert list(work.history.list(other.id, None, 10).items) == []

    @pytest.mark.parametrize("limit", [1, 2, 4, 5, 6])
    def test_changes_are_listed_newest_first(self, store: Storage, seed: Seed, limit: int) -> None:
        user = seed.user()
        task, other = seed.task(user), seed.task(user)
        changes = [new_change(seed, task, user, version=version) for version in (3, 1, 2, 10, 9)]
        add(store, *changes, new_change(seed, other, user))
        found = pages(store, task, limit)
        assert [change.version for page in found for change in page] == [10, 9, 3, 2, 1]
        assert {change.id for page in found for change in page} == {change.id for change in changes}
        assert len(found) == -(-len(changes) // limit)

    def test_changes_of_one_version_are_listed_by_their_ids(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        task = seed.task(user)
        changes = [new_change(seed, task, user) for _ in range(5)]
        add(store, *(changes[number] for number in (3, 0, 4, 1, 2)))
        assert [change for page in pages(store, task, 2) for change in page] == changes[::-1]

    def test_a_history_continues_after_any_key(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        task = seed.task(user)
        old, new = (new_change(seed, task, user, version=version) for version in (1, 3))
        add(store, old, new)
        with store.reading(SYSTEM) as work:
            assert list(work.history.list(task.id, ChangeKey(2, seed.id()), 10).items) == [old]
            assert list(work.history.list(task.id, ChangeKey(1, old.id), 10).items) == []
            assert list(work.history.list(task.id, ChangeKey(3, new.id), 10).items) == [old]

    def test_old_changes_are_purged_in_batches(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        task = seed.task(user)
        changes = [new_change(seed, task, user, at=START + number * SECOND, version=number) for number in range(6)]
        add(store, *changes)

        def purge(limit: int) -> int:
            with store.writing(SYSTEM) as work:
                return work.history.purge_before(START + 4 * SECOND, limit)

        assert [purge(3), purge(3), purge(3)] == [3, 1, 0]
        assert pages(store, task, 10) == [[changes[5], changes[4]]]

    def test_the_oldest_changes_are_purged_first(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        task = seed.task(user)
        changes = [new_change(seed, task, user, at=START + number // 2 * SECOND, version=number) for number in range(6)]
        add(store, *(changes[number] for number in (5, 2, 4, 1, 3, 0)))
        for remaining in (4, 2, 1):
            with store.writing(SYSTEM) as work:
                work.history.purge_before(START + 9 * SECOND, 2 if remaining > 1 else 1)
            assert pages(store, task, 10) == [changes[6 - remaining :][::-1]]

    def test_the_oldest_changes_of_all_tasks_are_purged_first(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        one, two = seed.task(user), seed.task(user)
        newer = new_change(seed, two, user, at=START + SECOND, version=1)
        add(store, newer, new_change(seed, one, user, at=START, version=2))
        with store.writing(SYSTEM) as work:
            work.history.purge_before(START + 9 * SECOND, 1)
        assert [pages(store, task, 10) for task in (one, two)] == [[[]], [[newer]]]

    def test_a_removed_user_is_no_longer_the_actor_of_a_change(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        task, bobs_task = seed.task(alice), seed.task(bob)
        by_alice = new_change(seed, task, alice, version=1)
        by_bob = new_change(seed, task, bob, version=2)
        own = new_change(seed, bobs_task, bob)
        add(store, by_alice, by_bob, own)
        with store.writing(SYSTEM) as work:
            work.users.remove(bob.id)
        assert pages(store, task, 10) == [[replace(by_bob, actor=None), by_alice]]
        assert pages(store, bobs_task, 10) == [[]]

    def test_a_change_of_an_unknown_task_is_refused(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        change = new_change(seed, seed.new_task(user), user)
        with pytest.raises((SessionEnded, *BROKEN_REFERENCE)):
            add(store, change)

    def test_a_change_that_was_rolled_back_is_not_stored(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        task = seed.task(user, members=(Member(seed.user().id, Role.VIEWER),))
        with suppress(Abort), store.writing(SYSTEM) as work:
            work.history.add(new_change(seed, task, user))
            raise Abort
        assert pages(store, task, 10) == [[]]
