"""The reference client with the real application in this process, over a network that fails on demand."""

from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import pytest

from tasktracker_client import (
    CursorExpired,
    DiskFull,
    FieldConflict,
    InvalidEdit,
    ItemType,
    LocalStoreError,
    LoginRequired,
    NotUnderstood,
    Offline,
    Op,
    Refused,
    Replica,
    Status,
    SyncReport,
    Unavailable,
    UnknownItem,
    WrongUser,
)
from tasktracker_client.local import LocalCopy
from tests.contracts.base import race
from tests.http import Api, Person, expect
from tests.integration.phones import URL, Add, Phone, in_sync
from tests.line import Line, problem


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


class TestSyncing:
    def test_two_devices_exchange_their_edits(self, phone: Phone, laptop: Phone) -> None:
        phone.create_task(title="Call")
        laptop.create_task(title="Write")
        assert phone.sync().applied == 1
        report = laptop.sync()
        assert (report.applied, report.pulled, report.is_clean, report.started_over) == (1, 2, True, False)
        in_sync(phone, laptop)
        assert phone.titles() == laptop.titles() == ["Call", "Write"]
        assert [task.version for task in phone.tasks()] == [1, 1]
        assert not any(task.is_pending for task in phone.tasks())

    def test_edits_are_sent_in_order(self, phone: Phone, ada: Person) -> None:
        home = phone.create_category(name="Home")
        task = phone.create_task(title="Call")
        phone.edit_task(task, category=home, title="Call them")
        sub = phone.create_task(title="Find the number", parent=task)
        phone.complete(sub)
        assert phone.sync().is_clean
        in_sync(phone)
        stored = {each["id"]: each for each in ada.listed("/api/tasks/")}
        assert (stored[task]["category"], stored[task]["title"], stored[sub]["state"]) == (home, "Call them", "done")
        assert stored[sub]["parent"] == task
        assert phone.task(sub).completed_at is not None

    def test_edits_are_sent_in_batches_and_changes_arrive_in_pages(self, phone: Phone, laptop: Phone) -> None:
        for number in range(250):
            phone.create_task(title=f"task {number}")
        assert phone.sync().applied == 250
        assert phone.line.paths == {"POST /api/sync/": 3, "GET /api/sync/": 2}
        assert laptop.sync().pulled == 250
        in_sync(phone, laptop)

    def test_long_edits_go_in_smaller_batches(self, phone: Phone) -> None:
        for _ in range(30):
            phone.create_task(title="Read", description="x" * 10_000)
        assert phone.sync().applied == 30
        assert phone.line.paths["POST /api/sync/"] == 2

    def test_deletions_and_restorations_are_synced(self, phone: Phone, laptop: Phone) -> None:
        task = phone.create_task(title="Call")
        home = phone.create_category(name="Home")
        in_sync(phone, laptop)
        phone.delete(task)
        phone.delete_category(home)
        in_sync(phone, laptop)
        assert not laptop.tasks()
        assert not laptop.categories()
        laptop.restore(task)
        in_sync(laptop, phone)
        assert phone.titles() == ["Call"]

    def test_offline_edits_of_different_fields_merge(self, phone: Phone, laptop: Phone) -> None:
        task = phone.create_task(title="Call")
        in_sync(phone, laptop)
        phone.edit_task(task, title="Call them")
        laptop.edit_task(task, priority=4)
        phone.sync()
        report = laptop.sync()
        assert (report.merged, report.is_clean) == (1, True)
        in_sync(phone, laptop)
        for each in (phone, laptop):
            assert (each.task(task).title, each.task(task).priority) == ("Call them", 4)

    def test_pulled_changes_keep_pending_edits(self, phone: Phone, laptop: Phone) -> None:
        task = phone.create_task(title="Call")
        in_sync(phone, laptop)
        laptop.edit_task(task, description="from the laptop", title="theirs")
        laptop.sync()

        def edit_meanwhile(request: httpx.Request) -> None:
            if request.method == "GET" and not phone.pending:
                phone.edit_task(task, title="mine")

        phone.line.before = edit_meanwhile
        phone.sync()
        shown = phone.task(task)
        assert (shown.title, shown.description, shown.version) == ("mine", "from the laptop", 2)
        assert phone.pending[0].base_version == 1

    def test_several_edits_of_one_item_do_not_conflict_with_one_another(self, phone: Phone) -> None:
        task = phone.create_task(title="one")
        home = phone.create_category(name="one")
        phone.sync()
        for name in ("two", "three", "four"):
            phone.edit_task(task, title=name)
            phone.edit_category(home, name=name)  # the history of categories is not kept
        report = phone.sync()
        assert (report.applied, report.is_clean) == (2, True)
        in_sync(phone)
        assert (phone.task(task).title, phone.category(home).name) == ("four", "four")

    def test_several_edits_of_one_item_do_not_conflict_with_an_api_token(
        self, api: Api, ada: Person, tmp_path: Path
    ) -> None:
        scopes = {"name": "x", "scopes": ["tasks:read", "tasks:write"], "expires_at": None}
        answer = expect(ada.post("/api/accounts/tokens/", scopes), 201)
        with Replica(
            tmp_path / "t.db", URL, token=answer["token"], client=httpx.Client(transport=Line(api.client))
        ) as r:
            task = r.create_task(title="one")
            r.edit_task(task, title="two")
            r.edit_task(task, title="three")
            report = r.sync()
            assert (report.applied, report.is_clean) == (1, True)
            assert r.verify().is_in_sync
            assert r.task(task).title == "three"

    def test_a_removed_member_loses_the_task(self, api: Api, ada: Person, phone: Phone, add: Add) -> None:
        bob = api.register()
        tablet = add(bob)
        task = phone.create_task(title="Call")
        phone.sync()
        expect(ada.post(f"/api/tasks/{task}/shares/", {"username": bob.username, "role": "editor"}), 201)
        tablet.sync()
        tablet.edit_task(task, title="Call them")
        in_sync(tablet, phone)
        assert phone.titles() == ["Call them"]
        expect(ada.delete(f"/api/tasks/{task}/shares/{bob.id}/"), 204)
        tablet.edit_task(task, title="Write")
        report = tablet.sync()
        assert [issue.status for issue in report.rejections] == [Status.REJECTED]
        assert tablet.tasks() == []
        in_sync(tablet)


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
        assert phone.sync().applied == 150
        assert phone.line.paths["POST /api/sync/"] <= 16

    def test_an_edit_too_large_for_a_request_is_rejected(self, phone: Phone) -> None:
        phone.create_task(title="one")
        phone.create_task(title="two", description="x" * 300_000)
        phone.create_task(title="three")
        report = phone.sync()
        assert (report.applied, len(report.rejections)) == (2, 1)
        assert phone.titles() == ["one", "three"]


