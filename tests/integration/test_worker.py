"""Servers that leave the work in the background to `tasktracker worker`."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.http import Server, clean_environment, expect, migrated, tasktracker_command
from tests.preloaded import PreloadedProcess
from tests.waiting import PATIENCE, wait_until


def test_without_its_worker_a_server_sends_no_mail_and_the_command_does(tmp_path: Path) -> None:
    settings = {
        "DATABASE_URL": migrated(f"sqlite:///{tmp_path}/tasks.db"),
        "MAIL_FROM": "tasks@example.org",
        "PUBLIC_URL": "https://tasks.example.org",
    }
    folders = [tmp_path / "of-the-server", tmp_path / "of-the-worker"]
    with Server(tmp_path, RUN_WORKER="false", MAIL_URL=f"folder:{folders[0]}", **settings) as server:
        grace = server.register(email="grace@example.org")
        environment = clean_environment({**server.environment, "MAIL_URL": f"folder:{folders[1]}"})
        command = [str(tasktracker_command()), "worker"]
        process = PreloadedProcess(command, folder=tmp_path, environment=environment, output=tmp_path / "worker.log")
        try:

            def is_sent() -> bool:
                found = expect(grace.get("/api/accounts/me/deliveries/"), 200)["results"]
                return [each["state"] for each in found] == ["sent"]

            wait_until(is_sent, "the worker sends nothing", process)
        finally:
            process.send_signal(signal.SIGTERM)
            status = process.wait(PATIENCE)
    assert status == 0
    assert [len(list(each.glob("*"))) for each in folders] == [0, 1]
