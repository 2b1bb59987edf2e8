"""Creating with an id chosen by the client: `PUT` with `If-None-Match: *`."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.contracts.http.base import CATEGORIES, DEFAULTS, TASKS, everything, invalid, path_of, problem, rfc3339
from tests.fakes import ManualClock
from tests.http import Person, expect, new_name

MALFORMED = ["", " ", "x", '"1"', 'W/"1"', '"*"', "*, *", '*, "1"', "**"]


def put_new(user: Person, path: str, **fields: Any) -> httpx.Response:
    return user.put(path, fields, headers={"If-None-Match": "*"})


class TestTaskPutCreate:
    @pytest.mark.parametrize("version", "1479f")
    def test_a_task_is_created_under_the_id_in_the_path(self, alice: Person, clock: ManualClock, version: str) -> None:
        any_id = str(uuid4())
        task_id = f"{any_id[:14]}{version}{any_id[15:]}"
        response = put_new(alice, f"{TASKS}{task_id.upper()}/", title=" own ", id=str(uuid4()))
        task = expect(response, 201)
        assert task == DEFAULTS | {
            "id": task_id,
            "title": "own",
            "owners": [alice.id],
            "owner": alice.id,
            "created_by": alice.id,
            "created_at": rfc3339(clock.now()),
            "updated_at": rfc3339(clock.now()),
        }
        assert response.headers["location"] == path_of(task)
        assert response.headers["etag"] == '"1"'
        assert expect(alice.get(path_of(task)), 200) == task
        assert alice.listed(TASKS) == [task]

    def test_a_task_is_created_with_every_field(self, alice: Person) -> None:
        parent, category = alice.task(), alice.category()
        fields = {
            "title": "all",
            "description": "of it",
            "priority": 4,
            "state": "done",
            "due_date": "2000-01-01T00:00:00Z",
            "category": category["id"],
            "parent": parent["id"],
        }
        task = expect(put_new(alice, f"{TASKS}{uuid4()}/", **fields), 201)
        assert fields.items() <= task.items()
        assert task["completed_at"] == task["created_at"]

    def test_an_existing_id_is_refused_as_stale(self, alice: Person) -> None:
        task = alice.task("existing", due_date="2000-01-01T00:00:00Z")
        refused = put_new(alice, path_of(task), title="new")
        assert problem(refused, 412, "stale-version")["current"] == task
        assert alice.listed(TASKS) == [task]

    @pytest.mark.parametrize("role", ["viewer", "editor"])
    def test_a_member_gets_the_task_as_they_see_it(self, alice: Person, bob: Person, role: str) -> None:
        task = alice.task("existing", category=alice.category()["id"])
        alice.share(task, bob, role)
        before = everything(alice)
        current = problem(put_new(bob, path_of(task), title="new"), 412, "stale-version")["current"]
        assert current == expect(bob.get(path_of(task)), 200)
        assert current["category"] is None
        assert everything(alice) == before

    def test_a_task_of_another_user_is_refused_only_as_a_taken_id(self, alice: Person, bob: Person) -> None:
        task, trashed = alice.task("secret"), alice.task("secret")
        expect(alice.delete(path_of(trashed)), 204)
        before = everything(alice)
        responses = [put_new(bob, path_of(each), title="own") for each in (task, trashed)]
        for response in responses:
            body = problem(response, 409, "id-taken")
            assert "current" not in body
            assert "secret" not in response.text
            assert alice.id not in response.text
        assert responses[0].json() == responses[1].json()
        assert everything(alice) == before
        assert bob.listed(TASKS) == []

    def test_the_id_of_a_deleted_task_is_taken(self, alice: Person) -> None:
        task = alice.task("deleted")
        expect(alice.delete(path_of(task)), 204)
        problem(put_new(alice, path_of(task), title="new"), 409, "id-taken")
        assert expect(alice.post(f"{path_of(task)}restore/"), 200)["title"] == "deleted"

    def test_the_id_of_a_purged_task_can_be_used_with_a_later_version(self, alice: Person) -> None:
        task = alice.task("purged", description="secret")
        expect(alice.delete(path_of(task)), 204)
        expect(alice.delete(f"/api/trash/{task['id']}/"), 204)
        created = expect(put_new(alice, path_of(task), title="new"), 201)
        # Devices that have the purged task get this one as a later version of it.
        assert (created["version"], created["description"]) == (3, "")
        assert [change["action"] for change in alice.listed(f"{path_of(task)}history/")] == ["create"]

    def test_any_value_except_a_star_is_refused(self, alice: Person) -> None:
        task = alice.task()
        for malformed in MALFORMED:
            headers = {"If-None-Match": malformed}
            invalid(alice.put(f"{TASKS}{uuid4()}/", {"title": "new"}, headers=headers), "If-None-Match")
            invalid(alice.put(path_of(task), {"title": "new"}, headers=headers), "If-None-Match")
        assert alice.listed(TASKS) == [task]

    def test_without_the_header_nothing_is_created(self, alice: Person) -> None:
        path = f"{TASKS}{uuid4()}/"
        problem(alice.put(path, {"title": "new"}), 404, "task-not-found")
        problem(alice.put(path, {"title": "new"}, headers={"If-Match": "*"}), 404, "task-not-found")
        problem(alice.patch(path, {"title": "new"}, headers={"If-None-Match": "*"}), 404, "task-not-found")
        assert alice.listed(TASKS) == []

    @pytest.mark.parametrize("versions", ["*", '"1"'])
    def test_if_match_together_with_if_none_match_is_refused(self, alice: Person, versions: str) -> None:
        task = alice.task()
        headers = {"If-None-Match": "*", "If-Match": versions}
        for path in (f"{TASKS}{uuid4()}/", path_of(task)):
            invalid(alice.put(path, {"title": "new"}, headers=headers), "If-Match")
        assert alice.listed(TASKS) == [task]
        sent_back = put_new(alice, f"{TASKS}{uuid4()}/", title="elsewhere", version=7)
        assert expect(sent_back, 201)["version"] == 1

    def test_the_id_of_a_category_can_be_used_for_a_task(self, alice: Person) -> None:
        category = alice.category()
        assert expect(put_new(alice, f"{TASKS}{category['id']}/", title="new"), 201)["id"] == category["id"]

    def test_bad_fields_are_named(self, alice: Person, bob: Person) -> None:
        path = f"{TASKS}{uuid4()}/"
        invalid(put_new(alice, path, title="", priority=9), "title", "priority")
        invalid(put_new(alice, path, title="x", category=bob.category()["id"]), "category")
        invalid(put_new(alice, path, title="x", parent=bob.task()["id"]), "parent")
        problem(alice.get(path), 404, "task-not-found")


class TestCategoryPutCreate:
    def test_a_category_is_created_under_the_id_in_the_path(self, alice: Person) -> None:
        path = f"{CATEGORIES}{uuid4()}/"
        response = put_new(alice, path, name="home")
        category = expect(response, 201)
        assert f"{CATEGORIES}{category['id']}/" == path == response.headers["location"]
        assert (category["version"], response.headers["etag"]) == (1, '"1"')
        assert alice.listed(CATEGORIES) == [category]

    def test_an_existing_id_is_refused_as_stale(self, alice: Person) -> None:
        category = alice.category()
        refused = put_new(alice, f"{CATEGORIES}{category['id']}/", name=new_name())
        assert problem(refused, 412, "stale-version")["current"] == category
        assert alice.listed(CATEGORIES) == [category]

    def test_a_category_of_another_user_is_refused_only_as_a_taken_id(self, alice: Person, bob: Person) -> None:
        category = alice.category("secret")
        refused = put_new(bob, f"{CATEGORIES}{category['id']}/", name="own")
        assert "current" not in problem(refused, 409, "id-taken")
        assert "secret" not in refused.text
        assert bob.listed(CATEGORIES) == []
        assert alice.listed(CATEGORIES) == [category]

    def test_a_used_name_is_taken(self, alice: Person) -> None:
        alice.category("home")
        problem(put_new(alice, f"{CATEGORIES}{uuid4()}/", name="HOME"), 409, "category-name-taken")

    def test_any_value_except_a_star_is_refused(self, alice: Person) -> None:
        for malformed in MALFORMED:
            headers = {"If-None-Match": malformed}
            invalid(alice.put(f"{CATEGORIES}{uuid4()}/", {"name": "new"}, headers=headers), "If-None-Match")
        assert alice.listed(CATEGORIES) == []

    def test_without_the_header_nothing_is_created(self, alice: Person) -> None:
        problem(alice.put(f"{CATEGORIES}{uuid4()}/", {"name": "new"}), 404, "category-not-found")
