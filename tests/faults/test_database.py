"""Databases that are locked, frozen or unreachable."""

from __future__ import annotations

import signal
import sqlite3
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.faults.load import IS_FULL, LOST, SETTINGS, WAIT_SECONDS, Load, Writer
from tests.frozen_network import FrozenNetwork
from tests.http import Server, migrated
from tests.postgres import PrivatePostgres

SECONDS = 3 * WAIT_SECONDS if IS_FULL else 1


def test_other_users_do_not_wait_while_the_rows_of_one_are_locked(tmp_path: Path, database_url: str) -> None:
    with Server(tmp_path, DATABASE_URL=migrated(database_url), **SETTINGS) as server, Load(server) as load:
        victim = server.register()
        first = victim.task()
        with psycopg.connect(database_url) as connection:
            connection.execute("SELECT * FROM feeds WHERE user_id = %s FOR UPDATE", [victim.id])
            writers = load.add_victims(victim, 30)
            time.sleep(SECONDS)
            load.progress()
            assert not any(writer.done for writer in writers)
        load.until(lambda: all(writer.done for writer in writers))
        writers[0].acknowledged[first["id"]] = (first["title"], first["version"])
        load.check_others()


def test_reads_do_not_wait_while_another_process_writes_to_sqlite(tmp_path: Path) -> None:
    url = migrated(f"sqlite:///{tmp_path}/file.db")
    with Server(tmp_path, DATABASE_URL=url, **SETTINGS) as server, Load(server) as load:
        connection = sqlite3.connect(tmp_path / "file.db", isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        readers = [Writer(server.url, writer.person, (), reads_only=True) for writer in load.writers]
        load.writers, load.victims = readers, load.writers
        for reader in readers:
            reader.start()
        time.sleep(SECONDS)
        load.progress()
        connection.rollback()
        connection.close()
        load.until(lambda: all(writer.done for writer in load.victims))
        load.check_others()


def test_a_frozen_database_is_answered_with_503(tmp_path: Path, own_postgres: PrivatePostgres) -> None:
    with Server(tmp_path, DATABASE_URL=own_postgres.url, **SETTINGS) as server, Load(server) as load:
        own_postgres.signal(signal.SIGSTOP)
        try:
            load.until_failing(503)
            time.sleep(SECONDS)
        finally:
            own_postgres.signal(signal.SIGCONT)
        load.progress()


def test_a_network_that_passes_nothing_is_answered_with_503(tmp_path: Path, database_url: str) -> None:
    port = urlsplit(migrated(database_url)).port or 0
    with FrozenNetwork(port) as network:
        url = database_url.replace(f":{port}/", f":{network.port}/")
        with Server(tmp_path, DATABASE_URL=url, **SETTINGS) as server, Load(server) as load:
            network.is_frozen = True
            load.until_failing(503)
            time.sleep(SECONDS)
            network.is_frozen = False
            load.progress()


def test_a_schema_migrated_under_a_live_server_takes_no_write(tmp_path: Path, url: str) -> None:
    with Server(tmp_path, DATABASE_URL=url, **SETTINGS) as server, Load(server, tolerates=(503, LOST)) as load:
        before = set_revision(url, "9999")
        load.until_failing(503)
        assert server.get("/health/ready").status_code == 503
        set_revision(url, before)
        load.progress()


def set_revision(url: str, revision: str) -> str:
    """Change the schema's revision in the database, and return the one before."""
    with sqlite3.connect(url[10:]) if url.startswith("sqlite") else psycopg.connect(url) as connection:
        ((before,),) = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        connection.execute(f"UPDATE alembic_version SET version_num = '{revision}'")
    connection.close()
    return str(before)
