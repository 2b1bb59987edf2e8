"""Histories of tasks and undo over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.contracts.http.base import CATEGORIES, TASKS, Task, everything, invalid, path_of, problem, rfc3339
from tests.fakes import ManualClock
from tests.http import PASSWORD, Api, Person, bearer, expect


def changes(user: Person, task: Task, query: str = "") -> list[dict[str, Any]]:
    """Return the changes of a task, newest first."""
    return user.listed(f"{path_of(task)}history/", query)


def edit(user: Person, task: Task, **fields: Any) -> dict[str, Any]:
    """Edit a task and return the change."""
    expect(user.patch(path_of(task), fields), 200)
    return changes(user, task, "limit=1")[0]


def undo(user: Person, task: Task, change: dict[str, Any], **more: Any) -> httpx.Response:
    return user.post(f"{path_of(task)}undo/", {"change": change["id"]}, **more)


def session(user: Person) -> str:
    """Return the id of a user's current session."""
    (current,) = [each["id"] for each in user.listed("/api/accounts/sessions/") if each["is_current"]]
    return str(current)


def from_to(before: Any, after: Any) -> dict[str, Any]:
    return {"before": before, "after": after}


class TestHistory:
    """`GET /api/tasks/{id}/history/`"""

    def test_a_change_names_its_actor_session_time_and_values(
        self, api: Api, alice: Person, bob: Person, clock: ManualClock
    ) -> None:
        task = alice.task("old")
        alice.share(task, bob)
        clock.advance(minutes=1)
        phone = api.login(bob)
        expect(phone.patch(path_of(task), {"title": "new", "priority": 4, "state": "open"}), 200)
        newest, shared, created = changes(alice, task)
        assert UUID(newest["id"]).version == 7
        assert newest == {
            "id": newest["id"],
            "at": rfc3339(clock.now()),
            "made_at": None,
            "action": "edit",
            "version": 3,
            "actor": {"id": bob.id, "username": bob.username},
            "session_id": session(phone),
            "token_id": None,
            "fields": {"title": from_to("old", "new"), "priority": from_to(2, 4)},
        }
        assert session(phone) != session(bob)
        assert (shared["action"], shared["version"], shared["fields"].keys()) == ("share", 2, {"members"})
        assert (created["action"], created["version"]) == ("create", 1)
        assert created["fields"]["title"] == from_to(None, "old")
        for change in (shared, created):
            assert change["actor"] == {"id": alice.id, "username": alice.username}
            assert change["session_id"] == session(alice)
            assert change["at"] == task["created_at"]

    def test_every_field_is_recorded_as_the_api_shows_it(self, alice: Person) -> None:
        category, parent = alice.category()["id"], alice.task("parent")["id"]
        task = alice.task()
        new = {
            "title": "changed",
            "description": "more",
            "priority": 1,
            "state": "done",
            "start_on": "2026-02-28",
            "due_date": "2026-03-01T12:00:00.500000Z",
            "category": category,
            "parent": parent,
        }
        recorded = edit(alice, task, **new)["fields"]
        completed_at = expect(alice.get(path_of(task)), 200)["completed_at"]
        assert recorded.pop("completed_at") == from_to(None, completed_at)
        assert recorded == {name: from_to(task[name], new[name]) for name in new}
        cleared = dict.fromkeys(("start_on", "due_date", "category", "parent"))
        assert edit(alice, task, **cleared)["fields"] == {name: from_to(new[name], None) for name in cleared}

    def test_every_kind_of_change_is_recorded(self, alice: Person, bob: Person) -> None:
        category = alice.category()
        task = alice.task(category=category["id"])
        child = alice.task(parent=task["id"])
        alice.share(task, bob, "viewer")
        alice.share(task, bob, "editor")
        expect(alice.put(path_of(task), {"title": "replaced", "category": category["id"]}), 200)
        expect(alice.delete(f"{CATEGORIES}{category['id']}/"), 204)
        expect(undo(alice, task, changes(alice, task)[1]), 200)
        expect(alice.delete(path_of(task)), 204)
        expect(alice.post(f"{path_of(task)}restore/"), 200)
        expect(alice.delete(f"{path_of(task)}shares/{bob.id}/"), 204)
        recorded = changes(alice, task)
        actions = ["create", "share", "share", "edit", "move", "undo", "trash", "restore", "unshare"]
        assert [change["action"] for change in reversed(recorded)] == actions
        assert [change["version"] for change in recorded] == list(range(9, 0, -1))
        assert recorded[4]["fields"] == {"category": from_to(category["id"], None)}
        assert recorded[0]["fields"] == {"members": from_to([f"{bob.id} editor"], [])}
        of_child = [change["action"] for change in reversed(changes(alice, child))]
        assert of_child == ["create", "share", "share", "trash", "restore", "unshare"]

    def test_moving_a_parent_is_recorded_for_its_subtasks(self, alice: Person, bob: Person) -> None:
        shared, top = alice.task("shared"), alice.task("top")
        middle = alice.task("middle", parent=top["id"])
        below = alice.task("below", parent=middle["id"])
        alice.share(shared, bob, "editor")
        expect(alice.patch(path_of(middle), {"parent": shared["id"]}), 200)
        moved, created = changes(alice, below)
        assert (moved["action"], moved["version"], created["version"]) == ("move", 2, 1)
        assert moved["actor"] == {"id": alice.id, "username": alice.username}
        assert moved["fields"] == {"members": from_to([], [f"{bob.id} editor"])}
        invalid(undo(alice, below, moved), "change")

    def test_a_change_without_effect_is_not_recorded(self, alice: Person) -> None:
        task = alice.task()
        expect(alice.patch(path_of(task), {}), 200)
        expect(alice.put(path_of(task), task), 200)
        problem(alice.patch(path_of(task), {"title": "x", "version": 7}), 412, "stale-version")
        invalid(alice.patch(path_of(task), {"title": ""}), "title")
        assert len(changes(alice, task)) == 1

    def test_a_change_made_with_an_api_token_names_the_token(self, api: Api, alice: Person) -> None:
        body = {"name": "script", "scopes": ["tasks:write", "tasks:read"]}
        token = expect(alice.post("/api/accounts/tokens/", {**body, "password": PASSWORD}), 201)
        response = api.post(TASKS, {"title": "from a script"}, headers=bearer(token["token"]))
        (change,) = changes(alice, expect(response, 201))
        assert (change["token_id"], change["session_id"]) == (token["id"], None)
        assert change["actor"]["id"] == alice.id

    def test_a_history_is_read_in_pages(self, alice: Person, bob: Person) -> None:
        task, other = alice.task(), alice.task()
        alice.share(task, bob, "viewer")
        for number in range(4):
            edit(alice, task, title=f"{number}")
            edit(alice, other, title=f"{number}")
        whole = changes(alice, task)
        assert [change["version"] for change in whole] == [6, 5, 4, 3, 2, 1]
        for limit in (1, 4, 5, 6):
            assert changes(alice, task, f"limit={limit}") == whole
        path = f"{path_of(task)}history/"
        page = alice.get(f"{path}?limit=2")
        assert expect(alice.get(page.links["next"]["url"]), 200)["results"] == whole[2:4]
        edit(alice, task, title="meanwhile")
        cursor = expect(page, 200)["next_cursor"]
        assert expect(alice.get(f"{path}?cursor={cursor}"), 200)["results"] == whole[2:]
        invalid(bob.get(f"{path}?cursor={cursor}"), "cursor")
        invalid(alice.get(f"{path_of(other)}history/?cursor={cursor}"), "cursor")
        invalid(alice.get(f"{path}?limit=201&action=edit"), "limit", "action")

    @pytest.mark.parametrize("role", ["viewer", "editor"])
    def test_members_do_not_see_the_owners_category_in_a_history(self, alice: Person, bob: Person, role: str) -> None:
        category = alice.category("secret")
        task = alice.task()
        alice.share(task, bob, role)
        edit(alice, task, title="both", category=category["id"])
        edit(alice, task, category=None)
        response = bob.get(f"{path_of(task)}history/")
        assert category["id"] not in response.text
        assert "category" not in response.text
        recorded = expect(response, 200)["results"]
        assert [change["version"] for change in recorded] == [4, 3, 2]
        assert recorded[1]["fields"] == {"title": from_to("something", "both")}
        assert "category" in changes(alice, task)[0]["fields"]

    def test_a_members_history_begins_when_the_access_began(self, api: Api, alice: Person, bob: Person) -> None:
        task, carol = alice.task("secret"), api.register()
        before = edit(alice, task, title="for carol")
        alice.share(task, carol, "viewer")
        alice.share(task, bob, "viewer")
        alice.share(task, bob, "editor")
        edit(alice, task, title="for all")
        shown, role, granted = changes(bob, task)
        assert [change["version"] for change in (shown, role, granted)] == [6, 5, 4]
        assert shown["fields"] == {"title": from_to("for carol", "for all")}
        assert role["fields"]["members"]["before"]
        assert granted["fields"]["members"]["before"] is None
        assert {f"{bob.id} viewer", f"{carol.id} viewer"} == set(granted["fields"]["members"]["after"])
        for limit in range(1, 4):
            assert changes(bob, task, f"limit={limit}") == [shown, role, granted]
        assert [change["version"] for change in changes(carol, task)] == [6, 5, 4, 3]
        problem(undo(bob, task, before), 404, "change-not-found")
        assert "secret" in alice.get(f"{path_of(task)}history/").text
        expect(alice.delete(f"{path_of(task)}shares/{bob.id}/"), 204)
        edit(alice, task, title="meanwhile")
        alice.share(task, bob, "editor")
        assert [change["version"] for change in changes(bob, task)] == [9]

    def test_a_move_that_gives_access_hides_the_values_before_it(self, alice: Person, bob: Person) -> None:
        private, shared = alice.task("private"), alice.task("shared")
        alice.share(shared, bob, "editor")
        task = alice.task("secret", parent=private["id"])
        moved = edit(alice, task, title="public", parent=shared["id"])
        (seen,) = changes(bob, task)
        assert seen["fields"]["title"] == from_to(None, "public")
        assert seen["fields"]["parent"] == from_to(None, shared["id"])
        problem(undo(bob, task, moved), 404, "change-not-found")
        assert expect(undo(alice, task, moved), 200)["title"] == "secret"

    def test_a_history_of_another_user_looks_like_an_unknown_one(self, alice: Person, bob: Person) -> None:
        task, unknown = alice.task("secret"), {"id": str(uuid4())}
        change = changes(alice, task)[0]
        requests: list[Callable[[Task], httpx.Response]] = [
            lambda of: bob.get(f"{path_of(of)}history/"),
            lambda of: undo(bob, of, change),
            lambda of: undo(bob, of, unknown),
            lambda of: undo(bob, of, change, headers={"If-Match": '"9"'}),
        ]
        for ask in requests:
            hidden = problem(ask(task), 404, "task-not-found")
            assert hidden == problem(ask(unknown), 404, "task-not-found")

    def test_a_deleted_account_is_no_longer_named_in_a_history(self, alice: Person, bob: Person) -> None:
        task = alice.task()
        alice.share(task, bob)
        edit(bob, task, title="from bob")
        expect(bob.post("/api/accounts/me/delete/", {"password": PASSWORD}), 204)
        left, edited, *_ = changes(alice, task)
        assert edited["fields"] == {"title": from_to("something", "from bob")}
        assert (left["actor"], edited["actor"], edited["session_id"]) == (None, None, None)
        assert bob.username not in alice.get(f"{path_of(task)}history/").text

    def test_a_history_shows_current_usernames(self, alice: Person) -> None:
        task = alice.task()
        name = f"{alice.username}-now"
        expect(alice.patch("/api/accounts/me/", {"username": name, "password": PASSWORD}), 200)
        assert changes(alice, task)[0]["actor"] == {"id": alice.id, "username": name}


