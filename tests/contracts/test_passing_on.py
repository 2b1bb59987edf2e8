"""Deleting accounts with shared categories: the categories pass to editors, with all tasks in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import pytest

from tasktracker.domain.categories.category import MAX_NAME_LENGTH, Category
from tasktracker.domain.idempotency.record import Request
from tasktracker.domain.idempotency.service import once
from tasktracker.domain.jobs import service
from tasktracker.domain.jobs.job import LEASE, JobKind, after_steps
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import Busy, CategoryNotFound, InvalidInput, NotAllowed, TaskNotFound
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.removal import accounts, passing_on
from tasktracker.domain.tasks.policy import visible_category
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import Task, TaskFields
from tasktracker.domain.work import UnitOfWork
from tests.contracts.base import SHORT_WAIT, BackgroundCall, run_next
from tests.device import Device
from tests.fakes import START, SYSTEM, App
from tests.unit.base import PASSWORD, register
from tests.waiting import PATIENCE


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a piece end after one step, and a step take at most two items."""
    monkeypatch.setattr(service, "FIRST_STEPS", 1)
    monkeypatch.setattr(service, "after_time", partial(after_steps, 1))
    for module, name in ((accounts, "LEAVE_STEP"), (accounts, "TASKS_STEP"), (accounts, "ROWS_STEP")):
        monkeypatch.setattr(module, name, 2)
    monkeypatch.setattr(passing_on, "HAND_OVER_STEP", 2)


@pytest.fixture
def people(app: App) -> dict[str, SessionActor]:
    return {name: register(app, name) for name in ("alice", "bob", "carol", "dave")}


def create(app: App, actor: SessionActor, title: str, **fields: Any) -> Task:
    return app.do(actor, app.tasks.create, {"title": title, **fields})  # type: ignore[typeddict-item]


def share(app: App, owner: SessionActor, category: Category, **roles: Role) -> None:
    for name, role in roles.items():
        app.clock.advance(seconds=1)
        app.do(owner, app.category_sharing.share, category.id, name, role)
    app.jobs.run_all()


def titles(app: App, actor: SessionActor, **filters: Any) -> list[str]:
    return sorted(task.title for task in app.see(actor, app.tasks.list, TaskQuery(at=START, **filters)).items)


def pieces(app: App) -> Iterator[int]:
    """Do one piece of the jobs after another, each in another process, until none is left."""
    done = 0
    while True:
        with app.store.reading(SYSTEM) as work:
            if not work.jobs.count():
                return
        run_next(app.jobs, pieces=1)
        app.clock.advance(LEASE)
        done += 1
        yield done


def refused(expected: type[Exception], *calls: Callable[[], object]) -> None:
    for call in calls:
        with pytest.raises(expected):
            call()


@pytest.mark.parametrize("removes_category", [False, True])
def test_what_an_account_takes_along_is_deleted_for_former_members(
    app: App, people: dict[str, SessionActor], removes_category: bool
) -> None:
    alice, bob, *_ = people.values()
    groceries = app.do(alice, app.categories.create, {"name": "Groceries"})
    share(app, alice, groceries, bob=Role.VIEWER)
    create(app, alice, "Milk", category=groceries.id)
    old = Device(app.sync, bob, drops=False)
    old.catch_up()
    if removes_category:
        app.do(alice, app.category_removal.delete, groceries.id)
    else:
        app.do(alice, app.category_sharing.unshare, groceries.id, bob.user_id)
    old.catch_up()
    assert len(old.items) == 1
    app.account_removal.delete(alice, PASSWORD)
    app.jobs.run_all()
    old.catch_up()
    assert old.items == {}


