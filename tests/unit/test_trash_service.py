"""Deleting, restoring and purging tasks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import ChangeNotFound, Stale, TaskNotFound
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.kernel.retention import RETENTION
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import Task, Tree
from tasktracker.domain.tasks.trash_service import purge_expired
from tests.fakes import START, SYSTEM, App
from tests.unit.base import PASSWORD


@pytest.fixture
def app() -> App:
    return App.in_memory(idle=timedelta(days=365), absolute=timedelta(days=365))


def create(app: App, actor: SessionActor, title: str, parent: Task | None = None) -> Task:
    return app.do(actor, app.tasks.create, {"title": title, "parent": parent.id if parent else None})


def undeleted(app: App, actor: SessionActor) -> set[str]:
    return {task.title for task in app.see(actor, app.tasks.list, TaskQuery(at=START)).items}


def trashed(app: App, actor: SessionActor) -> list[str]:
    return [task.title for task in app.see(actor, app.trash.list).items]


def test_deleting_a_task_deletes_its_subtasks(app: App, alice: SessionActor) -> None:
    top = create(app, alice, "top")
    below = create(app, alice, "below", top)
    deeper = create(app, alice, "deeper", below)
    create(app, alice, "other", top)
    app.clock.advance(hours=1)
    app.do(alice, app.trash.delete, below.id)
    assert undeleted(app, alice) == {"top", "other"}
    assert app.see(alice, app.trash.list).items == [below.trash(below.id, app.clock.now())]
    for task in (below, deeper):
        with pytest.raises(TaskNotFound):
            app.see(alice, app.tasks.get, task.id)
        with pytest.raises(TaskNotFound):
            app.do(alice, app.trash.delete, task.id)


def test_restoring_restores_only_tasks_deleted_together(app: App, alice: SessionActor) -> None:
    top = create(app, alice, "top")
    before = create(app, alice, "deleted before", top)
    create(app, alice, "under it", before)
    create(app, alice, "deleted together", top)
    app.do(alice, app.trash.delete, before.id)
    app.do(alice, app.trash.delete, top.id)
    assert trashed(app, alice) == ["deleted before", "top"]
    app.clock.advance(hours=1)
    restored = app.do(alice, app.trash.restore, top.id)
    assert (restored.trashed_at, restored.trashed_with, restored.version) == (None, None, 3)
    assert restored.updated_at == app.clock.now()
    assert undeleted(app, alice) == {"top", "deleted together"}
    assert trashed(app, alice) == ["deleted before"]
    assert app.do(alice, app.trash.restore, before.id).parent == top.id
    assert undeleted(app, alice) == {"top", "deleted together", "deleted before", "under it"}


def test_restoring_an_undeleted_task_changes_nothing(app: App, alice: SessionActor) -> None:
    task = create(app, alice, "task")
    assert app.do(alice, app.trash.restore, task.id) == task
    app.do(alice, app.trash.delete, task.id)
    restored = app.do(alice, app.trash.restore, task.id)
    app.clock.advance(hours=1)
    assert app.do(alice, app.trash.restore, task.id) == restored


@pytest.mark.parametrize("together", [True, False])
def test_a_task_restored_before_its_parent_has_no_parent(app: App, alice: SessionActor, together: bool) -> None:
    top = create(app, alice, "top")
    middle = create(app, alice, "middle", top)
    below = create(app, alice, "below", middle)
    deepest = create(app, alice, "deepest", below)
    app.do(alice, app.trash.delete, deepest.id)
    if not together:
        app.do(alice, app.trash.delete, below.id)
    app.do(alice, app.trash.delete, top.id)
    restored = app.do(alice, app.trash.restore, below.id)
    assert (restored.parent, restored.root) == (None, below.id)
    assert undeleted(app, alice) == {"below"}
    # A separately deleted subtask stays deleted and keeps its parent.
    restored_later = app.do(alice, app.trash.restore, deepest.id)
    assert (restored_later.parent, restored_later.root) == (below.id, below.id)
    actions = [change.action for change in app.see(alice, app.history.list, deepest.id).changes.items]
    assert actions == [Action.RESTORE, Action.MOVE, Action.TRASH, Action.CREATE], "each version is in the history"
    assert app.do(alice, app.trash.restore, top.id).root == top.id
    assert undeleted(app, alice) == {"top", "middle", "below", "deepest"}
    app.do(alice, app.trash.delete, top.id)
    assert undeleted(app, alice) == {"below", "deepest"}
    app.do(alice, app.trash.purge, top.id)
    assert undeleted(app, alice) == {"below", "deepest"}
    change = app.see(alice, app.history.list, below.id).changes.items[0]
    assert change.action is Action.RESTORE
    assert change.fields["parent"].before == middle.id


def test_a_subtask_restored_without_its_parent_keeps_its_category_and_its_members(
    app: App, alice: SessionActor, bob: SessionActor
) -> None:
    home = app.do(alice, app.categories.create, {"name": "home"}).id
    top = create(app, alice, "top")
    below = app.do(alice, app.tasks.create, {"title": "below", "parent": top.id, "category": home})
    deepest = app.do(alice, app.tasks.create, {"title": "deepest", "parent": below.id, "category": home})
    app.do(alice, app.sharing.share, top.id, "bob", Role.VIEWER)
    for each in (below, top):
        app.do(alice, app.trash.delete, each.id)
    restored = app.do(alice, app.trash.restore, below.id)
    assert (restored.id, restored.parent, restored.category) == (below.id, None, home)
    found = app.see(bob, app.tasks.get, deepest.id)
    assert (found.parent, found.category) == (below.id, home)
    assert restored.tree == found.tree == Tree(below.id, home, alice.user_id, (Member(bob.user_id, Role.VIEWER),))


def test_a_purged_task_is_not_found(app: App, alice: SessionActor) -> None:
    top = create(app, alice, "top")
    below = create(app, alice, "below", top)
    app.do(alice, app.trash.delete, below.id)
    app.do(alice, app.trash.delete, top.id)
    app.do(alice, app.trash.purge, top.id)
    assert trashed(app, alice) == []
    for task in (top, below):
        with pytest.raises(TaskNotFound):
            app.do(alice, app.trash.purge, task.id)
        with pytest.raises(TaskNotFound):
            app.do(alice, app.trash.restore, task.id)


def test_a_subtask_of_a_deleted_tree_can_be_purged(app: App, alice: SessionActor) -> None:
    top = create(app, alice, "top")
    below = create(app, alice, "below", top)
    create(app, alice, "deeper", below)
    create(app, alice, "other", top)
    app.do(alice, app.trash.delete, top.id)
    app.do(alice, app.trash.purge, below.id)
    app.do(alice, app.trash.restore, top.id)
    assert undeleted(app, alice) == {"top", "other"}


@pytest.mark.parametrize("expected", [frozenset({1}), frozenset({3}), frozenset[int]()])
def test_deleting_or_restoring_an_unexpected_version_is_stale(
    app: App, alice: SessionActor, expected: frozenset[int]
) -> None:
    task = create(app, alice, "task")
    app.do(alice, app.tasks.edit, task.id, {"description": "changed"})
    with pytest.raises(Stale) as caught:
        app.do(alice, app.trash.delete, task.id, expected)
    assert caught.value.current == app.see(alice, app.tasks.get, task.id)
    app.do(alice, app.trash.delete, task.id, frozenset({2, 3}))
    with pytest.raises(Stale):
        app.do(alice, app.trash.restore, task.id, frozenset({2}))
    app.do(alice, app.trash.restore, task.id, frozenset({3}))


def test_only_the_owner_can_see_a_deleted_task(app: App, alice: SessionActor) -> None:
    bob = app.actor(app.registration.register({"username": "bob"}, PASSWORD))
    task = create(app, alice, "task")
    app.do(alice, app.sharing.share, task.id, "bob", Role.EDITOR)
    change = app.see(bob, app.history.list, task.id).changes.items[0].id
    app.do(alice, app.trash.delete, task.id)
    assert trashed(app, bob) == []
    for actor in (alice, bob):
        for call in (
            lambda actor: app.see(actor, app.history.list, task.id),
            lambda actor: app.do(actor, app.history.undo, task.id, change),
            lambda actor: app.see(actor, app.sharing.list, task.id),
            lambda actor: app.do(actor, app.tasks.edit, task.id, {"title": "edited"}),
        ):
            with pytest.raises(TaskNotFound):
                call(actor)
    app.do(alice, app.trash.restore, task.id)
    assert undeleted(app, bob) == {"task"}


# ---------------------------------------------------------------- retention


def test_a_sweep_removes_only_data_past_the_retention_time(app: App, alice: SessionActor) -> None:
    top = create(app, alice, "top")
    create(app, alice, "below", top)
    later, other = create(app, alice, "later"), create(app, alice, "other")
    app.do(alice, app.trash.delete, top.id)
    app.clock.advance(hours=1)
    app.do(alice, app.trash.delete, later.id)
    app.clock.set(START + RETENTION)
    assert app.housekeeping.sweep() == 0
    app.clock.advance(microseconds=1)
    # The tree, the changes that created the other two, and the registration event.
    assert app.housekeeping.sweep() == 1 + 2 + 1
    assert trashed(app, alice) == ["later"]
    assert app.see(alice, app.tasks.get, other.id) == other
    assert app.see(alice, app.history.list, other.id).changes.items == []
    assert app.housekeeping.sweep() == 0
    with pytest.raises(TaskNotFound):
        app.do(alice, app.trash.restore, top.id)
    assert app.do(alice, app.trash.restore, later.id).title == "later"


def test_a_sweep_can_be_limited(app: App, alice: SessionActor) -> None:
    for number in range(5):
        app.do(alice, app.trash.delete, create(app, alice, str(number)).id)
    app.clock.advance(RETENTION + timedelta(hours=1))
    left = []
    while app.housekeeping.sweep(limit=2):
        left.append(len(trashed(app, alice)))
    assert left[:3] == [3, 1, 0]


def test_a_change_past_the_retention_time_is_not_found(app: App, alice: SessionActor) -> None:
    task = create(app, alice, "task")
    app.do(alice, app.tasks.edit, task.id, {"title": "edited"})
    change = app.see(alice, app.history.list, task.id).changes.items[0].id
    app.clock.advance(RETENTION + timedelta(hours=1))
    app.housekeeping.sweep()
    with pytest.raises(ChangeNotFound):
        app.do(alice, app.history.undo, task.id, change)


def test_a_task_deleted_again_meanwhile_is_not_purged(app: App, alice: SessionActor) -> None:
    top = create(app, alice, "top")
    create(app, alice, "below", top)
    app.do(alice, app.trash.delete, top.id)
    app.clock.advance(seconds=1)
    app.do(alice, app.trash.restore, top.id)
    assert app.do(SYSTEM, purge_expired, top.id, app.clock.now()) is False
    app.do(alice, app.trash.delete, top.id)
    assert app.do(SYSTEM, purge_expired, top.id, app.clock.now()) is False  # it was not deleted before
    assert trashed(app, alice) == ["top"]
    assert app.do(SYSTEM, purge_expired, top.id, app.clock.now() + timedelta(seconds=1)) is True
