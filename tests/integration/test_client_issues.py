"""Edits that the server did not take: each is an issue that can be shown, changed and sent again.

The server is the real application in this process, and answers of a server are made up where it would take other
devices to provoke them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tasktracker_client import InvalidEdit, Op, Refused, Status, Unavailable, UnknownItem
from tasktracker_client.model import Result as Parsed
from tests.http import Api, Person, expect
from tests.integration.phones import Add, Phone, in_sync
from tests.line import problem

Result = dict[str, Any]


def answering(*answers: Callable[[Result], Result]) -> Callable[[httpx.Request], httpx.Response | None]:
    """Answer the mutations of the next push by these results."""
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response | None:
        if request.method != "POST" or not left:
            return None
        sent = json.loads(request.content)["mutations"]
        made, left[:] = left[: len(sent)], left[len(sent) :]
        results = [{"id": each["id"], **make(each)} for each, make in zip(sent, made, strict=True)]
        return httpx.Response(200, json={"results": results})

    return answer


def applied(_: Result, **more: object) -> Result:
    return {"status": "applied", "version": 1, "conflicts": {}, "problem": None, **more}


def rejected(_: Result, **more: object) -> Result:
    body = {"type": "/problems/no", "title": "No", "status": 409}
    return {"status": "rejected", "version": None, "conflicts": {}, "problem": body, **more}


def sent_by(phone: Phone) -> list[Result]:
    """Return the mutations that the phone sends from now on."""
    bodies: list[Result] = []

    def note(request: httpx.Request) -> None:
        if request.method == "POST":
            bodies.extend(json.loads(request.content)["mutations"])

    phone.line.before = note
    return bodies


class TestCoalescing:
    def test_two_hundred_edits_of_one_task_are_sent_as_one(self, phone: Phone) -> None:
        task = phone.create_task("0")
        phone.sync()
        for number in range(200):
            phone.edit_task(task, title=str(number), priority=4)
        bodies = sent_by(phone)
        assert phone.sync().applied == 1
        assert [body["data"] for body in bodies] == [{"title": "199", "priority": 4}]

    def test_edits_of_a_task_that_was_not_sent_belong_to_its_creation(self, phone: Phone) -> None:
        task = phone.create_task("one")
        phone.edit_task(task, title="two")
        phone.complete(task)
        [edit] = phone.pending
        assert (edit.op, edit.data) == (Op.CREATE, {"title": "two", "state": "done"})

    def test_an_edit_waits_for_the_creation_to_which_it_refers(self, phone: Phone, ada: Person) -> None:
        task = phone.create_task("one")
        phone.edit_task(task, title="two")
        home = phone.create_category("Home")
        phone.edit_task(task, category=home)
        assert [edit.op for edit in phone.pending] == [Op.CREATE, Op.CREATE, Op.UPDATE]
        assert phone.sync().is_clean
        assert ada.listed("/api/tasks/")[0]["category"] == home

    def test_an_edit_on_a_newer_version_is_sent_on_its_own(self, phone: Phone, laptop: Phone) -> None:
        task = phone.create_task("one")
        in_sync(phone, laptop)
        laptop.edit_task(task, priority=4)
        laptop.sync()
        phone.edit_task(task, title="two")
        phone.line.before = lambda request: problem(403) if request.method == "POST" else None
        with pytest.raises(Refused):
            phone.sync()
        phone.line.before = lambda _: None
        phone.verify()  # pulls
        phone.edit_task(task, priority=3)
        assert [edit.base_version for edit in phone.pending] == [1, 2]
        assert phone.sync().is_clean
        in_sync(phone, laptop)
        assert laptop.task(task).priority == 3


class TestNamesTaken:
    def test_the_existing_category_is_used_by_all_tasks(self, phone: Phone, ada: Person) -> None:
        existing = ada.category("work")["id"]
        work = phone.create_category("Work", color="#112233")
        first = phone.create_task("first", category=work)

        def create_without_category(each: Result) -> Result:
            path = f"/api/tasks/{each['target']}/"
            expect(ada.put(path, {"title": "first"}, headers={"If-None-Match": "*"}), 201)
            return applied(each, dropped=["category"])

        taken = {"existing": {"type": "category", "id": existing}}
        phone.line.before = answering(lambda each: rejected(each, **taken), create_without_category)
        report = phone.sync()
        assert (report.partial, [issue.existing for issue in report.rejections]) == ([], [existing])
        later = phone.create_task("later", category=work)  # the program may still have the other id
        assert {task.category for task in phone.tasks() if task.id in (first, later)} == {existing}
        assert phone.category(work).id == existing
        [issue] = phone.issues()
        assert issue.data == {"name": "Work", "color": "#112233"}

    def test_tasks_that_were_not_sent_are_moved(self, phone: Phone, ada: Person) -> None:
        existing = ada.category("work")["id"]
        phone.sync()
        work = phone.create_category("Work")
        for number in range(3):
            phone.create_task(str(number), category=work)
        phone._local.next_batch(1)  # the category alone
        taken = {"existing": {"type": "category", "id": existing}, **rejected({})}
        phone._local.settle([Parsed.read({"id": phone.pending[0].id, **taken})])
        assert [edit.data["category"] for edit in phone.pending] == [existing] * 3
        assert phone.sync().applied == 3
        in_sync(phone)
        assert {task["category"] for task in ada.listed("/api/tasks/")} == {existing}

    def test_it_can_be_sent_again_under_another_name(self, phone: Phone, ada: Person) -> None:
        existing = ada.category("work")["id"]
        phone.create_category("Work", color="#112233")
        phone.line.before = answering(lambda each: rejected(each, existing={"type": "category", "id": existing}))
        [issue] = phone.sync().rejections
        created = phone.resend(issue, {"name": "Work at home"})
        assert not phone.issues()
        assert phone.sync().is_clean
        in_sync(phone)
        assert (phone.category(created).name, phone.category(created).color) == ("Work at home", "#112233")


class TestDroppedFields:
    def test_each_is_an_issue_and_the_rest_is_applied(self, phone: Phone) -> None:
        gone = str(uuid4())
        task = phone.create_task("one")
        phone.sync()
        phone.edit_task(task, title="two", parent=gone)
        phone.line.before = answering(lambda each: applied(each, version=2, dropped=["parent"]))
        report = phone.sync()
        assert (report.applied, report.is_clean) == (1, False)
        [issue] = report.partial
        assert (issue.status, issue.op, issue.target, issue.data) == (Status.PARTIAL, Op.UPDATE, task, {"parent": gone})
        assert list(phone.issues()) == [issue]

    def test_a_field_that_was_set_again_meanwhile_is_no_issue(self, phone: Phone) -> None:
        task = phone.create_task("one")
        phone.sync()
        phone.edit_task(task, parent=str(uuid4()))
        phone.line.lose = ["/api/sync/"]
        phone._local.next_batch(10)
        phone.edit_task(task, parent=None)
        phone.line.lose = []
        phone.line.before = answering(lambda each: applied(each, version=2, dropped=["parent"]))
        assert phone.sync().partial == []

    def test_a_parent_too_large_for_a_proxy_leaves_its_subtasks_in_sight(self, phone: Phone) -> None:
        parent = phone.create_task("large", description="x" * 9000)
        child = phone.create_task("small", parent=parent)

        def refuse(request: httpx.Request) -> httpx.Response | None:
            if request.method == "GET":
                return None
            if len(request.content) > 5000:
                return httpx.Response(413, html="<h1>Too large</h1>")
            return answering(lambda each: applied(each, dropped=["parent"]))(request)

        phone.line.before = refuse
        report = phone.sync()
        assert [issue.target for issue in report.rejections] == [parent]
        assert [(issue.target, issue.data) for issue in report.partial] == [(child, {"parent": parent})]


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


class TestRestoredBackups:
    """The server was restored from a backup, so its cursors have another epoch."""

    @staticmethod
    def restore(phone: Phone, *, is_early: bool = True) -> None:
        """Answer the next pull as after a backup was restored or, if late, after a long absence."""
        ago = timedelta(days=10 if is_early else 40)
        phone._local.set(complete_at=(datetime.now(UTC) - ago).isoformat())

        def expired(request: httpx.Request) -> httpx.Response | None:
            if request.method == "POST":
                return None
            phone.line.before = lambda _: None
            return problem(410)

        phone.line.before = expired

    def test_what_is_newer_than_the_backup_is_kept_as_issues(self, phone: Phone, ada: Person) -> None:
        kept, edited = ada.task("kept"), ada.task("edited", priority=3)
        phone.sync()
        lost = str(uuid4())
        data = json.dumps({"id": lost, "title": "lost", "priority": 4, "version": 2, "created_at": "2026-01-01T00:00Z"})
        phone.sql(f"INSERT INTO items VALUES ('task', '{lost}', 2, '{data}', 0)")
        phone.sql(
            "UPDATE items SET version = 9, data = json_set(data, '$.title', 'newer', '$.version', 9)"
            f" WHERE id = '{edited['id']}'"
        )
        self.restore(phone)
        assert phone.sync().started_over
        changed, missing = phone.issues()
        assert (changed.status, changed.op, changed.data) == (Status.LOST, Op.UPDATE, {"title": "newer"})
        assert (missing.op, missing.data) == (Op.CREATE, {"title": "lost", "priority": 4})
        assert phone.titles() == ["edited", "kept"]
        for issue in phone.issues():
            phone.resend(issue)
        assert phone.sync().is_clean
        in_sync(phone)
        assert phone.titles() == ["kept", "lost", "newer"]
        assert (phone.task(lost).priority, phone.task(kept["id"]).version) == (4, 1)

    def test_a_deletion_that_is_newer_than_the_backup_is_kept_as_an_issue(self, phone: Phone, ada: Person) -> None:
        task, home = ada.task("one")["id"], ada.category("Home")["id"]
        phone.sync()
        phone.delete(task)
        phone.delete_category(home)
        gone = [
            {"type": type_, "id": id_, "op": "delete", "version": 2, "data": None, "reason": "deleted"}
            for type_, id_ in (("task", task), ("category", home))
        ]
        cursor = phone._local.cursor
        before = answering(*[lambda each: applied(each, version=2)] * 2)  # by the server before it was restored
        page = {"changes": gone, "next_cursor": cursor, "has_more": False}
        phone.line.before = lambda request: before(request) or httpx.Response(200, json=page)
        assert phone.sync().is_clean
        assert (phone.tasks(), phone.categories(), phone.pending) == ([], [], [])
        self.restore(phone)
        assert phone.sync().started_over
        assert [(each.status, each.op, each.target, each.data) for each in phone.issues()] == [
            (Status.LOST, Op.DELETE, task, {}),
            (Status.LOST, Op.DELETE, home, {}),
        ]
        assert phone.issues()[0].item["title"] == "one"
        for issue in phone.issues():
            phone.resend(issue)
        in_sync(phone)
        assert (ada.titles(), phone.categories(), phone.issues()) == ([], [], [])

    def test_a_share_that_was_revoked_after_the_backup_is_no_deletion(self, phone: Phone, ada: Person) -> None:
        task = ada.task("one")["id"]
        phone.sync()
        change = {"type": "task", "id": task, "op": "delete", "version": 2, "data": None, "reason": "access_revoked"}
        page = {"changes": [change], "next_cursor": phone._local.cursor, "has_more": False}
        phone.line.before = lambda _: httpx.Response(200, json=page)
        phone.sync()
        self.restore(phone)
        phone.sync()
        assert (phone.titles(), phone.issues()) == (["one"], [])

    def test_after_a_long_absence_a_missing_item_is_just_deleted(self, phone: Phone) -> None:
        phone.sync()
        phone.sql(f"INSERT INTO items VALUES ('task', '{uuid4()}', 2, '{{\"title\": \"deleted\"}}', 0)")
        self.restore(phone, is_early=False)
        assert phone.sync().started_over
        assert (phone.tasks(), phone.issues()) == ([], [])

    def test_an_edit_that_was_accepted_just_before_is_sent_again(self, phone: Phone, ada: Person) -> None:
        phone.sync()
        phone.create_task("mine")
        phone.line.before = answering(applied)  # by the server before the backup was restored
        answer = phone.line.before
        phone.line.before = lambda request: answer(request) or httpx.Response(502)
        with pytest.raises(Unavailable):
            phone.sync()
        assert (ada.titles(), phone.pending) == ([], [])
        self.restore(phone)
        phone.sync()
        assert ada.titles() == ["mine"]
        in_sync(phone)


class TestUnknown:
    """A newer server may send types, fields, operations and statuses that this client does not know."""

    def test_unknown_types_and_operations_are_ignored_and_fields_are_kept(self, phone: Phone, ada: Person) -> None:
        task = ada.task("one")
        page = phone._api.get("/sync/")
        page["changes"][0]["data"]["mood"] = "good"
        page["changes"] += [
            {"type": "list", "id": str(uuid4()), "op": "upsert", "version": 1, "data": {}},
            {"type": "task", "id": str(uuid4()), "op": "archive", "version": 1, "data": None},
        ]
        phone.line.before = lambda _: httpx.Response(200, json=page)
        phone.sync()
        phone.line.before = lambda _: None
        assert phone.task(task["id"]).data["mood"] == "good"
        assert phone.verify().is_in_sync

    def test_an_edit_with_an_unknown_status_is_kept_as_an_issue(self, phone: Phone) -> None:
        phone.create_task("one")
        phone.line.before = answering(lambda _: {"status": "postponed", "version": None, "later": True})
        [issue] = phone.sync().rejections
        assert issue.problem == {"title": "The status is 'postponed'"}

    def test_a_refusal_of_the_request_as_such_blames_no_edit(self, phone: Phone) -> None:
        phone.create_task("one")
        errors = [{"field": "cursor", "message": "is not valid"}]
        phone.line.before = lambda request: problem(400, errors=errors) if request.method == "POST" else None
        with pytest.raises(Refused):
            phone.sync()
        assert (len(phone.pending), phone.issues()) == (1, [])
