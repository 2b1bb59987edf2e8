"""What the tables of a copy hold. Everything here is part of a larger transaction."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

from tasktracker_client.model import Change, FieldConflict, Issue, ItemType, Mutation, Op, Result, Status


def settle(database: sqlite3.Connection, result: Result) -> Issue | None:
    """Take note of what came of an edit, and return it where it was not taken."""
    row = database.execute("SELECT * FROM outbox WHERE id = ? AND done_version IS NULL", (result.mutation,)).fetchone()
    if row is None:
        return None  # it was settled before: this answer came twice
    mutation = mutation_of(row)
    if not result.status.is_done:
        issue = Issue(
            mutation=mutation.id,
            type=mutation.type,
            op=mutation.op,
            target=mutation.target,
            status=result.status,
            data=mutation.data,
            conflicts=result.conflicts,
            problem=result.problem,
        )
        database.execute("DELETE FROM outbox WHERE id = ?", (mutation.id,))
        _keep(database, issue)
        return issue
    base, version = mutation.base_version, result.version
    is_next = mutation.op is Op.CREATE or (base is not None and version == base + 1)
    reached = version if is_next else None
    database.execute(
        "UPDATE outbox SET done_version = ?, reached = ? WHERE id = ?", (version or 0, reached, mutation.id)
    )
    if reached is not None:
        # Nobody else's edit lies between: later edits of the item were made by somebody who knew this version.
        database.execute(
            "UPDATE outbox SET base_version = ? WHERE type = ? AND target = ? AND NOT sent AND base_version IS ?",
            (reached, mutation.type, mutation.target, base),
        )
    return None


def _keep(database: sqlite3.Connection, issue: Issue) -> None:
    database.execute(
        "INSERT OR IGNORE INTO issues (mutation, type, op, target, status, data, conflicts, problem)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            issue.mutation,
            issue.type,
            issue.op,
            issue.target,
            issue.status,
            json.dumps(issue.data),
            json.dumps({name: asdict(each) for name, each in issue.conflicts.items()}),
            json.dumps(issue.problem),
        ),
    )


def apply(database: sqlite3.Connection, change: Change) -> None:
    """Put in place what was told of an item, unless something later was."""
    known = database.execute(
        "SELECT version FROM items WHERE type = ? AND id = ? AND NOT stale", (change.type, change.id)
    ).fetchone()
    if known and known[0] > change.version:
        return  # versions never go back
    put(database, change)
    database.execute(
        "DELETE FROM outbox WHERE type = ? AND target = ? AND done_version <= ?",
        (change.type, change.id, change.version),
    )


def put(database: sqlite3.Connection, change: Change) -> None:
    """Put in place what is known of an item."""
    if change.data is None:
        database.execute("DELETE FROM items WHERE type = ? AND id = ?", (change.type, change.id))
    else:
        database.execute(
            "INSERT OR REPLACE INTO items (type, id, version, data, stale) VALUES (?, ?, ?, ?, 0)",
            (change.type, change.id, change.version, json.dumps(change.data)),
        )


def keep_setting(database: sqlite3.Connection, name: str, value: str | None) -> None:
    """Keep a setting; None removes it."""
    if value is None:
        database.execute("DELETE FROM settings WHERE name = ?", (name,))
    else:
        database.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))


def mutation_of(row: tuple[Any, ...]) -> Mutation:
    """Read a row of the outbox."""
    _, name, kind, op, target, base, data, *_ = row
    return Mutation(id=name, type=ItemType(kind), op=Op(op), target=target, base_version=base, data=json.loads(data))


def issue_of(row: tuple[Any, ...]) -> Issue:
    """Read a row of the issues."""
    mutation, kind, op, target, status, data, conflicts, problem = row
    return Issue(
        mutation=mutation,
        type=ItemType(kind),
        op=Op(op),
        target=target,
        status=Status(status),
        data=json.loads(data),
        conflicts={name: FieldConflict(**each) for name, each in json.loads(conflicts).items()},
        problem=json.loads(problem),
    )


def plain(value: object) -> str:
    """Write what JSON does not know."""
    if isinstance(value, UUID):
        return str(value)
    is_without_offset = isinstance(value, datetime) and value.tzinfo is None
    if isinstance(value, date) and not is_without_offset:
        return value.isoformat()
    raise TypeError(f"cannot be sent: {value!r}")
