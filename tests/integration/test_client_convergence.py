"""Devices that edit and sync concurrently, through two server processes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.http import Person, Server
from tests.integration.devices import Device
from tests.integration.phones import api_token
from tests.strategies import THOROUGHNESS

STEPS = 50 if THOROUGHNESS == 1 else 100


@pytest.fixture
def servers(migrated_url: str, tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    with Server(tmp_path, DATABASE_URL=migrated_url) as one, Server(tmp_path, DATABASE_URL=migrated_url) as other:
        yield one, other


def test_all_devices_end_with_the_state_of_the_server(servers: tuple[Server, Server], tmp_path: Path) -> None:
    ada, bob = servers[0].register(), servers[0].register()

    def edit_and_sync(device: Device) -> None:
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
        devices[2]._local.set(access=api_token(ada), refresh=None)
        with ThreadPoolExecutor(len(devices)) as threads:
            list(threads.map(edit_and_sync, devices))
        for device in devices * 2:
            device.sync()
        for device in devices:
            device.require_in_sync()
        assert devices[0].tasks() == devices[1].tasks() == devices[2].tasks()
