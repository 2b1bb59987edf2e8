"""The reference client over a network that fails on demand, and with answers that are not from the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tasktracker_client import (
    CursorExpired,
    LoginRequired,
    NotUnderstood,
    Offline,
    Refused,
    Unavailable,
)
from tests.http import Api, Person, expect
from tests.integration.phones import Phone, answering, applied, in_sync
from tests.line import problem


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
        phone.edit_task(task, priority=3)
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
        assert (phone.pending, phone._local.has_unsent) == ([], False), "the server has it"
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
        phone._local.start_over("a cursor of before")
        assert phone._local.cursor is not None
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

    @pytest.mark.parametrize(
        ("retry_after", "waits"), [("7", 7.0), ("30", 30.0), ("-7", 0.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 1.0)]
    )
    def test_a_busy_server_is_retried_after_its_retry_after(self, phone: Phone, retry_after: str, waits: float) -> None:
        answers = [problem(503), problem(429)]
        for each in answers:
            each.headers["Retry-After"] = retry_after
        phone.line.before = lambda _: answers.pop(0) if answers else None
        phone.sync()
        assert phone.waits == [waits, waits]

    def test_the_number_of_retries_is_limited(self, phone: Phone) -> None:
        phone.line.before = lambda _: problem(503)
        with pytest.raises(Unavailable):
            phone.sync()
        assert phone.waits == [1.0, 1.0]

    def test_a_full_disk_of_the_server_keeps_the_edits_and_the_reads(self, phone: Phone, laptop: Phone) -> None:
        laptop.create_task("from the laptop")
        laptop.sync()
        phone.create_task("waits")
        full = problem(507)
        full.headers["Retry-After"] = "60"
        phone.line.before = lambda request: full if request.method == "POST" else None
        with pytest.raises(Unavailable) as raised:
            phone.sync()
        assert raised.value.retry_after == 60
        phone.line.before = lambda _: None
        assert phone.sync().applied == 1
        assert sorted(phone.titles()) == ["from the laptop", "waits"]

    def test_a_long_retry_after_is_not_waited_for(self, phone: Phone) -> None:
        refusal = problem(429)
        refusal.headers["Retry-After"] = "3600"
        phone.line.before = lambda _: refusal
        with pytest.raises(Unavailable) as raised:
            phone.sync()
        assert (raised.value.retry_after, phone.waits) == (3600.0, [])

    @pytest.mark.parametrize("status", [500, 502, 599])
    def test_a_fault_of_the_server_may_pass(self, phone: Phone, status: int) -> None:
        phone.line.before = lambda _: httpx.Response(status)
        with pytest.raises(Unavailable):
            phone.sync()

    def test_an_answer_that_is_nested_too_deeply_is_not_understood(self, phone: Phone) -> None:
        phone.line.before = lambda _: httpx.Response(200, content=b"[" * 100_000)
        with pytest.raises(NotUnderstood):
            phone.sync()

    def test_an_answer_that_cannot_be_decoded_is_lost(self, phone: Phone) -> None:
        phone.line.before = lambda _: httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=b"no gzip")
        with pytest.raises(Offline):
            phone.sync()

    @pytest.mark.parametrize("body", [None, [1], {"type": "/problems/body-too-large", "title": "Too large"}])
    def test_a_request_that_is_too_large_for_a_proxy_is_refused(self, phone: Phone, body: object) -> None:
        phone.line.before = lambda _: httpx.Response(413, json=body)
        with pytest.raises(Refused) as raised:
            phone.trash()
        assert (raised.value.status, str(raised.value)) == (413, "Too large")

    @pytest.mark.parametrize("version", [None, "1"])
    def test_an_applied_edit_without_a_version_is_not_understood(self, phone: Phone, version: object) -> None:
        phone.create_task("one")
        phone.line.before = answering(lambda result: applied(result, version=version))
        with pytest.raises(NotUnderstood):
            phone.sync()
        assert len(phone.pending) == 1

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
