"""Databases that fail under a running server: migrated, read-only, or with the file removed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import psycopg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from tasktracker.adapters.sql import migrate
from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.urls import database_url as parsed
from tasktracker.domain.kernel.errors import StorageUnavailable
from tests.contracts.http.base import problem
from tests.http import PASSWORD, Api, Person, bearer, expect, migrated
from tests.postgres import database_name, with_database
from tests.waiting import wait_until

PREVIOUS = list(ScriptDirectory.from_config(migrate.alembic_config()).walk_revisions())[1].revision


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tasks.db"


@pytest.fixture
def api(file: Path) -> Iterator[Api]:
    """The application on an SQLite file."""
    with Api(migrated(f"sqlite:///{file}")) as api:
        yield api


def unavailable(response: httpx.Response) -> str:
    """Require a response that the database is not available, and return its detail."""
    return str(problem(response, 503, "storage-unavailable")["detail"])


def require_no_writes(api: Api, person: Person, reason: str) -> None:
    """Require that the answers to all writes, and to the check of readiness, say that the database is not available."""
    login = {"username": person.username, "password": PASSWORD}
    for response in (
        person.post("/api/tasks/", {"title": "lost"}),
        api.post("/api/accounts/login/", login),
        api.get("/health/ready"),
    ):
        assert reason in unavailable(response)
    expect(api.get("/health/live"), 200)


def run_sql(url: str, statement: str) -> None:
    engine = create_engine(parsed(url))
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


class TestMigratedSchema:
    """The schema of a running server is migrated."""

    def test_a_server_writes_nothing_into_the_schema_of_another_version(self, url: str) -> None:
        with Api(migrated(url)) as api:
            person = api.register()
            before = [person.task()]
            run_sql(url, "UPDATE alembic_version SET version_num = '9999'")
            require_no_writes(api, person, "revision 9999, but this version needs")
            assert person.listed("/api/tasks/") == before
            run_sql(url, f"UPDATE alembic_version SET version_num = '{migrate.head()}'")
            expect(api.get("/health/ready"), 200)
            person.task()

    def test_reading_a_schema_without_a_column_is_unavailable(self, url: str) -> None:
        with Api(migrated(url)) as api:
            person = api.register()
            person.task()
            migrate_below(url)
            assert PREVIOUS in unavailable(person.get("/api/tasks/"))
            assert PREVIOUS in unavailable(person.get("/api/accounts/me/export/"))

    def test_a_migration_waits_for_transactions_and_the_next_ones_see_it(self, database_url: str) -> None:
        database = open_database(migrated(database_url))
        refused: list[StorageUnavailable] = []

        def write() -> None:
            try:
                with database.writing():
                    pass
            except StorageUnavailable as error:
                refused.append(error)

        def waiting(number: int) -> bool:
            statement = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'alembic_version'::regclass"
            with psycopg.connect(database_url) as connection:
                return connection.execute(statement).fetchone() == (number,)

        migration = threading.Thread(target=migrate.downgrade, args=(database_url, PREVIOUS))
        writer = threading.Thread(target=write)
        with database.writing():
            migration.start()
            wait_until(lambda: waiting(1), "the migration does not wait")
            writer.start()
            wait_until(lambda: waiting(2), "the writer does not wait for the migration")
        migration.join()
        writer.join()
        database.close()
        assert [PREVIOUS in error.detail for error in refused] == [True]


def migrate_below(url: str) -> None:
    """Migrate the schema of a running server to a revision without a column, as an older program may do with SQLite."""
    run_sql(url, "ALTER TABLE tasks DROP COLUMN start_on")
    run_sql(url, f"UPDATE alembic_version SET version_num = '{PREVIOUS}'")


class TestReadOnly:
    """The database can be read, but not written to."""

    def test_a_read_only_postgresql_is_unavailable_until_it_ends(self, postgres_server: str, database_url: str) -> None:
        def set_read_only(value: str) -> None:
            name = database_name(database_url)
            with psycopg.connect(with_database(postgres_server, "postgres"), autocommit=True) as connection:
                connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {value}".encode())

        with Api(migrated(database_url)) as api:
            person = api.register()
            before = [person.task()]
            body = {"name": "script", "scopes": ["tasks:read"], "password": PASSWORD}
            token = expect(person.post("/api/accounts/tokens/", body), 201)["token"]
        set_read_only("on")
        with Api(database_url) as api:
            person = person.through(api.client)
            require_no_writes(api, person, "read-only")
            # The use of an API token cannot be stored, which is no reason not to read.
            assert expect(api.get("/api/tasks/", headers=bearer(token)), 200)["results"] == before
            assert person.listed("/api/tasks/") == before
            set_read_only("off")
            wait_until(lambda: api.get("/health/ready").status_code == 200, "it does not connect again")
            person.task()

    @pytest.mark.parametrize("place", ["file", "folder"])
    def test_a_read_only_sqlite_file_is_unavailable_until_it_ends(
        self, api: Api, file: Path, place: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        person = api.register()
        task = person.task()
        denied, access = {"file": file, "folder": file.parent}[place], os.access
        with monkeypatch.context() as patch:
            # An administrator, who may run the tests, may write to any file.
            patch.setattr(os, "access", lambda path, mode, **more: Path(path) != denied and access(path, mode, **more))
            if place == "file":
                require_no_writes(api, person, "read-only")
            assert "read-only" in unavailable(api.get("/health/ready"))
            assert person.listed("/api/tasks/") == [task]
        expect(api.get("/health/ready"), 200)
        person.task()


class TestSqliteFile:
    """The file of a running server is removed or replaced."""

    def test_a_moved_file_is_unavailable_until_it_is_back(self, api: Api, file: Path, tmp_path: Path) -> None:
        person = api.register()
        before = [person.task()]
        file.rename(tmp_path / "elsewhere")
        require_no_writes(api, person, "missing")
        unavailable(person.get("/api/tasks/"))
        assert not file.exists()
        (tmp_path / "elsewhere").rename(file)
        assert person.listed("/api/tasks/") == before
        person.task()
        expect(api.get("/health/ready"), 200)

    def test_a_replaced_file_is_not_used(self, api: Api, file: Path, tmp_path: Path) -> None:
        person = api.register()
        person.task()
        shutil.copy(file, tmp_path / "copy")
        (tmp_path / "copy").replace(file)
        content = file.read_bytes()
        require_no_writes(api, person, "replaced")
        assert file.read_bytes() == content

    @pytest.mark.parametrize("is_noticed", [True, False])
    @pytest.mark.parametrize("link", [True, False])
    def test_a_server_that_starts_on_a_replaced_file_finds_its_content(
        self, file: Path, tmp_path: Path, is_noticed: bool, link: bool
    ) -> None:
        path = tmp_path / "link.db" if link else file
        if link:
            path.symlink_to(file)
        url = migrated(f"sqlite:///{path}")
        with Api(url) as api:
            person = api.register()
            before = [person.task()]
            with closing(sqlite3.connect(file)) as database:
                database.execute("VACUUM INTO ?", [str(tmp_path / "copy")])
            for number in range(30):
                person.task(f"{number} {'x' * 100}")
            (tmp_path / "copy").replace(file)
            if is_noticed:
                require_no_writes(api, person, "replaced")
        with Api(url) as api:
            assert person.through(api.client).listed("/api/tasks/") == before
            with closing(sqlite3.connect(file)) as database:
                assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        for end in ("wal", "shm"):
            assert [each.stat().st_size > 0 for each in tmp_path.glob(f"tasks.db-{end}.replaced-*")] == [True]

    def test_a_link_to_another_file_takes_no_log_from_either(self, file: Path, tmp_path: Path) -> None:
        link = tmp_path / "link.db"
        link.symlink_to(file)
        with Api(migrated(f"sqlite:///{link}")) as api:
            person = api.register()
            task = person.task()
            link.unlink()
            link.symlink_to(tmp_path / "other.db")
            migrated(f"sqlite:///{link}")
            require_no_writes(api, person, "replaced")
        with Api(f"sqlite:///{file}") as api:
            assert person.through(api.client).listed("/api/tasks/") == [task]

    def test_no_database_is_created_beside_the_log_of_another(self, file: Path, tmp_path: Path) -> None:
        wal = Path(f"{file}-wal")
        with Api(migrated(f"sqlite:///{file}")) as api:
            person = api.register()
            task = person.task()
            file.rename(tmp_path / "elsewhere")
        content = wal.read_bytes()
        for is_there in (False, True):
            if is_there:
                file.touch()
            for refused in (migrate.current, migrate.upgrade):
                with pytest.raises(StorageUnavailable, match="missing or empty") as caught:
                    refused(f"sqlite:///{file}")
                assert str(wal) in str(caught.value.reason)
            assert file.exists() == is_there
            assert wal.read_bytes() == content
        (tmp_path / "elsewhere").replace(file)
        with Api(migrated(f"sqlite:///{file}")) as api:
            assert person.through(api.client).listed("/api/tasks/") == [task]

    def test_nothing_is_committed_to_a_deleted_log(self, api: Api, file: Path) -> None:
        person = api.register()
        Path(f"{file}-wal").unlink()
        require_no_writes(api, person, "")  # SQLite may notice it first
        assert "-wal" in unavailable(api.get("/health/ready"))
        with closing(sqlite3.connect(file)) as other:  # creates another one
            other.execute("SELECT count(*) FROM tasks")
            require_no_writes(api, person, "")

    def test_a_file_removed_during_a_transaction_is_unavailable(self, api: Api, file: Path) -> None:
        database = api.container.database()
        with pytest.raises(StorageUnavailable, match="missing"), database.writing():
            file.unlink()

    @pytest.mark.parametrize("name", ["a%20b.db", "a b.db", "100%25%3F%23.db"])
    def test_all_of_the_server_uses_the_one_decoded_path(self, tmp_path: Path, name: str) -> None:
        folder = tmp_path / "data"
        with Api(migrated(f"sqlite:///{folder}/{name}")) as api:
            api.register().task()
            found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        decoded = httpx.URL(f"http://host/{name.replace(' ', '%20')}").path.removeprefix("/")
        assert found == {f"{decoded}{suffix}": 0o600 for suffix in ("", "-wal", "-shm")}

    def test_only_a_file_without_content_becomes_private(self, file: Path) -> None:
        file.touch(0o644)
        migrated(f"sqlite:///{file}")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        file.chmod(0o640)
        migrate.upgrade(f"sqlite:///{file}")
        assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_the_first_available_host_of_several_is_used(database_url: str) -> None:
    several = database_url.replace("@", "@127.0.0.1:1,", 1) + "?target_session_attrs=read-write"
    with Api(migrated(several)) as api:
        api.register().task()
        expect(api.get("/health/ready"), 200)
