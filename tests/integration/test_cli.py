"""The `tasktracker` command."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import socket
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO, Self
from zipfile import ZipFile

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import make_url

from tasktracker import entrypoints
from tasktracker.adapters.sql.sqlite_backups import SqliteBackups
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.domain.deliveries.delivery import DeliveryState
from tasktracker.domain.housekeeping import HousekeepingService
from tasktracker.domain.jobs.job import Job, JobKind
from tasktracker.domain.portability.export_service import ExportService, Progress
from tasktracker.domain.portability.import_service import ImportService
from tasktracker.domain.portability.report import Counts, Finding, ImportReport, TaskCounts
from tasktracker.domain.throttling.limit import LOGIN_BY_PAIR
from tasktracker.entrypoints import (
    admin_commands,
    backup_commands,
    cli,
    command_support,
    logging,
    server,
    transfer_commands,
)
from tasktracker.entrypoints.command_support import report_errors, show_table
from tasktracker.entrypoints.container import Container
from tasktracker.entrypoints.settings import Settings, load
from tasktracker.entrypoints.worker import background
from tests.contracts.base import SECOND, Seed
from tests.contracts.http.base import problem
from tests.contracts.test_deliveries import new_delivery
from tests.fakes import START, SYSTEM, ManualClock, SequentialIds
from tests.http import OTHER_PASSWORD, PASSWORD, SETTINGS, Api, expect, migrated, run

KEY, OTHER_KEY = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in an empty folder without settings."""
    monkeypatch.chdir(tmp_path)
    for name in [*Settings.__struct_fields__, "tasktracker_password"]:
        monkeypatch.setenv(name.upper(), "")
    for name in ("ARGON2_MEMORY_KIB", "ARGON2_PASSES"):
        monkeypatch.setenv(name, SETTINGS[name])
    # It would replace the logging of this process.
    monkeypatch.setattr(logging, "configure", lambda *_: None)
    return tmp_path


def tasktracker(*arguments: str, status: int = 0, typed: str | None = None, **settings: str) -> Result:
    """Run the command and require its status, without a traceback."""
    result = CliRunner(env=settings).invoke(cli.main, arguments, input=typed)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    return result


def create_admin(name: str = "root", password: str = PASSWORD, *more: str, status: int = 0, **settings: str) -> Result:
    return tasktracker("create-admin", name, *more, status=status, TASKTRACKER_PASSWORD=password, **settings)


@pytest.fixture
def api(folder: Path) -> Iterator[Api]:
    """The application on the database that the commands use."""
    with Api(migrated(load().database_url)) as api:
        yield api


