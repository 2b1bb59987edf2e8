"""Storing items received from the server, within the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from tasktracker_client import rows
from tasktracker_client.items import EDITABLE, ItemType
from tasktracker_client.model import Change, Issue, Op, Status
from tasktracker_client.shown import last_shown


def apply(database: sqlite3.Connection, change: Change, at: str) -> Issue | None:
    """Store a change received from the server at this time, unless a newer version is stored.

    Return an issue if the stored item or its deletion was newer than the change, because the server was restored from a
    backup.
    """
    row = database.execute(
        "SELECT version, stale, data FROM items WHERE type = ? AND id = ?", (change.type, change.id)
    ).fetchone()
    if row and not row[1] and row[0] > change.version:
        return None  # versions never decrease
    deletion = database.execute(
        "SELECT version FROM deletions WHERE type = ? AND id = ?", (change.type, change.id)
    ).fetchone()
    lost = None
    if row and row[1] and row[0] >= change.version:
        # The same version has other values only if the server was restored from a backup: this is a later edit.
        old, new = rows.object_of(row[2]), change.data or {}
        if data := {name: old[name] for name in EDITABLE[change.type] & old.keys() if old[name] != new.get(name)}:
            lost = lost_issue(change.type, change.id, Op.UPDATE, data, old)
    elif deletion and change.data is not None and deletion[0] >= change.version:
        lost = lost_issue(change.type, change.id, Op.DELETE, {}, change.data)
    put(database, change, at)
    database.execute(
        "DELETE FROM outbox WHERE type = ? AND target = ? AND done_version <= ?",
        (change.type, change.id, change.version),
    )
    return lost


def put(database: sqlite3.Connection, change: Change, at: str) -> None:
    """Store an item, or remove it if it was deleted."""
    if change.data is None:
        if not change.is_revoked:
            made_here = last_shown(database, change.type, change.id)  # may never have been received
            database.execute(
                "INSERT OR REPLACE INTO deletions (type, id, version, deleted_at, data) VALUES (:type, :id, :version,"
                " :at, coalesce((SELECT data FROM items WHERE type = :type AND id = :id),"
                " (SELECT data FROM deletions WHERE type = :type AND id = :id), :made_here))",
                {
                    "type": change.type,
                    "id": change.id,
                    "version": change.version,
                    "at": at,
                    "made_here": json.dumps(made_here) if made_here else None,
                },
            )
        database.execute("DELETE FROM items WHERE type = ? AND id = ?", (change.type, change.id))
        if change.is_revoked and change.type is ItemType.CATEGORY:
            # The server sends again the tasks that the user still sees.
            database.execute(
                "DELETE FROM items WHERE type = 'task' AND json_extract(data, '$.category') = ?", (change.id,)
            )
    else:
        database.execute("DELETE FROM deletions WHERE type = ? AND id = ?", (change.type, change.id))
        database.execute(
            "INSERT OR REPLACE INTO items (type, id, version, data, stale) VALUES (?, ?, ?, ?, 0)",
            (change.type, change.id, change.version, json.dumps(change.data)),
        )


def put_own_deletions(database: sqlite3.Connection, at: str) -> None:
    """Store the accepted deletions of items that were never received, because a full state does not contain them."""
    found = database.execute(
        "SELECT type, target, done_version FROM outbox WHERE op = 'delete' AND done_version IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM items WHERE items.type = outbox.type AND items.id = target)"
    )
    for kind, target, version in found.fetchall():
        put(database, Change(ItemType(kind), target, version, None), at)


def lost_issue(type: ItemType, id: str, op: Op, data: Mapping[str, Any], item: Mapping[str, Any]) -> Issue:
    """Return an issue for data that the server no longer has."""
    data = rows.editable(type, data)
    return Issue(mutation=str(uuid4()), type=type, op=op, target=id, status=Status.LOST, data=data, item=item)
