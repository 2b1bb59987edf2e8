"""`tasktracker sync-demo`, with server processes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from tasktracker.entrypoints import cli, sync_demo
from tasktracker_client import Replica, SyncReport, Verification
from tests.contracts.http.base import problem
from tests.guarded_process import GuardedProcess
from tests.http import Server, clean_environment
from tests.waiting import PATIENCE

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
    result = CliRunner(env=clean_environment({})).invoke(cli.main, ["sync-demo", *arguments])
    assert result.exit_code == status, result.output
    return result


@pytest.fixture(autouse=True)
def demo_is_patient_and_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the demonstration wait on a busy machine, and its servers end with the tests."""
    for name in ("START_SECONDS", "STOP_SECONDS", "FOLLOW_SECONDS"):
        monkeypatch.setattr(sync_demo, name, PATIENCE)
    guarded = SimpleNamespace(**{**vars(subprocess), "Popen": GuardedProcess})
    monkeypatch.setattr(sync_demo, "subprocess", guarded)


def test_the_demonstration_prints_its_transcript_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", "nonsense")  # the server of the demonstration ignores it
    assert demo().output == TRANSCRIPT
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["", "/api/"])
def test_on_an_existing_server_the_demonstration_deletes_its_user(
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
    with Server(tmp_path_factory.mktemp("server")) as server:
        yield server


class TestFailures:
    """Every failure ends the demonstration with status 1."""

    @pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense", "http://", "http://[::1"])
    def test_an_unreachable_server_is_reported(self, url: str) -> None:
        assert "cannot be used" in demo("--url", url, status=1).output

    def test_another_service_is_reported(self, shared: Server) -> None:
        assert "refuses to register a user" in demo("--url", f"{shared.url}/elsewhere", status=1).output

    def test_a_device_that_is_not_in_sync_is_reported(self, shared: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Replica, "verify", lambda _: Verification(5, 5, ["a7"]))
        shown = demo("--url", shared.url, status=1).output
        assert shown.endswith("Error: expected, but not true: the laptop is in sync\n")

    def test_a_missing_conflict_is_reported(self, shared: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        def sync(self: Replica) -> SyncReport:
            report = original(self)
            report.conflicts.clear()
            return report

        original = Replica.sync
        monkeypatch.setattr(Replica, "sync", sync)
        assert "the title is in conflict" in demo("--url", shared.url, status=1).output

    def test_a_server_that_stops_during_the_demonstration_is_reported(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Server(tmp_path) as server:
            monkeypatch.setattr(sync_demo, "_merge", lambda *_: server.kill())
            assert "cannot be reached" in demo("--url", server.url, status=1).output

    def test_a_server_that_does_not_start_is_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.executable", "false")
        assert "the server did not start" in demo(status=1).output

    def test_the_temporary_server_is_stopped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        urls = []

        def fail(laptop: Replica, *_: object) -> None:
            urls.append(laptop._api._url)
            raise sync_demo.DemoFailed("enough")

        monkeypatch.setattr(sync_demo, "_edit_concurrently", fail)
        demo(status=1)
        assert "cannot be used" in demo("--url", urls[0], status=1).output