class TestNetwork:
    def test_offline_nothing_is_lost(self, phone: Phone, ada: Person) -> None:
        phone.line.is_up = False
        phone.create_task(title="Call")
        for _ in range(3):
            with pytest.raises(Offline):
                phone.sync()
        assert phone.titles() == ["Call"]
        phone.line.is_up = True
        assert phone.sync().applied == 1
        assert ada.titles() == ["Call"]

    def test_an_edit_with_a_lost_answer_is_applied_once(self, phone: Phone, laptop: Phone) -> None:
        task = phone.create_task(title="one")
        home = phone.create_category(name="one")
        in_sync(phone, laptop)
        phone.create_task(title="new")
        phone.edit_task(task, title="two")
        phone.edit_category(home, name="two")
        phone.line.lose = ["/api/sync/"]
        with pytest.raises(Offline):
            phone.sync()
        # More edits while the result of the first ones is unknown.
        phone.edit_task(task, title="three")
        phone.edit_category(home, name="three")
        report = phone.sync()
        assert (report.duplicates, report.applied, report.is_clean) == (3, 2, True)
        in_sync(phone, laptop)
        assert laptop.titles() == ["new", "three"]
        assert laptop.task(task).version == 3

    def test_a_duplicate_is_recognized_in_another_session(self, phone: Phone, ada: Person) -> None:
        task = phone.create_task(title="one")
        phone.sync()
        phone.edit_task(task, title="two")
        phone.line.lose = ["/api/sync/"]
        with pytest.raises(Offline):
            phone.sync()
        phone.login(ada.username, ada.password)
        phone.edit_task(task, title="three")
        report = phone.sync()
        assert (report.duplicates, report.applied, report.is_clean) == (1, 1, True)

    def test_a_request_that_arrives_twice_is_executed_once(self, phone: Phone) -> None:
        phone.create_task(title="one")
        phone.line.twice = ["/api/sync/"]
        assert phone.sync().duplicates == 1
        in_sync(phone)
        assert phone.titles() == ["one"]

    def test_a_lost_page_is_requested_again(self, phone: Phone, ada: Person) -> None:
        for number in range(5):
            ada.task(str(number))
        phone.line.lose = ["/api/sync/"]
        with pytest.raises(Offline):
            phone.sync()
        assert phone.tasks() == []
        in_sync(phone)
        assert len(phone.tasks()) == 5

    def test_a_sent_edit_is_shown_until_its_version_is_pulled(self, phone: Phone) -> None:
        task = phone.create_task(title="one")
        phone.sync()
        phone.edit_task(task, title="two")
        phone.line.before = lambda request: problem(503) if request.method == "GET" else None
        with pytest.raises(Unavailable):
            phone.sync()
        assert not phone.pending  # the server has it
        assert phone.titles() == ["two"]
        assert phone.sql("SELECT version FROM items") == [(1,)]
        phone.edit_task(task, title="three")
        assert phone.pending[0].base_version == 2
        phone.line.before = lambda _: None
        assert phone.sync().is_clean
        in_sync(phone)
        assert phone.titles() == ["three"]

    def test_a_newer_version_replaces_the_sent_edit(
        self, phone: Phone, laptop: Phone, ada: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tasktracker_client.syncer.PAGE", 1)
        task = phone.create_task(title="one")
        in_sync(phone, laptop)
        phone.edit_task(task, title="two")
        pulls = 0

        def overtake(request: httpx.Request) -> httpx.Response | None:
            nonlocal pulls
            pulls += request.method == "GET"
            if pulls == 1:
                laptop.sync()
                laptop.edit_task(task, title="three")
                laptop.sync()
                ada.task("last")
            return problem(503) if pulls > 1 else None

        phone.line.before = overtake
        with pytest.raises(Unavailable):
            phone.sync()
        assert phone.titles() == ["three"]

    def test_a_page_is_discarded_if_another_process_has_synced(self, api: Api, phone: Phone, ada: Person) -> None:
        task = ada.task("one")
        phone.sync()
        expect(ada.patch(f"/api/tasks/{task['id']}/", {"title": "two"}), 200)

        def overtake(_: httpx.Request) -> None:
            phone.line.before = lambda _: None
            with Phone(phone.path, api) as other:  # another process on the same file
                assert other.sync().pulled == 1

        phone.line.before = overtake
        assert phone.sync().pulled == 0
        assert phone.line.paths == {"GET /api/sync/": 3}
        in_sync(phone)
        assert phone.titles() == ["two"]

    @pytest.mark.parametrize(
        ("path", "call"),
        [
            ("/api/accounts/login/", lambda phone: phone.login("ada", "secret")),
            ("/api/accounts/refresh/", lambda phone: phone._api._refreshed(phone._local.get("access"))),
            ("/api/sync/digest/", lambda phone: phone.verify()),
            ("/api/sync/digest/a7/", lambda phone: phone._syncer._repair_bucket("a7")),
        ],
    )
    def test_an_unknown_answer_is_not_understood(
        self, phone: Phone, path: str, call: Callable[[Phone], object]
    ) -> None:
        phone.line.before = lambda request: httpx.Response(200, json={"a": 1}) if request.url.path == path else None
        with pytest.raises(NotUnderstood):
            call(phone)
        phone.line.before = lambda _: None
        in_sync(phone)

    def test_edits_stay_pending_when_the_request_is_refused(self, phone: Phone) -> None:
        phone.create_task(title="one")
        phone.line.before = lambda request: problem(403) if request.method == "POST" else None
        with pytest.raises(Refused, match="No"):
            phone.sync()
        assert len(phone.pending) == 1
        assert not phone.issues()

    def test_a_full_state_that_has_expired_is_refused(self, phone: Phone) -> None:
        phone.line.before = lambda _: problem(410)
        with pytest.raises(CursorExpired):
            phone.sync()

    def test_an_item_that_cannot_be_fetched_is_kept(self, phone: Phone, ada: Person) -> None:
        ada.task()
        phone.sync()
        phone.sql("UPDATE items SET version = 9")
        phone.line.before = lambda request: problem(403) if "/tasks/" in request.url.path else None
        with pytest.raises(Refused):
            phone.repair()
        assert len(phone.tasks()) == 1

    def test_a_busy_server_is_retried_after_its_retry_after(self, phone: Phone) -> None:
        answers = [problem(503), problem(429)]
        answers[0].headers["Retry-After"] = "7"
        answers[1].headers["Retry-After"] = "Wed, 21 Oct 2026 07:28:00 GMT"
        phone.line.before = lambda _: answers.pop(0) if answers else None
        phone.sync()
        assert phone.waits == [7.0, 1.0]

    def test_the_number_of_retries_is_limited(self, phone: Phone) -> None:
        phone.line.before = lambda _: problem(503)
        with pytest.raises(Unavailable):
            phone.sync()
        assert phone.waits == [1.0, 1.0]

    def test_a_long_retry_after_is_not_waited_for(self, phone: Phone) -> None:
        refusal = problem(429)
        refusal.headers["Retry-After"] = "3600"
        phone.line.before = lambda _: refusal
        with pytest.raises(Unavailable) as raised:
            phone.sync()
        assert (raised.value.retry_after, phone.waits) == (3600.0, [])

    @pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 410, 500, 502])
    @pytest.mark.parametrize("body", [{"html": "<h1>Welcome to our hotel</h1>"}, {"json": {"error": "pay first"}}])
    def test_an_answer_of_another_server_keeps_edits_and_copy(
        self, phone: Phone, ada: Person, status: int, body: dict[str, Any]
    ) -> None:
        ada.task("stored")
        phone.sync()
        cursor = phone._local.cursor
        phone.create_task(title="mine")
        phone.line.before = lambda _: httpx.Response(status, **body)
        with pytest.raises((NotUnderstood, Unavailable, LoginRequired)):
            phone.sync()
        phone.line.before = lambda _: None
        assert phone.titles() == ["mine", "stored"]
        assert (phone._local.cursor, list(phone.issues())) == (cursor, [])
        assert phone.sync().applied == 1

    @pytest.mark.parametrize(
        ("method", "answer"),
        [
            ("POST", {}),
            ("POST", {"results": []}),
            ("POST", {"results": [{"id": "x"}]}),
            ("GET", {}),
            ("GET", {"changes": [{"type": "task"}], "next_cursor": "x", "has_more": False}),
            (
                "GET",
                {
                    "changes": [{"type": "task", "id": "x", "op": "upsert", "version": 1, "data": None}],
                    "next_cursor": "x",
                    "has_more": False,
                },
            ),
        ],
    )
    def test_an_incomplete_answer_changes_nothing(self, phone: Phone, method: str, answer: dict[str, Any]) -> None:
        phone.sync()
        phone.create_task(title="mine")
        phone.line.before = lambda request: httpx.Response(200, json=answer) if request.method == method else None
        with pytest.raises(NotUnderstood):
            phone.sync()
        phone.line.before = lambda _: None
        in_sync(phone)
        assert phone.titles() == ["mine"]


