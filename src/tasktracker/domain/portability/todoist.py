"""Todoist's CSV format of backups and exported projects.

Sections become categories, and tasks without a section get the category of the project. Notes are added to their task's
description. Rows have no ids. Each id is derived from the project and from the content and position of its row, so the
same file gives the same ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, tzinfo
from typing import BinaryIO
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from tasktracker.domain.categories.category import CATEGORY, MAX_NAME_LENGTH, CategoryFields, name_key
from tasktracker.domain.categories.category import MAX_DESCRIPTION_LENGTH as MAX_CATEGORY_DESCRIPTION_LENGTH
from tasktracker.domain.kernel.characters import Characters, cut
from tasktracker.domain.kernel.errors import FieldError, InvalidInput
from tasktracker.domain.kernel.fields import Refused, check, moment, require_storable
from tasktracker.domain.portability import attachments, dates, recurring_dates
from tasktracker.domain.portability.csv_rows import Problem, Row, rows
from tasktracker.domain.portability.project import Project
from tasktracker.domain.portability.record import CategoryRecord, Line, TaskRecord
from tasktracker.domain.portability.recurring_dates import Today
from tasktracker.domain.recurrence.recurrence import Recurrence
from tasktracker.domain.tasks.task import (
    MAX_DEPTH,
    MAX_DESCRIPTION_LENGTH,
    MAX_TITLE_CLUSTERS,
    MAX_TITLE_LENGTH,
    TASK,
    Priority,
    TaskFields,
)

# In files of Todoist, 4 is the default.
PRIORITIES = {"": Priority.NORMAL, "1": Priority.URGENT, "2": Priority.HIGH, "3": Priority.NORMAL, "4": Priority.NORMAL}
DATES = ("DATE", "DEADLINE")
DESCRIBED = ("DESCRIPTION", "RESPONSIBLE", "DURATION", "DURATION_UNIT", *DATES)
HEADER_LINE = 1


NO_FIELD = "has no matching field, and was added to the description"
AMBIGUOUS = "may mean two days, depending on the order of day and month, and was added to the description"
UNKNOWN_ZONE = FieldError("TIMEZONE", "is not a known time zone: the time zone of your account was used")
PROJECT_NOTE = FieldError("TYPE", "is project_note: notes about a project have no matching field")


def read(
    source: BinaryIO,
    owner: UUID,
    zone: tzinfo,
    characters: Characters,
    today: Today,
    project: Project | None = None,
    wanted: Container[int] | None = None,
) -> Iterator[Line]:
    """Yield the sections and tasks of a file, and the errors of other rows; or only lines with `wanted` numbers.

    Times without a time zone are in `zone`. Recurring tasks are due `today` or later. Raises InvalidInput before the
    first line if the file has another format.
    """
    reader = _Reader(owner, zone, characters, today, project)
    for number, row in rows(source):
        for line in reader.lines(number, row):
            if wanted is None or line.number in wanted:
                yield line
    for line in reader.flush():
        if wanted is None or line.number in wanted:
            yield line


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

    def __init__(
        self, owner: UUID, zone: tzinfo, characters: Characters, today: Today, project: Project | None
    ) -> None:
        self._owner = owner
        self._today = today
        self._zone = zone
        self._characters = characters
        self._title = TASK.new_rules(characters)["title"]
        self._project = project
        self._project_category: UUID | None = None
        self._section: UUID | None = None
        self._ancestors: list[_Ancestor] = []
        self._draft: _Draft | None = None
        self._ids = _Ids(uuid5(owner, f"todoist project {project.key}") if project else owner)
        self._former_ids = _Ids(owner) if project else None

    def lines(self, number: int, row: Row | Problem) -> Iterator[Line]:
        if isinstance(row, tuple):
            yield from self.flush()
            finding, is_skipped = row
            yield Line(number, errors=(finding,)) if is_skipped else Line(number, notices=(finding,))
            return
        kind = row["TYPE"].strip().lower()
        if kind != "note":
            yield from self.flush()
        try:
            if kind == "task":
                yield from self._begin_project()
                self._draft = self._task(number, row)
            elif kind == "note":
                self._note(row)
            elif kind == "section":
                yield self._begin_section(number, row)
            elif kind == "project_note":
                yield Line(number, errors=(PROJECT_NOTE,))
            elif kind != "meta":
                raise InvalidInput.of("TYPE", "must be task, section, note or meta")
        except InvalidInput as invalid:
            yield Line(number, errors=invalid.errors)

    def flush(self) -> Iterator[Line]:
        """Yield the task whose notes have all been read."""
        if self._draft is not None:
            yield self._draft.line()
            self._draft = None

    def _begin_project(self) -> Iterator[Line]:
        """Yield the category of the project before its first task without a section."""
        if self._project is not None and self._section is None and self._project_category is None:
            fields: CategoryFields = {"name": self._project.category}
            self._project_category = self._category_id(fields)
            record = CategoryRecord(id=self._project_category, fields=fields)
            yield Line(HEADER_LINE, record, notices=self._project.notices)

    def _begin_section(self, number: int, row: Row) -> Line:
        self._ancestors.clear()
        self._section = None
        content, description = row.get("CONTENT", "").strip(), row.get("DESCRIPTION", "")
        notices = []
        if len(content) > MAX_NAME_LENGTH:
            content = cut(content, MAX_NAME_LENGTH, self._characters)
            notices.append(FieldError("CONTENT", f"was cut at {MAX_NAME_LENGTH} characters"))
        if len(description) > MAX_CATEGORY_DESCRIPTION_LENGTH:
            description = cut(description, MAX_CATEGORY_DESCRIPTION_LENGTH, self._characters)
            notices.append(FieldError("DESCRIPTION", f"was cut at {MAX_CATEGORY_DESCRIPTION_LENGTH} characters"))
        fields = check(CATEGORY.new_rules(self._characters), CategoryFields(name=content, description=description))
        self._section = self._category_id(fields)
        return Line(number, CategoryRecord(id=self._section, fields=fields), notices=tuple(notices))

    def _category_id(self, fields: CategoryFields) -> UUID:
        return uuid5(self._owner, f"todoist section {name_key(fields['name'])}")

    def _note(self, row: Row) -> None:
        content = row.get("CONTENT", "").strip()
        if self._draft is None:
            raise InvalidInput.of("TYPE", "is note, but no imported task precedes it")
        described = attachments.as_links(content)
        _require_storable(described)
        self._draft.describe(described)

    def _task(self, number: int, row: Row) -> _Draft:
        indent = self._indent(row)
        self._ancestors = [each for each in self._ancestors if each.indent < indent]
        content, priority = row.get("CONTENT", "").strip(), row.get("PRIORITY", "").strip()
        errors = [] if priority in PRIORITIES else [FieldError("PRIORITY", "must be 1 to 4")]
        _require_storable(content)
        title = self._title_of(content)
        rules = {"CONTENT": self._title} | dict.fromkeys(DESCRIBED, _storable)
        values = check(rules, {name: row.get(name, "") for name in rules} | {"CONTENT": title}, also=errors)
        parents = self._ancestors[: MAX_DEPTH - 1]
        parent = parents[-1] if parents else None
        parent_id = parent.id if parent else None
        id_ = self._ids.next(self._section, parent_id, content)
        former_id = id_
        if self._former_ids is not None:
            former_id = self._former_ids.next(self._section, parent.former_id if parent else None, content)
        fields: TaskFields = {
            "title": values["CONTENT"],
            "priority": PRIORITIES[priority],
            "category": self._section or self._project_category,
            "parent": parent_id,
        }
        draft = _Draft(number, TaskRecord(id=id_, former_id=former_id, fields=fields), self._characters)
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
        self._ancestors.append(_Ancestor(indent, id_, former_id))
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
            raise InvalidInput.of("INDENT", "must be a whole number from 1 to 100")
        return int(text)

    def _date(self, draft: _Draft, row: Row) -> None:
        """Set the due day or moment. Add values without a matching field to the description."""
        due: date | None = None
        for name in DATES:
            text = row.get(name, "").strip()
            found = dates.read(text, row.get(f"{name}_LANG", "")) if text else []
            dues = [at for each in found if (at := self._due(each, draft, row)) is not None]
            if text and not found and name == "DATE" and (recurring := self._recurring(text, draft, row)):
                rule, due = recurring
                draft.set({"recurrence": rule})
            elif due is None and len(dues) == 1:
                due = dues[0]
            elif text:
                _describe_value(draft, name, text, AMBIGUOUS if len(dues) > 1 else NO_FIELD)
        if isinstance(due, datetime):
            draft.set({"due_date": due})
        else:
            draft.set({"due_on": due})
        duration = row.get("DURATION", "").strip()
        if duration and duration.lower() != "none":
            _describe_value(draft, "DURATION", f"{duration} {row.get('DURATION_UNIT', '').strip()}".strip())
        if responsible := row.get("RESPONSIBLE", "").strip():
            _describe_value(draft, "RESPONSIBLE", responsible)

    def _due(self, at: date | datetime, draft: _Draft, row: Row) -> date | datetime | None:
        """Return a day unchanged, and a date with a time as a moment; None if UTC has no such time."""
        if not isinstance(at, datetime):
            return at
        if at.tzinfo is None:
            at = at.replace(tzinfo=self._zone_of(draft, row))
        try:
            return moment(at)
        except Refused:
            return None

    def _recurring(self, text: str, draft: _Draft, row: Row) -> tuple[Recurrence, date] | None:
        """Return the recurrence of a task, and when it is due. Only tasks without a parent recur."""
        found = recurring_dates.read(text, row.get("DATE_LANG", ""))
        if found is None or draft.record.parent is not None:
            return None
        zone = self._zone_of(draft, row)
        return self._today.due(found, zone) if isinstance(zone, ZoneInfo) else None

    def _zone_of(self, draft: _Draft, row: Row) -> tzinfo:
        name = row.get("TIMEZONE", "").strip()
        zone = dates.zone_named(name) if name else self._zone
        if zone is None:
            draft.notices.append(UNKNOWN_ZONE)
        return zone or self._zone


@dataclass(frozen=True, slots=True)
class _Ancestor:
    indent: int
    id: UUID
    former_id: UUID


class _Ids:
    """The ids of tasks, in a namespace. Equal rows at the same place are counted."""

    def __init__(self, namespace: UUID) -> None:
        self._namespace = namespace
        self._occurrences: Counter[bytes] = Counter()

    def next(self, section: UUID | None, parent: UUID | None, content: str) -> UUID:
        base = uuid5(self._namespace, f"todoist task {section} {parent} {content}")
        self._occurrences[base.bytes] += 1
        return uuid5(base, str(self._occurrences[base.bytes]))


def _describe_value(draft: _Draft, name: str, text: str, notice: str = NO_FIELD) -> None:
    draft.describe(f"{name.capitalize()}: {text}")
    draft.notices.append(FieldError(name, notice))


def _storable(value: str) -> str:
    require_storable(value)
    return value


def _require_storable(content: str) -> None:
    try:
        require_storable(content)
    except Refused as refused:
        raise InvalidInput.of("CONTENT", str(refused)) from None
