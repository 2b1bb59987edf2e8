"""Todoist's CSV format of backups and exported projects.

Sections become categories. Notes are added to their task's description. Rows have no ids; each id is derived from the
content and the position of its row, so that the same file gives the same ids.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from typing import BinaryIO
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from tasktracker.domain.categories.category import CATEGORY, MAX_NAME_LENGTH, CategoryFields, name_key
from tasktracker.domain.categories.category import MAX_DESCRIPTION_LENGTH as MAX_CATEGORY_DESCRIPTION_LENGTH
from tasktracker.domain.kernel.characters import Characters, cut
from tasktracker.domain.kernel.errors import FieldError, InvalidInput
from tasktracker.domain.kernel.fields import Refused, check, moment, require_storable
from tasktracker.domain.kernel.time_zones import time_zone_names
from tasktracker.domain.portability.lines import NOT_UTF8, TOO_LONG, numbered_lines, printable
from tasktracker.domain.portability.record import CategoryRecord, Line, TaskRecord
from tasktracker.domain.tasks.task import (
    MAX_DEPTH,
    MAX_DESCRIPTION_LENGTH,
    MAX_TITLE_CLUSTERS,
    MAX_TITLE_LENGTH,
    TASK,
    Priority,
    TaskFields,
)

PRIORITIES = {"": Priority.NORMAL, "1": Priority.URGENT, "2": Priority.HIGH, "3": Priority.NORMAL, "4": Priority.LOW}
REQUIRED_COLUMNS = ("TYPE", "CONTENT")
OPTIONAL_COLUMNS = {"DESCRIPTION", "PRIORITY", "INDENT", "RESPONSIBLE", "DATE", "DEADLINE", "DURATION", "TIMEZONE"}
OTHER_COLUMNS = {"AUTHOR", "DATE_LANG", "DEADLINE_LANG", "DURATION_UNIT", "IS_COLLAPSED", "META", ""}
KNOWN_COLUMNS = {*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS, *OTHER_COLUMNS}
END_OF_DAY = time(23, 59, 59)

Row = Mapping[str, str]


def read(
    source: BinaryIO,
    owner: UUID,
    zone: ZoneInfo,
    characters: Characters,
    wanted: Container[int] | None = None,
    max_lines: int | None = None,
) -> Iterator[Line]:
    """Yield the sections and tasks of a file, and the errors of other rows; or only lines with `wanted` numbers.

    Times without a time zone are in `zone`. Raises InvalidInput if the file is not in this format, or has more than
    `max_lines` lines.
    """
    reader = _Reader(owner, zone, characters)
    for number, row in _rows(source, max_lines):
        for line in reader.lines(number, row):
            if wanted is None or line.number in wanted:
                yield line
    for line in reader.flush():
        if wanted is None or line.number in wanted:
            yield line


def _rows(source: BinaryIO, max_lines: int | None) -> Iterator[tuple[int, Row | FieldError]]:
    """Yield each row, or its error, with the number of its first line."""
    too_long: list[int] = []
    reader = csv.reader(_texts(source, too_long, max_lines), strict=False)
    columns: list[str] = []
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield number, FieldError("line", f"is not valid CSV: {error}")
            continue
        yield from ((each, TOO_LONG) for each in too_long)
        too_long.clear()
        if cells is None:
            break
        if not any(cells):
            continue
        if not columns:
            columns = [cell.strip().upper() for cell in cells]
            _require_columns(columns)
            unknown = [printable(name) for name in columns if name not in KNOWN_COLUMNS]
            for name in unknown:
                yield number, FieldError(name, "is an unknown column and was ignored")
        elif any("\udc80" <= character <= "\udcff" for cell in cells for character in cell):
            yield number, NOT_UTF8
        else:
            yield number, dict(zip(columns, cells, strict=False))
    if not columns:
        _require_columns([])


def _texts(source: BinaryIO, too_long: list[int], max_lines: int | None) -> Iterator[str]:
    for number, raw in numbered_lines(source, None, max_lines):
        if raw is None:
            too_long.append(number)
            yield "\n"
        else:
            # Bytes that are not UTF-8 become lone surrogates, by which `_rows` finds the row.
            yield raw.decode("utf-8-sig" if number == 1 else "utf-8", "surrogateescape")


def _require_columns(columns: list[str]) -> None:
    missing = [name for name in REQUIRED_COLUMNS if name not in columns]
    if missing:
        raise InvalidInput.of("body", f"must begin with a row of column names; missing: {', '.join(missing)}")
    if len(set(columns)) < len(columns):
        raise InvalidInput.of("body", "has a duplicate column")


@dataclass(slots=True)
class _Draft:
    """A task whose notes may follow in later rows."""

    number: int
    record: TaskRecord
    characters: Characters
    notices: list[FieldError] = field(default_factory=list)

    def describe(self, text: str) -> None:
        """Add a text to the description, up to the maximum length."""
        before = self.record.fields.get("description")
        described = f"{before}\n\n{text}" if before else text
        if len(described) > MAX_DESCRIPTION_LENGTH:
            described = cut(described, MAX_DESCRIPTION_LENGTH, self.characters)
            self.notices.append(FieldError("description", f"was cut at {MAX_DESCRIPTION_LENGTH} characters"))
        self.set({"description": described})

    def set(self, fields: TaskFields) -> None:
        self.record = replace(self.record, fields={**self.record.fields, **fields})

    def line(self) -> Line:
        return Line(self.number, self.record, notices=tuple(dict.fromkeys(self.notices)))


class _Reader:
    """Converts rows to lines. The meaning of a row depends on the rows before it."""

    def __init__(self, owner: UUID, zone: ZoneInfo, characters: Characters) -> None:
        self._owner = owner
        self._zone = zone
        self._characters = characters
        self._title = TASK.new_rules(characters)["title"]
        self._section: UUID | None = None
        self._ancestors: list[tuple[int, UUID]] = []
        self._draft: _Draft | None = None
        self._occurrences: Counter[bytes] = Counter()

    def lines(self, number: int, row: Row | FieldError) -> Iterator[Line]:
        if isinstance(row, FieldError):
            yield from self.flush()
            is_error = row in (NOT_UTF8, TOO_LONG) or row.field == "line"
            yield Line(number, errors=(row,)) if is_error else Line(number, notices=(row,))
            return
        kind = row["TYPE"].strip().lower()
        if kind != "note":
            yield from self.flush()
        try:
            if kind == "task":
                self._draft = self._task(number, row)
            elif kind == "note":
                self._note(row)
            elif kind == "section":
                yield self._begin_section(number, row)
            elif kind != "meta":
                raise InvalidInput.of("TYPE", "must be task, section, note or meta")
        except InvalidInput as invalid:
            yield Line(number, errors=invalid.errors)

    def flush(self) -> Iterator[Line]:
        """Yield the task whose notes have all been read."""
        if self._draft is not None:
            yield self._draft.line()
            self._draft = None

    def _begin_section(self, number: int, row: Row) -> Line:
        self._ancestors.clear()
        self._section = None
        content, description = row.get("CONTENT", "").strip(), row.get("DESCRIPTION", "")
        notices = []
        if len(content) > MAX_NAME_LENGTH:
            content = cut(content, MAX_NAME_LENGTH, self._characters).strip()
            notices.append(FieldError("CONTENT", f"was cut at {MAX_NAME_LENGTH} characters"))
        if len(description) > MAX_CATEGORY_DESCRIPTION_LENGTH:
            description = cut(description, MAX_CATEGORY_DESCRIPTION_LENGTH, self._characters)
            notices.append(FieldError("DESCRIPTION", f"was cut at {MAX_CATEGORY_DESCRIPTION_LENGTH} characters"))
        values = check(CATEGORY.new_rules(self._characters), CategoryFields(name=content, description=description))
        self._section = uuid5(self._owner, f"todoist section {name_key(values['name'])}")
        record = CategoryRecord(id=self._section, fields=values)
        return Line(number, record, notices=tuple(notices))

    def _note(self, row: Row) -> None:
        content = row.get("CONTENT", "").strip()
        if self._draft is None:
            raise InvalidInput.of("TYPE", "is note, but no imported task precedes it")
        _require_storable("CONTENT", content)
        self._draft.describe(content)

    def _task(self, number: int, row: Row) -> _Draft:
        indent = self._indent(row)
        self._ancestors = [(depth, id_) for depth, id_ in self._ancestors if depth < indent]
        content, priority = row.get("CONTENT", "").strip(), row.get("PRIORITY", "").strip()
        errors = [] if priority in PRIORITIES else [FieldError("PRIORITY", "must be 1 to 4")]
        title = self._title_of(content)
        rules = {"CONTENT": self._title, "DESCRIPTION": _storable, "RESPONSIBLE": _storable, "DATE": _storable}
        values = check(rules, {name: row.get(name, "") for name in rules} | {"CONTENT": title}, also=errors)
        parents = self._ancestors[: MAX_DEPTH - 1]
        parent = parents[-1][1] if parents else None
        id_ = self._id(parent, content)
        draft = _Draft(
            number,
            TaskRecord(
                id=id_,
                fields={
                    "title": values["CONTENT"],
                    "priority": PRIORITIES[priority],
                    "category": self._section,
                    "parent": parent,
                },
            ),
            self._characters,
        )
        if title != content:
            cut_at = f"was cut at {MAX_TITLE_CLUSTERS} characters"
            draft.notices.append(FieldError("CONTENT", f"{cut_at}; the full text is in the description"))
            draft.describe(content)
        if values["DESCRIPTION"].strip():
            draft.describe(values["DESCRIPTION"])
        if len(self._ancestors) >= MAX_DEPTH:
            draft.notices.append(
                FieldError("INDENT", f"is more than {MAX_DEPTH} levels deep: the task was moved to a higher level")
            )
        elif len(self._ancestors) + 1 != indent:
            draft.notices.append(FieldError("INDENT", "skips a level: the task was moved to a higher level"))
        self._ancestors.append((indent, id_))
        self._date(draft, row)
        return draft

    def _title_of(self, content: str) -> str:
        if cut(content, MAX_TITLE_LENGTH, self._characters, MAX_TITLE_CLUSTERS) == content:
            return content
        return cut(content, MAX_TITLE_LENGTH - 1, self._characters, MAX_TITLE_CLUSTERS - 1).rstrip() + "…"

    def _indent(self, row: Row) -> int:
        text = row.get("INDENT", "").strip() or "1"
        if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:9]) <= 100:
            # The parent of the following rows is unknown.
            self._ancestors.clear()
            raise InvalidInput.of("INDENT", "must be a whole number from 1")
        return int(text)

    def _id(self, parent: UUID | None, content: str) -> UUID:
        base = uuid5(self._owner, f"todoist task {self._section} {parent} {content}")
        self._occurrences[base.bytes] += 1
        return uuid5(base, str(self._occurrences[base.bytes]))

    def _date(self, draft: _Draft, row: Row) -> None:
        """Set the due date. Add values without a matching field to the description."""
        due = None
        for name in ("DATE", "DEADLINE"):
            text = row.get(name, "").strip()
            found = self._moment(text, row.get("TIMEZONE", "").strip()) if text else None
            if due is None and found is not None:
                due = found
            elif text:
                _describe_value(draft, name, text)
        draft.set({"due_date": due})
        duration = row.get("DURATION", "").strip()
        if duration and duration.lower() != "none":
            _describe_value(draft, "DURATION", f"{duration} {row.get('DURATION_UNIT', '').strip()}".strip())
        if responsible := row.get("RESPONSIBLE", "").strip():
            _describe_value(draft, "RESPONSIBLE", responsible)

    def _moment(self, text: str, zone: str) -> datetime | None:
        try:
            try:
                day = date.fromisoformat(text)
            except ValueError:
                found = datetime.fromisoformat(text)
            else:
                found = datetime.combine(day, END_OF_DAY)
            if found.tzinfo is None:
                found = found.replace(tzinfo=self._zone_named(zone))
            return moment(found)
        except (ValueError, OverflowError):
            return None

    def _zone_named(self, name: str) -> ZoneInfo:
        return ZoneInfo(name) if name in time_zone_names() else self._zone


def _describe_value(draft: _Draft, name: str, text: str) -> None:
    _require_storable(name, text)
    draft.describe(f"{name.capitalize()}: {text}")
    draft.notices.append(FieldError(name, "has no matching field, and was added to the description"))


def _storable(value: str) -> str:
    require_storable(value)
    return value


def _require_storable(name: str, value: str) -> None:
    try:
        require_storable(value)
    except Refused as refused:
        raise InvalidInput.of(name, str(refused)) from None
