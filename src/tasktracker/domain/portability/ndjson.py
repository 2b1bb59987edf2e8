"""The format of exports: one JSON object with a `type` on each line. The first line is a header, the last an end."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from types import NoneType
from typing import Any, BinaryIO, NoReturn, cast, get_args
from uuid import UUID

from tasktracker.domain.accounts.user import USER, User
from tasktracker.domain.categories.category import CATEGORY, Category, CategoryMember
from tasktracker.domain.kernel.errors import FieldError, InvalidInput
from tasktracker.domain.kernel.fields import EditableFields, Refused, Rule, check, moment, optional
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.portability.lines import MAX_LINE_LENGTH, NOT_UTF8, TOO_LONG, advice, numbered_lines, printable
from tasktracker.domain.portability.record import MAX_VERSION, CategoryRecord, Line, TaskRecord
from tasktracker.domain.recurrence.recurrence import (
    NOT_DUE,
    RECURRENCE,
    SUBTASK,
    Anchor,
    Recurrence,
    Slot,
    slot_text,
    to_json,
)
from tasktracker.domain.reminders.reminder import MAX_REMINDERS, REMINDER, Reminder, ReminderFields
from tasktracker.domain.tasks.policy import role_of, visible_category
from tasktracker.domain.tasks.task import TASK, Priority, State, Task

FORMAT = "tasktracker"
VERSION = 5
READ_VERSIONS = range(1, VERSION + 1)
# These are the forms of the HTTP API. Python's parsers would accept more.
UUID_FORM = re.compile(r"[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
TIME_FORM = re.compile(
    r"\d{4}-\d\d-\d\d[t ]\d\d:\d\d:\d\d(\.\d+)?(z|[+-]\d\d:\d\d)?", re.ASCII | re.IGNORECASE
)  # the rule `moment` requires an offset

DAY_FORM = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

REPEATED_ID = FieldError("id", "is in an earlier line of the file, with other content")

# ------------------------------------------------------------------ writing


def header(now: datetime) -> bytes:
    """Return the first line, with the format and its version."""
    return _line("header", format=FORMAT, version=VERSION, exported_at=now)


def profile(user: User) -> bytes:
    """Return the line of the user, without secrets."""
    return _line("profile", id=user.id, **USER.of(user), created_at=user.created_at)


def category(each: Category, viewer: UUID, names: Mapping[UUID, str]) -> bytes:
    """Return the line of a category as a user sees it. `names` has the usernames of its owner and its members."""
    own = each.user_id == viewer
    return _line(
        "category",
        id=each.id,
        own=own,
        owner=names.get(each.user_id),
        **CATEGORY.of(each),
        created_at=each.created_at,
        updated_at=each.updated_at,
        version=each.version,
        members=_named(each.members if own else (), names),
    )


def task(each: Task, viewer: UUID, names: Mapping[UUID, str], reminders: Sequence[Reminder]) -> bytes:
    """Return the line of a task as a user sees it, with the user's reminders.

    `names` has the usernames of its owner, creator and members.
    """
    own = role_of(each, viewer) is Role.OWNER
    return _line(
        "task",
        id=each.id,
        own=own,
        owner=names.get(each.owner),
        created_by=names.get(each.created_by) if each.created_by else None,
        **{**TASK.of(each), "category": visible_category(each, viewer)},
        created_at=each.created_at,
        updated_at=each.updated_at,
        completed_at=each.completed_at,
        series=each.series,
        slot=slot_text(each.occurrence.slot) if each.occurrence else None,
        next=each.next,
        trashed_at=each.trashed_at,
        trashed_with=each.trashed_with,
        version=each.version,
        members=_named(each.members if own else (), names),
        reminders=[{"at": each.at} if each.before is None else {"before": each.before} for each in reminders],
    )


def _named(members: Iterable[Member | CategoryMember], names: Mapping[UUID, str]) -> Sequence[Mapping[str, str]]:
    return [{"username": names[each.user_id], "role": str(each.role)} for each in members if each.user_id in names]


def end(categories: int, tasks: int) -> bytes:
    """Return the last line. An export without it is incomplete."""
    return _line("end", categories=categories, tasks=tasks)


def _line(type_: str, **fields: Any) -> bytes:
    line = {"type": type_, **fields}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"), default=_text).encode() + b"\n"


def _text(value: object) -> object:
    if isinstance(value, Recurrence):
        return to_json(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)  # an id


# ------------------------------------------------------------------ reading


def read(source: BinaryIO, wanted: Container[int] | None = None) -> Iterator[Line]:
    """Yield the categories and tasks of an export, and the errors of other lines; or only lines with `wanted` numbers.

    Raises InvalidInput before the first line if the file is not an export in a supported version.
    """
    if wanted is None:
        _require_header(source)
    number, complete = 1, False
    seen: Counter[object] = Counter()
    contents: dict[int, int] = {}
    for number, raw in numbered_lines(source, wanted):
        if number == 1 or (raw is not None and not raw.strip()):
            continue
        if complete:
            yield Line(number, errors=(FieldError("line", "follows the end of the export"),))
            continue
        try:
            read = _object(raw)
        except InvalidInput as invalid:
            seen[None] += 1
            yield Line(number, errors=invalid.errors)
            continue
        type_ = read.get("type")
        complete = type_ == "end"
        if complete and (missing := tuple(_missing_lines(read, seen))):
            yield Line(number, notices=missing)
        try:
            record = _record(read)
        except InvalidInput as invalid:
            yield Line(number, errors=invalid.errors)
        else:
            # Hashes, because a file may have half a million ids.
            content = hash(raw.strip()) if raw else 0
            if record and contents.setdefault(hash((type_, record.id)), content) != content:
                yield Line(number, errors=(REPEATED_ID,))
            elif record:
                yield Line(number, record)
        seen[type_ if isinstance(type_, str) else None] += 1
    if wanted is None and not complete:
        no_end = FieldError("line", "is missing: the export is incomplete, because it has no line of type end")
        yield Line(number + 1, notices=(no_end,))


def _missing_lines(end: Mapping[str, Any], seen: Mapping[object, int]) -> Iterator[FieldError]:
    """Compare the counts in the last line with the lines seen. Lines of type `None` may be of any type."""
    for name, type_ in (("categories", "category"), ("tasks", "task")):
        expected = end.get(name)
        if isinstance(expected, int) and expected > seen.get(type_, 0) + seen.get(None, 0):
            yield FieldError(name, f"should be {expected} according to the last line, but are {seen.get(type_, 0)}")


def _require_header(source: BinaryIO) -> None:
    source.seek(0)
    first = source.readline(MAX_LINE_LENGTH)
    try:
        found = _object(first)
    except InvalidInput:
        found = {}
    if found.get("type") != "header" or found.get("format") != FORMAT:
        expected = f'{{"type":"header","format":"{FORMAT}", …}}'
        raise InvalidInput.of("body", f"must begin with a line {expected}{advice(first, is_csv=False)}")
    version = found.get("version")
    # In Python, true and 1.0 equal 1.
    if type(version) is not int or version not in READ_VERSIONS:
        supported = " or ".join(str(version) for version in READ_VERSIONS)
        raise InvalidInput.of("body", f"must be in version {supported} of the format")


def _object(raw: bytes | None) -> dict[str, Any]:
    """Read a line. Raises InvalidInput."""
    if raw is None:
        raise InvalidInput(TOO_LONG)
    try:
        value = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_pairs, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise InvalidInput(NOT_UTF8) from None
    except RecursionError:
        raise InvalidInput.of("line", "is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise InvalidInput.of("line", f"is not valid JSON: {error.msg} at character {error.pos + 1}") from None
    except ValueError:  # more digits than Python's limit
        raise InvalidInput.of("line", "contains a number with too many digits") from None
    if not isinstance(value, dict):
        raise InvalidInput.of("line", "must be a JSON object")
    return value


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise InvalidInput.of("line", "has a duplicate field")
    return read


def _no_constant(name: str) -> Any:
    raise InvalidInput.of("line", f"is not valid JSON: {name} is not a number")


def _record(read: dict[str, Any]) -> CategoryRecord | TaskRecord | None:
    type_ = read.pop("type", None)
    if type_ == "task":
        values = _checked(_TASK, read, ("id", "title"))
        values["members"] = tuple(values.get("members", ()))
        values["reminders"] = tuple(values.get("reminders", ()))
        errors = list(_task_errors(values))
        if errors:
            raise InvalidInput(*errors)
        return TaskRecord(**_as_record(values, TASK))
    if type_ == "category":
        values = _checked(_CATEGORY, read, ("id", "name"))
        values["members"] = tuple(values.get("members", ()))
        errors = list(_time_errors(values))
        if errors:
            raise InvalidInput(*errors)
        return CategoryRecord(**_as_record(values, CATEGORY))
    if type_ in ("profile", "end"):
        return None
    raise InvalidInput.of("type", "must be profile, category, task or end")


def _as_record(values: dict[str, Any], editable: EditableFields[Any]) -> dict[str, Any]:
    """Return the values as arguments of a record, with the editable fields in `fields`."""
    fields = {name: values.pop(name) for name in editable.names if name in values}
    return {**values, "fields": fields}


def _checked(rules: Mapping[str, Rule], read: dict[str, Any], required: tuple[str, ...]) -> dict[str, Any]:
    unknown = [FieldError(printable(name), "is not a field of this type") for name in read if name not in rules]
    return check(rules, read, required=required, also=unknown)


def _task_errors(values: Mapping[str, Any]) -> Iterator[FieldError]:
    yield from _time_errors(values)
    if values.get("completed_at") and values.get("state") is not State.DONE:
        yield FieldError("completed_at", "must be null unless the state is done")
    if values.get("trashed_with") and not values.get("trashed_at"):
        yield FieldError("trashed_with", "must be null unless the task is in the trash")
    if values.get("due_on") is not None and values.get("due_date") is not None:
        yield FieldError("due_date", "must be null if due_on is set")
    if values.get("recurrence") is not None:
        if values.get("due_on") is None and values.get("due_date") is None:
            yield NOT_DUE
        if values.get("parent") is not None:
            yield SUBTASK
    if values.get("parent") is not None and values.get("parent") == values.get("id"):
        yield FieldError("parent", "must not be the task itself")


def _time_errors(values: Mapping[str, Any]) -> Iterator[FieldError]:
    created, updated = values.get("created_at"), values.get("updated_at")
    if updated and not created:
        yield FieldError("created_at", "is required if updated_at is given")
    elif updated and updated < created:
        yield FieldError("updated_at", "must not be earlier than created_at")


def _typed(type_: type, name: str, rule: Rule) -> Rule:
    def typed(value: object) -> Any:
        # In Python, bool is a subclass of int.
        if not isinstance(value, type_) or isinstance(value, bool):
            raise Refused(f"must be {name}")
        return rule(value)

    return typed


def _one_of(type_: type[Priority | State | Anchor]) -> Rule:
    def rule(value: Any) -> Any:
        try:
            return type_(value)
        except ValueError:
            raise Refused(f"must be one of {', '.join(str(each.value) for each in type_)}") from None

    return rule


def _uuid(value: str) -> UUID:
    if not UUID_FORM.fullmatch(value):
        raise Refused("is not a UUID")
    return UUID(value)


def _moment(value: str) -> datetime:
    try:
        found = datetime.fromisoformat(value.upper()) if TIME_FORM.fullmatch(value) else None
    except ValueError:
        found = None
    if found is None:
        raise Refused("is not a time, as in 2026-01-31T12:00:00Z")
    return moment(found)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Refused("must be true or false")
    return value


def _version(value: int) -> int:
    if not 1 <= value <= MAX_VERSION:
        raise Refused(f"must be 1 to {MAX_VERSION}")
    return value


def _members(value: list[Any]) -> list[str]:
    named = [each.get("username") for each in value if isinstance(each, dict)]
    if len(named) != len(value) or not all(isinstance(name, str) for name in named):
        raise Refused("must be a list of objects with a username and a role")
    return [printable(name) for name in named if isinstance(name, str)]


def _reminders(value: list[Any]) -> list[ReminderFields]:
    try:
        read = [_checked(_REMINDER, each if isinstance(each, dict) else {}, ()) for each in value]
    except InvalidInput:
        read = [{}]
    found = [REMINDER.complete(cast(ReminderFields, each)) for each in read]
    if len(found) > MAX_REMINDERS or any((each["at"] is None) is (each["before"] is None) for each in found):
        raise Refused(f"must be a list of at most {MAX_REMINDERS} objects, each with at or before")
    return found


def _day(value: str) -> date:
    try:
        return date.fromisoformat(value) if DAY_FORM.fullmatch(value) else _refuse_day()
    except ValueError:
        return _refuse_day()


def _refuse_day() -> NoReturn:
    raise Refused("is not a date, as in 2026-01-31")


def _slot(value: str) -> Slot:
    return _day(value) if DAY_FORM.fullmatch(value) else _moment(value)


def _recurrence(value: dict[str, Any]) -> Recurrence:
    read = _checked(_RECURRENCE, value, RECURRENCE.required)
    return Recurrence(**{f"{name}_" if name == "from" else name: each for name, each in read.items()})


_ID = _typed(str, "text", _uuid)
_SLOT = _typed(str, "text", _slot)
_TIME = _typed(str, "text", _moment)
_VERSION = _typed(int, "a whole number", _version)
_READERS: Mapping[type, Rule] = {
    str: _typed(str, "text", lambda value: value),
    datetime: _TIME,
    date: _typed(str, "text", _day),
    UUID: _ID,
    Priority: _typed(int, "a whole number", _one_of(Priority)),
    State: _typed(str, "text", _one_of(State)),
    Recurrence: _typed(dict, "an object", _recurrence),
}


def _readers(editable: EditableFields[Any]) -> dict[str, Rule]:
    """Return the rules for reading the editable fields of an entity. Each checks the type, then the own rule."""
    return {name: _reader(name, editable.types[name], editable.rules.get(name)) for name in editable.names}


def _reader(name: str, annotation: Any, rule: Rule | None) -> Rule:
    (type_,) = (each for each in get_args(annotation) or (annotation,) if each is not NoneType)
    if type_ not in _READERS:
        raise TypeError(f"no reader for the type {type_.__name__} of the field {name}")
    read = _READERS[type_]
    checked: Rule = read if rule is None else lambda value: rule(read(value))
    return optional(checked) if NoneType in get_args(annotation) else checked


_RECURRENCE: Mapping[str, Rule] = {
    "rule": _READERS[str],
    "time_zone": _READERS[str],
    "from": _typed(str, "text", _one_of(Anchor)),
    "start": optional(_SLOT),
}
_MEMBERS = _typed(list, "a list", _members)
_NAME = optional(_typed(str, "text", printable))
_CATEGORY: Mapping[str, Rule] = {
    "id": _ID,
    "own": _flag,
    "owner": _NAME,
    **_readers(CATEGORY),
    "created_at": optional(_TIME),
    "updated_at": optional(_TIME),
    "version": _VERSION,
    "members": _MEMBERS,
}
_REMINDER = _readers(REMINDER)
_TASK: Mapping[str, Rule] = {
    "id": _ID,
    "own": _flag,
    "owner": _NAME,
    "created_by": _NAME,
    **_readers(TASK),
    "created_at": optional(_TIME),
    "updated_at": optional(_TIME),
    "completed_at": optional(_TIME),
    "series": optional(_ID),
    "slot": optional(_SLOT),
    "next": optional(_ID),
    "trashed_at": optional(_TIME),
    "trashed_with": optional(_ID),
    "version": _VERSION,
    "members": _MEMBERS,
    "reminders": _typed(list, "a list", _reminders),
}
