"""The commands `backup` and `restore`, on both databases."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import NullPool, create_engine, text

from tasktracker.adapters.sql import migrate, sqlite_backups
from tasktracker.adapters.sql.engine import conninfo
from tasktracker.adapters.sql.schema import REVISION
from tasktracker.adapters.sql.sqlite_backups import SqliteBackups
from tasktracker.adapters.sql.urls import database_url
from tasktracker.domain.administration.statistics import Maintenance
from tasktracker.domain.deliveries.delivery import Delivery, DeliveryKind, DeliveryState
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.sharing.invitation import LIFETIME, ShareInvitation
from tasktracker.entrypoints import backup_commands, cli, logging
from tasktracker_client import Op, Replica, Status
from tests.fakes import SYSTEM
from tests.http import PASSWORD, SETTINGS, Api, Person, Server, expect, make_link, migrated, new_name
from tests.integration.phones import URL, api_token
from tests.postgres import URL_VARIABLE, DatabaseFactory
from tests.postgres_supervisor import INSTALLATION, PACKAGE
from tests.waiting import wait_until

NewDatabase = Callable[[], str]
KIND = DeliveryKind.VERIFY_EMAIL
SPEC = find_spec(PACKAGE)  # the import would create folders
assert SPEC is not None
assert SPEC.origin is not None
PROGRAMS = Path(SPEC.origin).parent / INSTALLATION / "bin"
"""The programs that come with the server of the tests."""


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    postgres_url_factory: DatabaseFactory,
) -> Iterator[NewDatabase]:
    """Creates databases with the current schema, in a folder without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging, "configure", lambda *_: None)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    # What PostgreSQL's programs would use by themselves.
    monkeypatch.setenv("PGDATABASE", "no such database")
    monkeypatch.setenv("PSQLRC", str(Path(__file__)))
    if URL_VARIABLE not in os.environ:  # else the client programs of that server's version are installed
        monkeypatch.setenv("PATH", f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}")
    with ExitStack() as stack:

        def create() -> str:
            if request.param == "sqlite":
                return migrated(f"sqlite:///{tmp_path / f'{len(list(tmp_path.iterdir()))}.db'}")
            url = postgres_url_factory.create_migrated_database()
            stack.callback(postgres_url_factory.drop_database, url)
            return url

        yield create


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    return new_database()


def tasktracker(url: str, *arguments: str, status: int = 0, typed: str | None = None, **settings: str) -> Result:
    result = CliRunner(env={"DATABASE_URL": url, **settings}).invoke(cli.main, arguments, input=typed)
    assert result.exit_code == status, (result.output, result.exc_info)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def restore(url: str, file: Path, *options: str, **more: object) -> Result:
    return tasktracker(url, "restore", str(file), "--yes", "--api-tokens=revoke", *options, **more)  # type: ignore[arg-type]


@contextmanager
def serving(url: str) -> Iterator[Api]:
    """Serve a database in this process, and close it at the end."""
    with Api(url) as api:
        yield api
    api.container.store().close()


def login_again(api: Api, person: Person) -> Person:
    return api.login(Person(api.client, person.answer, PASSWORD))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def run_sql(url: str, statement: str) -> None:
    engine = create_engine(database_url(url), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text(statement))


