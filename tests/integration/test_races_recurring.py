"""Races of clients of two server processes that complete the same recurring task."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

from tests.http import Person, expect
from tests.security.processes import Pair, at_once

RECURRING = {
    "title": "water the plants",
    "due_on": "2026-03-02",
    "recurrence": {"rule": "FREQ=DAILY", "time_zone": "UTC"},
}


def test_a_hundred_completions_on_two_processes_make_one_next_occurrence(migrated_url: str, tmp_path: Path) -> None:
    with Pair(tmp_path, migrated_url, THROTTLE="off") as pair:
        alice = pair.visitor().register()
        both = (alice, pair.beside(alice))
        task = expect(alice.post("/api/tasks/", RECURRING), 201)
        expect(alice.post("/api/tasks/", {"title": "below", "parent": task["id"]}), 201)
        outcomes = at_once([partial(completed, both[number % 2], task, number) for number in range(100)])
        assert set(outcomes) == {str(uuid5(UUID(task["id"]), "next"))}
        tasks = alice.listed("/api/tasks/")
        assert sorted(each["title"] for each in tasks) == ["below", "below", *["water the plants"] * 2]
        assert len({each["version"] for each in tasks if each["id"] == task["id"]}) == 1


def completed(user: Person, task: dict[str, Any], number: int) -> Any:
    """Complete a task by a request, or by a push as a device does, and return its next occurrence."""
    state = {"state": "done"}
    if number % 3:
        return expect(user.patch(f"/api/tasks/{task['id']}/", state), 200)["next"]
    mutation = {"id": str(uuid4()), "type": "task", "op": "update", "target": task["id"], "data": state}
    (result,) = expect(user.post("/api/sync/", {"mutations": [{**mutation, "base_version": 1}]}), 200)["results"]
    assert result["status"] in ("applied", "merged")
    return expect(user.get(f"/api/tasks/{task['id']}/"), 200)["next"]
