"""The tasks that users see in reads, lists, pulls and digests, compared with their rights in the database."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import closing
from typing import Any

from tests.faults.rows import Rows
from tests.http import Person, expect
from tests.security.processes import Wire

READS = 200
"""Tasks that each user reads one by one."""

ROLES = {
    "owner": "SELECT id, owner FROM tasks WHERE trashed_at IS NULL",
    "member": (
        "SELECT t.id, m.user_id FROM tasks t JOIN category_members m ON m.category_id = t.root_category"
        " WHERE t.trashed_at IS NULL"
    ),
}
FILED = (
    "SELECT t.id, c.id FROM tasks t LEFT JOIN categories c ON c.id = t.root_category WHERE root_category IS NOT NULL"
)


def require_right_viewers(rows: Rows, people: Collection[Person], port: int) -> int:
    """Require that each user sees exactly the tasks of their rights, and return their number. No job may be left.

    No task is shared directly.
    """
    assert not rows.has_jobs()
    rights: dict[str, set[str]] = defaultdict(set)
    for statement in ROLES.values():
        for task, user in rows.select(statement):
            rights[user].add(task)
    assert all(category is not None for _, category in rows.select(FILED)), "a task is in a category that is gone"
    assert not rows.select("SELECT user_id FROM category_members WHERE NOT is_ready"), "a member is not ready"
    owners = {person.id for person in people}
    every = sorted(task for task, owner in rows.select("SELECT id, owner FROM tasks") if owner in owners)
    for person in people:
        with closing(Wire(port)) as wire:
            for task in random.sample(every, min(READS, len(every))):
                status, _ = wire.send("GET", f"/api/tasks/{task}/", token=person.access)
                assert status == (200 if task in rights[person.id] else 404), (person.username, task, status)
        listed = {task["id"] for task in person.listed("/api/tasks/", "limit=200")}
        items = pulled(person)
        tasks = {id_ for type_, id_ in items if type_ == "task"}
        stored = {
            task
            for (task,) in rows.select(
                "SELECT task_id FROM task_entries e JOIN tasks t ON t.id = e.task_id"
                " WHERE t.trashed_at IS NULL AND e.user_id IN (:one, :two)",
                **forms_of_id(person),
            )
        }
        assert rights[person.id] == listed == tasks == stored, describe(
            person, rights[person.id], listed, tasks, stored
        )
        assert digest_of(items) == expect(person.get("/api/sync/digest/"), 200)["buckets"]
    return sum(map(len, rights.values()))


def pulled(person: Person) -> dict[tuple[str, str], int]:
    """Return the version of each item that a new device of the user has."""
    items: dict[tuple[str, str], int] = {}
    cursor = ""
    while True:
        page = expect(person.get("/api/sync/", params={"limit": "200"} | ({"cursor": cursor} if cursor else {})), 200)
        apply(items, page["changes"])
        cursor = page["next_cursor"]
        if not page["has_more"]:
            return items


def apply(items: dict[tuple[str, str], int], changes: Sequence[dict[str, Any]]) -> None:
    """Apply a page to a device."""
    for change in changes:
        key = change["type"], change["id"]
        items.pop(key, None)
        if change["op"] == "upsert":
            items[key] = change["version"]


def digest_of(items: dict[tuple[str, str], int]) -> dict[str, str]:
    """Return the hashes of the buckets of a device, as docs/sync.md describes them."""
    buckets: dict[str, list[bytes]] = defaultdict(list)
    for (type_, id_), version in items.items():
        buckets[hashlib.sha256(id_.encode()).hexdigest()[:2]].append(f"{type_} {id_} {version}\n".encode())
    return {bucket: hashlib.sha256(b"".join(sorted(lines))).hexdigest() for bucket, lines in buckets.items()}


def forms_of_id(person: Person) -> dict[str, str]:
    """Return the values of a condition on the user's id, in the form of each database."""
    return {"one": person.id, "two": person.id.replace("-", "")}


def describe(person: Person, *sets: set[str]) -> str:
    """Describe how the tasks in several places differ."""
    names = ("rights", "list", "pull", "entries")
    everything = set().union(*sets)
    odd = {task: [name for name, some in zip(names, sets, strict=True) if task in some] for task in everything}
    return (
        f"{person.username} ({person.id}) {[(task, where) for task, where in odd.items() if len(where) < len(names)]}"
    )
