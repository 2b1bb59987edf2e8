"""Disks that are full."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.faults.load import SETTINGS, Load
from tests.http import Server, expect, migrated
from tests.postgres import PrivatePostgres, with_database
from tests.waiting import wait_until


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Fill a file system, and free it again."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
    yield
    filler.unlink()


def require_refused_then_recovered(server: Server, load: Load, disk: Path, *statuses: int) -> None:
    """Fill the disk of a database: writes are refused with these statuses, reads are answered, and all recovers."""
    load.progress()
    with filled(disk):
        load.until_failing(*statuses)
        expect(load.writers[0].person.get("/api/tasks/"), 200)
        expect(server.get("/health/live"), 200)
        load.until_failing(*statuses)
    load.progress()


def test_writes_are_refused_while_the_disk_of_sqlite_is_full(tmp_path: Path, small_disk: Path) -> None:
    url = migrated(f"sqlite:///{small_disk}/file.db")
    with Server(tmp_path, DATABASE_URL=url, **SETTINGS) as server, Load(server, tolerates=(503, 507)) as load:
        require_refused_then_recovered(server, load, small_disk, 507)


def test_writes_are_refused_while_the_disk_of_postgresql_is_full(
    tmp_path: Path, private_postgres: PrivatePostgres, small_disk: Path
) -> None:
    private_postgres.own(small_disk)
    with psycopg.connect(private_postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
        connection.execute("CREATE DATABASE small TABLESPACE small")
    url = migrated(with_database(private_postgres.url, "small"))
    with Server(tmp_path, DATABASE_URL=url, **SETTINGS) as server, Load(server, tolerates=(503, 507)) as load:
        require_refused_then_recovered(server, load, small_disk, 507)


def test_a_full_disk_of_the_log_of_postgresql_loses_nothing(
    tmp_path: Path, own_postgres: PrivatePostgres, small_disk: Path
) -> None:
    own_postgres.stop()
    wal = own_postgres.data / "pg_wal"
    shutil.move(wal, small_disk / "wal")
    wal.symlink_to(small_disk / "wal")
    own_postgres.own(small_disk)
    own_postgres.start()
    url = own_postgres.url
    with Server(tmp_path, DATABASE_URL=url, **SETTINGS) as server, Load(server, tolerates=(503, 507)) as load:
        with filled(small_disk):
            with suppress(psycopg.Error), psycopg.connect(url, autocommit=True) as connection:
                for _ in range(20):  # each begins a new file, which does not fit, so PostgreSQL ends
                    connection.execute("SELECT pg_logical_emit_message(false, 'x', 'x')")
                    connection.execute("SELECT pg_switch_wal()")
            load.until_failing(503, 507)
            expect(server.get("/health/live"), 200)
        own_postgres.kill()
        own_postgres.start()
        load.progress()


def test_a_full_disk_of_the_servers_log_fails_no_request(small_disk: Path, url: str) -> None:
    with Server(small_disk, DATABASE_URL=url, **SETTINGS) as server, Load(server, tolerates=()) as load:
        with filled(small_disk):
            load.progress()
        load.progress()
        size = len(server.log)
        wait_until(lambda: len(server.log) > size, "nothing is logged after the disk is free")
