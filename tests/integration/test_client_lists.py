"""The reference client with categories that users share."""

from __future__ import annotations

import httpx
import pytest

from tasktracker_client import Category, Task, UnknownItem
from tests.http import Api, Person
from tests.integration.phones import Add, Phone, in_sync


@pytest.fixture
def bob(api: Api) -> Person:
    return api.register()


@pytest.fixture
def tablet(bob: Person, add: Add) -> Phone:
    return add(bob)


@pytest.fixture
def home(api: Api, phone: Phone, bob: Person) -> str:
    """A category that Bob, as an editor, shares with Ada."""
    home = phone.create_category("Home")
    phone.create_task("Milk", category=home)
    phone.sync()
    phone.share_category(home, bob.username, "editor")
    api.container.jobs().run_all()
    return home


def test_a_shared_category_is_in_the_copy_with_its_tasks(
    phone: Phone, tablet: Phone, ada: Person, bob: Person, home: str
) -> None:
    in_sync(phone, tablet)
    category = tablet.category(home)
    assert (category.owner, category.role, category.is_ready) == (ada.id, "editor", True)
    assert category.members == phone.category(home).members == {bob.id: "editor"}
    assert [each.username for each in tablet.category_members(home)] == [ada.username, bob.username]
    [task] = tablet.tasks()
    assert (task.owner, task.category) == (ada.id, home)
    own = tablet.create_task("Eggs", category=home)
    tablet.delete(task.id)
    in_sync(tablet, phone)
    assert (phone.task(own).owner, phone.task(own).created_by) == (ada.id, bob.id)
    assert [each.id for each in tablet.trash(category=home).results] == [task.id]
    assert not tablet.trash().results


def test_members_in_a_form_that_is_not_known_are_left_out() -> None:
    members = [{"user_id": "1", "role": "editor"}, {"team": "all"}, "2", {"user_id": "3"}]
    assert Category("id", 1, {"members": members}).members == {"1": "editor"}


@pytest.mark.parametrize(
    ("state", "is_overdue"), [("open", True), ("in_progress", True), ("done", False), ("cancelled", False)]
)
def test_only_a_task_that_is_still_to_do_is_overdue(state: str, is_overdue: bool) -> None:
    task = Task("t", None, {"state": state, "due_date": "2026-01-31T12:00:00Z"})
    assert task.is_overdue is is_overdue


def test_a_former_member_has_nothing_of_the_category_left(
    api: Api, phone: Phone, tablet: Phone, bob: Person, home: str
) -> None:
    own = tablet.create_task("own")
    in_sync(phone, tablet)
    tablet.edit_task(tablet.create_task("Eggs", category=home), title="Ten eggs")
    [milk] = [task for task in tablet.tasks() if task.title == "Milk"]
    tablet.edit_task(milk.id, title="mine")
    phone.unshare_category(home, bob.id)
    report = tablet.sync()  # no job has run since
    assert len(report.rejections) == 2
    assert [task.id for task in tablet.tasks()] == [own]
    with pytest.raises(UnknownItem):
        tablet.category(home)
    assert "Milk" not in str(tablet.sql("SELECT data FROM items UNION ALL SELECT data FROM deletions"))
    assert tablet.verify().is_in_sync
    [refused] = [issue for issue in report.rejections if issue.data.get("title") == "Ten eggs"]
    tablet.resend(refused, {"category": None})
    api.container.jobs().run_all()
    in_sync(tablet, phone)
    assert tablet.titles() == ["Ten eggs", "own"]


@pytest.mark.parametrize(("reason", "left"), [("access_revoked", ["own"]), ("deleted", ["Milk", "own"])])
def test_the_tasks_of_a_category_leave_in_one_transaction_with_the_access_to_it(
    phone: Phone, ada: Person, reason: str, left: list[str]
) -> None:
    home = ada.category("Home")["id"]
    ada.task("Milk", category=home)
    ada.task("own")
    phone.sync()
    change = {"type": "category", "id": home, "op": "delete", "version": 2, "data": None, "reason": reason}
    page = {"changes": [change], "next_cursor": phone._local.cursor, "has_more": False}
    phone.line.before = lambda _: httpx.Response(200, json=page)
    phone.sync()
    assert (phone.titles(), phone.categories()) == (left, [])


def test_subtasks_are_shown_in_the_shared_category_at_once(phone: Phone, tablet: Phone, home: str) -> None:
    root = tablet.create_task("Bread")
    below = tablet.create_task("White", parent=root)
    in_sync(phone, tablet)
    tablet.edit_task(root, category=home)
    last = tablet.create_task("Rye", parent=below)
    for _ in range(2):
        assert [tablet.task(each).category for each in (root, below, last)] == [home, home, home]
        assert {task.category for task in tablet.tasks()} == {home}
        in_sync(tablet)
    private = tablet.create_category("Private")
    tablet.edit_task(root, category=private)
    for _ in range(2):  # the server takes the others out of the shared category, too
        assert [tablet.task(each).category for each in (root, below, last)] == [private, None, None]
        in_sync(tablet)
    tablet.edit_task(root, category=None)
    for _ in range(2):
        assert [tablet.task(each).category for each in (root, below, last)] == [None, None, None]
        in_sync(tablet)
