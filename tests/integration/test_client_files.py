"""The file of the reference client: transactions, upgrades, damage, and files that are no copy."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tasktracker_client import (
    DamagedCopy,
    DiskFull,
    LocalStoreError,
    NewerCopy,
    Offline,
)
from tasktracker_client.database import BUSY_SECONDS, MIGRATIONS, Database, store_settings
from tasktracker_client.local import LocalCopy
from tests.http import Api, Person
from tests.integration.phones import Open, Phone, in_sync


class TestLocalCopy:
    def test_a_failure_within_a_page_rolls_it_back(self, phone: Phone, ada: Person) -> None:
        ada.task("one")
        phone.sync()
        cursor = phone._local.cursor
        for number in range(3):
            ada.task(str(number))
        phone.sql(
            "CREATE TRIGGER full BEFORE INSERT ON items WHEN json_extract(NEW.data, '$.title') = '2'"
            " BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
        with pytest.raises(LocalStoreError):
            phone.sync()
        assert phone.titles() == ["one"]
        assert phone._local.cursor == cursor
        phone.sql("DROP TRIGGER full")
        in_sync(phone)
        assert len(phone.tasks()) == 4

    def test_a_failure_while_results_are_stored_keeps_the_edits_pending(self, phone: Phone) -> None:
        phone.create_task(title="one")
        phone.create_task(title="two")
        phone.sql(
            "CREATE TRIGGER full BEFORE UPDATE OF done_version ON outbox WHEN NEW.number = 2"
            " BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
        with pytest.raises(LocalStoreError):
            phone.sync()
        assert len(phone.pending) == 2
        phone.sql("DROP TRIGGER full")
        assert phone.sync().duplicates == 2
        in_sync(phone)

    def test_a_full_disk_loses_no_stored_edit(self, phone: Phone) -> None:
        phone.create_task(title="one")
        connection = phone._local._database._connection
        connection.execute("PRAGMA max_page_count = 1")
        with pytest.raises(DiskFull, match="no room"):
            phone.create_task(title="two", description="x" * 100_000)
        connection.execute("PRAGMA max_page_count = 1000000")
        phone.create_task(title="three")
        with sqlite3.connect(phone.path) as other:
            assert other.execute("SELECT count(*) FROM outbox").fetchone() == (2,)
        other.close()

    def test_a_sent_edit_does_not_change(self, phone: Phone) -> None:
        task = phone.create_task(title="one")
        phone.sync()
        phone.edit_task(task, title="two")
        sent: list[Any] = []

        def note(request: httpx.Request) -> None:
            if request.method == "POST":
                sent.append(json.loads(request.content))

        phone.line.before = note
        phone.line.lose = ["/api/sync/"]
        with pytest.raises(Offline):
            phone.sync()
        phone.sync()
        assert len(sent) == 2
        assert sent[0] == sent[1]

    def test_a_transaction_locks_the_file_at_its_begin_and_others_wait(self, tmp_path: Path) -> None:
        database = Database(tmp_path / "x.db")
        with database.writing() as own, closing(sqlite3.connect(tmp_path / "x.db", timeout=0)) as other:
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("BEGIN IMMEDIATE")
            assert own.execute("PRAGMA busy_timeout").fetchone() == (1000 * BUSY_SECONDS,)
            assert own.execute("PRAGMA synchronous").fetchone() == (2,), "an acknowledged edit survives a power cut"
        database.close()

    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            (sqlite3.SQLITE_CORRUPT, DamagedCopy),
            (sqlite3.SQLITE_CORRUPT_INDEX, DamagedCopy),
            (sqlite3.SQLITE_NOTADB, DamagedCopy),
            (sqlite3.SQLITE_FULL, DiskFull),
            (sqlite3.SQLITE_BUSY, LocalStoreError),
            (sqlite3.SQLITE_IOERR_WRITE, LocalStoreError),
        ],
    )
    def test_each_failure_of_sqlite_has_its_kind(self, tmp_path: Path, code: int, kind: type[Exception]) -> None:
        database, error = Database(tmp_path / "x.db"), sqlite3.OperationalError("it failed")
        error.sqlite_errorcode = code
        with pytest.raises(LocalStoreError) as raised, database.reading():
            raise error
        assert type(raised.value) is kind
        database.close()

    def test_an_interruption_ends_the_transaction(self, tmp_path: Path) -> None:
        local = LocalCopy(tmp_path / "x.db")

        def interrupted() -> None:
            with local._database.writing() as database:
                store_settings(database, cursor="lost")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        local.set(user="kept")
        assert (local.get("cursor"), local.get("user")) == (None, "kept")
        local.close()


class TestFiles:
    @pytest.mark.parametrize("version", [0, 1])
    def test_a_file_of_the_version_before_is_upgraded_and_bound(
        self, api: Api, ada: Person, opened: Open, tmp_path: Path, version: int
    ) -> None:
        path = tmp_path / "old.db"
        with closing(sqlite3.connect(path)) as old, old:
            old.executescript(MIGRATIONS[0])
            old.execute(f"PRAGMA user_version = {version}")
            settings = {"access": api.login(ada).access, "user": ada.id}
            old.executemany("INSERT INTO settings VALUES (?, ?)", settings.items())
            old.execute(
                "INSERT INTO outbox (id, type, op, target, data) VALUES (?, 'task', 'create', ?, ?)",
                (str(uuid4()), str(uuid4()), '{"title": "kept"}'),
            )
        opened(path).close()
        replica = opened(path)  # again, after the upgrade
        assert [task.title for task in replica.tasks()] == ["kept"]
        assert replica.sync().applied == 1
        assert (replica.username, replica.verify().is_in_sync) == (ada.username, True)

    def test_a_copy_without_a_user_is_bound_after_its_token_is_refreshed(
        self, api: Api, phone: Phone, ada: Person
    ) -> None:
        phone.sql("DELETE FROM settings WHERE name IN ('server', 'user', 'username')")
        api.clock.advance(hours=1)
        with Phone(phone.path, api) as again:
            assert again.sync().is_clean
            assert again.username == ada.username

    def test_a_file_of_a_newer_version_is_left_alone(self, phone: Phone, opened: Open) -> None:
        phone.sql(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        with pytest.raises(NewerCopy):
            opened(phone.path)

    @pytest.mark.parametrize(
        "made_by",
        [
            "CREATE TABLE notes (x)",
            "CREATE TABLE settings (x)",
            "PRAGMA application_id = 7",
            "PRAGMA user_version = 1",
            "PRAGMA user_version = 99",
            f"{MIGRATIONS[0]} PRAGMA application_id = 7",
        ],
    )
    def test_a_file_of_another_application_is_left_alone(self, tmp_path: Path, opened: Open, made_by: str) -> None:
        path = tmp_path / "notes.db"
        with closing(sqlite3.connect(path)) as notes:
            notes.executescript(made_by)
        path.chmod(0o644)
        before = path.read_bytes()
        with pytest.raises(DamagedCopy, match="not a copy"):
            opened(path)
        assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (before, 0o644)
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize("version", [-1, 0, 1])
    def test_a_copy_with_a_wrong_version_is_damaged_and_left_alone(
        self, phone: Phone, opened: Open, version: int
    ) -> None:
        phone.create_task("kept")
        phone.sql(f"PRAGMA user_version = {version}")
        with pytest.raises(DamagedCopy):
            opened(phone.path)
        assert phone.sql("PRAGMA user_version") == [(version,)]
        phone.sql(f"PRAGMA user_version = {len(MIGRATIONS)}")
        assert opened(phone.path).tasks()[0].title == "kept"

    def test_a_file_that_others_could_read_is_hidden_when_it_is_opened(self, phone: Phone, opened: Open) -> None:
        files = [phone.path, *(phone.path.with_name(f"{phone.path.name}-{name}") for name in ("wal", "shm"))]
        for file in files:
            file.chmod(0o644)
        opened(phone.path)
        assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 3

    def test_a_file_that_is_no_copy_is_reported_as_damaged(self, tmp_path: Path, opened: Open) -> None:
        path = tmp_path / "broken.db"
        path.write_bytes(b"no database, but something else" * 1000)
        with pytest.raises(DamagedCopy, match="is damaged, or is not a copy"):
            opened(path)

    def test_damage_within_a_file_is_reported_as_such(self, phone: Phone, ada: Person) -> None:
        ada.task("one")
        phone.sync()
        nested = "[" * 100_000
        for damage in ("data = '{'", "data = 'null'", "data = '[1]'", "data = x'ff'", f"data = '{nested}'"):
            phone.sql(f"UPDATE items SET {damage}")
            with pytest.raises(DamagedCopy):
                phone.tasks()
        phone.sql("UPDATE items SET type = 'list'")
        with pytest.raises(DamagedCopy):
            phone.verify()

    @pytest.mark.parametrize("damage", ["op = 'x'", "type = 'x'", "data = 'null'", "data = x'ff'", "data = '{'"])
    @pytest.mark.parametrize("table", ["outbox", "issues"])
    def test_a_damaged_edit_is_reported_as_such(self, phone: Phone, table: str, damage: str) -> None:
        phone.create_task(" ")
        if table == "issues":
            phone.sync()
        phone.sql(f"UPDATE {table} SET {damage}")
        calls = (phone.issues,) if table == "issues" else (lambda: phone.pending, phone.sync)
        for call in calls:
            with pytest.raises(DamagedCopy):
                call()

    def test_damage_that_sqlite_cannot_describe_is_reported_as_such(self, phone: Phone) -> None:
        """The message of an error may contain bytes of the file that are no text."""
        with pytest.raises(DamagedCopy), phone._local._database.reading():
            b"\xff".decode()

    @pytest.mark.parametrize("name", ["missing/copy.db", "."])
    def test_a_file_that_cannot_be_opened_is_reported(self, tmp_path: Path, opened: Open, name: str) -> None:
        with pytest.raises(LocalStoreError, match="cannot be opened"):
            opened(tmp_path / name)

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
    def test_a_full_disk_while_opening_is_reported(
        self, tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        def fail(*_: object) -> int:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr("os.open", fail)
        with pytest.raises(DiskFull):
            opened(tmp_path / "x.db")

    def test_no_file_stays_open_that_cannot_be_used_or_is_closed(self, tmp_path: Path) -> None:
        with closing(sqlite3.connect(tmp_path / "notes.db")) as notes:
            notes.execute("CREATE TABLE notes (x)")
        with pytest.raises(DamagedCopy) as raised:
            LocalCopy(tmp_path / "notes.db")
        assert raised.value.__traceback__, "it keeps the objects of its frames"
        LocalCopy(tmp_path / "copy.db").close()
        descriptors = map(os.path.realpath, list(Path("/proc/self/fd").iterdir()))
        assert [each for each in descriptors if str(tmp_path) in each] == []

    def test_a_closed_copy_reports_that(self, phone: Phone) -> None:
        phone.close()
        for call in (phone.tasks, phone.sync, lambda: phone.create_task("x"), phone.issues):
            with pytest.raises(LocalStoreError, match="closed") as raised:
                call()
            assert type(raised.value) is LocalStoreError
