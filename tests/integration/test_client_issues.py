"""Edits that the server did not accept: each is an issue that can be shown, changed and sent again.

The server is the real application in this process. Answers that only other devices could cause are invented.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, cast
from uuid import uuid4

import httpx
import pytest

from tasktracker_client import (
    FieldConflict,
    ItemType,
    Mutation,
    Op,
    Refused,
    Status,
    SyncReport,
    Verification,
)
from tasktracker_client.model import Change
from tasktracker_client.model import Result as Parsed
from tests.http import Api, Person, expect
from tests.integration.phones import Add, Phone, Result, answering, applied, in_sync, rejected
from tests.line import problem


class TestIssues:
    def test_a_conflict_is_reported_and_the_copy_takes_theirs(self, phone: Phone, laptop: Phone) -> None:
        task = phone.create_task(title="Call")
        in_sync(phone, laptop)
        phone.edit_task(task, title="Call them")
        laptop.edit_task(task, title="Write to them")
        phone.sync()
        report = laptop.sync()
        [issue] = report.conflicts
        assert issue.conflicts == {"title": FieldConflict("Call", "Write to them", "Call them")}
        assert (issue.op, issue.target, issue.data) == (Op.UPDATE, task, {"title": "Write to them"})
        assert laptop.task(task).title == "Call them"
        assert laptop.sync().is_clean
        assert list(laptop.issues()) == [issue]
        # Apply the rejected edit again, on the newer version.
        laptop.edit_task(issue.target, **issue.data)
        laptop.dismiss(issue)
        in_sync(laptop, phone)
        assert not laptop.issues()
        assert phone.titles() == laptop.titles() == ["Write to them"]

    def test_deleting_an_edited_task_is_a_conflict(self, phone: Phone, laptop: Phone) -> None:
        task = phone.create_task(title="Call")
        in_sync(phone, laptop)
        phone.edit_task(task, title="Call them")
        laptop.delete(task)
        phone.sync()
        [issue] = laptop.sync().conflicts
        assert issue.conflicts["title"].theirs == "Call them"
        assert laptop.titles() == ["Call them"]
        in_sync(phone, laptop)

    def test_an_invalid_edit_is_rejected_and_the_others_are_applied(self, phone: Phone) -> None:
        phone.create_task(title="one")
        bad = phone.create_task(title=" ", priority=cast("Any", 9))
        phone.edit_task(bad, title="still not there")
        phone.create_task(title="two")
        report = phone.sync()
        assert report.applied == 2
        [issue] = report.rejections
        assert (issue.target, issue.data["title"]) == (bad, "still not there")
        assert issue.problem is not None
        assert {error["field"] for error in issue.problem["errors"]} >= {"data.priority"}
        assert phone.titles() == ["one", "two"]
        phone.dismiss(*phone.issues())
        assert not phone.issues()
        in_sync(phone)

    def test_an_unreadable_edit_is_rejected_alone(self, phone: Phone) -> None:
        for number in range(7):
            phone.create_task(title=str(number))
        phone._local.edit(ItemType.TASK, Op.RESTORE, "not an id", {})
        for number in range(7, 12):
            phone.create_task(title=str(number))
        report = phone.sync()
        assert report.applied == 12
        [issue] = report.rejections
        assert issue.target == "not an id"
        assert issue.problem is not None
        assert issue.problem["status"] == 400
        in_sync(phone)

    def test_after_an_unreadable_edit_batches_grow_again(self, phone: Phone) -> None:
        phone._local.edit(ItemType.TASK, Op.RESTORE, "not an id", {})
        for number in range(150):
            phone.create_task(title=str(number))
        assert len(phone.pending) == 151
        assert phone.sync().applied == 150
        assert phone.line.paths["POST /api/sync/"] <= 16

    def test_an_edit_too_large_for_a_request_is_rejected(self, phone: Phone) -> None:
        phone.create_task(title="one")
        phone.create_task(title="two", description="x" * 300_000)
        phone.create_task(title="three")
        report = phone.sync()
        assert (report.applied, len(report.rejections)) == (2, 1)
        assert phone.titles() == ["one", "three"]


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
        assert issue == report.rejections[0]
        assert issue.data == {"name": "Work", "color": "#112233"}
        phone.edit_category(work, description="of both")
        phone.line.before = lambda _: None
        in_sync(phone)
        assert [each["description"] for each in ada.listed("/api/categories/")] == ["of both"]
        phone.delete_category(work)
        in_sync(phone)
        assert ada.listed("/api/categories/") == []

    def test_tasks_that_were_not_sent_are_moved(self, phone: Phone, ada: Person) -> None:
        existing = ada.category("work")["id"]
        phone.sync()
        work = phone.create_category("Work")
        for number in range(3):
            phone.create_task(str(number), category=work)
        phone._local.next_batch(1)  # the category alone
        before = {edit.id for edit in phone.pending}
        taken = {"existing": {"type": "category", "id": existing}, **rejected({})}
        phone._local.settle([Parsed.read({"id": phone.pending[0].id, **taken})])
        assert [edit.data["category"] for edit in phone.pending] == [existing] * 3
        assert not before & {edit.id for edit in phone.pending}, "a copied file may have sent the others"
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

    def test_a_creation_that_was_applied_in_part_is_changed_and_not_made_again(self, phone: Phone) -> None:
        task = phone.create_task("one", parent=str(uuid4()))
        phone.line.before = answering(lambda each: applied(each, dropped=["parent"]))
        [issue] = phone.sync().partial
        assert (issue.status, issue.op, issue.target) == (Status.PARTIAL, Op.UPDATE, task)

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
        phone.create_task("two")
        later = {"title": "Later"}
        phone.line.before = answering(lambda _: {"status": "postponed", "version": None, "problem": later})
        assert [issue.problem for issue in phone.sync().rejections] == [later]

    @pytest.mark.parametrize("errors", [[{"field": "cursor"}], [{"field": 1}], ["mutations[0]"], [[]], [], None])
    def test_a_refusal_of_the_request_as_such_blames_no_edit(self, phone: Phone, errors: object) -> None:
        phone.create_task("one")
        phone.line.before = lambda request: problem(400, errors=errors) if request.method == "POST" else None
        with pytest.raises(Refused):
            phone.sync()
        assert (len(phone.pending), phone.issues()) == (1, [])


class TestResults:
    """Results and reports, as they are read."""

    APPLIED: ClassVar[dict[str, Any]] = {"id": "m", "status": "applied", "version": 1}
    DELETION = Mutation(id="m", type=ItemType.TASK, op=Op.DELETE, target="t", base_version=3)

    @pytest.mark.parametrize(
        "answer",
        [
            {"existing": {"id": "x"}},
            {"problem": {"title": "No", "existing": {"id": "x"}}},
            {"problem": {"title": "No", "existing": {"id": "y"}}, "existing": {"id": "x"}},
        ],
    )
    def test_the_existing_item_is_named_in_the_result_or_in_its_problem(self, answer: dict[str, Any]) -> None:
        assert Parsed.read({**self.APPLIED, "status": "rejected", "version": None, **answer}).existing == "x"

    def test_each_value_of_a_conflict_is_that_of_its_name(self) -> None:
        conflicts = {"title": {"base": 1, "yours": 2, "theirs": 3}}
        answer = {**self.APPLIED, "status": "conflict", "conflicts": conflicts, "dropped": ["a", "b"]}
        found = Parsed.read(answer)
        assert found.conflicts == {"title": FieldConflict(base=1, yours=2, theirs=3)}
        assert Parsed.read({**answer, "conflicts": {"x": {}}}).conflicts == {"x": FieldConflict(None, None, None)}
        assert found.dropped == ("a", "b")

    @pytest.mark.parametrize(
        ("op", "kind", "status"),
        [
            (Op.DELETE, "task-not-found", Status.APPLIED),
            (Op.DELETE, "category-not-found", Status.APPLIED),
            (Op.DELETE, "forbidden", Status.REJECTED),
            (Op.UPDATE, "task-not-found", Status.REJECTED),
        ],
    )
    def test_only_a_deletion_of_what_is_not_found_is_done(self, op: Op, kind: str, status: Status) -> None:
        refused = Parsed(mutation="m", status=Status.REJECTED, version=None, problem={"type": f"/problems/{kind}"})
        found = refused.of(replace(self.DELETION, op=op))
        is_done = status is Status.APPLIED
        assert (found.status, found.version, found.problem is None) == (status, 3 if is_done else None, is_done)
        never = refused.of(replace(self.DELETION, op=op, base_version=None))
        assert never.version == (0 if is_done else None)

    @pytest.mark.parametrize("odd", [{"type": "list"}, {"op": "archive"}])
    def test_a_change_that_is_not_known_is_left_out(self, odd: dict[str, Any]) -> None:
        known = {"type": "task", "id": "t", "op": "delete", "version": 2, "reason": "access_revoked"}
        assert Change.read(known) == Change(ItemType.TASK, "t", 2, None, is_revoked=True)
        assert Change.read(known | odd) is None

    @pytest.mark.parametrize("name", ["conflicts", "rejections", "partial"])
    def test_a_report_is_clean_without_any_issue(self, name: str) -> None:
        report = SyncReport()
        assert report.is_clean
        getattr(report, name).append("an issue")
        assert not report.is_clean

    @pytest.mark.parametrize(
        ("count", "theirs", "buckets", "is_in_sync"),
        [(1, 1, [], True), (1, 2, [], False), (2, 1, [], False), (1, 1, ["a7"], False)],
    )
    def test_a_copy_is_in_sync_if_nothing_differs(
        self, count: int, theirs: int, buckets: list[str], is_in_sync: bool
    ) -> None:
        assert Verification(count, theirs, buckets).is_in_sync is is_in_sync


class TestDismissing:
    def test_only_the_given_issues_are_removed(self, phone: Phone) -> None:
        for number in range(4):
            phone.create_task(f"{number}")
        phone.line.before = answering(*[rejected] * 4)
        phone.sync()
        first, second, third, fourth = phone.issues()
        assert [each.data["title"] for each in (first, second, third, fourth)] == ["0", "1", "2", "3"]
        phone.dismiss(third)
        assert list(phone.issues()) == [first, second, fourth]
        phone.dismiss(fourth, first)
        assert list(phone.issues()) == [second]


class TestRefusedCreations:
    @pytest.mark.parametrize(("is_restored", "number"), [(True, 1), (False, 0)])
    def test_one_that_was_restored_after_its_deletion_is_an_issue(
        self, phone: Phone, is_restored: bool, number: int
    ) -> None:
        task = phone.create_task(" ")
        phone.delete(task)
        if is_restored:
            phone.restore(task)
        phone.sync()
        assert (len(phone.issues()), phone.tasks(), phone.pending) == (number, [], [])

    def test_later_edits_are_part_of_its_issue(self, phone: Phone) -> None:
        task = phone.create_task(" ", description="long")
        phone._local.next_batch(1)  # as if it was sent, and its answer lost
        phone.edit_task(task, title="later", priority=4)
        [issue] = phone.sync().rejections
        assert issue.data == {"title": "later", "description": "long", "priority": 4}
        assert (phone.issues(), phone.pending) == ([issue], [])


class TestDeletions:
    def test_deleting_what_the_user_does_not_have_is_done(self, phone: Phone, ada: Person) -> None:
        task, home = ada.task("one")["id"], ada.category("Home")["id"]
        phone.sync()
        phone.delete(task)
        phone.delete_category(home)

        def gone(each: Result) -> Result:
            return rejected(each, problem={"type": f"/problems/{each['type']}-not-found", "title": "Not found"})

        phone.line.before = answering(gone, gone)
        report = phone.sync()
        assert (report.applied, report.is_clean, phone.issues(), phone.pending) == (2, True, [], [])

    def test_a_deletion_of_a_task_that_is_no_longer_shared_is_done(self, api: Api, ada: Person, add: Add) -> None:
        bob, task = api.register(), ada.task("one")
        ada.share(task, bob)
        tablet = add(bob)
        tablet.sync()
        tablet.delete(task["id"])
        expect(ada.delete(f"/api/tasks/{task['id']}/shares/{bob.id}/"), 204)
        report = tablet.sync()
        assert (report.applied, report.is_clean, tablet.tasks()) == (1, True, [])
        in_sync(tablet)

    def test_its_issue_has_what_was_deleted(self, phone: Phone, laptop: Phone) -> None:
        task, home = phone.create_task("one", priority=3), phone.create_category("Home", color="#112233")
        in_sync(phone, laptop)
        phone.edit_task(task, title="two")
        phone.edit_category(home, name="House")
        phone.sync()
        laptop.edit_task(task, description="mine")
        laptop.delete(task)
        laptop.delete_category(home)
        laptop.sync()
        first, second = (issue.item for issue in laptop.issues() if issue.op is Op.DELETE)
        assert (first["title"], first["priority"], second["name"], second["color"]) == ("one", 3, "Home", "#112233")

    def test_the_issue_of_a_restoration_has_the_task_which_can_be_created_again(
        self, phone: Phone, ada: Person
    ) -> None:
        task = ada.task("one", priority=3)["id"]
        phone.sync()
        expect(ada.delete(f"/api/tasks/{task}/"), 204)
        phone.sync()
        expect(ada.delete(f"/api/trash/{task}/"), 204)
        phone.restore(task)
        assert phone.titles() == ["one"]
        [issue] = phone.sync().rejections
        assert (issue.op, issue.item["title"], phone.tasks()) == (Op.RESTORE, "one", [])
        created = phone.resend(issue)
        assert phone.sync().is_clean
        in_sync(phone)
        assert (phone.task(created).title, phone.task(created).priority) == ("one", 3)
