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
"""The most characters that are read twice after broken rows. Few files have a broken row. The limit bounds the time for
any content."""

ROW_STARTS = ("task,", "note,", "section,", "meta,")
MIN_COMMAS = 5
UNDECODED = re.compile("[\udc80-\udcff]")
NO_COLUMN = FieldError("line", "has a value without a column: values that contain a comma must be quoted")

Row = Mapping[str, str]
Problem = tuple[FieldError, bool]
"""A finding about a row, and whether it makes the import skip the row."""


def check_header(source: BinaryIO) -> None:
    """Raise InvalidInput unless the file begins with the names of Todoist's columns."""
    next(rows(source), None)


def rows(source: BinaryIO) -> Iterator[tuple[int, Row | Problem]]:
    """Yield each row that is not empty, or its problem.

    Raises InvalidInput before the first row if the file does not begin with the names of Todoist's columns.
    """
    columns: list[str] = []
    for number, cells in _Records(source):
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
    if missing := [name for name in REQUIRED_COLUMNS if name not in columns]:
        source.seek(0)
        helpful = advice(source.read(200), is_csv=True)
        raise InvalidInput.of("body", f"must begin with a row of column names; missing: {', '.join(missing)}{helpful}")
    named = [name for name in columns if name]
    if len(set(named)) < len(named):
        raise InvalidInput.of("body", "has a duplicate column")
    return columns


class _Records:
    """The records of a file. After a broken record, reading continues on its second line.

    Otherwise, a quote that is not closed would make all lines after it part of the record.
    """

    def __init__(self, source: BinaryIO) -> None:
        self._lines = _lines(source)
        self._pending: deque[tuple[int, str | None]] = deque()
        self._repeated = 0
        self._commas = 0

    def __iter__(self) -> Iterator[tuple[int, list[str] | FieldError]]:
        while True:
            taken: list[tuple[int, str]] = []
            try:
                cells = next(csv.reader(self._take(taken), strict=True), None)
                self._require_no_rows_inside(taken)
            except csv.Error as error:
                yield taken[0][0], self._broken(taken, str(error))
                continue
            if cells is not None:
                yield taken[0][0], cells
            elif self._pending:  # a line that is too long
                yield self._pending.popleft()[0], TOO_LONG
            else:
                return

    def _take(self, taken: list[tuple[int, str]]) -> Iterator[str]:
        """Yield the lines of a record until the CSV reader needs no more, and add them to `taken`."""
        size = 0
        while (line := self._pending.popleft() if self._pending else next(self._lines, None)) is not None:
            number, text = line
            if text is None:
                self._pending.appendleft(line)
                return
            taken.append((number, text))
            size += len(text)
            if size > MAX_LINE_LENGTH:
                raise csv.Error("the row is too long")
            yield text

    def _require_no_rows_inside(self, taken: list[tuple[int, str]]) -> None:
        """Raise csv.Error if a value contains rows. Then two quotes are not closed: the second closes the first."""
        if taken and not self._commas:
            self._commas = max(MIN_COMMAS, taken[0][1].count(","))
        if any(text.lower().startswith(ROW_STARTS) and text.count(",") >= self._commas for _, text in taken[1:]):
            raise csv.Error("a value contains other rows")

    def _broken(self, taken: list[tuple[int, str]], reason: str) -> FieldError:
        """Return the error for the first line of a broken record.

        Its other lines are read again as new records. After too much reading again, they are skipped.
        """
        self._repeated += sum(len(text) for _, text in taken[1:])
        if self._repeated > MAX_REPEATED:
            reason += f"; too many rows are broken, so the lines until {taken[-1][0]} were skipped"
        else:
            self._pending.extendleft(reversed(taken[1:]))
        return FieldError("line", f"is not valid CSV: {reason}; is a quotation mark missing?")


def _lines(source: BinaryIO) -> Iterator[tuple[int, str | None]]:
    for number, raw in numbered_lines(source, None):
        # Bytes that are not UTF-8 become lone surrogates, by which `rows` recognizes the row.
        encoding = "utf-8-sig" if number == 1 else "utf-8"
        yield number, None if raw is None else raw.decode(encoding, "surrogateescape")
