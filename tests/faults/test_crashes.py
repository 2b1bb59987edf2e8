"""Servers and databases that are killed."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tasktracker.entrypoints.server import WORKER_SECONDS
from tests.faults.forking_server import COMMAND
from tests.faults.load import IS_FULL, LOST, SETTINGS, Load, tree
from tests.http import Server
from tests.postgres import PrivatePostgres
from tests.waiting import wait_until

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


def test_only_workers_that_have_died_are_replaced_and_at_once(tmp_path: Path) -> None:
    slowly = "import sys, time\nif '--multiprocessing-fork' in sys.orig_argv:\n    time.sleep(7)\n"
    (tmp_path / "sitecustomize.py").write_text(slowly)
    server, log = Server(tmp_path, PYTHONPATH=str(tmp_path), WORKERS="2"), tmp_path / "log"
    with ExitStack() as stack, log.open("wb") as output:
        stack.push(server)
        server.start(output)
        assert "Child process" not in log.read_text(), "a busy host starts workers slowly"
        worker = next(
            each for each in tree(server.process.pid) if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()
        )
        os.kill(worker, signal.SIGSTOP)
        time.sleep(1)  # the supervisor asks it meanwhile whether it is alive
        os.kill(worker, signal.SIGKILL)
        killed = time.monotonic()
        wait_until(lambda: f"Child process [{worker}] died" in log.read_text(), log.read_text)
        assert time.monotonic() - killed < WORKER_SECONDS / 2


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
