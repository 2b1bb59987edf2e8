"""Sharing tasks: `/api/tasks/{id}/shares/`."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tasktracker.domain.sharing import invitation_limit
from tasktracker.domain.throttling.limit import Limit
from tests.contracts.http.base import TASKS, NewApi, Task, everything, invalid, path_of, problem, rfc3339
from tests.fakes import SYSTEM, ManualClock
from tests.http import PASSWORD, Api, Caller, Person, bearer, expect, new_name


def shares_path(task: Task) -> str:
    return f"{path_of(task)}shares/"


def current(user: Person, task: Task) -> Task:
    """Return a task as a user sees it now."""
    body: Task = expect(user.get(path_of(task)), 200)
    return body


def roles(user: Person, task: Task) -> list[tuple[str, str]]:
    """Return the id and role of each member."""
    return [(share["user_id"], share["role"]) for share in user.listed(shares_path(task))]


def share_of(user: Person, role: str) -> dict[str, str]:
    return {"user_id": user.id, "username": user.username, "role": role}


class TestShare:
    def test_a_task_is_shared_by_username(self, alice: Person, bob: Person, clock: ManualClock) -> None:
        task = alice.task("ours")
        clock.advance(minutes=1)
        response = alice.post(shares_path(task), {"username": bob.username, "role": "editor"})
        assert expect(response, 201) == share_of(bob, "editor")
        assert response.headers["location"] == f"{shares_path(task)}{bob.id}/"
        assert alice.listed(shares_path(task)) == [share_of(alice, "owner"), share_of(bob, "editor")]
        assert bob.listed(shares_path(task)) == alice.listed(shares_path(task))
        after = task | {"owners": [alice.id, bob.id], "version": 2, "updated_at": rfc3339(clock.now())}
        assert current(bob, task) == current(alice, task) == after
        assert bob.listed(TASKS) == [after]

    def test_an_unshared_task_lists_only_its_owner(self, alice: Person) -> None:
        body = expect(alice.get(shares_path(alice.task())), 200)
        assert body == {"results": [share_of(alice, "owner")], "next_cursor": None, "pending": []}

    def test_a_username_is_accepted_in_any_spelling(self, api: Api, alice: Person) -> None:
        name = new_name()
        carol = api.register(f"Çarol-{name}")
        for spelled in (f"çAROL-{name.upper()}", f"  C\u0327arol-{name} "):
            body = {"username": spelled, "role": "viewer"}
            assert expect(alice.post(shares_path(alice.task()), body), 201) == share_of(carol, "viewer")

    def test_an_unknown_username_is_refused(self, alice: Person, bob: Person) -> None:
        email = f"{new_name()}@example.org"
        expect(bob.patch("/api/accounts/me/", {"email": email, "password": PASSWORD}), 200)
        task = alice.task()
        for name in (new_name(), email, bob.id, f"{bob.username}x", "%", ""):
            invalid(alice.post(shares_path(task), {"username": name, "role": "viewer"}), "username")
        assert alice.listed(TASKS) == [task]

    def test_a_bad_username_and_a_bad_role_are_both_named(self, alice: Person, bob: Person) -> None:
        task = alice.task()
        for name in ("x" * 200, "a\0b"):
            invalid(alice.post(shares_path(task), {"username": name, "role": "owner"}), "username", "role")
        # A refused role does not reveal whether the username exists.
        for name in (new_name(), bob.username):
            invalid(alice.post(shares_path(task), {"username": name, "role": "owner"}), "role")
        invalid(alice.post(shares_path(task), {"username": 5, "role": "owner"}), "username", "role")
        assert alice.listed(TASKS) == [task]

    def test_the_owner_cannot_become_a_member(self, alice: Person) -> None:
        task = alice.task()
        invalid(alice.post(shares_path(task), {"username": alice.username, "role": "viewer"}), "username")
        problem(alice.put(f"{shares_path(task)}{alice.id}/", {"role": "viewer"}), 404, "member-not-found")
        problem(alice.delete(f"{shares_path(task)}{alice.id}/"), 404, "member-not-found")
        assert alice.listed(TASKS) == [task]

    def test_a_role_is_changed_by_put_and_by_sharing_again(self, alice: Person, bob: Person) -> None:
        task = alice.task()
        alice.share(task, bob, "viewer")
        assert current(alice, task)["owners"] == [alice.id]
        assert expect(alice.put(f"{shares_path(task)}{bob.id}/", {"role": "editor"}), 200) == share_of(bob, "editor")
        assert current(alice, task)["owners"] == [alice.id, bob.id]
        assert alice.share(task, bob, "viewer") == share_of(bob, "viewer")
        assert roles(alice, task) == [(alice.id, "owner"), (bob.id, "viewer")]
        assert current(alice, task)["version"] == 4

    def test_assigning_the_same_role_changes_nothing(self, alice: Person, bob: Person) -> None:
        task = alice.task()
        alice.share(task, bob, "viewer")
        before = current(alice, task)
        alice.share(task, bob, "viewer")
        expect(alice.put(f"{shares_path(task)}{bob.id}/", {"role": "viewer"}), 200)
        assert current(alice, task) == before

    def test_a_removed_member_loses_all_access(self, alice: Person, bob: Person) -> None:
        task = alice.task()
        alice.share(task, bob)
        response = alice.delete(f"{shares_path(task)}{bob.id}/")
        assert (response.status_code, response.content) == (204, b"")
        assert current(alice, task) == task | {"version": 3, "updated_at": current(alice, task)["updated_at"]}
        assert bob.listed(TASKS) == []
        for method, path, body in (
            ("GET", path_of(task), None),
            ("PATCH", path_of(task), {"title": "x"}),
            ("GET", shares_path(task), None),
            ("GET", f"{path_of(task)}history/", None),
        ):
            problem(bob.request(method, path, json=body), 404, "task-not-found")
        problem(alice.delete(f"{shares_path(task)}{bob.id}/"), 404, "member-not-found")
        problem(alice.put(f"{shares_path(task)}{bob.id}/", {"role": "editor"}), 404, "member-not-found")
        alice.share(task, bob, "viewer")
        assert bob.listed(TASKS) == [current(alice, task)]

    def test_a_member_whose_account_is_being_removed_is_left_out(self, api: Api, alice: Person, bob: Person) -> None:
        task = alice.task("ours")
        alice.share(task, bob)
        expect(bob.patch(path_of(task), {"title": "his"}), 200)
        category = alice.category()
        alice.share(category, bob)
        bob.task("filed", category=category["id"])
        with api.container.store().writing(SYSTEM) as work:
            work.users.hide(UUID(bob.id), work.now)
        shares = expect(alice.get(shares_path(task)), 200)["results"]
        assert [each["username"] for each in shares] == [alice.username]
        changes = alice.listed(f"{path_of(task)}history/")
        assert {each["actor"] and each["actor"]["username"] for each in changes} == {alice.username, None}
        lines = [json.loads(line) for line in alice.get("/api/accounts/me/export/").text.splitlines()]
        assert [each["members"] for each in lines if "name" in each] == [[]]
        tasks = [each for each in lines if each.get("title")]
        found = {each["title"]: (each["created_by"], each["members"]) for each in tasks}
        assert found == {"his": (alice.username, []), "filed": (None, [])}

    @pytest.mark.parametrize("role", ["viewer", "editor"])
    def test_a_member_can_leave(self, alice: Person, bob: Person, role: str) -> None:
        task = alice.task()
        alice.share(task, bob, role)
        expect(bob.delete(f"{shares_path(task)}{bob.id}/"), 204)
        problem(bob.get(path_of(task)), 404, "task-not-found")
        problem(bob.delete(f"{shares_path(task)}{bob.id}/"), 404, "task-not-found")
        assert roles(alice, task) == [(alice.id, "owner")]

    def test_a_stale_if_match_refuses_every_change_of_members(self, alice: Person, bob: Person) -> None:
        """The precondition is on the version of the task, which each change of its members increases."""
        task = alice.task()
        named, member = {"username": bob.username, "role": "viewer"}, f"{shares_path(task)}{bob.id}/"
        for method, path, body, version in (
            ("POST", shares_path(task), named, 1),
            ("PUT", member, {"role": "editor"}, 2),
            ("DELETE", member, None, 3),
        ):
            for stale in (f'"{version + 1}"', f'W/"{version}"', '"x"'):
                refused = alice.request(method, path, json=body, headers={"If-Match": stale})
                assert problem(refused, 412, "stale-version")["current"]["version"] == version
            invalid(alice.request(method, path, json=body, headers={"If-Match": "x"}), "If-Match")
            assert alice.request(method, path, json=body, headers={"If-Match": f'"{version}"'}).is_success
        assert roles(alice, task) == [(alice.id, "owner")]

    def test_the_role_of_a_user_who_is_not_a_member_is_not_found(self, alice: Person, bob: Person) -> None:
        task = alice.task()
        for user_id in (bob.id, str(uuid4())):
            problem(alice.put(f"{shares_path(task)}{user_id}/", {"role": "editor"}), 404, "member-not-found")
            problem(alice.delete(f"{shares_path(task)}{user_id}/"), 404, "member-not-found")
        assert alice.listed(TASKS) == [task]

    def test_shares_of_a_hidden_task_look_like_those_of_an_unknown_one(self, alice: Person, bob: Person) -> None:
        task, unknown = alice.task(), {"id": str(uuid4())}
        before = everything(alice)
        for method, below, body in (
            ("GET", "", None),
            ("POST", "", {"username": bob.username, "role": "editor"}),
            ("POST", "", {"username": alice.username, "role": "editor"}),
            ("POST", "", {"username": "unknown-user", "role": "editor"}),
            ("PUT", f"{bob.id}/", {"role": "editor"}),
            ("PUT", f"{alice.id}/", {"role": "editor"}),
            ("DELETE", f"{bob.id}/", None),
            ("DELETE", f"{alice.id}/", None),
        ):
            hidden = bob.request(method, shares_path(task) + below, json=body)
            missing = bob.request(method, shares_path(unknown) + below, json=body)
            assert problem(hidden, 404, "task-not-found") == problem(missing, 404, "task-not-found")
        assert everything(alice) == before

    @pytest.mark.parametrize(
        ("scope", "allowed"), [("tasks:read", {"list"}), ("tasks:write", {"share", "assign", "unshare"})]
    )
    def test_an_api_token_is_limited_to_its_scopes(
        self, api: Api, alice: Person, bob: Person, scope: str, allowed: set[str]
    ) -> None:
        token = expect(
            alice.post("/api/accounts/tokens/", {"name": "script", "scopes": [scope], "password": PASSWORD}), 201
        )
        task, script = alice.task(), Caller(api.client, bearer(token["token"]))
        alice.share(task, bob, "viewer")
        named = {"username": bob.username, "role": "editor"}
        for name, response in {
            "list": script.get(shares_path(task)),
            "share": script.post(shares_path(task), named),
            "assign": script.put(f"{shares_path(task)}{bob.id}/", {"role": "viewer"}),
            "unshare": script.delete(f"{shares_path(task)}{bob.id}/"),
        }.items():
            if name in allowed:
                assert response.is_success, f"{name}: {response.text}"
            else:
                problem(response, 403, "insufficient-scope")
                other = ({"tasks:read", "tasks:write"} - {scope}).pop()
                challenge = f'Bearer error="insufficient_scope", scope="{other}"'
                assert response.headers["www-authenticate"] == challenge


class TestSharedTask:
    def requests(self, owner: Person, member: Person, task: Task) -> dict[str, Any]:
        """Every request about a task, by name. Leaving is the last one."""
        other = owner.register()
        owner.share(task, other, "viewer")
        expect(owner.patch(path_of(task), {"priority": 4}), 200)
        change = owner.listed(f"{path_of(task)}history/")[0]["id"]
        own_path, other_path = (f"{shares_path(task)}{user.id}/" for user in (member, other))
        named = {"username": owner.register().username, "role": "viewer"}
        return {
            "read": lambda: member.get(path_of(task)),
            "history": lambda: member.get(f"{path_of(task)}history/"),
            "shares": lambda: member.get(shares_path(task)),
            "undo": lambda: member.post(f"{path_of(task)}undo/", {"change": change}),
            "edit": lambda: member.patch(path_of(task), {"title": "changed"}),
            "replace": lambda: member.put(path_of(task), {"title": "replaced"}),
            "delete": lambda: member.delete(path_of(task)),
            "restore": lambda: member.post(f"{path_of(task)}restore/"),
            "share": lambda: member.post(shares_path(task), named),
            "share with an unknown user": lambda: member.post(shares_path(task), named | {"username": "unknown-user"}),
            "promote themselves": lambda: member.put(own_path, {"role": "editor"}),
            "promote": lambda: member.put(other_path, {"role": "editor"}),
            "remove": lambda: member.delete(other_path),
            "remove the owner": lambda: member.delete(f"{shares_path(task)}{owner.id}/"),
            "purge": lambda: member.delete(f"/api/trash/{task['id']}/"),
            "leave": lambda: member.delete(own_path),
        }

    @pytest.mark.parametrize(
        ("role", "allowed"),
        [
            ("viewer", {"read", "history", "shares", "leave"}),
            ("editor", {"read", "history", "shares", "undo", "edit", "replace", "leave"}),
        ],
    )
    def test_a_member_can_do_what_their_role_allows(
        self, alice: Person, bob: Person, role: str, allowed: set[str]
    ) -> None:
        task = alice.task()
        alice.share(task, bob, role)
        for name, request in self.requests(alice, bob, task).items():
            before = everything(alice)
            response = request()
            if name in allowed:
                assert response.is_success, f"{name}: {response.text}"
            else:
                assert response.status_code == 403, f"{name}: {response.status_code} {response.text}"
                problem(response, 403, "not-allowed")
                assert everything(alice) == before

    @pytest.mark.parametrize("role", ["viewer", "editor"])
    def test_a_member_does_not_see_the_owners_category(self, alice: Person, bob: Person, role: str) -> None:
        category, others = alice.category(), bob.category()
        task = alice.task(category=category["id"])
        alice.share(task, bob, role)
        alices, bobs = current(alice, task), current(bob, task)
        assert bobs == alices | {"category": None}
        assert bob.listed(TASKS) == [bobs]
        assert bob.listed(TASKS, "category=none") == [bobs]
        for query in (category["id"], others["id"]):
            assert bob.listed(TASKS, f"category={query}") == []
        assert alice.listed(TASKS, f"category={category['id']}") == [alices]

    def test_a_category_sent_by_an_editor_is_ignored(self, alice: Person, bob: Person) -> None:
        category, others = alice.category(), bob.category()
        task = alice.task(category=category["id"])
        alice.share(task, bob)
        before = current(bob, task)
        for sent in (None, others["id"], category["id"], str(uuid4())):
            assert expect(bob.patch(path_of(task), {"category": sent}), 200) == before
        invalid(bob.patch(path_of(task), {"category": "x"}), "category")
        replaced = expect(bob.put(path_of(task), before | {"title": "replaced", "category": others["id"]}), 200)
        assert (replaced["title"], replaced["category"]) == ("replaced", None)
        assert expect(bob.put(path_of(task), {"title": "again"}), 200)["category"] is None
        assert current(alice, task)["category"] == category["id"]
        assert problem(bob.patch(path_of(task), {"version": 1}), 412, "stale-version")["current"]["category"] is None

    def test_a_change_of_one_member_is_visible_to_the_other(self, alice: Person, bob: Person) -> None:
        task = alice.task()
        alice.share(task, bob)
        changed = expect(bob.patch(path_of(task), {"state": "done"}), 200)
        assert alice.listed(TASKS) == [changed]
        stale = problem(alice.patch(path_of(task), {"title": "x", "version": 2}), 412, "stale-version")
        assert stale["current"] == changed
        assert expect(alice.patch(path_of(task), {"title": "x", "version": 3}), 200) == current(bob, task)
        expect(alice.put(f"{shares_path(task)}{bob.id}/", {"role": "viewer"}), 200)
        problem(bob.patch(path_of(task), {"title": "y"}), 403, "not-allowed")

    def test_the_owners_are_the_creator_and_every_editor(self, api: Api, alice: Person) -> None:
        task = alice.task()
        users = [api.register() for _ in range(4)]
        for number, user in enumerate(users):
            alice.share(task, user, ("editor", "viewer")[number % 2])
        first, *others = current(alice, task)["owners"]
        assert first == current(alice, task)["created_by"] == alice.id
        assert sorted(others) == sorted([users[0].id, users[2].id])

    def test_a_list_can_be_filtered_by_role(self, alice: Person, bob: Person) -> None:
        own, read, edited = alice.task("own"), bob.task("read"), bob.task("edited")
        bob.share(read, alice, "viewer")
        bob.share(edited, alice, "editor")
        alice.share(own, bob, "viewer")
        for user, role, titles in (
            (alice, "owner", ["own"]),
            (alice, "editor", ["edited"]),
            (alice, "viewer", ["read"]),
            (bob, "owner", ["edited", "read"]),
            (bob, "editor", []),
            (bob, "viewer", ["own"]),
        ):
            assert sorted(user.titles(f"role={role}")) == sorted(titles)
        bob.share(read, alice, "editor")
        assert sorted(alice.titles("role=editor")) == ["edited", "read"]
        assert alice.titles("role=viewer") == []

    def test_a_deleted_task_is_visible_only_to_its_owner(self, alice: Person, bob: Person) -> None:
        task = alice.task()
        alice.share(task, bob)
        shared = current(bob, task)
        expect(alice.delete(path_of(task)), 204)
        assert bob.listed(TASKS) == bob.listed("/api/trash/") == []
        for method, path in (
            ("GET", path_of(task)),
            ("GET", shares_path(task)),
            ("POST", f"{path_of(task)}restore/"),
            ("DELETE", f"{shares_path(task)}{bob.id}/"),
            ("DELETE", f"/api/trash/{task['id']}/"),
        ):
            problem(bob.request(method, path), 404, "task-not-found")
        problem(alice.get(shares_path(task)), 404, "task-not-found")
        expect(alice.post(f"{path_of(task)}restore/"), 200)
        assert current(bob, task) == shared | {"version": 4, "updated_at": current(bob, task)["updated_at"]}


class TestShareTree:
    def test_sharing_any_task_shares_its_whole_tree(self, alice: Person, bob: Person) -> None:
        root = alice.task("root")
        child = alice.task("child", parent=root["id"])
        grandchild = alice.task("grandchild", parent=child["id"])
        alice.share(child, bob, "viewer")
        assert sorted(bob.titles()) == ["child", "grandchild", "root"]
        assert bob.titles(f"parent={root['id']}") == ["child"]
        for task in (root, child, grandchild):
            assert roles(bob, task) == [(alice.id, "owner"), (bob.id, "viewer")]
        expect(alice.put(f"{shares_path(grandchild)}{bob.id}/", {"role": "editor"}), 200)
        assert current(bob, root)["owners"] == [alice.id, bob.id]
        expect(bob.patch(path_of(grandchild), {"title": "changed"}), 200)
        expect(bob.delete(f"{shares_path(grandchild)}{bob.id}/"), 204)
        assert bob.listed(TASKS) == []

    def test_a_new_subtask_is_shared(self, alice: Person, bob: Person) -> None:
        root = alice.task("root")
        alice.share(root, bob)
        child = alice.task("child", parent=root["id"])
        assert child["owners"] == [alice.id, bob.id]
        assert (current(bob, child), child["version"]) == (child, 1)

    def test_a_task_moved_into_a_tree_gets_its_members(self, api: Api, alice: Person, bob: Person) -> None:
        carol = api.register()
        bobs, carols = alice.task("bobs"), alice.task("carols")
        child = alice.task("child", parent=bobs["id"])
        grandchild = alice.task("grandchild", parent=child["id"])
        alice.share(bobs, bob)
        alice.share(carols, carol)
        expect(alice.patch(path_of(child), {"parent": carols["id"]}), 200)
        assert bob.titles() == ["bobs"]
        assert sorted(carol.titles()) == ["carols", "child", "grandchild"]
        assert current(carol, grandchild)["owners"] == [alice.id, carol.id]
        assert roles(alice, grandchild) == [(alice.id, "owner"), (carol.id, "editor")]

    def test_a_task_moved_out_of_a_tree_keeps_its_members(self, alice: Person, bob: Person) -> None:
        root = alice.task("root")
        child = alice.task("child", parent=root["id"])
        alice.share(root, bob)
        expect(alice.patch(path_of(child), {"parent": None}), 200)
        assert sorted(bob.titles()) == ["child", "root"]
        expect(alice.delete(f"{shares_path(child)}{bob.id}/"), 204)
        assert bob.titles() == ["root"]

    def test_a_deleted_subtask_is_shared_with_its_tree(self, alice: Person, bob: Person) -> None:
        root = alice.task("root")
        child = alice.task("child", parent=root["id"])
        expect(alice.delete(path_of(child)), 204)
        alice.share(root, bob)
        assert bob.titles() == ["root"]
        problem(bob.get(path_of(child)), 404, "task-not-found")
        expect(alice.post(f"{path_of(child)}restore/"), 200)
        assert sorted(bob.titles()) == ["child", "root"]


class TestShareLimit:
    def test_the_number_of_members_is_limited(self, new_api: NewApi, alice: Person, bob: Person) -> None:
        api = new_api(MEMBERS_PER_TASK="2")
        alice = alice.through(api.client)
        task = alice.task()
        child = alice.task(parent=task["id"])
        users = [bob, api.register(), api.register()]
        for user in users[:2]:
            alice.share(task, user)
        for each in (task, child):
            refused = alice.post(shares_path(each), {"username": users[2].username, "role": "viewer"})
            assert "2" in problem(refused, 409, "too-many-members")["detail"]
        alice.share(task, users[1], "viewer")
        expect(alice.delete(f"{shares_path(task)}{bob.id}/"), 204)
        alice.share(child, users[2], "viewer")
        assert len(roles(alice, task)) == 3

    def test_the_number_of_tried_usernames_is_limited(
        self, new_api: NewApi, alice: Person, bob: Person, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        limit = Limit("invitation/account", 3, timedelta(seconds=30))
        monkeypatch.setattr(invitation_limit, "INVITATION_BY_ACCOUNT", limit)
        client = new_api(THROTTLE="on").client
        alice, bob = alice.through(client), bob.through(client)
        task, unknown = alice.task(), {"username": "unknown-user", "role": "viewer"}
        for _ in range(5):
            problem(bob.post(shares_path(task), unknown), 404, "task-not-found")
        for _ in range(3):
            invalid(alice.post(shares_path(task), unknown), "username")
        refused = alice.post(shares_path(task), {"username": bob.username, "role": "viewer"})
        problem(refused, 429, "too-many-requests")
        assert 1 <= int(refused.headers["retry-after"]) <= 30
        of_category = f"/api/categories/{alice.category()['id']}/shares/"
        problem(alice.post(of_category, unknown), 429, "too-many-requests")
        problem(bob.post(of_category, unknown), 404, "category-not-found")
        bob.share(bob.task(), alice)
        clock.advance(seconds=30)
        alice.share(task, bob)
        assert expect(alice.put(f"{shares_path(task)}{bob.id}/", {"role": "viewer"}), 200)["role"] == "viewer"

    def test_a_disabled_user_cannot_become_a_member(self, api: Api, alice: Person, bob: Person) -> None:
        api.set_active(bob.username, False)
        task = alice.task()
        refusal = invalid(alice.post(shares_path(task), {"username": bob.username, "role": "viewer"}), "username")
        assert refusal == invalid(
            alice.post(shares_path(task), {"username": "unknown-user", "role": "viewer"}), "username"
        )

    def test_a_disabled_member_stays_a_member(self, api: Api, alice: Person, bob: Person) -> None:
        task = alice.task()
        alice.share(task, bob)
        api.set_active(bob.username, False)
        assert roles(alice, task) == [(alice.id, "owner"), (bob.id, "editor")]
        expect(alice.put(f"{shares_path(task)}{bob.id}/", {"role": "viewer"}), 200)
        api.set_active(bob.username, True)
        assert api.login(bob).titles() == [task["title"]]
        expect(alice.delete(f"{shares_path(task)}{bob.id}/"), 204)

    def test_deleting_an_account_removes_its_memberships(self, alice: Person, bob: Person) -> None:
        task, deleted = alice.task("task"), alice.task("deleted")
        alice.share(task, bob)
        alice.share(deleted, bob)
        expect(alice.delete(path_of(deleted)), 204)
        expect(bob.post("/api/accounts/me/delete/", {"password": PASSWORD}), 204)
        assert current(alice, task) == task | {"version": 3, "updated_at": current(alice, task)["updated_at"]}
        assert roles(alice, task) == [(alice.id, "owner")]
        assert expect(alice.post(f"{path_of(deleted)}restore/"), 200)["owners"] == [alice.id]

    def test_deleting_an_account_removes_its_shared_tasks(self, alice: Person, bob: Person) -> None:
        root = alice.task("root")
        child = alice.task("child", parent=root["id"])
        alice.share(root, bob)
        own = bob.task("own")
        expect(alice.post("/api/accounts/me/delete/", {"password": PASSWORD}), 204)
        assert bob.listed(TASKS) == [own]
        for task in (root, child):
            problem(bob.get(path_of(task)), 404, "task-not-found")
