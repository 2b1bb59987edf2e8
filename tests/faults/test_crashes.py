"""Servers and databases that are killed."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.faults.forking_server import COMMAND
from tests.faults.load import IS_FULL, LOST, SETTINGS, Load, tree
from tests.http import Server
from tests.postgres import PrivatePostgres

KILLS = 100 if IS_FULL else 4


def test_killing_the_server_at_random_moments_loses_and_doubles_nothing(tmp_path: Path, url: str) -> None:
    server = Server(tmp_path, DATABASE_URL=url, **SETTINGS)
    server.command = COMMAND
    chance = random.Random(url)
    with server, Load(server, tolerates=(LOST, 503)) as load:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0, 0.8))
            for child in tree(server.process.pid)[1:]:
                os.kill(child, signal.SIGKILL)
        load.progress()


@pytest.mark.parametrize("way", ["restart", "stop", "kill"])
def test_a_restart_of_postgresql_loses_nothing(tmp_path: Path, own_postgres: PrivatePostgres, way: str) -> None:
    with Server(tmp_path, DATABASE_URL=own_postgres.url, **SETTINGS) as server, Load(server) as load:
        for _ in range(2):
            if way == "kill":
                own_postgres.kill()
            else:
                own_postgres.stop("immediate" if way == "stop" else "fast")
            load.until_failing(503)
            own_postgres.start()
            load.progress()
