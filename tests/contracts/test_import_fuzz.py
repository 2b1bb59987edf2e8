"""Imports of any content. Each gives a report or InvalidInput, and nothing of a refused file is stored."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import datetime
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from tasktracker.domain.categories.category import CATEGORY
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.portability.csv_rows import IGNORED_COLUMNS, OPTIONAL_COLUMNS
from tasktracker.domain.portability.import_service import FileFormat
from tasktracker.domain.tasks.task import TASK
from tasktracker.domain.tasks.trash_service import TrashService
from tests.backends import Backend
from tests.strategies import examples, texts
from tests.unit.test_export_import import END, HEADER, Service

COLUMNS = ["TYPE", "CONTENT", *sorted(OPTIONAL_COLUMNS | IGNORED_COLUMNS)]
HEAD = ",".join(COLUMNS).encode() + b"\n"
CELLS = {
    "TYPE": ["task", "task", "task", "note", "section", "meta", "project_note", "TASK ", ""],
    "PRIORITY": ["", "1", "4", "5", "x"],
    "INDENT": ["", "1", "2", "3", "9", "100", "101", "-1", "1" * 5000, "\u0661"],
    "DATE": ["", "2026-04-24", "Oct 5 2026", "12/31/2026 @ 10:00", "0001-01-01", "9999-12-31", "every day"],
    "DATE_LANG": ["", "en", "de", "pt_BR", "xx", "-"],
    "TIMEZONE": [
        "",
        "GMT+2",
        "UTC-99",
        "Europe/Vienna",
        "America",
        "../UTC",
        "/etc/passwd",
        "\0",
        "a/" * 3000,
        "\u00e9",
    ],
    "CONTENT": ["[[file {", '[[file {"file_name":"\\u0000","file_url":"http://x"}]]', "[[file " + "[" * 50_000],
}
IDS = [f"a0b1c2d3-0000-4000-8000-00000000000{digit}" for digit in range(4)]
VALUES: list[Any] = [None, True, 0, 1, -1, 2**70, 1.5, "", "x", "\0", "\ud800", [], {}, [[]], "2026-01-01T00:00:00Z"]
FIELDS: dict[str, list[Any]] = {
    "type": ["task", "task", "category", "profile", "end", "header", None],
    "id": IDS,
    "parent": [None, *IDS],
    "category": [None, *IDS],
    "trashed_with": [None, *IDS],
    "trashed_at": [None, "2026-01-01T00:00:00Z", "9999-12-31T23:59:59Z"],
    "created_at": ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"],
    "state": ["open", "done"],
    "members": [[], [{"username": "bob"}]],
    "name": ["Home", "Work", "HOME"],
    "title": ["x"],
}


def cells() -> st.SearchStrategy[list[str]]:
    return st.tuples(*(st.sampled_from(CELLS.get(name, [""])) | texts(30) for name in COLUMNS)).map(list)


@st.composite
def csv_files(draw: st.DrawFn) -> bytes:
    file = io.StringIO()
    rows = draw(st.lists(cells() | st.lists(texts(10), max_size=30), max_size=6))
    csv.writer(file).writerows(rows)
    return HEAD + file.getvalue().encode(errors="surrogatepass")


@st.composite
def ndjson_files(draw: st.DrawFn) -> bytes:
    value = st.sampled_from(VALUES) | texts(20)
    record = st.fixed_dictionaries(
        {"type": st.sampled_from(FIELDS["type"]), "id": st.sampled_from(IDS)},
        optional={
            name: st.sampled_from(FIELDS.get(name, [])) | value if name in FIELDS else value
            for name in [*TASK.names, *CATEGORY.names, "trashed_at", "trashed_with", "created_at", "members", "title"]
        },
    )
    records = draw(st.lists(record | value, max_size=8))
    return b"".join(json.dumps(each).encode() + b"\n" for each in [HEADER, *records, END])


@st.composite
def zip_files(draw: st.DrawFn) -> bytes:
    file = io.BytesIO()
    names = draw(st.lists(st.sampled_from(["Work.csv", "b/Home [12345678].csv", "a.txt", "\u00e9.CSV"]) | texts(9)))
    with zipfile.ZipFile(file, "w", draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))) as archive:
        for name in {name for name in names if name.isprintable() and name}:
            archive.writestr(name, draw(csv_files() | st.binary(max_size=50)))
    return file.getvalue()


@st.composite
def damaged(draw: st.DrawFn, files: st.SearchStrategy[bytes]) -> bytes:
    """A file, usually with some bytes replaced, removed or inserted."""
    raw = bytearray(draw(files))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(raw)))
        raw[start : start + draw(st.integers(0, 9))] = draw(
            st.binary(max_size=9) | st.sampled_from([b'"', b"\n", b","])
        )
    return bytes(raw)


def check(backend: Backend, raw: bytes, form: FileFormat, project: str | None = None) -> None:
    backend.reset()
    service = Service(10, chunk=3, backend=backend)
    user = service.seed.user(time_zone="Europe/Vienna")

    def run(*, dry_run: bool = False, restore: bool = False) -> Any:
        try:
            actor, source = service.seed.actor(user), io.BytesIO(raw)
            return service.imports.import_file(actor, source, form, project=project, dry_run=dry_run, restore=restore)
        except InvalidInput:
            return None

    dry = run(dry_run=True)
    report = run()
    categories, tasks = service.all_of(user)
    if report is None:
        assert (dry, categories, tasks) == (None, {}, {})
        return
    dry.dry_run = False
    assert dry == report
    assert (report.categories.created, report.tasks.created) == (len(categories), len(tasks))
    for category in categories.values():
        CATEGORY.check(CATEGORY.of(category))  # type: ignore[arg-type]
    for task in tasks.values():
        TASK.check(TASK.of(task))  # type: ignore[arg-type]
        assert isinstance(task.due_date, datetime | None)
        assert task.created_at <= task.updated_at
    assert service.export(user)
    again = run()
    assert (again.categories.created, again.tasks.created, again.skipped) == (0, 0, report.skipped)
    with service.store.writing(service.seed.actor(user)) as work:
        for task in tasks.values():
            if task.parent is None and not task.trashed_at:
                TrashService().delete(work, task.id)
    dry, restored = run(dry_run=True, restore=True), run(restore=True)
    dry.dry_run = False
    assert dry == restored
    assert {task.id for task in service.all_of(user)[1].values() if task.trashed_at} == {
        task.id for task in tasks.values() if task.trashed_at
    }


@given(raw=damaged(csv_files()), project=st.none() | texts(70))
@example(raw=HEAD + b"task,x" + b"," * 11 + b"GMT+2\n", project=None)
@examples(10, deadline=None)
def test_any_csv_file_is_reported_or_refused(backend: Backend, raw: bytes, project: str | None) -> None:
    check(backend, raw, FileFormat.TODOIST, project)


@given(raw=damaged(zip_files()))
@examples(5, deadline=None)
def test_any_zip_file_is_reported_or_refused(backend: Backend, raw: bytes) -> None:
    check(backend, raw, FileFormat.TODOIST)


@given(raw=damaged(ndjson_files()))
@examples(10, deadline=None)
def test_any_export_file_is_reported_or_refused(backend: Backend, raw: bytes) -> None:
    check(backend, raw, FileFormat.NDJSON)


@given(
    form=st.sampled_from(FileFormat),
    raw=st.binary(max_size=300),
    start=st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06", HEAD]),
)
@examples(10, deadline=None)
def test_any_bytes_are_reported_or_refused(backend: Backend, form: FileFormat, raw: bytes, start: bytes) -> None:
    check(backend, start + raw, form)
