"""Whatever devices do, and whatever the network does to them: in the end all of them have what the server has."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from tasktracker_client import Offline
from tests.contracts.http.devices import Device
from tests.contracts.http.line import Line
from tests.http import Api, expect

STEPS = 150


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with Api("memory://") as api:
        yield api


def sync_if_possible(device: Device, line: Line) -> None:
    """Sync on a network that may fail anywhere."""
    line.is_up = device.chance.random() < 0.8
    line.lose = ["/api/sync/"] if device.chance.random() < 0.3 else []
    line.twice = ["/api/sync/"] if device.chance.random() < 0.2 else []
    with suppress(Offline):
        device.sync()
    line.is_up, line.lose, line.twice = True, [], []


@pytest.mark.parametrize("seed", range(8))
def test_all_devices_end_up_with_what_the_server_has(api: Api, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    ada, bob = api.register(), api.register()
    scopes = {"name": "script", "scopes": ["tasks:read", "tasks:write"]}
    token = expect(ada.post("/api/accounts/tokens/", scopes), 201)["token"]
    lines = [Line(api.client) for _ in range(4)]
    with ExitStack() as stack:
        devices = [
            stack.enter_context(
                Device(
                    tmp_path / f"{number}.db",
                    "http://testserver.local/api",
                    person,
                    chance,
                    httpx.Client(transport=lines[number]),
                )
            )
            for number, person in enumerate([ada, ada, ada, bob])
        ]
        devices[2]._local.set(access=token, refresh=None)  # a script's
        for _ in range(STEPS):
            number = chance.randrange(4)
            if chance.random() < 0.6:
                devices[number].edit_something()
            elif chance.random() < 0.9:
                sync_if_possible(devices[number], lines[number])
            else:
                devices[0].share_something(bob)
        for device in devices * 2:
            device.sync()
        for device in devices:
            device.require_in_sync()
        assert devices[0].tasks() == devices[1].tasks() == devices[2].tasks()
