"""Pushes over HTTP: own changes, the values in a conflict, fields that are left out, and the time of the device."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from tasktracker.domain.sync.mutation import MAX_MUTATIONS
from tests.contracts.http.base import invalid, path_of, problem, rfc3339
from tests.contracts.http.test_sync import SYNC, mutation, push, results
from tests.fakes import ManualClock
from tests.http import PASSWORD, Api, Person, bearer, expect


def pushed(user: Person, body: dict[str, Any]) -> dict[str, Any]:
    """Push one mutation and return its result."""
    (result,) = push(user, body)["results"]
    return dict(result)


def stored(user: Person, task: str) -> dict[str, Any]:
    found: dict[str, Any] = expect(user.get(f"/api/tasks/{task}/"), 200)
    return found


def test_too_long_a_list_of_mutations_is_one_error(alice: Person) -> None:
    invalid(alice.post(SYNC, {"mutations": [{}] * (MAX_MUTATIONS + 1)}), "mutations")
    longest = expect(alice.post(SYNC, {"mutations": [{}] * MAX_MUTATIONS}), 400)
    assert longest["errors"][-1]["field"].startswith(f"mutations[{MAX_MUTATIONS - 1}].")


class TestOwnChanges:
    """Own changes are those that a mutation names."""

    @pytest.fixture(params=["session", "token"])
    def device(self, request: pytest.FixtureRequest, alice: Person) -> Person:
        """Return alice on a device with her session, or with an API token that another device may use, too."""
        if request.param == "session":
            return alice
        body = {"name": "script", "scopes": ["tasks:read", "tasks:write"]}
        device = Person(alice.client, alice.answer, alice.password)
        device.headers.update(
            bearer(expect(alice.post("/api/accounts/tokens/", {**body, "password": PASSWORD}), 201)["token"])
        )
        return device

    def test_two_devices_with_one_token_do_not_overwrite_each_other(self, device: Person) -> None:
        task = device.task("v1")
        assert results(device, mutation("update", task["id"], {"title": "D1"}, base_version=1)) == [("applied", 2)]
        result = pushed(device, mutation("update", task["id"], {"title": "D2"}, base_version=1))
        assert result["conflicts"] == {"title": {"base": "v1", "yours": "D2", "theirs": "D1"}}
        assert results(device, mutation("delete", task["id"], base_version=1)) == [("conflict", 2)]
        category = device.category("v1")
        first, *others = (
            mutation("update", category["id"], {"name": "D1"}, type="category", base_version=1),
            mutation("update", category["id"], {"name": "D2"}, type="category", base_version=1),
            mutation("delete", category["id"], type="category", base_version=1),
        )
        assert results(device, first, *others) == [("applied", 2), ("conflict", 2), ("conflict", 2)]

    @pytest.mark.parametrize("type_", ["task", "category"])
    def test_changes_that_a_mutation_names_do_not_conflict(self, device: Person, type_: str) -> None:
        name = "title" if type_ == "task" else "name"
        item = device.task("v1") if type_ == "task" else device.category("v1")
        edits: list[dict[str, Any]] = []
        for number in range(3):
            own = [each["id"] for each in edits]
            data = {name: f"edit {number}"}
            edits.append(mutation("update", item["id"], data, type=type_, base_version=1, own=own))
        assert results(device, *edits) == [("applied", 2), ("applied", 3), ("applied", 4)]
        delete = mutation("delete", item["id"], type=type_, base_version=1, own=[each["id"] for each in edits])
        assert results(device, delete) == [("applied", 5)]

    @pytest.mark.parametrize("type_", ["task", "category"])
    def test_a_named_create_is_the_base_of_edits_without_one(self, alice: Person, type_: str) -> None:
        name = "title" if type_ == "task" else "name"
        target = str(uuid4())
        create = mutation("create", target, {name: "v1"}, type=type_)
        theirs = mutation("update", target, {name: "theirs"}, type=type_, base_version=1)
        assert results(alice, create, theirs) == [("applied", 1), ("applied", 2)]
        for more in ({}, {"base_version": None}, {"base_version": 1}):
            edit = mutation("update", target, {name: "mine"}, type=type_, own=[create["id"]], **more)
            delete = mutation("delete", target, type=type_, own=[create["id"], edit["id"]], **more)
            assert results(alice, edit, delete) == [("conflict", 2), ("conflict", 2)]
        same = mutation("update", target, {name: "theirs"}, type=type_, own=[create["id"]])
        assert results(alice, same) == [("merged", 2)]

    @pytest.mark.parametrize("type_", ["task", "category"])
    def test_an_item_whose_create_is_no_longer_known_merges_from_version_1(self, alice: Person, type_: str) -> None:
        name = "title" if type_ == "task" else "name"
        item = alice.task("v1") if type_ == "task" else alice.category("v1")
        again = pushed(alice, mutation("create", item["id"], {name: "mine"}, type=type_))
        assert (again["problem"]["type"], again["existing"]) == ("/problems/id-taken", None)
        edits = [mutation("update", item["id"], {name: each}, type=type_, base_version=1) for each in ("a", "b")]
        assert results(alice, *edits) == [("applied", 2), ("conflict", 2)]

    def test_without_a_base_the_earliest_version_that_own_mutations_made_is_the_base(self, alice: Person) -> None:
        target = str(uuid4())
        create = mutation("create", target, {"title": "v1"})
        described = mutation("update", target, {"description": "mine"}, own=[create["id"]])
        theirs = mutation("update", target, {"title": "theirs"}, base_version=2)
        planned = mutation("update", target, {"start_on": "2026-03-01"}, own=[create["id"], described["id"]])
        sent = results(alice, create, described, theirs, planned)
        assert sent == [("applied", 1), ("applied", 2), ("applied", 3), ("merged", 4)]
        for own in ([planned, create], [planned, described]):
            edit = mutation("update", target, {"title": "mine"}, own=[each["id"] for each in own])
            assert results(alice, edit) == [("conflict", 4)]
        # The only version that it names is later than the title of the other device.
        assert results(alice, mutation("update", target, {"title": "mine"}, own=[planned["id"]])) == [("applied", 5)]

    def test_own_changes_in_one_atomic_push_do_not_conflict(self, alice: Person) -> None:
        task = alice.task("v1")
        first = mutation("update", task["id"], {"title": "one"}, base_version=1)
        second = mutation("update", task["id"], {"title": "two"}, base_version=1, own=[first["id"]])
        assert results(alice, first, second, atomic=True) == [("applied", 2), ("applied", 3)]

    def test_only_what_the_named_mutations_changed_is_own(self, alice: Person, bob: Person, api: Api) -> None:
        task, other = alice.task("v1"), alice.task("v1")
        alice.share(task, bob, "editor")
        by_bob = mutation("update", task["id"], {"title": "bob's"})
        assert results(bob, by_bob) == [("applied", 3)]
        of_other = [mutation("update", other["id"], {"title": title}) for title in ("v2", "v3")]
        # It has set the value that bob had set: it has made no version.
        same = mutation("update", task["id"], {"title": "bob's"}, base_version=2)
        assert results(alice, *of_other, same) == [("applied", 2), ("applied", 3), ("merged", 3)]
        refused = mutation("update", task["id"], {"title": "refused"}, base_version=2)
        assert results(alice, refused) == [("conflict", 3)]
        named = [each["id"] for each in (by_bob, *of_other, same, refused, mutation("delete", task["id"]))]
        for op, data in (("update", {"title": "mine"}), ("delete", None)):
            assert results(alice, mutation(op, task["id"], data, base_version=2, own=named)) == [("conflict", 3)]
        assert results(alice, mutation("update", task["id"], {"title": "mine"}, own=named)) == [("applied", 4)]

    def test_changes_of_others_between_own_ones_conflict_or_merge(self, alice: Person, api: Api) -> None:
        task = alice.task("v1")
        first = mutation("update", task["id"], {"title": "mine"}, base_version=1)
        assert results(alice, first) == [("applied", 2)]
        expect(api.login(alice).patch(path_of(task), {"description": "theirs"}), 200)
        again = mutation("update", task["id"], {"title": "mine again"}, base_version=1, own=[first["id"]])
        clash = mutation("update", task["id"], {"description": "mine"}, base_version=1, own=[first["id"], again["id"]])
        assert results(alice, again, clash) == [("merged", 4), ("conflict", 4)]

    def test_deleting_and_restoring_are_own_changes(self, alice: Person) -> None:
        task = alice.task("v1")
        made = [mutation("delete", task["id"], base_version=1), mutation("restore", task["id"])]
        named = [each["id"] for each in made]
        edit = mutation("update", task["id"], {"title": "after"}, base_version=1, own=named)
        assert results(alice, *made, edit) == [("applied", 2), ("applied", 3), ("applied", 4)]

    def test_a_user_can_insist_on_an_edit_but_overwrites_no_later_change(self, alice: Person) -> None:
        task = alice.task("v1")
        expect(alice.patch(path_of(task), {"title": "theirs"}), 200)
        conflict = pushed(alice, mutation("update", task["id"], {"title": "mine"}, base_version=1))
        seen = conflict["version"]
        expect(alice.patch(path_of(task), {"title": "later"}), 200)
        assert results(alice, mutation("update", task["id"], {"title": "mine"}, base_version=seen)) == [("conflict", 3)]
        assert results(alice, mutation("update", task["id"], {"title": "mine"}, base_version=3)) == [("applied", 4)]

    def test_ids_are_the_same_in_either_letter_case(self, alice: Person) -> None:
        task, first = str(uuid4()).upper(), mutation("create", str(uuid4()), {"title": "a"})
        first = {**first, "id": first["id"].upper(), "target": task}
        (created,) = expect(alice.post(SYNC, {"mutations": [first]}), 200)["results"]
        assert created["id"] == first["id"].lower()
        assert results(alice, {**first, "id": created["id"], "target": task.lower()}) == [("duplicate", 1)]
        assert stored(alice, task)["id"] == task.lower()
        own = mutation("update", task.lower(), {"title": "b"}, base_version=1)
        again = mutation("update", task, {"title": "c"}, base_version=1, own=[own["id"].upper()])
        assert results(alice, own, again) == [("applied", 2), ("applied", 3)]


class TestAccess:
    """A push decides permission before conflicts, and shows a member only what the member may see."""

    def test_a_mutation_that_is_not_allowed_shows_no_conflict(self, alice: Person, bob: Person) -> None:
        task = alice.task("secret", category=alice.category()["id"])
        expect(alice.patch(path_of(task), {"title": "public"}), 200)
        for role, ops in (("viewer", ("update", "delete", "restore")), ("editor", ("delete", "restore"))):
            alice.share(task, bob, role)
            for op in ops:
                for base in (1, 2, 999):
                    data = {"title": "mine"} if op == "update" else None
                    result = pushed(bob, mutation(op, task["id"], data, base_version=base))
                    assert (result["status"], result["version"], result["conflicts"]) == ("rejected", None, {}), op
                    assert result["problem"]["type"] == "/problems/not-allowed"

    def test_a_conflict_shows_no_value_from_before_the_access(self, alice: Person, bob: Person) -> None:
        task = alice.task("secret")
        expect(alice.patch(path_of(task), {"title": "also secret"}), 200)
        expect(alice.patch(path_of(task), {"title": "public"}), 200)
        alice.share(task, bob, "editor")
        for base in (1, 2, 3, 999):
            result = pushed(bob, mutation("update", task["id"], {"title": "mine"}, base_version=base))
            assert result["conflicts"] == {"title": {"base": None, "yours": "mine", "theirs": "public"}}, base
        expect(alice.patch(path_of(task), {"title": "later"}), 200)
        result = pushed(bob, mutation("update", task["id"], {"title": "mine"}, base_version=4))
        assert result["conflicts"] == {"title": {"base": "public", "yours": "mine", "theirs": "later"}}
        result = pushed(alice, mutation("update", task["id"], {"title": "mine"}, base_version=1))
        assert result["conflicts"]["title"]["base"] == "secret"


class TestWhatIsLeftOut:
    """A refused edit takes nothing along."""

    def test_equal_names_and_what_refers_to_them_lose_nothing(self, alice: Person) -> None:
        work = alice.category("Work")
        category, task, subtask = (str(uuid4()) for _ in range(3))
        mutations = [
            mutation("create", category, {"name": "work"}, type="category"),
            mutation("create", task, {"title": "task", "category": category}),
            mutation("create", subtask, {"title": "subtask", "parent": task}),
        ]
        first, second, third = push(alice, *mutations)["results"]
        assert (first["status"], first["existing"]) == ("rejected", {"type": "category", "id": work["id"]})
        assert first["problem"]["type"] == "/problems/category-name-taken"
        assert (second["status"], second["dropped"], second["existing"]) == ("applied", ["category"], None)
        assert (third["status"], third["dropped"]) == ("applied", [])
        assert (stored(alice, task)["category"], stored(alice, subtask)["parent"]) == (None, task)
        again = push(alice, *mutations)["results"]
        assert [(each["status"], each["version"], each["dropped"]) for each in again] == [
            ("rejected", None, []),
            ("duplicate", 1, ["category"]),
            ("duplicate", 1, []),
        ]

    def test_renaming_to_a_name_that_is_taken_names_the_other_category(self, alice: Person, bob: Person) -> None:
        bob.category("Taken")
        category, taken = alice.category("Home"), alice.category("TAKEN")
        for atomic in (False, True):
            body = mutation("update", category["id"], {"name": "taken"}, type="category")
            (result,) = push(alice, body, atomic=atomic)["results"]
            assert result["existing"] == {"type": "category", "id": taken["id"]}
        assert results(alice, mutation("update", category["id"], {"name": "HOME"}, type="category")) == [("applied", 2)]

    def test_a_category_or_parent_that_is_gone_is_left_out_and_named(self, alice: Person, bob: Person) -> None:
        deleted, trashed = alice.category(), alice.task("trashed")
        expect(alice.delete(f"/api/categories/{deleted['id']}/"), 204)
        expect(alice.delete(path_of(trashed)), 204)
        kept = alice.category()
        for category in (deleted["id"], bob.category()["id"], str(uuid4())):
            for parent in (trashed["id"], bob.task()["id"], str(uuid4())):
                target = str(uuid4())
                data = {"title": "new", "category": category, "parent": parent}
                result = pushed(alice, mutation("create", target, data))
                assert (result["status"], result["dropped"]) == ("applied", ["category", "parent"])
                assert stored(alice, target)["title"] == "new"
                task = alice.task("old", category=kept["id"])
                data = {"title": "edited", "category": category, "parent": parent}
                result = pushed(alice, mutation("update", task["id"], data, base_version=1))
                assert (result["status"], result["version"]) == ("applied", 2)
                assert result["dropped"] == ["category", "parent"]
                found = stored(alice, task["id"])
                assert (found["title"], found["category"], found["parent"]) == ("edited", kept["id"], None)

    def test_what_is_left_out_is_not_in_conflict(self, alice: Person) -> None:
        task = alice.task(category=alice.category()["id"])
        expect(alice.patch(path_of(task), {"category": None}), 200)
        result = pushed(alice, mutation("update", task["id"], {"category": str(uuid4())}, base_version=1))
        assert (result["status"], result["version"], result["dropped"]) == ("merged", 2, ["category"])

    def test_an_update_is_rejected_if_leaving_out_the_parent_would_show_the_task(
        self, alice: Person, bob: Person
    ) -> None:
        shared = alice.task("shared")
        task = alice.task("task", parent=shared["id"])
        alice.share(shared, bob, "viewer")
        body = mutation("update", task["id"], {"title": "secret", "parent": str(uuid4())}, base_version=2)
        result = pushed(alice, body)
        assert (result["status"], result["problem"]["type"]) == ("rejected", "/problems/invalid-input")
        assert [each["field"] for each in result["problem"]["errors"]] == ["data.parent"]
        assert stored(bob, task["id"])["title"] == "task"
        # No member sees a category.
        body = mutation("update", task["id"], {"title": "public", "category": str(uuid4())}, base_version=2)
        assert pushed(alice, body)["dropped"] == ["category"]

    def test_deleting_a_deleted_category_changes_nothing(self, alice: Person, bob: Person) -> None:
        category = alice.category()
        expect(alice.delete(f"/api/categories/{category['id']}/"), 204)
        late = mutation("delete", category["id"], type="category", base_version=1)
        assert results(alice, late, late) == [("applied", 2), ("duplicate", 2)]
        for person, of in ((bob, category), (alice, bob.category())):
            result = pushed(person, mutation("delete", of["id"], type="category"))
            assert result["problem"]["type"] == "/problems/category-not-found"

    def test_a_parent_that_would_make_a_cycle_or_a_sixth_level_is_still_refused(self, alice: Person) -> None:
        task = alice.task()
        child = alice.task(parent=task["id"])
        result = pushed(alice, mutation("update", task["id"], {"title": "x", "parent": child["id"]}))
        assert (result["status"], result["dropped"]) == ("rejected", [])

    def test_filing_by_others_is_left_out_and_named(self, alice: Person, bob: Person) -> None:
        task = alice.task("base", category=alice.category()["id"])
        alice.share(task, bob, "editor")
        data = {"title": "by bob", "category": bob.category()["id"], "parent": bob.task()["id"]}
        body = mutation("update", task["id"], data, base_version=2)
        for status in ("applied", "duplicate"):
            result = pushed(bob, body)
            assert (result["status"], result["version"]) == (status, 3)
            assert result["dropped"] == ["category", "parent"]
        assert stored(alice, task["id"])["category"] == task["category"]


class TestMadeAt:
    """The time at which a device made a change."""

    def test_completing_a_task_offline_keeps_the_time_of_the_device(self, alice: Person, clock: ManualClock) -> None:
        task, created_at = alice.task(), clock.now()
        clock.advance(minutes=10)
        made_at = clock.now() - timedelta(minutes=4)
        body = mutation("update", task["id"], {"state": "done"}, base_version=1)
        # The same time with another offset.
        body["made_at"] = rfc3339(made_at).replace("Z", "+00:00")
        assert results(alice, body) == [("applied", 2)]
        found = stored(alice, task["id"])
        assert (found["completed_at"], found["updated_at"]) == (rfc3339(made_at), rfc3339(clock.now()))
        newest, created = alice.listed(f"{path_of(task)}history/")
        assert (newest["at"], newest["made_at"]) == (rfc3339(clock.now()), rfc3339(made_at))
        assert (created["at"], created["made_at"]) == (rfc3339(created_at), None)

    def test_a_time_outside_the_life_of_the_task_counts_as_its_nearest_end(
        self, alice: Person, clock: ManualClock
    ) -> None:
        for sent, counted in (
            ("0001-01-01T00:00:00Z", timedelta(0)),
            ("9999-12-31T23:59:59.999999Z", timedelta(minutes=5)),
        ):
            task, created_at = alice.task(), clock.now()
            clock.advance(minutes=5)
            assert results(alice, mutation("update", task["id"], {"state": "done"}, made_at=sent)) == [("applied", 2)]
            assert stored(alice, task["id"])["completed_at"] == rfc3339(created_at + counted)
            assert alice.listed(f"{path_of(task)}history/")[0]["made_at"] == rfc3339(created_at + counted)

    def test_every_change_of_a_push_has_its_own_time(self, alice: Person, clock: ManualClock) -> None:
        task = alice.task()
        times = [clock.now() + timedelta(seconds=number) for number in (3, 1)]
        clock.advance(minutes=1)
        mutations = [mutation("update", task["id"], {"title": f"{at}"}, made_at=rfc3339(at)) for at in times]
        push(alice, *mutations, mutation("update", task["id"], {"title": "without"}, made_at=None), atomic=True)
        found = [change["made_at"] for change in alice.listed(f"{path_of(task)}history/")]
        assert found == [None, rfc3339(times[1]), rfc3339(times[0]), None]


def test_limit_and_types_of_a_push_concern_the_changes_it_returns(alice: Person) -> None:
    params = {"types": "task", "limit": 1}
    cursor = expect(alice.get(SYNC, params=params), 200)["next_cursor"]
    mutations = [mutation("create", str(uuid4()), {"name": "a"}, type="category")]
    mutations += [mutation("create", str(uuid4()), {"title": title}) for title in ("a", "b")]
    body = {"mutations": mutations, "cursor": cursor}
    answer = expect(alice.post(SYNC, body, params=params), 200)
    assert [each["status"] for each in answer["results"]] == ["applied"] * 3
    assert [each["type"] for each in answer["changes"]] == ["task"]
    assert answer["has_more"]
    problem(alice.post(SYNC, body), 400, "invalid-input", "cursor")


def test_a_push_returns_the_page_that_a_pull_with_its_cursor_would_return(alice: Person) -> None:
    cursor = expect(alice.get(SYNC), 200)["next_cursor"]
    for title in ("one", "two"):
        alice.task(title)
    pulled = expect(alice.get(SYNC, params={"cursor": cursor, "limit": 1}), 200)
    answer = expect(alice.post(f"{SYNC}?limit=1", {"mutations": [], "cursor": cursor}), 200)
    assert answer == {"results": [], **pulled}
    assert (pulled["has_more"], len(pulled["changes"])) == (True, 1)
    for nothing in ({}, {"cursor": None}):
        answer = expect(alice.post(SYNC, {"mutations": [], **nothing}), 200)
        assert (answer["results"], answer["changes"], answer["has_more"]) == ([], [], False)
        assert (answer["next_cursor"], answer["cursor_valid_until"]) == (None, None)
