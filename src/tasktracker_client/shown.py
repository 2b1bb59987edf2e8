"""The items as the user sees them: as received from the server, with the edits of the outbox applied."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tasktracker_client.items import CLASSES, DEFAULTS, Category, ItemType, Task
from tasktracker_client.model import Mutation, Op
from tasktracker_client.rows import mutation_of, object_of

Items = dict[str, Task | Category]


def view(database: sqlite3.Connection, type: ItemType, id: str | None = None) -> Sequence[Task | Category]:
    """Return all items of a type, or the item with this id, with all edits applied in order."""
    shown = _edited_items(database, type, id).shown
    return [item for key, item in shown.items() if id in (None, key)]


def last_shown(database: sqlite3.Connection, type: ItemType, id: str) -> Mapping[str, Any]:
    """Return the data of an item as it was last shown, even if an edit deletes it; {} if the item is unknown."""
    items = _edited_items(database, type, id)
    item = items.shown.get(id) or items.deleted.get(id)
    return item.data if item else {}


class _EditedItems:
    """Items of a type to which edits are applied: shown items and deleted items."""

    def __init__(self, type: ItemType) -> None:
        self.shown = Items()
        self.deleted = Items()
        self._type = type
        # For each deleted item, the id or time of its deletion. It is equal for items that were deleted together.
        self._deletions: dict[str, str] = {}

    def put(self, id: str, version: int | None, data: Mapping[str, Any], deletion: str | None = None) -> None:
        """Add an item as the server has sent it, or as it was before its deletion."""
        item = self._item(id, version, data)
        if deletion is None:
            self.shown[id] = item
        else:
            self.deleted[id], self._deletions[id] = item, deletion

    def apply(self, edit: Mutation) -> None:
        """Apply an edit. An edit of an unknown item changes nothing."""
        known = self.shown.get(edit.target)
        if edit.op is Op.CREATE:
            data = known.data if known else {"id": edit.target}
            item = self._item(edit.target, known.version if known else None, {**data, **edit.data})
            self.shown[edit.target] = replace(item, is_pending=True)
        elif edit.op is Op.UPDATE and known:
            self.shown[edit.target] = _edited(known, edit.data)
        elif edit.op is Op.DELETE and known:
            for each in _tree(self.shown, edit.target):
                self.deleted[each], self._deletions[each] = self.shown.pop(each), edit.id
        elif edit.op is Op.RESTORE and edit.target in self.deleted:
            self._restore(edit.target)

    def _restore(self, target: str) -> None:
        deletion = self._deletions[target]
        together = {key: item for key, item in self.deleted.items() if self._deletions[key] == deletion}
        for each in _tree(together, target):
            self.shown[each] = _edited(self.deleted.pop(each), {})
        restored = self.shown[target]
        if restored.data["parent"] not in self.shown:
            self.shown[target] = _edited(restored, {"parent": None})

    def take_out_of(self, categories: Collection[str]) -> None:
        """Show the tasks of these categories without one."""
        for key, task in self.shown.items():
            if task.data["category"] in categories:
                self.shown[key] = _edited(task, {"category": None})

    def follow_roots(self, shared: Collection[str]) -> None:
        """Show subtasks in the shared category of their topmost task, and in no other shared category."""
        for key, task in list(self.shown.items()) if shared else ():
            root = self.shown[_tree_above(self.shown, key)[-1]].data["category"]
            if task.data["category"] != root and (root in shared or task.data["category"] in shared):
                self.shown[key] = _edited(task, {"category": root if root in shared else None})

    def _item(self, id: str, version: int | None, data: Mapping[str, Any]) -> Task | Category:
        return CLASSES[self._type](id, version, {**DEFAULTS[self._type], **data})


def _edited_items(database: sqlite3.Connection, type: ItemType, id: str | None) -> _EditedItems:
    """Return all items of a type, or at least the item with this id, after all edits."""
    ids = None if id is None else json.dumps(list(_with_ancestors(database, id) if type is ItemType.TASK else [id]))
    some = {"type": type, "ids": ids}
    where = "type = :type AND (:ids IS NULL OR {} IN (SELECT value FROM json_each(:ids)))"
    of_item, of_target = where.format("id"), where.format("target")
    items = _EditedItems(type)
    for row in database.execute(f"SELECT id, version, data FROM items WHERE {of_item} ORDER BY id", some):  # noqa: S608
        items.put(row[0], row[1], object_of(row[2]))
    found = database.execute(f"SELECT * FROM outbox WHERE {of_target} ORDER BY number", some)  # noqa: S608
    edits = [mutation_of(row) for row in found]
    if any(edit.op is Op.RESTORE for edit in edits):
        known = f"SELECT id, version, data, deleted_at FROM deletions WHERE data IS NOT NULL AND {of_item} ORDER BY id"  # noqa: S608
        for row in database.execute(known, some):
            items.put(row[0], row[1], object_of(row[2]), deletion=row[3])
    for edit in edits:
        items.apply(edit)
    if type is ItemType.TASK:
        gone = database.execute("SELECT target FROM outbox WHERE type = 'category' AND op = 'delete'")
        items.take_out_of([row[0] for row in gone])
        if edits:
            items.follow_roots(_shared_categories(database))
    return items


def _shared_categories(database: sqlite3.Connection) -> Collection[str]:
    found = database.execute(
        "SELECT id FROM items WHERE type = 'category' AND json_array_length(data, '$.members') > 0"
    )
    return {row[0] for row in found}


def _edited(item: Task | Category, data: Mapping[str, Any]) -> Task | Category:
    return replace(item, data={**item.data, **data}, is_pending=True)


def _tree(items: Items, root: str) -> Sequence[str]:
    """Return the ids of an item and of all items below it."""
    found = [root]
    for each in found:  # the loop adds to this list
        found += [key for key, item in items.items() if item.data.get("parent") == each and key not in found]
    return found


def _tree_above(items: Items, id: str) -> Sequence[str]:
    """Return the ids of an item and of all items above it."""
    found = [id]
    while (parent := items[found[-1]].data.get("parent")) in items and parent not in found:
        found.append(parent)
    return found


def _with_ancestors(database: sqlite3.Connection, id: str) -> set[str]:
    """Return the ids of a task and of all tasks that are or were above it. It is deleted and restored with them."""
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
