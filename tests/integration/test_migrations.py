"""The migrations create the schema of the program, and each can be downgraded."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect
from sqlalchemy.pool import NullPool

from tasktracker.adapters.events.sqlite import SqliteChangeNotifier
from tasktracker.adapters.sql import migrate
from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.schema import REVISION, metadata
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.adapters.sql.urls import database_url
from tasktracker.adapters.system import Uuid7Generator
from tasktracker.domain.kernel.errors import StorageUnavailable
from tests.contracts.base import race
from tests.fakes import ManualClock
from tests.postgres import DatabaseFactory
from tests.postgres_supervisor import free_port
from tests.waiting import PATIENCE

NewDatabase = Callable[[], str]
REVISIONS = [script.revision for script in ScriptDirectory.from_config(migrate.alembic_config()).walk_revisions()]


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(
    request: pytest.FixtureRequest, tmp_path: Path, postgres_url_factory: DatabaseFactory
) -> Iterator[NewDatabase]:
    """Creates empty databases."""
    with ExitStack() as stack:

        def new_sqlite() -> str:
            return f"sqlite:///{tmp_path / f'{len(list(tmp_path.iterdir()))}.db'}"

        def new_postgresql() -> str:
            url = postgres_url_factory.create_database()
            stack.callback(postgres_url_factory.drop_database, url)
            return url

        yield new_sqlite if request.param == "sqlite" else new_postgresql


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    """An empty database."""
    return new_database()


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(database_url(url), poolclass=NullPool)
    with engine.begin() as connection:
        yield connection


def described(url: str) -> dict[str, Any]:
    """Return a description of all tables."""
    with connected(url) as connection:
        inspector = inspect(connection)
        # Of all tables at once: PostgreSQL is asked once for each kind, not for each table.
        kinds: Sequence[Callable[[], Mapping[Any, Any]]] = (
            inspector.get_multi_columns,
            inspector.get_multi_pk_constraint,
            inspector.get_multi_unique_constraints,
            inspector.get_multi_foreign_keys,
            inspector.get_multi_check_constraints,
            inspector.get_multi_indexes,
        )
        columns, keys, unique, foreign, checks, indexes = (
            {table: found for (_, table), found in of_all().items()} for of_all in kinds
        )
        return {
            table: {
                # Sorted: a column added by a later migration is the last one.
                "columns": _by_name([{**each, "type": repr(each["type"])} for each in columns[table]]),
                "primary key": keys[table],
                "unique": _by_name(unique[table]),
                "foreign keys": _by_name(foreign[table]),
                "checks": _by_name(checks[table]),
                "indexes": [
                    {**index, "dialect_options": {key: str(value) for key, value in options.items()}}
                    for index in _by_name(indexes[table])
                    for options in [index.get("dialect_options", {})]
                ],
            }
            for table in inspector.get_table_names()
            if table != "alembic_version"
        }


def _by_name(found: Sequence[Any]) -> list[Any]:
    return sorted(found, key=lambda each: str(each["name"]))


def test_migrating_an_empty_database_creates_the_schema(new_database: NewDatabase) -> None:
    migrated, created = new_database(), new_database()
    migrate.upgrade(migrated)
    with connected(created) as connection:
        metadata.create_all(connection)
    assert described(migrated) == described(created)
    assert set(described(migrated)) == set(metadata.tables)
    with connected(migrated) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_the_schema_names_the_newest_revision() -> None:
    assert REVISIONS[0] == migrate.head() == REVISION


def test_every_constraint_has_a_name(url: str) -> None:
    migrate.upgrade(url)
    for table, found in described(url).items():
        assert found["primary key"]["name"] == f"pk_{table}"
        for kind in ("unique", "foreign keys", "checks", "indexes"):
            assert all(each["name"] for each in found[kind]), (table, kind)


def test_migrating_to_base_drops_everything(url: str) -> None:
    migrate.upgrade(url)
    migrate.downgrade(url, "base")
    assert described(url) == {}
    assert migrate.current(url) is None


def test_every_revision_can_be_downgraded_and_upgraded(url: str) -> None:
    after = {"base": dict[str, Any]()}
    for revision in reversed(REVISIONS):
        migrate.upgrade(url, revision)
        assert migrate.current(url) == revision
        after[revision] = described(url)
    assert list(after)[-1] == migrate.head()
    for previous in list(after)[-2::-1]:
        migrate.downgrade(url, previous)
        assert described(url) == after[previous], previous
    migrate.upgrade(url)
    assert described(url) == after[migrate.head()]


def test_migrating_to_the_current_revision_changes_nothing(url: str) -> None:
    migrate.upgrade(url)
    before = described(url)
    migrate.upgrade(url)
    assert described(url) == before


def test_the_working_directory_does_not_matter(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    migrate.upgrade(url)
    assert migrate.current(url) == migrate.head()


def test_a_failed_migration_changes_nothing(url: str) -> None:
    with connected(url) as connection:
        connection.exec_driver_sql("CREATE TABLE tasks (id INTEGER)")
    before = described(url)
    with pytest.raises(StorageUnavailable) as refused:
        migrate.upgrade(url)
    assert "tables" in str(refused.value.reason) or 'relation "tasks" already exists' in str(refused.value.reason)
    assert described(url) == before


def test_a_migration_that_leaves_dangling_references_is_rolled_back(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'file.db'}"
    migrate.upgrade(url, REVISIONS[1])
    with connected(url) as connection:
        connection.exec_driver_sql("INSERT INTO feeds (user_id, head) VALUES ('nobody', 0)")
    with pytest.raises(StorageUnavailable) as refused:
        migrate.upgrade(url)
    assert "feeds" in str(refused.value.reason)
    assert migrate.current(url) == REVISIONS[1]


def test_threads_migrate_one_at_a_time(url: str) -> None:
    assert race(*[partial(migrate.upgrade, url)] * 3) == [None] * 3
    assert migrate.current(url) == migrate.head()


def test_processes_migrate_one_at_a_time(url: str) -> None:
    program = """
