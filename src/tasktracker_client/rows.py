"""Reading and writing rows of a copy, within the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from tasktracker_client.errors import InvalidEdit
from tasktracker_client.items import EDITABLE, EXCLUSIVE, REFERENCES, ItemType
from tasktracker_client.model import FieldConflict, Issue, Mutation, Op, Status

# ---------------------------------------------------------------------- values


def encoded(type: ItemType, fields: Mapping[str, object]) -> dict[str, Any]:
    """Return the fields of an edit as JSON values. Raises InvalidEdit."""
    if unknown := sorted(set(fields) - EDITABLE[type]):
        raise InvalidEdit(f"A {type} has no field that can be set as {', '.join(unknown)}.")
    for name in ("start_on", "due_on"):
        if isinstance(fields.get(name), datetime):  # a datetime is a date, also for type checkers
            raise InvalidEdit(f"{name} must be a date without a time.")
    if isinstance(due := fields.get("due_date"), date) and not isinstance(due, datetime):
        raise InvalidEdit("due_date must be a date with a time.")
    try:
        # Lone surrogates raise UnicodeEncodeError.
        text = json.dumps(fields, default=_json_default, allow_nan=False, ensure_ascii=False).encode().decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidEdit(f"A value cannot be sent: {error}.") from error
    data: dict[str, Any] = json.loads(text)
    dues = [name for name in EXCLUSIVE if data.get(name) is not None]
    if len(dues) > 1:
        raise InvalidEdit("A task is due on a day or at a moment, not both.")
    if dues and type is ItemType.TASK:
        # Stated also in what is sent, because an earlier edit that this one is added to may set the other.
        data |= {name: None for name in EXCLUSIVE if name not in dues}
    for name in REFERENCES.keys() & data.keys():
        if not isinstance(data[name], str | None):
            raise InvalidEdit(f"{name} must be an id or None.")
        data[name] = canonical(data[name])
    return data


def ends_recurrence(shown: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    """Return whether a recurring task is not due any more after an edit. The server then clears its recurrence, too."""
    edited = {**shown, **data}
    return bool(shown.get("recurrence")) and "recurrence" not in data and not any(edited[name] for name in EXCLUSIVE)


def editable(type: ItemType, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a caller can set."""
    return {name: value for name, value in data.items() if name in EDITABLE[type]}


def object_of(text: str) -> dict[str, Any]:
    """Read a JSON object of a row. Raises ValueError and TypeError if it is damaged."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise TypeError("a JSON object is missing")
    return value


def canonical(id: Any) -> Any:
    """Return a UUID in lower case with hyphens, as the server writes it, and anything else unchanged."""
    try:
        return str(UUID(id))
    except (AttributeError, TypeError, ValueError):
        return id


def _json_default(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        offset = value.utcoffset()
        if offset is None or offset % timedelta(minutes=1):  # RFC 3339 has no seconds in an offset
            raise TypeError(f"{value!r} needs a UTC offset in whole minutes")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{value!r} has no JSON form")


# ----------------------------------------------------------------------- edits


def queue(database: sqlite3.Connection, type: ItemType, op: Op, target: str, data: dict[str, Any]) -> None:
    """Store an edit until it is sent. If the item's last edit was not sent, add it there; otherwise after all edits."""
    for name in REFERENCES.keys() & data.keys():
        data[name] = alias(database, REFERENCES[name], data[name])
    item = {"type": type, "id": target}
    versions = database.execute(
        "SELECT version FROM items WHERE type = :type AND id = :id UNION ALL"
        " SELECT version FROM deletions WHERE type = :type AND id = :id UNION ALL"
        " SELECT reached FROM outbox WHERE type = :type AND target = :id AND reached IS NOT NULL",
        item,
    )
    base = None if op is Op.CREATE else max((version for (version,) in versions), default=None)
    if op is Op.UPDATE and _is_added_to_last(database, item, base, data):
        return
    applied = database.execute(
        "SELECT id FROM outbox WHERE type = :type AND target = :id AND done_version > :base ORDER BY number",
        {**item, "base": base},
    )
    own = json.dumps([name for (name,) in applied])
    database.execute(
        "INSERT INTO outbox (id, type, op, target, base_version, data, own, made_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (str(uuid4()), type, op, target, base, json.dumps(data), own, _now()),
    )


