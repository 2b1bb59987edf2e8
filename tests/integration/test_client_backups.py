"""The reference client after its server was restored from a backup: the cursors have another epoch."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest

from tasktracker_client import Op, Status, Unavailable
from tests.http import Person, expect
from tests.integration.phones import Phone, answering, applied, in_sync
from tests.line import problem


class TestRestoredBackups:
    """The server was restored from a backup, so its cursors have another epoch."""

    @staticmethod
    def restore(phone: Phone, *, is_early: bool = True) -> None:
        """Answer the next pull as after a backup was restored or, if late, after a long absence."""
        ago = timedelta(days=10 if is_early else 40)
        stored = datetime.fromisoformat(phone._local.get("complete_at") or "")
        assert datetime.now(UTC) - stored < timedelta(hours=1)
        phone._local.set(complete_at=(stored - ago).isoformat())

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
        assert (changed.item["title"], phone._local.get("restored")) == ("newer", None)
        assert (missing.op, missing.data) == (Op.CREATE, {"title": "lost", "priority": 4})
        assert phone.titles() == ["edited", "kept"]
        for issue in phone.issues():
            phone.resend(issue)
        assert phone.sync().is_clean
        in_sync(phone)
        assert phone.titles() == ["kept", "lost", "newer"]
        assert (phone.task(lost).priority, phone.task(kept["id"]).version) == (4, 1)

    def test_an_edit_whose_version_was_made_again_after_the_backup_is_kept_as_an_issue(
        self, phone: Phone, ada: Person
    ) -> None:
        same, other = ada.task("same")["id"], ada.task("theirs", description="long")["id"]
        phone.sync()
        changed = "json_set(data, '$.title', 'mine', '$.description', '')"
        phone.sql(f"UPDATE items SET data = {changed} WHERE id = '{other}'")
        phone.sql(f"UPDATE items SET data = json_set(data, '$.updated_at', 'then') WHERE id = '{same}'")
        self.restore(phone)
        phone.sync()
        [issue] = phone.issues()
        assert (issue.status, issue.target, issue.data) == (Status.LOST, other, {"title": "mine", "description": ""})
        assert phone.titles() == ["same", "theirs"]
        assert phone.task(same).version == 1

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

    @pytest.mark.parametrize(("version", "number"), [(1, 1), (2, 1), (3, 0)])
    def test_a_deletion_is_lost_unless_the_backup_has_a_newer_version(
        self, phone: Phone, ada: Person, version: int, number: int
    ) -> None:
        task = ada.task("one")["id"]
        for each in range(1, version):
            expect(ada.patch(f"/api/tasks/{task}/", {"title": f"edited {each}"}), 200)
        phone.sync()
        gone = {"type": "task", "id": task, "op": "delete", "version": 3, "data": None, "reason": "deleted"}
        page = {"changes": [gone, {**gone, "id": "x"}], "next_cursor": phone._local.cursor, "has_more": False}
        phone.line.before = lambda _: httpx.Response(200, json=page)
        for _ in range(2):  # a page may be received twice
            assert phone.sync().is_clean
        assert phone.issues() == []
        kept = phone.sql("SELECT id, json_extract(data, '$.id'), data IS NULL FROM deletions ORDER BY id")
        assert kept == [(task, task, 0), ("x", None, 1)]
        phone.sql("UPDATE deletions SET version = 2")
        self.restore(phone)
        phone.sync()
        assert [(each.op, each.target) for each in phone.issues()] == [(Op.DELETE, task)] * number
        assert len(phone.tasks()) == 1

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

    @pytest.mark.parametrize("is_newer", [False, True])
    def test_after_a_long_absence_a_missing_item_is_just_deleted_unless_another_shows_a_backup(
        self, phone: Phone, ada: Person, is_newer: bool
    ) -> None:
        ada.task("one")
        phone.sync()
        if is_newer:
            phone.sql("UPDATE items SET version = 9, data = json_set(data, '$.title', 'newer')")
        phone.sql(f"INSERT INTO items VALUES ('task', '{uuid4()}', 2, '{{\"title\": \"deleted\"}}', 0)")
        self.restore(phone, is_early=False)
        assert phone.sync().started_over
        assert (phone.titles(), [issue.op for issue in phone.issues()]) == (
            ["one"],
            [Op.UPDATE, Op.CREATE] if is_newer else [],
        )

    @pytest.mark.parametrize(
        ("limits", "is_lost"),
        [({"retention_days": 9}, False), ({"retention_days": 11}, True), ({"retention_days": "9"}, True), (None, True)],
    )
    def test_an_absence_is_long_if_it_exceeds_the_retention_of_the_server(
        self, phone: Phone, ada: Person, limits: dict[str, object] | None, is_lost: bool
    ) -> None:
        phone.sync()
        phone._api.forget()
        phone._local.set(retention_days=None)
        phone.sql(f"INSERT INTO items VALUES ('task', '{uuid4()}', 2, '{{\"title\": \"missing\"}}', 0)")
        described = {**ada.get("/api/").json(), "limits": limits}
        self.restore(phone)  # after ten days
        expired = phone.line.before
        phone.line.before = lambda request: (
            httpx.Response(200, json=described) if request.url.path == "/api/" else expired(request)
        )
        assert phone.sync().started_over
        assert [issue.status for issue in phone.issues()] == [Status.LOST] * is_lost

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
        [task] = phone.tasks()
        assert (task.version, task.is_pending) == (1, False), "what was sent again is fetched, too"
        in_sync(phone)
