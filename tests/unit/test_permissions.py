"""Who may do what with a task, for everybody and everything that can be done with one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import pytest

from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import DomainError, NotAllowed, TaskNotFound
from tasktracker.domain.tasks.member import Member, Role
from tasktracker.domain.tasks.policy import require_editable, require_own, require_owned, require_visible, role_of
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import Task
from tests.fakes import START, App

PASSWORD = "correct horse"
EVERYBODY = ("owner", "editor", "viewer", "former", "stranger")


@dataclass
class World:
    """A task with a subtask, and everybody who may or may not do something with it."""

    app: App
    people: dict[str, SessionActor]
    task: Task
    below: Task
    change: UUID

    def state(self) -> object:
        """All there is to change."""
        owner = self.people["owner"]
        lists = [
            self.app.see(actor, self.app.tasks.list, TaskQuery(at=START, limit=100)).items
            for actor in self.people.values()
        ]
        return lists, self.app.see(owner, self.app.trash.list).items


@pytest.fixture
def world() -> World:
    app = App.in_memory()
    people = {name: app.actor(app.registration.register({"username": name}, PASSWORD)) for name in EVERYBODY}
    owner = people["owner"]
    task = app.do(owner, app.tasks.create, {"title": "task"})
    below = app.do(owner, app.tasks.create, {"title": "below", "parent": task.id})
    for name, role in (("editor", Role.EDITOR), ("viewer", Role.VIEWER), ("former", Role.EDITOR)):
        app.do(owner, app.sharing.share, task.id, name, role)
    app.do(owner, app.sharing.unshare, task.id, people["former"].user_id)
    task = app.do(owner, app.tasks.edit, task.id, {"title": "edited"})
    change = app.see(owner, app.history.list, task.id).changes.items[0].id
    return World(app, people, task, app.see(owner, app.tasks.get, below.id), change)


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
        actor, world.app.sharing.assign, world.task.id, world.people["viewer"].user_id, Role.EDITOR
    ),
    "ask for names": lambda world, actor: world.app.invitation_limit.spend(actor, world.task.id),
    "restore what is not deleted": lambda world, actor: world.app.do(actor, world.app.trash.restore, world.task.id),
}
ALLOWED = (
    [(operation, {"owner", "editor", "viewer"}) for operation in READ]
    + [(operation, {"owner", "editor"}) for operation in CHANGE]
    + [(operation, {"owner"}) for operation in OWN]
)
OPERATIONS = READ | CHANGE | OWN


@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize(("name", "allowed"), ALLOWED)
def test_every_user_can_do_what_their_role_allows(world: World, name: str, allowed: set[str], who: str) -> None:
    before = world.state()
    if who in allowed:
        OPERATIONS[name](world, world.people[who])
        return
    # Only who sees the task at all is told that they may not.
    refusal: type[DomainError] = NotAllowed if who in ("editor", "viewer") else TaskNotFound
    with pytest.raises(DomainError) as caught:
        OPERATIONS[name](world, world.people[who])
    assert caught.type is refusal
    assert world.state() == before


@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize("whom", ["editor", "viewer"])
def test_a_member_is_removed_only_by_the_owner_or_themselves(world: World, who: str, whom: str) -> None:
    app, actor, member = world.app, world.people[who], world.people[whom]
    if who in ("owner", whom):
        app.do(actor, app.sharing.unshare, world.below.id, member.user_id)
        for task in (world.task, world.below):
            with pytest.raises(TaskNotFound):
                app.see(member, app.tasks.get, task.id)
            assert role_of(app.see(world.people["owner"], app.tasks.get, task.id), member.user_id) is None
    else:
        with pytest.raises(DomainError) as caught:
            app.do(actor, app.sharing.unshare, world.task.id, member.user_id)
        assert caught.type is (NotAllowed if who in ("editor", "viewer") else TaskNotFound)
        assert app.see(member, app.tasks.get, world.task.id) == world.task


@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize("operation", [*OPERATIONS, "purge", "leave"])
def test_only_the_owner_can_restore_or_purge_a_deleted_task(world: World, operation: str, who: str) -> None:
    app, actor = world.app, world.people[who]
    app.do(world.people["owner"], app.trash.delete, world.task.id)
    more: dict[str, Operation] = {
        "purge": lambda world, actor: app.do(actor, app.trash.purge, world.task.id),
        "leave": lambda world, actor: app.do(actor, app.sharing.unshare, world.task.id, actor.user_id),
    }
    call = (OPERATIONS | more)[operation]
    if who == "owner" and operation in ("purge", "restore what is not deleted"):
        call(world, actor)
        assert app.see(actor, app.trash.list).items == []
        return
    with pytest.raises(TaskNotFound):
        call(world, actor)
    assert len(app.see(world.people["owner"], app.trash.list).items) == 1
    if who != "owner":
        assert app.see(actor, app.trash.list).items == []


@pytest.mark.parametrize("who", EVERYBODY)
def test_a_task_outside_the_trash_cannot_be_purged(world: World, who: str) -> None:
    with pytest.raises(DomainError) as caught:
        world.app.do(world.people[who], world.app.trash.purge, world.task.id)
    assert caught.type is (NotAllowed if who in ("editor", "viewer") else TaskNotFound)


OWNER, EDITOR, VIEWER, STRANGER = (UUID(int=number) for number in range(1, 5))


def shared() -> Task:
    return Task.create(
        id=UUID(int=9),
        created_by=OWNER,
        now=START,
        fields={"title": "task"},
    ).under(UUID(int=9), (Member(EDITOR, Role.EDITOR), Member(VIEWER, Role.VIEWER)), START)


def outcome(rule: Callable[[Task | None, UUID], Task], task: Task | None, user_id: UUID) -> type[DomainError] | None:
    try:
        assert rule(task, user_id) is task
    except DomainError as error:
        return type(error)
    return None


def test_every_rule_depends_on_the_role() -> None:
    task = shared()
    people = (OWNER, EDITOR, VIEWER, STRANGER)
    assert [role_of(task, user_id) for user_id in people] == [Role.OWNER, Role.EDITOR, Role.VIEWER, None]
    assert task.owners == (OWNER, EDITOR)
    table: dict[Callable[[Task | None, UUID], Task], list[type[DomainError] | None]] = {
        require_visible: [None, None, None, TaskNotFound],
        require_editable: [None, None, NotAllowed, TaskNotFound],
        require_owned: [None, NotAllowed, NotAllowed, TaskNotFound],
        require_own: [None, NotAllowed, NotAllowed, TaskNotFound],
    }
    trashed = task.trash(task.id, START)
    for rule, expected in table.items():
        assert [outcome(rule, task, user_id) for user_id in people] == expected
        assert [outcome(rule, None, user_id) for user_id in people] == [TaskNotFound] * 4
        own: list[type[DomainError] | None] = [None if rule is require_own else TaskNotFound]
        others: list[type[DomainError] | None] = [TaskNotFound] * 3
        assert [outcome(rule, trashed, user_id) for user_id in people] == own + others
