"""The items as the user sees them: as received from the server, with the edits of the outbox applied."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tasktracker_client.items import CLASSES, DEFAULTS, Category, ItemType, Task
from tasktracker_client.model import Op
from tasktracker_client.rows import mutation_of, object_of

Items = dict[str, Task | Category]


def view(database: sqlite3.Connection, type: ItemType, id: str | None = None) -> Sequence[Task | Category]:
    """Return all items of a type, or the one with this id, with all edits applied in their order."""
    shown, _ = _states(database, type, id)
    return [item for key, item in shown.items() if id in (None, key)]


def last_shown(database: sqlite3.Connection, type: ItemType, id: str) -> Mapping[str, Any]:
    """Return the data of an item as it was shown last, also if an edit deletes it; {} if it is unknown."""
    shown, deleted = _states(database, type, id)
    item = shown.get(id) or deleted.get(id)
    return item.data if item else {}


def _states(database: sqlite3.Connection, type: ItemType, id: str | None) -> tuple[Items, Items]:
    """Return the items that are shown, and those that were deleted, by their ids: all, or at least the one."""
    make = CLASSES[type]

    def item(row: tuple[str, int, str]) -> Task | Category:
        return make(row[0], row[1], {**DEFAULTS[type], **object_of(row[2])})

    ids = None if id is None else json.dumps(list(_with_ancestors(database, id) if type is ItemType.TASK else [id]))
    some = {"type": type, "ids": ids}
    where = "type = :type AND (:ids IS NULL OR {} IN (SELECT value FROM json_each(:ids)))"
    found = database.execute(
        f"SELECT id, version, data FROM items WHERE {where.format('id')} ORDER BY id",  # noqa: S608
        some,
    )
    shown = {row[0]: item(row) for row in found}
    found = database.execute(f"SELECT * FROM outbox WHERE {where.format('target')} ORDER BY number", some)  # noqa: S608
    edits = [mutation_of(row) for row in found]
    deleted, together = Items(), dict[str, str]()  # the items, and which of them were deleted at once
    if any(edit.op is Op.RESTORE for edit in edits):
        found = database.execute(
            "SELECT id, version, data, deleted_at FROM deletions"  # noqa: S608
            f" WHERE data IS NOT NULL AND {where.format('id')} ORDER BY id",
            some,
        )
        for row in found:
            deleted[row[0]], together[row[0]] = item(row[:3]), row[3]
    for edit in edits:
        target, data = edit.target, edit.data
        known = shown.get(target)
        if edit.op is Op.CREATE:
            fields = {**DEFAULTS[type], **(known.data if known else {"id": target}), **data}
            shown[target] = make(target, known.version if known else None, fields, is_pending=True)
        elif edit.op is Op.UPDATE and known:
            shown[target] = _edited(known, data)
        elif edit.op is Op.DELETE and known:
            for each in _tree(shown, target):
                deleted[each], together[each] = shown.pop(each), edit.id
        elif edit.op is Op.RESTORE and target in deleted:
            with_it = {key: each for key, each in deleted.items() if together[key] == together[target]}
            for key in _tree(with_it, target):
                shown[key] = _edited(deleted.pop(key), {})
            if shown[target].data["parent"] not in list(shown):
                shown[target] = _edited(shown[target], {"parent": None})
    if type is ItemType.TASK:
        found = database.execute("SELECT target FROM outbox WHERE type = 'category' AND op = 'delete'")
        gone = [row[0] for row in found]
        shown = {
            key: _edited(each, {"category": None}) if each.data["category"] in gone else each
            for key, each in shown.items()
        }
        if edits:
            shown = _with_lists(database, shown)
    return shown, deleted


def _with_lists(database: sqlite3.Connection, shown: Items) -> Items:
    """Show subtasks in the shared category of their topmost task, and in no other shared category."""
    found = database.execute(
        "SELECT id FROM items WHERE type = 'category' AND json_array_length(data, '$.members') > 0"
    ).fetchall()
    shared = {row[0] for row in found}
    for key, item in list(shown.items()) if shared else ():
        root = shown[_tree_above(shown, key)[-1]].data["category"]
        if item.data["category"] != root and shared & {item.data["category"], root}:
            shown[key] = _edited(item, {"category": root if root in shared else None})
    return shown


def _tree_above(items: Items, id: str) -> Sequence[str]:
    """Return the ids of an item and of all items above it."""
    found = [id]
    while (parent := items[found[-1]].data.get("parent")) in items and parent not in found:
        found.append(parent)
    return found


def _edited(item: Task | Category, data: Mapping[str, Any]) -> Task | Category:
    return replace(item, data={**item.data, **data}, is_pending=True)


def _tree(items: Items, root: str) -> Sequence[str]:
    """Return the ids of an item and of all items below it."""
    found = [root]
    for each in found:  # grows meanwhile
        found += [key for key, item in items.items() if item.data.get("parent") == each and key not in found]
    return found


def _with_ancestors(database: sqlite3.Connection, id: str) -> set[str]:
    """Return the ids of a task and of all tasks that are or were above it: they are deleted and restored with it."""
    found, new = set[str](), {id}
    while new:
        found |= new
        parents = database.execute(
            "WITH new AS (SELECT value FROM json_each(?))"
            " SELECT json_extract(data, '$.parent') FROM items WHERE type = 'task' AND id IN new"
            " UNION SELECT json_extract(data, '$.parent') FROM outbox WHERE type = 'task' AND target IN new"
            " UNION SELECT json_extract(data, '$.parent') FROM deletions WHERE type = 'task' AND id IN new",
            (json.dumps(list(new)),),
        )
        new = {parent for (parent,) in parents if parent} - found
    return found
