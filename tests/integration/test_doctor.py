"""The command `doctor`."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from tasktracker.adapters.sql import migrate
from tasktracker.adapters.sql.clock import DatabaseClock
from tasktracker.adapters.sql.sqlite_backups import SqliteBackups
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.domain.kernel.errors import StorageUnavailable
from tasktracker.entrypoints import cli
from tasktracker.entrypoints.settings import Settings
from tests.fakes import ManualClock
from tests.http import Api, migrated
from tests.postgres_supervisor import free_port
from tests.waiting import PATIENCE

KEY = "0123456789abcdef0123456789abcdef"
HEALTHY = {"ENVIRONMENT": "production", "SECRET_KEYS": KEY, "TRUSTED_PROXIES": "127.0.0.1,10.0.0.0/8"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in an empty folder without settings."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.__struct_fields__:
        monkeypatch.setenv(name.upper(), "")
    return tmp_path


def doctor(status: int = 0, /, **settings: str) -> str:
    result = CliRunner(env=settings).invoke(cli.main, ["doctor"])
    assert result.exit_code == status, (result.output, result.exc_info)
    return result.output


def healthy(folder: Path) -> str:
    url = migrated(f"sqlite:///{folder}/data/tasktracker.db")
    backups = folder / "data" / "backups"
    backups.mkdir()
    for name in ("20250101T000000Z", "20260101T000000Z"):
        (backups / f"tasktracker-{name}.db").touch()
        os.utime(backups / f"tasktracker-{name}.db", (time.time() - 2.5 * 3600,) * 2)
    os.utime(backups / "tasktracker-20250101T000000Z.db", (0, 0))  # the newest one counts
    return url


@pytest.mark.parametrize("proxy", [{}, {"TRUSTED_PROXIES": "", "UNIX_SOCKET": "/run/tasktracker.sock"}])
def test_a_service_that_lacks_nothing(folder: Path, proxy: dict[str, str]) -> None:
    output = doctor(**HEALTHY | proxy, DATABASE_URL=healthy(folder))
    assert {line.split()[0] for line in output.splitlines()} == {"ok"}, output
    assert f"proxy: {'none is trusted' if proxy else '127.0.0.1, 10.0.0.0/8'}\n" in output
    assert output.endswith("/backups is 2 hours old\n")
    subjects = [line.split(":")[0].removeprefix("ok").strip() for line in output.splitlines()]
    assert set(subjects) == {
        "settings",
        "proxy",
        "permissions",
        "disk",
        "open files",
        "database",
        "schema",
        "clock",
        "public url",
        "mail",
        "backups",
    }


@pytest.mark.parametrize("files", [1024, resource.RLIM_INFINITY])
def test_the_least_that_is_enough_is_no_warning(folder: Path, monkeypatch: pytest.MonkeyPatch, files: int) -> None:
    url = healthy(folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1024**3, total=1024**4))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, resource.RLIM_INFINITY))
    output = doctor(**HEALTHY, DATABASE_URL=url)
    assert {line.split()[0] for line in output.splitlines()} == {"ok"}, output


@pytest.mark.parametrize("exists", [True, False])
def test_the_disk_is_that_of_the_data_folder(folder: Path, exists: bool) -> None:
    data = folder / "deep" / "data"
    if exists:
        data.mkdir(parents=True)
    assert f"GiB are free at {data if exists else folder}\n" in doctor(DATABASE_URL="memory://", DATA_FOLDER=str(data))


def test_the_disk_is_that_of_the_database(folder: Path) -> None:
    (folder / "other").mkdir()
    assert f"GiB are free at {folder / 'other'}\n" in doctor(DATABASE_URL=f"sqlite:///{folder}/other/tasks.db")


def test_a_folder_that_cannot_be_written_to_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, access = healthy(folder), os.access
    # An administrator, who may run the tests, may write to any folder.
    refused = folder / "data", os.W_OK | os.X_OK
    monkeypatch.setattr(os, "access", lambda *of: of != refused and access(*of))
    assert f"error    permissions: {folder / 'data'} cannot be written to" in doctor(1, **HEALTHY, DATABASE_URL=url)


def test_it_changes_nothing(folder: Path) -> None:
    doctor()
    assert list(folder.iterdir()) == []


def old_backup(folder: Path, _: pytest.MonkeyPatch) -> None:
    backups = folder / "data" / "backups"
    for file in backups.iterdir():
        os.utime(file, (time.time() - 8.5 * 86400,) * 2)
    (backups / "notes.txt").touch()
    (backups / "a folder.db").mkdir()


def readable(folder: Path, _: pytest.MonkeyPatch) -> None:
    (folder / "data" / "tasktracker.db").chmod(0o604)


def readable_by_the_group(folder: Path, _: pytest.MonkeyPatch) -> None:
    (folder / "data" / "tasktracker.db").chmod(0o640)


def readable_key(folder: Path, _: pytest.MonkeyPatch) -> None:
    (folder / "data" / "secret.key").touch(0o644)


def readable_settings(folder: Path, _: pytest.MonkeyPatch) -> None:
    (folder / ".env").touch(0o644)


def full(_: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10, total=10**10))


def few_files(_: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(resource, "getrlimit", lambda _: (512, 4096))


def fewest_files(_: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(resource, "getrlimit", lambda _: (200, 4096))


def other_time(_: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DatabaseClock, "now", lambda _: ManualClock().now())


def earlier_time(_: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DatabaseClock, "now", lambda _: datetime.now(UTC) + timedelta(seconds=60))


def missing_programs(_: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SqliteBackups, "programs", ("pg_dump", "pg_restore"))
    patch.setattr(shutil, "which", lambda name: None if name == "pg_dump" else f"/bin/{name}")


def misspelled(folder: Path, _: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("DATABSE_URL=memory://\n")
    (folder / ".env").chmod(0o600)


def without_proxy(_: Path, patch: pytest.MonkeyPatch) -> None:
    patch.delitem(HEALTHY, "TRUSTED_PROXIES")


def older_schema(folder: Path, _: pytest.MonkeyPatch) -> None:
    migrate.downgrade(f"sqlite:///{folder}/data/tasktracker.db", "0011")


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (old_backup, "is 8 days old"),
        (readable, "other users can read"),
        (readable_key, "other users can read data/secret.key"),
        (readable_settings, "other users can read .env"),
        (full, "GiB are free"),
        (few_files, "accepts 256 connections"),
        (fewest_files, "accepts 1 connections"),
        (readable_by_the_group, "other users can read"),
        (earlier_time, "s from the clock of the database"),
        (other_time, "s from the clock of the database"),
        (older_schema, "revision 0011, this version needs"),
        (missing_programs, "backups: pg_dump cannot be found"),
        (misspelled, "settings: .env: DATABSE_URL is not a setting; did you mean DATABASE_URL?"),
        (without_proxy, "proxy: TRUSTED_PROXIES is not set"),
    ],
)
def test_what_to_mend_is_a_warning(
    folder: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path, pytest.MonkeyPatch], None], text: str
) -> None:
    url = healthy(folder)
    spoil(folder, monkeypatch)
    warnings = [line for line in doctor(**HEALTHY, DATABASE_URL=url).splitlines() if line.startswith("warning")]
    assert len(warnings) == 1, warnings
    assert text in warnings[0]


def test_a_finding_has_its_colour_and_its_advice(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = healthy(folder)
    full(folder, monkeypatch)
    shown = CliRunner(env={**HEALTHY, "DATABASE_URL": url}).invoke(cli.main, ["doctor"], color=True).output
    assert "\x1b[33mwarning \x1b[0m disk: 0.0 GiB of 9.3 GiB are free at " in shown
    assert "\n         Free some space: " in shown
    assert "\x1b[32mok      \x1b[0m open files: " in shown
    failed = CliRunner(env={"PORT": "x", "WORKERS": "x"}).invoke(cli.main, ["doctor"], color=True).output
    for name in ("PORT", "WORKERS"):
        assert f"\x1b[31merror   \x1b[0m settings: {name}: " in failed


def test_a_database_that_accepts_no_writes_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: SqlStore) -> None:
        raise StorageUnavailable("The database is read-only.", reason="Mend it.")

    monkeypatch.setattr(SqlStore, "ready", fail)
    output = doctor(1, **HEALTHY, DATABASE_URL=healthy(folder))
    assert "error    database: The database is read-only.\n         Mend it.\n" in output
    assert "ok       mail: " in output, "the other checks are made"


def test_without_settings_it_warns_of_development() -> None:
    output = doctor(DATABASE_URL="memory://")
    assert "warning  settings: development" in output
    assert "ok       proxy: none is trusted\n" in output
    assert "warning  database: in memory" in output


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"PORT": "x", "WORKERS": "0"}, "error    settings: PORT"),
        (
            {
                "DATABASE_URL": "memory://",
                "MAIL_URL": "smtp://127.0.0.1:1",
                "MAIL_FROM": "tasks@example.org",
                "PUBLIC_URL": "https://example.org",
            },
            "error    mail: ",
        ),
        (
            {"DATABASE_URL": "memory://", "MAIL_URL": "smtp://mail.example.org", "MAIL_FROM": "tasks@example.org"},
            "error    settings: PUBLIC_URL: is required with MAIL_URL, as in https://tasks.example.org",
        ),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}, "error    database: "),
    ],
)
def test_what_stops_the_server_is_an_error(settings: dict[str, str], text: str) -> None:
    assert text in doctor(1, **settings)


def test_a_newer_schema_is_an_error_in_words(folder: Path) -> None:
    url = healthy(folder)
    with sqlite3.connect(folder / "data" / "tasktracker.db") as file:
        file.execute("UPDATE alembic_version SET version_num = '9999'")
    file.close()
    assert "A newer version has migrated the database" in doctor(1, **HEALTHY, DATABASE_URL=url)


def test_postgresql_without_a_schema_is_an_error(empty_database_url: str) -> None:
    output = doctor(1, **HEALTHY, DATABASE_URL=empty_database_url)
    assert "Run `tasktracker migrate`" in output
    assert "ok       database: answers\n" in output


@contextmanager
def answering(body: bytes, status: int = 200) -> Iterator[str]:
    """A server that answers each request in the same way. Returns its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/tasks/api/"
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/tasks"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def broken_off(text: bytes) -> Iterator[str]:
    """A server that closes the connection without an answer, or after a text that is none. Returns its URL."""

    def answer() -> None:
        with listening.accept()[0] as connection:
            connection.recv(4096)
            connection.sendall(text)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join(PATIENCE)


