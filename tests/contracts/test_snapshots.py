"""What a snapshot must be: one state of the data, for as long as it takes, and in nobody's way."""

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
from tests.contracts.base import Aside, Seed, acting
from tests.fakes import START, SYSTEM


def seen(work: UnitOfWork[AnyActor], user: User) -> tuple[list[Category], list[Task]]:
    categories = work.categories.list(user.id, None, 100)
    return list(categories.items), list(work.tasks.list(user.id, TaskQuery(at=START)).items)


class TestSnapshot:
    """All statements of a snapshot see the data as it was when the snapshot was opened."""

    def test_two_statements_see_one_state_while_others_commit_in_between(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        task = seed.task(user)
        actor = seed.actor(user)
        with store.snapshot(actor) as work:
            assert seen(work, user) == ([], [task])

            def change() -> None:
                seed.category(user)
                seed.task(user)
                with store.writing(SYSTEM) as other:
                    other.tasks.save(task.edit({"title": "changed"}, START))

            Aside(change).result()
            assert seen(work, user) == ([], [task])
            assert work.tasks.find(task.id) == task
        with store.reading(actor) as work:
            categories, tasks = seen(work, user)
            assert (len(categories), len(tasks)) == (1, 2)

    def test_the_state_is_that_of_the_opening_not_of_the_first_statement(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        with store.snapshot(SYSTEM) as work:
            Aside(lambda: seed.task(user)).result()
            assert seen(work, user) == ([], [])

    def test_it_sees_what_was_committed_before(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        for number in range(1, 4):
            seed.task(user)
            with store.snapshot(SYSTEM) as work:
                assert len(seen(work, user)[1]) == number

    def test_it_goes_from_thread_to_thread(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        task = seed.task(user)

        def pages() -> Generator[list[Task], None, None]:
            with store.snapshot(SYSTEM) as work:
                yield seen(work, user)[1]
                yield seen(work, user)[1]

        reading = pages()
        assert Aside(lambda: next(reading)).result() == [task]
        seed.task(user)
        assert Aside(lambda: next(reading)).result() == [task]
        Aside(reading.close).result()
        with store.writing(SYSTEM) as work:
            assert len(seen(work, user)[1]) == 2

    def test_nothing_can_be_changed_in_it(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        with pytest.raises(RuntimeError), store.snapshot(SYSTEM) as work:
            work.users.save(user.edit({"first_name": "changed"}))
        with store.reading(SYSTEM) as work:
            assert work.users.find(user.id) == user

    def test_it_is_of_no_use_once_closed(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        with store.snapshot(SYSTEM) as work:
            pass
        with pytest.raises(RuntimeError):
            work.users.find(user.id)

    def test_it_opens_for_whoever_may_act_and_confirms_the_generation(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        session = seed.session(user, generation=3, confirmed_generation=2)
        with store.snapshot(acting(session)) as work:
            assert work.users.find(user.id) == user
        with store.reading(SYSTEM) as work:
            assert work.sessions.find(session.id) == replace(session, confirmed_generation=3)

    def test_it_does_not_open_in_an_ended_session(self, store: Storage, seed: Seed) -> None:
        actor = seed.actor()
        with store.writing(SYSTEM) as work:
            work.sessions.remove(actor.session_id)
        with pytest.raises(SessionEnded), store.snapshot(actor):
            pass

    def test_it_leaves_nothing_behind(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        for number in range(30):
            with suppress(KeyError), store.snapshot(SYSTEM) as work:
                assert len(seen(work, user)[1]) == number
                raise KeyError
            with store.writing(SYSTEM) as work:
                work.tasks.add(seed.new_task(user))
            with store.reading(SYSTEM) as work:
                assert len(seen(work, user)[1]) == number + 1