def test_the_last_member_who_deletes_the_account_changes_the_category_that_the_owner_sees(
    app: App, people: dict[str, SessionActor]
) -> None:
    alice, bob, *_ = people.values()
    groceries, private = (app.do(alice, app.categories.create, {"name": name}) for name in ("Groceries", "Private"))
    top = create(app, alice, "top")
    create(app, alice, "below", parent=top.id, category=private.id)
    app.do(alice, app.tasks.edit, top.id, {"category": groceries.id})
    share(app, alice, groceries, bob=Role.VIEWER)
    device = Device(app.sync, alice)
    device.catch_up()
    assert {visible_category(task, alice.user_id) for task in device.stored_tasks()} == {groceries.id}
    app.clock.advance(LEASE)
    app.account_removal.delete(bob, PASSWORD)
    left = app.see(alice, app.categories.get, groceries.id)
    assert (left.members, left.updated_at) == ((), app.clock.now())
    assert left.version in [each.entry.version for each in device.pull().items if each.entry.id == left.id]
    device.catch_up()
    device.require_in_sync()
    app.jobs.run_all()
    device.catch_up()
    assert {visible_category(task, alice.user_id) for task in device.stored_tasks()} == {groceries.id, private.id}
    assert titles(app, alice, category=groceries.id) == ["top"]


def test_a_shared_category_passes_to_its_longest_serving_editor_at_once(
    app: App, people: dict[str, SessionActor]
) -> None:
    alice, bob, carol, dave = people.values()
    groceries = app.do(alice, app.categories.create, {"name": "Groceries"})
    private = app.do(alice, app.categories.create, {"name": "Private"})
    share(app, alice, groceries, dave=Role.VIEWER, carol=Role.EDITOR, bob=Role.EDITOR)
    made = [create(app, alice, str(number), category=groceries.id) for number in range(4)]
    below = create(app, bob, "below", parent=made[0].id)
    trashed = create(app, alice, "trashed", category=groceries.id)
    app.do(alice, app.trash.delete, trashed.id)
    create(app, alice, "own", category=private.id)
    expected = ["0", "1", "2", "3", "below"]
    devices = [Device(app.sync, actor) for actor in (bob, carol, dave)]
    for device in devices:
        device.catch_up()
    app.account_removal.delete(alice, PASSWORD)

    def require_passed() -> None:
        category = app.see(bob, app.categories.get, groceries.id)
        assert (category.user_id, [(each.user_id, each.role) for each in category.members]) == (
            carol.user_id,
            sorted([(bob.user_id, Role.EDITOR), (dave.user_id, Role.VIEWER)]),
        )
        for actor in (bob, carol, dave):
            assert titles(app, actor) == titles(app, actor, category=groceries.id) == expected
        assert titles(app, carol, role=Role.OWNER) == expected
        assert [each.title for each in app.see(carol, app.trash.list, category=groceries.id).items] == ["trashed"]
        for task in (*made, below):
            app.do(bob, app.tasks.edit, task.id, {"description": str(app.clock.now())})
            refused(NotAllowed, lambda task=task: app.do(dave, app.tasks.edit, task.id, {"title": "no"}))  # type: ignore[misc]
        refused(NotAllowed, lambda: app.do(bob, app.category_removal.delete, groceries.id))
        fresh = Device(app.sync, dave)
        for device in (fresh, *devices):
            device.catch_up()
            device.require_in_sync()

    require_passed()
    with app.store.reading(SYSTEM) as work:
        jobs = [each for kind in (JobKind.HAND_OVER, JobKind.REMOVE_ACCOUNT) for each in work.jobs.list(kind)]
        assert [(each.subject, each.position) for each in jobs] == [(groceries.id, None), (alice.user_id, None)]
        assert all(task.owner == alice.user_id for each in made if (task := work.tasks.find(each.id)) is not None)
    refused(Busy, lambda: app.do(carol, app.category_removal.delete, groceries.id))
    refused(Busy, lambda: app.account_removal.delete(carol, PASSWORD))
    app.account_removal.delete(app.actor(app.registration.register({"username": "eve"}, PASSWORD)), PASSWORD)
    done = []
    for each in pieces(app):
        done.append(each)
        require_passed()
    assert len(done) >= 4
    with app.store.reading(SYSTEM) as work:
        found = [task for each in (*made, below, trashed) if (task := work.tasks.find(each.id)) is not None]
        assert [task.owner for task in found] == [carol.user_id] * 6
        assert [task.created_by for task in found] == [None] * 4 + [bob.user_id, None]
        assert [task.category for task in found] == [groceries.id] * 4 + [None, groceries.id]
    actions = [each.action for each in app.see(carol, app.history.list, made[0].id).changes.items]
    assert Action.MOVE in actions
    with app.store.reading(SYSTEM) as work:
        assert work.categories.find_unlocked(private.id) is None
    app.do(carol, app.category_removal.delete, groceries.id)
    app.jobs.run_all()
    assert (titles(app, carol), titles(app, bob)) == (expected, [])