class TestContents:
    def test_a_restored_backup_has_the_data_of_its_time(
        self, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shown: dict[str, list[tuple[int, int]]] = {}
        for name in ("PAGES", "BLOCK_BYTES"):
            monkeypatch.setattr(sqlite_backups, name, getattr(sqlite_backups, name) // 50)
        monkeypatch.setattr(
            backup_commands,
            "_progress",
            lambda label: nullcontext(lambda *parts: shown.setdefault(label, []).append(parts)),
        )
        with serving(url) as api:
            ada = api.register()
            category = ada.category("home")
            before = ada.task("before", category=category["id"])
            ada.patch(f"/api/tasks/{before['id']}/", {"priority": 4})
            tasktracker(url, "backup", "backup")
            ada.task("after")
            expect(ada.delete(f"/api/tasks/{before['id']}/"), 204)
        restore(url, tmp_path / "backup")
        assert set(shown) == {"backing up", "restoring"}
        for parts in shown.values():
            assert sorted(set(parts)) == parts
            assert 0 < parts[0][0] < parts[-1][0] == parts[0][1]
        with serving(url) as api:
            ada = login_again(api, ada)
            (task,) = ada.listed("/api/tasks/")
            assert (task["title"], task["priority"], task["category"]) == ("before", 4, category["id"])
            assert len(ada.listed(f"/api/tasks/{before['id']}/history/")) == 2
            ada.task("is writable")

    def test_a_backup_of_another_host_is_restored_into_a_new_database(
        self, new_database: NewDatabase, tmp_path: Path
    ) -> None:
        with serving(url := new_database()) as api:
            ada = api.register()
            ada.task("kept")
            tasktracker(url, "backup", "backup")
        folder = tmp_path / "new" / "folder"
        if url.startswith("sqlite"):
            other = f"sqlite:///{folder}/100%2525.db"
        else:
            other = new_database()
            run_sql(other, "DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE another (n int)")
            assert "belongs to another program" in restore(other, tmp_path / "backup", status=1).output
            run_sql(other, "DROP TABLE another")
        restore(other, tmp_path / "backup")
        if url.startswith("sqlite"):
            assert {each.name: mode(each) for each in (folder, *folder.iterdir())} == {
                "folder": 0o700,
                "100%25.db": 0o600,
            }
        with serving(other) as api:
            assert login_again(api, ada).titles() == ["kept"]

    def test_a_backup_under_load_is_consistent_and_has_all_that_was_answered_before(
        self, url: str, tmp_path: Path
    ) -> None:
        answered: list[str] = []
        stop = threading.Event()
        with serving(url) as api:
            ada = api.register()

            def write() -> None:
                while not stop.is_set():
                    answered.append(ada.task(f"task {len(answered)}")["id"])

            writer = threading.Thread(target=write)
            writer.start()
            try:
                wait_until(lambda: len(answered) >= 20, "no task is created")
                known = list(answered)
                tasktracker(url, "backup", "backup")
                after = len(answered)
                wait_until(lambda: len(answered) >= after + 5, "a backup stops the writers")
            finally:
                stop.set()
                writer.join()
        restore(url, tmp_path / "backup")
        with serving(url) as api:
            ada = login_again(api, ada)
            found = {task["id"] for task in ada.listed("/api/tasks/", "limit=100")}
            with closing(Replica(tmp_path / "phone", URL, client=api.client)) as phone:
                phone.login(ada.username, PASSWORD)
                phone.sync()
                pulled = {task.id for task in phone.tasks()}
        # Tasks, their entries and the feed are written in one transaction.
        assert pulled == found
        assert set(known) <= found <= set(answered)

    def test_an_older_schema_is_upgraded(self, new_database: NewDatabase, tmp_path: Path) -> None:
        url = new_database()
        migrate.downgrade(url, "0011")
        run_sql(url, "DELETE FROM secrets")
        tasktracker(url, "backup", "backup")
        restore(other := new_database(), tmp_path / "backup")
        assert migrate.current(other) == REVISION


def invitation_of(owner: Person) -> ShareInvitation:
    """Return an invitation to a new category."""
    now = datetime.now(UTC)
    return ShareInvitation(
        id=uuid4(),
        category_id=UUID(owner.category()["id"]),
        invited_by=UUID(owner.id),
        address="grace@example.org",
        role=Role.VIEWER,
        created_at=now,
        expires_at=now + LIFETIME,
    )


class TestRevoked:
    def test_sessions_tickets_links_and_invitations_of_the_backup_are_not_valid(self, url: str, tmp_path: Path) -> None:
        with serving(url) as api:
            ada = api.register()
            ticket = expect(ada.post("/api/events/tickets/"), 201)["ticket"]
            cursor = expect(ada.get("/api/sync/"), 200)["next_cursor"]
            link, invitation = make_link(api.container.store(), ada.username), invitation_of(ada)
            sent, due = (Delivery.of(KIND, uuid4(), invitation.created_at, mail_domain="x") for _ in range(2))
            sent = sent.ended(DeliveryState.SENT, invitation.created_at)
            with api.container.store().writing(SYSTEM) as work:
                api.container.invites().create(work, {})
                work.share_invitations.add(invitation)
                for each in (sent, replace(due, parameters={"username": "ada"}, leased_until=due.created_at)):
                    work.deliveries.add(each)
            tasktracker(url, "backup", "backup")
        restore(url, tmp_path / "backup")
        with serving(url) as api:
            expect(ada.through(api.client).get("/api/accounts/me/"), 401)
            expect(api.post("/api/accounts/refresh/", {"refresh": ada.refresh}), 401)
            expect(api.get("/api/events/", params={"ticket": ticket}), 401)
            assert api.get("/link/reset-password", params={"token": link}).status_code == 410
            with api.container.store().reading(SYSTEM) as work:
                assert work.invites.list(None, 1).items == []
                assert work.share_invitations.list_to("grace@example.org") == []
                skipped = due.ended(DeliveryState.SKIPPED, due.next_attempt_at)
                assert [work.deliveries.find(each.id) for each in (sent, due)] == [sent, skipped]
            # Devices may have seen changes that the backup does not contain.
            expect(login_again(api, ada).get("/api/sync/", params={"cursor": cursor}), 410)
        # A backup refuses rows that refer to missing rows, such as tickets of a removed session.
        tasktracker(url, "backup", "again")

    @pytest.mark.parametrize(("option", "answer", "status"), [("keep", "y", 200), ("revoke", "n", 401)])
    def test_api_tokens_are_kept_or_revoked(
        self, url: str, tmp_path: Path, option: str, answer: str, status: int
    ) -> None:
        with serving(url) as api:
            token = api_token(api.register())
            tasktracker(url, "backup", "backup")
        backup = str(tmp_path / "backup")
        for options, typed in ((("--yes", f"--api-tokens={option}"), None), ((), f"{answer}\ny\n")):
            tasktracker(url, "restore", backup, *options, typed=typed)
            with serving(url) as api:
                expect(api.get("/api/tasks/", headers={"Authorization": f"Bearer {token}"}), status)

    def test_a_device_loses_nothing_silently(self, url: str, tmp_path: Path) -> None:
        with (
            Server(tmp_path, DATABASE_URL=url) as server,
            closing(Replica(tmp_path / "phone", f"{server.url}/api")) as phone,
        ):
            ada = server.register()
            phone.login(ada.username, ada.password)
            old, edited = phone.create_task("old"), phone.create_task("edited")
            phone.sync()
            tasktracker(url, "backup", "backup")
            phone.edit_task(edited, priority=4)
            phone.create_task("newer")
            phone.sync()
            server.stop()
            restore(url, tmp_path / "backup")
            server.start()
            phone.create_task("offline")
            phone.login(ada.username, ada.password)
            phone.sync()
            assert {task.title for task in phone.tasks()} == {"old", "edited", "offline"}
            found = {(issue.status, issue.op, *(issue.data or {}).values()) for issue in phone.issues()}
            assert (Status.LOST, Op.UPDATE, 4) in found
            assert any("newer" in issue for issue in found)
            assert old in {task.id for task in phone.tasks()}

    def test_the_time_of_the_last_backup_is_stored(self, url: str) -> None:
        before = datetime.now(UTC)
        tasktracker(url, "backup", "backup")
        with serving(url) as api, api.container.store().reading(SYSTEM) as work:
            assert before <= work.statistics.marks()[Maintenance.BACKUP] <= datetime.now(UTC)


class TestRefused:
    def test_while_a_server_uses_the_database(self, url: str, tmp_path: Path) -> None:
        with serving(url) as api:
            ada = api.register()
            tasktracker(url, "backup", "backup")
            ada.task("newer")
            output = restore(url, tmp_path / "backup", status=1).output
            assert re.search(r"uses the database: stop it|tasktracker of .* Stop all servers", output)
            assert ada.titles() == ["newer"]

    @pytest.mark.parametrize("new_database", ["postgresql"], indirect=True)
    def test_while_a_program_of_another_role_uses_the_database(self, url: str, tmp_path: Path) -> None:
        role = f'"{(name := new_name())}"'
        run_sql(url, f"CREATE ROLE {role} LOGIN PASSWORD 'secret'; GRANT SELECT ON tasks TO {role}")
        run_sql(url, f"ALTER TABLE feeds OWNER TO {role}")
        run_sql(
            url, "INSERT INTO secrets VALUES ('large', decode(repeat('00', 500000), 'hex'))"
        )  # more than a pipe holds
        try:
            tasktracker(url, "backup", "backup")
            own = database_url(url).set(username=name, password="secret").render_as_string(hide_password=False)
            with closing(psycopg.connect(conninfo(url), application_name="psql")):
                assert "psql of" in restore(own, tmp_path / "backup", status=1).output
            assert "psql failed: ERROR:  must be owner of table" in restore(own, tmp_path / "backup", status=1).output
        finally:
            run_sql(url, f"REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}")
        threading.Timer(0.3, psycopg.connect(conninfo(url)).close).start()
        restore(url, tmp_path / "backup")  # it waits for a program that is ending
        assert migrate.current(url) == REVISION, "the role need not exist"

    @pytest.mark.parametrize(
        ("damage", "expected"),
        [
            ("cut", "backup is damaged: .* Restore an earlier|pg_restore failed: .*error: could not read"),
            ("no backup", "is not a backup of"),
            ("newer", "newer version"),
        ],
        ids=["cut", "no backup", "newer"],
    )
    def test_a_file_that_is_no_usable_backup_changes_nothing(
        self, new_database: NewDatabase, tmp_path: Path, damage: str, expected: str
    ) -> None:
        url, file = new_database(), tmp_path / "backup"
        with serving(url) as api:
            ada = api.register()
            for number in range(30):
                ada.task(f"{number}", description="long " * 500)
        if damage == "newer":
            run_sql(url, "UPDATE alembic_version SET version_num = '9999'")
        tasktracker(url, "backup", str(file))
        if damage == "newer":
            run_sql(url, f"UPDATE alembic_version SET version_num = '{REVISION}'")
        else:
            content = file.read_bytes()
            file.write_bytes(content[: len(content) * 2 // 3] if damage == "cut" else b"something else")
        output = restore(url, file, status=1).output
        assert re.search(expected, output)
        with serving(url) as api:
            assert len(ada.through(api.client).titles()) == 30

    def test_the_backup_of_the_other_kind_of_database(self, url: str, tmp_path: Path) -> None:
        with closing(sqlite3.connect(tmp_path / "sqlite")) as other:
            other.execute("CREATE TABLE something (id)")
        (tmp_path / "postgresql").write_bytes(b"PGDMP and more")
        for name in ("sqlite", "postgresql"):
            assert "not a backup of" in restore(url, tmp_path / name, status=1).output or name in url

    def test_without_the_key_of_the_backup(self, url: str, tmp_path: Path) -> None:
        key, other_key = "the key of the backup which is long enough", "another key of at least 32 characters"
        other = {"SECRET_KEYS": other_key}
        tasktracker(url, "backup", "backup", SECRET_KEYS=key)
        restore(url, tmp_path / "backup", SECRET_KEYS=f"{other_key},{key}")
        assert "was made with the key" in restore(url, tmp_path / "backup", status=1, **other).output
        restore(url, tmp_path / "backup", "--other-key", **other)
        tasktracker(url, "backup", "again", SECRET_KEYS=other_key)
        restore(url, tmp_path / "again", **other)

    def test_without_consent(self, url: str, tmp_path: Path) -> None:
        with serving(url) as api:
            ada = api.register()
            tasktracker(url, "backup", "backup")
            ada.task("newer")
        tasktracker(url, "restore", str(tmp_path / "backup"), "--api-tokens=keep", typed="n\n", status=1)
        with serving(url) as api:
            assert ada.through(api.client).titles() == ["newer"]


class TestFiles:
    def test_only_the_owner_can_read_a_backup(self, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", "no such folder")  # nor is it copied from another file system
        tasktracker(url, "backup", "backup")
        assert mode(tmp_path / "backup") == 0o600

    def test_no_file_is_overwritten(self, url: str, tmp_path: Path) -> None:
        file = tmp_path / "backup"
        file.write_text("precious")
        assert "exists already" in tasktracker(url, "backup", str(file), status=1).output
        assert file.read_text() == "precious"
        file.unlink()
        file.symlink_to(tmp_path / "missing")
        tasktracker(url, "backup", str(file), status=1)
        assert file.is_symlink()

    def test_a_backup_that_fails_leaves_no_file(self, url: str, tmp_path: Path) -> None:
        folder = tmp_path / "backups"
        folder.mkdir()
        if url.startswith("postgresql"):
            without = tasktracker(url, "backup", str(folder), status=1, PATH=str(folder))
            assert "pg_dump is missing: install" in without.output
        run_sql(url, "DROP TABLE secrets")
        tasktracker(url, "backup", str(folder), status=1)
        assert list(folder.iterdir()) == []

    def test_the_newest_backups_of_a_folder_are_kept(self, url: str, tmp_path: Path) -> None:
        end = ".db" if url.startswith("sqlite") else ".dump"
        folder = tmp_path / "data" / "backups"  # the default
        folder.mkdir(parents=True)
        old = [folder / f"tasktracker-2026010{day}T000000Z{end}" for day in (1, 2, 3)]
        other = folder / f"something{end}"
        for file in (*old, other):
            file.touch()
        tasktracker(url, "backup", "--keep", "2")
        assert not old[0].exists()
        assert not old[1].exists()
        assert old[2].exists()
        assert other.exists()
        assert len(list(folder.iterdir())) == 3


@pytest.mark.parametrize("new_database", ["sqlite"], indirect=True)
class TestSqliteFiles:
    def test_a_backup_has_the_commits_until_its_begin(
        self, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlite_backups, "PAGES", 20)
        saving, left = SqliteBackups(url.removeprefix("sqlite:///")), [1, 2, 3]

        def commit(_done: int, _total: int) -> None:
            if left:
                run_sql(url, f"INSERT INTO secrets (name, value) VALUES ('{left.pop()}', '')")

        saving.save(tmp_path / "backup", "key", commit)
        assert left == []
        content = (tmp_path / "backup").read_bytes()
        assert content[18:20] == b"\1\1", "it needs no file beside it"
        with closing(sqlite3.connect(tmp_path / "backup")) as backup:
            assert backup.execute("SELECT name FROM secrets").fetchall() == [("key-id",)]

    @pytest.mark.parametrize("damage", ["page", "reference"])
    def test_a_damaged_database_is_neither_saved_nor_restored(self, url: str, tmp_path: Path, damage: str) -> None:
        file = Path(url.removeprefix("sqlite:///"))
        tasktracker(url, "backup", "backup")
        for each in (tmp_path / "backup", file):
            if damage == "page":
                each.write_bytes(each.read_bytes()[:-4096] + bytes(4096))
            else:
                run_sql(f"sqlite:///{each}", "INSERT INTO feeds (user_id, head) VALUES ('nobody', 0)")
        before = {each.name for each in tmp_path.iterdir()}
        for refused in (restore(url, tmp_path / "backup", status=1), tasktracker(url, "backup", "another", status=1)):
            assert "The database is damaged" in refused.output
        assert {each.name for each in tmp_path.iterdir()} == before

    def test_a_damaged_database_is_replaced_and_kept(self, url: str, tmp_path: Path) -> None:
        with serving(url) as api:
            ada = api.register()
            ada.task("kept")
        tasktracker(url, "backup", "backup")
        file = Path(url.removeprefix("sqlite:///"))
        file.write_bytes(b"damaged" * 1000)
        Path(f"{file}-wal").write_bytes(b"of the damaged file")
        restore(url, tmp_path / "backup")
        with serving(url) as api:
            assert login_again(api, ada).titles() == ["kept"]
        kept = sorted(each.name.removeprefix(f"{file.name}.before-")[23:] for each in tmp_path.glob("*.before-*"))
        assert kept == ["", "-wal"]

    def test_the_former_database_is_kept(self, url: str, tmp_path: Path) -> None:
        file, link = Path(url.removeprefix("sqlite:///")), tmp_path / "folder" / "link"
        link.parent.mkdir()
        link.symlink_to(file)
        tasktracker(url, "backup", "backup")
        with serving(url) as api:
            ada = api.register()
            ada.task("newer than the backup")
        file.with_name(f".{file.name}-restored").write_text("of a restore that was killed")
        restore(f"sqlite:///{link}", tmp_path / "backup")
        assert (link.is_symlink(), mode(file), file.with_name(f".{file.name}-restored").exists()) == (
            True,
            0o600,
            False,
        )
        (kept,) = tmp_path.glob("*.before-*")
        with serving(f"sqlite:///{kept}") as api:
            assert ada.through(api.client).titles() == ["newer than the backup"]