class TestSessions:
    def test_an_expired_token_is_refreshed(self, api: Api, phone: Phone) -> None:
        phone.create_task(title="one")
        api.clock.advance(timedelta(hours=1))
        assert phone.sync().applied == 1
        assert phone.line.paths["POST /api/accounts/refresh/"] == 1
        phone.sync()
        assert phone.line.paths["POST /api/accounts/refresh/"] == 1

    def test_a_token_that_another_thread_has_refreshed_is_used(self, phone: Phone) -> None:
        assert phone._api._refreshed("an older one") == phone._local.get("access")
        assert not phone.line.requests

    def test_a_lost_answer_to_a_refresh_keeps_the_session(self, api: Api, phone: Phone) -> None:
        api.clock.advance(timedelta(hours=1))
        phone.line.lose = ["/api/accounts/refresh/"]
        with pytest.raises(Offline):
            phone.sync()
        api.clock.advance(timedelta(hours=1))
        phone.sync()

    def test_edits_wait_for_the_next_session(self, phone: Phone, ada: Person) -> None:
        phone.create_task(title="one")
        expect(ada.delete("/api/accounts/sessions/"), 204)
        with pytest.raises(LoginRequired):
            phone.sync()
        phone.login(ada.username, ada.password, device="phone")
        assert phone.sync().applied == 1

    def test_edits_survive_a_logout(self, phone: Phone, ada: Person) -> None:
        phone.create_task(title="one")
        phone.logout()
        phone.logout()
        assert not phone.sql("SELECT name FROM settings WHERE name IN ('access', 'refresh')")
        with pytest.raises(LoginRequired):
            phone.sync()
        assert phone.titles() == ["one"]
        phone.login(ada.username, ada.password)
        assert phone.sync().applied == 1

    def test_the_copy_is_of_one_user(self, api: Api, phone: Phone, ada: Person) -> None:
        bob = api.register()
        phone.create_task(title="secret")
        with pytest.raises(WrongUser):
            phone.login(bob.username, bob.password)
        phone.sync()
        assert bob.titles() == []
        assert ada.titles() == ["secret"]

    def test_a_wrong_password_is_refused(self, phone: Phone, ada: Person) -> None:
        with pytest.raises(Refused) as raised:
            phone.login(ada.username, "wrong")
        assert raised.value.status == 401

    def test_an_invalid_token_needs_a_login(self, api: Api, tmp_path: Path) -> None:
        client = httpx.Client(transport=Line(api.client))
        with Replica(tmp_path / "t.db", URL, token="nothing", client=client) as r, pytest.raises(LoginRequired):
            r.sync()


