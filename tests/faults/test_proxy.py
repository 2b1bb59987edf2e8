"""The documented nginx: imports, event streams, addresses, and rolling restarts."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from tests.faults.load import SETTINGS, Load
from tests.faults.proxy import Proxy
from tests.http import Person, Server, expect, migrated
from tests.waiting import wait_until

TRUSTING = {**SETTINGS, "TRUSTED_PROXIES": "127.0.0.1"}
NDJSON = {"Content-Type": "application/x-ndjson"}
PACE_SECONDS = 4


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path, DATABASE_URL=migrated(f"sqlite:///{tmp_path}/file.db"), **TRUSTING) as server:
        yield server


@pytest.fixture
def proxy(tmp_path: Path, server: Server) -> Iterator[Proxy]:
    with Proxy(tmp_path, [server]) as proxy:
        yield proxy


@pytest.fixture
def alice(proxy: Proxy, server: Server) -> Iterator[Person]:
    """A user at the proxy."""
    with proxy.client() as client:
        yield server.register().through(client)


def export_of(alice: Person, tasks: int, size: int) -> bytes:
    """Return an export file with this number of tasks, each with a description of this size."""
    alice.task(description="x" * size)
    lines = alice.get("/api/accounts/me/export/").content.splitlines()
    (task,) = [line for line in lines if json.loads(line)["type"] == "task"]
    known = json.loads(task)["id"].encode()
    number = lines.index(task)
    lines[number : number + 1] = [task.replace(known, str(uuid4()).encode()) for _ in range(tasks)]
    return b"\n".join(line for line in lines if json.loads(line)["type"] != "end") + b"\n"


def test_an_import_of_twenty_megabytes_passes(alice: Person) -> None:
    file = export_of(alice, 2200, 9_500)
    assert len(file) > 20_000_000
    report = expect(alice.request("POST", "/api/accounts/me/import/", content=file, headers=NDJSON), 200)
    assert report["tasks"]["created"] == 2200


def test_an_import_that_takes_more_than_a_minute_is_answered(alice: Person, server: Server) -> None:
    file = export_of(alice, 2, 10)
    # The proxy sends everything, and waits for the answer of a process that is stopped meanwhile.
    server.process.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(alice.request, "POST", "/api/accounts/me/import/", content=file, headers=NDJSON)
        time.sleep(62)
        server.process.send_signal(signal.SIGCONT)
        assert expect(answer.result(), 200)["tasks"]["created"] == 2


def test_an_event_is_passed_on_at_once(alice: Person, server: Server) -> None:
    with alice.client.stream("GET", "/api/events/", headers=alice.headers) as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("data: ")) == "data: {}"  # of the event `ready`
        task = alice.through(server.client).task()
        started = time.monotonic()
        data = next(line for line in lines if line.startswith("data: "))
        assert json.loads(data.removeprefix("data: "))["id"] == task["id"]
        assert time.monotonic() - started < 10, "the event waited for the next heartbeat"


def test_the_address_of_the_client_is_recorded_and_not_one_that_it_claims(proxy: Proxy, server: Server) -> None:
    with proxy.client("127.0.0.2") as client:
        body = {"username": "bob", "password": "uH8#kq2Lx9"}
        claimed = {"X-Forwarded-For": "192.0.2.1"}
        bob = server.person(expect(client.post("/api/accounts/register/", json=body, headers=claimed), 201))
        (event,) = [
            each for each in bob.through(client).listed("/api/accounts/me/activity/") if each["kind"] == "register"
        ]
        assert event["address"] == "127.0.0.2"


def test_no_log_has_the_token_of_a_link(proxy: Proxy, server: Server, tmp_path: Path) -> None:
    link = "/link/reset-password?token=secret"
    with proxy.client() as client:
        assert client.get(link).status_code == 410
        server.stop()
        assert [client.get(path).status_code for path in (link, "/api/")] == [502, 502]
    access, errors = (tmp_path / name for name in ("access.log", "nginx.log"))
    assert "GET /health/live" in access.read_text()
    assert "GET /api/" in errors.read_text()
    assert "secret" not in access.read_text() + errors.read_text()


def test_no_request_fails_during_a_rolling_restart(tmp_path: Path, database_url: str) -> None:
    url = migrated(database_url)
    first, second = (Server(tmp_path, DATABASE_URL=url, **TRUSTING) for _ in range(2))
    with first, second, Proxy(tmp_path, [first, second]) as proxy, Load(first, url=proxy.url, tolerates=()) as load:
        for server in (first, second, first, second):
            time.sleep(PACE_SECONDS)
            server.stop()
            server.start()
            wait_until(partial(is_ready, server), "the server does not get ready")
        load.progress()


def is_ready(server: Server) -> bool:
    return server.get("/health/ready").is_success
