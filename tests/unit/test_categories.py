"""Categories and their names."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from tasktracker.domain.categories.category import CATEGORY, Category, CategoryFields, CategoryKey, CategoryMember
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.kernel.fields import check
from tasktracker.domain.kernel.members import Member, Role
from tests.fakes import START, App

HOME = Category(id=UUID(int=1), user_id=UUID(int=2), name="Home", created_at=START, updated_at=START)
LATER = START + timedelta(hours=1)


def test_a_change_sets_the_next_version_and_its_time() -> None:
    edited = HOME.edit({"color": "#1e90ff"}, LATER)
    assert (edited.color, edited.name, edited.version, edited.updated_at) == ("#1e90ff", "Home", 2, LATER)
    assert edited.created_at == START


def test_a_new_or_changed_member_is_a_change() -> None:
    viewer = CategoryMember(UUID(int=3), Role.VIEWER, since=LATER)
    shared = HOME.with_member(viewer, LATER)
    assert (shared.members, shared.version, shared.updated_at) == ((viewer,), 2, LATER)
    assert [each.user_id for each in shared.list_members] == sorted([HOME.user_id, viewer.user_id])
    owner = replace(shared, user_id=UUID(int=2**128 - 1))
    assert [each.user_id for each in owner.list_members] == [viewer.user_id, owner.user_id]
    promoted = shared.with_member(replace(viewer, role=Role.EDITOR), LATER + timedelta(hours=1))
    assert (promoted.version, promoted.updated_at) == (3, LATER + timedelta(hours=1))


def test_each_member_changes_leaves_or_becomes_the_owner_alone() -> None:
    viewer = CategoryMember(UUID(int=4), Role.VIEWER, since=START)
    editor = CategoryMember(UUID(int=3), Role.EDITOR, since=LATER, is_ready=True)
    shared = HOME.with_members((viewer, editor), LATER)
    assert HOME.list_members == ()
    assert shared.members == (editor, viewer)
    assert shared.list_members == (
        Member(HOME.user_id, Role.OWNER),
        Member(editor.user_id, Role.EDITOR),
        Member(viewer.user_id, Role.VIEWER),
    )
    demoted = replace(editor, role=Role.VIEWER)
    assert shared.with_member(demoted, LATER).members == (demoted, viewer)
    assert shared.without_member(editor.user_id, LATER).members == (viewer,)
    passed = shared.pass_to(editor.user_id, "Other", LATER)
    assert (passed.user_id, passed.name, passed.members, passed.version) == (editor.user_id, "Other", (viewer,), 3)
    assert [passed.field_version(name) for name in ("name", "description", "color")] == [3, 1, 1]
    assert replace(HOME, version=7).edit({"color": "#1e90ff"}, LATER).field_versions["name"] == 7


def test_an_edit_without_effect_returns_the_same_category() -> None:
    assert HOME.edit({}, LATER) is HOME
    assert HOME.edit({"name": "Home", "description": "", "color": None}, LATER) is HOME


def test_a_clock_that_went_back_does_not_lower_updated_at() -> None:
    assert HOME.edit({"name": "Work"}, START - timedelta(hours=1)).updated_at == START


def test_a_new_name_needs_a_visible_character(app: App, alice: SessionActor) -> None:
    category = app.do(alice, app.categories.create, {"name": "\U0001f3e0"})
    with pytest.raises(InvalidInput, match="visible"):
        app.do(alice, app.categories.create, {"name": "\u200b"})
    with pytest.raises(InvalidInput, match="visible"):
        app.do(alice, app.categories.edit, category.id, {"name": "\u3164"})


def test_a_stored_name_that_looks_empty_can_be_sent_back(app: App, alice: SessionActor) -> None:
    old = replace(HOME, user_id=alice.user_id, name="\u200b")
    with app.store.writing(alice) as work:
        work.categories.add(old)
    edited = app.do(alice, app.categories.replace, old.id, {"name": "\u200b", "color": "#1e90ff"})
    assert (edited.name, edited.color) == ("\u200b", "#1e90ff")


def test_the_order_is_by_case_folded_name() -> None:
    assert HOME.key == CategoryKey("home", HOME.id)
    assert CategoryKey("a", UUID(int=9)) < CategoryKey("b", UUID(int=1)) < CategoryKey("b", UUID(int=2))


def test_values_are_canonicalised() -> None:
    fields: CategoryFields = {"name": "  " + "x" * 64, "description": " x ", "color": "#1E90fF"}
    assert check(CATEGORY.rules, fields) == {"name": "x" * 64, "description": " x ", "color": "#1e90ff"}
    assert check(CATEGORY.rules, {"color": None}) == {"color": None}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", " \t"),
        ("name", "x" * 65),
        ("name", "\0"),
        ("name", "\ud800"),
        ("description", "x" * 1001),
        ("description", "\0"),
        ("color", ""),
        ("color", "red"),
        ("color", "#123"),
        ("color", "#12345g"),
        ("color", "#1234567"),
        ("color", "#123456\n"),
        ("color", "#\u0661\u0662\u0663\u0664\u0665\u0666"),
    ],
)
def test_a_bad_value_is_refused(field: str, value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(CATEGORY.rules, {field: value})
    assert [error.field for error in caught.value.errors] == [field]
