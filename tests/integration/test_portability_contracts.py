"""The SQL adapter honours the contracts of snapshots and archives."""

from __future__ import annotations

from tests.contracts.archive import ArchiveContract
from tests.contracts.snapshots import SnapshotContract
from tests.integration.sql_stores import OnPostgreSQL, OnSqlite, postgresql, sqlite

__all__ = ["postgresql", "sqlite"]


class TestSnapshotOnSqlite(OnSqlite, SnapshotContract):
    pass


class TestArchiveOnSqlite(OnSqlite, ArchiveContract):
    pass


class TestSnapshotOnPostgreSQL(OnPostgreSQL, SnapshotContract):
    pass


class TestArchiveOnPostgreSQL(OnPostgreSQL, ArchiveContract):
    pass
