"""Removing accounts, categories and trees in pieces: from the first piece on, all users see them as removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from datetime import timedelta
from functools import partial
from itertools import product
from math import inf
from time import monotonic
from typing import Any
from unittest.mock import Mock

import pytest

from tasktracker.domain.accounts.session_service import LoggedIn
from tasktracker.domain.feed.entries import Op, Reason
from tasktracker.domain.jobs import service
from tasktracker.domain.jobs.job import LEASE, after_steps
from tasktracker.domain.kernel import deadline
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import (
    CategoryNotFound,
    IdTaken,
    InvalidCredentials,
    InvalidInput,
    SessionEnded,
    TaskNotFound,
)
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.kernel.retention import RETENTION
from tasktracker.domain.removal import accounts, categories
from tasktracker.domain.tasks import trash_service
from tasktracker.domain.tasks.query import NONE, TaskQuery, TaskSort
from tasktracker.domain.tasks.task import Task
from tests.backends import Backend, on_postgresql
from tests.contracts.base import SECOND, SHORT_WAIT, BackgroundCall, Seed, run_next
from tests.device import Device
from tests.fakes import START, SYSTEM, App
from tests.unit.base import PASSWORD, register
from tests.waiting import PATIENCE, wait_until


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a piece end after one step, and a step take at most two items."""
    monkeypatch.setattr(service, "FIRST_STEPS", 1)
    monkeypatch.setattr(service, "after_time", partial(after_steps, 1))
    for module, name in (
        (accounts, "LEAVE_STEP"),
        (accounts, "TASKS_STEP"),
        (accounts, "ROWS_STEP"),
        (categories, "UNFILE_STEP"),
        (trash_service, "PURGE_STEP"),
    ):
        monkeypatch.setattr(module, name, 2)


def create(app: App, actor: SessionActor, title: str, **fields: Any) -> Task:
    return app.do(actor, app.tasks.create, {"title": title, **fields})  # type: ignore[typeddict-item]


def titles(app: App, actor: SessionActor, **filters: Any) -> list[str]:
    return sorted(task.title for task in app.see(actor, app.tasks.list, TaskQuery(at=START, **filters)).items)


def left(app: App) -> int:
    with app.store.reading(SYSTEM) as work:
        return work.jobs.count()


def pieces(app: App) -> Iterator[None]:
    """Do one piece of the jobs after another, each in another process, until none is left."""
    while left(app):
        run_next(app.jobs, pieces=1)
        app.clock.advance(LEASE)
        yield


@pytest.mark.parametrize("what", ["account", "category", "task"])
def test_a_removal_may_take_longer_than_a_request_may_wait(app: App, what: str) -> None:
    ada = register(app, "ada")
    category = app.do(ada, app.categories.create, {"name": "Home"})
    task = create(app, ada, "a task")
    app.do(ada, app.trash.delete, task.id)
    removals: dict[str, Callable[[], object]] = {
        "account": lambda: app.account_removal.delete(ada, PASSWORD),
        "category": lambda: app.do(ada, app.category_removal.delete, category.id),
        "task": lambda: app.do(ada, app.trash.purge, task.id),
    }

    def removed() -> float:
        deadline.set_current(deadline.Deadline(monotonic() + PATIENCE))
        removals[what]()
        return deadline.current().at

    assert copy_context().run(removed) == inf


def not_found(*calls: Callable[[], object]) -> None:
    for call in calls:
        with pytest.raises(TaskNotFound):
            call()


def test_a_task_is_listed_in_its_category_for_its_owner_alone(app: App, alice: SessionActor, bob: SessionActor) -> None:
    home, work = (app.do(alice, app.categories.create, {"name": name}).id for name in ("Home", "Work"))
    task = create(app, alice, "task", category=home)
    app.do(alice, app.sharing.share, task.id, "bob", Role.EDITOR)
    for category, former in ((work, home), (None, work)):
        app.do(alice, app.tasks.edit, task.id, {"category": category})
        assert titles(app, alice, category=category or NONE) == titles(app, bob, category=NONE) == ["task"]
        assert titles(app, alice, category=former) == []


