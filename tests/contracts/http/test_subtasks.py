"""Subtasks over HTTP."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.contracts.http.base import TASKS, create_chain, invalid, path_of, rfc3339
from tests.fakes import ManualClock
from tests.http import Person, expect

MAX_DEPTH = 5


class TestSubtask:
    def test_a_task_can_have_a_parent(self, alice: Person) -> None:
        parent = alice.task("parent")
        child = alice.task("child", parent=parent["id"].upper())
        assert child["parent"] == parent["id"]
        assert expect(alice.get(path_of(child)), 200) == child
        assert expect(alice.get(path_of(parent)), 200) == parent, "the parent does not change"
        assert alice.titles(f"parent={parent['id']}") == ["child"]
        assert alice.titles("parent=none") == ["parent"]

    def test_a_task_can_be_moved(self, alice: Person, clock: ManualClock) -> None:
        one, other, child = alice.task("one"), alice.task("other"), alice.task("child")
        grandchild = alice.task("grandchild", parent=child["id"])
        for version, parent in enumerate((one["id"], other["id"], None, one["id"]), 2):
            clock.advance(minutes=1)
            moved = expect(alice.patch(path_of(child), {"parent": parent}), 200)
            assert moved == child | {"parent": parent, "version": version, "updated_at": rfc3339(clock.now())}
            assert expect(alice.get(path_of(grandchild)), 200)["parent"] == child["id"]
        assert expect(alice.patch(path_of(child), {"parent": one["id"]}), 200)["version"] == 5
        assert expect(alice.put(path_of(child), {"title": "child"}), 200)["parent"] is None

    def test_a_parent_that_is_not_an_own_task_is_refused(self, alice: Person, bob: Person) -> None:
        own, others, deleted = alice.task("own"), bob.task("others"), alice.task("deleted")
        shared = bob.task("shared")
        bob.share(shared, alice, "editor")
        expect(alice.delete(path_of(deleted)), 204)
        for parent in (str(uuid4()), others["id"], shared["id"], deleted["id"], alice.category()["id"]):
            refusal = invalid(alice.post(TASKS, {"title": "x", "parent": parent}), "parent")
            if parent != shared["id"]:
                assert refusal == invalid(alice.post(TASKS, {"title": "x", "parent": str(uuid4())}), "parent")
            invalid(alice.patch(path_of(own), {"parent": parent}), "parent")
            invalid(alice.put(path_of(own), {"title": "x", "parent": parent}), "parent")
        assert set(alice.titles()) == {"own", "shared"}
        assert bob.titles(f"parent={shared['id']}") == []

    def test_a_task_cannot_move_below_itself(self, alice: Person) -> None:
        tasks = create_chain(alice, 3)
        before = alice.listed(TASKS)
        for under in tasks:
            invalid(alice.patch(path_of(tasks[0]), {"parent": under["id"]}), "parent")
        invalid(alice.patch(path_of(tasks[1]), {"parent": tasks[2]["id"]}), "parent")
        assert alice.listed(TASKS) == before
        expect(alice.patch(path_of(tasks[2]), {"parent": tasks[0]["id"]}), 200)
        expect(alice.patch(path_of(tasks[1]), {"parent": tasks[2]["id"]}), 200)

    def test_tasks_are_nested_at_most_five_levels_deep(self, alice: Person) -> None:
        tasks = create_chain(alice, MAX_DEPTH)
        invalid(alice.post(TASKS, {"title": "x", "parent": tasks[-1]["id"]}), "parent")
        alone, pair = alice.task("alone"), create_chain(alice, 2)
        invalid(alice.patch(path_of(alone), {"parent": tasks[4]["id"]}), "parent")
        invalid(alice.patch(path_of(pair[0]), {"parent": tasks[3]["id"]}), "parent")
        expect(alice.patch(path_of(alone), {"parent": tasks[3]["id"]}), 200)
        expect(alice.patch(path_of(pair[0]), {"parent": tasks[2]["id"]}), 200)
        invalid(alice.post(TASKS, {"title": "x", "parent": pair[1]["id"]}), "parent")

    @pytest.mark.parametrize("state", ["done", "cancelled"])
    def test_completing_a_task_does_not_change_its_subtasks(self, alice: Person, state: str) -> None:
        parent = alice.task("parent")
        children = [alice.task(each, parent=parent["id"], state=each) for each in ("open", "in_progress", "done")]
        expect(alice.patch(path_of(parent), {"state": state}), 200)
        assert [expect(alice.get(path_of(child)), 200) for child in children] == children

    def test_a_parent_sent_by_an_editor_is_ignored(self, alice: Person, bob: Person) -> None:
        parent = alice.task("parent")
        child = alice.task("child", parent=parent["id"])
        alice.share(parent, bob)
        child = expect(alice.get(path_of(child)), 200)
        own = bob.task("own")
        for change in (
            bob.patch(path_of(child), {"parent": None}),
            bob.patch(path_of(child), {"parent": own["id"]}),
            bob.patch(path_of(child), {"parent": str(uuid4())}),
            bob.put(path_of(child), {"title": "child"}),
            bob.put(path_of(child), child | {"parent": own["id"]}),
        ):
            assert expect(change, 200) == child
        invalid(bob.post(TASKS, {"title": "x", "parent": parent["id"]}), "parent")
        assert alice.listed(TASKS, f"parent={parent['id']}") == [child]
