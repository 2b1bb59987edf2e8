"""Devices that make random edits."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from tasktracker_client import Replica, UnknownItem
from tests.http import Person


def comparable(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an item without fields that depend on the time, and `created_by`, which can change within a version."""
    return {name: value for name, value in data.items() if name not in ("is_overdue", "created_by")}


def require_in_sync(replica: Replica, person: Person) -> None:
    """Require that a replica has no pending edit, and equals the digest and the items of the server."""
    assert not replica.pending
    assert replica.verify().is_in_sync
    for path, items in (("/api/tasks/", replica.tasks()), ("/api/categories/", replica.categories())):
        stored = {each["id"]: comparable(each) for each in person.listed(path)}
        shown = {item.id: comparable(item.data) for item in items}
        assert shown == stored, [
            (shown.get(id_), stored.get(id_)) for id_ in shown | stored if shown.get(id_) != stored.get(id_)
        ]


class Device(Replica):
    """Makes random edits for a logged-in user."""

    def __init__(
        self, path: Path, url: str, person: Person, chance: random.Random, client: httpx.Client | None = None
    ) -> None:
        self.person = person
        self.chance = chance
        super().__init__(path, url, client=client)
        self.login(person.username, person.password)

    def edit_something(self) -> None:
        """Make a random edit, if the chosen item exists."""
        choose = self.chance.choice
        actions: list[Callable[[], object]] = [
            lambda: self.create_task(title=self.word(), category=choose([None, self.any_category()])),
            lambda: self.create_task(title=self.word(), parent=self.any_task()),
            lambda: self.edit_task(self.any_task(), title=self.word()),
            lambda: self.edit_task(self.any_task(), priority=choose([1, 2, 3, 4]), description=self.word()),
            lambda: self.edit_task(self.any_task(), category=choose([None, self.any_category()])),
            lambda: self.complete(self.any_task()),
            lambda: self.delete(self.any_task()),
            lambda: self.restore(self.any_task()),
            lambda: self.create_category(name=f"{self.word()} {self.chance.random()}"),
            lambda: self.edit_category(self.any_category(), color=choose([None, "#112233", "#445566"])),
            lambda: self.edit_category(self.any_category(), name=self.word()),
            lambda: self.delete_category(self.any_category()),
        ]
        with suppress(UnknownItem):
            choose(actions)()

    def share_something(self, member: Person) -> None:
        """Share a random task or remove its member. The server may refuse: the task may be deleted or a subtask."""
        path, role = f"/api/tasks/{self.any_task()}/shares/", self.chance.choice(["viewer", "editor", None])
        if role is None:
            self.person.delete(f"{path}{member.id}/")
        else:
            self.person.post(path, {"username": member.username, "role": role})

    def require_in_sync(self) -> None:
        """Require that the device has the state of the server."""
        require_in_sync(self, self.person)

    def any_task(self) -> str:
        return self.chance.choice([task.id for task in self.tasks()] or ["none"])

    def any_category(self) -> str:
        return self.chance.choice([category.id for category in self.categories()] or ["none"])

    def word(self) -> str:
        return self.chance.choice("abcdefgh")
