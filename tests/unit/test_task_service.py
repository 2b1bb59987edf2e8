"""Getting things done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import InvalidInput, SessionEnded, Stale, TaskNotFound
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import Priority, State, Task, TaskFields
from tests.fakes import App

UNKNOWN = UUID(int=1)


@pytest.fixture
def app() -> App:
    return App.in_memory()


@pytest.fixture
def alice(app: App) -> SessionActor:
    return app.actor(app.registration.register({"username": "alice"}, "correct horse"))


@pytest.fixture
def bob(app: App) -> SessionActor:
    return app.actor(app.registration.register({"username": "bob"}, "correct horse"))


@pytest.fixture
def task(app: App, alice: SessionActor) -> Task:
    return app.do(alice, app.tasks.create, {"title": "Task"})


def fields_of(caught: pytest.ExceptionInfo[InvalidInput]) -> list[str]:
    return [error.field for error in caught.value.errors]


def test_a_created_task_is_stored(app: App, alice: SessionActor) -> None:
    home = app.do(alice, app.categories.create, {"name": "Home"})
    fields: TaskFields = {
        "title": "  Task ",
        "description": "Described",
        "priority": Priority.HIGH,
        "state": State.DONE,
        "due_date": datetime(2026, 4, 1, tzinfo=UTC),
        "category": home.id,
    }
    task = app.do(alice, app.tasks.create, fields)
    assert (task.title, task.description, task.priority, task.state) == (
        "Task",
        "Described",
        Priority.HIGH,
        State.DONE,
    )
    assert (task.due_date, task.category, task.created_by) == (
        datetime(2026, 4, 1, tzinfo=UTC),
        home.id,
        alice.user_id,
    )
    assert task.created_at == task.updated_at == task.completed_at == app.clock.now()
    assert app.see(alice, app.tasks.get, task.id) == task


def test_a_task_needs_a_title_and_every_bad_field_is_named(app: App, alice: SessionActor) -> None:
    with pytest.raises(InvalidInput) as caught:
        app.do(alice, app.tasks.create, {"description": "\0", "due_date": datetime(2026, 1, 1)})  # noqa: DTZ001
    assert sorted(fields_of(caught)) == ["description", "due_date", "title"]


def test_a_category_that_is_not_an_own_one_is_refused(
    app: App, alice: SessionActor, bob: SessionActor, task: Task
) -> None:
    foreign = app.do(bob, app.categories.create, {"name": "Home"})
    for category in (foreign.id, UNKNOWN):
        with pytest.raises(InvalidInput) as caught:
            app.do(alice, app.tasks.create, {"title": "Task", "category": category})
        assert fields_of(caught) == ["category"]
        with pytest.raises(InvalidInput) as caught:
            app.do(alice, app.tasks.edit, task.id, {"category": category})
        assert fields_of(caught) == ["category"]
    assert [item.id for item in app.see(alice, app.tasks.list, TaskQuery(at=app.clock.now())).items] == [task.id]
    assert app.see(alice, app.tasks.get, task.id) == task


def test_another_user_cannot_see_or_change_a_task(app: App, bob: SessionActor, task: Task) -> None:
    for call in (
        lambda: app.see(bob, app.tasks.get, task.id),
        lambda: app.do(bob, app.tasks.edit, task.id, {"title": "Mine"}),
        lambda: app.do(bob, app.tasks.replace, task.id, {"title": "Mine"}),
        lambda: app.do(bob, app.trash.delete, task.id),
        lambda: app.do(bob, app.trash.delete, task.id, frozenset()),
    ):
        with pytest.raises(TaskNotFound):
            call()
    assert not app.see(bob, app.tasks.list, TaskQuery(at=app.clock.now())).items


def test_an_edit_changes_only_the_given_fields(app: App, alice: SessionActor, task: Task) -> None:
    app.do(alice, app.tasks.edit, task.id, {"description": "Described"})
    app.clock.advance(hours=1)
    edited = app.do(alice, app.tasks.edit, task.id, {"title": " Edited ", "state": State.DONE})
    assert (edited.title, edited.description, edited.version) == ("Edited", "Described", 3)
    assert edited.updated_at == edited.completed_at == app.clock.now()
    assert app.see(alice, app.tasks.get, task.id) == edited


def test_an_edit_without_effect_changes_nothing(app: App, alice: SessionActor, task: Task) -> None:
    app.clock.advance(hours=1)
    assert app.do(alice, app.tasks.edit, task.id, {"title": "Task", "state": State.OPEN}) == task
    assert app.see(alice, app.tasks.get, task.id) == task


def test_a_replacement_resets_fields_that_are_not_given(app: App, alice: SessionActor) -> None:
    home = app.do(alice, app.categories.create, {"name": "Home"})
    task = app.do(
        alice,
        app.tasks.create,
        {
            "title": "Task",
            "description": "Described",
            "priority": Priority.LOW,
            "state": State.DONE,
            "due_date": app.clock.now(),
            "category": home.id,
        },
    )
    replaced = app.do(alice, app.tasks.replace, task.id, {"title": "Replaced"})
    assert (replaced.title, replaced.description, replaced.priority, replaced.state) == (
        "Replaced",
        "",
        Priority.NORMAL,
        State.OPEN,
    )
    assert (replaced.due_date, replaced.category, replaced.completed_at) == (None, None, None)
    assert (replaced.id, replaced.created_at, replaced.version) == (task.id, task.created_at, 2)


def test_a_replacement_needs_a_title(app: App, alice: SessionActor, task: Task) -> None:
    with pytest.raises(InvalidInput) as caught:
        app.do(alice, app.tasks.replace, task.id, {"description": "Described"})
    assert fields_of(caught) == ["title"]


@pytest.mark.parametrize("expected", [frozenset({2}), frozenset({1, 2}), None])
def test_a_change_to_an_expected_version_is_made(
    app: App, alice: SessionActor, task: Task, expected: frozenset[int] | None
) -> None:
    current = app.do(alice, app.tasks.edit, task.id, {"title": "Edited"})
    edited = app.do(alice, app.tasks.edit, task.id, {"title": "Edited again"}, expected)
    assert edited.version == current.version + 1
    app.do(alice, app.trash.delete, task.id, expected and frozenset({edited.version}))
    with pytest.raises(TaskNotFound):
        app.see(alice, app.tasks.get, task.id)


@pytest.mark.parametrize("expected", [frozenset({1}), frozenset({3}), frozenset[int]()])
def test_a_change_to_an_unexpected_version_is_stale(
    app: App, alice: SessionActor, task: Task, expected: frozenset[int]
) -> None:
    current = app.do(alice, app.tasks.edit, task.id, {"title": "Edited"})
    for call in (
        lambda: app.do(alice, app.tasks.edit, task.id, {"title": "Lost"}, expected),
        lambda: app.do(alice, app.tasks.edit, task.id, {}, expected),
        lambda: app.do(alice, app.tasks.replace, task.id, {"title": "Lost"}, expected),
        lambda: app.do(alice, app.trash.delete, task.id, expected),
    ):
        with pytest.raises(Stale) as caught:
            call()
        assert caught.value.current == current
    assert app.see(alice, app.tasks.get, task.id) == current


def test_a_deleted_task_is_not_found(app: App, alice: SessionActor, task: Task) -> None:
    app.do(alice, app.trash.delete, task.id)
    for call in (
        lambda: app.see(alice, app.tasks.get, task.id),
        lambda: app.do(alice, app.tasks.edit, task.id, {"title": "Late"}),
        lambda: app.do(alice, app.trash.delete, task.id),
    ):
        with pytest.raises(TaskNotFound):
            call()


def test_a_list_is_filtered_and_cut_by_the_query(app: App, alice: SessionActor) -> None:
    tasks = []
    for number in range(5):
        app.clock.advance(minutes=1)
        state = State.DONE if number == 2 else State.OPEN
        tasks.append(app.do(alice, app.tasks.create, {"title": str(number), "state": state}))
    query = TaskQuery(at=app.clock.now() + timedelta(days=1), states=frozenset({State.OPEN}), limit=3)
    page = app.see(alice, app.tasks.list, query)
    assert list(page.items) == [tasks[4], tasks[3], tasks[1]]
    assert page.next is not None
    assert page.next.id == tasks[1].id


def test_an_ended_session_cannot_act(app: App, alice: SessionActor, task: Task) -> None:
    app.do(alice, app.sessions.end, alice.session_id)
    for call in (
        lambda: app.do(alice, app.tasks.create, {"title": "Late"}),
        lambda: app.see(alice, app.tasks.get, task.id),
        lambda: app.see(alice, app.tasks.list, TaskQuery(at=app.clock.now())),
        lambda: app.do(alice, app.tasks.edit, task.id, {"title": "Late"}),
        lambda: app.do(alice, app.trash.delete, task.id),
    ):
        with pytest.raises(SessionEnded):
            call()
