"""`tasktracker sync-demo`, with server processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import tasktracker
from tasktracker.entrypoints import cli, sync_demo
from tasktracker_client import Replica, SyncReport, Verification
from tests.contracts.http.base import problem
from tests.http import Server

# Whatever is installed, the servers run the code that is under test.
THIS_CODE = {"PYTHONPATH": str(Path(tasktracker.__file__).parents[1])}
TRANSCRIPT = """\
A temporary server with a new database; a laptop and a phone of one user.

1. Both devices create tasks
   laptop  creates "Buy milk" in a new category "Home"
   phone   creates "Call the bank"
   both have "Buy milk" and "Call the bank"

2. Changes arrive at once
   phone   follows the server; laptop creates "Water the plants"
   phone   receives "Water the plants"

3. Offline edits of different fields merge
   both are offline
   laptop  makes "Buy milk" urgent
   phone   renames it to "Buy oat milk"
   laptop  cannot reach the server, and keeps its edit
   both are online again, and sync
   both have "Buy oat milk", urgent

4. A retry applies nothing twice
   phone   creates "Feed the cat"; the server stores it, but its response is lost
   phone   sends it again; the server recognizes its id and applies it only once

5. A conflict is reported
   laptop  renames "Call the bank" to "Call the bank on Monday", and syncs first
   phone   renames it to "Write to the bank"
   phone   gets a conflict in the title
           base    "Call the bank"
           yours   "Write to the bank"
           theirs  "Call the bank on Monday"
   phone   shows theirs, and keeps its own edit until the user decides

6. Both devices are in sync
   laptop  5 items; the digest equals that of the server
   phone   5 items; the digest equals that of the server
"""


def demo(*arguments: str, status: int = 0) -> Result:
    result = CliRunner(env=THIS_CODE).invoke(cli.main, ["sync-demo", *arguments])
    assert result.exit_code == status, result.output
    return result


def test_the_transcript(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", "nonsense")  # it has settings of its own
    assert demo().output == TRANSCRIPT
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["", "/", "/api", "/api/"])
def test_on_a_server_that_is_there_it_leaves_nobody_behind(
    shared: Server, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    names = []

    def login(self: Replica, username: str, password: str, **more: str) -> None:
        names.append((username, password))
        original(self, username, password, **more)

    original = Replica.login
    monkeypatch.setattr(Replica, "login", login)
    shown = demo("--url", shared.url + path).output
    assert shown.splitlines()[1:] == TRANSCRIPT.splitlines()[1:]
    assert len(set(names)) == 1
    username, password = names[0]
    answer = shared.post("/api/accounts/login/", {"username": username, "password": password})
    problem(answer, 401, "invalid-credentials")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server"), **THIS_CODE) as server:
        yield server


class TestFailures:
    """Whatever is not as it should be ends it with status 1."""

    @pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense", "http://", "http://[::1"])
    def test_no_server(self, url: str) -> None:
        assert "cannot be used" in demo("--url", url, status=1).output

    def test_something_else_than_task_tracker(self, shared: Server) -> None:
        assert "refuses to register a user" in demo("--url", f"{shared.url}/elsewhere", status=1).output

    def test_a_copy_that_is_not_in_sync(self, shared: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Replica, "verify", lambda _: Verification(5, 5, ["a7"]))
        shown = demo("--url", shared.url, status=1).output
        assert shown.endswith("Error: expected, but not true: the laptop is in sync\n")

    def test_a_conflict_that_is_not_reported(self, shared: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        def sync(self: Replica) -> SyncReport:
            report = original(self)
            report.conflicts.clear()
            return report

        original = Replica.sync
        monkeypatch.setattr(Replica, "sync", sync)
        assert "the title is in conflict" in demo("--url", shared.url, status=1).output

    def test_a_server_that_stops_in_the_middle(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with Server(tmp_path, **THIS_CODE) as server:
            monkeypatch.setattr(sync_demo, "_merge", lambda *_: server.kill())
            assert "cannot be reached" in demo("--url", server.url, status=1).output

    def test_a_server_that_does_not_start(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.executable", "false")
        assert "the server did not start" in demo(status=1).output

    def test_the_server_of_its_own_is_stopped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        urls = []

        def fail(laptop: Replica, *_: object) -> None:
            urls.append(laptop._api._url)
            raise sync_demo.DemoFailed("enough")

        monkeypatch.setattr(sync_demo, "_edit_concurrently", fail)
        demo(status=1)
        assert "cannot be used" in demo("--url", urls[0], status=1).output
