"""Permissions of every role for every operation on a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import pytest

from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import DomainError, NotAllowed, TaskNotFound
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.tasks.policy import (
    require_editable,
    require_owned,
    require_restorable,
    require_visible,
    role_of,
)
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import Task
from tests.fakes import START, App
from tests.unit.base import PASSWORD

USERNAMES = ("owner", "editor", "viewer", "former", "stranger")


@dataclass
class World:
    """A task with a subtask, and users with every role and without one."""

    app: App
    users: dict[str, SessionActor]
    task: Task
    below: Task
    change: UUID

    def state(self) -> object:
        """Return everything that the operations can change."""
        owner = self.users["owner"]
        lists = [
            self.app.see(actor, self.app.tasks.list, TaskQuery(at=START, limit=100)).items
            for actor in self.users.values()
        ]
        return lists, self.app.see(owner, self.app.trash.list).items


@pytest.fixture
def world() -> World:
    app = App.in_memory()
    users = {name: app.actor(app.registration.register({"username": name}, PASSWORD)) for name in USERNAMES}
    owner = users["owner"]
    task = app.do(owner, app.tasks.create, {"title": "task"})
    below = app.do(owner, app.tasks.create, {"title": "below", "parent": task.id})
    for name, role in (("editor", Role.EDITOR), ("viewer", Role.VIEWER), ("former", Role.EDITOR)):
        app.do(owner, app.sharing.share, task.id, name, role)
    app.do(owner, app.sharing.unshare, task.id, users["former"].user_id)
    task = app.do(owner, app.tasks.edit, task.id, {"title": "edited"})
    change = app.see(owner, app.history.list, task.id).changes.items[0].id
    return World(app, users, task, app.see(owner, app.tasks.get, below.id), change)


Operation = Callable[[World, SessionActor], object]
READ: dict[str, Operation] = {
    "get": lambda world, actor: world.app.see(actor, world.app.tasks.get, world.task.id),
    "get a subtask": lambda world, actor: world.app.see(actor, world.app.tasks.get, world.below.id),
    "see the members": lambda world, actor: world.app.see(actor, world.app.sharing.list, world.task.id),
    "see the history": lambda world, actor: world.app.see(actor, world.app.history.list, world.task.id),
}
CHANGE: dict[str, Operation] = {
    "edit": lambda world, actor: world.app.do(actor, world.app.tasks.edit, world.task.id, {"title": "new"}),
    "edit nothing": lambda world, actor: world.app.do(actor, world.app.tasks.edit, world.task.id, {}),
    "edit a subtask": lambda world, actor: world.app.do(actor, world.app.tasks.edit, world.below.id, {"title": "new"}),
    "replace": lambda world, actor: world.app.do(actor, world.app.tasks.replace, world.task.id, {"title": "new"}),
    "undo": lambda world, actor: world.app.do(actor, world.app.history.undo, world.task.id, world.change),
}
OWN: dict[str, Operation] = {
    "delete": lambda world, actor: world.app.do(actor, world.app.trash.delete, world.task.id),
    "delete a subtask": lambda world, actor: world.app.do(actor, world.app.trash.delete, world.below.id),
    "share": lambda world, actor: world.app.do(actor, world.app.sharing.share, world.task.id, "stranger", Role.VIEWER),
    "share a subtask": lambda world, actor: world.app.do(
        actor, world.app.sharing.share, world.below.id, "stranger", Role.VIEWER
    ),
    "give another role": lambda world, actor: world.app.do(
        actor, world.app.sharing.assign, world.task.id, world.users["viewer"].user_id, Role.EDITOR
    ),
    "try usernames": lambda world, actor: world.app.invitation_limit.consume(actor, world.task.id),
    "restore what is not deleted": lambda world, actor: world.app.do(actor, world.app.trash.restore, world.task.id),
}
ALLOWED = (
    [(operation, {"owner", "editor", "viewer"}) for operation in READ]
    + [(operation, {"owner", "editor"}) for operation in CHANGE]
    + [(operation, {"owner"}) for operation in OWN]
)
OPERATIONS = READ | CHANGE | OWN


@pytest.mark.parametrize("username", USERNAMES)
@pytest.mark.parametrize(("name", "allowed"), ALLOWED)
def test_every_user_can_do_what_their_role_allows(world: World, name: str, allowed: set[str], username: str) -> None:
    before = world.state()
    if username in allowed:
        OPERATIONS[name](world, world.users[username])
        return
    # Only a user who can see the task gets NotAllowed.
    refusal: type[DomainError] = NotAllowed if username in ("editor", "viewer") else TaskNotFound
    with pytest.raises(DomainError) as caught:
        OPERATIONS[name](world, world.users[username])
    assert caught.type is refusal
    assert world.state() == before


@pytest.mark.parametrize("username", USERNAMES)
@pytest.mark.parametrize("member_name", ["editor", "viewer"])
def test_a_member_is_removed_only_by_the_owner_or_themselves(world: World, username: str, member_name: str) -> None:
    app, actor, member = world.app, world.users[username], world.users[member_name]
    if username in ("owner", member_name):
        app.do(actor, app.sharing.unshare, world.below.id, member.user_id)
        for task in (world.task, world.below):
            with pytest.raises(TaskNotFound):
                app.see(member, app.tasks.get, task.id)
            assert role_of(app.see(world.users["owner"], app.tasks.get, task.id), member.user_id) is None
    else:
        with pytest.raises(DomainError) as caught:
            app.do(actor, app.sharing.unshare, world.task.id, member.user_id)
        assert caught.type is (NotAllowed if username in ("editor", "viewer") else TaskNotFound)
        assert app.see(member, app.tasks.get, world.task.id) == world.task


@pytest.mark.parametrize("username", USERNAMES)
@pytest.mark.parametrize("operation", [*OPERATIONS, "purge", "leave"])
def test_only_the_owner_can_restore_or_purge_a_deleted_task(world: World, operation: str, username: str) -> None:
    app, actor = world.app, world.users[username]
    app.do(world.users["owner"], app.trash.delete, world.task.id)
    more: dict[str, Operation] = {
        "purge": lambda world, actor: app.do(actor, app.trash.purge, world.task.id),
        "leave": lambda world, actor: app.do(actor, app.sharing.unshare, world.task.id, actor.user_id),
    }
    call = (OPERATIONS | more)[operation]
    if username == "owner" and operation in ("purge", "restore what is not deleted"):
        call(world, actor)
        assert app.see(actor, app.trash.list).items == []
        return
    with pytest.raises(TaskNotFound):
        call(world, actor)
    assert len(app.see(world.users["owner"], app.trash.list).items) == 1
    if username != "owner":
        assert app.see(actor, app.trash.list).items == []


@pytest.mark.parametrize("username", USERNAMES)
def test_a_task_outside_the_trash_cannot_be_purged(world: World, username: str) -> None:
    with pytest.raises(DomainError) as caught:
        world.app.do(world.users[username], world.app.trash.purge, world.task.id)
    assert caught.type is (NotAllowed if username in ("editor", "viewer") else TaskNotFound)


OWNER, EDITOR, VIEWER, STRANGER = (UUID(int=number) for number in range(1, 5))


def shared() -> Task:
    return Task.create(
        id=UUID(int=9),
        created_by=OWNER,
        now=START,
        fields={"title": "task"},
    ).with_members((Member(EDITOR, Role.EDITOR), Member(VIEWER, Role.VIEWER)), START)


def outcome(rule: Callable[[Task | None, UUID], Task], task: Task | None, user_id: UUID) -> type[DomainError] | None:
    try:
        assert rule(task, user_id) is task
    except DomainError as error:
        return type(error)
    return None


def test_every_rule_depends_on_the_role() -> None:
    task = shared()
    users = (OWNER, EDITOR, VIEWER, STRANGER)
    assert [role_of(task, user_id) for user_id in users] == [Role.OWNER, Role.EDITOR, Role.VIEWER, None]
    assert task.owners == (OWNER, EDITOR)
    table: dict[Callable[[Task | None, UUID], Task], list[type[DomainError] | None]] = {
        require_visible: [None, None, None, TaskNotFound],
        require_editable: [None, None, NotAllowed, TaskNotFound],
        require_owned: [None, NotAllowed, NotAllowed, TaskNotFound],
        require_restorable: [None, NotAllowed, NotAllowed, TaskNotFound],
    }
    trashed = task.trash(task.id, START)
    for rule, expected in table.items():
        assert [outcome(rule, task, user_id) for user_id in users] == expected
        assert [outcome(rule, None, user_id) for user_id in users] == [TaskNotFound] * 4
        own: list[type[DomainError] | None] = [None if rule is require_restorable else TaskNotFound]
        others: list[type[DomainError] | None] = [TaskNotFound] * 3
        assert [outcome(rule, trashed, user_id) for user_id in users] == own + others
