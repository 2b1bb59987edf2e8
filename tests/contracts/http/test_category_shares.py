"""Sharing categories: `/api/categories/{id}/shares/`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.http.base import TASKS, invalid, path_of, problem
from tests.http import Person, expect
from tests.waiting import wait_until

CATEGORIES = "/api/categories/"
TRASH = "/api/trash/"

Category = dict[str, Any]


def category_path(category: Category) -> str:
    return f"{CATEGORIES}{category['id']}/"


def shares_path(category: Category) -> str:
    return f"{category_path(category)}shares/"


def current(user: Person, category: Category) -> Category:
    body: Category = expect(user.get(category_path(category)), 200)
    return body


def when_ready(user: Person, category: Category) -> Category:
    """Wait until a member's lists are complete."""
    return wait_until(
        lambda: found if (found := current(user, category))["ready"] else None, "the member does not become ready"
    )


def share_of(user: Person, role: str) -> dict[str, str]:
    return {"user_id": user.id, "username": user.username, "role": role}


class TestCategoryShare:
    def test_a_category_is_shared_by_username(self, alice: Person, bob: Person) -> None:
        category = alice.category("ours")
        task = alice.task(category=category["id"])
        response = alice.post(shares_path(category), {"username": bob.username, "role": "editor"})
        assert expect(response, 201) == share_of(bob, "editor")
        assert response.headers["location"] == f"{shares_path(category)}{bob.id}/"
        for user in (alice, bob):
            assert user.listed(shares_path(category)) == [share_of(alice, "owner"), share_of(bob, "editor")]
        seen = when_ready(bob, category)
        assert (seen["owner"], seen["role"]) == (alice.id, "editor")
        assert seen["members"] == [{"user_id": bob.id, "role": "editor"}]
        assert current(alice, category) == seen | {"role": "owner"}
        assert bob.listed(CATEGORIES) == [seen]
        assert bob.listed(TASKS) == [task]
        assert expect(bob.get(path_of(task)), 200)["category"] == category["id"]

    def test_an_editor_works_in_the_category(self, alice: Person, bob: Person) -> None:
        category = alice.category()
        alice.share(category, bob)
        when_ready(bob, category)
        task = bob.task("Milk", category=category["id"])
        assert (task["owner"], task["created_by"], task["owners"]) == (alice.id, bob.id, [alice.id])
        expect(bob.patch(path_of(task), {"state": "done"}), 200)
        expect(bob.delete(path_of(task)), 204)
        assert [each["id"] for each in bob.listed(TRASH, f"category={category['id']}")] == [task["id"]]
        assert bob.listed(TRASH) == []
        problem(bob.delete(f"{TRASH}{task['id']}/"), 403, "not-allowed")
        assert expect(bob.post(f"{path_of(task)}restore/"), 200)["category"] == category["id"]
        problem(bob.patch(category_path(category), {"name": "mine"}), 403, "not-allowed")
        problem(bob.delete(category_path(category)), 403, "not-allowed")
        problem(bob.post(shares_path(category), {"username": alice.username, "role": "viewer"}), 403, "not-allowed")

    def test_only_the_owner_and_the_creator_of_a_task_take_it_out(self, alice: Person, bob: Person) -> None:
        category = alice.category()
        alice.share(category, bob)
        owned, made = (user.task(category=category["id"]) for user in (alice, bob))
        problem(bob.patch(path_of(owned), {"category": None}), 403, "not-allowed")
        assert expect(bob.patch(path_of(made), {"category": None}), 200)["owner"] == bob.id
        problem(alice.get(path_of(made)), 404, "task-not-found")

    def test_a_viewer_files_nothing(self, alice: Person, bob: Person) -> None:
        category = alice.category()
        alice.share(category, bob, "viewer")
        invalid(bob.post(TASKS, {"title": "x", "category": category["id"]}), "category")
        problem(bob.patch(path_of(alice.task(category=category["id"])), {"title": "x"}), 403, "not-allowed")

    def test_a_membership_ends_at_once(self, alice: Person, bob: Person) -> None:
        category = alice.category()
        task = alice.task(category=category["id"])
        for leaving in (alice, bob):
            alice.share(category, bob)
            expect(bob.get(path_of(task)), 200)
            expect(leaving.delete(f"{shares_path(category)}{bob.id}/"), 204)
            problem(bob.get(path_of(task)), 404, "task-not-found")
            problem(bob.get(category_path(category)), 404, "category-not-found")
            problem(bob.get(shares_path(category)), 404, "category-not-found")
            assert bob.listed(TASKS) == []
        problem(alice.delete(f"{shares_path(category)}{bob.id}/"), 404, "member-not-found")

    def test_a_stale_if_match_refuses_every_change_of_members(self, alice: Person, bob: Person) -> None:
        category = alice.category()
        named, member = {"username": bob.username, "role": "viewer"}, f"{shares_path(category)}{bob.id}/"
        for method, path, body in (
            ("POST", shares_path(category), named),
            ("PUT", member, {"role": "editor"}),
            ("DELETE", member, None),
        ):
            version = current(alice, category)["version"]
            refused = alice.request(method, path, json=body, headers={"If-Match": f'"{version + 9}"'})
            assert problem(refused, 412, "stale-version")["current"]["id"] == category["id"]
            response = alice.request(method, path, json=body, headers={"If-Match": f'"{version}"'})
            assert response.is_success, response.text
            if method == "POST":
                when_ready(bob, category)  # which makes a new version, too
        assert current(alice, category)["members"] == []

    def test_a_repeated_share_is_answered_alike(self, alice: Person, bob: Person) -> None:
        category = alice.category()
        body, headers = {"username": bob.username, "role": "editor"}, {"Idempotency-Key": f"share-{category['id']}"}
        first, second = (alice.request("POST", shares_path(category), json=body, headers=headers) for _ in range(2))
        assert expect(first, 201) == expect(second, 201)
        assert second.headers["idempotency-replayed"] == "true"

    @pytest.mark.parametrize("username", ["nobody-of-this-name", "a@example.com"])
    def test_an_unknown_user_is_a_field_error(self, alice: Person, username: str) -> None:
        category = alice.category()
        invalid(alice.post(shares_path(category), {"username": username, "role": "viewer"}), "username")
        invalid(alice.post(shares_path(category), {"username": alice.username, "role": "viewer"}), "username")

    def test_the_tag_of_a_task_changes_when_its_category_is_shared(self, alice: Person, bob: Person) -> None:
        category = alice.category()
        root = alice.task(category=category["id"])
        below = alice.task(parent=root["id"], due_date="2026-01-31T12:00:00Z")  # overdue, which is in the tag, too
        before = alice.get(path_of(below))
        assert expect(before, 200)["category"] is None
        alice.share(category, bob)
        after = alice.request("GET", path_of(below), headers={"If-None-Match": before.headers["etag"]})
        assert expect(after, 200)["category"] == category["id"]
        tag = {"If-Match": after.headers["etag"]}
        expect(alice.request("PATCH", path_of(below), json={"title": "x"}, headers=tag), 200)
