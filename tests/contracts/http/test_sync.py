"""Sync over HTTP: full and incremental pulls, pushes of offline changes, and digests."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tasktracker.domain.feed.ports import EPOCH
from tests.contracts.http.base import NewApi, invalid, problem
from tests.fakes import ManualClock
from tests.http import Api, Person, expect
from tests.waiting import until_the_last

SYNC, DIGEST = "/api/sync/", "/api/sync/digest/"


def pull(user: Person, **params: Any) -> dict[str, Any]:
    """Pull one page."""
    page: dict[str, Any] = expect(user.get(SYNC, params=params), 200)
    return page


def pull_all(user: Person, **params: Any) -> tuple[list[dict[str, Any]], str]:
    """Pull all pages, and return the changes and the next cursor."""
    changes: list[dict[str, Any]] = []
    for _ in until_the_last():
        page = pull(user, **params)
        changes += page["changes"]
        params["cursor"] = page["next_cursor"]
        if not page["has_more"]:
            break
    return changes, params["cursor"]


def synced(task: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a task that are synced."""
    return {name: value for name, value in task.items() if name != "is_overdue"}


def upsert(item: Mapping[str, Any], type_: str = "task", reason: str | None = None) -> dict[str, Any]:
    data = synced(item)
    return {
        "type": type_,
        "id": item["id"],
        "op": "upsert",
        "version": item["version"],
        "data": data,
        "reason": reason,
    }


def tombstone(item: Mapping[str, Any], version: int, reason: str = "deleted", type_: str = "task") -> dict[str, Any]:
    return {"type": type_, "id": item["id"], "op": "delete", "version": version, "data": None, "reason": reason}


def mutation(op: str, target: str, data: object = None, *, type: str = "task", **more: Any) -> dict[str, Any]:
    body = {"id": str(uuid4()), "type": type, "op": op, "target": target, **more}
    return body if data is None else {**body, "data": data}


