"""Each edit that the server did not take can be sent again by the reference client."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tasktracker_client import InvalidEdit, Op, TaskEdit, UnknownItem
from tests.http import Api, Person, expect
from tests.integration.phones import Add, Phone, answering, in_sync, rejected


class TestResending:
    @pytest.fixture
    def task(self, phone: Phone, laptop: Phone) -> str:
        task = phone.create_task("one", description="long")
        in_sync(phone, laptop)
        return task

    def test_a_conflict(self, phone: Phone, laptop: Phone, task: str) -> None:
        phone.edit_task(task, title="two")
        phone.sync()
        laptop.edit_task(task, title="three")
        [issue] = laptop.sync().conflicts
        assert issue.item["title"] == "three"
        assert laptop.resend(issue) == task
        in_sync(laptop, phone)
        assert (phone.titles(), laptop.issues()) == (["three"], [])

    def test_a_deletion_in_conflict(self, phone: Phone, laptop: Phone, task: str) -> None:
        phone.edit_task(task, title="two")
        phone.sync()
        laptop.delete(task)
        [issue] = laptop.sync().conflicts
        laptop.resend(issue)
        in_sync(laptop, phone)
        assert not phone.tasks()

    def test_a_deletion_of_what_is_gone_needs_nothing(self, phone: Phone, laptop: Phone, task: str) -> None:
        phone.edit_task(task, title="two")
        phone.sync()
        laptop.delete(task)
        [issue] = laptop.sync().conflicts
        phone.delete(task)
        in_sync(phone, laptop)
        laptop.resend(issue)
        assert (laptop.pending, laptop.issues()) == ([], [])

    def test_an_edit_of_a_task_whose_share_was_revoked_creates_an_own_task(
        self, api: Api, ada: Person, add: Add, task: str
    ) -> None:
        bob = api.register()
        tablet = add(bob)
        expect(ada.post(f"/api/tasks/{task}/shares/", {"username": bob.username, "role": "editor"}), 201)
        tablet.sync()
        tablet.edit_task(task, title="mine")
        expect(ada.delete(f"/api/tasks/{task}/shares/{bob.id}/"), 204)
        [issue] = tablet.sync().rejections
        created = tablet.resend(issue)
        assert created != task
        assert set(tablet.pending[0].data) <= set(TaskEdit.__optional_keys__), "only what a caller can set"
        in_sync(tablet)
        assert (tablet.task(created).title, tablet.task(created).description) == ("mine", "long")

    def test_a_rejected_creation_with_its_mistake_corrected(self, phone: Phone) -> None:
        task = phone.create_task(" ", description="kept")
        phone.edit_task(task, priority=4)
        [issue] = phone.sync().rejections
        with pytest.raises(InvalidEdit):
            phone.resend(issue, {"title": "\ud800"})
        assert list(phone.issues()) == [issue]
        assert phone.resend(issue, {"title": "better"}) == task
        assert phone.sync().is_clean
        in_sync(phone)
        sent = phone.task(task)
        assert (sent.title, sent.description, sent.priority) == ("better", "kept", 4)

    def test_an_edit_that_is_too_large_when_it_is_shorter(self, phone: Phone) -> None:
        phone.create_task("two", description="x" * 300_000)
        [issue] = phone.sync().rejections
        phone.resend(issue, {"description": "short"})
        assert phone.sync().is_clean
        in_sync(phone)

    def test_a_creation_under_an_id_that_is_taken_gets_another(self, api: Api, phone: Phone) -> None:
        other = api.register().task("theirs")["id"]
        phone.create_task("mine", id=other)
        [issue] = phone.sync().rejections
        assert phone.resend(issue) != other
        assert phone.sync().is_clean
        in_sync(phone)

    def test_an_issue_is_sent_once(self, phone: Phone) -> None:
        phone.create_task(" ")
        [issue] = phone.sync().rejections
        phone.resend(issue, {"title": "better"})
        with pytest.raises(UnknownItem):
            phone.resend(issue)
        assert len(phone.pending) == 1

    def test_a_creation_that_was_deleted_again_is_no_issue(self, phone: Phone) -> None:
        task = phone.create_task(" ")
        phone.delete(task)
        assert phone.sync().is_clean
        assert not phone.issues()
        in_sync(phone)

    def test_a_creation_of_what_exists_by_now_is_an_edit(self, phone: Phone, ada: Person) -> None:
        task = phone.create_task("mine")
        phone.line.before = answering(rejected)
        [issue] = phone.sync().rejections
        expect(ada.put(f"/api/tasks/{task}/", {"title": "theirs"}, headers={"If-None-Match": "*"}), 201)
        phone.sync()
        assert phone.resend(issue) == task
        assert [(each.op, each.target, each.base_version) for each in phone.pending] == [(Op.UPDATE, task, 1)]
        in_sync(phone)
        assert ada.titles() == ["mine"]

    def test_a_restoration_that_was_refused_is_tried_again(self, phone: Phone) -> None:
        task = phone.create_task("mine")
        phone.sync()
        phone.delete(task)
        phone.sync()
        phone.restore(task)
        phone.line.before = answering(rejected)
        [issue] = phone.sync().rejections
        assert phone.resend(issue) == task
        assert [(each.op, each.target) for each in phone.pending] == [(Op.RESTORE, task)]
        assert phone.sync().is_clean
        in_sync(phone)
        assert phone.titles() == ["mine"]
        phone.restore(unknown := str(uuid4()))
        [issue] = phone.sync().rejections
        phone.resend(issue)
        assert [(each.op, each.target) for each in phone.pending] == [(Op.RESTORE, unknown)]

    def test_each_new_edit_is_announced(self, phone: Phone) -> None:
        announced: list[int] = []
        phone._local.on_edit = lambda: announced.append(len(phone.pending))
        phone.create_task(" ")
        [issue] = phone.sync().rejections
        phone.resend(issue, {"title": "better"})
        assert announced == [1, 1]
