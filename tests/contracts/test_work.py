"""The contract of a Storage: admission of actors, and atomic and isolated units of work."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import pytest

from tasktracker.domain.accounts.session import Session
from tasktracker.domain.accounts.user import User
from tasktracker.domain.categories.category import Category, CategoryMember
from tasktracker.domain.kernel.actors import AnyActor, Scope, SessionActor
from tasktracker.domain.kernel.errors import (
    CategoryNameTaken,
    DomainError,
    EmailTaken,
    IdTaken,
    InvalidInput,
    SessionEnded,
    Stale,
    StorageUnavailable,
    TaskNotFound,
    UsernameTaken,
)
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.reminders.reminder import Reminder
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.work import Storage, UnitOfWork
from tests.contracts.base import (
    MOMENT,
    SHORT_WAIT,
    Abort,
    BackgroundCall,
    Mode,
    Seed,
    can_open,
    each_mode,
    everything,
    open_work,
    race,
    session_actor,
    token_actor,
)
from tests.fakes import START, SYSTEM, App, ManualClock


def session_of(store: Storage, actor: SessionActor) -> Session:
    with store.reading(SYSTEM) as work:
        session = work.sessions.find(actor.session_id)
    assert session is not None
    return session


class Stored(NamedTuple):
    seed: Seed
    owner: User
    task: Task
    category: Category
    reminder: Reminder
    session: Session


REFUSED: dict[str, tuple[type[DomainError], Callable[[UnitOfWork[AnyActor], Stored], None]]] = {
    "username": (UsernameTaken, lambda work, its: work.users.add(its.seed.new_user("ALICE"))),
    "email": (EmailTaken, lambda work, its: work.users.add(its.seed.new_user(email="ALICE@example.org"))),
    "category name": (
        CategoryNameTaken,
        lambda work, its: work.categories.add(its.seed.new_category(its.owner, "HOME")),
    ),
    "id of a task": (IdTaken, lambda work, its: work.tasks.add(its.task)),
    "id of a category": (IdTaken, lambda work, its: work.categories.add(replace(its.category, name="Work"))),
    "id of a reminder": (IdTaken, lambda work, its: work.reminders.add(its.reminder)),
    "version of a user": (Stale, lambda work, its: work.users.save(its.owner)),
    "version of a task": (Stale, lambda work, its: work.tasks.save(its.task)),
    "version of a category": (Stale, lambda work, its: work.categories.save(its.category)),
    "version of a category to hide": (
        Stale,
        lambda work, its: work.categories.hide(replace(its.category, version=2), START),
    ),
    "generation of a session": (Stale, lambda work, its: work.sessions.save(replace(its.session, generation=0))),
    "member of a task": (
        InvalidInput,
        lambda work, its: work.tasks.add(its.seed.new_task(its.owner, members=(Member(its.seed.id(), Role.VIEWER),))),
    ),
    "member of a category": (
        InvalidInput,
        lambda work, its: work.categories.add(
            its.seed.new_category(its.owner, members=(CategoryMember(its.seed.id(), Role.VIEWER, START),))
        ),
    ),
    "category": (
        InvalidInput,
        lambda work, its: work.tasks.add(its.seed.new_task(its.owner, category=its.seed.id())),
    ),
    "parent": (InvalidInput, lambda work, its: work.tasks.add(its.seed.new_task(its.owner, parent=its.seed.id()))),
}
"""Changes that storages refuse, with their errors."""


class TestAdmission:
    @each_mode
    def test_a_unit_of_work_keeps_its_actor_and_time(
        self, store: Storage, seed: Seed, clock: ManualClock, mode: Mode
    ) -> None:
        actor, began = seed.actor(seed.user(time_zone="Asia/Tokyo")), clock.now()
        with open_work(store, mode, actor) as work:
            clock.advance(seconds=1)
            assert (work.actor, work.now, work.time_zone) == (actor, began, "Asia/Tokyo")

    @each_mode
    def test_a_logged_in_user_can_act(self, store: Storage, seed: Seed, mode: Mode) -> None:
        assert can_open(store, mode, seed.actor())

    @each_mode
    @pytest.mark.parametrize("limit", ["idle_until", "ends_at"])
    def test_a_session_can_act_until_it_expires(
        self, store: Storage, seed: Seed, clock: ManualClock, mode: Mode, limit: str
    ) -> None:
        user = seed.user()
        expiry = clock.now() + timedelta(minutes=5, microseconds=7)
        actor = session_actor(seed.session(user, **{limit: expiry}))
        clock.set(expiry - MOMENT)
        assert can_open(store, mode, actor)
        clock.set(expiry)
        with pytest.raises(SessionEnded):
            can_open(store, mode, actor)

    def test_a_unit_of_work_acts_only_for_its_actor(self, store: Storage, seed: Seed, clock: ManualClock) -> None:
        """A use case takes its actor only from the unit of work."""
        app = App(store, clock)
        alice, bob = seed.actor(), seed.actor()
        task = app.do(alice, app.tasks.create, {"title": "of alice"})
        with store.writing(bob) as work:
            with pytest.raises(TaskNotFound):
                app.tasks.edit(work, task.id, {"title": "of bob"})
            created = app.tasks.create(work, {"title": "new"})
        assert created.created_by == bob.user_id
        (change,) = app.see(bob, app.history.list, created.id).changes.items
        assert (change.actor, change.session_id) == (bob.user_id, bob.session_id)

    def test_the_actors_who_can_act_are_found_among_many(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        first, ended, last = seed.actor(user), seed.actor(user), seed.actor()
        token = token_actor(seed.api_token(user))
        other = replace(token, secret_hash=b"other")
        writing = token_actor(seed.api_token(user, scopes=frozenset({Scope.TASKS_WRITE})))
        with store.writing(SYSTEM) as work:
            work.sessions.remove(ended.session_id)
        found = list(store.filter_admissible([first, ended, token, other, writing, last]))
        assert len(found) == 3
        assert set(found) == {first, token, last}
        assert list(store.filter_admissible([])) == []

    @each_mode
    def test_an_ended_session_cannot_act(self, store: Storage, seed: Seed, mode: Mode) -> None:
        user = seed.user()
        ended, other = seed.actor(user), seed.actor(user)
        with store.writing(SYSTEM) as work:
            work.sessions.remove(ended.session_id)
        with pytest.raises(SessionEnded):
            can_open(store, mode, ended)
        assert can_open(store, mode, other)

    @each_mode
    def test_a_session_can_end_itself_within_a_unit_of_work(self, store: Storage, seed: Seed, mode: Mode) -> None:
        actor = seed.actor()
        with store.writing(actor) as work:
            work.sessions.remove(actor.session_id)
            assert work.users.find(actor.user_id) is not None
        with pytest.raises(SessionEnded):
            can_open(store, mode, actor)

    @each_mode
    def test_a_disabled_user_cannot_act_until_enabled(self, store: Storage, seed: Seed, mode: Mode) -> None:
        user = seed.user()
        actor = seed.actor(user)
        with store.writing(SYSTEM) as work:
            work.users.save(user.activated(False))
        with pytest.raises(SessionEnded):
            can_open(store, mode, actor)
        with store.writing(SYSTEM) as work:
            work.users.save(user.activated(False).activated(True))
        assert can_open(store, mode, actor)

    @each_mode
    def test_a_removed_user_cannot_act(self, store: Storage, seed: Seed, mode: Mode) -> None:
        actor = seed.actor()
        with store.writing(SYSTEM) as work:
            work.users.remove(actor.user_id)
        with pytest.raises(SessionEnded):
            can_open(store, mode, actor)

    @each_mode
    def test_a_user_cannot_act_in_the_session_of_another(self, store: Storage, seed: Seed, mode: Mode) -> None:
        alice, bob = seed.actor(), seed.actor()
        for actor in (
            replace(alice, session_id=bob.session_id),
            replace(alice, user_id=seed.id()),
            replace(alice, session_id=seed.id()),
        ):
            with pytest.raises(SessionEnded):
                can_open(store, mode, actor)

    @each_mode
    def test_tokens_of_earlier_but_not_of_later_generations_can_act(
        self, store: Storage, seed: Seed, mode: Mode
    ) -> None:
        session = seed.session(seed.user(), generation=5, confirmed_generation=4)
        for generation in (1, 4, 5):
            assert can_open(store, mode, session_actor(session, generation))
        with pytest.raises(SessionEnded):
            can_open(store, mode, session_actor(session, 6))
        assert session_of(store, session_actor(session)) == replace(session, confirmed_generation=5)

    @each_mode
    def test_the_first_use_of_a_generation_confirms_it(
        self, store: Storage, seed: Seed, clock: ManualClock, mode: Mode
    ) -> None:
        user = seed.user()
        session = seed.session(user, generation=3, confirmed_generation=2)
        other = seed.session(user, generation=3, confirmed_generation=2)
        clock.advance(seconds=1)
        assert can_open(store, mode, session_actor(session, 3))
        confirmed = replace(session, confirmed_generation=3, used_at=clock.now())
        clock.advance(seconds=1)
        assert can_open(store, mode, session_actor(session, 3))
        assert session_of(store, session_actor(session)) == confirmed
        assert session_of(store, session_actor(other)) == other

    @each_mode
    def test_use_of_an_earlier_generation_keeps_the_confirmed_one(self, store: Storage, seed: Seed, mode: Mode) -> None:
        session = seed.session(seed.user(), generation=3, confirmed_generation=2)
        assert can_open(store, mode, session_actor(session, 1))
        assert session_of(store, session_actor(session)) == session
        assert can_open(store, mode, session_actor(session, 3))
        assert can_open(store, mode, session_actor(session, 2))
        assert session_of(store, session_actor(session)).confirmed_generation == 3

    def test_the_confirming_unit_of_work_sees_the_confirmation(self, store: Storage, seed: Seed) -> None:
        actor = seed.actor()
        with store.writing(actor) as work:
            session = work.sessions.find(actor.session_id)
            assert session is not None
            assert session.confirmed_generation == 1
            work.sessions.save(replace(session, generation=2))
        assert session_of(store, actor).confirmed_generation == 1
        assert session_of(store, actor).generation == 2

    @each_mode
    def test_a_failed_unit_of_work_still_confirms(self, store: Storage, seed: Seed, mode: Mode) -> None:
        actor = seed.actor()
        with pytest.raises(Abort), open_work(store, mode, actor):
            raise Abort
        assert session_of(store, actor).confirmed_generation == 1

    def test_concurrent_confirmations_are_all_admitted(self, store: Storage, seed: Seed) -> None:
        actor = seed.actor()
        assert race(*[partial(can_open, store, "reading", actor)] * 8) == [True] * 8
        assert session_of(store, actor).confirmed_generation == 1

    @each_mode
    def test_a_refused_actor_does_not_enter_the_block(self, store: Storage, seed: Seed, mode: Mode) -> None:
        """The store still works afterwards."""
        actor = seed.actor()
        entered = False
        for _ in range(30):
            with suppress(SessionEnded), open_work(store, mode, replace(actor, generation=2)):
                entered = True
        assert not entered
        assert session_of(store, actor).confirmed_generation == 0
        assert can_open(store, mode, actor)


class TestWork:
    def test_a_unit_of_work_sees_its_own_changes(self, store: Storage, seed: Seed) -> None:
        user = seed.new_user()
        session, category = seed.new_session(user), seed.new_category(user)
        task = seed.new_task(user, category=category.id)
        with store.writing(SYSTEM) as work:
            work.users.add(user)
            work.sessions.add(session)
            work.categories.add(category)
            work.tasks.add(task)
            assert work.users.find(user.id) == work.users.find_by_login(user.username) == user
            assert work.sessions.find(session.id) == session
            assert work.categories.find(user.id, category.id) == category
            assert list(work.tasks.list(user.id, TaskQuery(at=user.created_at)).items) == [task]
            edited = task.edit({"title": "Edited"}, task.created_at)
            work.tasks.save(edited)
            assert work.tasks.find(task.id) == edited
            work.trash.purge([edited])
            assert work.tasks.find(task.id) is None
            work.categories.remove(category.id)
            assert work.categories.find(user.id, category.id) is None

    @pytest.mark.parametrize("error", [Abort, KeyboardInterrupt])
    def test_an_exception_rolls_back_every_change(self, store: Storage, seed: Seed, error: type[BaseException]) -> None:
        alice, bob, new = (
            seed.user("alice", email="alice@example.org"),
            seed.user("bob"),
            seed.new_user("carol"),
        )
        for user in (alice, bob):
            seed.session(user)
            seed.session(user)
            category = seed.category(user, "Home")
            seed.task(user, category=category.id)
            seed.task(user)
        before = everything(store, alice, bob, new)
        with pytest.raises(error):
            self._change_everything(store, seed, (alice, bob, new), error)
        assert everything(store, alice, bob, new) == before
        # Lookups by other columns than the id are unchanged as well.
        seed.user("carol")
        with store.reading(SYSTEM) as work:
            assert work.users.find_by_login("alice") == alice
            assert work.users.find_by_login("alice@example.org") == alice
            assert work.users.find_by_login("dave") is None
            assert work.users.find_by_login("bob") == bob
        assert everything(store, alice, bob, new) == before

    def _change_everything(
        self, store: Storage, seed: Seed, users: tuple[Any, Any, Any], error: type[BaseException]
    ) -> None:
        alice, bob, new = users
        with store.writing(SYSTEM) as work:
            work.users.add(new)
            work.sessions.add(seed.new_session(new))
            added = seed.new_category(new)
            work.categories.add(added)
            work.tasks.add(seed.new_task(new, category=added.id))

            work.users.save(replace(alice, username="dave", email="dave@example.org", version=2))
            first, second = work.sessions.list(alice.id)
            work.sessions.save(replace(first, generation=2, rotated_at=first.rotated_at + MOMENT))
            work.sessions.remove(second.id)
            (category,) = work.categories.list(alice.id, None, 10).items
            renamed = category.edit({"name": "Work"}, category.created_at)
            work.categories.save(renamed)
            for task in work.tasks.list(alice.id, TaskQuery(at=alice.created_at)).items:
                if task.category is None:
                    work.trash.purge([task])
                else:
                    work.tasks.save(task.edit({"title": "Changed"}, task.created_at))
            work.tasks.unfile(alice.id, category.id, alice.created_at, 100)
            work.categories.remove(renamed.id)
            work.sessions.remove_others(alice.id, keep=None)
            work.users.remove(bob.id)
            raise error

    @pytest.mark.parametrize("kind", REFUSED)
    def test_a_suppressed_refusal_still_rolls_back(self, store: Storage, seed: Seed, kind: str) -> None:
        error, change = REFUSED[kind]
        new, owner = seed.new_user("bob"), seed.user("alice", email="alice@example.org")
        task, category = seed.task(owner), seed.category(owner, "Home")
        reminder = Reminder(id=seed.id(), task=task.id, user_id=owner.id, at=START, created_at=START)
        with store.writing(SYSTEM) as work:
            work.reminders.add(reminder)
        stored = Stored(seed, owner, task, category, reminder, seed.session(owner, generation=1))
        before = everything(store, owner, new)

        def ignore() -> None:
            with store.writing(SYSTEM) as work:
                work.users.add(new)
                with suppress(error):
                    change(work, stored)

        with pytest.raises(error):
            ignore()
        assert everything(store, owner, new) == before

    def test_a_reading_unit_of_work_cannot_write(self, store: Storage, seed: Seed) -> None:
        user, new = seed.user("alice"), seed.new_user("bob")
        task, session, category = seed.task(user), seed.session(user), seed.category(user)
        before = everything(store, user, new)
        changes: tuple[Callable[[UnitOfWork[AnyActor]], object], ...] = (
            lambda work: work.users.add(new),
            lambda work: work.users.save(replace(user, username="carol", version=2)),
            lambda work: work.users.remove(user.id),
            lambda work: work.sessions.add(seed.new_session(user)),
            lambda work: work.sessions.save(session),
            lambda work: work.sessions.remove(session.id),
            lambda work: work.sessions.remove_others(user.id, keep=None),
            lambda work: work.categories.add(seed.new_category(user)),
            lambda work: work.categories.remove(category.id),
            lambda work: work.tasks.add(seed.new_task(user)),
            lambda work: work.trash.purge([task]),
            lambda work: work.feed.add([]),
            # Claims that find nothing.
            lambda work: work.jobs.claim(START),
            lambda work: work.deliveries.claim(START),
            lambda work: work.reminders.claim_due(START, 1),
            lambda work: work.notifications.claim_summaries(START, 1),
        )
        for change in changes:
            with store.reading(SYSTEM) as work, pytest.raises(RuntimeError, match="for reading only"):
                change(work)
            assert everything(store, user, new) == before

    @each_mode
    def test_a_closed_unit_of_work_cannot_be_used(self, store: Storage, seed: Seed, mode: Mode) -> None:
        user, new = seed.user(), seed.new_user()
        with open_work(store, mode, SYSTEM) as work:
            pass
        calls: tuple[Callable[[], object], ...] = (
            lambda: work.users.find(user.id),
            lambda: work.feed.add([]),
            lambda: work.users.add(new),
            lambda: work.users.remove(user.id),
            lambda: work.sessions.list(user.id),
            lambda: work.sessions.add(seed.new_session(user)),
            lambda: work.categories.list(user.id, None, 1),
            lambda: work.tasks.add(seed.new_task(user)),
        )
        before = everything(store, user, new)
        for call in calls:
            with pytest.raises(RuntimeError):
                call()
        assert everything(store, user, new) == before

    def test_uncommitted_changes_are_invisible_to_others(self, store: Storage, seed: Seed) -> None:
        user, new = seed.user(), seed.new_user("bob")
        task = seed.task(user)
        before = everything(store, user, new)
        with suppress(Abort), store.writing(SYSTEM) as work:
            work.users.add(new)
            work.users.save(user.edit({"first_name": "Changed"}))
            work.trash.purge([task])
            work.tasks.add(seed.new_task(user))
            # The reader may or may not wait for this unit of work to end.
            reader = BackgroundCall(lambda: everything(store, user, new))
            reader.wait(SHORT_WAIT)
            raise Abort
        assert reader.result() == before

    def test_committed_changes_are_visible_to_others(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        for number in range(20):
            task = seed.task(user)
            with store.reading(SYSTEM) as work:
                assert work.tasks.find(task.id) == task, number

            def find(task_id: UUID = task.id) -> object:
                with store.reading(SYSTEM) as work:
                    return work.tasks.find(task_id)

            assert BackgroundCall(find).result() == task, number

    @pytest.mark.parametrize("kind", ["users", "sessions", "categories", "tasks"])
    def test_a_row_that_was_read_for_writing_is_locked_until_the_unit_of_work_ends(
        self, store: Storage, seed: Seed, kind: str
    ) -> None:
        change = _changes(seed)[kind]
        entered = threading.Event()

        def change_too() -> None:
            with store.writing(SYSTEM) as work:
                entered.set()
                change(work, 2)

        with store.writing(SYSTEM) as work:
            found = change(work, None)
            other = BackgroundCall(change_too)
            assert not other.wait(SHORT_WAIT), "another unit of work changed a locked row"
            assert change(work, None) == found
            change(work, 1)
        other.result()
        assert entered.is_set()
        with store.reading(SYSTEM) as work:
            assert change(work, None) == "changed by 1 and 2"

    def test_no_concurrent_change_is_lost(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        task = seed.task(user, "")
        threads, rounds = 4, 10

        def append() -> None:
            for _ in range(rounds):
                with store.writing(SYSTEM) as work:
                    found = work.tasks.find(task.id)
                    assert found is not None
                    work.tasks.save(found.edit({"description": found.description + "x"}, found.updated_at))

        race(*[append] * threads)
        with store.reading(SYSTEM) as work:
            found = work.tasks.find(task.id)
        assert found is not None
        assert found.description == "x" * threads * rounds
        assert found.version == 1 + threads * rounds

    def test_at_least_one_of_two_deadlocked_units_of_work_succeeds(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        tasks = [seed.task(user, "0"), seed.task(user, "0")]
        both = threading.Barrier(2)

        def cross(first: int) -> bool:
            with store.writing(SYSTEM) as work:
                for position in (first, 1 - first):
                    task = work.tasks.find(tasks[position].id)
                    assert task is not None
                    work.tasks.save(task.edit({"title": str(int(task.title) + 1)}, task.updated_at))
                    if position == first:
                        with suppress(threading.BrokenBarrierError):
                            both.wait(SHORT_WAIT)
            return True

        outcomes = race(partial(cross, 0), partial(cross, 1))
        done = outcomes.count(True)
        assert done >= 1
        assert all(outcome is True or isinstance(outcome, StorageUnavailable) for outcome in outcomes)
        with store.reading(SYSTEM) as work:
            found = [work.tasks.find(task.id) for task in tasks]
        assert [task and task.title for task in found] == [str(done), str(done)]

    def test_a_store_still_works_after_many_failures(self, store: Storage, seed: Seed) -> None:
        for _ in range(60):
            with pytest.raises(Abort), store.writing(SYSTEM):
                raise Abort
            with pytest.raises(Abort), store.reading(SYSTEM):
                raise Abort
        seed.user()


class TestSecret:
    def test_a_secret_is_stable_and_unique(self, store: Storage) -> None:
        first, second = store.get_or_create_secret("first"), store.get_or_create_secret("second")
        assert len(first) == len(second) == 32
        assert first != second
        assert store.get_or_create_secret("first") == first
        assert store.get_or_create_secret("second") == second

    def test_concurrent_first_calls_get_the_same_secret(self, store: Storage) -> None:
        secrets = race(*[partial(store.get_or_create_secret, "first")] * 8)
        assert len(set(secrets)) == 1

    def test_a_new_store_is_ready(self, store: Storage) -> None:
        store.ready()


Change = Callable[[UnitOfWork[AnyActor], int | None], object]
Found = TypeVar("Found")


def _changes(seed: Seed) -> dict[str, Change]:
    """For each repository, a function that appends a number to a row; with None it only returns the value."""
    user = seed.user(first_name="changed by ")
    session = seed.session(user, device="changed by ")
    category = seed.category(user, description="changed by ")
    task = seed.task(user, description="changed by ")

    def appended(text: str, number: int) -> str:
        return f"{text} and {number}" if text[-1].isdigit() else f"{text}{number}"

    def change_user(work: UnitOfWork[AnyActor], number: int | None) -> object:
        found = _required(work.users.find(user.id))
        if number:
            work.users.save(found.edit({"first_name": appended(found.first_name, number)}))
        return found.first_name

    def change_session(work: UnitOfWork[AnyActor], number: int | None) -> object:
        found = _required(work.sessions.find(session.id))
        # A session has only a generation to change.
        if number:
            work.sessions.save(replace(found, generation=found.generation * 10 + number))
        return {1: "changed by ", 112: "changed by 1 and 2"}.get(found.generation, found.generation)

    def change_category(work: UnitOfWork[AnyActor], number: int | None) -> object:
        found = _required(work.categories.find(user.id, category.id))
        if number:
            text = appended(found.description, number)
            work.categories.save(found.edit({"description": text}, found.updated_at))
        return found.description

    def change_task(work: UnitOfWork[AnyActor], number: int | None) -> object:
        found = _required(work.tasks.find(task.id))
        if number:
            text = appended(found.description, number)
            work.tasks.save(found.edit({"description": text}, found.updated_at))
        return found.description

    return {
        "users": change_user,
        "sessions": change_session,
        "categories": change_category,
        "tasks": change_task,
    }


def _required(found: Found | None) -> Found:
    assert found is not None
    return found
