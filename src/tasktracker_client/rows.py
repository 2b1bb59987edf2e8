"""Reading and writing rows of a copy, within the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

from tasktracker_client.model import Change, FieldConflict, Issue, ItemType, Mutation, Op, Result, Status


def settle(database: sqlite3.Connection, result: Result) -> Issue | None:
    """Store the result of an edit. Return an issue if the edit was not accepted."""
    row = database.execute("SELECT * FROM outbox WHERE id = ? AND done_version IS NULL", (result.mutation,)).fetchone()
    if row is None:
        return None  # already settled: this answer was received twice
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
        _add_issue(database, issue)
        return issue
    base, version = mutation.base_version, result.version
    is_next = mutation.op is Op.CREATE or (base is not None and version == base + 1)
    reached = version if is_next else None
    database.execute(
        "UPDATE outbox SET done_version = ?, reached = ? WHERE id = ?", (version or 0, reached, mutation.id)
    )
    if reached is not None:
        # No edits of others lie between, so later local edits of the item are based on this version.
        database.execute(
            "UPDATE outbox SET base_version = ? WHERE type = ? AND target = ? AND NOT sent AND base_version IS ?",
            (reached, mutation.type, mutation.target, base),
        )
    return None


def _add_issue(database: sqlite3.Connection, issue: Issue) -> None:
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
    """Store a change received from the server, unless a newer version is stored."""
    known = database.execute(
        "SELECT version FROM items WHERE type = ? AND id = ? AND NOT stale", (change.type, change.id)
    ).fetchone()
    if known and known[0] > change.version:
        return  # versions never decrease
    put(database, change)
    database.execute(
        "DELETE FROM outbox WHERE type = ? AND target = ? AND done_version <= ?",
        (change.type, change.id, change.version),
    )


def put(database: sqlite3.Connection, change: Change) -> None:
    """Store an item, or remove it if it was deleted."""
    if change.data is None:
        database.execute("DELETE FROM items WHERE type = ? AND id = ?", (change.type, change.id))
    else:
        database.execute(
            "INSERT OR REPLACE INTO items (type, id, version, data, stale) VALUES (?, ?, ?, ?, 0)",
            (change.type, change.id, change.version, json.dumps(change.data)),
        )


def store_setting(database: sqlite3.Connection, name: str, value: str | None) -> None:
    """Store a setting; None removes it."""
    if value is None:
        database.execute("DELETE FROM settings WHERE name = ?", (name,))
    else:
        database.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))


def mutation_of(row: tuple[Any, ...]) -> Mutation:
    """Convert a row of the outbox."""
    _, name, kind, op, target, base, data, *_ = row
    return Mutation(id=name, type=ItemType(kind), op=Op(op), target=target, base_version=base, data=json.loads(data))


def issue_of(row: tuple[Any, ...]) -> Issue:
    """Convert a row of the issues."""
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


def json_default(value: object) -> str:
    """Convert a UUID, a date, or a time with a UTC offset for JSON. Raises TypeError for other values."""
    if isinstance(value, UUID):
        return str(value)
    is_without_offset = isinstance(value, datetime) and value.tzinfo is None
    if isinstance(value, date) and not is_without_offset:
        return value.isoformat()
    raise TypeError(f"cannot be converted to JSON: {value!r}")