def commands(group: click.Group = cli.main, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Return every command."""
    yield path, group
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield (*path, name), command


COMMANDS = dict(commands())


class TestHelp:
    def test_these_are_the_commands(self) -> None:
        assert {" ".join(path) for path in COMMANDS} == {
            "",
            "serve",
            "migrate",
            "create-admin",
            "disable-user",
            "enable-user",
            "openapi",
            "sync-demo",
            "sweep",
            "deliveries",
            "deliveries list",
            "deliveries retry",
            "deliveries cancel",
            "worker",
            "doctor",
            "backup",
            "restore",
            "epoch",
            "epoch new",
            "export",
            "import",
            "keys",
            "keys new",
            "keys reencrypt",
            "limits",
            "limits clear",
            "users",
            *(
                f"users {name}"
                for name in (
                    "list",
                    "create",
                    "set-password",
                    "password-reset",
                    "disable",
                    "enable",
                    "promote",
                    "demote",
                    "disable-two-factor",
                    "end-sessions",
                    "delete",
                )
            ),
            "invites",
            "invites create",
            "invites list",
            "invites revoke",
        }

    @pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
    @pytest.mark.parametrize("flag", ["-h", "--help"])
    def test_every_command_has_a_help_text(self, path: tuple[str, ...], flag: str) -> None:
        command = COMMANDS[path]
        shown = tasktracker(*path, flag).output
        assert shown.startswith("Usage:")
        assert command.help
        assert command.help.split(".")[0].split()[0] in shown
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{parameter.name} is not explained"
                assert parameter.opts[0] in shown
            else:
                assert parameter.make_metavar(click.Context(command)) in shown

    @pytest.mark.parametrize("path", [path for path, command in COMMANDS.items() if isinstance(command, click.Group)])
    def test_a_group_lists_its_commands(self, path: tuple[str, ...]) -> None:
        group = COMMANDS[path]
        assert isinstance(group, click.Group)
        shown = tasktracker(*path, "--help").output
        for name, command in group.commands.items():
            assert f"  {name} " in shown
            assert command.get_short_help_str(200)

    def test_help_needs_no_settings_and_creates_no_file(self, folder: Path) -> None:
        for path in COMMANDS:
            tasktracker(*path, "--help", ENVIRONMENT="nonsense", DATABASE_URL="nonsense")
        assert list(folder.iterdir()) == []

    def test_the_version_is_printed(self) -> None:
        assert tasktracker("--version").output.startswith("tasktracker, version ")

    def test_a_typo_is_refused(self) -> None:
        tasktracker("serv", status=2)
        tasktracker("serve", "--prot", "80", status=2)
        tasktracker("create-admin", status=2)
        tasktracker("keys", "old", status=2)


class TestUsers:
    def test_an_administrator_is_created_on_a_new_database(self, api: Api) -> None:
        shown = create_admin("Root", PASSWORD, "--email", "root@example.org").output
        assert shown.splitlines()[-1] == "created administrator Root"
        for login in ("root", "root@example.org"):
            answer = expect(api.post("/api/accounts/login/", {"username": login, "password": PASSWORD}), 200)
            assert (answer["user"]["username"], answer["user"]["is_admin"]) == ("Root", True)

    def test_the_password_is_asked_for_twice_and_not_shown(self, api: Api) -> None:
        shown = tasktracker("create-admin", "root", typed=f"{PASSWORD}\n{PASSWORD}\n").output
        assert PASSWORD not in shown
        assert shown.count("Password") == 1
        assert "Repeat for confirmation" in shown
        expect(api.post("/api/accounts/login/", {"username": "root", "password": PASSWORD}), 200)

    @pytest.mark.parametrize(
        ("name", "password", "more", "message"),
        [
            ("root", "password1", (), "password is too easy to guess"),
            ("root", "short", (), "password must be at least 8 characters long"),
            ("r t", PASSWORD, (), "username may contain letters"),
            ("root@example.org", PASSWORD, (), "username may contain letters"),
            ("root", PASSWORD, ("--email", "nobody"), "email must be an e-mail address"),
        ],
    )
    def test_bad_values_are_reported(self, name: str, password: str, more: tuple[str, ...], message: str) -> None:
        shown = create_admin(name, password, *more, status=1).output
        assert shown.startswith(f"Error: {message}")
        assert create_admin().exit_code == 0

    def test_a_used_name_is_refused(self) -> None:
        create_admin("root", PASSWORD, "--email", "root@example.org")
        assert create_admin("ROOT", status=1).output == "Error: The username is taken.\n"
        other = create_admin("other", PASSWORD, "--email", "Root@Example.org", status=1)
        assert other.output == "Error: The e-mail address is taken.\n"

    @pytest.mark.parametrize("login", ["{name}", "{email}", "{NAME}"])
    def test_a_user_is_disabled_and_enabled(self, api: Api, login: str) -> None:
        create_admin()
        person = api.register(email="somebody@example.org")
        login = login.format(name=person.username, NAME=person.username.upper(), email="somebody@example.org")
        for _ in range(2):
            assert tasktracker("disable-user", login).output.splitlines()[-1] == f"disabled {person.username}"
            problem(person.get("/api/tasks/"), 401, "session-ended")
            body = {"username": person.username, "password": PASSWORD}
            problem(api.post("/api/accounts/login/", body), 403, "account-disabled")
        for _ in range(2):
            assert tasktracker("enable-user", login).output.splitlines()[-1] == f"enabled {person.username}"
            problem(person.get("/api/tasks/"), 401, "session-ended")
            expect(api.login(person).get("/api/tasks/"), 200)

    @pytest.mark.parametrize("command", ["disable-user", "enable-user"])
    def test_an_unknown_user_is_refused(self, command: str) -> None:
        assert tasktracker(command, "nobody", status=1).output == "Error: There is no such user.\n"

    def test_users_are_created_listed_changed_and_deleted(self, api: Api) -> None:
        create_admin()
        shown = tasktracker("users", "create", "grace", "--email", "grace@example.org")
        assert shown.stdout.splitlines()[-1].startswith("/link/set-password?token=")
        assert shown.stderr.endswith("the link works once, for 7 days\n")
        created = tasktracker("users", "create", "ada", "--admin", TASKTRACKER_PASSWORD=PASSWORD).output
        assert created.splitlines()[-1] == "created ada"
        listed = [line.split("\t") for line in tasktracker("users", "list").output.splitlines()]
        assert [(row[1], row[2], row[3], row[4:]) for row in listed] == [
            ("ada", "-", "active,admin", ["never", "0", "0"]),
            ("grace", "grace@example.org", "active", ["never", "0", "0"]),
            ("root", "-", "active,admin", [listed[2][4], "0", "0"]),  # its registration is its first login
        ]
        assert tasktracker("users", "list", "--search", "EXAMPLE", "--state", "active").output.split("\t")[1] == "grace"
        for name, done in {
            "promote": "promoted",
            "demote": "demoted",
            "disable": "disabled",
            "enable": "enabled",
        }.items():
            assert tasktracker("users", name, "grace").output.splitlines()[-1] == f"{done} grace"
        assert tasktracker("users", "set-password", "grace", TASKTRACKER_PASSWORD=PASSWORD).exit_code == 0
        body = {"username": "grace", "password": PASSWORD}
        grace = api.person(expect(api.post("/api/accounts/login/", body), 200))
        reset = tasktracker("users", "password-reset", "grace")
        assert reset.stdout.splitlines()[-1].startswith("/link/reset-password?token=")
        assert reset.stderr.endswith("the link works once, for 24 hours\n")
        tasktracker("users", "end-sessions", "grace")
        problem(grace.get("/api/tasks/"), 401, "session-ended")
        off = "Error: Two-factor authentication is off or was not set up.\n"
        assert tasktracker("users", "disable-two-factor", "grace", status=1).output == off
        tasktracker("users", "delete", "grace", typed="n\n", status=1)
        assert tasktracker("users", "delete", "grace", "--yes").output.splitlines()[-1] == "deleted grace"
        assert tasktracker("users", "demote", "grace", status=1).output == "Error: There is no such user.\n"

    def test_the_list_of_users_shows_second_factors_sessions_and_tasks(self, api: Api) -> None:
        seed = Seed(api.container.store(), api.clock, SequentialIds())
        ada, bob = seed.user("ada"), seed.user("bob", is_active=False)
        seed.second_factor(ada, confirmed_at=START)
        for user, number in ((ada, 2), (ada, 3), (bob, 4)):
            seed.task(user, title=f"task {number}")
        later = datetime.now(UTC) + timedelta(days=1)
        seed.session(ada, idle_until=later, ends_at=later)
        listed = [line.split("\t") for line in tasktracker("users", "list").output.splitlines()]
        assert [(row[1], row[3], row[5], row[6]) for row in listed] == [
            ("ada", "active,two-factor", "1", "2"),
            ("bob", "disabled", "0", "1"),
        ]
        assert [
            tasktracker("users", "list", "--state", each).output.split("\t")[1] for each in ("active", "disabled")
        ] == [
            "ada",
            "bob",
        ]

    @pytest.mark.parametrize("command", [("users", "delete", "ada", "--yes"), ("sweep",)])
    def test_jobs_that_a_command_leaves_are_done_when_it_ends(self, command: tuple[str, ...]) -> None:
        migrated(load().database_url)
        with closing(Container(settings=load()).store()) as store:  # without a worker, which would do them, too
            seed = Seed(store, ManualClock(), SequentialIds())
            seed.user("ada")
            task = seed.task(seed.user("bob"))
            with store.writing(SYSTEM) as work:
                work.jobs.add(
                    Job(id=seed.id(), kind=JobKind.PURGE_TASK, subject=task.id, user_id=task.owner, created_at=START)
                )
            tasktracker(*command)
            with store.reading(SYSTEM) as work:
                assert work.jobs.count() == 0

    @pytest.mark.parametrize("command", [("disable-user",), ("users", "demote"), ("users", "delete", "--yes")])
    def test_the_last_administrator_stays(self, command: tuple[str, ...]) -> None:
        create_admin()
        shown = tasktracker(*command, "root", status=1).output
        assert shown == "Error: The last active administrator cannot be disabled, demoted or deleted.\n"

    def test_an_invitation_is_made_listed_and_revoked(self, api: Api) -> None:
        *_, token, link = tasktracker(
            "invites", "create", "--note", "for Grace", "--uses", "2", "--address", "g@example.org"
        ).output.splitlines()
        assert link == f"/link/invitation?token={token}"
        (row,) = (line.split("\t") for line in tasktracker("invites", "list").output.splitlines())
        assert (row[1], row[3], row[4]) == ("2", "g@example.org", "for Grace")
        assert datetime.fromisoformat(row[2]) - datetime.now(UTC) > timedelta(days=13)
        assert token not in "".join(row)
        assert tasktracker("invites", "revoke", row[0]).output.splitlines()[-1] == f"revoked {row[0]}"
        assert tasktracker("invites", "list").output == ""
        assert "no such invitation" in tasktracker("invites", "revoke", row[0], status=1).output

    def test_a_list_has_titles_and_aligned_columns_at_a_terminal_only(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        titles, rows = ("ID", "NAME", "NOTE"), [("1", "grace hopper", ""), ("20", "ada", "new")]
        for is_terminal, shown in {
            False: "1\tgrace hopper\t\n20\tada\tnew\n",
            True: "ID  NAME          NOTE\n1   grace hopper\n20  ada           new\n",
        }.items():
            monkeypatch.setattr("sys.stdout.isatty", lambda is_terminal=is_terminal: is_terminal)
            show_table(titles, iter(rows))
            assert capsys.readouterr().out == shown

    def test_deliveries_are_listed_retried_and_cancelled(self, api: Api) -> None:
        store = api.container.store()
        seed = Seed(store, api.clock, SequentialIds())
        first, second = (
            new_delivery(seed, user_id=seed.user().id, created_at=START + number * 60 * SECOND) for number in range(2)
        )
        with store.writing(SYSTEM) as work:
            work.deliveries.add(first)
            work.deliveries.add(second.ended(DeliveryState.FAILED, work.now, "the relay answered 550"))

        def listed(*options: str) -> list[str]:
            return tasktracker("deliveries", "list", *options).output.splitlines()

        assert listed() == [
            f"{second.id}\t2026-03-01 12:01\tfailed\tpassword-changed\t0\tthe relay answered 550",
            f"{first.id}\t2026-03-01 12:00\tdue\tpassword-changed\t0\t-",
        ]
        assert listed("--limit", "1") == listed("--state", "failed") == listed()[:1]
        assert tasktracker("deliveries", "retry", str(second.id)).output.splitlines()[-1] == "the mail is due"
        assert listed()[0].split("\t")[2] == "due"
        assert tasktracker("deliveries", "cancel", str(first.id)).output.splitlines()[-1] == "the mail is cancelled"
        assert listed()[1].split("\t")[2] == "cancelled"
        for command, delivery, reason in [
            ("cancel", first.id, "The delivery is not due: it was cancelled."),
            ("retry", seed.id(), "There is no such delivery."),
        ]:
            assert tasktracker("deliveries", command, str(delivery), status=1).output == f"Error: {reason}\n"

    def test_an_invitation_is_mailed(self, api: Api) -> None:
        shown = tasktracker(
            *("invites", "create", "--address", "grace@example.org"),
            MAIL_URL="folder:mail",
            MAIL_FROM="tasks@example.org",
            PUBLIC_URL="https://tasks.example.org",
        ).output
        assert shown.splitlines()[-1] == "the invitation will be mailed to grace@example.org"
        assert "token" not in shown
        assert "invitation" in tasktracker("deliveries", "list").output

    def test_the_password_is_not_printed(self) -> None:
        shown = create_admin(password=OTHER_PASSWORD).output
        assert OTHER_PASSWORD not in shown


class TestKeys:
    def test_a_new_key_is_accepted(self) -> None:
        first, second = (tasktracker("keys", "new").output for _ in range(2))
        assert first != second
        assert first.count("\n") == 1
        assert load({"SECRET_KEYS": first, "ENVIRONMENT": "production"}, None).secret_keys == (first.strip(),)

    def test_generating_a_key_creates_no_file(self, folder: Path) -> None:
        tasktracker("keys", "new", ENVIRONMENT="nonsense")
        assert list(folder.iterdir()) == []

    def test_development_creates_a_key_and_keeps_it(self, folder: Path) -> None:
        create_admin()
        file = folder / "data" / "secret.key"
        made = file.read_text()
        assert len(made.strip()) >= 32
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        create_admin("other")
        assert file.read_text() == made

    def test_only_the_owner_can_read_the_files(self, folder: Path) -> None:
        create_admin(DATA_FOLDER="deep/down")
        data = folder / "deep" / "down"
        assert {path.name for path in data.iterdir()} >= {"secret.key", "tasktracker.db"}
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        for path in data.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name

    def test_tokens_are_valid_while_the_key_file_exists(self, folder: Path) -> None:
        create_admin()
        url = load().database_url
        with Api(url, SECRET_KEYS="") as before:
            person = before.register()
            with Api(url, SECRET_KEYS="") as after:
                expect(person.through(after.client).get("/api/tasks/"), 200)
            (folder / "data" / "secret.key").unlink()
            with Api(url, SECRET_KEYS="") as other:
                problem(person.through(other.client).get("/api/tasks/"), 401, "invalid-token")

    @pytest.mark.parametrize("content", [b"", b"\n", b"short"])
    def test_a_file_without_a_key_is_refused(self, folder: Path, content: bytes) -> None:
        (folder / "data").mkdir()
        file = folder / "data" / "secret.key"
        file.write_bytes(content)
        for command in (("serve",), ("create-admin", "root", "--password", PASSWORD)):
            shown = tasktracker(*command, status=1).output
            assert "SECRET_KEYS" in shown
            assert "secret.key" in shown
        assert file.read_bytes() == content

    def test_an_error_of_its_file_names_the_setting(self, folder: Path) -> None:
        (folder / "data").mkdir()
        (folder / "data" / "secret.key").write_bytes(b"\xff" * 40)
        loop = folder / "loop"
        loop.symlink_to(loop)
        for path in ("data", "/dev/null", "x" * 300, str(loop)):
            assert f"\nDATA_FOLDER: {path}/secret.key: " in tasktracker("serve", status=1, DATA_FOLDER=path).output


class Recorded:
    """Replaces a function, and records its arguments."""

    def __init__(self, result: object = None) -> None:
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self._result = result

    def __call__(self, *args: Any, **more: Any) -> Any:
        self.calls.append((args, more))
        return self._result


class Bar:
    """Replaces the progress bars, and records the steps of one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.options: dict[str, Any] = {}
        self.steps: list[int] = []
        self.length = 0
        monkeypatch.setattr(click, "progressbar", self._open)

    def _open(self, **options: Any) -> Self:
        self.options = options
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def pos(self) -> int:
        return sum(self.steps)

    def update(self, step: int) -> None:
        self.steps.append(step)


class TestOptions:
    """Each option and each argument reaches what it is for."""

    @pytest.fixture(autouse=True)
    def database(self, folder: Path) -> None:
        migrated(load().database_url)  # a copy of a file, which takes less time than each command's own

    @pytest.mark.parametrize(("options", "limit"), [((), None), (("--limit", "7"), 7), (("--most", "1"), 1)])
    def test_of_a_sweep(self, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], limit: int | None) -> None:
        sweep = Recorded(5)
        monkeypatch.setattr(HousekeepingService, "sweep", sweep)
        assert tasktracker("sweep", *options).stdout == "removed 5\n"
        assert sweep.calls == [((limit,), {})]
        tasktracker("sweep", "--limit", "0", status=2)

    @pytest.mark.parametrize("options", [(), ("file",), ("folder", "--keep", "2")])
    def test_of_a_backup_which_needs_no_settings_of_a_server(
        self, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
    ) -> None:
        monkeypatch.setattr(backup_commands, "save", save := Recorded())
        tasktracker("backup", *options, ENVIRONMENT="production")
        (_, _, *rest), _ = save.calls[0]
        assert rest == [Path(options[0]) if options else None, 2 if "--keep" in options else None]
        tasktracker("backup", "--keep", "0", status=2)

    @pytest.mark.parametrize(
        ("options", "given"),
        [
            ((), {}),
            (("--yes",), {"yes": True}),
            (("--other-key",), {"other_key": True}),
            (("--api-tokens=keep",), {"api_tokens": "keep"}),
        ],
    )
    def test_of_a_restoration_which_needs_no_settings_of_a_server(
        self, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], given: dict[str, Any]
    ) -> None:
        monkeypatch.setattr(backup_commands, "restore", restore := Recorded())
        tasktracker("restore", "file", *options, ENVIRONMENT="production")
        (_, file), more = restore.calls[0]
        assert (file, more) == (Path("file"), {"yes": False, "other_key": False, "api_tokens": None, **given})
        tasktracker("restore", ".", status=2)

    @pytest.mark.parametrize(
        ("options", "given"),
        [
            ((), {}),
            (("--dry-run",), {"dry_run": True}),
            (("--restore",), {"restore": True}),
            (("--project", "Home"), {"project": "Home"}),
            (("--format", "csv"), {"form": "csv"}),
        ],
    )
    def test_of_an_import(
        self, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], given: dict[str, Any]
    ) -> None:
        Path("file").touch()
        taken = Recorded(ImportReport(dry_run=False))
        monkeypatch.setattr(transfer_commands, "import_from", taken)
        assert tasktracker("import", "ada", "file", *options).stdout.endswith("lines skipped: 0\n")
        (_, user, file, form), more = taken.calls[0]
        expected = {"project": None, "restore": False, "dry_run": False, "form": None, **given}
        assert (user, file.name, {**more, "form": form}) == ("ada", "file", expected)

    @pytest.mark.parametrize("option", ["-o", "--output"])
    def test_of_an_export(self, monkeypatch: pytest.MonkeyPatch, option: str) -> None:
        monkeypatch.setattr(transfer_commands, "export_to", export := Recorded())
        tasktracker("export", "ada", option, "file")
        assert export.calls[0][0][1:] == ("ada", Path("file"))
        tasktracker("export", "ada", option, ".", status=2)

    def test_of_a_server(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server, "serve", served := Recorded())
        monkeypatch.setattr(logging, "configure", configured := Recorded())
        monkeypatch.setattr(SqlStore, "close", closed := Recorded())
        for name in ("HOST", "PORT", "WORKERS"):
            monkeypatch.setenv(name, "1")  # it is changed by the command, and restored at the end
        options = ("--host", "127.0.0.2", "--port", "0", "--workers", "3")
        assert tasktracker("serve", *options).stdout == ""
        ((loaded,), _) = served.calls[0]
        assert (loaded.host, loaded.workers, loaded.port > 1) == ("127.0.0.2", 3, True)
        assert [os.environ[name] for name in ("HOST", "PORT", "WORKERS")] == ["127.0.0.2", "0", "3"]
        assert [len(each.calls) for each in (configured, closed)] == [1, 1]
        assert Path("data/secret.key").exists(), "its workers would create several keys"
        monkeypatch.setenv("UNIX_SOCKET", "/run/its.sock")
        shown = tasktracker("serve")
        assert (shown.stdout, shown.stderr) == ("", "Task Tracker on the socket /run/its.sock\n")

    def test_a_command_logs_on_standard_error_and_closes_its_storage(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(logging, "configure", configured := Recorded())
        monkeypatch.setattr(SqlStore, "close", closed := Recorded())
        tasktracker("limits", "clear")
        tasktracker("users", "demote", "nobody", status=1)
        assert [stream is not sys.stdout for (_, stream), _ in configured.calls] == [True, True]
        assert len(closed.calls) == 2

    def test_lists_have_all_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(admin_commands, "MAX_PAGE", 2)
        for name in ("one", "two", "three"):
            tasktracker("users", "create", name)
            tasktracker("invites", "create", "--note", name)
        rows = [line.split("\t") for line in tasktracker("users", "list").output.splitlines()]
        assert [row[1] for row in rows] == ["one", "three", "two"]
        rows = [line.split("\t") for line in tasktracker("invites", "list").output.splitlines()]
        assert sorted(row[4] for row in rows) == ["one", "three", "two"]

    def test_a_lost_second_factor_is_turned_off(self, api: Api) -> None:
        seed = Seed(api.container.store(), api.clock, SequentialIds())
        seed.second_factor(seed.user("ada"), confirmed_at=START)
        assert "two-factor" in tasktracker("users", "list").output
        shown = tasktracker("users", "disable-two-factor", "ada").output
        assert shown.splitlines()[-1] == "turned off two-factor authentication of ada"
        assert "two-factor" not in tasktracker("users", "list").output

    def test_old_backups_are_deleted_only_from_a_folder(self) -> None:
        shown = tasktracker("backup", "new-file", "--keep", "2", status=1).output
        assert "--keep needs a folder that exists" in shown
        assert not Path("new-file").exists()

    def test_a_backup_is_named_after_its_time_and_replaces_the_oldest(self) -> None:
        tasktracker("backup")
        folder = Path("data/backups")
        [first] = folder.iterdir()
        assert re.fullmatch(r"tasktracker-\d{8}T\d{6}Z\.db", first.name)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        oldest = first.rename(folder / "tasktracker-20200101T000000Z.db")
        others = {folder / f"tasktracker-20200101T000000Z{end}" for end in (".dump", "-copy.db", ".db.partial")}
        for each in others:
            each.touch()
        shown = tasktracker("backup", "--keep", "1").stdout
        [new] = set(folder.iterdir()) - others
        assert shown.endswith(f"wrote {new} ({new.stat().st_size} bytes)\ndeleted {oldest}\n")

    @pytest.mark.parametrize(("keep", "deleted"), [(1, 2), (2, 1), (3, 0), (4, 0)])
    def test_no_more_backups_are_deleted_than_there_are_above_the_number_to_keep(self, keep: int, deleted: int) -> None:
        folder = Path("backups")
        folder.mkdir()
        old = [folder / f"tasktracker-2020010{day}T000000Z.db" for day in (1, 2)]
        for each in old:
            each.touch()
        tasktracker("backup", str(folder), "--keep", str(keep))
        assert [each.exists() for each in old] == [number >= deleted for number in range(2)]
        assert len(list(folder.iterdir())) == 3 - deleted

    @pytest.mark.parametrize(
        ("options", "typed", "keeps"),
        [
            ((), "\ny\n", False),
            ((), "y\ny\n", True),
            (("--yes",), "y\n", True),
            (("--api-tokens=keep",), "y\n", True),
            (("--api-tokens=revoke", "--yes"), "", False),
        ],
    )
    def test_a_restoration_asks_for_what_is_not_given(
        self, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], typed: str, keeps: bool
    ) -> None:
        tasktracker("backup", "file")
        monkeypatch.setattr(SqliteBackups, "restore", restore := Recorded("x.before"))
        shown = tasktracker("restore", "file", *options, typed=typed).stdout
        assert [more["keep_api_tokens"] for _, more in restore.calls] == [keeps]
        assert "restored file: all users have to log in again\nthe former database is x.before" in shown

    @pytest.mark.parametrize(
        ("name", "options", "form", "project"),
        [
            ("Garden [220474322].csv", (), "csv", "Garden"),
            ("Garden.CSV", (), "csv", "Garden"),
            ("Garden.csv", ("--project", "Home"), "csv", "Home"),
            ("Garden.csv", ("--format", "ndjson"), "ndjson", None),
            ("Garden.txt", ("--format", "csv"), "csv", None),
            ("Garden.zip", (), "zip", None),
        ],
    )
    def test_of_the_file_of_an_import(
        self, monkeypatch: pytest.MonkeyPatch, name: str, options: tuple[str, ...], form: str, project: str | None
    ) -> None:
        Path(name).touch()
        monkeypatch.setattr(ImportService, "import_file_for", taken := Recorded(ImportReport(dry_run=True)))
        tasktracker("import", "ada", name, *options)
        tasktracker("import", "ada", name, *options, "--dry-run", "--restore")
        for number, ((user, source, chosen), more) in enumerate(taken.calls):
            assert (user, source.name, chosen) == ("ada", name, form)
            del more["progress"]
            assert more == {"project": project, "restore": bool(number), "dry_run": bool(number)}

    def test_a_pipe_is_imported_whole_and_the_bar_never_goes_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Pipe(BytesIO):
            name = "<stdin>"

            def seekable(self) -> bool:
                return False

            def seek(self, *_: int) -> int:
                raise OSError(errno.ESPIPE, "Illegal seek")

        def import_file_for(_user: str, source: BinaryIO, _form: object, **more: Any) -> ImportReport:
            source.seek(0)
            read.append(source.read())
            for done in (4, 2, 7):
                more["progress"](done)
            return ImportReport(dry_run=False)

        read: list[bytes] = []
        bar = Bar(monkeypatch)
        monkeypatch.setattr(ImportService, "import_file_for", staticmethod(import_file_for))
        container = Container(settings=load())
        transfer_commands.import_from(
            container, "ada", Pipe(b"a header"), None, project=None, restore=False, dry_run=False
        )
        assert (read, bar.options["length"], bar.steps) == ([b"a header"], len(b"a header"), [4, 0, 3])

    @pytest.mark.parametrize("to_file", [True, False])
    def test_an_export_shows_its_progress_unless_it_is_itself_shown_on_the_terminal(
        self, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], to_file: bool
    ) -> None:
        def export_of(user: str, *, progress: Progress) -> Iterator[bytes]:
            for done in (1, 3):
                progress(done, 4)
                yield user.encode()

        bar = Bar(monkeypatch)
        monkeypatch.setattr(ExportService, "export_of", staticmethod(export_of))
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        transfer_commands.export_to(Container(settings=load()), "ada", Path("file") if to_file else None)
        shown = capsysbinary.readouterr()
        written = Path("file").read_bytes() if to_file else shown.out
        assert (written, bar.steps, bar.length) == (b"adaada", [1, 2], 4)
        assert (bar.options["hidden"], bar.options["file"]) == (not to_file, sys.stderr)
        assert shown.err == (b"wrote 6 bytes to file\n" if to_file else b"")

    def test_a_backup_creates_the_folders_above_it_and_shows_its_progress(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bar, url = Bar(monkeypatch), load().database_url
        tasktracker("backup", DATA_FOLDER="deep/down", DATABASE_URL=url, SECRET_KEYS=KEY)
        assert len(list(Path("deep/down/backups").iterdir())) == 1
        assert bar.length == sum(bar.steps) > 1
        bar.steps.clear()
        with backup_commands._progress("restoring") as progress:
            for done in (1, 3):
                progress(done, 4)
        assert (bar.steps, bar.length, bar.options["file"]) == ([1, 2], 4, sys.stderr)

    @pytest.mark.parametrize(
        ("keys", "options", "status"),
        [
            (KEY, (), 0),
            (f"{OTHER_KEY},{KEY}", (), 0),
            (OTHER_KEY, (), 1),
            (OTHER_KEY, ("--other-key",), 0),
        ],
    )
    def test_a_restoration_needs_the_key_of_the_backup_among_all_keys(
        self, monkeypatch: pytest.MonkeyPatch, keys: str, options: tuple[str, ...], status: int
    ) -> None:
        tasktracker("backup", "file", SECRET_KEYS=KEY)
        monkeypatch.setattr(SqliteBackups, "restore", restore := Recorded())
        all_options = ("--yes", "--api-tokens=keep", *options)
        shown = tasktracker("restore", "file", *all_options, status=status, SECRET_KEYS=keys).output
        assert (len(restore.calls), "which SECRET_KEYS lacks" in shown) == (1 - status, status == 1)
        Path("copy").write_bytes(Path("data/tasktracker.db").read_bytes())  # which states no key
        tasktracker("restore", "copy", *all_options, SECRET_KEYS=keys)
        assert len(restore.calls) == 2 - status

    def test_all_bad_values_are_reported_each_on_a_line(self) -> None:
        lines = create_admin("r t", PASSWORD, "--email", "nobody", status=1).output.splitlines()
        assert [line.removeprefix("Error: ").split()[0] for line in lines] == ["username", "email"]

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_worker_stops_at_a_signal(self, monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
        seen: list[str] = []
        work = SimpleNamespace(start=lambda: signal.raise_signal(number), stop=lambda: seen.append("stopped"))
        monkeypatch.setattr(background, "Background", lambda _: work)
        monkeypatch.setattr(SqlStore, "close", lambda _: seen.append("closed"))
        before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
        try:
            assert tasktracker("worker").stderr == "Task Tracker worker is running\n"
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
        assert seen == ["stopped", "closed"]


REPORT = ImportReport(
    dry_run=True,
    skipped=1,
    errors=[Finding(2, "title", "must not be empty", "Home.csv")],
    notices=[Finding(3, "parent", "is in the trash")],
    omitted=4,
    categories=Counts(created=5, mapped=6, unchanged=7, passed_over=8),
    tasks=TaskCounts(created=9, unchanged=10, in_trash=11, restored=12),
)


class TestReports:
    def test_of_an_import_that_changes_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        transfer_commands.show(REPORT)
        shown = capsys.readouterr()
        assert shown.err.splitlines() == [
            "Home.csv: line 2: title must not be empty",
            "line 3: parent is in the trash (notice)",
            "… and 4 more",
        ]
        assert shown.out.splitlines() == [
            "categories: would create 5, 6 of them with a new id; 7 already existed",
            "categories of other users that were left out: 8",
            "tasks: would create 9; 10 already existed",
            "tasks that would be restored: 12",
            "tasks left in the trash: 11 (--restore brings them back)",
            "lines skipped: 1",
        ]

    def test_of_an_import(self, capsys: pytest.CaptureFixture[str]) -> None:
        transfer_commands.show(ImportReport(dry_run=False, tasks=TaskCounts(created=1, restored=2)))
        shown = capsys.readouterr()
        assert (shown.err, shown.out.splitlines()) == (
            "",
            [
                "categories: created 0; 0 already existed",
                "tasks: created 1; 0 already existed",
                "tasks restored: 2",
                "lines skipped: 0",
            ],
        )

    @pytest.mark.parametrize(
        ("name", "chosen", "form"),
        [
            ("a.csv", None, "csv"),
            ("a.CSV", None, "csv"),
            ("a.zip", None, "zip"),
            ("a.ndjson", None, "ndjson"),
            ("<stdin>", None, "ndjson"),
            ("a.txt", None, "ndjson"),
            ("a.csv", "ndjson", "ndjson"),
        ],
    )
    def test_a_format_is_that_of_the_option_or_of_the_name(self, name: str, chosen: str | None, form: str) -> None:
        assert transfer_commands.form_of(name, chosen) == form


class TestLimits:
    def test_clearing_makes_logins_possible_again(self) -> None:
        assert tasktracker("limits", "clear").stdout == "cleared 0 limits\n"  # this creates the database
        with Api(load().database_url, THROTTLE="on") as api:
            person = api.register()
            for status in (*[401] * LOGIN_BY_PAIR.burst, 429):
                expect(api.post("/api/accounts/login/", {"username": person.username, "password": "wrong"}), status)
            assert re.fullmatch(r"cleared \d+ limits\n", tasktracker("limits", "clear").stdout)
            api.login(person)
        assert tasktracker("limits", "clear").stdout != "cleared 0 limits\n"
        assert tasktracker("limits", "clear").stdout == "cleared 0 limits\n"


class TestEpoch:
    def test_after_a_new_epoch_devices_pull_the_full_state(self, api: Api) -> None:
        tasktracker("migrate")
        ada = api.register()
        task = ada.task()
        cursor = expect(ada.get("/api/sync/"), 200)["next_cursor"]
        expect(ada.get("/api/sync/", params={"cursor": cursor}), 200)
        assert "A new epoch has started" in tasktracker("epoch", "new").output
        problem(ada.get("/api/sync/", params={"cursor": cursor}), 410, "cursor-expired")
        page = expect(ada.get("/api/sync/"), 200)
        assert [change["id"] for change in page["changes"]] == [task["id"]]
        expect(ada.get("/api/sync/", params={"cursor": page["next_cursor"]}), 200)

    def test_mails_that_were_due_are_not_sent_again(self, api: Api) -> None:
        seed = Seed(api.container.store(), api.clock, SequentialIds())
        delivery = new_delivery(seed, user_id=seed.user().id)
        with api.container.store().writing(SYSTEM) as work:
            work.deliveries.add(delivery)
        tasktracker("epoch", "new")
        assert tasktracker("deliveries", "list", "--state", "skipped").output.startswith(str(delivery.id))


class TestOpenApi:
    def test_the_command_prints_the_served_document(self) -> None:
        printed = json.loads(tasktracker("openapi").output)
        with Api("memory://") as api:
            assert printed == expect(api.get("/schema/openapi.json"), 200)

    def test_the_document_needs_no_settings_and_creates_no_file(self, folder: Path) -> None:
        nowhere, wrong = "postgresql://nobody@127.0.0.1:1/nothing", folder / ".env"
        wrong.write_text("PORT=x\n")
        printed = tasktracker("openapi", ENVIRONMENT="production", DATABASE_URL=nowhere).output
        assert json.loads(printed)["openapi"].startswith("3.1")
        assert list(folder.iterdir()) == [wrong]


class TestSyncDemo:
    def test_another_missing_module_is_a_fault(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(entrypoints, "sync_demo", raising=False)
        monkeypatch.setitem(sys.modules, "tasktracker.entrypoints.sync_demo", None)  # importing it fails
        assert isinstance(CliRunner().invoke(cli.main, ["sync-demo"]).exception, ModuleNotFoundError)

    def test_it_names_the_package_that_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, "tasktracker.entrypoints.sync_demo", raising=False)
        monkeypatch.delattr(entrypoints, "sync_demo", raising=False)
        monkeypatch.setitem(sys.modules, "tasktracker_client", None)  # importing it fails
        shown = tasktracker("sync-demo", status=1).output
        assert shown == (
            "Error: sync-demo needs the package tasktracker-client. Install it, or tasktracker-server[sync-demo].\n"
        )


class TestMigrate:
    def test_an_embedded_database_is_created(self, folder: Path) -> None:
        first = tasktracker("migrate").output
        assert first.startswith("schema: none -> ")
        assert (folder / "data" / "tasktracker.db").exists()
        assert tasktracker("migrate").output == f"schema: {first.split()[-1]}\n"
        assert tasktracker("migrate", "--check").output == f"schema: {first.split()[-1]}\n"

    def test_checking_changes_nothing(self, folder: Path) -> None:
        shown = tasktracker("migrate", "--check", status=1)
        assert shown.stdout == "schema: none\n"
        assert shown.stderr.startswith("outdated: this version needs ")
        assert list(folder.iterdir()) == []

    def test_it_needs_no_key(self, folder: Path) -> None:
        tasktracker("migrate", ENVIRONMENT="production")
        assert {path.name for path in (folder / "data").iterdir()} == {"tasktracker.db"}

    def test_memory_has_nothing_to_migrate(self) -> None:
        assert tasktracker("migrate", DATABASE_URL="memory://").output == "schema: none\n"


class TestErrors:
    """Errors that the user can fix end with a message and status 1."""

    def test_a_reader_that_closes_the_output_early_is_no_error(self) -> None:
        @click.command()
        @report_errors
        def listing() -> None:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

        result = CliRunner().invoke(listing)
        assert (result.exit_code, result.output) == (1, "")

    def test_production_without_a_key(self, folder: Path) -> None:
        shown = tasktracker("serve", status=1, ENVIRONMENT="production").output
        assert shown.startswith("Error: the configuration is not valid:\nSECRET_KEYS: is required in production")
        assert list(folder.iterdir()) == []

    def test_a_port_in_use(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            shown = tasktracker("serve", "--port", str(port), status=1).output
        assert shown == f"Error: cannot listen on port {port} of 127.0.0.1: Address already in use\n"

    @pytest.mark.parametrize("hosts", [("192.0.2.1", "127.0.0.1"), ("127.0.0.1", "192.0.2.1")])
    def test_a_server_needs_one_of_the_addresses_of_its_host(
        self, monkeypatch: pytest.MonkeyPatch, hosts: tuple[str, str]
    ) -> None:
        found = [(*[None] * 4, (each, 0)) for each in hosts]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert cli._listening_port(load({"PORT": "0"}, None)) > 0
        del found[hosts.index("127.0.0.1")]
        with pytest.raises(click.ClickException, match=r"port 0 of 127.0.0.1: Cannot assign requested address"):
            cli._listening_port(load({"PORT": "0"}, None))

    @pytest.mark.parametrize("found", [None, "0011"])
    def test_a_schema_that_another_program_migrates_is_refused_unless_it_is_the_current_one(
        self, monkeypatch: pytest.MonkeyPatch, found: str | None
    ) -> None:
        schema = SimpleNamespace(current=lambda: found, head="0042", is_embedded=False)
        monkeypatch.setattr(command_support, "Schema", lambda _: schema)
        container: Any = SimpleNamespace(settings=lambda: None)
        with pytest.raises(click.ClickException, match=f"at revision {found or 'none'}, this version needs 0042"):
            command_support.require_database(container)

    def test_a_host_without_an_address_is_named_with_the_reason(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", fail)
        with pytest.raises(click.ClickException, match="of nowhere: Name or service not known"):
            cli._listening_port(load({"HOST": "nowhere"}, None))

    def test_production_without_a_key_as_a_process(self, folder: Path) -> None:
        result = run(folder, "serve", ENVIRONMENT="production")
        assert result.returncode == 1
        assert result.stderr.startswith(
            "Error: the configuration is not valid:\nSECRET_KEYS: is required in production"
        )
        assert result.stdout == ""

    @pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("[::1]", "[::1]")])
    def test_the_address_of_a_server_is_printed(self, host: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
        served: list[Settings] = []
        monkeypatch.setattr(server, "serve", served.append)
        output = tasktracker("serve", "--host", host, "--port", "0").output
        assert served[0].port != 0
        assert f"Task Tracker on http://{shown}:{served[0].port}/ " in output

    def test_bad_settings_are_refused(self) -> None:
        shown = tasktracker("serve", status=1, PORT="x", WORKERS="0").output
        assert "\nPORT: " in shown
        assert "\nWORKERS: " in shown

    @pytest.mark.parametrize(
        ("option", "value", "name"),
        [("--port", "99999", "PORT"), ("--workers", "0", "WORKERS"), ("--port", "-1", "PORT")],
    )
    def test_bad_options_are_refused(self, option: str, value: str, name: str) -> None:
        assert f"\n{name}: " in tasktracker("serve", option, value, status=1).output

    def test_an_option_wins_over_the_variable(self) -> None:
        shown = tasktracker("serve", "--workers", "2", status=1, WORKERS="1", DATABASE_URL="memory://").output
        assert "\nWORKERS: must be 1 with DATABASE_URL=memory://" in shown

    @pytest.mark.parametrize("command", [("serve",), ("migrate",), ("create-admin", "root"), ("disable-user", "x")])
    @pytest.mark.parametrize(
        "url",
        [
            "sqlite:///",
            "sqlite:///:memory:",
            "sqlite:///file:x.db",
            "postgresql://user:hunter2@host:port/name",
            "postgresql://user:hunter2@[::1/name",
        ],
    )
    def test_a_bad_database_url_is_an_error(self, folder: Path, command: tuple[str, ...], url: str) -> None:
        shown = tasktracker(*command, status=1, DATABASE_URL=url, TASKTRACKER_PASSWORD=PASSWORD, SECRET_KEYS=KEY).output
        assert "\nDATABASE_URL: " in shown
        assert "hunter2" not in shown
        assert list(folder.iterdir()) == []

    @pytest.mark.parametrize("command", [("serve",), ("migrate",), ("create-admin", "root"), ("disable-user", "x")])
    @pytest.mark.parametrize("path", ["x" * 300, "/dev/null/x.db", "/proc/nothing/x.db"])
    def test_a_database_file_that_cannot_be_created_is_an_error(self, command: tuple[str, ...], path: str) -> None:
        settings = {"DATABASE_URL": f"sqlite:///{path}", "TASKTRACKER_PASSWORD": PASSWORD, "SECRET_KEYS": KEY}
        shown = tasktracker(*command, status=1, **settings).output
        assert re.search(r"^Error: The database file .*Correct DATABASE_URL", shown)

    @pytest.mark.parametrize(
        ("command", "name"),
        [
            (("disable-user", "a\udcffb"), "user"),
            (("enable-user", "\udcff"), "user"),
            (("create-admin", "\udcff", "--password", PASSWORD), "username"),
            (("create-admin", "root", "--password", "\udcff"), "password"),
            (("export", "\udcff"), "user"),
            (("import", "\udcff", os.devnull), "user"),
            (("import", "root", os.devnull, "--project", "\udcff"), "project"),
        ],
    )
    def test_an_argument_that_is_not_utf_8_is_an_error(self, command: tuple[str, ...], name: str) -> None:
        assert tasktracker(*command, status=1).output == f"Error: {name} must be text in UTF-8\n"

    @pytest.mark.parametrize("command", [("openapi",), ("keys", "new"), ("limits", "clear")])
    def test_a_full_disk_of_the_output_is_an_error(
        self, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(click, "echo", fail)
        assert "No space left" in tasktracker(*command, status=1).output

    def test_a_file_that_is_named_in_another_encoding_is_imported_and_exported(self, folder: Path) -> None:
        create_admin()
        file = os.fsdecode(b"caf\xe9.csv")
        Path(file).write_text("TYPE,CONTENT\ntask,x\n")
        assert "created 1;" in tasktracker("import", "root", file).output
        exported = os.fsdecode(b"caf\xe9.ndjson")
        shown = tasktracker("export", "root", "-o", exported).stderr
        assert f"\nwrote {Path(exported).stat().st_size} bytes to " in shown

    def test_a_skipped_line_of_a_zip_file_is_named_with_its_file(self, folder: Path) -> None:
        create_admin()
        with ZipFile("all.zip", "w") as file:
            file.writestr("Home.csv", "TYPE,CONTENT\ntask,\n")
        shown = tasktracker("import", "root", "all.zip", status=1).stderr
        assert "\nHome.csv: line 2: " in shown

    def test_categories_cannot_pass_to_a_user_without_a_name(self) -> None:
        create_admin()
        tasktracker("users", "create", "ada")
        shown = tasktracker("users", "delete", "ada", "--transfer-to", " ", "--yes", status=1).output
        assert "transfer_to" in shown

    @pytest.mark.parametrize("options", [(), ("--dry-run",)])
    def test_an_import_that_skips_lines_fails(self, folder: Path, options: tuple[str, ...]) -> None:
        create_admin()
        Path("tasks.csv").write_text("TYPE,CONTENT\ntask,\n")
        shown = tasktracker("import", "root", "tasks.csv", *options, status=1).output
        assert "skipped: 1" in shown
        assert f"tasks: {'would create' if options else 'created'} 0; 0 already existed" in shown

    @pytest.mark.parametrize("command", [("serve",), ("migrate",), ("create-admin", "root"), ("disable-user", "x")])
    def test_an_unreachable_database_is_an_error(self, command: tuple[str, ...]) -> None:
        url = "postgresql://user:hunter2@127.0.0.1:1/name"
        shown = tasktracker(*command, status=1, DATABASE_URL=url, TASKTRACKER_PASSWORD=PASSWORD, SECRET_KEYS=KEY).output
        assert shown.startswith("Error: The database is not available. connection failed: ")
        assert "Connection refused" in shown
        assert shown.endswith("Check that the database runs and that DATABASE_URL is correct.\n")
        assert "hunter2" not in shown

    @pytest.mark.parametrize(
        ("change", "reason", "advice"),
        [
            ({"password": "hunter2"}, "password authentication failed", "Correct the user or the password"),
            ({"username": "nobody", "password": "hunter2"}, "authentication failed", "Correct the user or"),
            ({"database": "nowhere"}, 'database "nowhere" does not exist', "Create it"),
            ({"query": {"sslmode": "verify-full"}}, "certificate", "Correct `sslmode`"),
            ({"query": {"sslmode": "bogus"}}, "invalid sslmode value", "Correct `sslmode`"),
        ],
    )
    def test_a_postgresql_that_refuses_is_an_error(
        self, postgres_server: str, change: dict[str, Any], reason: str, advice: str
    ) -> None:
        url = make_url(postgres_server).set(**change).render_as_string(hide_password=False)
        for command in (("serve",), ("migrate",)):
            shown = tasktracker(*command, status=1, DATABASE_URL=url, SECRET_KEYS=KEY).output
            assert shown.startswith("Error: The database is not available. ")
            assert reason in shown
            assert advice in shown
            assert "hunter2" not in shown

    @pytest.mark.parametrize("command", [("serve",), ("migrate",), ("create-admin", "root")])
    @pytest.mark.parametrize(
        ("kind", "message"),
        [
            ("folder", "is a folder"),
            ("fifo", "is not a regular file"),
            ("text", "file is not a database"),
            ("other program", "belongs to another program"),
            ("other alembic", "revision c0ffee, which this version does not know"),
            ("newer", "revision 9999, which this version does not know"),
        ],
    )
    def test_a_file_of_another_kind_is_an_error_and_not_changed(
        self, folder: Path, command: tuple[str, ...], kind: str, message: str
    ) -> None:
        file = folder / "file"
        if kind == "folder":
            file.mkdir()
        elif kind == "fifo":
            os.mkfifo(file)
        elif kind == "text":
            file.write_text("not a database, but long enough to be one" * 100)
        else:
            table, row = {"newer": ("alembic_version", "9999"), "other alembic": ("alembic_version", "c0ffee")}.get(
                kind, ("notes", "")
            )
            with closing(sqlite3.connect(file)) as connection, connection:
                connection.execute(f"CREATE TABLE {table} (version_num TEXT)")
                connection.execute(f"INSERT INTO {table} VALUES (?)", [row])
        before = file.read_bytes() if file.is_file() else None
        shown = tasktracker(*command, status=1, DATABASE_URL=f"sqlite:///{file}", TASKTRACKER_PASSWORD=PASSWORD).output
        assert shown.startswith("Error: The database")
        assert message in shown
        assert before == (file.read_bytes() if file.is_file() else None)

    def test_a_read_only_database_is_an_error(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        create_admin()
        file = folder / "data" / "tasktracker.db"
        access = os.access
        # An administrator, who may run the tests, may write to any file.
        monkeypatch.setattr(os, "access", lambda path, mode, **more: path != str(file) and access(path, mode, **more))
        monkeypatch.setenv("DATABASE_URL", f"sqlite:///{file}")
        for command in (("serve",), ("disable-user", "root")):
            shown = tasktracker(*command, status=1).output
            assert shown.startswith(f"Error: The database is read-only. {file} cannot be written to")

    def test_a_host_that_does_not_exist(self) -> None:
        shown = tasktracker("serve", "--host", "nowhere.invalid", status=1).output
        assert shown.startswith("Error: cannot listen on port 8000 of nowhere.invalid: ")

    def test_misspelled_settings_are_reported(self, folder: Path) -> None:
        (folder / ".env").write_text("DATABSE_URL=memory://\n")
        shown = tasktracker("migrate", "--check", status=1, WINDOW_DAY="1").output
        assert "Warning: .env: DATABSE_URL is not a setting; did you mean DATABASE_URL?\n" in shown
        assert "Warning: the variable WINDOW_DAY is not a setting; did you mean WINDOW_DAYS?\n" in shown

    @pytest.mark.parametrize("command", [("serve",), ("migrate",), ("create-admin", "root")])
    def test_a_data_folder_that_is_a_file_is_an_error(self, folder: Path, command: tuple[str, ...]) -> None:
        (folder / "data").touch()
        shown = tasktracker(*command, status=1, TASKTRACKER_PASSWORD=PASSWORD).output
        assert shown.startswith("Error: ")
        assert "data" in shown

    @pytest.mark.parametrize("command", [("serve",), ("migrate", "--check"), ("disable-user", "x"), ("sweep",)])
    def test_a_settings_file_with_a_bad_line_is_an_error(self, folder: Path, command: tuple[str, ...]) -> None:
        (folder / ".env").write_text("PORT=1\nSECRET KEYS\n")
        assert ".env: line 2 must be like NAME=value" in tasktracker(*command, status=1).output
        assert not (folder / "data").exists()

    def test_a_binary_settings_file_is_an_error(self, folder: Path) -> None:
        (folder / ".env").write_bytes(b"PORT=\xff\n")
        assert ".env" in tasktracker("serve", status=1).output

    def test_the_file_of_settings_is_read(self, folder: Path) -> None:
        (folder / ".env").write_text("ENVIRONMENT=production\n")
        assert "\nSECRET_KEYS: " in tasktracker("serve", status=1).output
