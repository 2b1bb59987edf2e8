"""A server process that creates its own database and key."""

from __future__ import annotations

import json
import re
import signal
import socket
import sqlite3
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.contracts.http.base import problem
from tests.guarded_process import GuardedProcess
from tests.http import PASSWORD, Person, Server, clean_environment, expect, run
from tests.waiting import PATIENCE, wait_until

ENDED = -signal.SIGTERM  # after the shutdown, it ends by the signal that it received
BARE = {"SECRET_KEYS": "", "DATABASE_URL": ""}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """A server that was started in an empty folder, without settings."""
    with Server(folder, **BARE) as server:
        yield server


def exchange(server: Server, request: bytes) -> bytes:
    """Send these bytes and return the answer until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(request)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


def test_it_starts_in_an_empty_folder(server: Server, folder: Path) -> None:
    assert {path.name for path in (folder / "data").iterdir()} >= {"tasktracker.db", "secret.key"}
    for path in (folder / "data").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
    assert expect(server.get("/health/live"), 200) == {"status": "live"}
    assert expect(server.get("/health/ready"), 200) == {"status": "ready"}
    person = server.register()
    task = person.task("Water the plants", category=person.category("home")["id"])
    assert person.listed("/api/tasks/") == [task]
    assert expect(server.login(person).get(f"/api/tasks/{task['id']}/"), 200) == task
    expect(person.post("/api/accounts/logout/"), 204)
    problem(person.get("/api/tasks/"), 401, "session-ended")


def test_it_logs_its_address(server: Server) -> None:
    assert f"Task Tracker on http://127.0.0.1:{server.port}/ (documentation of the API at /docs)\n" in server.log


@pytest.mark.parametrize("production", [{}, {"ENVIRONMENT": "production", "THROTTLE": "on"}])
def test_its_log_is_json_in_production_and_contains_no_secrets(tmp_path: Path, production: dict[str, str]) -> None:
    with Server(tmp_path, DATABASE_URL="", **production) as server:
        person = server.register()
        problem(server.post("/api/accounts/login/", {"username": person.username, "password": "wr0ng-secret"}), 401,
                "invalid-credentials")  # fmt: skip
        problem(server.get(f"/api/tasks/?token={person.access}"), 401, "not-authenticated")
    for line in server.log.splitlines():
        if not line.startswith("Task Tracker on "):
            assert line.startswith("{") == bool(production)
            if production:
                assert {"event", "level", "timestamp"} <= json.loads(line).keys()
    for secret in (PASSWORD, "wr0ng-secret", person.access, person.refresh, person.access.split(".")[2]):
        assert secret not in server.log


def test_answers_do_not_name_the_software(server: Server) -> None:
    for response in (server.get("/health/live"), server.get("/nothing"), server.get("/docs")):
        assert "server" not in response.headers
        assert "x-powered-by" not in response.headers


def test_data_and_sessions_survive_a_restart(tmp_path: Path) -> None:
    with Server(tmp_path, **BARE) as server:
        person = server.register()
        task = person.task()
        person.task("another")
        page = expect(person.get("/api/tasks/?limit=1"), 200)
        assert server.stop() == ENDED
        assert "timeout graceful shutdown exceeded" not in server.log
        server.start()
        assert task in person.listed("/api/tasks/")
        expect(person.get(f"/api/tasks/?limit=1&cursor={page['next_cursor']}"), 200)
        server.kill()
        server.start()
        assert task in person.listed("/api/tasks/")
        expect(server.post("/api/accounts/refresh/", {"refresh": person.refresh}), 200)


def test_a_command_reaches_the_running_server(server: Server, folder: Path) -> None:
    person = server.register()
    expect(person.get("/api/tasks/"), 200)
    result = run(folder, "disable-user", person.username, **BARE)
    assert (result.returncode, result.stdout) == (0, f"disabled {person.username}\n"), result.stderr
    problem(person.get("/api/tasks/"), 401, "session-ended")


class TestOnTheWire:
    """Requests and answers that a client library would not pass on."""

    def test_a_request_without_a_host_is_refused_with_a_problem(self, server: Server) -> None:
        answer = exchange(server, b"GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400")
        assert b'"type":"/problems/bad-request"' in answer
        assert exchange(server, b"GET /health/live HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200")

    def test_the_answer_to_head_has_no_body(self, server: Server) -> None:
        head = b"HEAD /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
        get = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        first, second, third = exchange(server, head + get).split(b"HTTP/1.1 200 OK\r\n")
        assert first == b""
        assert second.endswith(b"\r\n\r\n")
        assert third.endswith(b'\r\n\r\n{"status":"live"}')
        length = b"content-length: 17"
        assert length in second
        assert length in third

    @pytest.mark.parametrize("method", [b"GET", b"HEAD", b"DELETE", b"OPTIONS"])
    @pytest.mark.parametrize(
        "path", [b"/\xff", b"/api/tasks/\xff\xfe/", b"/api/tasks/%ff/", b"/api/tasks/%", b"/%00", b"*"]
    )
    def test_an_unusual_path_is_no_server_error(self, server: Server, method: bytes, path: bytes) -> None:
        answer = exchange(server, method + b" " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 204")), answer
        expect(server.get("/health/live"), 200)

    @pytest.mark.parametrize("query", [b"\xff", b"\xff=1", b"limit=\xe9", b"a=%", b"%", b"=", b"&", b"?", b"#"])
    def test_an_unusual_query_is_no_server_error(self, server: Server, query: bytes) -> None:
        person = server.register()
        lines = [
            b"GET /api/tasks/?" + query + b" HTTP/1.1",
            b"Host: x",
            b"Connection: close",
            f"Authorization: Bearer {person.access}".encode(),
        ]
        answer = exchange(server, b"\r\n".join(lines) + b"\r\n\r\n")
        assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 200")), answer
        assert answer.startswith(b"HTTP/1.1 200") is (query in (b"&", b"#"))

    @pytest.mark.parametrize("value", [b"\xff\xfe", b"Bearer \xff", b"Bearer " + b"\xe9" * 100, b"Bearer \x7f"])
    def test_an_unusual_header_is_no_server_error(self, server: Server, value: bytes) -> None:
        for name in (b"Authorization", b"X-Request-ID", b"Origin"):
            lines = [b"GET /api/tasks/ HTTP/1.1", b"Host: x", b"Connection: close", name + b": " + value]
            answer = exchange(server, b"\r\n".join(lines) + b"\r\n\r\n")
            assert answer.startswith((b"HTTP/1.1 401", b"HTTP/1.1 400")), answer

    def test_a_list_header_may_be_repeated(self, server: Server) -> None:
        person = server.register()
        lines = [
            f"GET /api/tasks/{person.task()['id']}/ HTTP/1.1".encode(),
            b"Host: x",
            b"Connection: close",
            f"Authorization: Bearer {person.access}".encode(),
            b'If-None-Match: "7"',
            b'If-None-Match: "1"',
        ]
        assert exchange(server, b"\r\n".join(lines) + b"\r\n\r\n").startswith(b"HTTP/1.1 304")

    def test_an_oversize_body_of_unknown_length_is_refused(self, server: Server) -> None:
        def endless() -> Iterator[bytes]:
            for _ in range(40):
                yield b" " * 10_000

        person = server.register()
        response = person.request(
            "POST", "/api/tasks/", content=endless(), headers={"Content-Type": "application/json"}
        )
        problem(response, 413, "body-too-large")
        assert person.titles() == []

    def test_an_oversize_body_is_refused_before_it_is_sent(self, server: Server) -> None:
        person = server.register()
        lines = [
            b"POST /api/tasks/ HTTP/1.1",
            b"Host: x",
            b"Content-Type: application/json",
            b"Content-Length: 1000000000",
            b"Connection: close",
            f"Authorization: Bearer {person.access}".encode(),
        ]
        assert exchange(server, b"\r\n".join(lines) + b"\r\n\r\n").startswith(b"HTTP/1.1 413")

    def test_an_incomplete_body_changes_nothing(self, server: Server) -> None:
        person = server.register()
        lines = [
            b"POST /api/tasks/ HTTP/1.1",
            b"Host: x",
            b"Content-Type: application/json",
            b"Content-Length: 100",
            f"Authorization: Bearer {person.access}".encode(),
        ]
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
            connection.sendall(b"\r\n".join(lines) + b'\r\n\r\n{"title":"x"}')
        time.sleep(0.2)
        assert person.titles() == []
        assert "uncaught error" not in server.log


def test_the_address_of_a_free_port_is_printed(tmp_path: Path) -> None:
    server = Server(tmp_path, PORT="0", HOST="::1")
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = GuardedProcess(
            server.command, cwd=tmp_path, env=clean_environment(server.environment), stderr=output, stdout=output
        )
    try:
        found = wait_until(lambda: re.search(r"http://\[::1\]:[1-9]\d*", log.read_text()), log.read_text, process)
        wait_until(lambda: "startup complete" in log.read_text(), log.read_text, process)
        expect(httpx.get(f"{found[0]}/health/ready"), 200)
    finally:
        process.kill()
        process.wait(PATIENCE)


def test_no_database_is_migrated_while_a_server_runs(tmp_path: Path) -> None:
    with Server(tmp_path, **BARE) as server:
        person = server.register()
        with closing(sqlite3.connect(tmp_path / "data" / "tasktracker.db")) as other, other:
            other.execute("UPDATE alembic_version SET version_num = '0005'")
        refused = run(tmp_path, "migrate", **BARE)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "A server or another program has the file open: stop it" in refused.stderr
        problem(person.post("/api/tasks/", {"title": "x"}), 503, "storage-unavailable")


class TestStopping:
    def test_a_running_request_is_finished(self, tmp_path: Path) -> None:
        with Server(tmp_path, **BARE) as server, ThreadPoolExecutor(1) as threads:
            person = server.register()
            database = sqlite3.connect(tmp_path / "data" / "tasktracker.db", isolation_level=None)
            with closing(database):
                database.execute("BEGIN IMMEDIATE")  # every writer has to wait
                answer = threads.submit(person.post, "/api/tasks/", {"title": "just in time"})
                time.sleep(0.3)
                # A later request is answered, so this one is running.
                expect(httpx.get(f"{server.url}/health/live"), 200)
                assert not answer.done()
                server.terminate()
                server.wait_for_log("Shutting down")
                with pytest.raises(httpx.ConnectError):
                    httpx.get(f"{server.url}/health/live")
                assert not answer.done()
                database.execute("ROLLBACK")
            assert expect(answer.result(), 201)["title"] == "just in time"
            assert server.wait() == ENDED
            server.start()
            assert person.titles() == ["just in time"]


class TestWorkers:
    def test_several_workers_share_one_database(self, tmp_path: Path) -> None:
        with Server(tmp_path, WORKERS="2", SECRET_KEYS="") as server:
            server.wait_for_log("Started server process", times=2)
            person = server.register()

            def work(number: int) -> int:
                # A new connection for each task, so that both worker processes get requests.
                with httpx.Client(base_url=server.url, timeout=PATIENCE, verify=False) as client:
                    there: Person = person.through(client)
                    task = there.task(f"task {number}")
                    changed = there.patch(f"/api/tasks/{task['id']}/", {"state": "done", "version": 1})
                    return int(expect(changed, 200)["version"])

            with ThreadPoolExecutor(8) as threads:
                assert set(threads.map(work, range(40))) == {2}
            assert sorted(person.titles("state=done")) == sorted(f"task {number}" for number in range(40))
            with httpx.Client(base_url=server.url, verify=False) as client:
                expect(person.through(client).post("/api/accounts/logout/"), 204)
            for _ in range(10):
                with httpx.Client(base_url=server.url, verify=False) as client:
                    problem(person.through(client).get("/api/tasks/"), 401, "session-ended")
            assert server.stop() == 0
            assert "Traceback" not in server.log
