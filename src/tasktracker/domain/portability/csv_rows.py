"""The rows of a CSV file of Todoist, each with the number of its first line."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import BinaryIO

from tasktracker.domain.kernel.errors import FieldError, InvalidInput
from tasktracker.domain.portability.lines import MAX_LINE_LENGTH, NOT_UTF8, TOO_LONG, advice, numbered_lines, printable

REQUIRED_COLUMNS = ("TYPE", "CONTENT")
OPTIONAL_COLUMNS = {
    *("DESCRIPTION", "PRIORITY", "INDENT", "RESPONSIBLE", "DATE", "DATE_LANG", "DEADLINE", "DEADLINE_LANG"),
    *("DURATION", "DURATION_UNIT", "TIMEZONE"),
}
IGNORED_COLUMNS = {"AUTHOR", "IS_COLLAPSED", "META"}
KNOWN_COLUMNS = {*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS, *IGNORED_COLUMNS}
MAX_REPEATED = 16 * 1024 * 1024
"""The number of characters read twice after broken rows. Few files have one; it bounds the work for any content."""

UNDECODED = re.compile("[\udc80-\udcff]")
NO_COLUMN = FieldError("line", "has a value without a column: values that contain a comma must be quoted")

Row = Mapping[str, str]
Problem = tuple[FieldError, bool]
"""A finding about a row, and whether the row is therefore skipped."""


def check_header(source: BinaryIO) -> None:
    """Raise InvalidInput unless the file begins with the names of Todoist's columns."""
    next(rows(source), None)


def rows(source: BinaryIO) -> Iterator[tuple[int, Row | Problem]]:
    """Yield each row that is not empty, or what is wrong with it.

    Raises InvalidInput before the first row if the file does not begin with the names of Todoist's columns.
    """
    columns: list[str] = []
    for number, cells in _records(source):
        if isinstance(cells, FieldError):
            if columns:
                yield number, (cells, True)
            continue
        if not any(cells):
            continue
        if not columns:
            columns = _columns(cells, source)
            for name in columns:
                if name and name not in KNOWN_COLUMNS:
                    yield number, (FieldError(printable(name), "is an unknown column and was ignored"), False)
        elif any(map(UNDECODED.search, cells)):
            yield number, (NOT_UTF8, True)
        elif any(not name and cell.strip() for name, cell in zip_longest(columns, cells, fillvalue="")):
            yield number, (NO_COLUMN, True)
        else:
            yield number, dict(zip(columns, cells, strict=False))
    if not columns:
        _columns([], source)


def _columns(cells: list[str], source: BinaryIO) -> list[str]:
    columns = [cell.strip().upper() for cell in cells]
    while columns and not columns[-1]:
        columns.pop()
    if missing := [name for name in REQUIRED_COLUMNS if name not in columns]:
        position = source.tell()
        source.seek(0)
        message = f"must begin with a row of column names; missing: {', '.join(missing)}{advice(source.read(200))}"
        source.seek(position)
        raise InvalidInput.of("body", message)
    named = [name for name in columns if name]
    if len(set(named)) < len(named):
        raise InvalidInput.of("body", "has a duplicate column")
    return columns


def _records(source: BinaryIO) -> Iterator[tuple[int, list[str] | FieldError]]:
    """Yield the cells of each record. After a record that is broken, reading continues on its second line.

    A quote that is not closed would otherwise swallow the lines after it.
    """
    lines = _lines(source)
    pending: deque[tuple[int, str | None]] = deque()
    repeated = 0
    while True:
        taken: list[tuple[int, str]] = []

        def one_record(taken: list[tuple[int, str]] = taken) -> Iterator[str]:
            size = 0
            while (line := pending.popleft() if pending else next(lines, None)) is not None:
                number, text = line
                if text is None:
                    pending.appendleft(line)
                    break
                taken.append((number, text))
                size += len(text)
                if size > MAX_LINE_LENGTH:
                    raise csv.Error("the row is too long")
                yield text

        try:
            cells = next(csv.reader(one_record(), strict=True), None)
        except csv.Error as error:
            first, *rest = taken
            repeated += sum(len(text) for _, text in rest)
            if repeated > MAX_REPEATED:
                error = csv.Error(f"{error}; so many rows are broken that the lines until {taken[-1][0]} were skipped")
            else:
                pending.extendleft(reversed(rest))
            yield first[0], FieldError("line", f"is not valid CSV: {error}; is a quotation mark missing?")
            continue
        if cells is not None:
            yield taken[0][0], cells
        elif pending:  # a line that is too long
            yield pending.popleft()[0], TOO_LONG
        else:
            return


def _lines(source: BinaryIO) -> Iterator[tuple[int, str | None]]:
    for number, raw in numbered_lines(source, None):
        # Bytes that are not UTF-8 become characters by which `rows` finds the row.
        encoding = "utf-8-sig" if number == 1 else "utf-8"
        yield number, None if raw is None else raw.decode(encoding, "surrogateescape")