def test_the_tasks_of_a_deleted_category_are_sorted_by_the_time_of_its_deletion(app: App) -> None:
    ada = register(app, "ada")
    category = app.do(ada, app.categories.create, {"name": "Home"})
    for number, filed in enumerate((category.id, category.id, category.id, None)):
        create(app, ada, str(number), category=filed)
        app.clock.advance(SECOND)
    app.do(ada, app.category_removal.delete, category.id)
    for _ in pieces(app):
        pass
    found = app.see(ada, app.tasks.list, TaskQuery(at=START, sort=TaskSort.UPDATED)).items
    assert found[-1].title == "3"
    assert [task.updated_at for task in found] == sorted((task.updated_at for task in found), reverse=True)


# -------------------------------------------------------------------- accounts


def test_an_account_ends_before_it_is_removed(app: App, alice: SessionActor) -> None:
    for number in range(6):
        create(app, alice, str(number))
    other = app.sessions.login("alice", PASSWORD)
    app.account_removal.delete(alice, PASSWORD)
    assert left(app) == 1
    with pytest.raises(InvalidCredentials):
        app.sessions.login("alice", PASSWORD)
    with pytest.raises(SessionEnded):
        app.sessions.refresh(other.tokens.refresh)
    with pytest.raises(SessionEnded):
        titles(app, alice)
    with app.store.reading(SYSTEM) as work:
        assert work.users.find_by_login("alice") is None
        assert work.users.find_by_login(f" {alice.user_id}") is None
        assert work.users.find_unlocked(alice.user_id) is None
        assert work.users.names([alice.user_id]) == {}
    app.registration.register({"username": "Alice", "email": "alice@example.org"}, PASSWORD)
    for _ in pieces(app):
        pass
    assert isinstance(app.sessions.login("alice", PASSWORD), LoggedIn)
    with app.store.reading(SYSTEM) as work:
        assert list(work.tasks.owned(alice.user_id, 10)) == []
        assert work.feed.state(alice.user_id).head == 0


def test_the_members_of_a_task_lose_it_with_the_account_of_its_owner(
    app: App, alice: SessionActor, bob: SessionActor
) -> None:
    members = {"bob": bob, "carol": register(app, "carol")}
    tasks = {name: create(app, alice, "shared") for name in members}
    for name, task in tasks.items():
        app.do(alice, app.sharing.share, task.id, name, Role.VIEWER)
    cursors = {name: app.sync.pull(member).next for name, member in members.items()}
    app.account_removal.delete(alice, PASSWORD)
    app.jobs.run_all()
    for name, member in members.items():
        (lost,) = app.sync.pull(member, cursors[name]).items
        assert (lost.entry.id, lost.entry.op, lost.entry.reason) == (tasks[name].id, Op.DELETE, Reason.ACCESS_REVOKED)