class TestStartingOver:
    def test_after_an_expired_cursor_the_full_state_is_pulled(self, api: Api, phone: Phone, ada: Person) -> None:
        kept, gone = ada.task("kept"), ada.task("gone")
        phone.sync()
        phone.create_task(title="mine")
        phone.edit_task(kept["id"], description="mine")
        api.clock.advance(timedelta(days=5))
        expect(api.login(ada).delete(f"/api/tasks/{gone['id']}/"), 204)
        api.clock.advance(timedelta(days=40))
        api.container.housekeeping().sweep()
        with pytest.raises(LoginRequired):
            phone.sync()
        phone.login(ada.username, ada.password)
        report = phone.sync()
        assert (report.started_over, report.applied) == (True, 2)
        assert phone.titles() == ["kept", "mine"]
        assert phone.task(kept["id"]).description == "mine"
        in_sync(phone)

    def test_the_old_copy_is_shown_until_the_full_state_is_pulled(self, api: Api, phone: Phone, ada: Person) -> None:
        task = ada.task("stored")
        phone.sync()
        # As if synced after the backup that was restored.
        phone.sql("UPDATE items SET version = 70, data = json_set(data, '$.description', 'lost')")
        phone.sql("INSERT INTO items VALUES ('task', 'lost', 3, '{\"title\": \"lost\"}', 0)")
        phone.edit_task(task["id"], title="mine")

        def expired(request: httpx.Request) -> httpx.Response | None:
            if request.method == "POST":
                return None
            phone.line.before = lambda _: problem(503)
            return problem(410)

        phone.line.before = expired
        with pytest.raises(Unavailable):
            phone.sync()
        assert phone.titles() == ["lost", "stored"]
        phone.line.before = lambda _: None
        phone.sync()
        assert phone.task(task["id"]).description == ""
        # An edit of an unknown version is a conflict.
        assert [issue.status for issue in phone.issues()] == [Status.CONFLICT, Status.LOST, Status.LOST]
        assert phone.titles() == ["stored"]
        in_sync(phone)

    def test_an_older_version_is_not_applied(self, phone: Phone, ada: Person) -> None:
        ada.task("stored")
        phone.sync()
        phone.sql("UPDATE items SET version = 70")
        phone._local.set(cursor=None)
        phone.sync()
        assert phone.tasks()[0].version == 70
        assert not phone.verify().is_in_sync
        assert phone.repair().is_in_sync


