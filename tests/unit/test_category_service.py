"""Filing."""

from __future__ import annotations

from uuid import UUID

import pytest

from tasktracker.domain.categories.category import Category
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import CategoryNameTaken, CategoryNotFound, InvalidInput, SessionEnded, Stale
from tests.fakes import App


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
def home(app: App, alice: SessionActor) -> Category:
    return app.do(alice, app.categories.create, {"name": " Home ", "color": "#1E90FF"})


def fields_of(caught: pytest.ExceptionInfo[InvalidInput]) -> list[str]:
    return [error.field for error in caught.value.errors]


def test_a_created_category_is_stored(app: App, alice: SessionActor, home: Category) -> None:
    assert (home.name, home.description, home.color, home.user_id) == ("Home", "", "#1e90ff", alice.user_id)
    assert home.created_at == home.updated_at == app.clock.now()
    assert app.see(alice, app.categories.get, home.id) == home


def test_every_bad_field_is_named(app: App, alice: SessionActor) -> None:
    with pytest.raises(InvalidInput) as caught:
        app.do(alice, app.categories.create, {"description": "\0", "color": "red"})
    assert sorted(fields_of(caught)) == ["color", "description", "name"]


def test_every_spelling_of_a_name_is_taken_only_for_its_user(
    app: App, alice: SessionActor, bob: SessionActor, home: Category
) -> None:
    work = app.do(alice, app.categories.create, {"name": "Work"})
    for name in ("Home", "HOME ", "\uff28ome"):
        with pytest.raises(CategoryNameTaken):
            app.do(alice, app.categories.create, {"name": name})
        with pytest.raises(CategoryNameTaken):
            app.do(alice, app.categories.edit, work.id, {"name": name})
    app.do(bob, app.categories.create, {"name": "Home"})
    assert app.do(alice, app.categories.edit, home.id, {"name": "HOME"}).name == "HOME"


def test_another_user_cannot_see_or_change_a_category(app: App, bob: SessionActor, home: Category) -> None:
    for call in (
        lambda: app.see(bob, app.categories.get, home.id),
        lambda: app.do(bob, app.categories.edit, home.id, {"name": "Mine"}),
        lambda: app.do(bob, app.categories.replace, home.id, {"name": "Mine"}),
        lambda: app.do(bob, app.category_removal.delete, home.id),
        lambda: app.see(bob, app.categories.get, UUID(int=1)),
    ):
        with pytest.raises(CategoryNotFound):
            call()
    assert not app.see(bob, app.categories.list).items


def test_an_edit_changes_only_the_given_fields(app: App, alice: SessionActor, home: Category) -> None:
    app.clock.advance(hours=1)
    edited = app.do(alice, app.categories.edit, home.id, {"description": "Sweet"})
    assert (edited.name, edited.description, edited.color, edited.version) == ("Home", "Sweet", "#1e90ff", 2)
    assert edited.updated_at == app.clock.now()
    assert app.see(alice, app.categories.get, home.id) == edited
    assert app.do(alice, app.categories.edit, home.id, {"description": "Sweet"}) == edited


def test_a_replacement_resets_other_fields_and_needs_a_name(app: App, alice: SessionActor, home: Category) -> None:
    replaced = app.do(alice, app.categories.replace, home.id, {"name": "House"})
    assert (replaced.name, replaced.description, replaced.color) == ("House", "", None)
    with pytest.raises(InvalidInput) as caught:
        app.do(alice, app.categories.replace, home.id, {"color": None})
    assert fields_of(caught) == ["name"]


def test_a_change_to_an_unexpected_version_is_stale(app: App, alice: SessionActor, home: Category) -> None:
    current = app.do(alice, app.categories.edit, home.id, {"name": "House"}, frozenset({1}))
    for call in (
        lambda: app.do(alice, app.categories.edit, home.id, {"name": "Lost"}, frozenset({1})),
        lambda: app.do(alice, app.categories.replace, home.id, {"name": "Lost"}, frozenset({3})),
        lambda: app.do(alice, app.category_removal.delete, home.id, frozenset()),
    ):
        with pytest.raises(Stale) as caught:
            call()
        assert caught.value.current == current
    app.do(alice, app.category_removal.delete, home.id, frozenset({1, 2}))
    with pytest.raises(CategoryNotFound):
        app.do(alice, app.category_removal.delete, home.id)


def test_deleting_a_category_unfiles_its_tasks(
    app: App, alice: SessionActor, bob: SessionActor, home: Category
) -> None:
    other = app.do(alice, app.categories.create, {"name": "Work"})
    filed = app.do(alice, app.tasks.create, {"title": "Filed", "category": home.id})
    elsewhere = app.do(alice, app.tasks.create, {"title": "Elsewhere", "category": other.id})
    app.clock.advance(hours=1)
    app.do(alice, app.category_removal.delete, home.id)
    unfiled = app.see(alice, app.tasks.get, filed.id)
    assert (unfiled.category, unfiled.version, unfiled.updated_at) == (None, 2, app.clock.now())
    assert app.see(alice, app.tasks.get, elsewhere.id) == elsewhere


def test_categories_are_listed_by_name_in_pages(app: App, alice: SessionActor, home: Category) -> None:
    for name in ("zoo", "Ant", "bee"):
        app.do(alice, app.categories.create, {"name": name})
    page = app.see(alice, app.categories.list, limit=3)
    assert [category.name for category in page.items] == ["Ant", "bee", "Home"]
    last = app.see(alice, app.categories.list, page.next, limit=3)
    assert [category.name for category in last.items] == ["zoo"]
    assert last.next is None


def test_an_ended_session_cannot_act(app: App, alice: SessionActor, home: Category) -> None:
    app.do(alice, app.sessions.end, alice.session_id)
    for call in (
        lambda: app.do(alice, app.categories.create, {"name": "Late"}),
        lambda: app.see(alice, app.categories.get, home.id),
        lambda: app.see(alice, app.categories.list),
        lambda: app.do(alice, app.categories.edit, home.id, {"name": "Late"}),
        lambda: app.do(alice, app.category_removal.delete, home.id),
    ):
        with pytest.raises(SessionEnded):
            call()
