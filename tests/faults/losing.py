"""Concurrent writes of a user who loses the access to a shared category, and the conditions on these writes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from threading import Event, Lock
from typing import Any
from uuid import uuid4

from tests.faults.rows import Rows
from tests.http import Person, expect
from tests.security.processes import Pair, Wire, at_once
from tests.waiting import PATIENCE, wait_until

REFUSED = {400, 401, 403, 404}
# A restore follows the deletion of the same thread.
OPERATIONS = ("create", "edit", "trash", "restore", "push")
THREADS = 20
CHANGES = "SELECT id, task_id, version, action, fields FROM task_changes WHERE actor IS NULL OR actor IN (:one, :two)"
"""The changes of a user. They lose their author together with the account."""


@dataclass(frozen=True)
class Write:
    """One write: when it began, its title, its task, and whether it was accepted."""

    operation: str
    began: float
    title: str
    task: str
    version: int | None
    is_accepted: bool
    answer: str


class Writes:
    """Sends writes of a user to both processes, on many threads."""

    def __init__(self, pair: Pair, loser: Person, owner: Person, category: str, number: int) -> None:
        self._pair = pair
        self._loser = loser
        self._category = category
        self._number = number
        self._lock = Lock()
        self.done: list[Write] = []
        self.tasks = [owner.task(f"first {number}", category=category)["id"] for number in range(THREADS)]
        self.below = [owner.task(f"below {number}", parent=id_)["id"] for number, id_ in enumerate(self.tasks)]

    def run(self, end: Callable[[], None]) -> float:
        """Send all writes, and call `end` meanwhile. Return when `end` had returned."""
        begun = Event()
        ended = 0.0

        def end_meanwhile() -> None:
            nonlocal ended
            wait_until(lambda: len(self.done) >= self._number // 3, "no write is answered")
            end()
            ended = time.monotonic()
            begun.set()

        calls: list[Callable[[], None]] = [end_meanwhile]
        calls += [partial(self._send_some, thread, begun) for thread in range(THREADS)]
        at_once(calls)
        return ended

    def _send_some(self, thread: int, begun: Event) -> None:
        last = self._number // THREADS - 1
        with closing(Wire(self._pair.servers[thread % 2].port)) as wire:
            for number in range(last + 1):
                if number == last:
                    assert begun.wait(PATIENCE)  # the last write of each thread begins after the end
                write = self._send(wire, thread, OPERATIONS[(thread // 2 % 3 + number) % len(OPERATIONS)])
                with self._lock:
                    self.done.append(write)

    def _send(self, wire: Wire, thread: int, operation: str) -> Write:
        title, task, token = f"of the loser {uuid4()}", self.tasks[thread], self._loser.access
        edited = self.below[(thread + 1) % THREADS]
        requests: dict[str, tuple[str, str, object]] = {
            "create": ("POST", "/api/tasks/", {"title": title, "category": self._category}),
            "edit": ("PATCH", f"/api/tasks/{edited}/", {"title": title}),
            "trash": ("DELETE", f"/api/tasks/{task}/", None),
            "restore": ("POST", f"/api/tasks/{task}/restore/", None),
            "push": ("POST", "/api/sync/", {"mutations": [mutation("update", edited, title)]}),
        }
        began = time.monotonic()
        status, body = wire.send(*requests[operation], token=token)
        assert status < 300 or status in REFUSED, (operation, status, body)
        is_accepted, version = status < 300, None if body is None else body.get("version")
        if operation == "push" and is_accepted:
            (result,) = body["results"]
            is_accepted, version = result["status"] in ("applied", "merged"), result["version"]
        if operation == "create" and is_accepted:
            task = body["id"]
        changed = edited if operation in ("edit", "push") else task
        return Write(operation, began, title, changed, version, is_accepted, f"{status} {body}")


def mutation(op: str, target: str, title: str) -> dict[str, Any]:
    """Return a mutation of a push."""
    return {"id": str(uuid4()), "type": "task", "op": op, "target": target, "data": {"title": title}}


def require_no_later_change(rows: Rows, before: Sequence[tuple[Any, ...]], loser: Person) -> None:
    """Require that the user has changed no task since these changes were read."""
    later = set(changes_by(rows, loser)) - set(before)
    assert not later, f"committed after the access had ended: {later}"


def require_as_answered(rows: Rows, writes: Sequence[Write], loser: Person) -> None:
    """Require that each accepted write has changed its task once, and that a refused one has changed nothing."""
    stored = changes_by(rows, loser)
    accepted = [write for write in writes if write.is_accepted]
    by_version = {(task, version): fields for _, task, version, _, fields in stored}
    for write in accepted:
        if write.version is not None and write.operation != "restore":
            assert write.title in by_version[write.task, write.version], write
    kinds = {"create": "create", "edit": "edit", "push": "edit", "trash": "trash", "restore": "restore"}
    answered = Counter((kinds[write.operation], write.task) for write in accepted)
    below = Counter((action, task) for _, task, _, action, _ in stored)
    assert all(below[key] == count for key, count in answered.items()), (below, answered)
    everything = " ".join(fields for *_, fields in stored)
    everything += " ".join(title for (title,) in rows.select("SELECT title FROM tasks"))
    for write in writes:
        assert write.is_accepted or write.title not in everything, write


def changes_by(rows: Rows, user: Person) -> list[tuple[Any, ...]]:
    """Return the changes that a user has made to tasks, without changes by the deletion of an account."""
    found = rows.select(CHANGES, one=user.id, two=user.id.replace("-", ""))
    return [row for row in found if row[3] in ("create", "edit", "trash", "restore")]


def last_sequences(rows: Rows, user: Person) -> dict[str, int]:
    """Return the highest sequence number of each type in a user's feed. It counts in the order of the commits."""
    statement = "SELECT type, max(sequence) FROM feed_items WHERE user_id IN (:one, :two) GROUP BY type"
    return {str(type_): int(last) for type_, last in rows.select(statement, one=user.id, two=user.id.replace("-", ""))}


def delete_account(person: Person) -> None:
    """Delete the account of a user."""
    expect(person.post("/api/accounts/me/delete/", {"password": person.password}), 204)