def push(user: Person, *mutations: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    response: dict[str, Any] = expect(user.post(SYNC, {"mutations": list(mutations), **more}), 200)
    assert [result["id"] for result in response["results"]] == [each["id"] for each in mutations]
    return response


def results(user: Person, *mutations: Mapping[str, Any], **more: Any) -> list[tuple[str, int | None]]:
    return [(each["status"], each["version"]) for each in push(user, *mutations, **more)["results"]]


class TestPull:
    def test_a_pull_without_a_cursor_returns_the_full_state(self, alice: Person) -> None:
        category, task = alice.category(), alice.task()
        removed = alice.task()
        expect(alice.delete(f"/api/tasks/{removed['id']}/"), 204)
        assert pull(alice)["changes"] == [upsert(category, "category"), upsert(task)]

    def test_a_new_device_gets_no_earlier_deletions_on_any_page(self, alice: Person) -> None:
        tasks = [alice.task() for _ in range(3)]
        expect(alice.delete(f"/api/tasks/{alice.task()['id']}/"), 204)
        changes, _ = pull_all(alice, limit=1)
        assert changes == [upsert(task) for task in tasks]

    def test_a_pull_with_a_cursor_returns_the_changes(self, alice: Person) -> None:
        task, other = alice.task(), alice.task()
        _, cursor = pull_all(alice)
        assert pull(alice, cursor=cursor)["changes"] == []
        changed = expect(alice.patch(f"/api/tasks/{task['id']}/", {"title": "once"}), 200)
        changed = expect(alice.patch(f"/api/tasks/{task['id']}/", {"title": "twice"}), 200)
        expect(alice.delete(f"/api/tasks/{other['id']}/"), 204)
        assert pull(alice, cursor=cursor)["changes"] == [upsert(changed), tombstone(other, 2)]

    def test_changes_during_a_full_pull_follow_at_its_end(self, alice: Person) -> None:
        tasks = [alice.task() for _ in range(5)]
        first = pull(alice, limit=2)
        assert first["has_more"]
        # Changes during a full pull follow after it.
        expect(alice.delete(f"/api/tasks/{tasks[0]['id']}/"), 204)
        changed = expect(alice.patch(f"/api/tasks/{tasks[4]['id']}/", {"title": "other"}), 200)
        rest, _ = pull_all(alice, cursor=first["next_cursor"], limit=2)
        assert first["changes"] == [upsert(task) for task in tasks[:2]]
        assert rest == [upsert(tasks[2]), upsert(tasks[3]), tombstone(tasks[0], 2), upsert(changed)]

    def test_a_pull_can_be_limited_to_types(self, alice: Person) -> None:
        category, task = alice.category(), alice.task()
        assert pull(alice, types="task")["changes"] == [upsert(task)]
        assert pull(alice, types="category")["changes"] == [upsert(category, "category")]
        assert len(pull(alice, types="category,task")["changes"]) == 2
        assert len(pull(alice, types=["category", "task"])["changes"]) == 2
        for odd in ("", "tasks", "task,", "task,task", "TASK", ["task", "task"]):
            invalid(alice.get(SYNC, params={"types": odd}), "types")

    def test_a_cursor_is_bound_to_its_user_and_types(self, alice: Person, bob: Person) -> None:
        cursor = pull(alice)["next_cursor"]
        invalid(bob.get(SYNC, params={"cursor": cursor}), "cursor")
        invalid(alice.get(SYNC, params={"cursor": cursor, "types": "task"}), "cursor")
        invalid(alice.get(SYNC, params={"cursor": "nonsense"}), "cursor")
        assert pull(alice, cursor=cursor, types="task,category")["changes"] == []

    def test_bad_parameters_are_named(self, alice: Person) -> None:
        invalid(alice.get(SYNC, params={"limit": 201, "wait": 61, "type": "task"}), "limit", "wait", "type")

    def test_a_cursor_expires_when_a_sweep_removes_a_deletion_after_it(
        self, alice: Person, clock: ManualClock, new_api: NewApi
    ) -> None:
        kept, *deleted = [alice.task() for _ in range(3)]
        short = new_api(WINDOW_DAYS="1")
        page = pull(alice.through(short.client))
        valid_until = clock.now() + timedelta(days=1)
        assert page["cursor_valid_until"] == valid_until.isoformat().replace("+00:00", "Z")
        for task in deleted:
            expect(alice.delete(f"/api/tasks/{task['id']}/"), 204)
        clock.advance(days=3)
        again = short.login(alice)
        # Nothing was removed yet, so nothing is missing.
        assert len(pull(again, cursor=page["next_cursor"])["changes"]) == 2
        short.container.housekeeping().sweep()
        for server in (short, new_api(WINDOW_DAYS="30")):
            again = again.through(server.client)
            problem(again.get(SYNC, params={"cursor": page["next_cursor"]}), 410, "cursor-expired")
            mutations = [mutation("update", kept["id"], {"title": "not applied"})]
            body = {"mutations": mutations, "cursor": page["next_cursor"]}
            problem(again.post(SYNC, body), 410, "cursor-expired")
        assert pull(again)["changes"] == [upsert(kept)]

    def test_a_cursor_of_another_epoch_is_expired(self, api: Api, alice: Person) -> None:
        cursor = pull(alice)["next_cursor"]
        api.container.store().rotate_secret(EPOCH)
        problem(alice.get(SYNC, params={"cursor": cursor}), 410, "cursor-expired")
        problem(alice.post(SYNC, {"mutations": [], "cursor": cursor}), 410, "cursor-expired")
        assert pull(alice)["next_cursor"]

    def test_sharing_and_unsharing_reach_the_member(self, alice: Person, bob: Person) -> None:
        task = alice.task(category=alice.category()["id"])
        child = alice.task(parent=task["id"])
        _, cursor = pull_all(bob)
        share = f"/api/tasks/{task['id']}/shares/"
        expect(alice.post(share, {"username": bob.username, "role": "editor"}), 201)
        shared, shared_child = (expect(bob.get(f"/api/tasks/{each['id']}/"), 200) for each in (task, child))
        granted, cursor = pull_all(bob, cursor=cursor)
        assert granted == [upsert(shared, reason="access_granted"), upsert(shared_child, reason="access_granted")]
        assert granted[0]["data"]["category"] is None
        expect(bob.patch(f"/api/tasks/{task['id']}/", {"title": "by bob"}), 200)
        expect(alice.delete(f"{share}{bob.id}/"), 204)
        revoked, _ = pull_all(bob, cursor=cursor)
        assert revoked == [tombstone(task, 4, "access_revoked"), tombstone(child, 3, "access_revoked")]
        assert pull(bob)["changes"] == []

    def test_deleting_the_owners_account_reaches_the_members(self, alice: Person, bob: Person) -> None:
        task = alice.task()
        expect(alice.post(f"/api/tasks/{task['id']}/shares/", {"username": bob.username, "role": "viewer"}), 201)
        _, cursor = pull_all(bob)
        expect(alice.post("/api/accounts/me/delete/", {"password": alice.password}), 204)
        (change,) = pull_all(bob, cursor=cursor)[0]
        assert (change["op"], change["reason"]) == ("delete", "access_revoked")

    def test_deleting_a_category_is_pulled_with_its_tasks(self, alice: Person) -> None:
        category = alice.category()
        tasks = [alice.task(category=category["id"]) for _ in range(3)]
        _, cursor = pull_all(alice)
        expect(alice.delete(f"/api/categories/{category['id']}/"), 204)
        changes, _ = pull_all(alice, cursor=cursor)
        assert changes[-1] == tombstone(category, 2, type_="category")
        assert {(each["id"], each["version"], each["data"]["category"]) for each in changes[:-1]} == {
            (task["id"], 2, None) for task in tasks
        }

    def test_a_restored_task_is_pulled(self, alice: Person) -> None:
        task = alice.task()
        expect(alice.delete(f"/api/tasks/{task['id']}/"), 204)
        _, cursor = pull_all(alice)
        restored = expect(alice.post(f"/api/tasks/{task['id']}/restore/"), 200)
        assert pull_all(alice, cursor=cursor)[0] == [upsert(restored)]

    def test_a_reused_id_continues_its_versions(self, alice: Person) -> None:
        id_ = str(uuid4())
        create = {"headers": {"If-None-Match": "*"}}
        for version in (1, 3, 5):
            task = expect(alice.put(f"/api/tasks/{id_}/", {"title": "again"}, **create), 201)
            assert task["version"] == version
            expect(alice.delete(f"/api/tasks/{id_}/"), 204)
            expect(alice.delete(f"/api/trash/{id_}/"), 204)
        category = expect(alice.put(f"/api/categories/{id_}/", {"name": "again"}, **create), 201)
        expect(alice.delete(f"/api/categories/{id_}/"), 204)
        again = expect(alice.put(f"/api/categories/{id_}/", {"name": "again"}, **create), 201)
        assert (category["version"], again["version"]) == (1, 3)

    def test_imported_items_are_pulled(self, alice: Person) -> None:
        _, cursor = pull_all(alice)
        lines = (
            '{"type":"header","format":"tasktracker","version":1}\n'
            f'{{"type":"category","id":"{uuid4()}","name":"Somewhere"}}\n'
            f'{{"type":"task","id":"{uuid4()}","title":"something"}}\n'
        )
        headers = {"Content-Type": "application/x-ndjson"}
        expect(alice.request("POST", "/api/accounts/me/import/", content=lines, headers=headers), 200)
        assert [each["type"] for each in pull_all(alice, cursor=cursor)[0]] == ["category", "task"]

    def test_a_long_poll_waits_for_changes(self, alice: Person) -> None:
        _, cursor = pull_all(alice)
        created: list[dict[str, Any]] = []
        timer = threading.Timer(0.3, lambda: created.append(alice.task()))
        timer.start()
        began = time.monotonic()
        page = pull(alice, cursor=cursor, wait=60)
        assert 0.2 < time.monotonic() - began < 40, "the answer waited for the whole time"
        timer.join()
        assert page["changes"] == [upsert(created[0])]

    def test_a_long_poll_waits_at_most_the_given_time(self, alice: Person, bob: Person) -> None:
        began = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            page = pool.submit(pull, alice, types="task", wait=1)
            while not page.done():
                assert time.monotonic() - began < 40, "each change of another type began the wait again"
                bob.task()
                alice.category()
                time.sleep(0.3)
            assert page.result()["changes"] == []
        assert time.monotonic() - began > 0.9


class TestPush:
    @pytest.fixture
    def phone(self, api: Api, alice: Person) -> Person:
        """Another device of alice's."""
        return api.login(alice)

    def test_every_operation_can_be_pushed(self, alice: Person) -> None:
        task, category = str(uuid4()), str(uuid4())
        assert results(
            alice,
            mutation("create", category, {"name": "Home"}, type="category"),
            mutation("create", task, {"title": "a", "category": category}),
            mutation("update", task, {"title": "b", "priority": 4}),
            mutation("update", category, {"color": "#112233"}, type="category"),
            mutation("delete", task),
            mutation("restore", task),
            mutation("delete", category, type="category"),
        ) == [
            ("applied", 1),
            ("applied", 1),
            ("applied", 2),
            ("applied", 2),
            ("applied", 3),
            ("applied", 4),
            ("applied", 3),
        ]
        stored = expect(alice.get(f"/api/tasks/{task}/"), 200)
        assert (stored["title"], stored["priority"], stored["category"], stored["version"]) == ("b", 4, None, 5)

    def test_a_repeated_mutation_is_applied_once(self, alice: Person) -> None:
        task = alice.task()
        body = [mutation("create", str(uuid4()), {"title": "new"}), mutation("update", task["id"], {"title": "b"})]
        assert results(alice, *body) == [("applied", 1), ("applied", 2)]
        expect(alice.patch(f"/api/tasks/{task['id']}/", {"title": "c"}), 200)
        assert results(alice, *body) == [("duplicate", 1), ("duplicate", 2)]
        assert sorted(alice.titles()) == ["c", "new"]
        again = push(alice, {**body[0], "data": {"title": "another"}})["results"][0]
        assert (again["status"], again["problem"]["type"]) == ("rejected", "/problems/idempotency-key-reused")

    def test_a_mutation_repeated_in_one_request_is_applied_once(self, alice: Person) -> None:
        body = mutation("create", str(uuid4()), {"title": "new"})
        for atomic in (False, True):
            same = {**body, "id": str(uuid4()), "target": str(uuid4())}
            assert results(alice, same, same, atomic=atomic) == [("applied", 1), ("duplicate", 1)]

    def test_edits_of_different_fields_merge(self, alice: Person, phone: Person) -> None:
        task = alice.task(description="long")
        expect(phone.patch(f"/api/tasks/{task['id']}/", {"title": "by phone", "state": "done"}), 200)
        body = mutation("update", task["id"], {"priority": 4, "description": "short"}, base_version=1)
        assert results(alice, body) == [("merged", 3)]
        stored = expect(alice.get(f"/api/tasks/{task['id']}/"), 200)
        assert [stored[name] for name in ("title", "state", "priority", "description")] == [
            "by phone",
            "done",
            4,
            "short",
        ]

    def test_an_edit_merges_with_a_move_of_the_parent(self, alice: Person, bob: Person, phone: Person) -> None:
        top, shared = alice.task("top"), alice.task("shared")
        middle = alice.task("middle", parent=top["id"])
        below = alice.task("below", parent=middle["id"])
        alice.share(shared, bob, "editor")
        expect(phone.patch(f"/api/tasks/{middle['id']}/", {"parent": shared["id"]}), 200)
        assert results(alice, mutation("update", below["id"], {"title": "offline"}, base_version=1)) == [("merged", 3)]
        assert expect(bob.get(f"/api/tasks/{below['id']}/"), 200)["title"] == "offline"

    def test_edits_of_the_same_field_conflict(self, alice: Person, phone: Person) -> None:
        task = alice.task("base")
        for title in ("first", "theirs"):
            expect(phone.patch(f"/api/tasks/{task['id']}/", {"title": title}), 200)
        body = mutation("update", task["id"], {"title": "yours", "priority": 4}, base_version=1)
        (result,) = push(alice, body)["results"]
        assert (result["status"], result["version"]) == ("conflict", 3)
        assert result["conflicts"] == {"title": {"base": "base", "yours": "yours", "theirs": "theirs"}}
        assert expect(alice.get(f"/api/tasks/{task['id']}/"), 200)["priority"] == 2

    def test_equal_values_never_conflict(self, alice: Person, phone: Person) -> None:
        task = alice.task("base")
        expect(phone.patch(f"/api/tasks/{task['id']}/", {"title": "same", "due_date": "2026-01-01T00:00:00Z"}), 200)
        body = mutation(
            "update", task["id"], {"title": " same ", "due_date": "2026-01-01T01:00:00+01:00"}, base_version=1
        )
        assert results(alice, body) == [("merged", 2)]

    def test_an_unknown_base_conflicts_in_every_different_field(self, alice: Person) -> None:
        task = alice.task("base", priority=3)
        for base in (7, 2):
            body = mutation("update", task["id"], {"title": "other", "priority": 3}, base_version=base)
            (result,) = push(alice, body)["results"]
            assert result["conflicts"] == {"title": {"base": None, "yours": "other", "theirs": "base"}}
        category = alice.category("Home")
        expect(alice.patch(f"/api/categories/{category['id']}/", {"color": "#112233"}), 200)
        body = mutation("update", category["id"], {"name": "Haus"}, type="category", base_version=9)
        (result,) = push(alice, body)["results"]
        assert (result["status"], set(result["conflicts"])) == ("conflict", {"name"})
        body = mutation("update", category["id"], {"name": "Haus", "color": None}, type="category", base_version=1)
        (result,) = push(alice, body)["results"]
        assert result["conflicts"] == {"color": {"base": None, "yours": None, "theirs": "#112233"}}

    def test_changes_caused_by_other_tasks_do_not_conflict(self, alice: Person, phone: Person) -> None:
        root, parent = alice.task("root"), alice.task("parent")
        child = alice.task("child", parent=parent["id"])
        assert results(
            alice,
            mutation("update", parent["id"], {"parent": root["id"]}, base_version=1),
            mutation("update", child["id"], {"title": "by alice"}, base_version=1),
        ) == [("applied", 2), ("merged", 3)]
        expect(phone.patch(f"/api/tasks/{child['id']}/", {"priority": 4}), 200)
        expect(phone.patch(f"/api/tasks/{parent['id']}/", {"parent": None}), 200)
        (result,) = push(alice, mutation("update", child["id"], {"priority": 1}, base_version=3))["results"]
        assert result["conflicts"] == {"priority": {"base": 2, "yours": 1, "theirs": 4}}
        assert results(alice, mutation("update", child["id"], {"title": "other"}, base_version=3)) == [("merged", 6)]
        expect(phone.patch(f"/api/tasks/{parent['id']}/", {"parent": root["id"]}), 200)
        assert results(alice, mutation("delete", child["id"], base_version=6)) == [("applied", 8)]

    def test_an_edit_merges_with_hundreds_of_later_changes(self, alice: Person, phone: Person) -> None:
        task = alice.task("base", description="as it was")
        expect(phone.patch(f"/api/tasks/{task['id']}/", {"description": "theirs"}), 200)
        edits = [mutation("update", task["id"], {"priority": number % 4 + 1}) for number in range(2, 302)]
        for start in range(0, len(edits), 100):
            push(phone, *edits[start : start + 100])
        wanted = {"title": "yours", "description": "yours"}
        (result,) = push(alice, mutation("update", task["id"], wanted, base_version=1))["results"]
        assert result["conflicts"] == {"description": {"base": "as it was", "yours": "yours", "theirs": "theirs"}}
        body = mutation("update", task["id"], {"title": "yours"}, base_version=1)
        assert results(alice, body) == [("merged", 303)]

    def test_a_base_older_than_the_history_is_unknown(
        self, api: Api, alice: Person, phone: Person, clock: ManualClock
    ) -> None:
        task = alice.task("base")
        expect(phone.patch(f"/api/tasks/{task['id']}/", {"priority": 4}), 200)
        clock.advance(days=40)
        alice, phone = api.login(alice), api.login(phone)
        api.container.housekeeping().sweep()
        expect(phone.patch(f"/api/tasks/{task['id']}/", {"description": "new"}), 200)
        (result,) = push(alice, mutation("update", task["id"], {"title": "other"}, base_version=1))["results"]
        assert result["conflicts"] == {"title": {"base": None, "yours": "other", "theirs": "base"}}
        # The changes since version 2 are known.
        assert results(alice, mutation("update", task["id"], {"title": "other"}, base_version=2)) == [("merged", 4)]

    def test_deleting_a_changed_item_conflicts(self, alice: Person, phone: Person) -> None:
        task, category = alice.task("base"), alice.category("Home")
        expect(phone.patch(f"/api/tasks/{task['id']}/", {"title": "theirs", "state": "done"}), 200)
        expect(phone.patch(f"/api/categories/{category['id']}/", {"name": "Haus"}), 200)
        one, other = push(
            alice,
            mutation("delete", task["id"], base_version=1),
            mutation("delete", category["id"], type="category", base_version=1),
        )["results"]
        assert one["conflicts"] == {
            "title": {"base": "base", "yours": None, "theirs": "theirs"},
            "state": {"base": "open", "yours": None, "theirs": "done"},
        }
        assert other["conflicts"] == {"name": {"base": None, "yours": None, "theirs": "Haus"}}
        assert (one["status"], other["status"]) == ("conflict", "conflict")
        assert results(alice, mutation("delete", task["id"])) == [("applied", 3)]

    def test_changing_a_deleted_task_conflicts(self, alice: Person, phone: Person) -> None:
        task = alice.task("base")
        expect(phone.delete(f"/api/tasks/{task['id']}/"), 204)
        (result,) = push(alice, mutation("update", task["id"], {"title": "late"}, base_version=1))["results"]
        assert (result["status"], result["version"]) == ("conflict", 2)
        assert result["conflicts"] == {"title": {"base": None, "yours": "late", "theirs": None}}
        assert results(alice, mutation("delete", task["id"], base_version=1)) == [("applied", 2)]

    def test_a_refused_mutation_does_not_stop_the_others(self, alice: Person, bob: Person) -> None:
        bobs_task = bob.task()
        good = mutation("create", str(uuid4()), {"title": "good"})
        bad: Sequence[tuple[dict[str, Any], str]] = [
            (mutation("create", str(uuid4()), {"titel": "x"}), "invalid-input"),
            (mutation("create", bobs_task["id"], {"title": "x"}), "id-taken"),
            (mutation("update", bobs_task["id"], {"title": "x"}), "task-not-found"),
            (mutation("delete", str(uuid4())), "task-not-found"),
            (mutation("delete", str(uuid4()), type="category"), "category-not-found"),
            (mutation("restore", str(uuid4()), type="category"), "invalid-input"),
            (mutation("delete", str(uuid4()), {"title": "x"}), "invalid-input"),
        ]
        response = push(alice, *(each for each, _ in bad), good)
        assert [result["status"] for result in response["results"]] == ["rejected"] * len(bad) + ["applied"]
        assert [result["problem"]["type"] for result in response["results"][:-1]] == [
            f"/problems/{slug}" for _, slug in bad
        ]
        assert [each["field"] for each in response["results"][0]["problem"]["errors"]] == ["data.titel", "data.title"]
        assert alice.titles() == ["good"]

    def test_bad_fields_of_a_mutation_are_named(self, alice: Person) -> None:
        task, category = alice.task(), alice.category()
        bad: Sequence[tuple[dict[str, Any], set[str]]] = [
            (mutation("create", str(uuid4())), {"title"}),
            (mutation("create", str(uuid4()), {"title": " ", "priority": 7, "x": 1}), {"title", "priority", "x"}),
            (mutation("update", task["id"], {"title": "a\0b"}), {"title"}),
            (mutation("update", task["id"], {"title": "\ud800"}), {"title"}),
            (mutation("update", task["id"], {"\ud800": 1}), {r"\ud800"}),
            (mutation("update", task["id"], {"title": 10**400}), {"title"}),
            (mutation("update", task["id"], {"description": "x" * 10_001}), {"description"}),
            (mutation("update", task["id"], {"parent": task["id"]}), {"parent"}),
            (mutation("update", task["id"], {"category": "none"}), {"category"}),
            (mutation("update", category["id"], {"name": ""}, type="category"), {"name"}),
        ]
        late = mutation("update", task["id"], {"title": "x"}, made_at="9999-12-31T23:59:59-14:00")
        (result,) = push(alice, late)["results"]
        assert [each["field"] for each in result["problem"]["errors"]] == ["made_at"]
        body = json.dumps({"mutations": [each for each, _ in bad]}).encode()
        for result, (_, names) in zip(expect(alice.send("POST", SYNC, body), 200)["results"], bad, strict=True):
            assert {each["field"] for each in result["problem"]["errors"]} == {f"data.{name}" for name in names}

    def test_an_atomic_push_is_applied_completely_or_not_at_all(self, alice: Person) -> None:
        good = [mutation("create", str(uuid4()), {"title": f"{number}"}) for number in range(3)]
        bad = mutation("update", str(uuid4()), {"title": "x"})
        response = push(alice, good[0], bad, good[1], atomic=True)
        assert [result["problem"]["type"] for result in response["results"]] == [
            "/problems/not-applied",
            "/problems/task-not-found",
            "/problems/not-applied",
        ]
        assert alice.titles() == []
        assert results(alice, *good, atomic=True) == [("applied", 1)] * 3
        assert results(alice, *good) == [("duplicate", 1)] * 3

    def test_an_id_reused_in_an_atomic_push_continues_its_versions(self, alice: Person) -> None:
        category = alice.category("Home")
        expect(alice.patch(f"/api/categories/{category['id']}/", {"color": "#112233"}), 200)
        _, cursor = pull_all(alice)
        delete = mutation("delete", category["id"], type="category")
        create = mutation("create", category["id"], {"name": "Home"}, type="category")
        assert results(alice, delete, create, atomic=True) == [("applied", 3), ("applied", 4)]
        assert [each["version"] for each in pull(alice, cursor=cursor)["changes"]] == [4]

    def test_a_push_returns_the_changes_since_its_cursor(self, alice: Person, phone: Person) -> None:
        _, cursor = pull_all(alice)
        from_phone = phone.task("from phone")
        target = str(uuid4())
        response = push(alice, mutation("create", target, {"title": "own"}), cursor=cursor)
        own = expect(alice.get(f"/api/tasks/{target}/"), 200)
        assert response["changes"] == [upsert(from_phone), upsert(own)]
        assert not response["has_more"]
        assert pull(alice, cursor=response["next_cursor"])["changes"] == []
        without = push(alice)
        assert (without["changes"], without["next_cursor"]) == ([], None)

    def test_a_push_of_a_member_is_limited_to_their_role(self, alice: Person, bob: Person) -> None:
        task = alice.task("base")
        share = f"/api/tasks/{task['id']}/shares/"
        expect(alice.post(share, {"username": bob.username, "role": "editor"}), 201)
        body = mutation("update", task["id"], {"title": "by bob", "category": None, "parent": None}, base_version=2)
        assert results(bob, body) == [("applied", 3)]
        (result,) = push(bob, mutation("delete", task["id"]))["results"]
        assert result["problem"]["type"] == "/problems/not-allowed"
        expect(alice.delete(f"/api/tasks/{task['id']}/"), 204)
        for op, data in (("delete", None), ("update", {"title": "again"}), ("restore", None)):
            (result,) = push(bob, mutation(op, task["id"], data, base_version=3))["results"]
            assert result["problem"]["type"] == "/problems/task-not-found", op
        expect(alice.post(f"/api/tasks/{task['id']}/restore/"), 200)
        expect(alice.put(f"{share}{bob.id}/", {"role": "viewer"}), 200)
        (result,) = push(bob, mutation("update", task["id"], {"title": "again"}))["results"]
        assert result["problem"]["type"] == "/problems/not-allowed"
        expect(alice.delete(f"{share}{bob.id}/"), 204)
        (result,) = push(bob, mutation("update", task["id"], {"title": "again"}))["results"]
        assert result["problem"]["type"] == "/problems/task-not-found"

    def test_a_malformed_push_is_refused_with_the_names_of_its_fields(self, alice: Person) -> None:
        invalid(alice.post(SYNC, {}), "mutations")
        invalid(alice.post(SYNC, {"mutations": [mutation("create", str(uuid4()))] * 101}), "mutations")
        invalid(alice.post(SYNC, {"mutations": {}}), "mutations")
        bad = [
            mutation("create", str(uuid4())),
            {
                **mutation("upsert", "unknown", base_version=0, data=[], own=[str(uuid4())] * 101, made_at="today"),
                "titel": 1,
            },
            None,
            {"id": 1, "type": "user", "op": "delete"},
            mutation("update", str(uuid4()), {"title": "\ud800"}),
        ]
        invalid(
            alice.send("POST", SYNC, json.dumps({"mutations": bad}).encode()),
            *(f"mutations[1].{name}" for name in ("op", "target", "base_version", "data", "own", "made_at", "titel")),
            "mutations[2]",
            *(f"mutations[3].{name}" for name in ("id", "type", "target")),
        )
        invalid(alice.post(SYNC, {"mutations": [], "cursor": "nonsense"}), "cursor")
        invalid(alice.post(SYNC, {"mutations": [], "atomically": True}), "atomically")


class TestDigest:
    def test_a_digest_is_computed_from_ids_and_versions(self, alice: Person, bob: Person) -> None:
        items = [("task", alice.task()) for _ in range(5)] + [("category", alice.category())]
        bob.task()
        lines: dict[str, list[str]] = {}
        for type_, item in items:
            name = hashlib.sha256(item["id"].encode()).hexdigest()[:2]
            lines.setdefault(name, []).append(f"{type_} {item['id']} {item['version']}\n")
        digest = expect(alice.get(DIGEST), 200)
        assert digest["count"] == 6
        assert digest["buckets"] == {
            name: hashlib.sha256("".join(sorted(each)).encode()).hexdigest() for name, each in lines.items()
        }
        for name, expected in lines.items():
            bucket = expect(alice.get(f"{DIGEST}{name}/"), 200)["items"]
            assert sorted(f"{each['type']} {each['id']} {each['version']}\n" for each in bucket) == sorted(expected)

    def test_every_change_changes_the_digest(self, alice: Person) -> None:
        task, other = alice.task(), alice.task()
        before = expect(alice.get(DIGEST), 200)
        expect(alice.patch(f"/api/tasks/{task['id']}/", {"title": "other"}), 200)
        expect(alice.delete(f"/api/tasks/{other['id']}/"), 204)
        after = expect(alice.get(DIGEST), 200)
        assert after["count"] == 1
        assert before["buckets"] != after["buckets"]
        assert len(after["buckets"]) == 1
        changes = pull(alice, cursor=before["as_of"])["changes"]
        assert {each["id"] for each in changes} == {task["id"], other["id"]}
        assert pull(alice, cursor=after["as_of"])["changes"] == []

    def test_a_digest_and_its_sorted_buckets_can_be_limited_to_types(self, alice: Person) -> None:
        ids = [id_ for id_ in (str(UUID(int=n)) for n in range(2000)) if hashlib.sha256(id_.encode()).digest()[0] == 0]
        created = {"headers": {"If-None-Match": "*"}}
        for number, id_ in reversed(list(enumerate(ids[:4]))):
            kind, name = (("categories", "name"), ("tasks", "title"))[number % 2]
            expect(alice.put(f"/api/{kind}/{id_}/", {name: id_}, **created), 201)
        for types, expected in (("task,category", [0, 2, 1, 3]), ("category", [0, 2]), ("task", [1, 3])):
            digest = expect(alice.get(DIGEST, params={"types": types}), 200)
            assert digest["count"] == len(expected)
            assert pull(alice, types=types, cursor=digest["as_of"])["changes"] == []
            bucket = expect(alice.get(f"{DIGEST}00/", params={"types": types}), 200)["items"]
            assert [ids.index(each["id"]) for each in bucket] == expected

    def test_a_malformed_bucket_is_refused(self, alice: Person) -> None:
        for odd in ("0", "000", "0G", "AB", "x"):
            invalid(alice.get(f"{DIGEST}{odd}/"), "bucket")
        assert expect(alice.get(f"{DIGEST}00/"), 200) == {"items": []}
