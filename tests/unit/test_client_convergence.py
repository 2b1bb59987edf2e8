"""Whatever devices do, and whatever the network does to them: in the end all of them have what the server has."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from tasktracker_client import Offline, Replica, UnknownItem
from tests.contracts.http.line import Line
from tests.http import Api, Person, expect

URL = "http://testserver.local/api"
STEPS = 150


class Device(Replica):
    """Does what comes to mind."""

    def __init__(self, path: Path, api: Api, person: Person, chance: random.Random) -> None:
        self.person = person
        self.chance = chance
        self.line = Line(api.client)
        super().__init__(path, URL, client=httpx.Client(transport=self.line), sleep=lambda _: None)

    def edit_something(self) -> None:
        """Make an edit, if there is anything to edit."""
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

    def try_to_sync(self) -> None:
        """Sync on a network that may fail anywhere."""
        self.line.is_up = self.chance.random() < 0.8
        self.line.lose = ["/api/sync/"] if self.chance.random() < 0.3 else []
        self.line.twice = ["/api/sync/"] if self.chance.random() < 0.2 else []
        with suppress(Offline):
            self.sync()

    def any_task(self) -> str:
        return self.chance.choice([task.id for task in self.tasks()] or ["none"])

    def any_category(self) -> str:
        return self.chance.choice([category.id for category in self.categories()] or ["none"])

    def word(self) -> str:
        return self.chance.choice("abcdefgh")


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with Api("memory://") as api:
        yield api


def share(owner: Person, task: str, member: Person, role: str) -> None:
    """Let somebody take part in a task, or no longer; it may be gone, or be part of another."""
    path = f"/api/tasks/{task}/shares/"
    if role == "none":
        owner.delete(f"{path}{member.id}/")
    else:
        owner.post(path, {"username": member.username, "role": role})


@pytest.mark.parametrize("seed", range(8))
def test_all_devices_end_up_with_what_the_server_has(api: Api, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    ada, bob = api.register(), api.register()
    scopes = {"name": "script", "scopes": ["tasks:read", "tasks:write"]}
    token = expect(ada.post("/api/accounts/tokens/", scopes), 201)["token"]
    with ExitStack() as stack:
        devices = [
            stack.enter_context(Device(tmp_path / f"{number}.db", api, person, chance))
            for number, person in enumerate([ada, ada, ada, bob])
        ]
        for device in devices:
            device.login(device.person.username, device.person.password)
        devices[2]._local.set(access=token, refresh=None)  # a script's
        for _ in range(STEPS):
            device = chance.choice(devices)
            if chance.random() < 0.6:
                device.edit_something()
            elif chance.random() < 0.9:
                device.try_to_sync()
            else:
                share(ada, devices[0].any_task(), bob, chance.choice(["viewer", "editor", "none"]))
        for device in devices * 2:
            device.line.is_up, device.line.lose, device.line.twice = True, [], []
            device.sync()
        for device in devices:
            assert not device.pending
            assert device.verify().is_in_sync
            for path, items in (("/api/tasks/", device.tasks()), ("/api/categories/", device.categories())):
                told = {each["id"]: each for each in device.person.listed(path)}
                for each in told.values():
                    each.pop("is_overdue", None)
                assert {item.id: dict(item.data) for item in items} == told
        assert devices[0].tasks() == devices[1].tasks() == devices[2].tasks()