def test_the_shared_categories_of_all_pages_pass_on(
    app: App, people: dict[str, SessionActor], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, *_ = people.values()
    monkeypatch.setattr(passing_on, "MAX_PAGE", 1)
    made = [app.do(alice, app.categories.create, {"name": str(number)}) for number in range(3)]
    for category in (made[0], made[2]):
        share(app, alice, category, bob=Role.EDITOR)
    app.account_removal.delete(alice, PASSWORD, transfer_to="bob")
    app.jobs.run_all()
    owned = app.see(bob, app.categories.list).items
    assert [(each.id, each.user_id) for each in owned] == [(made[0].id, bob.user_id), (made[2].id, bob.user_id)]


def test_a_category_passes_to_its_only_editor_who_then_shares_it_with_no_user(
    app: App, people: dict[str, SessionActor]
) -> None:
    alice, bob, *_ = people.values()
    groceries, private = (app.do(alice, app.categories.create, {"name": name}) for name in ("Groceries", "Private"))
    share(app, alice, groceries, bob=Role.EDITOR)
    made = [create(app, alice, str(number), category=groceries.id) for number in range(4)]
    top = create(app, alice, "4")
    below = create(app, alice, "5", parent=top.id, category=private.id)
    app.do(alice, app.tasks.edit, top.id, {"category": groceries.id})
    app.do(alice, app.sharing.share, made[0].id, "bob", Role.VIEWER)
    app.account_removal.delete(alice, PASSWORD)
    device = Device(app.sync, bob)
    for _ in pieces(app):
        assert titles(app, bob) == ["0", "1", "2", "3", "4", "5"]
        device.catch_up()
        device.require_in_sync()
    assert {task.id: visible_category(task, bob.user_id) for task in device.stored_tasks()} == {
        **{task.id: groceries.id for task in (*made, top)},
        below.id: None,
    }
    for task in app.see(bob, app.tasks.list, TaskQuery(at=START)).items:
        assert (task.owner, task.list_members, task.root_category) == (bob.user_id, (), groceries.id)
        assert (task.members, task.category) == ((), None if task.id == below.id else groceries.id)
    assert app.do(bob, app.categories.edit, groceries.id, {"name": "Mine"}).members == ()


def test_the_new_owner_keeps_the_rights_when_the_last_member_leaves_meanwhile(
    app: App, people: dict[str, SessionActor]
) -> None:
    alice, bob, carol, _ = people.values()
    groceries = app.do(alice, app.categories.create, {"name": "Groceries"})
    share(app, alice, groceries, bob=Role.EDITOR, carol=Role.VIEWER)
    made = [create(app, alice, str(number), category=groceries.id) for number in range(5)]
    app.account_removal.delete(alice, PASSWORD)
    app.do(bob, app.category_sharing.unshare, groceries.id, carol.user_id)
    refused(TaskNotFound, lambda: app.see(carol, app.tasks.get, made[0].id))
    refused(Busy, lambda: app.account_removal.delete(bob, PASSWORD))
    below = create(app, bob, "below", parent=made[-1].id)
    moved = app.do(bob, app.tasks.edit, made[0].id, {"category": None})
    passed = [*made, below]
    for done in pieces(app):
        if done in (3, 4, 5):  # the job has passed some of these ids
            fields: TaskFields = {"title": "late", "parent": made[-1].id}
            passed.append(app.do(bob, app.tasks.create, fields, UUID(int=done)))
        assert titles(app, bob) == ["0", "1", "2", "3", "4", "below", *["late"] * max(0, min(done - 2, 3))]
        assert titles(app, carol) == []
    with app.store.reading(SYSTEM) as work:
        found = [work.tasks.find(each.id) for each in passed]
    assert [task.owner for task in found if task] == [bob.user_id] * 9
    assert moved.root_category is None
    assert [task.list_members for task in found if task] == [()] * 9


@pytest.mark.parametrize("by_id", [False, True])
def test_categories_pass_to_the_chosen_editor(app: App, people: dict[str, SessionActor], by_id: bool) -> None:
    alice, bob, carol, dave = people.values()
    first = app.do(alice, app.categories.create, {"name": "First"})
    second = app.do(alice, app.categories.create, {"name": "Second"})
    share(app, alice, first, bob=Role.EDITOR, carol=Role.EDITOR, dave=Role.VIEWER)
    share(app, alice, second, carol=Role.EDITOR)
    for transfer_to in ("bob", "dave", "alice", "nemo", str(dave.user_id), str(uuid4()), "", "x" * 151):
        with pytest.raises(InvalidInput) as caught:
            app.account_removal.delete(alice, PASSWORD, transfer_to=transfer_to)
        assert [error.field for error in caught.value.errors] == ["transfer_to"]
    assert app.see(alice, app.categories.get, first.id) == app.see(bob, app.categories.get, first.id)
    app.account_removal.delete(alice, PASSWORD, transfer_to=f" {carol.user_id} ".upper() if by_id else "CAROL")
    owners = {each.name: each.user_id for each in app.see(carol, app.categories.list).items}
    assert owners == {"First": carol.user_id, "Second": carol.user_id}
    app.jobs.run_all()


def test_an_administrator_reads_to_whom_categories_would_pass(app: App, people: dict[str, SessionActor]) -> None:
    alice, bob = people["alice"], people["bob"]
    home = app.do(alice, app.categories.create, {"name": "home"})
    share(app, alice, home, bob=Role.EDITOR, carol=Role.EDITOR, dave=Role.VIEWER)
    share(app, alice, app.do(alice, app.categories.create, {"name": "read"}), dave=Role.VIEWER)
    share(app, bob, app.do(bob, app.categories.create, {"name": "of bob"}), alice=Role.EDITOR)
    app.do(alice, app.categories.create, {"name": "own"})
    with app.store.reading(SYSTEM) as work:
        assert sorted(passing_on.passings(work, alice.user_id), key=lambda each: each.members) == [
            passing_on.Passing([], 1),
            passing_on.Passing(["bob", "carol"], 3),
        ]
    app.do(SYSTEM, app.administration.edit, bob.user_id, {"is_active": False})
    with app.store.reading(SYSTEM) as work:
        assert ["carol", "bob"] in [each.editors for each in passing_on.passings(work, alice.user_id)]
    with app.store.writing(SYSTEM) as work:
        work.users.hide(bob.user_id, work.now)  # an account that ends meanwhile
        assert ["carol"] in [each.editors for each in passing_on.passings(work, alice.user_id)]


@pytest.mark.parametrize(
    ("name", "message"), [("nobody", passing_on.UNKNOWN), ("dave", passing_on.NOT_AN_EDITOR)], ids=["unknown", "viewer"]
)
def test_an_administrator_reads_why_a_new_owner_is_refused(
    app: App, people: dict[str, SessionActor], name: str, message: str
) -> None:
    alice = people["alice"]
    share(app, alice, app.do(alice, app.categories.create, {"name": "home"}), bob=Role.EDITOR, dave=Role.VIEWER)
    for each in {name, str(people[name].user_id) if name in people else str(uuid4())}:
        with pytest.raises(InvalidInput) as refused:
            app.account_processes.delete(SYSTEM, alice.user_id, each)
        assert [error.message for error in refused.value.errors] == [message]


def test_an_owner_reads_which_categories_have_no_such_editor(app: App, people: dict[str, SessionActor]) -> None:
    alice = people["alice"]
    register(app, "Erin")
    app.account_removal.delete(people["carol"], PASSWORD, transfer_to="Erin")  # there is nothing to pass on
    for name in ("home", "Attic"):
        share(app, alice, app.do(alice, app.categories.create, {"name": name}), Erin=Role.EDITOR)
    with pytest.raises(InvalidInput) as refused:
        app.account_removal.delete(alice, PASSWORD, transfer_to="unknown")
    assert refused.value.errors[0].message == f"{passing_on.NOT_AN_EDITOR}: Attic, home"
    app.account_removal.delete(alice, PASSWORD, transfer_to=" ERIN ")


@pytest.mark.parametrize("name", ["Groceries", "x" * MAX_NAME_LENGTH, "x" * (MAX_NAME_LENGTH - 3) + " yz"])
def test_a_category_whose_name_the_new_owner_has_gets_a_number(
    app: App, people: dict[str, SessionActor], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    alice, bob, *_ = people.values()
    category = app.do(alice, app.categories.create, {"name": name})
    cut = name[: MAX_NAME_LENGTH - 2].rstrip()
    for other in (name.upper(), f"{cut} 2"):
        app.do(bob, app.categories.create, {"name": other})
    share(app, alice, category, bob=Role.EDITOR)
    with monkeypatch.context() as patch:
        patch.setattr(passing_on, "_free_name", lambda *_: name)  # bob creates the other one meanwhile
        refused(Busy, lambda: app.account_removal.delete(alice, PASSWORD))
    app.account_removal.delete(alice, PASSWORD)
    assert app.see(bob, app.categories.get, category.id).name == f"{cut} 3"
    app.jobs.run_all()


def test_a_category_without_an_editor_goes_with_the_account(app: App, people: dict[str, SessionActor]) -> None:
    alice, bob, carol, _ = people.values()
    category = app.do(alice, app.categories.create, {"name": "Plans"})
    share(app, alice, category, bob=Role.VIEWER)
    tasks = [create(app, alice, str(number), category=category.id) for number in range(5)]
    app.do(alice, app.sharing.share, tasks[0].id, "carol", Role.EDITOR)
    devices = [Device(app.sync, actor) for actor in (bob, carol)]
    for device in devices:
        device.catch_up()
    app.account_removal.delete(alice, PASSWORD)

    def require_gone() -> None:
        refused(CategoryNotFound, lambda: app.see(bob, app.categories.get, category.id))
        for actor in (bob, carol):
            assert titles(app, actor) == []
            refused(TaskNotFound, *(partial(app.see, actor, app.tasks.get, task.id) for task in tasks))

    require_gone()
    for _ in pieces(app):
        require_gone()
    for device in devices:
        device.catch_up()
        device.require_in_sync()
        assert device.items == {}
    with app.store.reading(SYSTEM) as work:
        assert work.categories.find_unlocked(category.id) is None


def test_what_a_deleted_account_created_in_categories_of_others_stays(
    app: App, people: dict[str, SessionActor]
) -> None:
    alice, bob, carol, _ = people.values()
    category = app.do(alice, app.categories.create, {"name": "Groceries"})
    share(app, alice, category, bob=Role.EDITOR, carol=Role.EDITOR)
    top = create(app, bob, "top", category=category.id)
    tree = [top, *(create(app, bob, f"below {number}", parent=top.id) for number in range(4))]
    device = Device(app.sync, carol)
    device.catch_up()
    app.account_removal.delete(bob, PASSWORD)
    members = app.see(carol, app.categories.get, category.id).members
    assert [each.user_id for each in members] == [carol.user_id]
    expected = sorted(task.title for task in tree)
    for _ in pieces(app):
        assert titles(app, alice) == titles(app, carol) == expected
        device.catch_up()
        device.require_in_sync()
    found = [app.see(carol, app.tasks.get, task.id) for task in tree]
    assert [(task.owner, task.created_by) for task in found] == [(alice.user_id, None)] * 5


def test_a_disabled_editor_gets_a_category_only_if_there_is_no_other(app: App, people: dict[str, SessionActor]) -> None:
    alice, bob, carol, _ = people.values()
    category = app.do(alice, app.categories.create, {"name": "Groceries"})
    share(app, alice, category, bob=Role.EDITOR, carol=Role.EDITOR)
    with app.store.writing(SYSTEM) as work:
        app.set_active(work, "bob", is_active=False)
    for owner, heir in ((alice, carol), (carol, bob)):
        app.account_removal.delete(owner, PASSWORD)
        app.jobs.run_all()
        with app.store.reading(SYSTEM) as work:
            passed = work.categories.find_unlocked(category.id)
        assert passed is not None
        assert passed.user_id == heir.user_id


def test_two_accounts_that_share_a_category_are_deleted(app: App, people: dict[str, SessionActor]) -> None:
    alice, bob, carol, _ = people.values()
    ids: list[UUID] = []
    for owner, other in ((alice, "bob"), (bob, "alice")):
        category = app.do(owner, app.categories.create, {"name": "Groceries"})
        share(app, owner, category, **{other: Role.EDITOR, "carol": Role.EDITOR})
        ids += [create(app, owner, str(number), category=category.id).id for number in range(3)]
    app.account_removal.delete(alice, PASSWORD)
    app.jobs.run_all()
    assert sorted(each.name for each in app.see(bob, app.categories.list).items) == ["Groceries", "Groceries 2"]
    app.account_removal.delete(bob, PASSWORD)
    app.jobs.run_all()
    assert sorted(each.name for each in app.see(carol, app.categories.list).items) == ["Groceries", "Groceries 2"]
    assert [app.see(carol, app.tasks.get, id_).owner for id_ in ids] == [carol.user_id] * 6


def test_an_account_is_deleted_while_a_write_with_a_key_waits_for_the_same_rows(
    app: App, people: dict[str, SessionActor]
) -> None:
    alice = people["alice"]
    category = app.do(alice, app.categories.create, {"name": "Team"})
    task = create(app, alice, "task", category=category.id)
    share(app, alice, category, bob=Role.EDITOR)
    claimed = Event()

    def write() -> None:
        with app.store.writing(alice) as work:
            once(work, Request("key", b"fingerprint"), lambda: edit(work), timedelta(1))

    def edit(work: UnitOfWork[SessionActor]) -> bytes:
        claimed.set()
        assert not deletion.wait(SHORT_WAIT)
        app.tasks.edit(work, task.id, {"title": "edited"})
        return b""

    def delete() -> None:
        assert claimed.wait(PATIENCE)
        app.account_removal.delete(alice, PASSWORD)

    deletion = BackgroundCall(delete)
    write()
    deletion.result()
    assert app.see(people["bob"], app.tasks.get, task.id).title == "edited"


def test_a_tree_that_is_restored_before_the_job_leaves_the_categories_of_the_former_owner(
    app: App, people: dict[str, SessionActor]
) -> None:
    alice, bob, *_ = people.values()
    groceries, private = (app.do(alice, app.categories.create, {"name": name}) for name in ("Groceries", "Private"))
    top = create(app, alice, "top", category=groceries.id)
    below = create(app, alice, "below", parent=top.id)
    lowest = create(app, alice, "lowest", parent=below.id, category=private.id)
    share(app, alice, groceries, bob=Role.EDITOR, carol=Role.VIEWER)
    for each in (below, top):
        app.do(alice, app.trash.delete, each.id)
    app.account_removal.delete(alice, PASSWORD)
    app.do(bob, app.trash.restore, below.id)
    restored = app.see(bob, app.tasks.get, lowest.id)
    assert (restored.owner, restored.category) == (bob.user_id, None)
