"""What every kind of caller may do with a shared category and the tasks in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import pytest

from tasktracker.domain.kernel.actors import Actor, Scope, SessionActor
from tasktracker.domain.kernel.errors import (
    CategoryNotFound,
    DomainError,
    InsufficientScope,
    InvalidInput,
    MemberNotFound,
    NotAllowed,
    TaskNotFound,
)
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.work import Storage, UnitOfWork
from tests.backends import Backend
from tests.contracts.base import Abort, Seed, session_actor, token_actor
from tests.fakes import START, App, ManualClock, SequentialIds

OWNER, EDITOR, VIEWER, FORMER = "owner", "editor", "viewer", "former"
CREATOR = "creator"  # an editor who created the task
DIRECT = "direct"  # an editor of the task, and of nothing else
STRANGER = "stranger"
USERS = (OWNER, CREATOR, EDITOR, VIEWER, FORMER, DIRECT, STRANGER)
WRITES, READS = "a token of the editor", "a token of the editor that only reads"
CALLERS = (*USERS, WRITES, READS)


@dataclass
class World:
    """A category with a task, its subtask and a deleted task, and the callers."""

    app: App
    users: dict[str, Actor]
    category: UUID
    task: Task
    below: Task
    deleted: Task
    own: dict[str, Task]
    """A task of each user that is not shared."""

    def id(self, name: str) -> UUID:
        return self.users[name].user_id


@pytest.fixture
def world(store: Storage, seed: Seed, clock: ManualClock) -> World:
    return new_world(store, seed, clock)


@pytest.fixture(scope="module")
def kept(backend: Backend) -> World:
    """A world for tests that undo what they do."""
    backend.reset()
    return new_world(backend.store, Seed(backend.store, backend.clock, SequentialIds()), backend.clock)


@pytest.fixture
def same_world(kept: World, backend: Backend) -> Iterator[World]:
    yield kept
    backend.check()


def new_world(store: Storage, seed: Seed, clock: ManualClock) -> World:
    app = App(store, clock)
    users = {name: seed.user(name) for name in USERS}
    actors: dict[str, SessionActor] = {name: session_actor(seed.session(user)) for name, user in users.items()}
    owner, creator = actors[OWNER], actors[CREATOR]
    category = app.do(owner, app.categories.create, {"name": "Groceries"})
    for name, role in ((CREATOR, Role.EDITOR), (EDITOR, Role.EDITOR), (VIEWER, Role.VIEWER), (FORMER, Role.EDITOR)):
        app.do(owner, app.category_sharing.share, category.id, name, role)
    task = app.do(creator, app.tasks.create, {"title": "Milk", "category": category.id})
    below = app.do(creator, app.tasks.create, {"title": "Oat milk", "parent": task.id})
    deleted = app.do(creator, app.tasks.create, {"title": "Eggs", "category": category.id})
    app.do(owner, app.sharing.share, task.id, DIRECT, Role.EDITOR)
    app.do(creator, app.trash.delete, deleted.id)
    app.do(owner, app.category_sharing.unshare, category.id, users[FORMER].id)
    app.jobs.run_all()
    own = {name: app.do(actor, app.tasks.create, {"title": f"of {name}"}) for name, actor in actors.items()}
    tokens: dict[str, Actor] = {
        WRITES: token_actor(seed.api_token(users[EDITOR])),
        READS: token_actor(seed.api_token(users[EDITOR], scopes=frozenset({Scope.TASKS_READ}))),
    }
    return World(app, {**actors, **tokens}, category.id, task, below, deleted, own)


Use = Callable[[World, UnitOfWork[Actor], str], object]
Answers = dict[str, type[DomainError]]

READ_CATEGORY: Answers = dict.fromkeys((FORMER, DIRECT, STRANGER), CategoryNotFound)
OWN_CATEGORY: Answers = READ_CATEGORY | dict.fromkeys((CREATOR, EDITOR, VIEWER, WRITES), NotAllowed)
READ_TASK: Answers = dict.fromkeys((FORMER, STRANGER), TaskNotFound)
EDIT_TASK: Answers = READ_TASK | {VIEWER: NotAllowed}
ORGANISE: Answers = EDIT_TASK | {DIRECT: NotAllowed}
TRASHED: Answers = dict.fromkeys((VIEWER, FORMER, DIRECT, STRANGER), TaskNotFound)
OWN_TASK: Answers = ORGANISE | dict.fromkeys((CREATOR, EDITOR, WRITES), NotAllowed)
FILE: Answers = dict.fromkeys((VIEWER, FORMER, DIRECT, STRANGER), InvalidInput)
TAKE_OUT: Answers = EDIT_TASK | dict.fromkeys((EDITOR, WRITES), NotAllowed)

READING: dict[str, tuple[Use, Answers]] = {
    "see the category": (lambda world, work, _: world.app.categories.get(work, world.category), READ_CATEGORY),
    "see its members": (lambda world, work, _: world.app.category_sharing.list(work, world.category), READ_CATEGORY),
    "see a task": (lambda world, work, _: world.app.tasks.get(work, world.task.id), READ_TASK),
    "see a subtask": (lambda world, work, _: world.app.tasks.get(work, world.below.id), READ_TASK),
    "see a history": (lambda world, work, _: world.app.history.list(work, world.task.id), READ_TASK),
    "see the members of a task": (lambda world, work, _: world.app.sharing.list(work, world.task.id), READ_TASK),
}
WRITING: dict[str, tuple[Use, Answers]] = {
    "edit the category": (
        lambda world, work, _: world.app.categories.edit(work, world.category, {"name": "Food"}),
        OWN_CATEGORY,
    ),
    "delete the category": (
        lambda world, work, _: world.app.category_removal.delete(work, world.category),
        OWN_CATEGORY,
    ),
    "share the category": (
        lambda world, work, _: world.app.category_sharing.share(work, world.category, STRANGER, Role.VIEWER),
        OWN_CATEGORY | {STRANGER: CategoryNotFound},
    ),
    "change a role": (
        lambda world, work, _: world.app.category_sharing.assign(work, world.category, world.id(VIEWER), Role.EDITOR),
        OWN_CATEGORY,
    ),
    "remove a member": (
        lambda world, work, _: world.app.category_sharing.unshare(work, world.category, world.id(VIEWER)),
        OWN_CATEGORY,
    ),
    "leave": (
        lambda world, work, name: world.app.category_sharing.unshare(work, world.category, world.id(name)),
        READ_CATEGORY | {OWNER: MemberNotFound},
    ),
    "edit a task": (lambda world, work, _: world.app.tasks.edit(work, world.task.id, {"title": "new"}), EDIT_TASK),
    "edit a subtask": (lambda world, work, _: world.app.tasks.edit(work, world.below.id, {"title": "new"}), EDIT_TASK),
    "delete a task": (lambda world, work, _: world.app.trash.delete(work, world.task.id), ORGANISE),
    "restore a task": (lambda world, work, _: world.app.trash.restore(work, world.deleted.id), TRASHED),
    "purge a task": (
        lambda world, work, _: world.app.trash.purge(work, world.deleted.id),
        TRASHED | dict.fromkeys((CREATOR, EDITOR, WRITES), NotAllowed),
    ),
    "share a task": (
        lambda world, work, _: world.app.sharing.share(work, world.task.id, STRANGER, Role.VIEWER),
        OWN_TASK,
    ),
    "create a task": (
        lambda world, work, _: world.app.tasks.create(work, {"title": "new", "category": world.category}),
        FILE,
    ),
    "create a subtask": (
        lambda world, work, _: world.app.tasks.create(work, {"title": "new", "parent": world.task.id}),
        FILE,
    ),
    "move an own task in": (
        lambda world, work, name: world.app.tasks.edit(work, world.own[_user(name)].id, {"category": world.category}),
        FILE,
    ),
    "move an own task under one in it": (
        lambda world, work, name: world.app.tasks.edit(work, world.own[_user(name)].id, {"parent": world.task.id}),
        FILE,
    ),
    "take a task out": (
        lambda world, work, _: world.app.tasks.edit(work, world.task.id, {"category": None}),
        TAKE_OUT,
    ),
    "put a task under one elsewhere": (
        lambda world, work, name: world.app.tasks.edit(work, world.task.id, {"parent": world.own[_user(name)].id}),
        TAKE_OUT,
    ),
}


def _user(caller: str) -> str:
    return EDITOR if caller in (WRITES, READS) else caller


def outcome(world: World, use: Use, caller: str, *, writing: bool) -> type[DomainError] | None:
    """Run a use case as a caller, and undo what it did."""
    actor, store = world.users[caller], world.app.store
    try:
        with suppress(Abort), store.writing(actor) if writing else store.reading(actor) as work:
            use(world, work, caller)
            abort()
    except DomainError as error:
        return type(error)
    return None


def abort() -> None:
    raise Abort


@pytest.mark.parametrize("name", READING)
def test_every_caller_reads_what_their_role_allows(same_world: World, name: str) -> None:
    use, refused = READING[name]
    found = {caller: outcome(same_world, use, caller, writing=False) for caller in CALLERS}
    assert found == {caller: refused.get(_user(caller)) for caller in CALLERS}


@pytest.mark.parametrize("name", WRITING)
def test_every_caller_changes_what_their_role_allows(same_world: World, name: str) -> None:
    use, refused = WRITING[name]
    found = {caller: outcome(same_world, use, caller, writing=True) for caller in CALLERS}
    expected = {caller: refused.get(_user(caller)) for caller in CALLERS} | {READS: InsufficientScope}
    if name == "remove a member":
        expected[VIEWER] = None  # themselves
    assert found == expected


def test_every_caller_lists_what_their_role_allows(world: World) -> None:
    tasks, trashed = {world.task.id, world.below.id}, {world.deleted.id}
    seen = {OWNER: tasks, CREATOR: tasks, EDITOR: tasks, VIEWER: tasks, DIRECT: tasks, WRITES: tasks, READS: tasks}
    for caller in CALLERS:
        actor, app = world.users[caller], world.app
        own = {world.own[_user(caller)].id}
        listed = app.see(actor, app.tasks.list, TaskQuery(at=START)).items
        assert {task.id for task in listed} == seen.get(caller, set()) | own, caller
        filed = app.see(actor, app.tasks.list, TaskQuery(at=START, category=world.category)).items
        assert {task.id for task in filed} == (set() if caller == DIRECT else seen.get(caller, set())), caller
        in_category = app.see(actor, app.trash.list, category=world.category).items
        expected = trashed if _user(caller) in (OWNER, CREATOR, EDITOR) else set()
        assert {task.id for task in in_category} == expected, caller
        own_trash = app.see(actor, app.trash.list).items
        assert {task.id for task in own_trash} == (trashed if caller == OWNER else set()), caller
        categories = app.see(actor, app.categories.list).items
        assert [each.id for each in categories] == (
            [world.category] if _user(caller) in (OWNER, CREATOR, EDITOR, VIEWER) else []
        ), caller


def test_a_role_selects_tasks_by_the_higher_of_both_roles(world: World) -> None:
    app, ids = world.app, {world.task.id, world.below.id}
    app.do(world.users[OWNER], app.sharing.share, world.task.id, VIEWER, Role.EDITOR)
    roles = {OWNER: Role.OWNER, CREATOR: Role.EDITOR, EDITOR: Role.EDITOR, VIEWER: Role.EDITOR, DIRECT: Role.EDITOR}
    for caller, expected in roles.items():
        for role in Role:
            listed = app.see(world.users[caller], app.tasks.list, TaskQuery(at=START, role=role)).items
            assert ids & {task.id for task in listed} == (ids if role is expected else set()), (caller, role)
