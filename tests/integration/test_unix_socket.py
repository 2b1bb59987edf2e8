"""A server on a Unix socket, behind a proxy."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import httpx
import pytest

from tasktracker.entrypoints.server import listen_unix
from tests.http import PASSWORD, SETTINGS, bearer, clean_environment, expect, migrated, tasktracker_command
from tests.preloaded import PreloadedProcess
from tests.waiting import PATIENCE, wait_until


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_proxy_connects_to_the_socket_and_names_the_client(tmp_path: Path, workers: str) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))  # by a server that was killed
    settings = {
        **SETTINGS,
        "DATABASE_URL": migrated(f"sqlite:///{tmp_path}/tasks.db"),
        "UNIX_SOCKET": str(path),
        "WORKERS": workers,
    }
    log = tmp_path / "log"
    command = [str(tasktracker_command()), "serve"]
    process = PreloadedProcess(command, folder=tmp_path, environment=clean_environment(settings), output=log)
    try:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://tasks.example.org") as client:

            def listens() -> bool:
                with socket.socket(socket.AF_UNIX) as probe:
                    return probe.connect_ex(str(path)) == 0

            wait_until(listens, log.read_text, process)
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            body = {"username": "ada", "password": PASSWORD}
            forwarded = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}  # the first one is the client's claim
            access = expect(client.post("/api/accounts/register/", json=body, headers=forwarded), 201)["access"]
            (event,) = expect(client.get("/api/accounts/me/activity/", headers=bearer(access)), 200)["results"]
            assert event["address"] == "203.0.113.7"
            second = PreloadedProcess(
                command, folder=tmp_path, environment=clean_environment(settings), output=tmp_path / "second"
            )
            assert second.wait(PATIENCE) != 0
            assert "in use" in (tmp_path / "second").read_text()
            expect(client.get("/health/live"), 200)
    finally:
        process.kill()
        process.wait(PATIENCE)


def test_a_socket_is_for_its_group_and_replaces_only_that_of_an_ended_server(tmp_path: Path) -> None:
    path, file = tmp_path / "socket", tmp_path / "file"
    before = os.umask(0o022)
    try:
        for _ in range(2):  # the second time, the socket of the first one is left
            with listen_unix(path) as listening:
                assert (listening.getsockname(), stat.S_IMODE(path.stat().st_mode)) == (str(path), 0o660)
                listening.listen()
                with pytest.raises(OSError, match="in use"):
                    listen_unix(path)
        file.write_text("precious")
        with pytest.raises(OSError, match="in use"):
            listen_unix(file)
        assert file.read_text() == "precious"
        assert os.umask(0o022) == 0o022, "other files are created as before"
    finally:
        os.umask(before)
