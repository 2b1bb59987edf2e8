"""The reference client exchanges edits with the server, starts over, and compares its copy with the server's data."""

from __future__ import annotations

from datetime import timedelta
from itertools import count, islice
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tasktracker_client import (
    LoginRequired,
    Replica,
    Status,
    Unavailable,
)
from tasktracker_client.digest import bucket_of
from tests.http import Api, Person, expect
from tests.integration.phones import URL, Add, Phone, api_token, in_sync
from tests.line import Line, problem


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
        with Replica(
            tmp_path / "t.db", URL, token=api_token(ada), client=httpx.Client(transport=Line(api.client))
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
        missing, old = tasks[0]["id"], tasks[1]["id"]
        same_bucket = bucket_of(tasks[2]["id"])
        odd = list(islice((each for each in (str(uuid4()) for _ in count()) if bucket_of(each) == same_bucket), 2))
        phone.sql(f"DELETE FROM items WHERE id = '{missing}'")
        phone.sql(
            f"UPDATE items SET version = 9, data = '{{\"title\": \"bad\"}}' WHERE id IN ('{old}', '{home['id']}')"
        )
        for each in odd:
            phone.sql(f"INSERT INTO items VALUES ('task', '{each}', 1, '{{\"title\": \"odd\"}}', 0)")
        found = phone.verify()
        assert not found.is_in_sync
        assert (found.count, found.their_count) == (22, 21)
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

    def test_each_count_is_that_of_its_side_and_buckets_are_in_order(self, phone: Phone, ada: Person) -> None:
        for number in range(8):
            ada.task(f"{number}")
        phone.sync()
        phone.sql("DELETE FROM items WHERE json_extract(data, '$.title') <> '0'")
        found = phone.verify()
        assert (found.count, found.their_count) == (1, 8)
        assert list(found.buckets) == sorted(found.buckets)
        assert len(found.buckets) > 1

    def test_items_of_an_unknown_type_are_not_repaired(self, phone: Phone) -> None:
        items = [{"type": "list", "id": "x", "version": 1}]
        phone.line.before = lambda _: httpx.Response(200, json={"items": items})
        phone._syncer._repair_bucket("a7")
        assert not phone.line.requests

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
