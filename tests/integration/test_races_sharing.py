"""Races of many threads that share, move, delete and change the same tasks.

Every race runs on both databases, with real locks, and is repeated where one round could succeed by chance. After each
race, the tasks must be consistent: see `require_order`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import permutations
from time import sleep
from uuid import UUID

import pytest

from tasktracker.domain.history.change import Change
from tasktracker.domain.idempotency.record import Request
from tasktracker.domain.idempotency.service import once
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import (
    DomainError,
    InvalidInput,
    MemberNotFound,
    NotAllowed,
    NotAuthenticated,
    Stale,
    StorageUnavailable,
    TaskNotFound,
)
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import MAX_DEPTH, State, Task
from tasktracker.domain.work import Storage
from tests.backends import on_sql
from tests.contracts.base import race
from tests.fakes import SYSTEM, App, ManualClock

PASSWORD = "correct horse"
ROUNDS = 6

Call = Callable[[], object]


@on_sql
class TestSharingRaces:
    @pytest.fixture
    def app(self, store: Storage, clock: ManualClock) -> App:
        return App(store, clock)

    @pytest.fixture
    def alice(self, app: App) -> SessionActor:
        return app.actor(app.registration.register({"username": "alice"}, PASSWORD))

    @pytest.fixture
    def bob(self, app: App) -> SessionActor:
        return app.actor(app.registration.register({"username": "bob"}, PASSWORD))

    # ------------------------------------------------------------ members

    @pytest.mark.parametrize("kind", ["root", "subtask"])
    def test_a_removed_member_writes_nothing(self, app: App, alice: SessionActor, bob: SessionActor, kind: str) -> None:
        root = app.do(alice, app.tasks.create, {"title": "root"})
        below = app.do(alice, app.tasks.create, {"title": "below", "parent": root.id})
        app.do(alice, app.sharing.share, root.id, "bob", Role.EDITOR)
        task = root if kind == "root" else below

        def write(thread: int) -> int:
            written = 0
            for number in range(25):
                try:
                    app.do(bob, app.tasks.edit, task.id, {"description": f"{thread}.{number}"})
                    written += 1
                except TaskNotFound:
                    pass
            return written

        def unshare() -> int:
            sleep(0.05)
            app.do(alice, app.sharing.unshare, root.id, bob.user_id)
            return 0

        outcomes = race(*(partial(write, thread) for thread in range(8)), unshare)
        changes = history(app, alice, task)
        (removal,) = (change.version for change in changes if change.action is Action.UNSHARE)
        by_bob = [change.version for change in changes if change.actor == bob.user_id]
        assert len(by_bob) == sum(outcome for outcome in outcomes if isinstance(outcome, int))
        assert all(version < removal for version in by_bob)
        assert app.see(alice, app.tasks.get, task.id).version == removal
        require_order(app, alice, bob)

    def test_subtasks_have_the_members_of_their_root_after_concurrent_changes(
        self, app: App, alice: SessionActor, bob: SessionActor
    ) -> None:
        carol = app.actor(app.registration.register({"username": "carol"}, PASSWORD))
        for _ in range(ROUNDS):
            root = app.do(alice, app.tasks.create, {"title": "root"})
            middle = app.do(alice, app.tasks.create, {"title": "middle", "parent": root.id})
            app.do(alice, app.sharing.share, root.id, "carol", Role.VIEWER)
            outcomes = race(
                *(
                    partial(app.do, alice, app.tasks.create, {"title": "new", "parent": parent.id})
                    for parent in (root, middle)
                ),
                partial(app.do, alice, app.sharing.share, middle.id, "bob", Role.EDITOR),
                partial(app.do, carol, app.sharing.unshare, middle.id, carol.user_id),
                *(
                    partial(app.do, alice, app.tasks.create, {"title": "new", "parent": parent.id})
                    for parent in (root, middle)
                ),
            )
            assert not any(isinstance(outcome, DomainError) for outcome in outcomes), outcomes
            tasks = require_order(app, alice, bob, carol)
            tree = [task for task in tasks.values() if task.root == root.id]
            assert len(tree) == 6
            assert {member.user_id for task in tree for member in task.members} == {bob.user_id}

    def test_a_removed_member_gets_no_other_role(self, app: App, alice: SessionActor, bob: SessionActor) -> None:
        for _ in range(ROUNDS * 2):
            task = app.do(alice, app.tasks.create, {"title": "task"})
            app.do(alice, app.sharing.share, task.id, "bob", Role.EDITOR)
            outcomes = race(
                *[partial(app.do, alice, app.sharing.assign, task.id, bob.user_id, Role.VIEWER)] * 2,
                partial(app.do, alice, app.sharing.unshare, task.id, bob.user_id),
                *[partial(app.do, alice, app.sharing.assign, task.id, bob.user_id, Role.EDITOR)] * 2,
            )
            assert outcomes[2] is None
            for outcome in outcomes:
                assert not isinstance(outcome, DomainError) or isinstance(outcome, MemberNotFound)
            assert app.see(alice, app.tasks.get, task.id).members == ()

    def test_concurrent_invitations_respect_the_limit_of_members(self, store: Storage, clock: ManualClock) -> None:
        app = App(store, clock, member_limit=3)
        alice = app.actor(app.registration.register({"username": "alice"}, PASSWORD))
        names = [f"user{number}" for number in range(8)]
        for name in names:
            app.registration.register({"username": name}, PASSWORD)
        task = app.do(alice, app.tasks.create, {"title": "task"})
        outcomes = race(*(partial(app.do, alice, app.sharing.share, task.id, name, Role.VIEWER) for name in names))
        assert sum(isinstance(outcome, DomainError) for outcome in outcomes) == 5
        assert len(app.see(alice, app.tasks.get, task.id).members) == 3

    def test_no_member_has_a_deleted_account(self, app: App, alice: SessionActor) -> None:
        for number in range(ROUNDS):
            name = f"bob{number}"
            bob = app.actor(app.registration.register({"username": name}, PASSWORD))
            root = app.do(alice, app.tasks.create, {"title": "root"})
            below = app.do(alice, app.tasks.create, {"title": "below", "parent": root.id})
            other, new, home = (app.do(alice, app.tasks.create, {"title": title}) for title in ("other", "new", "home"))
            for task in (root, other):
                app.do(alice, app.sharing.share, task.id, name, Role.EDITOR)
            theirs = app.do(bob, app.tasks.create, {"title": "theirs"})
            app.do(bob, app.sharing.share, theirs.id, "alice", Role.EDITOR)
            calls: list[Call] = [
                partial(app.do, bob, app.tasks.edit, root.id, {"title": "edited"}),
                partial(app.do, alice, app.sharing.share, new.id, name, Role.EDITOR),
                partial(app.do, alice, app.tasks.edit, below.id, {"parent": None}),
                partial(app.account_removal.delete, bob, PASSWORD),
                partial(app.do, alice, app.sharing.assign, other.id, bob.user_id, Role.VIEWER),
                partial(app.do, alice, app.tasks.create, {"title": "created", "parent": root.id}),
                partial(app.do, alice, app.tasks.edit, home.id, {"parent": other.id}),
                partial(app.do, alice, app.tasks.edit, theirs.id, {"title": "edited"}),
            ]
            outcomes = race(*calls)
            losses = (NotAuthenticated, InvalidInput, MemberNotFound, TaskNotFound, StorageUnavailable)
            for outcome in outcomes:
                assert not isinstance(outcome, DomainError) or isinstance(outcome, losses), outcomes
            if outcomes[3] is not None:
                app.account_removal.delete(bob, PASSWORD)
            tasks = require_order(app, alice)
            assert all(task.members == () for task in tasks.values())
            assert theirs.id not in tasks

    # ------------------------------------------------------------ trees

    def test_two_tasks_never_end_up_under_each_other(self, app: App, alice: SessionActor) -> None:
        for _ in range(ROUNDS * 2):
            first, second = (app.do(alice, app.tasks.create, {"title": title}) for title in ("first", "second"))
            outcomes = race(
                partial(app.do, alice, app.tasks.edit, first.id, {"parent": second.id}),
                partial(app.do, alice, app.tasks.edit, second.id, {"parent": first.id}),
            )
            assert sum(isinstance(outcome, Task) for outcome in outcomes) == 1
            assert sum(isinstance(outcome, InvalidInput) for outcome in outcomes) == 1
            require_order(app, alice)

    def test_trees_stay_trees_after_concurrent_moves(self, app: App, alice: SessionActor) -> None:
        bob = app.actor(app.registration.register({"username": "bob"}, PASSWORD))
        # Few rounds: PostgreSQL takes a second to detect each deadlock.
        for _ in range(2):
            tasks = [app.do(alice, app.tasks.create, {"title": str(number)}) for number in range(4)]
            app.do(alice, app.sharing.share, tasks[0].id, "bob", Role.EDITOR)
            moves: list[Call] = [
                partial(app.do, alice, app.tasks.edit, one.id, {"parent": other.id})
                for one, other in permutations(tasks, 2)
            ]
            outcomes = race(*moves)
            losses = (InvalidInput, StorageUnavailable)
            for outcome in outcomes:
                assert not isinstance(outcome, DomainError) or isinstance(outcome, losses), outcomes
            require_order(app, alice, bob)

    # ------------------------------------------------------------ the trash

    def test_a_deleted_task_stays_deleted_after_concurrent_edits(
        self, app: App, alice: SessionActor, bob: SessionActor
    ) -> None:
        for _ in range(ROUNDS):
            root = app.do(alice, app.tasks.create, {"title": "root"})
            below = app.do(alice, app.tasks.create, {"title": "below", "parent": root.id})
            app.do(alice, app.sharing.share, root.id, "bob", Role.EDITOR)
            outcomes = race(
                *(partial(app.do, bob, app.tasks.edit, task.id, {"state": State.DONE}) for task in (root, below)),
                partial(app.do, alice, app.trash.delete, root.id),
                *(partial(app.do, alice, app.tasks.edit, task.id, {"title": "edited"}) for task in (root, below)),
            )
            assert outcomes[2] is None
            edited = [outcome for outcome in outcomes if isinstance(outcome, Task)]
            assert all(isinstance(outcome, TaskNotFound | Task | None) for outcome in outcomes), outcomes
            with app.store.reading(SYSTEM) as work:
                found = [work.tasks.find(task.id) for task in (root, below)]
            assert all(task and task.trashed_with == root.id for task in found)
            # Creation, sharing and deletion each made one version.
            assert sum(task.version for task in found if task) == 6 + len(edited)
            require_order(app, alice, bob)

    def test_no_live_task_has_a_deleted_parent(self, app: App, alice: SessionActor) -> None:
        for _ in range(ROUNDS):
            root = app.do(alice, app.tasks.create, {"title": "root"})
            gone = app.do(alice, app.tasks.create, {"title": "gone", "parent": root.id})
            other = app.do(alice, app.tasks.create, {"title": "other"})
            app.do(alice, app.trash.delete, gone.id)
            outcomes = race(
                partial(app.do, alice, app.tasks.create, {"title": "created", "parent": root.id}),
                partial(app.do, alice, app.tasks.edit, other.id, {"parent": root.id}),
                partial(app.do, alice, app.trash.delete, root.id),
                partial(app.do, alice, app.trash.restore, gone.id),
                partial(app.do, alice, app.tasks.create, {"title": "created", "parent": root.id}),
            )
            assert outcomes[2] is None
            for outcome in outcomes:
                assert not isinstance(outcome, DomainError) or isinstance(outcome, InvalidInput), outcomes
            require_order(app, alice)

    def test_a_task_is_either_restored_or_purged(self, app: App, alice: SessionActor) -> None:
        for number in range(ROUNDS):
            root = app.do(alice, app.tasks.create, {"title": "root"})
            below = app.do(alice, app.tasks.create, {"title": "below", "parent": root.id})
            app.do(alice, app.trash.delete, root.id)
            app.clock.advance(days=31)
            alice = app.actor(app.sessions.login("alice", PASSWORD))
            purge: Call = partial(app.do, alice, app.trash.purge, root.id) if number % 2 else app.housekeeping.sweep
            outcomes = race(
                partial(app.do, alice, app.trash.restore, root.id),
                purge,
                partial(app.do, alice, app.trash.restore, below.id),
            )
            restored = {task.id for task in outcomes if isinstance(task, Task)}
            tasks = require_order(app, alice)
            assert restored <= set(tasks)
            assert all(isinstance(each, Task | TaskNotFound | int | None) for each in outcomes), outcomes

    # ------------------------------------------------------------ other races

    def test_undoing_keeps_concurrent_edits(self, app: App, alice: SessionActor) -> None:
        task = app.do(alice, app.tasks.create, {"title": "before"})
        for number in range(ROUNDS):
            app.do(alice, app.tasks.edit, task.id, {"title": f"after {number}"})
            change = history(app, alice, task)[0]
            outcomes = race(
                partial(app.do, alice, app.tasks.edit, task.id, {"description": f"a {number}"}),
                partial(app.do, alice, app.tasks.edit, task.id, {"description": f"b {number}"}),
                partial(app.do, alice, app.history.undo, task.id, change.id),
                partial(app.do, alice, app.tasks.edit, task.id, {"description": f"c {number}"}),
            )
            assert all(isinstance(outcome, Task) for outcome in outcomes), outcomes
            assert app.see(alice, app.tasks.get, task.id).title == "before"

    def test_a_category_can_be_deleted_while_its_tasks_are_shared_and_moved(
        self, app: App, alice: SessionActor, bob: SessionActor
    ) -> None:
        for number in range(ROUNDS):
            home = app.do(alice, app.categories.create, {"name": f"home {number}"})
            root = app.do(alice, app.tasks.create, {"title": "root", "category": home.id})
            below = [
                app.do(alice, app.tasks.create, {"title": "below", "parent": root.id, "category": home.id})
                for _ in range(5)
            ]
            outcomes = race(
                partial(app.do, alice, app.sharing.share, root.id, "bob", Role.EDITOR),
                partial(app.do, alice, app.category_removal.delete, home.id),
                partial(app.do, alice, app.tasks.edit, below[0].id, {"parent": None}),
                partial(app.do, alice, app.trash.delete, below[1].id),
                partial(app.do, alice, app.tasks.edit, below[2].id, {"parent": below[3].id}),
            )
            assert not any(isinstance(outcome, DomainError) for outcome in outcomes), outcomes
            tasks = require_order(app, alice, bob)
            assert all(task.category is None for task in tasks.values())

    def test_one_of_fifty_requests_with_one_key_is_executed_and_all_get_its_answer(
        self, app: App, alice: SessionActor
    ) -> None:
        for number in range(2):
            request = Request(f"key {number}", b"fingerprint")
            outcomes = race(*[partial(_once, app, alice, request)] * 50)
            tasks = [task for task in require_order(app, alice).values() if task.title == "once"]
            assert len(tasks) == number + 1
            done = _rendered(max(tasks, key=lambda task: task.id))
            assert outcomes.count((done, False)) == 1
            assert outcomes.count((done, True)) == 49

    def test_requests_of_a_concurrently_deleted_account_are_refused(self, app: App) -> None:
        for number in range(ROUNDS):
            carol = app.actor(app.registration.register({"username": f"carol{number}"}, PASSWORD))
            outcomes = race(
                *(partial(_once, app, carol, Request(f"{key}", b"")) for key in range(4)),
                partial(app.account_removal.delete, carol, PASSWORD),
            )
            for outcome in outcomes:
                refused = isinstance(outcome, NotAuthenticated | StorageUnavailable)
                assert refused or not isinstance(outcome, DomainError), outcomes

    def test_one_of_concurrent_conditional_changes_succeeds(
        self, app: App, alice: SessionActor, bob: SessionActor
    ) -> None:
        for _ in range(ROUNDS):
            task = app.do(alice, app.tasks.create, {"title": "task"})
            app.do(alice, app.sharing.share, task.id, "bob", Role.EDITOR)
            expected = frozenset({2})
            outcomes = race(
                partial(app.do, alice, app.tasks.edit, task.id, {"title": "a"}, expected),
                partial(app.do, bob, app.tasks.edit, task.id, {"title": "b"}, expected),
                partial(app.do, alice, app.trash.delete, task.id, expected),
                partial(app.do, bob, app.tasks.replace, task.id, {"title": "c"}, expected),
            )
            lost = [outcome for outcome in outcomes if isinstance(outcome, Stale | TaskNotFound | NotAllowed)]
            assert len(lost) == 3, outcomes


def _once(app: App, actor: SessionActor, request: Request) -> tuple[bytes, bool]:
    return app.do(actor, lambda work: once(work, request, lambda: _rendered(app.tasks.create(work, {"title": "once"}))))


def _rendered(task: Task) -> bytes:
    return task.id.bytes


def history(app: App, actor: SessionActor, task: Task) -> Sequence[Change]:
    return app.see(actor, app.history.list, task.id, limit=10_000).changes.items


def require_order(app: App, owner: SessionActor, *others: SessionActor) -> dict[UUID, Task]:
    """Require that the owner's live tasks form trees that only members see, and return them."""
    lists: dict[UUID, dict[UUID, Task]] = {}
    with app.store.reading(SYSTEM) as work:
        for actor in (owner, *others):
            page = work.tasks.list(actor.user_id, TaskQuery(at=app.clock.now(), limit=10_000))
            lists[actor.user_id] = {task.id: task for task in page.items}
    tasks = {task.id: task for task in lists[owner.user_id].values() if task.created_by == owner.user_id}
    for task in tasks.values():
        above, depth = task, 1
        while above.parent is not None:
            assert above.parent in tasks, f"{task} has a missing parent"
            above, depth = tasks[above.parent], depth + 1
            assert depth <= MAX_DEPTH, f"{task} is too deep or in a cycle"
        assert (task.root, task.members) == (above.id, above.members)
        assert not task.trashed_at
        parts = {member.user_id for member in task.members}
        assert parts <= set(lists), f"{task} is shared with an unknown user"
        for user_id, listed in lists.items():
            assert (listed.get(task.id) == task) is (user_id in parts | {owner.user_id})
    return tasks
