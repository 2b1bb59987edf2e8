"""Rights in the tasks of a shared category, beside those in the tasks themselves: pure functions."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from tasktracker.adapters.sql.task_rows import viewers
from tasktracker.domain.categories.category import Category, CategoryMember
from tasktracker.domain.categories.policy import can_file_in
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.tasks.policy import can_organise, can_take_out, only_category, role_of, visible_category
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.tasks.tree import tree_in
from tests.fakes import START

OWNER, USER = UUID(int=1), UUID(int=2)
LIST, PRIVATE = UUID(int=11), UUID(int=12)


def a_task(*, direct: Role | None, listed: Role | None, creator: UUID = OWNER) -> Task:
    """Return a subtask in a shared category, of which USER has these roles."""
    return Task(
        id=UUID(int=21),
        title="task",
        owner=OWNER,
        created_by=creator,
        created_at=START,
        updated_at=START,
        category=PRIVATE,
        root=UUID(int=20),
        parent=UUID(int=20),
        root_category=LIST,
        members=(Member(USER, direct),) if direct else (),
        list_members=(Member(OWNER, Role.OWNER), Member(USER, listed)) if listed else (),
    )


@pytest.mark.parametrize(
    ("direct", "listed", "role", "via", "category"),
    [
        (None, None, None, None, None),
        (Role.VIEWER, None, Role.VIEWER, None, None),
        (None, Role.VIEWER, Role.VIEWER, LIST, LIST),
        (None, Role.EDITOR, Role.EDITOR, LIST, LIST),
        (Role.VIEWER, Role.EDITOR, Role.EDITOR, None, LIST),
        (Role.EDITOR, Role.VIEWER, Role.EDITOR, None, LIST),
    ],
)
def test_the_higher_role_counts_and_the_category_of_the_root_is_seen(
    direct: Role | None, listed: Role | None, role: Role | None, via: UUID | None, category: UUID | None
) -> None:
    task = a_task(direct=direct, listed=listed)
    assert (role_of(task, USER), only_category(task, USER), only_category(task, OWNER)) == (role, via, None)
    assert visible_category(task, USER) == category
    assert can_organise(task, USER) == (listed is Role.EDITOR)
    entries = {each["user_id"]: each for each in viewers(task)}
    # The role through the category is that of its member row, whatever an entry says.
    expected = {"user_id": USER, "role": (direct or listed), "via": via, "category": category}
    assert entries.get(USER) == (expected if role else None)
    assert entries[OWNER] == {
        "user_id": OWNER,
        "role": "owner",
        "via": None,
        "category": LIST if listed else PRIVATE,
    }


@pytest.mark.parametrize("direct", [None, Role.VIEWER, Role.EDITOR])
@pytest.mark.parametrize("listed", [None, Role.VIEWER, Role.EDITOR])
def test_only_an_editor_of_the_category_takes_out_what_the_editor_created(
    direct: Role | None, listed: Role | None
) -> None:
    for creator in (OWNER, USER):
        task = a_task(direct=direct, listed=listed, creator=creator)
        assert can_take_out(task, USER) == (creator == USER and listed is Role.EDITOR)
        assert can_take_out(task, OWNER)


def test_the_owner_of_a_category_is_no_member_of_the_tasks_that_are_moved_in() -> None:
    private = Category(id=LIST, user_id=OWNER, name="list", created_at=START, updated_at=START)
    shared = replace(private, members=(CategoryMember(USER, Role.VIEWER, START),))
    direct = (Member(OWNER, Role.EDITOR), Member(UUID(int=3), Role.VIEWER))
    moved = tree_in(shared, UUID(int=21), USER, direct)
    assert (moved.owner, moved.members, moved.root_category) == (OWNER, direct[1:], LIST)
    assert moved.list_members == (Member(OWNER, Role.OWNER), Member(USER, Role.VIEWER))
    assert tree_in(private, UUID(int=21), OWNER, direct[1:]).list_members == ()
    assert tree_in(None, UUID(int=21), USER, direct).members == direct
    assert [can_file_in(shared, each) for each in (OWNER, USER, UUID(int=3))] == [True, False, False]
