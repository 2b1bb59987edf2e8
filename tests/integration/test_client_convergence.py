"""Devices that edit and sync at the same time, by way of two server processes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

import tasktracker
from tests.http import Person, Server, expect, migrated
from tests.integration.devices import Device

THIS_CODE = {"PYTHONPATH": str(Path(tasktracker.__file__).parents[1])}  # whatever is installed
STEPS = 100


@pytest.fixture(params=["postgresql", "sqlite"])
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    sqlite = request.param == "sqlite"
    url = migrated(f"sqlite:///{tmp_path}/tasks.db" if sqlite else request.getfixturevalue("database_url"))
    settings = {**THIS_CODE, "DATABASE_URL": url}
    with Server(tmp_path, **settings) as one, Server(tmp_path, **settings) as other:
        yield one, other


def test_all_devices_end_up_with_what_the_server_has(servers: tuple[Server, Server], tmp_path: Path) -> None:
    ada, bob = servers[0].register(), servers[0].register()

    def live(device: Device) -> None:
        for _ in range(STEPS):
            chosen = device.chance.random()
            if chosen < 0.5:
                device.edit_something()
            elif chosen < 0.9 or device.person is bob:
                device.sync()
            else:
                device.share_something(bob)

    def device_of(number: int, person: Person) -> Device:
        url = f"{servers[number % 2].url}/api"
        return Device(tmp_path / f"{number}.db", url, person, random.Random(number))

    with ExitStack() as stack:
        devices = [stack.enter_context(device_of(*each)) for each in enumerate([ada, ada, ada, bob])]
        scopes = {"name": "script", "scopes": ["tasks:read", "tasks:write"]}
        token = expect(ada.post("/api/accounts/tokens/", scopes), 201)["token"]
        devices[2]._local.set(access=token, refresh=None)  # that of a script
        with ThreadPoolExecutor(len(devices)) as threads:
            list(threads.map(live, devices))
        for device in devices * 2:
            device.sync()
        for device in devices:
            device.require_in_sync()
        assert devices[0].tasks() == devices[1].tasks() == devices[2].tasks()
