"""Editing the copy of the reference client, with and without a connection."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tasktracker_client import (
    InvalidArgument,
    InvalidEdit,
    Offline,
    SyncReport,
    UnknownItem,
)
from tests.contracts.base import race
from tests.http import Api, Person, expect
from tests.integration.phones import Phone, in_sync


class TestEditing:
    def test_created_items_are_shown_before_they_are_sent(self, phone: Phone) -> None:
        phone.line.is_up = False
        home = phone.create_category(name="Home", color="#1e90ff")
        task = phone.create_task(title="Call", category=home, due_date=datetime(2030, 1, 1, tzinfo=UTC))
        shown = phone.task(task)
        assert (shown.title, shown.category, shown.state, shown.priority) == ("Call", home, "open", 2)
        assert (shown.due_date, shown.id) == (datetime(2030, 1, 1, tzinfo=UTC), task)
        assert (shown.version, shown.is_pending) == (None, True)
        assert [category.name for category in phone.categories()] == ["Home"]
        assert phone.category(home).color == "#1e90ff"

    def test_a_creation_whose_answer_is_lost_is_shown_as_it_was_received(self, phone: Phone, ada: Person) -> None:
        task = phone.create_task(title="mine", priority=3)
        phone.line.lose = ["/api/sync/"]
        with pytest.raises(Offline):
            phone.sync()
        expect(ada.patch(f"/api/tasks/{task}/", {"description": "theirs"}), 200)
        phone.verify()  # fetches, and sends nothing
        found = phone.task(task)
        assert (found.title, found.description, found.created_by) == ("mine", "theirs", ada.id)
        assert (found.version, found.priority, found.is_pending) == (2, 3, True)

    def test_edits_are_shown_over_the_state_of_the_server(self, phone: Phone, ada: Person) -> None:
        task = ada.task("Call", description="them")
        phone.sync()
        assert not phone.task(task["id"]).is_pending
        phone.edit_task(task["id"], title="Write")
        phone.complete(task["id"])
        shown = phone.task(task["id"])
        assert (shown.title, shown.state, shown.description) == ("Write", "done", "them")
        assert (shown.version, shown.is_pending) == (1, True)

    def test_deleted_items_are_hidden_until_they_are_restored(self, phone: Phone) -> None:
        task = phone.create_task(title="Call")
        phone.edit_task(task, title="Write")
        phone.delete(task)
        assert phone.tasks() == []
        phone.restore(task)
        assert phone.titles() == ["Write"]
        home = phone.create_category(name="Home")
        phone.edit_category(home, name="House")
        phone.delete_category(home)
        assert phone.categories() == []

    def test_ids_may_be_uuids_in_fields(self, phone: Phone) -> None:
        home = phone.create_category(name="Home")
        task = phone.create_task(title="Call", category=UUID(home))
        assert phone.task(task).category == home
        assert phone.sync().applied == 2

    def test_a_copy_from_before_the_server_had_a_field_shows_its_default(self, phone: Phone, ada: Person) -> None:
        task = ada.task("Call")
        phone.sync()
        with closing(sqlite3.connect(phone.path)) as copy, copy:
            copy.execute("UPDATE items SET data = json_remove(data, '$.parent')")
        assert phone.task(task["id"]).parent is None

    def test_a_missing_item_cannot_be_edited(self, phone: Phone) -> None:
        nothing = str(uuid4())
        attempts = (phone.task, phone.edit_task, phone.complete, phone.delete, phone.edit_category, phone.category)
        for attempt in attempts:
            with pytest.raises(UnknownItem):
                attempt(nothing)
        assert not phone.pending

    @pytest.mark.parametrize("value", [datetime(2030, 1, 1), float("nan"), object(), "\ud800"])  # noqa: DTZ001
    def test_a_value_that_cannot_be_sent_is_refused(self, phone: Phone, value: Any) -> None:
        with pytest.raises(InvalidEdit):
            phone.create_task(title="Call", due_date=value)
        assert not phone.pending

    @pytest.mark.parametrize("field", ["category", "parent"])
    def test_a_reference_that_is_no_id_is_refused(self, phone: Phone, field: str) -> None:
        fields: Any = {field: 2**63}
        with pytest.raises(InvalidEdit, match=field):
            phone.create_task("Call", **fields)
        assert not phone.pending

    def test_something_else_than_an_issue_is_refused(self, phone: Phone) -> None:
        something: Any = "an id"
        for call in (phone.resend, phone.dismiss):
            with pytest.raises(InvalidArgument):
                call(something)

    def test_edits_survive_the_end_of_the_process(self, phone: Phone, api: Api) -> None:
        task = phone.create_task(title="Call")
        with Phone(phone.path, api) as again:
            assert again.titles() == ["Call"]
            assert [mutation.target for mutation in again.pending] == [task]
            again.sync()  # still logged in
        assert not phone.pending

    def test_only_its_owner_reads_the_file(self, phone: Phone) -> None:
        assert stat.S_IMODE(phone.path.stat().st_mode) == 0o600

    def test_several_threads_may_edit(self, phone: Phone) -> None:
        def edit() -> None:
            for _ in range(10):
                phone.create_task(title="Call")

        race(*[edit] * 4)
        assert phone.sync().applied == 40
        assert len(phone.tasks()) == 40

    def test_several_threads_may_sync(self, phone: Phone) -> None:
        for _ in range(20):
            phone.create_task(title="Call")
        reports = race(*[phone.sync] * 4)
        assert sorted(report.applied for report in reports if isinstance(report, SyncReport)) == [0, 0, 0, 20]
        assert not any(report.duplicates for report in reports if isinstance(report, SyncReport))


class TestDeletingOffline:
    """What the server will do with other items is shown before the edit is sent."""

    @pytest.fixture
    def tree(self, phone: Phone) -> list[str]:
        """A task, its subtask, and a subtask of that, which the server has."""
        root = phone.create_task("root")
        sub = phone.create_task("sub", parent=root)
        tree = [root, sub, phone.create_task("sub of sub", parent=sub)]
        in_sync(phone)
        phone.line.is_up = False
        return tree

    def test_tasks_of_a_deleted_category_have_no_category(self, phone: Phone) -> None:
        home = phone.create_category("Home")
        task = phone.create_task("Call", category=home)
        in_sync(phone)
        phone.line.is_up = False
        phone.delete_category(home)
        assert [(each.category, each.is_pending) for each in [phone.task(task), *phone.tasks()]] == [(None, True)] * 2
        phone.line.is_up = True
        phone.line.lose = ["/api/sync/"]
        with pytest.raises(Offline):
            phone.sync()
        assert phone.task(task).category is None, "the deletion was sent, and may have been applied"
        in_sync(phone)
        assert (phone.task(task).category, phone.task(task).is_pending) == (None, False)

    def test_a_task_that_was_moved_is_deleted_with_its_new_parent(self, phone: Phone, tree: list[str]) -> None:
        moved = phone.create_task("moved")
        phone.line.is_up = True
        in_sync(phone)
        phone.line.is_up = False
        phone.edit_task(moved, parent=tree[1])
        phone.delete(tree[0])
        assert phone.tasks() == []
        with pytest.raises(UnknownItem):
            phone.task(moved)
        phone.restore(tree[0])
        assert (phone.task(moved).parent, len(phone.tasks())) == (tree[1], 4)

    def test_subtasks_are_deleted_and_restored_with_their_task(self, phone: Phone, tree: list[str]) -> None:
        root, sub, subsub = tree
        phone.delete(subsub)
        phone.delete(root)
        assert phone.tasks() == []
        for each in tree:
            with pytest.raises(UnknownItem):
                phone.task(each)
        phone.restore(root)
        assert phone.titles() == ["root", "sub"]
        assert phone.task(sub).parent == root
        assert phone.task(sub).is_pending
        phone.line.is_up = True
        in_sync(phone)
        assert phone.titles() == ["root", "sub"]

    def test_a_subtask_is_restored_without_its_task(self, phone: Phone, tree: list[str]) -> None:
        root, sub, _ = tree
        phone.delete(root)
        phone.restore(sub)

        def shown() -> list[tuple[str, str | None]]:
            return sorted((task.title, task.parent) for task in phone.tasks())

        expected = [("sub", None), ("sub of sub", sub)]
        assert shown() == expected
        assert phone.task(sub).parent is None
        phone.line.is_up = True
        in_sync(phone)
        assert shown() == expected

    def test_a_task_that_the_server_has_deleted_is_shown_again_with_its_subtasks(
        self, phone: Phone, ada: Person, tree: list[str]
    ) -> None:
        root, sub, subsub = tree
        expect(ada.delete(f"/api/tasks/{subsub}/"), 204)
        phone.line.is_up = True
        in_sync(phone)
        expect(ada.delete(f"/api/tasks/{root}/"), 204)
        in_sync(phone)
        phone.line.is_up = False
        assert phone.tasks() == []
        phone.restore(root)
        assert phone.titles() == ["root", "sub"]
        assert phone.task(sub).is_pending
        phone.edit_task(sub, title="edited")
        phone.line.is_up = True
        assert phone.sync().is_clean
        in_sync(phone)
        assert phone.titles() == ["edited", "root"]

    def test_an_edit_after_a_restoration_does_not_overwrite_that_of_another_device(
        self, phone: Phone, laptop: Phone
    ) -> None:
        task = phone.create_task("one")
        phone.delete(task)
        in_sync(phone, laptop)
        phone.restore(task)
        phone.edit_task(task, title="mine")
        laptop.restore(task)
        laptop.sync()
        laptop.edit_task(task, title="theirs")
        laptop.sync()
        [issue] = phone.sync().conflicts
        assert (issue.data, phone.titles()) == ({"title": "mine"}, ["theirs"])
        in_sync(phone, laptop)

    def test_what_was_deleted_is_removed_from_the_file_after_the_retention(self, phone: Phone, ada: Person) -> None:
        task = ada.task("secret")["id"]
        phone.sync()
        expect(ada.delete(f"/api/tasks/{task}/"), 204)
        phone.sync()
        ago = (datetime.now(UTC) - timedelta(days=31)).isoformat()
        phone.sql(f"UPDATE deletions SET deleted_at = '{ago}'")
        phone.sync()
        assert phone.sql("SELECT id, data FROM deletions") == [(task, None)]
        phone.restore(task)
        assert phone.tasks() == []
        in_sync(phone)
        assert phone.titles() == ["secret"]
