"""Sharing and unsharing tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

import pytest

from tasktracker.adapters.memory.store import MemoryStore
from tasktracker.domain.categories.category import Category
from tasktracker.domain.history.change import FieldChange
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import (
    CategoryNotFound,
    InvalidInput,
    MemberNotFound,
    NotFound,
    Stale,
    TaskNotFound,
    TooManyRequests,
)
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.sharing.service import Share
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.throttling.limit import INVITATION_BY_ACCOUNT
from tests.fakes import START, App, ManualClock, SequentialIds
from tests.unit.base import PASSWORD, UNKNOWN, fields_of, register


@pytest.fixture
def bob(app: App) -> SessionActor:
    return register(app, "Bob")


@pytest.fixture
def carol(app: App) -> SessionActor:
    return register(app, "carol")


@pytest.fixture
def task(app: App, alice: SessionActor) -> Task:
    return app.do(alice, app.tasks.create, {"title": "Task"})


def test_sharing_a_task_changes_it_for_both_users(app: App, alice: SessionActor, bob: SessionActor, task: Task) -> None:
    app.clock.advance(hours=1)
    share = app.do(alice, app.sharing.share, task.id, "BOB", Role.EDITOR)
    assert share == Share(bob.user_id, "Bob", Role.EDITOR)
    shared = app.see(alice, app.tasks.get, task.id)
    assert shared == task.with_members((Member(bob.user_id, Role.EDITOR),), app.clock.now())
    assert (shared.version, shared.updated_at) == (2, app.clock.now())
    assert app.see(bob, app.tasks.get, task.id) == shared
    assert app.see(bob, app.tasks.list, TaskQuery(at=START)).items == [shared]
    expected = [Share(alice.user_id, "alice", Role.OWNER), share]
    assert app.see(alice, app.sharing.list, task.id) == app.see(bob, app.sharing.list, task.id) == expected


def test_sharing_again_changes_only_the_role(app: App, alice: SessionActor, bob: SessionActor, task: Task) -> None:
    app.do(alice, app.sharing.share, task.id, "bob", Role.EDITOR)
    app.do(alice, app.sharing.share, task.id, "bob", Role.EDITOR)
    assert app.see(alice, app.tasks.get, task.id).version == 2
    app.do(alice, app.sharing.share, task.id, "bob", Role.VIEWER)
    assert app.do(alice, app.sharing.assign, task.id, bob.user_id, Role.VIEWER) == Share(
        bob.user_id, "Bob", Role.VIEWER
    )
    assert app.see(bob, app.tasks.get, task.id).version == 3
    app.do(alice, app.sharing.assign, task.id, bob.user_id, Role.EDITOR)
    assert app.do(bob, app.tasks.edit, task.id, {"title": "Edited"}).version == 5


@pytest.mark.parametrize("name", ["unknown", "bob@example.org", "alice", ""])
def test_an_unknown_or_own_username_is_refused(
    app: App, alice: SessionActor, bob: SessionActor, task: Task, name: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        app.do(alice, app.sharing.share, task.id, name, Role.EDITOR)
    assert fields_of(caught) == ["username"]
    assert app.see(alice, app.tasks.get, task.id) == task


def test_the_role_of_owner_cannot_be_assigned(app: App, alice: SessionActor, bob: SessionActor, task: Task) -> None:
    app.do(alice, app.sharing.share, task.id, "bob", Role.EDITOR)
    with pytest.raises(InvalidInput) as caught:
        app.do(alice, app.sharing.share, task.id, "bob", Role.OWNER)
    assert fields_of(caught) == ["role"]
    with pytest.raises(InvalidInput) as caught:
        app.do(alice, app.sharing.assign, task.id, bob.user_id, Role.OWNER)
    assert fields_of(caught) == ["role"]


def test_a_user_who_is_not_a_member_is_not_found(
    app: App, alice: SessionActor, bob: SessionActor, carol: SessionActor, task: Task
) -> None:
    app.do(alice, app.sharing.share, task.id, "bob", Role.EDITOR)
    for user_id in (carol.user_id, alice.user_id, UNKNOWN):
        with pytest.raises(MemberNotFound):
            app.do(alice, app.sharing.assign, task.id, user_id, Role.VIEWER)
        with pytest.raises(MemberNotFound):
            app.do(alice, app.sharing.unshare, task.id, user_id)
    app.do(alice, app.sharing.unshare, task.id, bob.user_id)
    with pytest.raises(MemberNotFound):
        app.do(alice, app.sharing.unshare, task.id, bob.user_id)


@pytest.mark.parametrize("kind", ["task", "category"])
def test_the_number_of_tried_usernames_is_limited_for_owners(kind: str) -> None:
    clock = ManualClock()
    app = App(MemoryStore(clock, SequentialIds()), clock, throttled=True)
    alice, bob = register(app, "alice"), register(app, "bob")
    limit, owners = app.invitation_limit, [(alice, "a"), (alice, "b"), (bob, "c")]
    consume: Callable[[SessionActor, UUID], None]
    not_found: type[NotFound]
    items: Sequence[Task | Category]
    if kind == "task":
        consume, not_found = limit.consume, TaskNotFound
        items = [app.do(owner, app.tasks.create, {"title": name}) for owner, name in owners]
    else:
        consume, not_found = limit.consume_for_category, CategoryNotFound
        items = [app.do(owner, app.categories.create, {"name": name}) for owner, name in owners]
    first, second, of_bob = items
    for _ in range(INVITATION_BY_ACCOUNT.burst):
        consume(alice, first.id)
        with pytest.raises(not_found):
            consume(alice, of_bob.id)
    for each in (first, second):
        with pytest.raises(TooManyRequests):
            consume(alice, each.id)
    consume(bob, of_bob.id)
    clock.advance(INVITATION_BY_ACCOUNT.refill)
    consume(alice, first.id)


def test_sharing_any_task_shares_its_whole_tree_with_the_trash(
    app: App, alice: SessionActor, bob: SessionActor, task: Task
) -> None:
    below = app.do(alice, app.tasks.create, {"title": "below", "parent": task.id})
    deleted = app.do(alice, app.tasks.create, {"title": "deleted", "parent": below.id})
    app.do(alice, app.trash.delete, deleted.id)
    app.do(alice, app.sharing.share, below.id, "bob", Role.EDITOR)
    created = app.do(alice, app.tasks.create, {"title": "created", "parent": below.id})
    assert {each.id for each in app.see(bob, app.tasks.list, TaskQuery(at=START)).items} == {
        task.id,
        below.id,
        created.id,
    }
    app.do(alice, app.trash.restore, deleted.id)
    assert app.see(bob, app.tasks.get, deleted.id).title == "deleted"
    app.do(bob, app.sharing.unshare, deleted.id, bob.user_id)
    assert app.see(bob, app.tasks.list, TaskQuery(at=START)).items == []


def test_sharing_and_leaving_are_recorded_in_the_history(
    app: App, alice: SessionActor, bob: SessionActor, task: Task
) -> None:
    app.do(alice, app.sharing.share, task.id, "bob", Role.VIEWER)
    app.do(alice, app.sharing.assign, task.id, bob.user_id, Role.EDITOR)
    app.do(bob, app.sharing.unshare, task.id, bob.user_id)
    left, assigned, shared, _ = app.see(alice, app.history.list, task.id).changes.items
    member, editor = [f"{bob.user_id} viewer"], [f"{bob.user_id} editor"]
    assert assigned.fields == {"members": FieldChange(member, editor)}
    assert (shared.action, shared.actor, shared.fields) == (
        Action.SHARE,
        alice.user_id,
        {"members": FieldChange([], member)},
    )
    assert (left.action, left.actor, left.fields) == (
        Action.UNSHARE,
        bob.user_id,
        {"members": FieldChange(editor, [])},
    )


def test_deleting_an_account_removes_its_memberships(
    app: App, alice: SessionActor, bob: SessionActor, carol: SessionActor, task: Task
) -> None:
    below = app.do(alice, app.tasks.create, {"title": "below", "parent": task.id})
    trashed = app.do(alice, app.tasks.create, {"title": "trashed"})
    for shared in (task, trashed):
        app.do(alice, app.sharing.share, shared.id, "bob", Role.EDITOR)
    app.do(alice, app.sharing.share, task.id, "carol", Role.VIEWER)
    app.do(bob, app.tasks.edit, task.id, {"title": "by bob"})
    app.do(alice, app.trash.delete, trashed.id)
    app.account_removal.delete(bob, PASSWORD)
    app.do(alice, app.trash.restore, trashed.id)
    for each in (task, below):
        assert app.see(alice, app.tasks.get, each.id).members == (Member(carol.user_id, Role.VIEWER),)
    assert app.see(alice, app.tasks.get, trashed.id).members == ()
    page = app.see(carol, app.history.list, task.id)
    assert [(change.action, change.actor) for change in page.changes.items] == [
        (Action.UNSHARE, None),
        (Action.EDIT, None),
        (Action.SHARE, alice.user_id),
    ]
    assert page.names == {alice.user_id: "alice"}
    newcomer = register(app, "bob")
    assert app.see(newcomer, app.tasks.list, TaskQuery(at=START)).items == []


def test_a_membership_changes_only_in_an_expected_version(
    app: App, alice: SessionActor, bob: SessionActor, task: Task
) -> None:
    app.do(alice, app.sharing.share, task.id, "bob", Role.EDITOR)
    with pytest.raises(Stale):
        app.do(alice, app.sharing.assign, task.id, bob.user_id, Role.VIEWER, frozenset({1}))
    with pytest.raises(Stale):
        app.do(alice, app.sharing.unshare, task.id, bob.user_id, frozenset({1}))
    app.do(alice, app.sharing.unshare, task.id, bob.user_id, frozenset({2}))
    assert app.see(alice, app.tasks.get, task.id).members == ()
