"""Races of many threads that change the same items.

Every race runs on both databases, with real locks, and is repeated where one round could succeed by chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import cycle, islice
from uuid import UUID

import pytest

from tasktracker.domain.accounts.session import SessionPolicy
from tasktracker.domain.accounts.session_service import LoggedIn
from tasktracker.domain.accounts.token import TokenPair
from tasktracker.domain.kernel.errors import (
    DomainError,
    InvalidCredentials,
    InvalidInput,
    NotAuthenticated,
    SessionEnded,
    Stale,
    StorageUnavailable,
    TaskNotFound,
    UsernameTaken,
)
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import Priority, State, Task, TaskFields
from tasktracker.domain.work import Storage
from tests.backends import on_sql
from tests.contracts.base import Seed, race
from tests.fakes import SYSTEM, App, ManualClock
from tests.strategies import spellings

PASSWORD = "correct horse"
ROUNDS = 5


@on_sql
class TestRaces:
    @pytest.fixture
    def app(self, store: Storage, clock: ManualClock) -> App:
        return App(store, clock, SessionPolicy())

    @pytest.fixture
    def strict(self, store: Storage, clock: ManualClock) -> App:
        return App(store, clock, SessionPolicy(grace=timedelta()))

    # ------------------------------------------------------------ tokens

    def test_without_grace_one_of_fifty_refreshes_succeeds(self, strict: App) -> None:
        for number in range(2):
            tokens = strict.registration.register({"username": f"alice{number}"}, PASSWORD).tokens
            outcomes = race(*[partial(strict.sessions.refresh, tokens.refresh)] * 50)
            won = [outcome for outcome in outcomes if isinstance(outcome, TokenPair)]
            assert len(won) == 1
            assert sum(isinstance(outcome, SessionEnded) for outcome in outcomes) == 49
            # It was presented twice, so the session has ended: a thief cannot use it.
            assert not strict.is_usable(won[0])

    def test_within_the_grace_fifty_refreshes_get_the_same_successor(self, app: App) -> None:
        for number in range(2):
            signed_in = app.registration.register({"username": f"alice{number}"}, PASSWORD)
            outcomes = race(*[partial(app.sessions.refresh, signed_in.tokens.refresh)] * 50)
            assert len(set(outcomes)) == 1
            assert isinstance(outcomes[0], TokenPair)
            with app.store.reading(SYSTEM) as work:
                (session,) = work.sessions.list(signed_in.user.id)
            assert session.generation == 2
            assert app.is_usable(outcomes[0])

    def test_no_token_survives_a_log_out_that_races_with_refreshes(self, app: App) -> None:
        for number in range(ROUNDS * 2):
            tokens = app.registration.register({"username": f"alice{number}"}, PASSWORD).tokens
            outcomes = race(
                *[partial(app.sessions.refresh, tokens.refresh)] * 3,
                partial(app.sessions.logout, tokens.access),
                *[partial(app.sessions.refresh, tokens.refresh)] * 3,
            )
            for outcome in outcomes:
                assert outcome is None or isinstance(outcome, TokenPair | SessionEnded)
                assert not isinstance(outcome, TokenPair) or not app.is_usable(outcome)
            assert not app.is_usable(tokens)

    def test_concurrent_logins_respect_the_limit_of_sessions(self, store: Storage, clock: ManualClock) -> None:
        app = App(store, clock, SessionPolicy(max_sessions=5))
        user = app.registration.register({"username": "alice"}, PASSWORD).user
        outcomes = race(*[partial(app.sessions.login, "alice", PASSWORD)] * 20)
        assert all(isinstance(outcome, LoggedIn) for outcome in outcomes)
        with store.reading(SYSTEM) as work:
            assert len(work.sessions.list(user.id)) == 5

    # ------------------------------------------------------------ accounts

    def test_one_of_fifty_registrations_of_one_name_succeeds(self, app: App) -> None:
        names = list(islice(cycle(spellings("\u00c5ngstr\u00f6m.jr")), 50))
        outcomes = race(*(partial(app.registration.register, {"username": name}, PASSWORD) for name in names))
        won = [outcome for outcome in outcomes if isinstance(outcome, LoggedIn)]
        assert len(won) == 1
        assert sum(isinstance(outcome, UsernameTaken) for outcome in outcomes) == 49
        assert app.is_usable(won[0].tokens)

    def test_concurrent_logins_succeed_while_the_password_is_rehashed(self, app: App) -> None:
        app.registration.register({"username": "alice"}, PASSWORD)
        for _ in range(ROUNDS):
            app.hasher.cost += 1
            outcomes = race(*[partial(app.sessions.login, "alice", PASSWORD)] * 4)
            assert all(isinstance(outcome, LoggedIn) for outcome in outcomes), outcomes

    def test_no_session_by_the_old_password_survives_its_change(self, app: App) -> None:
        signed_in = app.registration.register({"username": "alice"}, PASSWORD)
        actor, old = app.actor(signed_in), PASSWORD
        for number in range(ROUNDS):
            new = f"another horse {number}"
            outcomes = race(
                *[partial(app.sessions.login, "alice", old)] * 3,
                partial(app.accounts.change_password, actor, old, new),
                *[partial(app.sessions.login, "alice", old)] * 3,
            )
            assert outcomes[3] is None
            for outcome in outcomes[:3] + outcomes[4:]:
                assert isinstance(outcome, LoggedIn | InvalidCredentials)
                assert not isinstance(outcome, LoggedIn) or not app.is_usable(outcome.tokens)
            with app.store.reading(SYSTEM) as work:
                assert [session.id for session in work.sessions.list(actor.user_id)] == [actor.session_id]
            old = new

    def test_a_disabled_user_has_no_session_after_concurrent_logins(self, app: App) -> None:
        for number in range(ROUNDS):
            name = f"alice{number}"
            signed_in = app.registration.register({"username": name}, PASSWORD)
            race(
                *[partial(app.sessions.login, name, PASSWORD)] * 3,
                partial(app.do, SYSTEM, app.set_active, name, False),
                partial(app.sessions.refresh, signed_in.tokens.refresh),
                *[partial(app.sessions.login, name, PASSWORD)] * 3,
            )
            with app.store.reading(SYSTEM) as work:
                assert list(work.sessions.list(signed_in.user.id)) == []

    def test_a_deleted_account_leaves_nothing_after_concurrent_use(self, app: App) -> None:
        # A late call finds the account or its item deleted. PostgreSQL may
        # detect a deadlock between the deletion and an edit, and abort one of them.
        losses = (NotAuthenticated, TaskNotFound, InvalidInput, StorageUnavailable)
        for number in range(ROUNDS):
            name = f"alice{number}"
            signed_in = app.registration.register({"username": name}, PASSWORD)
            actor = app.actor(signed_in)
            category = app.do(actor, app.categories.create, {"name": "Home"})
            task = app.do(actor, app.tasks.create, {"title": "Task", "category": category.id})
            outcomes = race(
                partial(app.do, actor, app.tasks.create, {"title": "Another", "category": category.id}),
                partial(app.do, actor, app.tasks.create, {"title": "Another"}),
                partial(app.do, actor, app.categories.create, {"name": "Work"}),
                partial(app.account_removal.delete, actor, PASSWORD),
                partial(app.do, actor, app.tasks.edit, task.id, {"title": "Edited"}),
                partial(app.sessions.refresh, signed_in.tokens.refresh),
                partial(app.sessions.login, name, PASSWORD),
                partial(app.accounts.edit, actor, {"first_name": "Alice"}),
            )
            for outcome in outcomes:
                assert not isinstance(outcome, DomainError) or isinstance(outcome, losses), outcome
            if outcomes[3] is not None:
                app.account_removal.delete(actor, PASSWORD)
            with app.store.reading(SYSTEM) as work:
                assert work.users.find(actor.user_id) is None
                assert list(work.sessions.list(actor.user_id)) == []
                assert list(work.categories.list(actor.user_id, None, 10).items) == []
            assert all_tasks(app, actor.user_id) == []

    # ------------------------------------------------------------ tasks

    def test_no_edit_of_another_field_is_lost(self, app: App, seed: Seed) -> None:
        actor = seed.actor()
        with app.store.reading(SYSTEM) as work:
            user = work.users.find(actor.user_id)
        assert user is not None
        home = seed.category(user)
        due_date = app.clock.now() + timedelta(days=1)
        for _ in range(ROUNDS):
            task = app.do(actor, app.tasks.create, {"title": "new"})
            edits: list[TaskFields] = [
                {"title": "edited"},
                {"description": "edited"},
                {"priority": Priority.URGENT},
                {"state": State.IN_PROGRESS},
                {"due_date": due_date},
                {"category": home.id},
            ]
            outcomes = race(*(partial(app.do, actor, app.tasks.edit, task.id, fields) for fields in edits))
            assert all(isinstance(outcome, Task) for outcome in outcomes), outcomes
            merged: TaskFields = {}
            for fields in edits:
                merged |= fields
            assert app.see(actor, app.tasks.get, task.id) == replace(task, **merged, root_category=home.id, version=7)

    def test_one_of_concurrent_edits_of_one_version_succeeds(self, app: App, seed: Seed) -> None:
        actor = seed.actor()
        task = app.do(actor, app.tasks.create, {"title": "new"})
        for version in range(1, ROUNDS + 1):
            edits = (
                partial(app.do, actor, app.tasks.edit, task.id, {"title": f"{version}.{number}"}, frozenset({version}))
                for number in range(10)
            )
            outcomes = race(*edits)
            (won,) = (outcome for outcome in outcomes if isinstance(outcome, Task))
            assert won.version == version + 1
            lost = [outcome for outcome in outcomes if isinstance(outcome, Stale)]
            assert len(lost) == 9
            assert [stale.current for stale in lost] == [won] * 9
            assert app.see(actor, app.tasks.get, task.id) == won

    def test_no_task_is_left_in_a_category_deleted_meanwhile(self, app: App, seed: Seed) -> None:
        actor = seed.actor()
        for number in range(ROUNDS * 2):
            old = app.do(actor, app.categories.create, {"name": f"old {number}"})
            new = app.do(actor, app.categories.create, {"name": f"new {number}"})
            filed = [app.do(actor, app.tasks.create, {"title": "old", "category": old.id}) for _ in range(4)]
            other = app.do(actor, app.tasks.create, {"title": "other", "category": new.id})

            create = partial(app.do, actor, app.tasks.create, {"title": "created", "category": old.id})
            calls: list[Callable[[], object]] = [
                create,
                partial(app.do, actor, app.tasks.edit, other.id, {"category": old.id}),
                create,
                partial(app.do, actor, app.tasks.edit, filed[0].id, {"title": "edited"}),
                partial(app.do, actor, app.category_removal.delete, old.id),
                partial(app.do, actor, app.tasks.edit, filed[1].id, {"category": new.id}),
                partial(app.do, actor, app.trash.delete, filed[2].id),
                create,
                create,
            ]
            outcomes = race(*calls)
            refused = {0, 1, 2, 7, 8}
            for position, outcome in enumerate(outcomes):
                late = position in refused and isinstance(outcome, InvalidInput)
                assert late or not isinstance(outcome, DomainError), (position, outcome)
            tasks = {task.id: task for task in all_tasks(app, actor.user_id)}
            assert all(task.category != old.id for task in tasks.values())
            created = [outcome for outcome in outcomes if isinstance(outcome, Task) and outcome.title == "created"]
            assert {task.id for task in created} <= set(tasks)
            assert tasks[filed[0].id].title == "edited"
            assert tasks[filed[1].id].category == new.id
            assert filed[2].id not in tasks
            assert tasks[filed[3].id] == replace(filed[3], category=None, root_category=None, version=2)

    def test_two_categories_can_be_deleted_while_tasks_move_between_them(self, app: App, seed: Seed) -> None:
        actor = seed.actor()
        for number in range(ROUNDS):
            first = app.do(actor, app.categories.create, {"name": f"first {number}"})
            second = app.do(actor, app.categories.create, {"name": f"second {number}"})
            tasks = [
                app.do(actor, app.tasks.create, {"title": "task", "category": category.id})
                for category in (first, second) * 3
            ]
            moves = [
                partial(app.do, actor, app.tasks.edit, task.id, {"category": second.id if position % 2 else first.id})
                for position, task in enumerate(reversed(tasks))
            ]
            outcomes = race(
                *moves[:3],
                partial(app.do, actor, app.category_removal.delete, first.id),
                partial(app.do, actor, app.category_removal.delete, second.id),
                *moves[3:],
            )
            assert all(
                not isinstance(outcome, DomainError) or isinstance(outcome, InvalidInput) for outcome in outcomes
            ), outcomes
            assert all(app.see(actor, app.tasks.get, task.id).category is None for task in tasks)

    def test_only_one_of_concurrent_deletions_succeeds(self, app: App, seed: Seed) -> None:
        actor = seed.actor()
        task = app.do(actor, app.tasks.create, {"title": "task"})
        outcomes = race(*[partial(app.do, actor, app.trash.delete, task.id)] * 10)
        assert outcomes.count(None) == 1
        assert sum(isinstance(outcome, TaskNotFound) for outcome in outcomes) == 9


def all_tasks(app: App, user_id: UUID) -> list[Task]:
    with app.store.reading(SYSTEM) as work:
        page = work.tasks.list(user_id, TaskQuery(at=app.clock.now(), limit=10_000))
    return list(page.items)
