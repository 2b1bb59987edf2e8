"""A change of a tree waits for the other changes of the same tree."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID

import pytest

from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.recurrence.recurrence import Recurrence
from tasktracker.domain.tasks.task import State, Task, TaskFields
from tasktracker.domain.tasks.trash_service import purge_expired
from tests.backends import on_postgresql
from tests.contracts.base import SECOND, SHORT_WAIT, BackgroundCall
from tests.fakes import START, SYSTEM, App

Change = Callable[[App, SessionActor, UUID], object]

# Each is given the id of a subtask, whose root is locked.
CHANGES: dict[str, Change] = {
    "create": lambda app, actor, task: app.do(actor, app.tasks.create, {"title": "below", "parent": task}),
    "move": lambda app, actor, task: app.do(actor, app.tasks.edit, task, {"parent": None}),
    "delete": lambda app, actor, task: app.do(actor, app.trash.delete, task),
    "share": lambda app, actor, task: app.do(actor, app.sharing.share, task, "bob", Role.VIEWER),
    "assign": lambda app, actor, task: app.do(actor, app.sharing.assign, task, _bob(app), Role.EDITOR),
    "unshare": lambda app, actor, task: app.do(actor, app.sharing.unshare, task, _bob(app)),
}
CHANGES_IN_TRASH: dict[str, Change] = {
    "restore": lambda app, actor, task: app.do(actor, app.trash.restore, task),
    "purge": lambda app, actor, task: app.do(actor, app.trash.purge, task),
    "sweep": lambda app, _, task: app.do(SYSTEM, purge_expired, task, START + SECOND),
}


def _bob(app: App) -> UUID:
    with app.store.reading(SYSTEM) as work:
        user = work.users.find_by_login("bob")
        assert user is not None
        return user.id


def _subtask(app: App, actor: SessionActor, *, in_trash: bool) -> Task:
    root = app.do(actor, app.tasks.create, {"title": "root"})
    app.do(actor, app.sharing.share, root.id, "bob", Role.VIEWER)
    subtask = app.do(actor, app.tasks.create, {"title": "subtask", "parent": root.id})
    if in_trash:
        app.do(actor, app.trash.delete, subtask.id)
    return subtask


@on_postgresql
@pytest.mark.usefixtures("bob")
def test_changes_of_a_tree_wait_for_its_lock(app: App, alice: SessionActor) -> None:
    for changes, in_trash in ((CHANGES, False), (CHANGES_IN_TRASH, True)):
        subtasks = [_subtask(app, alice, in_trash=in_trash) for _ in changes]
        with app.store.writing(SYSTEM) as work:
            for subtask in subtasks:
                assert work.tasks.find(subtask.root) is not None
            calls = {
                name: BackgroundCall(partial(change, app, alice, subtask.id))
                for (name, change), subtask in zip(changes.items(), subtasks, strict=True)
            }
            next(iter(calls.values())).wait(SHORT_WAIT)
            early = [name for name, call in calls.items() if call.wait(0)]
        for call in calls.values():
            call.result()
        assert early == []


@on_postgresql
def test_the_completion_of_a_recurring_task_does_not_wait_for_its_category(app: App, alice: SessionActor) -> None:
    """Categories are locked before tasks, but only the locked task shows that it recurs."""
    category = app.do(alice, app.categories.create, {"name": "home"})
    rule = Recurrence(rule="FREQ=DAILY", time_zone="UTC")
    fields: TaskFields = {"title": "x", "due_on": START.date(), "recurrence": rule, "category": category.id}
    task = app.do(alice, app.tasks.create, fields)
    with app.store.writing(SYSTEM) as work:
        assert work.categories.find(alice.user_id, category.id) is not None
        completed = BackgroundCall(lambda: app.do(alice, app.tasks.edit, task.id, {"state": State.DONE}))
        assert completed.result().next is not None
