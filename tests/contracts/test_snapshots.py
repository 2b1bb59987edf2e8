"""The contract of a snapshot: all its statements see one state and block no other unit of work."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from dataclasses import replace

import pytest

from tasktracker.domain.accounts.user import User
from tasktracker.domain.categories.category import Category
from tasktracker.domain.kernel.actors import AnyActor
from tasktracker.domain.kernel.errors import SessionEnded
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.work import Storage, UnitOfWork
from tests.contracts.base import BackgroundCall, Seed, session_actor
from tests.fakes import START, SYSTEM


def data_of(work: UnitOfWork[AnyActor], user: User) -> tuple[list[Category], list[Task]]:
    categories = work.categories.list(user.id, None, 100)
    return list(categories.items), list(work.tasks.list(user.id, TaskQuery(at=START)).items)


class TestSnapshot:
    def test_two_statements_see_one_state_despite_a_commit_in_between(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        purged, task = seed.task(user), seed.task(user)
        actor = seed.actor(user)
        with store.snapshot(actor) as work:
            assert data_of(work, user) == ([], [task, purged])

            def change() -> None:
                seed.category(user)
                seed.task(user)
                with store.writing(SYSTEM) as other:
                    other.tasks.find(task.id)
                    other.tasks.save(task.edit({"title": "changed"}, START))
                    other.trash.purge([purged])

            BackgroundCall(change).result()
            assert data_of(work, user) == ([], [task, purged])
            assert work.tasks.find(task.id) == task
        with store.reading(actor) as work:
            categories, tasks = data_of(work, user)
            assert (len(categories), len(tasks)) == (1, 2)

    def test_the_state_is_fixed_when_the_snapshot_opens(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        with store.snapshot(SYSTEM) as work:
            BackgroundCall(lambda: seed.task(user)).result()
            assert data_of(work, user) == ([], [])

    def test_a_snapshot_sees_earlier_commits(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        for number in range(1, 4):
            seed.task(user)
            with store.snapshot(SYSTEM) as work:
                assert len(data_of(work, user)[1]) == number

    def test_a_snapshot_can_move_between_threads(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        task = seed.task(user)

        def pages() -> Generator[list[Task], None, None]:
            with store.snapshot(SYSTEM) as work:
                yield data_of(work, user)[1]
                yield data_of(work, user)[1]

        reading = pages()
        assert BackgroundCall(lambda: next(reading)).result() == [task]
        seed.task(user)
        assert BackgroundCall(lambda: next(reading)).result() == [task]
        BackgroundCall(reading.close).result()
        with store.writing(SYSTEM) as work:
            assert len(data_of(work, user)[1]) == 2

    def test_a_snapshot_cannot_be_written_to(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        with pytest.raises(RuntimeError), store.snapshot(SYSTEM) as work:
            work.users.save(user.edit({"first_name": "changed"}))
        with store.reading(SYSTEM) as work:
            assert work.users.find(user.id) == user

    def test_a_closed_snapshot_cannot_be_used(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        with store.snapshot(SYSTEM) as work:
            pass
        with pytest.raises(RuntimeError):
            work.users.find(user.id)

    def test_opening_a_snapshot_confirms_the_generation(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        session = seed.session(user, generation=4, confirmed_generation=2)
        with store.snapshot(session_actor(session, 3)) as work:
            assert work.users.find(user.id) == user
        with store.reading(SYSTEM) as work:
            assert work.sessions.find(session.id) == replace(session, confirmed_generation=3)

    def test_an_ended_session_cannot_open_a_snapshot(self, store: Storage, seed: Seed) -> None:
        actor = seed.actor()
        with store.writing(SYSTEM) as work:
            work.sessions.remove(actor.session_id)
        with pytest.raises(SessionEnded), store.snapshot(actor):
            pass

    def test_a_failed_snapshot_does_not_affect_later_units_of_work(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        for number in range(30):
            with suppress(KeyError), store.snapshot(SYSTEM) as work:
                assert len(data_of(work, user)[1]) == number
                raise KeyError
            with store.writing(SYSTEM) as work:
                work.tasks.add(seed.new_task(user))
            with store.reading(SYSTEM) as work:
                assert len(data_of(work, user)[1]) == number + 1