def test_an_account_ends_although_an_earlier_write_does_not(
    app: App, alice: SessionActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.store.reading(SYSTEM) as work:
        monkeypatch.setattr(type(work.jobs), "can_start", Mock(side_effect=[False] * 2))
    monkeypatch.setattr(accounts, "MAX_WAIT", 0)
    app.account_removal.delete(alice, PASSWORD)


@on_postgresql
def test_the_end_of_an_account_is_answered_after_writes_that_do_not_see_it(
    app: App, backend: Backend, seed: Seed, alice: SessionActor
) -> None:
    for number in range(6):
        create(app, alice, str(number))
    other = backend.another_store()
    with other.writing(SYSTEM) as earlier:
        earlier.users.add(seed.new_user())
        deletion = BackgroundCall(lambda: app.account_removal.delete(alice, PASSWORD))

        def is_ended() -> bool:
            try:
                titles(app, alice)
            except SessionEnded:
                return True
            return False

        wait_until(is_ended, "the session does not end")
        assert not deletion.wait(SHORT_WAIT)
    deletion.result()
    other.close()


@pytest.mark.parametrize("change", ["moved", "added"])
def test_a_task_that_is_put_under_another_while_the_account_is_deleted_is_removed(
    app: App, alice: SessionActor, change: str
) -> None:
    parent, moved = create(app, alice, "parent"), create(app, alice, "moved")
    with app.store.writing(alice) as work:
        if change == "moved":
            app.tasks.edit(work, moved.id, {"parent": parent.id})
        else:
            app.tasks.create(work, {"title": "added", "parent": parent.id})
        deletion = BackgroundCall(lambda: app.account_removal.delete(alice, PASSWORD))
        assert not deletion.wait(SHORT_WAIT)
    deletion.result()
    app.jobs.run_all()
    with app.store.reading(SYSTEM) as work:
        assert work.tasks.find(parent.id) is None
        assert work.tasks.find(moved.id) is None
        assert work.users.find(alice.user_id) is None


def test_tasks_of_an_account_that_has_ended_are_gone_for_their_members(
    app: App, alice: SessionActor, bob: SessionActor
) -> None:
    own = create(app, bob, "own")
    top = create(app, alice, "top")
    tasks = [top, *(create(app, alice, f"below {number}", parent=top.id) for number in range(4))]
    app.do(alice, app.sharing.share, top.id, "bob", Role.EDITOR)
    change = app.see(bob, app.history.list, top.id).changes.items[0].id
    device, fresh = Device(app.sync, bob), Device(app.sync, bob)
    device.catch_up()
    assert len(device.items) == 6
    app.account_removal.delete(alice, PASSWORD)

    def require_gone() -> None:
        assert titles(app, bob) == ["own"]
        for task in tasks:
            not_found(
                lambda task=task: app.see(bob, app.tasks.get, task.id),  # type: ignore[misc]
                lambda task=task: app.do(bob, app.tasks.edit, task.id, {"title": "new"}),  # type: ignore[misc]
                lambda task=task: app.see(bob, app.history.list, task.id),  # type: ignore[misc]
                lambda task=task: app.see(bob, app.sharing.list, task.id),  # type: ignore[misc]
                lambda task=task: app.do(bob, app.sharing.unshare, task.id, bob.user_id),  # type: ignore[misc]
                lambda task=task: app.do(bob, app.history.undo, task.id, change),  # type: ignore[misc]
                lambda task=task: app.do(bob, app.trash.restore, task.id),  # type: ignore[misc]
            )
        new = Device(app.sync, bob)
        for each in (new, fresh):
            each.catch_up(limit=2)
            each.require_in_sync()
            assert [item.id for item in each.items.values()] == [own.id]

    require_gone()
    with pytest.raises(IdTaken):
        app.do(bob, app.tasks.create, {"title": "mine"}, top.id)
    done = 0
    for _ in pieces(app):
        require_gone()
        done += 1
    assert done >= 3
    device.catch_up()
    device.require_in_sync()
    assert [item.id for item in device.items.values()] == [own.id]
    assert app.do(bob, app.tasks.create, {"title": "mine"}, top.id).created_by == bob.user_id


def test_an_account_leaves_the_tasks_of_others_step_by_step(app: App, alice: SessionActor, bob: SessionActor) -> None:
    top = create(app, bob, "top")
    for number in range(4):
        create(app, bob, f"below {number}", parent=top.id)
    app.do(bob, app.sharing.share, top.id, "alice", Role.EDITOR)
    edited = app.do(alice, app.tasks.edit, top.id, {"title": "edited"})
    device = Device(app.sync, bob)
    app.account_removal.delete(alice, PASSWORD)
    assert [share.username for share in app.see(bob, app.sharing.list, top.id)] == ["bob"]
    for _ in pieces(app):
        device.catch_up()
        device.require_in_sync()
        app.do(bob, app.tasks.edit, top.id, {"description": str(app.clock.now())})
    with app.store.reading(SYSTEM) as work:
        tree = work.tasks.tree(top.id)
        changes = work.history.list(top.id, None, 100).items
    assert [task.members for task in tree] == [()] * 5
    assert {change.actor for change in changes} == {bob.user_id, None}
    assert [change.actor for change in changes if change.version == edited.version] == [None]


def test_two_accounts_that_share_with_each_other_are_removed(app: App, alice: SessionActor, bob: SessionActor) -> None:
    carol = register(app, "carol")
    for actor, other in ((alice, "bob"), (bob, "alice")):
        for number in range(3):
            task = create(app, actor, str(number))
            app.do(actor, app.sharing.share, task.id, other, Role.EDITOR)
            app.do(actor, app.sharing.share, task.id, "carol", Role.VIEWER)
    device = Device(app.sync, carol)
    device.catch_up()
    assert len(device.items) == 6
    app.account_removal.delete(alice, PASSWORD)
    app.account_removal.delete(bob, PASSWORD)
    assert left(app) == 2
    for _ in pieces(app):
        pass
    device.catch_up()
    device.require_in_sync()
    assert device.items == {}


def test_an_account_is_removed_while_its_category_and_trash_are(app: App, alice: SessionActor) -> None:
    category = app.do(alice, app.categories.create, {"name": "Home"})
    for number in range(6):
        create(app, alice, str(number), category=category.id)
    top = create(app, alice, "top")
    for number in range(4):
        create(app, alice, f"below {number}", parent=top.id)
    app.do(alice, app.trash.delete, top.id)
    app.do(alice, app.trash.purge, top.id)
    app.do(alice, app.category_removal.delete, category.id)
    app.account_removal.delete(alice, PASSWORD)
    assert left(app) == 3
    for _ in pieces(app):
        pass
    with app.store.reading(SYSTEM) as work:
        assert list(work.tasks.owned(alice.user_id, 100)) == []


# ------------------------------------------------------------------ categories


def test_a_category_is_gone_before_its_tasks_are_unfiled(app: App, alice: SessionActor) -> None:
    category = app.do(alice, app.categories.create, {"name": "Home"})
    for number in range(6):
        create(app, alice, str(number), category=category.id)
    other = create(app, alice, "other")
    device = Device(app.sync, alice)
    device.catch_up()
    app.do(alice, app.category_removal.delete, category.id)
    assert len(titles(app, alice, category="none")) == 3
    last = app.see(alice, app.tasks.list, TaskQuery(at=START, category=category.id)).items[-1]
    done = 0
    for _ in pieces(app):
        done += 1
        if done == 1:
            last = app.see(alice, app.tasks.list, TaskQuery(at=START, category=category.id)).items[0]
            assert app.see(alice, app.categories.list).items == []
            with pytest.raises(CategoryNotFound):
                app.do(alice, app.categories.get, category.id)
            with pytest.raises(CategoryNotFound):
                app.do(alice, app.category_removal.delete, category.id)
            with pytest.raises(CategoryNotFound):
                app.do(alice, app.categories.edit, category.id, {"color": None})
            with pytest.raises(InvalidInput):
                create(app, alice, "new", category=category.id)
            with pytest.raises(InvalidInput):
                app.do(alice, app.tasks.edit, other.id, {"category": category.id})
            # A task may still name the category, and can be edited.
            assert app.do(alice, app.tasks.edit, last.id, {"title": "edited"}).category == category.id
            assert "edited" in titles(app, alice, category=category.id)
            assert app.do(alice, app.categories.create, {"name": "home"}).name == "home"
        device.catch_up()
        device.require_in_sync()
    assert done >= 2
    assert len(titles(app, alice, category="none")) == 7
    change = app.see(alice, app.history.list, last.id).changes.items[0]
    assert (change.actor, change.fields["category"].before) == (alice.user_id, category.id)
    assert app.do(alice, app.categories.create, {"name": "again"}, category.id).version > category.version


# ----------------------------------------------------------------------- trash


def grow(app: App, alice: SessionActor) -> Sequence[Task]:
    """Create a tree whose top is in the trash, and with a subtask that was deleted before."""
    root = create(app, alice, "root")
    top = create(app, alice, "top", parent=root.id)
    below = create(app, alice, "below", parent=top.id)
    earlier = create(app, alice, "earlier", parent=below.id)
    deepest = create(app, alice, "deepest", parent=earlier.id)
    many = [create(app, alice, str(number), parent=top.id) for number in range(5)]
    beside = create(app, alice, "beside", parent=root.id)
    for deleted in (earlier, top, beside):
        app.do(alice, app.trash.delete, deleted.id)
        app.clock.advance(seconds=1)
    return [top, below, earlier, deepest, *many]


def test_a_tree_leaves_the_trash_before_it_is_purged(app: App, alice: SessionActor) -> None:
    tasks = grow(app, alice)
    assert {task.title for task in app.see(alice, app.trash.list).items} == {"beside", "top", "earlier"}
    app.do(alice, app.trash.purge, tasks[0].id)

    def require_gone() -> None:
        assert [task.title for task in app.see(alice, app.trash.list).items] == ["beside"]
        with app.store.reading(alice) as work:
            assert [task.title for task in work.bulk.trashed(alice.user_id, None, 100).items] == ["beside"]
        for task in tasks:
            not_found(
                lambda task=task: app.do(alice, app.trash.restore, task.id),  # type: ignore[misc]
                lambda task=task: app.do(alice, app.trash.purge, task.id),  # type: ignore[misc]
            )

    require_gone()
    done = 0
    for _ in pieces(app):
        done += 1
        require_gone()
    assert done >= 3
    assert titles(app, alice) == ["root"]
    for task in tasks:
        assert app.do(alice, app.tasks.create, {"title": "again"}, task.id).version > task.version


@pytest.mark.parametrize("change", ["zone", "hour", "members"])
def test_reminders_of_a_task_that_is_being_purged_hinder_no_change(
    app: App, alice: SessionActor, bob: SessionActor, change: str
) -> None:
    category = app.do(alice, app.categories.create, {"name": "Home"})
    app.do(alice, app.category_sharing.share, category.id, "bob", Role.VIEWER)
    app.jobs.run_all()
    top = create(app, alice, "top", category=category.id)
    tree = [top, *(create(app, alice, str(number), parent=top.id, due_on=START.date()) for number in range(4))]
    for task, actor in product(tree, (alice, bob)):
        fields: Any = {"before": "PT1H"} if task.due_on else {"at": START + timedelta(days=1)}
        app.do(actor, app.reminders.create, task.id, fields)
    app.do(alice, app.trash.delete, top.id)
    app.do(alice, app.trash.purge, top.id)
    with app.store.reading(SYSTEM) as work:
        assert work.reminders.list(alice.user_id, *(task.id for task in tree)) != []
    if change == "zone":
        app.accounts.edit(alice, {"time_zone": "Asia/Tokyo"}, PASSWORD)
    elif change == "hour":
        app.do(alice, app.preferences.edit, {"reminder_hour": 4})
    else:
        app.do(alice, app.category_sharing.unshare, category.id, bob.user_id)
    app.jobs.run_all()
    with app.store.reading(SYSTEM) as work:
        assert [work.reminders.list(each.user_id, *(task.id for task in tree)) for each in (alice, bob)] == [[], []]


def test_a_sweep_leaves_a_large_tree_to_a_job(app: App, alice: SessionActor) -> None:
    tasks = grow(app, alice)
    app.clock.advance(RETENTION)
    app.clock.advance(seconds=1)
    app.housekeeping.sweep()
    assert left(app) > 0
    for _ in pieces(app):
        pass
    with app.store.reading(SYSTEM) as work:
        assert [work.trash.find(task.id) for task in tasks] == [None] * len(tasks)