class TestVerifying:
    def test_only_differing_items_are_repaired(self, phone: Phone, ada: Person) -> None:
        home = ada.category("Home")
        tasks = [ada.task(str(number)) for number in range(20)]
        phone.sync()
        phone.create_task(title="mine")  # not compared: it is pending
        missing, old, odd = tasks[0]["id"], tasks[1]["id"], str(uuid4())
        phone.sql(f"DELETE FROM items WHERE id = '{missing}'")
        phone.sql(
            f"UPDATE items SET version = 9, data = '{{\"title\": \"bad\"}}' WHERE id IN ('{old}', '{home['id']}')"
        )
        phone.sql(f"INSERT INTO items VALUES ('task', '{odd}', 1, '{{\"title\": \"odd\"}}', 0)")
        found = phone.verify()
        assert not found.is_in_sync
        assert (found.count, found.their_count) == (21, 21)
        assert 1 <= len(found.buckets) <= 4
        phone.line.requests.clear()
        assert phone.repair().is_in_sync
        fetched = [path for path in phone.line.paths if not path.startswith("GET /api/sync/")]
        assert sorted(fetched) == sorted(
            [f"GET /api/tasks/{missing}/", f"GET /api/tasks/{old}/", f"GET /api/categories/{home['id']}/"]
        )
        assert phone.titles() == sorted([*map(str, range(20)), "mine"])
        expected = {key: value for key, value in tasks[1].items() if key != "is_overdue"}
        assert phone.task(old).data == expected
        assert len(phone.pending) == 1

    def test_a_repaired_item_equals_a_synced_one(self, phone: Phone, laptop: Phone, ada: Person) -> None:
        task, home = ada.task("one", due_date="2030-01-01T00:00:00Z"), ada.category()
        phone.sync()
        laptop.sync()
        phone.sql("DELETE FROM items")
        assert phone.repair().is_in_sync
        assert phone.task(task["id"]) == laptop.task(task["id"])
        assert phone.category(home["id"]) == laptop.category(home["id"])

    def test_a_concurrent_change_is_no_difference(self, phone: Phone, ada: Person) -> None:
        def change(request: httpx.Request) -> None:
            if "digest" in request.url.path and len(ada.titles()) < 3:
                ada.task("new")

        phone.line.before = change
        assert phone.verify().is_in_sync
        assert len(phone.tasks()) == 3

    def test_a_concurrently_deleted_item_is_not_fetched(self, phone: Phone, ada: Person) -> None:
        task = ada.task("one")
        phone.sync()
        phone.sql("DELETE FROM items")

        def delete(request: httpx.Request) -> None:
            if request.url.path == f"/api/tasks/{task['id']}/":
                expect(ada.delete(request.url.path), 204)

        phone.line.before = delete
        assert phone.repair().is_in_sync
        assert phone.tasks() == []

    def test_an_empty_copy_is_in_sync_with_an_empty_account(self, phone: Phone) -> None:
        assert phone.verify().is_in_sync


