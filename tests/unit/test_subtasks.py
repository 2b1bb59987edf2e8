"""Subtasks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

import pytest

from tasktracker.adapters.memory.tasks import MemoryTasks
from tasktracker.domain.history.change import FieldChange
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import IdTaken, InvalidInput
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import MAX_DEPTH, Task, TaskFields, Tree
from tests.fakes import START, App
from tests.unit.base import UNKNOWN, fields_of


def create(app: App, actor: SessionActor, title: str, parent: Task | None = None) -> Task:
    return app.do(actor, app.tasks.create, {"title": title, "parent": parent.id if parent else None})


def create_chain(app: App, actor: SessionActor, length: int) -> list[Task]:
    """Create tasks, each a subtask of the previous one."""
    tasks: list[Task] = []
    for number in range(length):
        tasks.append(create(app, actor, f"level {number + 1}", tasks[-1] if tasks else None))
    return tasks


def move(app: App, actor: SessionActor, task: Task, parent: Task | None) -> Task:
    return app.do(actor, app.tasks.edit, task.id, {"parent": parent.id if parent else None})


def refuse_parent(app: App, actor: SessionActor, task: Task | None, parent_id: UUID) -> str:
    """Require that a task cannot be created or moved there, and return why."""
    before = app.see(actor, app.tasks.list, TaskQuery(at=START)).items
    fields: TaskFields = {"title": "new", "parent": parent_id}
    with pytest.raises(InvalidInput) as caught:
        app.do(actor, app.tasks.edit, task.id, fields) if task else app.do(actor, app.tasks.create, fields)
    assert fields_of(caught) == ["parent"]
    assert app.see(actor, app.tasks.list, TaskQuery(at=START)).items == before
    return caught.value.errors[0].message


def test_a_subtask_has_its_parents_root_and_members(app: App, alice: SessionActor, bob: SessionActor) -> None:
    top, middle = create_chain(app, alice, 2)
    app.do(alice, app.sharing.share, top.id, "bob", Role.VIEWER)
    below = create(app, alice, "below", middle)
    assert (below.parent, below.root, below.members) == (middle.id, top.id, (Member(bob.user_id, Role.VIEWER),))
    assert app.see(bob, app.tasks.get, below.id) == below
    query = TaskQuery(at=START, parent=middle.id)
    assert app.see(alice, app.tasks.list, query).items == app.see(bob, app.tasks.list, query).items == [below]
    query = TaskQuery(at=START, parent="none")
    assert [task.id for task in app.see(bob, app.tasks.list, query).items] == [top.id]


def test_a_parent_that_is_not_an_own_undeleted_task_is_refused(
    app: App, alice: SessionActor, bob: SessionActor
) -> None:
    task, trashed = create(app, alice, "task"), create(app, alice, "trashed")
    app.do(alice, app.trash.delete, trashed.id)
    bobs_task = create(app, bob, "of bob")
    app.do(bob, app.sharing.share, bobs_task.id, "alice", Role.EDITOR)
    secret = create(app, bob, "secret")
    for parent, reason in (
        (UNKNOWN, "not one"),
        (secret.id, "not one"),
        (trashed.id, "not one"),
        (bobs_task.id, "role"),
    ):
        assert reason in refuse_parent(app, alice, None, parent)
        assert reason in refuse_parent(app, alice, task, parent)


def test_the_depth_of_nesting_is_limited(app: App, alice: SessionActor) -> None:
    tasks = create_chain(app, alice, MAX_DEPTH)
    refuse_parent(app, alice, None, tasks[-1].id)
    single = create(app, alice, "single")
    refuse_parent(app, alice, single, tasks[-1].id)
    assert move(app, alice, single, tasks[-2]).root == tasks[0].id
    pair = create_chain(app, alice, 2)
    refuse_parent(app, alice, pair[0], tasks[-2].id)
    move(app, alice, pair[0], tasks[-3])
    assert app.see(alice, app.tasks.get, pair[1].id).root == tasks[0].id
    # Deleted subtasks count, because they can be restored.
    other = create_chain(app, alice, 2)
    app.do(alice, app.trash.delete, other[1].id)
    refuse_parent(app, alice, other[0], tasks[-2].id)


def test_moving_a_task_moves_its_subtasks(app: App, alice: SessionActor, bob: SessionActor) -> None:
    tasks = create_chain(app, alice, 4)
    home = create(app, alice, "home")
    app.do(alice, app.sharing.share, home.id, "bob", Role.EDITOR)
    app.do(alice, app.trash.delete, tasks[3].id)
    app.clock.advance(hours=1)
    moved = move(app, alice, tasks[1], home)
    members = (Member(bob.user_id, Role.EDITOR),)
    assert (moved.parent, moved.root, moved.members, moved.version) == (home.id, home.id, members, 2)
    below = app.see(bob, app.tasks.get, tasks[2].id)
    assert (below.parent, below.root, below.members, below.version) == (tasks[1].id, home.id, members, 2)
    assert below.updated_at == moved.updated_at == app.clock.now()
    assert app.see(alice, app.tasks.get, tasks[0].id) == tasks[0]
    assert app.do(alice, app.trash.restore, tasks[3].id).members == members


def test_a_task_moved_out_keeps_its_members_and_one_moved_in_gets_new_ones(
    app: App, alice: SessionActor, bob: SessionActor
) -> None:
    home, work = (app.do(alice, app.categories.create, {"name": name}).id for name in ("home", "work"))
    top, below, deeper = create_chain(app, alice, 3)
    for task, category in ((top, home), (below, work)):
        app.do(alice, app.tasks.edit, task.id, {"category": category})
    app.do(alice, app.sharing.share, top.id, "bob", Role.EDITOR)
    alone = move(app, alice, below, None)
    assert (alone.parent, alone.category) == (None, work)
    assert alone.tree == Tree(below.id, work, alice.user_id, (Member(bob.user_id, Role.EDITOR),))
    refuse_parent(app, alice, alone, deeper.id)
    assert app.see(bob, app.tasks.get, deeper.id).root == below.id
    app.do(alice, app.sharing.unshare, top.id, bob.user_id)
    assert app.see(bob, app.tasks.get, deeper.id).members == alone.members
    assert move(app, alice, below, top).category == work
    assert [task.id for task in app.see(bob, app.tasks.list, TaskQuery(at=START)).items] == []
    change = app.see(alice, app.history.list, below.id).changes.items[0]
    assert change.fields["members"] == FieldChange([f"{bob.user_id} editor"], [])
    assert change.fields["parent"] == FieldChange(None, top.id)


def test_moving_within_a_tree_changes_only_that_task(app: App, alice: SessionActor) -> None:
    tasks = create_chain(app, alice, 4)
    assert move(app, alice, tasks[2], tasks[0]).version == 2
    assert app.see(alice, app.tasks.get, tasks[3].id) == tasks[3]


def test_a_parent_or_category_sent_by_an_editor_is_ignored(app: App, alice: SessionActor, bob: SessionActor) -> None:
    home = app.do(alice, app.categories.create, {"name": "home"})
    bobs_category = app.do(bob, app.categories.create, {"name": "home"})
    top, below = create_chain(app, alice, 2)
    app.do(alice, app.tasks.edit, below.id, {"category": home.id})
    app.do(alice, app.sharing.share, top.id, "bob", Role.EDITOR)
    before = app.see(bob, app.tasks.get, below.id)
    own = create(app, bob, "own")
    for parent, category in ((None, None), (own.id, bobs_category.id), (below.id, home.id), (UNKNOWN, UNKNOWN)):
        assert app.do(bob, app.tasks.edit, below.id, {"parent": parent, "category": category}) == before
        edited = app.do(bob, app.tasks.edit, below.id, {"title": f"{parent}", "parent": parent, "category": category})
        assert (edited.parent, edited.category, edited.title) == (top.id, home.id, f"{parent}")
        before = app.do(bob, app.tasks.replace, below.id, {"title": "replaced", "parent": parent, "category": category})
        assert (before.parent, before.category, before.title) == (top.id, home.id, "replaced")


def test_a_replacement_without_a_parent_moves_the_task_out(app: App, alice: SessionActor) -> None:
    top, below = create_chain(app, alice, 2)
    assert app.do(alice, app.tasks.replace, below.id, {"title": "inside", "parent": top.id}).parent == top.id
    assert app.do(alice, app.tasks.replace, below.id, {"title": "out"}).root == below.id


def test_a_task_can_be_created_with_a_given_id(app: App, alice: SessionActor, bob: SessionActor) -> None:
    chosen = UUID(int=12345)
    task = app.do(alice, app.tasks.create, {"title": "Task"}, chosen)
    assert (task.id, task.root) == (chosen, chosen)
    for actor in (alice, bob):
        with pytest.raises(IdTaken):
            app.do(actor, app.tasks.create, {"title": "Another"}, chosen)
    with pytest.raises(InvalidInput):
        app.do(alice, app.tasks.create, {"title": "Own child", "parent": UNKNOWN}, UNKNOWN)
    app.do(alice, app.trash.delete, chosen)
    with pytest.raises(IdTaken):
        app.do(alice, app.tasks.create, {"title": "Another"}, chosen)
    app.do(alice, app.trash.purge, chosen)
    assert app.do(bob, app.tasks.create, {"title": "Another"}, chosen).version == 1


def test_a_change_of_a_subtree_reads_only_that_subtree(app: App, alice: SessionActor) -> None:
    root = create(app, alice, "root")
    for _ in range(20):
        create(app, alice, "beside", root)
    subtree = create(app, alice, "subtree", root)
    below = create(app, alice, "below", subtree)
    read: list[UUID] = []
    children = MemoryTasks.children

    def recording(self: MemoryTasks, parents: Collection[UUID], limit: int | None = None) -> Sequence[Task]:
        found = children(self, parents, limit)
        read.extend(task.id for task in found)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryTasks, "children", recording)
        patch.delattr(MemoryTasks, "tree")
        app.do(alice, app.tasks.edit, subtree.id, {"parent": None})
        app.do(alice, app.tasks.edit, subtree.id, {"parent": root.id})
        app.do(alice, app.trash.delete, subtree.id)
        app.do(alice, app.trash.restore, subtree.id)
        app.do(alice, app.trash.delete, subtree.id)
        app.do(alice, app.trash.purge, subtree.id)
    assert set(read) == {below.id}
