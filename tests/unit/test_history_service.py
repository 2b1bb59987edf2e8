"""Histories of tasks and undo."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasktracker.domain.history import since
from tasktracker.domain.history.change import ROOT_CATEGORY, Change, FieldChange, differences, plausible
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import AlreadyChanged, InvalidInput, NotAllowed
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.recurrence.occurrence import Occurrence
from tasktracker.domain.tasks.task import Priority, State, Task, TaskFields
from tasktracker.domain.work import UnitOfWork
from tests.fakes import App
from tests.unit.base import UNKNOWN

DUE = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def task(app: App, alice: SessionActor) -> Task:
    return app.do(alice, app.tasks.create, {"title": "Task"})


def last(app: App, actor: SessionActor, task: Task) -> Change:
    return app.see(actor, app.history.list, task.id).changes.items[0]


def test_a_change_names_its_actor_session_time_and_values(
    app: App, alice: SessionActor, bob: SessionActor, task: Task
) -> None:
    home = app.do(alice, app.categories.create, {"name": "home"})
    app.do(alice, app.sharing.share, task.id, "bob", Role.EDITOR)
    app.clock.advance(hours=1)
    app.do(bob, app.tasks.edit, task.id, {"title": "By Bob", "due_date": DUE, "priority": Priority.NORMAL})
    app.clock.advance(hours=1)
    app.do(alice, app.tasks.edit, task.id, {"category": home.id, "state": State.DONE})
    page = app.see(alice, app.history.list, task.id)
    assert page.names == {alice.user_id: "alice", bob.user_id: "bob"}
    by_alice, by_bob, shared, created = page.changes.items
    assert (by_alice.action, by_alice.actor, by_alice.at, by_alice.version) == (
        Action.EDIT,
        alice.user_id,
        app.clock.now(),
        4,
    )
    assert by_alice.fields == {
        "state": FieldChange(State.OPEN, State.DONE),
        "category": FieldChange(None, home.id),
        "completed_at": FieldChange(None, app.clock.now()),
    }
    assert (by_bob.actor, by_bob.session_id, by_bob.token_id) == (bob.user_id, bob.session_id, None)
    assert by_bob.fields == {"title": FieldChange("Task", "By Bob"), "due_date": FieldChange(None, DUE)}
    assert shared.action is Action.SHARE
    assert (created.action, created.version) == (Action.CREATE, 1)
    assert created.fields == {
        "title": FieldChange(None, "Task"),
        "description": FieldChange(None, ""),
        "priority": FieldChange(None, Priority.NORMAL),
        "state": FieldChange(None, State.OPEN),
    }
    # Members do not see the owner's category, and nothing from before their access.
    visible = app.see(bob, app.history.list, task.id).changes.items
    assert visible[0].fields == {name: each for name, each in by_alice.fields.items() if name != "category"}
    members = FieldChange(None, [f"{bob.user_id} editor"])
    assert visible[1:] == [by_bob, replace(shared, fields={"members": members})]


def test_a_history_is_read_in_pages(app: App, alice: SessionActor, bob: SessionActor, task: Task) -> None:
    for number in range(4):
        app.do(alice, app.tasks.edit, task.id, {"title": str(number)})
    first = app.see(alice, app.history.list, task.id, None, 2).changes
    assert ([each.version for each in first.items], first.next) == ([5, 4], first.items[-1].key)
    rest = app.see(alice, app.history.list, task.id, first.next, 3).changes
    assert ([each.version for each in rest.items], rest.next) == ([3, 2, 1], None)
    app.do(alice, app.sharing.share, task.id, "bob", Role.VIEWER)
    of_member = app.see(bob, app.history.list, task.id, None, 1).changes
    assert ([each.version for each in of_member.items], of_member.next) == ([6], None)


def test_the_time_of_a_device_is_moved_into_the_life_of_the_task(task: Task) -> None:
    minute = timedelta(minutes=1)
    now = task.created_at + 2 * minute
    for made_at, expected in (
        (task.created_at - minute, task.created_at),
        (task.created_at + minute, task.created_at + minute),
        (now + minute, now),
    ):
        assert plausible(made_at, replace(task, updated_at=now), now) == expected


def test_a_change_of_the_next_occurrence_has_both_values(task: Task) -> None:
    kept = Occurrence(slot=DUE, series=task.id)
    one, other = (replace(task, occurrence=replace(kept, next=next_)) for next_ in (UNKNOWN, task.id))
    assert differences(one, other) == {"next": FieldChange(UNKNOWN, task.id)}
    assert differences(other, task) == {"next": FieldChange(task.id, None)}


def test_a_change_of_a_shared_category_has_the_root_category(task: Task) -> None:
    shared = replace(task, root_category=UNKNOWN, list_members=(Member(task.owner, Role.OWNER),))
    assert differences(task, shared) == {ROOT_CATEGORY: FieldChange(None, UNKNOWN)}
    assert differences(shared, task) == {ROOT_CATEGORY: FieldChange(UNKNOWN, None)}
    assert differences(None, shared)[ROOT_CATEGORY] == FieldChange(None, UNKNOWN)
    assert differences(task, replace(task, root_category=UNKNOWN)) == {}  # a category that is not shared


def test_a_change_is_not_earlier_than_its_predecessor_after_the_clock_went_back(
    app: App, alice: SessionActor, task: Task
) -> None:
    app.clock.advance(hours=1)
    app.do(alice, app.tasks.edit, task.id, {"title": "Later"})
    later = app.clock.now()
    app.clock.advance(hours=-1)
    app.do(alice, app.tasks.edit, task.id, {"title": "Latest"})
    app.do(alice, app.trash.delete, task.id)
    app.do(alice, app.trash.restore, task.id)
    assert last(app, alice, task).at == later
    assert [change.at for change in app.see(alice, app.history.list, task.id).changes.items[:2]] == [later, later]


def test_a_change_without_effect_is_not_recorded(app: App, alice: SessionActor, task: Task) -> None:
    app.do(alice, app.tasks.edit, task.id, {"title": "Task"})
    app.do(alice, app.trash.restore, task.id)
    assert len(app.see(alice, app.history.list, task.id).changes.items) == 1


def test_deleting_a_category_is_recorded_for_its_tasks(app: App, alice: SessionActor) -> None:
    home = app.do(alice, app.categories.create, {"name": "home"})
    task = app.do(alice, app.tasks.create, {"title": "Task", "category": home.id})
    app.do(alice, app.category_removal.delete, home.id)
    change = last(app, alice, task)
    assert (change.action, change.version, change.actor) == (Action.MOVE, 2, alice.user_id)
    assert change.fields == {"category": FieldChange(home.id, None)}
    with pytest.raises(InvalidInput):
        app.do(alice, app.history.undo, task.id, change.id)


# ---------------------------------------------------------------- undoing


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "Edited"},
        {"description": "Described"},
        {"priority": Priority.URGENT},
        {"state": State.DONE},
        {"due_date": DUE},
        {"title": "Edited", "state": State.CANCELLED, "due_date": DUE},
    ],
)
def test_undoing_resets_only_the_fields_of_that_change(
    app: App, alice: SessionActor, task: Task, fields: TaskFields
) -> None:
    app.do(alice, app.tasks.edit, task.id, fields)
    change = last(app, alice, task)
    others: TaskFields = {"description": "later"} if "description" not in fields else {"title": "later"}
    app.do(alice, app.tasks.edit, task.id, others)
    undone = app.do(alice, app.history.undo, task.id, change.id)
    expected = task.edit(others, app.clock.now())
    assert (undone.title, undone.description, undone.priority, undone.state, undone.due_date, undone.completed_at) == (
        expected.title,
        expected.description,
        expected.priority,
        expected.state,
        expected.due_date,
        None,
    )
    assert undone.version == 4
    assert last(app, alice, task).action is Action.UNDO


def test_the_owner_can_undo_changes_of_category_and_parent(app: App, alice: SessionActor, task: Task) -> None:
    home = app.do(alice, app.categories.create, {"name": "home"})
    other = app.do(alice, app.tasks.create, {"title": "other"})
    app.do(alice, app.tasks.edit, task.id, {"category": home.id, "parent": other.id})
    undone = app.do(alice, app.history.undo, task.id, last(app, alice, task).id)
    assert (undone.category, undone.parent, undone.root) == (None, None, task.id)
    redone = app.do(alice, app.history.undo, task.id, last(app, alice, task).id)
    assert (redone.category, redone.parent, redone.root) == (home.id, other.id, other.id)
    app.do(alice, app.history.undo, task.id, last(app, alice, task).id)
    app.do(alice, app.trash.delete, other.id)
    with pytest.raises(InvalidInput) as caught:
        app.do(alice, app.history.undo, task.id, last(app, alice, task).id)
    (error,) = caught.value.errors
    assert (error.field, error.message[:32]) == ("change", "cannot be undone, because parent")


def test_an_editor_can_undo_their_fields_and_a_viewer_nothing(
    app: App, alice: SessionActor, bob: SessionActor, task: Task
) -> None:
    home = app.do(alice, app.categories.create, {"name": "home"})
    other = app.do(alice, app.tasks.create, {"title": "other"})
    app.do(alice, app.sharing.share, task.id, "bob", Role.EDITOR)
    app.do(alice, app.sharing.share, other.id, "bob", Role.EDITOR)
    app.do(alice, app.tasks.edit, task.id, {"title": "Edited", "category": home.id, "parent": other.id})
    undone = app.do(bob, app.history.undo, task.id, last(app, alice, task).id)
    assert (undone.title, undone.category, undone.parent) == ("Task", home.id, other.id)
    for fields in ({"category": None}, {"parent": None}):
        current = app.do(alice, app.tasks.edit, task.id, fields)  # type: ignore[arg-type]
        with pytest.raises(NotAllowed):
            app.do(bob, app.history.undo, task.id, last(app, alice, task).id)
        assert app.see(bob, app.tasks.get, task.id) == current
    app.do(alice, app.sharing.assign, task.id, bob.user_id, Role.VIEWER)
    for change in (*app.see(bob, app.history.list, task.id).changes.items, None):
        with pytest.raises(NotAllowed):
            app.do(bob, app.history.undo, task.id, change.id if change else UNKNOWN)


def test_an_undo_that_meets_a_concurrent_change_is_refused(
    app: App, alice: SessionActor, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.do(alice, app.tasks.edit, task.id, {"title": "Edited"})
    edit = app.tasks.edit

    def edit_after_another(work: UnitOfWork[SessionActor], *arguments: Any) -> Task:
        monkeypatch.undo()
        edit(work, task.id, {"title": "By another"})
        return edit(work, *arguments)

    monkeypatch.setattr(app.tasks, "edit", edit_after_another)
    with pytest.raises(AlreadyChanged):
        app.do(alice, app.history.undo, task.id, last(app, alice, task).id)


def test_the_changes_since_a_version_are_complete_when_they_fill_several_pages(
    app: App, alice: SessionActor, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(since, "MAX_PAGE", 2)
    for number in range(6):
        task = app.do(alice, app.tasks.edit, task.id, {"title": str(number)})
    with app.store.reading(alice) as work:
        for base in range(8):
            changes, has_older = since.changes_since(work.history, task, base)
            assert ([each.version for each in changes], has_older) == (list(range(base + 1, 8)), base > 0)


def test_a_task_is_given_by_another_user(app: App, alice: SessionActor, task: Task) -> None:
    change = replace(last(app, alice, task), fields={"owner": FieldChange(str(UNKNOWN), str(alice.user_id))})
    assert [replace(change, actor=each).gives_to(alice.user_id) for each in (alice.user_id, UNKNOWN)] == [False, True]