class TestLocalCopy:
    def test_a_failure_within_a_page_rolls_it_back(self, phone: Phone, ada: Person) -> None:
        ada.task("one")
        phone.sync()
        cursor = phone._local.cursor
        for number in range(3):
            ada.task(str(number))
        phone.sql(
            "CREATE TRIGGER full BEFORE INSERT ON items WHEN json_extract(NEW.data, '$.title') = '2'"
            " BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
        with pytest.raises(LocalStoreError):
            phone.sync()
        assert phone.titles() == ["one"]
        assert phone._local.cursor == cursor
        phone.sql("DROP TRIGGER full")
        in_sync(phone)
        assert len(phone.tasks()) == 4

    def test_a_failure_while_results_are_stored_keeps_the_edits_pending(self, phone: Phone) -> None:
        phone.create_task(title="one")
        phone.create_task(title="two")
        phone.sql(
            "CREATE TRIGGER full BEFORE UPDATE OF done_version ON outbox WHEN NEW.number = 2"
            " BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
        with pytest.raises(LocalStoreError):
            phone.sync()
        assert len(phone.pending) == 2
        phone.sql("DROP TRIGGER full")
        assert phone.sync().duplicates == 2
        in_sync(phone)

    def test_a_full_disk_loses_no_stored_edit(self, phone: Phone) -> None:
        phone.create_task(title="one")
        connection = phone._local._database._connection
        connection.execute("PRAGMA max_page_count = 1")
        with pytest.raises(DiskFull, match="no room"):
            phone.create_task(title="two", description="x" * 100_000)
        connection.execute("PRAGMA max_page_count = 1000000")
        phone.create_task(title="three")
        with sqlite3.connect(phone.path) as other:
            assert other.execute("SELECT count(*) FROM outbox").fetchone() == (2,)
        other.close()

    def test_a_sent_edit_does_not_change(self, phone: Phone) -> None:
        task = phone.create_task(title="one")
        phone.sync()
        phone.edit_task(task, title="two")
        sent: list[Any] = []

        def note(request: httpx.Request) -> None:
            if request.method == "POST":
                sent.append(json.loads(request.content))

        phone.line.before = note
        phone.line.lose = ["/api/sync/"]
        with pytest.raises(Offline):
            phone.sync()
        phone.sync()
        assert len(sent) == 2
        assert sent[0] == sent[1]

    def test_a_closed_copy_refuses_every_call(self, tmp_path: Path) -> None:
        local = LocalCopy(tmp_path / "x.db")
        local.close()
        with pytest.raises(LocalStoreError, match="closed"):
            local.get("cursor")
