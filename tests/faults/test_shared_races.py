"""Moves of tasks into and out of a shared category, while it is unshared or deleted: no wrong user sees the tasks."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.faults.load import IS_FULL
from tests.faults.rows import opened
from tests.faults.seeing import require_right_viewers
from tests.http import Person, new_name
from tests.security.processes import Pair, Wire, at_once

RACES = 400 if IS_FULL else 30
CHECKED_EACH = 100
REFUSED = {400, 403, 404, 409}


@pytest.fixture
def pair(tmp_path: Path, url: str) -> Iterator[Pair]:
    with Pair(tmp_path, url, THROTTLE="off") as pair:
        yield pair


def test_tasks_filed_during_unsharing_or_deletion_are_seen_by_the_right_users(pair: Pair) -> None:
    chance = random.Random(pair.url.partition(":")[0])
    outcomes: Counter[str] = Counter()
    with opened(pair.url) as rows:
        for races in [CHECKED_EACH] * (RACES // CHECKED_EACH) or [RACES]:
            with closing(Group(pair, chance)) as group:
                for _ in range(races):
                    outcomes.update(group.race())
                rows.wait_for_jobs()
                assert require_right_viewers(rows, group.people, pair.servers[0].port)
    if IS_FULL:
        assert all(outcomes[f"{name}: {way}"] for name in Group.NAMES for way in ("accepted", "refused")), outcomes


class Group:
    """An owner, an editor and a viewer with a shared category, which they lose again and again."""

    NAMES = (
        "create",
        "create below",
        "move in",
        "move out",
        "restore",
        "move below",
        "move from below",
        "of the owner",
    )

    def __init__(self, pair: Pair, chance: random.Random) -> None:
        self.people = [pair.visitor(number).register() for number in range(3)]
        self.owner, self.editor, self.viewer = self.people
        self._chance = chance
        self._wires = [Wire(pair.servers[number % 2].port) for number in range(len(self.NAMES) + 1)]
        self._begin()

    def _begin(self) -> None:
        self.category = self._new("categories", self.owner, name=new_name())
        self._share(self.viewer, "viewer")
        self.top = self._new("tasks", self.owner, title="top", category=self.category)

    def _share(self, person: Person, role: str) -> None:
        body = {"username": person.username, "role": role}
        path = f"/api/categories/{self.category}/shares/"
        status, answer = self._wires[0].send("POST", path, body, self.owner.access)
        assert status in (200, 201), answer

    def _new(self, kind: str, person: Person, **fields: object) -> str:
        status, body = self._wires[0].send("POST", f"/api/{kind}/", fields, person.access)
        assert status == 201, body
        return str(body["id"])

    def race(self) -> Counter[str]:
        """End the sharing once, concurrently with changes of all kinds, and return how these ended."""
        self._share(self.editor, "editor")
        new = partial(self._new, "tasks", self.editor)
        inside, trashed = (new(title=title, category=self.category) for title in ("inside", "trashed"))
        child = new(title="child", parent=self.top)
        home, other = new(title="home"), new(title="other")
        new(title="below home", parent=home)
        owned = self._new("tasks", self.owner, title="owned")
        status, _ = self._wires[0].send("DELETE", f"/api/tasks/{trashed}/", token=self.editor.access)
        assert status == 204
        filed, path = {"category": self.category}, "/api/tasks/"
        requests: dict[str, tuple[str, str, object, Person]] = {
            "create": ("POST", path, {"title": "created"} | filed, self.editor),
            "create below": ("POST", path, {"title": "created", "parent": self.top}, self.editor),
            "move in": ("PATCH", f"{path}{home}/", filed, self.editor),
            "move out": ("PATCH", f"{path}{inside}/", {"category": None}, self.editor),
            "restore": ("POST", f"{path}{trashed}/restore/", None, self.editor),
            "move below": ("PATCH", f"{path}{other}/", {"parent": self.top}, self.editor),
            "move from below": ("PATCH", f"{path}{child}/", {"parent": None, "category": None}, self.editor),
            "of the owner": ("PATCH", f"{path}{owned}/", filed, self.owner),
        }
        calls = [
            partial(self._send, wire, name, *requests[name])
            for wire, name in zip(self._wires, self._chance.sample(self.NAMES, 5), strict=False)
        ]
        calls.insert(self._chance.randrange(len(calls) + 1), partial(self._end, self._wires[-1]))
        outcomes = at_once(calls)
        if "delete" in outcomes:
            self._begin()
        return Counter(outcomes)

    def _send(self, wire: Wire, name: str, method: str, path: str, body: object, person: Person) -> str:
        status, answer = wire.send(method, path, body, person.access)
        assert status < 300 or status in REFUSED, (name, status, answer)
        return f"{name}: {'accepted' if status < 300 else 'refused'}"

    def _end(self, wire: Wire) -> str:
        path = f"/api/categories/{self.category}/"
        share = f"{path}shares/{self.editor.id}/"
        way, person, what = self._chance.choice(
            [("unshare", self.owner, share), ("leave", self.editor, share), ("delete", self.owner, path)]
        )
        status, answer = wire.send("DELETE", what, token=person.access)
        assert status == 204, (way, status, answer)
        return way

    def close(self) -> None:
        """Close the connections."""
        for wire in self._wires:
            wire.close()
