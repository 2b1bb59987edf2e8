"""Imports of backups of Todoist: ZIP files with a CSV file for each project."""

from __future__ import annotations

import errno
import io
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.portability import import_service, zipped
from tasktracker.domain.portability.import_job import ImportedLine
from tasktracker.domain.portability.import_service import FileFormat
from tests.unit.test_import_todoist import HEAD, Account


def packed(files: dict[str, str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return file.getvalue()


WORK, HOME = "Work [220474322].csv", "Home.csv"
SAME = HEAD + "task,same,{0},,,,\ntask,below,,,2,,\n"
BOTH = {WORK: SAME.format("at work"), HOME: SAME.format("at home")}


@pytest.fixture
def account() -> Account:
    return Account(2)


def test_each_file_is_a_project(account: Account) -> None:
    others = {
        "__MACOSX/Home.csv": "\0\1",
        "__MACOSX/backup/Home.csv": "\0\1",
        "._Home.csv": "",
        "backup/._Home.csv": HEAD + "task,hidden,,,,,\n",
        ".DS_Store": "",
        "readme.txt": "no CSV",
    }
    for dry_run in (True, False):
        report = account.import_file(packed(BOTH | others), dry_run=dry_run)
        assert (report.errors, report.notices) == ([], [])
        assert (report.categories.created, report.tasks.created) == (2, 4)
    names = account.categories()
    assert {(names[task.category], task.description) for task in account.tasks() if task.category} == {
        ("Work", "at work"),
        ("Home", "at home"),
        ("Work", ""),
        ("Home", ""),
    }
    again = account.import_file(packed(BOTH))
    assert (again.tasks.created, again.tasks.unchanged, again.notices) == (0, 4, [])
    # A single file of the backup is the same project.
    alone = account.import_file(BOTH[WORK], "Work")
    assert (alone.tasks.created, alone.tasks.unchanged) == (0, 2)


def test_lines_are_counted_through_all_files(account: Account) -> None:
    found: list[tuple[int, str | None, int]] = []
    ends: dict[str | None, int] = {}

    def record(lines: Sequence[ImportedLine], read: int) -> None:
        for each in lines:
            found.append((each.position, each.file, each.number))
            ends[each.file] = read

    archive = packed({name: text + "\n" * 1000 for name, text in BOTH.items()})
    account.imports.import_file(account.actor, io.BytesIO(archive), FileFormat.ZIP, record=record)
    assert archive.index(WORK.encode()) < ends[WORK] < archive.index(HOME.encode()) < ends[HOME] < len(archive)
    numbers = [(name, number) for name in (HOME, WORK) for number in (1, 2, 3)]
    assert sorted(found) == [(number + 1003 * (name == WORK), name, number) for name, number in numbers]


def test_projects_of_the_same_name_are_different(account: Account) -> None:
    files = {f"{name} [{number}].csv": SAME for name, number in (("Home", 12345678), ("home", 87654321))}
    assert account.import_file(packed(files)).tasks.created == 4
    assert list(account.categories().values()) == ["Home"]
    source = io.BytesIO(packed(files))
    source.seek(0, io.SEEK_END)
    assert account.imports.import_file(account.actor, source, FileFormat.TODOIST).tasks.unchanged == 4


def test_a_task_imported_without_its_project_is_the_same_as_one_row(account: Account) -> None:
    account.import_file(SAME.format("at home"))
    report = account.import_file(packed(BOTH))
    assert (report.tasks.created, report.tasks.unchanged, report.notices) == (2, 2, [])


def test_findings_name_their_file(account: Account) -> None:
    long, bad = "x" * 150 + ".csv", HEAD + "task,,,,,,\n"
    report = account.import_file(packed(BOTH | {"Bad.csv": bad, "Odd.csv": HEAD + "task,x,,,3,,\n", long: bad}))
    findings = [(each.file, each.line) for each in [*report.errors, *report.notices]]
    assert findings == [("Bad.csv", 2), ("x" * 100, 2), ("Odd.csv", 2), ("x" * 100, 1)]


def test_a_refused_file_keeps_the_others_from_being_imported(account: Account) -> None:
    with pytest.raises(InvalidInput, match=r"has Zoo\.csv, which must begin with .*commas"):
        account.import_file(packed(BOTH | {"Zoo.csv": "TYPE;CONTENT\n"}))
    assert (account.tasks(), account.categories()) == ([], {})


def test_a_project_cannot_be_named_for_several_files(account: Account) -> None:
    with pytest.raises(InvalidInput) as caught:
        account.import_file(packed(BOTH), "Work")
    assert [error.field for error in caught.value.errors] == ["project"]


def test_a_zip_file_without_csv_files_is_refused(account: Account) -> None:
    for files in ({}, {"xl/workbook.xml": "<xml/>"}):
        with pytest.raises(InvalidInput, match="without a CSV file"):
            account.import_file(packed(files))


def test_a_file_whose_first_row_is_broken_is_refused(account: Account) -> None:
    for raw in (packed(BOTH | {"Zoo.CSV": 'x,"a"b\n'}), 'x,"a"b\n'):
        with pytest.raises(InvalidInput, match=r"must begin with a row of column names; missing: TYPE, CONTENT$"):
            account.import_file(raw)
    assert (account.tasks(), account.categories()) == ([], {})


def test_an_error_of_the_disk_is_not_an_error_of_the_file(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "the disk is full")

    monkeypatch.setattr("shutil.copyfileobj", fail)
    with pytest.raises(OSError, match="the disk is full"):
        account.import_file(packed(BOTH))


def test_a_damaged_zip_file_is_refused(account: Account) -> None:
    raw = packed(BOTH, zipfile.ZIP_STORED)
    for damaged in (raw[:-30], raw[:50], raw.replace(b"at home", b"at h0me")):
        with pytest.raises(InvalidInput, match="damaged"):
            account.import_file(damaged)
    long = packed({"x" * 150 + ".csv": HEAD})
    with pytest.raises(InvalidInput, match=r"damaged ZIP file: File name in directory 'x{60,80}$"):  # 100 characters
        account.import_file(long.replace(b"xxx.csv", b"xxy.csv", 1))
    assert account.tasks() == []


def test_a_zip_file_with_a_position_before_its_begin_is_refused(account: Account, tmp_path: Path) -> None:
    raw = packed(BOTH)
    end = raw.index(b"PK\x05\x06") + 16
    (begin,) = struct.unpack("<L", raw[end : end + 4])
    file = tmp_path / "damaged.zip"  # unlike memory, it raises OSError for a negative position
    file.write_bytes(raw[:end] + struct.pack("<L", begin + 1000) + raw[end + 4 :])
    with file.open("rb") as source, pytest.raises(InvalidInput, match="damaged"):
        account.imports.import_file(account.actor, source, FileFormat.ZIP)


def test_a_file_sent_as_zip_must_be_one(account: Account) -> None:
    with pytest.raises(InvalidInput, match="damaged"):
        account.imports.import_file(account.actor, io.BytesIO(HEAD.encode()), FileFormat.ZIP)


def test_an_encrypted_or_unusual_file_is_refused(account: Account) -> None:
    plain = packed({HOME: HEAD}, zipfile.ZIP_STORED)
    directory = plain.index(b"PK\x01\x02")
    encrypted = plain[: directory + 8] + b"\x01\x00" + plain[directory + 10 :]
    for raw in (encrypted, packed({HOME: HEAD}, zipfile.ZIP_LZMA)):
        with pytest.raises(InvalidInput, match="unpack it"):
            account.import_file(raw)
    file = io.BytesIO(packed({WORK: HEAD}))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_LZMA) as archive:
        archive.writestr(HOME, HEAD)
    with pytest.raises(InvalidInput, match=r"send Home\.csv$"):
        account.import_file(file.getvalue())


def test_what_a_zip_file_unpacks_to_is_limited(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = packed({HOME: HEAD + "\n" * 200_000})
    assert len(raw) < 2000
    # The directory may state less than there is.
    real, stated = struct.pack("<L", len(HEAD) + 200_000), struct.pack("<L", 10)
    with pytest.raises(InvalidInput, match="damaged"):
        account.import_file(raw.replace(real, stated))
    monkeypatch.setattr(import_service, "MAX_LINES", 5)
    with pytest.raises(InvalidInput, match="5 lines"):
        account.import_file(packed(BOTH))  # each has 3
    monkeypatch.setattr(import_service, "MAX_LINES", 150_000)
    with pytest.raises(InvalidInput, match="150000 lines"):
        account.import_file(raw)
    size = sum(map(len, BOTH.values()))
    monkeypatch.setattr(zipped, "MAX_UNPACKED", size)
    assert account.import_file(packed(BOTH)).tasks.created == 4
    monkeypatch.setattr(zipped, "MAX_UNPACKED", size - 1)
    with pytest.raises(InvalidInput, match=f"more than {size - 1} bytes"):
        account.import_file(packed(BOTH))


def test_the_number_of_files_is_limited(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    files = packed({f"{number}.csv": HEAD for number in range(1000)}, zipfile.ZIP_STORED)
    assert account.import_file(files).skipped == 0
    with pytest.raises(InvalidInput, match="more than 1000 files"):
        account.import_file(packed({f"{number}.csv": HEAD for number in range(1001)}, zipfile.ZIP_STORED))
    # The directory is read at once, so its size is limited, too.
    monkeypatch.setattr(zipped, "MAX_READ", 66_000)
    with pytest.raises(InvalidInput, match="has a directory of more than 66000 bytes"):
        account.import_file(packed({f"{number:0100}.csv": "" for number in range(1000)}, zipfile.ZIP_STORED))