class TestUndo:
    """`POST /api/tasks/{id}/undo/`"""

    def test_undoing_resets_only_the_fields_of_that_change(self, alice: Person, clock: ManualClock) -> None:
        task = alice.task("old", priority=1)
        change = edit(alice, task, title="new", priority=4)
        edit(alice, task, description="other", state="in_progress")
        clock.advance(minutes=1)
        response = undo(alice, task, change)
        after = task | {
            "description": "other",
            "state": "in_progress",
            "version": 4,
            "updated_at": rfc3339(clock.now()),
        }
        assert expect(response, 200) == after == expect(alice.get(path_of(task)), 200)
        assert response.headers["etag"] == '"4"'
        undone = changes(alice, task)[0]
        assert (undone["action"], undone["version"]) == ("undo", 4)
        assert undone["fields"] == {"title": from_to("new", "old"), "priority": from_to(4, 1)}

    def test_every_field_can_be_reset(self, alice: Person) -> None:
        one, other = (
            {"category": alice.category()["id"], "parent": alice.task()["id"], "start_on": f"2026-02-0{day}"}
            for day in (1, 2)
        )
        task = alice.task(description="a", priority=3, state="done", due_date="2026-03-01T12:00:00.5Z", **one)
        change = edit(alice, task, title="x", description="b", priority=1, state="open", due_date=None, **other)
        after = expect(undo(alice, task, change), 200)
        assert after == task | {name: after[name] for name in ("version", "updated_at", "completed_at")}
        assert after["completed_at"] == after["updated_at"]
        assert alice.listed(TASKS, f"parent={one['parent']}") == [after]

    def test_an_undo_can_be_undone(self, alice: Person) -> None:
        task = alice.task("old")
        change = edit(alice, task, title="new")
        expect(undo(alice, task, change), 200)
        assert expect(undo(alice, task, changes(alice, task)[0]), 200)["title"] == "new"
        assert expect(undo(alice, task, change), 200)["title"] == "old", "the field has the value of that change"

    def test_a_field_that_was_changed_again_cannot_be_undone(self, alice: Person) -> None:
        task = alice.task("old")
        first = edit(alice, task, title="new", priority=4)
        second = edit(alice, task, title="newer")
        before = alice.listed(TASKS)
        problem(undo(alice, task, first), 409, "already-changed")
        assert alice.listed(TASKS) == before
        expect(undo(alice, task, second), 200)
        problem(undo(alice, task, second), 409, "already-changed")
        assert expect(undo(alice, task, first), 200)["title"] == "old"

    def test_only_edits_can_be_undone(self, alice: Person, bob: Person) -> None:
        task = alice.task()
        alice.share(task, bob)
        expect(alice.delete(path_of(task)), 204)
        expect(alice.post(f"{path_of(task)}restore/"), 200)
        before = everything(alice)
        recorded = changes(alice, task)
        assert [change["action"] for change in recorded] == ["restore", "trash", "share", "create"]
        for change in recorded:
            invalid(undo(alice, task, change), "change")
        assert everything(alice) == before

    def test_a_change_of_another_task_is_not_found(self, alice: Person, bob: Person) -> None:
        task, other = alice.task(), alice.task()
        change = edit(alice, other, title="changed")
        problem(undo(alice, task, change), 404, "change-not-found")
        problem(undo(alice, task, {"id": str(uuid4())}), 404, "change-not-found")
        secret = bob.task()
        problem(undo(alice, task, edit(bob, secret, title="changed")), 404, "change-not-found")
        assert expect(undo(alice, other, change), 200)["title"] == "something"

    @pytest.mark.parametrize("stale", ['"1"', '"3"', 'W/"2"', '"x"'])
    def test_undoing_with_a_stale_if_match_is_refused(self, alice: Person, stale: str) -> None:
        task = alice.task()
        change = edit(alice, task, title="changed")
        refused = undo(alice, task, change, headers={"If-Match": stale})
        assert problem(refused, 412, "stale-version")["current"] == expect(alice.get(path_of(task)), 200)
        invalid(undo(alice, task, change, headers={"If-Match": "2"}), "If-Match")
        expect(undo(alice, task, change, headers={"If-Match": '"2"'}), 200)

    def test_an_editor_can_undo_changes_of_others(self, alice: Person, bob: Person) -> None:
        task = alice.task("old")
        alice.share(task, bob)
        assert expect(undo(bob, task, edit(alice, task, title="new")), 200)["title"] == "old"
        assert changes(alice, task)[0]["actor"]["id"] == bob.id
        assert expect(undo(alice, task, edit(bob, task, title="newer")), 200)["title"] == "old"

    def test_a_viewer_cannot_undo(self, alice: Person, bob: Person) -> None:
        task = alice.task("old")
        change = edit(alice, task, title="new")
        alice.share(task, bob, "viewer")
        problem(undo(bob, task, change), 403, "not-allowed")
        problem(undo(bob, task, {"id": str(uuid4())}), 403, "not-allowed")
        assert alice.titles() == ["new"]

    def test_an_editor_cannot_undo_changes_of_category_or_parent(self, alice: Person, bob: Person) -> None:
        one, other = alice.category()["id"], alice.category()["id"]
        task = alice.task("old", category=one)
        alice.share(task, bob)
        both = edit(alice, task, title="new", category=other)
        parent = alice.task("parent")
        alone = edit(alice, task, category=one)
        problem(undo(bob, task, alone), 403, "not-allowed")
        after = expect(undo(bob, task, both), 200)  # without the category, which was changed again
        assert (after["title"], after["category"]) == ("old", None)
        expect(undo(alice, task, alone), 200)
        assert expect(alice.get(path_of(task)), 200)["category"] == other
        moved = edit(alice, task, parent=parent["id"])
        problem(bob.get(path_of(task)), 404, "task-not-found")
        assert expect(undo(alice, task, moved), 200)["parent"] is None

    @pytest.mark.parametrize("reopened", [{"state": "open"}, {"state": "cancelled", "title": "changed"}])
    def test_undoing_the_reopening_of_a_task_restores_when_it_was_completed(
        self, alice: Person, clock: ManualClock, reopened: dict[str, Any]
    ) -> None:
        task = alice.task()
        clock.advance(seconds=0.25)
        done = edit(alice, task, state="done")
        completed_at = expect(alice.get(path_of(task)), 200)["completed_at"]
        clock.advance(minutes=1)
        change = edit(alice, task, **reopened)
        assert change["fields"]["completed_at"] == from_to(completed_at, None)
        clock.advance(minutes=1)
        assert expect(undo(alice, task, change), 200)["completed_at"] == completed_at
        # The same after the completion was undone and redone.
        assert expect(undo(alice, task, changes(alice, task)[0]), 200)["completed_at"] is None
        assert expect(undo(alice, task, changes(alice, task)[0]), 200)["completed_at"] == completed_at
        assert done["fields"]["completed_at"] == from_to(None, completed_at)

    def test_a_deleted_category_or_parent_cannot_be_restored_by_undo(self, alice: Person) -> None:
        one, other = alice.category()["id"], alice.category()["id"]
        parent = alice.task("parent")
        task = alice.task(category=one, parent=parent["id"])
        filed, moved = edit(alice, task, category=other), edit(alice, task, parent=None)
        expect(alice.delete(f"{CATEGORIES}{one}/"), 204)
        expect(alice.delete(path_of(parent)), 204)
        (error,) = invalid(undo(alice, task, filed), "change")["errors"]
        assert error["message"] == "cannot be undone, because category is not one of your categories"
        invalid(undo(alice, task, moved), "change")
        expect(alice.post(f"{path_of(parent)}restore/"), 200)
        assert expect(undo(alice, task, moved), 200)["parent"] == parent["id"]

    def test_undoing_cannot_move_a_task_below_itself(self, alice: Person) -> None:
        parent = alice.task("parent")
        child = alice.task("child", parent=parent["id"])
        moved = edit(alice, child, parent=None)
        edit(alice, parent, parent=child["id"])
        before = everything(alice)
        invalid(undo(alice, child, moved), "change")
        assert everything(alice) == before
