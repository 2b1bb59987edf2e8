"""The trash."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.contracts.http.base import TASKS, Task, create_chain, everything, invalid, path_of, problem, rfc3339
from tests.fakes import ManualClock
from tests.http import Api, Person, expect

TRASH = "/api/trash/"


def delete(user: Person, *tasks: Task) -> None:
    for task in tasks:
        expect(user.delete(path_of(task)), 204)


def restore(user: Person, task: Task) -> Task:
    body: Task = expect(user.post(f"{path_of(task)}restore/"), 200)
    return body


def in_trash(user: Person, query: str = "") -> list[str]:
    return [task["title"] for task in user.listed(TRASH, query)]


class TestTrash:
    def test_a_deleted_task_is_only_in_the_trash(self, alice: Person, clock: ManualClock) -> None:
        task, change = alice.task("deleted", due_date="2000-01-01T00:00:00Z"), alice.task("other")
        expect(alice.patch(path_of(task), {"title": "deleted now"}), 200)
        change = alice.listed(f"{path_of(task)}history/")[0]
        clock.advance(minutes=1)
        delete(alice, task)
        now = rfc3339(clock.now())
        after = task | {"title": "deleted now", "version": 3, "updated_at": now, "deleted_at": now}
        assert alice.listed(TRASH) == [after]
        assert alice.titles() == ["other"]
        for query in ("q=deleted", "overdue=true", "role=owner&state=open&q=deleted"):
            assert alice.titles(query) == []
        for method, path, body in (
            ("GET", path_of(task), None),
            ("PUT", path_of(task), {"title": "x"}),
            ("PATCH", path_of(task), {"title": "x"}),
            ("DELETE", path_of(task), None),
            ("GET", f"{path_of(task)}history/", None),
            ("GET", f"{path_of(task)}shares/", None),
            ("POST", f"{path_of(task)}undo/", {"change": change["id"]}),
        ):
            problem(alice.request(method, path, json=body), 404, "task-not-found")
        assert alice.listed(TRASH) == [after]

    def test_a_restored_task_has_its_old_values(self, alice: Person, clock: ManualClock) -> None:
        task = alice.task(
            "all",
            description="of it",
            priority=4,
            state="done",
            due_date="2000-01-01T00:00:00Z",
            category=alice.category()["id"],
            parent=alice.task("parent")["id"],
        )
        delete(alice, task)
        clock.advance(minutes=1)
        response = alice.post(f"{path_of(task)}restore/")
        after = task | {"version": 3, "updated_at": rfc3339(clock.now())}
        assert expect(response, 200) == after == expect(alice.get(path_of(task)), 200)
        assert response.headers["etag"] == '"3"'
        assert alice.listed(TRASH) == []
        clock.advance(minutes=1)
        assert restore(alice, task) == after, "it is not in the trash"
        expect(alice.patch(path_of(task), {"title": "changed"}), 200)

    def test_the_trash_is_listed_last_deleted_first(self, alice: Person, clock: ManualClock) -> None:
        tasks = [alice.task(f"{number}") for number in range(6)]
        for number, task in enumerate((tasks[3], tasks[0], tasks[5], tasks[1], tasks[4])):
            clock.advance(microseconds=number % 2)
            delete(alice, task)
        whole = alice.listed(TRASH)

        def key(task: Task) -> tuple[datetime, str]:
            return datetime.fromisoformat(task["deleted_at"]), task["id"]

        assert len(whole) == 5
        assert whole == sorted(whole, key=key, reverse=True)
        for limit in (1, 2, 4, 5):
            assert alice.listed(TRASH, f"limit={limit}") == whole
        page = alice.get(f"{TRASH}?limit=2")
        link = page.links["next"]["url"]
        assert expect(alice.get(link), 200)["results"] == whole[2:4]
        invalid(alice.get(f"{TRASH}?limit=201"), "limit")
        invalid(alice.get(f"{TRASH}?state=open"), "state")

    def test_the_trash_shows_what_was_overdue_for_its_user_at_the_first_page(
        self, api: Api, clock: ManualClock
    ) -> None:
        clock.advance(hours=(12 - clock.now().hour) % 24)
        kim = api.register(time_zone="Pacific/Kiritimati")  # where it is tomorrow
        due = clock.now() + timedelta(minutes=5)
        delete(kim, kim.task(due_date=rfc3339(due)))
        clock.advance(seconds=1)
        delete(kim, kim.task(due_on=due.date().isoformat()))
        first = expect(kim.get(f"{TRASH}?limit=1"), 200)
        clock.advance(minutes=10)
        second = expect(kim.get(f"{TRASH}?limit=1&cursor={first['next_cursor']}"), 200)
        assert [each["is_overdue"] for page in (first, second) for each in page["results"]] == [True, False]

    def test_a_cursor_of_the_trash_is_refused_elsewhere(self, alice: Person, bob: Person) -> None:
        for user in (alice, bob):
            delete(user, user.task(), user.task())
        cursor = expect(alice.get(f"{TRASH}?limit=1"), 200)["next_cursor"]
        expect(alice.get(f"{TRASH}?cursor={cursor}"), 200)
        invalid(bob.get(f"{TRASH}?cursor={cursor}"), "cursor")
        invalid(alice.get(f"{TASKS}?cursor={cursor}"), "cursor")

    def test_a_purged_task_is_not_found(self, alice: Person) -> None:
        task, other = alice.task("purged"), alice.task("other")
        delete(alice, task, other)
        response = alice.delete(f"{TRASH}{task['id']}/")
        assert (response.status_code, response.content) == (204, b"")
        problem(alice.delete(f"{TRASH}{task['id']}/"), 404, "task-not-found")
        problem(alice.post(f"{path_of(task)}restore/"), 404, "task-not-found")
        problem(alice.get(path_of(task)), 404, "task-not-found")
        assert in_trash(alice) == ["other"]
        assert restore(alice, other)["title"] == "other"

    def test_a_task_outside_the_trash_cannot_be_purged(self, alice: Person) -> None:
        task = alice.task()
        problem(alice.delete(f"{TRASH}{task['id']}/"), 404, "task-not-found")
        assert alice.listed(TASKS) == [task]

    @pytest.mark.parametrize("role", [None, "viewer", "editor"])
    def test_only_the_owner_can_use_the_trash(self, alice: Person, bob: Person, role: str | None) -> None:
        task = alice.task("secret")
        if role:
            alice.share(task, bob, role)
            problem(bob.delete(path_of(task)), 403, "not-allowed")
            problem(bob.delete(f"{TRASH}{task['id']}/"), 403, "not-allowed")
            problem(bob.post(f"{path_of(task)}restore/"), 403, "not-allowed")
        delete(alice, task)
        before = everything(alice)
        assert bob.listed(TRASH) == []
        problem(bob.delete(path_of(task)), 404, "task-not-found")
        problem(bob.delete(f"{TRASH}{task['id']}/"), 404, "task-not-found")
        problem(bob.post(f"{path_of(task)}restore/"), 404, "task-not-found")
        problem(bob.post(f"{path_of(task)}restore/", headers={"If-Match": '"9"'}), 404, "task-not-found")
        assert everything(alice) == before

    def test_restoring_with_a_stale_if_match_is_refused(self, alice: Person) -> None:
        task = alice.task(due_date="2000-01-01T00:00:00Z")
        delete(alice, task)
        for stale in ('"1"', '"3"', 'W/"2"', '"x"'):
            refused = alice.post(f"{path_of(task)}restore/", headers={"If-Match": stale})
            current = problem(refused, 412, "stale-version")["current"]
            assert (current["id"], current["version"]) == (task["id"], 2)
        invalid(alice.post(f"{path_of(task)}restore/", headers={"If-Match": "2"}), "If-Match")
        assert len(alice.listed(TRASH)) == 1
        expect(alice.post(f"{path_of(task)}restore/", headers={"If-Match": '"2.o"'}), 200)
        for stale in ('"2"', '"4"'):
            problem(alice.post(f"{path_of(task)}restore/", headers={"If-Match": stale}), 412, "stale-version")

    def test_restoring_takes_no_fields(self, alice: Person) -> None:
        task = alice.task()
        delete(alice, task)
        invalid(alice.post(f"{path_of(task)}restore/", {"title": "x"}), "title")
        assert len(alice.listed(TRASH)) == 1
        expect(alice.post(f"{path_of(task)}restore/", {}), 200)

    def test_purging_with_a_stale_if_match_is_refused(self, alice: Person) -> None:
        task = alice.task()
        delete(alice, task)
        restore(alice, task)
        expect(alice.patch(path_of(task), {"title": "needed after all"}), 200)
        delete(alice, task)
        path = f"{TRASH}{task['id']}/"
        for stale in ('"2"', '"6"', 'W/"5"'):
            refused = alice.delete(path, headers={"If-Match": stale})
            assert problem(refused, 412, "stale-version")["current"]["version"] == 5
        invalid(alice.delete(path, headers={"If-Match": "5"}), "If-Match")
        assert in_trash(alice) == ["needed after all"]
        expect(alice.delete(path, headers={"If-Match": '"5"'}), 204)

    def test_deleting_a_category_unfiles_tasks_in_the_trash(self, alice: Person) -> None:
        category = alice.category()
        task = alice.task(category=category["id"])
        delete(alice, task)
        expect(alice.delete(f"/api/categories/{category['id']}/"), 204)
        (after,) = alice.listed(TRASH)
        assert (after["category"], after["version"]) == (None, 3)
        assert restore(alice, task)["category"] is None

    def test_tasks_are_purged_after_the_retention_time(self, api: Api, alice: Person, clock: ManualClock) -> None:
        tasks = create_chain(alice, 2)
        late = alice.task("late")
        delete(alice, tasks[0])
        clock.advance(timedelta(seconds=1))
        delete(alice, late)
        clock.advance(timedelta(days=30, seconds=-1))
        api.container.housekeeping().sweep()
        again = api.login(alice)
        assert in_trash(again) == ["late", "0"]
        clock.advance(timedelta(seconds=1))
        api.container.housekeeping().sweep()
        assert in_trash(again) == ["late"]
        for task in tasks:
            problem(again.post(f"{path_of(task)}restore/"), 404, "task-not-found")


class TestTrashTree:
    def test_subtasks_are_deleted_and_restored_with_their_parent(self, alice: Person) -> None:
        above, *tasks = create_chain(alice, 4)
        before = {task["id"]: task["parent"] for task in alice.listed(TASKS)}
        delete(alice, tasks[0])
        assert alice.titles() == ["0"]
        assert in_trash(alice) == ["1"], "only the deleted task is listed"
        for task in tasks:
            problem(alice.get(path_of(task)), 404, "task-not-found")
        invalid(alice.post(TASKS, {"title": "x", "parent": tasks[1]["id"]}), "parent")
        assert restore(alice, tasks[0])["parent"] == above["id"]
        assert {task["id"]: task["parent"] for task in alice.listed(TASKS)} == before
        assert alice.listed(TRASH) == []

    def test_restoring_a_task_keeps_subtasks_deleted_earlier_in_the_trash(self, alice: Person) -> None:
        parent = alice.task("parent")
        before, with_it = (alice.task(title, parent=parent["id"]) for title in ("before", "with it"))
        delete(alice, before, parent)
        assert sorted(in_trash(alice)) == ["before", "parent"]
        restore(alice, parent)
        assert sorted(alice.titles()) == ["parent", "with it"]
        assert in_trash(alice) == ["before"]
        assert restore(alice, before)["parent"] == parent["id"]
        assert expect(alice.get(path_of(with_it)), 200)["parent"] == parent["id"]

    def test_a_task_restored_before_its_parent_has_no_parent(self, alice: Person) -> None:
        parent, child, grandchild = create_chain(alice, 3)
        delete(alice, child, parent)
        assert restore(alice, child)["parent"] is None
        assert expect(alice.get(path_of(grandchild)), 200)["parent"] == child["id"]
        assert sorted(alice.titles()) == ["1", "2"]
        restore(alice, parent)
        assert expect(alice.get(path_of(child)), 200)["parent"] is None
        assert sorted(alice.titles("parent=none")) == ["0", "1"]

    def test_a_subtask_of_a_deleted_tree_can_be_restored(self, alice: Person) -> None:
        parent, child, grandchild = create_chain(alice, 3)
        delete(alice, parent)
        assert restore(alice, child)["parent"] is None
        assert sorted(alice.titles()) == ["1", "2"]
        assert in_trash(alice) == ["0"]
        expect(alice.delete(f"{TRASH}{parent['id']}/"), 204)
        assert expect(alice.get(path_of(grandchild)), 200)["parent"] == child["id"]

    def test_purging_a_task_purges_its_subtasks(self, alice: Person) -> None:
        parent, child, grandchild = create_chain(alice, 3)
        delete(alice, grandchild, parent)
        expect(alice.delete(f"{TRASH}{parent['id']}/"), 204)
        assert alice.listed(TRASH) == alice.listed(TASKS) == []
        for task in (parent, child, grandchild):
            problem(alice.post(f"{path_of(task)}restore/"), 404, "task-not-found")

    def test_a_restored_tree_keeps_its_members(self, alice: Person, bob: Person) -> None:
        parent, child = create_chain(alice, 2)
        alice.share(parent, bob)
        delete(alice, child)
        assert bob.titles() == ["0"]
        delete(alice, parent)
        assert bob.titles() == []
        assert restore(alice, child)["owners"] == [alice.id, bob.id]
        assert bob.titles() == ["1"]
        restore(alice, parent)
        expect(alice.delete(f"{path_of(parent)}shares/{bob.id}/"), 204)
        assert bob.titles() == ["1"], "it is a separate tree"