def _is_added_to_last(
    database: sqlite3.Connection, item: Mapping[str, str], base: int | None, data: Mapping[str, Any]
) -> bool:
    row = database.execute(
        "SELECT * FROM outbox WHERE type = :type AND target = :id ORDER BY number DESC LIMIT 1", item
    ).fetchone()
    if row is None:
        return False
    number, last = row[0], mutation_of(row)
    if is_sent(row) or last.op not in (Op.CREATE, Op.UPDATE) or last.base_version != base:
        return False
    for name in REFERENCES.keys() & data.keys():
        # An edit must not be sent before the creation of an item to which it refers.
        later = database.execute("SELECT 1 FROM outbox WHERE target = ? AND number > ?", (data[name], number))
        if later.fetchone():
            return False
    # A changed edit gets a new id, because a copied file may have the edit under the old id.
    database.execute(
        "UPDATE outbox SET id = ?, data = ?, made_at = ? WHERE number = ?",
        (str(uuid4()), json.dumps({**last.data, **data}), _now(), number),
    )
    return True


def _now() -> str:
    return datetime.now(UTC).isoformat()


def waiting(database: sqlite3.Connection, type: ItemType, target: str) -> Sequence[Mutation]:
    """Return the edits of an item that were not sent yet."""
    found = database.execute(
        "SELECT * FROM outbox WHERE type = ? AND target = ? AND NOT sent ORDER BY number", (type, target)
    ).fetchall()
    return [mutation_of(row) for row in found]


def remove_edits(database: sqlite3.Connection, mutations: Iterable[str]) -> None:
    """Remove edits from the outbox."""
    database.executemany("DELETE FROM outbox WHERE id = ?", [(each,) for each in mutations])


def alias(database: sqlite3.Connection, type: ItemType, id: Any) -> Any:
    """Return the server's id of an item that was created with this id."""
    found = database.execute("SELECT existing FROM aliases WHERE type = ? AND id = ?", (type, id)).fetchone()
    return found[0] if found else id


def is_sent(row: tuple[Any, ...]) -> bool:
    """Return whether an edit of the outbox was sent."""
    return bool(row[7])


def mutation_of(row: tuple[Any, ...]) -> Mutation:
    """Convert a row of the outbox."""
    _, name, kind, op, target, base, data, _, _, _, own, made_at = row
    return Mutation(
        id=name,
        type=ItemType(kind),
        op=Op(op),
        target=target,
        base_version=base,
        data=object_of(data),
        own=json.loads(own),
        made_at=made_at,
    )


# ---------------------------------------------------------------------- issues


def add_issue(database: sqlite3.Connection, issue: Issue) -> None:
    """Store an issue, once for each edit."""
    database.execute(
        "INSERT OR IGNORE INTO issues (mutation, type, op, target, status, data, conflicts, problem, existing, item)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            issue.mutation,
            issue.type,
            issue.op,
            issue.target,
            issue.status,
            json.dumps(issue.data),
            json.dumps({name: asdict(each) for name, each in issue.conflicts.items()}),
            json.dumps(issue.problem),
            issue.existing,
            json.dumps(issue.item),
        ),
    )


def issues(database: sqlite3.Connection) -> Sequence[Issue]:
    """Return the issues in their order."""
    found = database.execute(
        "SELECT mutation, type, op, target, status, data, conflicts, problem, existing, item"
        " FROM issues ORDER BY number"
    ).fetchall()
    return [_issue_of(*row) for row in found]


def _issue_of(
    mutation: str,
    kind: str,
    op: str,
    target: str,
    status: str,
    data: str,
    conflicts: str,
    problem: str,
    existing: str | None,
    item: str,
) -> Issue:
    return Issue(
        mutation=mutation,
        type=ItemType(kind),
        op=Op(op),
        target=target,
        status=Status(status),
        data=object_of(data),
        conflicts={name: FieldConflict(**each) for name, each in object_of(conflicts).items()},
        problem=json.loads(problem),
        existing=existing,
        item=object_of(item),
    )
