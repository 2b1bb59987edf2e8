"""Storing the result of a sent edit, within the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from tasktracker_client import rows, shown
from tasktracker_client.items import REFERENCES, ItemType
from tasktracker_client.model import Issue, Mutation, Op, Result, Status


def settle(database: sqlite3.Connection, result: Result) -> Issue | None:
    """Store the result of an edit. Return an issue if the server did not accept the edit as a whole."""
    row = database.execute("SELECT * FROM outbox WHERE id = ? AND done_version IS NULL", (result.mutation,)).fetchone()
    if row is None:
        return None  # already settled: this answer was received twice
    mutation = rows.mutation_of(row)
    issue = _done(database, mutation, result) if result.status.is_done else _refused(database, mutation, result)
    if issue is not None:
        rows.add_issue(database, issue)
    return issue


def _done(database: sqlite3.Connection, mutation: Mutation, result: Result) -> Issue | None:
    base, version = mutation.base_version, result.version
    is_next = mutation.op is Op.CREATE or (base is not None and version == base + 1)
    reached = version if is_next else None
    database.execute("UPDATE outbox SET done_version = ?, reached = ? WHERE id = ?", (version, reached, mutation.id))
    unsent = "type = ? AND target = ? AND NOT sent"
    if is_next:
        # Others made no edits between `base` and this version, so later local edits of the item are based on it.
        database.execute(
            f"UPDATE outbox SET base_version = ?, own = '[]' WHERE {unsent} AND base_version IS ?",  # noqa: S608
            (version, mutation.type, mutation.target, base),
        )
    database.execute(
        f"UPDATE outbox SET own = json_insert(own, '$[#]', ?) WHERE {unsent} AND base_version < ?",  # noqa: S608
        (mutation.id, mutation.type, mutation.target, version),
    )
    return _dropped(database, mutation, result)


def _dropped(database: sqlite3.Connection, mutation: Mutation, result: Result) -> Issue | None:
    """Set fields again that the server left out because they refer to an item that has another id on the server."""
    later = {name for edit in rows.waiting(database, mutation.type, mutation.target) for name in edit.data}
    data: dict[str, Any] = {}
    for name in set(result.dropped) & mutation.data.keys() - later:
        value = mutation.data[name]
        existing = rows.alias(database, REFERENCES[name], value) if name in REFERENCES else value
        if existing == value:
            data[name] = value
        else:
            rows.queue(database, mutation.type, Op.UPDATE, mutation.target, {name: existing})
    if not data:
        return None
    return _issue(database, mutation, result, status=Status.PARTIAL, op=Op.UPDATE, data=data)


def _refused(database: sqlite3.Connection, mutation: Mutation, result: Result) -> Issue | None:
    data, is_deleted = dict(mutation.data), False
    if mutation.op is Op.CREATE:
        # The item's later edits cannot be applied, either. They become part of the issue.
        later = rows.waiting(database, mutation.type, mutation.target)
        for edit in later:
            data.update(edit.data)
            is_deleted = edit.op is Op.DELETE
        rows.remove_edits(database, [edit.id for edit in later])
        if result.existing is not None and mutation.type is ItemType.CATEGORY:
            _use_existing(database, mutation.target, result.existing)
    issue = _issue(database, mutation, result, status=result.status, op=mutation.op, data=data)
    rows.remove_edits(database, [mutation.id])
    return None if is_deleted else issue


def _use_existing(database: sqlite3.Connection, target: str, existing: str) -> None:
    """Use an existing category instead of one created here, also in edits of tasks that were not sent."""
    database.execute("INSERT OR REPLACE INTO aliases VALUES (?, ?, ?)", (ItemType.CATEGORY, target, existing))
    unsent = database.execute("SELECT id, data FROM outbox WHERE type = ? AND NOT sent", (ItemType.TASK,)).fetchall()
    for name, text in unsent:
        data = rows.object_of(text)
        if data.get("category") == target:
            # A changed edit gets a new id, because a copied file may have the edit under the old id.
            database.execute(
                "UPDATE outbox SET id = ?, data = ? WHERE id = ?",
                (str(uuid4()), json.dumps({**data, "category": existing}), name),
            )


def _issue(
    database: sqlite3.Connection, mutation: Mutation, result: Result, *, status: Status, op: Op, data: Mapping[str, Any]
) -> Issue:
    return Issue(
        mutation=mutation.id,
        type=mutation.type,
        op=op,
        target=mutation.target,
        status=status,
        data=data,
        conflicts=result.conflicts,
        problem=result.problem,
        existing=result.existing,
        item=shown.last_shown(database, mutation.type, mutation.target),
    )