def test_the_public_url_leads_to_this_server(folder: Path) -> None:
    url = healthy(folder)
    with Api(url) as api:
        root = api.get("/api/").content
    with answering(root) as public:
        output = doctor(DATABASE_URL=url, PUBLIC_URL=public)
        assert f"ok       public url: {public} leads to this server" in output
        assert "without TLS" not in output  # in development
        output = doctor(**HEALTHY, DATABASE_URL=url, PUBLIC_URL=public)
    assert f"warning  public url: {public} is without TLS" in output


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (b'{"server": "0d5c7bc4-70a3-4a8e-9d5e-2f1c5e3f0e11"}', 200, "leads to a server with another database"),
        (b"<p>Welcome to nginx!", 200, "is no Task Tracker"),
        (b'{"server": 1}', 200, "is no Task Tracker"),
        (b"[]", 200, "is no Task Tracker"),
        (b"[]", 404, "is no Task Tracker"),
    ],
)
def test_a_public_url_that_leads_elsewhere_is_an_error(folder: Path, body: bytes, status: int, text: str) -> None:
    url = healthy(folder)
    with answering(body, status) as public:
        output = doctor(1, DATABASE_URL=url, PUBLIC_URL=public)
    (found,) = (line for line in output.splitlines() if line.startswith("error"))
    assert text in found


def test_a_public_url_without_a_server_is_a_warning(folder: Path) -> None:
    url = healthy(folder)
    closed = f"http://127.0.0.1:{free_port()}"
    assert f"warning  public url: {closed} cannot be reached from this host: " in doctor(
        DATABASE_URL=url, PUBLIC_URL=closed
    )
    assert "without TLS" not in doctor(**HEALTHY, DATABASE_URL=url, PUBLIC_URL=closed.replace("http", "https"))
    for text in (b"", b"nonsense\r\n\r\n"):
        with broken_off(text) as public:
            output = doctor(DATABASE_URL=url, PUBLIC_URL=public)
        assert f"warning  public url: {public} cannot be reached from this host: " in output
    with answering(b"", 502) as public:
        output = doctor(DATABASE_URL=url, PUBLIC_URL=public)
    assert f"{public} cannot be reached from this host: the answer is 502 Bad Gateway" in output