import sys
from multiprocessing import get_context

import alembic.command

from tasktracker.adapters.sql import migrate

migrate.BUSY_SECONDS = 300  # on a busy machine
processes = [get_context("fork").Process(target=migrate.upgrade, args=sys.argv[1:]) for _ in range(3)]
for process in processes:
    process.start()
for process in processes:
    process.join()
sys.exit(any(process.exitcode for process in processes))
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program, url], check=True)
    assert migrate.current(url) == migrate.head()


def test_a_process_that_cannot_lock_a_file_holds_no_lock_that_another_one_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "BUSY_SECONDS", 0)
    first, second = (sqlite3.connect(tmp_path / "file.db", timeout=0, isolation_level=None) for _ in range(2))
    with closing(first), closing(second):
        first.execute("BEGIN IMMEDIATE")
        first.execute("CREATE TABLE t (n)")
        with pytest.raises(StorageUnavailable, match="in use"):
            migrate.lock_file(second)
        first.execute("COMMIT")
        migrate.lock_file(second)


def test_a_database_is_ready_when_it_is_at_the_newest_revision(url: str) -> None:
    if url.startswith("sqlite:"):
        Path(url.removeprefix("sqlite:///")).touch()
    store = SqlStore(open_database(url), ManualClock(), Uuid7Generator())
    try:
        with pytest.raises(StorageUnavailable, match="has no schema yet"):
            store.ready()
        migrate.upgrade(url)
        store.ready()
        for revision, state in (("future", "it is too old"), (REVISIONS[1], "it must be migrated")):
            with connected(url) as connection:
                connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
            needs = f"revision {revision}, but this version needs {migrate.head()}: {state}"
            with pytest.raises(StorageUnavailable, match=needs):
                store.ready()
        with connected(url) as connection:
            connection.exec_driver_sql("DELETE FROM alembic_version")
        with pytest.raises(StorageUnavailable, match="must be migrated"):
            store.ready()
    finally:
        store.close()


@pytest.mark.parametrize("new_database", ["postgresql"], indirect=True)
def test_a_schema_of_postgresql_may_have_tables_of_extensions(url: str) -> None:
    with connected(url) as connection:
        connection.exec_driver_sql("CREATE TABLE spatial_ref_sys (srid integer)")
    migrate.upgrade(url)
    assert migrate.current(url) == migrate.head()


@pytest.mark.parametrize("new_database", ["postgresql"], indirect=True)
def test_a_table_of_another_program_with_the_same_name_is_an_error_with_advice(url: str) -> None:
    with connected(url) as connection:
        connection.exec_driver_sql("CREATE TABLE users (name text)")
    with pytest.raises(StorageUnavailable) as error:
        migrate.upgrade(url)
    assert (error.value.reason or "").startswith('relation "users" already exists. Check that the database runs')


def test_a_server_that_is_down_is_unavailable() -> None:
    url = f"postgresql://postgres@127.0.0.1:{free_port()}/postgres"
    for call in (migrate.upgrade, migrate.current, lambda url: migrate.downgrade(url, "base")):
        with pytest.raises(StorageUnavailable):
            call(url)


def test_a_missing_folder_is_created_for_the_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "new" / "file.db"
    migrate.upgrade(f"sqlite:///{file}")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file.parent, file)] == [0o700, 0o600]


def test_a_link_to_a_missing_file_is_no_new_database(tmp_path: Path) -> None:
    link = tmp_path / "file.db"
    link.symlink_to(tmp_path / "missing.db")
    with pytest.raises(StorageUnavailable, match="missing"):
        migrate.current(f"sqlite:///{link}")


def test_no_migration_happens_while_another_process_uses_the_sqlite_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "BUSY_SECONDS", 0.05)
    url = f"sqlite:///{tmp_path / 'file.db'}"
    migrate.upgrade(url, REVISIONS[1])
    watcher = SqliteChangeNotifier(str(tmp_path / "file.db"))  # each server has one
    changed = threading.Event()
    watcher.open(lambda _: changed.set())
    try:
        assert changed.wait(PATIENCE)
        with pytest.raises(StorageUnavailable) as refused:
            migrate.upgrade(url)
        assert "server" in str(refused.value.reason)
        assert migrate.current(url) == REVISIONS[1]
    finally:
        watcher.close()
    migrate.upgrade(url)
    assert migrate.current(url) == migrate.head()


@pytest.mark.parametrize("revision", ["9999", "c0ffee"])
def test_an_unknown_revision_is_not_migrated(url: str, revision: str) -> None:
    migrate.upgrade(url)
    with connected(url) as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
    for call in (migrate.upgrade, migrate.current):
        with pytest.raises(StorageUnavailable, match=f"revision {revision}, which this version does not know"):
            call(url)
