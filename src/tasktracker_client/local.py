"""The copy on disk: the items received from the server, and the edits not sent yet.

Both are stored separately. A user sees the items with the edits applied.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from tasktracker_client import rows
from tasktracker_client.errors import UnknownItem, WrongUser
from tasktracker_client.model import DEFAULTS, Change, Issue, Item, ItemType, Mutation, Op, Page, Result

SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- The items received from the server. Stale: received before the copy was started over, and not received again yet.
CREATE TABLE IF NOT EXISTS items (
    type TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, data TEXT NOT NULL, stale INTEGER NOT NULL,
    PRIMARY KEY (type, id)
) WITHOUT ROWID;

-- Edits in their order. An edit does not change once it was sent. After the server has accepted it, it is kept with the
-- resulting version (`done_version`) until the copy has received that version. `reached` is the same version, but null
-- if edits of others lie between it and the base version.
CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL, op TEXT NOT NULL, target TEXT NOT NULL, base_version INTEGER, data TEXT NOT NULL,
    sent INTEGER NOT NULL DEFAULT 0, done_version INTEGER, reached INTEGER
);
CREATE INDEX IF NOT EXISTS outbox_target ON outbox (type, target);

-- Edits that the server did not accept.
CREATE TABLE IF NOT EXISTS issues (
    number INTEGER PRIMARY KEY AUTOINCREMENT, mutation TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL, op TEXT NOT NULL, target TEXT NOT NULL, status TEXT NOT NULL,
    data TEXT NOT NULL, conflicts TEXT NOT NULL, problem TEXT
);
"""

CURSOR = "cursor"
BATCH_BYTES = 200_000  # the server accepts 256 KiB by default


class LocalCopy:
    """An SQLite file. Each method is one transaction, so a crash leaves no partial change."""

    def __init__(self, path: Path | str) -> None:
        # The file holds tokens.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._lock = threading.RLock()
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        with self._lock:
            self._database.executescript(SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    # -------------------------------------------------------------- settings

    def get(self, name: str) -> str | None:
        """Return a setting, or None."""
        with self._lock:
            found = self._database.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return found[0] if found else None

    def set(self, **settings: str | None) -> None:
        """Store settings; None removes one."""
        with self._transaction() as database:
            for name, value in settings.items():
                rows.store_setting(database, name, value)

    def set_user(self, user: str, **settings: str | None) -> None:
        """Store the user of the copy, and settings. Raises WrongUser if the copy belongs to another user."""
        with self._transaction() as database:
            if (self.get("user") or user) != user:
                raise WrongUser("This copy belongs to another user.")
            for name, value in {"user": user, **settings}.items():
                rows.store_setting(database, name, value)

    @property
    def cursor(self) -> str | None:
        """The cursor after the last page of changes that was applied."""
        return self.get(CURSOR)

    # ----------------------------------------------------------------- edits

    def edit(self, type: ItemType, op: Op, target: str, fields: Mapping[str, Any]) -> None:
        """Store an edit until it is sent. Raises UnknownItem if the item does not exist."""
        data = json.dumps(fields, default=rows.json_default, allow_nan=False)
        # Encoded as it will be sent: lone surrogates raise UnicodeEncodeError.
        json.dumps(fields, default=rows.json_default, ensure_ascii=False).encode()
        with self._transaction() as database:
            if op in (Op.UPDATE, Op.DELETE) and not any(item.id == target for item in self._view(type, target)):
                raise UnknownItem(target)
            versions = database.execute(
                "SELECT version FROM items WHERE type = :type AND id = :id UNION ALL"
                " SELECT reached FROM outbox WHERE type = :type AND target = :id AND reached IS NOT NULL",
                {"type": type, "id": target},
            )
            base = max((version for (version,) in versions), default=None)
            database.execute(
                "INSERT INTO outbox (id, type, op, target, base_version, data) VALUES (?, ?, ?, ?, ?, ?)",
                (str(uuid4()), type, op, target, None if op is Op.CREATE else base, data),
            )

    def outbox(self) -> Sequence[Mutation]:
        """Return the edits that the server has not confirmed yet, in their order."""
        with self._lock:
            found = self._database.execute("SELECT * FROM outbox WHERE done_version IS NULL ORDER BY number").fetchall()
        return [rows.mutation_of(row) for row in found]

    def next_batch(self, limit: int) -> Sequence[Mutation]:
        """Return the edits to send next. They do not change from now on.

        A batch has at most one edit of an item: its result determines the base version of the item's next edit.
        """
        batch: list[Mutation] = []
        targets: set[tuple[str, str]] = set()
        size = 0
        with self._transaction() as database:
            for mutation in self.outbox():
                size += len(json.dumps(mutation.body))
                is_full = len(batch) == limit or size > BATCH_BYTES
                if (batch and is_full) or (mutation.type, mutation.target) in targets:
                    break
                batch.append(mutation)
                targets.add((mutation.type, mutation.target))
            database.executemany("UPDATE outbox SET sent = 1 WHERE id = ?", [(each.id,) for each in batch])
        return batch

    def settle(self, results: Iterable[Result]) -> Sequence[Issue]:
        """Store the results of edits, and return the edits that were not accepted."""
        with self._transaction() as database:
            return [issue for result in results if (issue := rows.settle(database, result))]

    def issues(self) -> Sequence[Issue]:
        """Return the edits that were not accepted, in the order of their results."""
        with self._lock:
            found = self._database.execute(
                "SELECT mutation, type, op, target, status, data, conflicts, problem FROM issues ORDER BY number"
            ).fetchall()
        return [rows.issue_of(row) for row in found]

    def dismiss(self, mutations: Collection[str]) -> None:
        """Remove edits that were not accepted."""
        with self._transaction() as database:
            database.executemany("DELETE FROM issues WHERE mutation = ?", [(each,) for each in mutations])

    # -------------------------------------------------------- received items

    def apply(self, page: Page, cursor: str | None) -> bool:
        """Apply a page that was requested with a cursor, and store the next cursor.

        Return False, and change nothing, if the copy has another cursor by now.
        """
        with self._transaction() as database:
            if self.cursor != cursor:
                return False
            for change in page.changes:
                rows.apply(database, change)
            if not page.has_more:
                # The copy is complete: stale items do not exist any more, and all accepted edits are included.
                database.execute("DELETE FROM items WHERE stale")
                database.execute("DELETE FROM outbox WHERE done_version IS NOT NULL")
            rows.store_setting(database, CURSOR, page.next_cursor)
            return True

    def start_over(self, cursor: str | None) -> None:
        """Drop the cursor. Items received so far stay visible until all have been received again."""
        with self._transaction() as database:
            if self.cursor == cursor:
                database.execute("UPDATE items SET stale = 1")
                rows.store_setting(database, CURSOR, None)

    def repair(self, gone: Iterable[tuple[ItemType, str]], found: Iterable[Change]) -> None:
        """Remove the items that the server does not have, and store those that differ."""
        with self._transaction() as database:
            database.executemany("DELETE FROM items WHERE type = ? AND id = ?", list(gone))
            for change in found:
                rows.put(database, change)

    def versions(self) -> Sequence[tuple[ItemType, str, int]]:
        """Return type, id and version of all items received from the server."""
        with self._lock:
            found = self._database.execute("SELECT type, id, version FROM items ORDER BY type, id").fetchall()
        return [(ItemType(row[0]), row[1], row[2]) for row in found]

    def version(self, type: str, id: str) -> int | None:
        """Return the version of an item as received from the server, or None."""
        with self._lock:
            found = self._database.execute(
                "SELECT version FROM items WHERE type = ? AND id = ? AND NOT stale", (type, id)
            ).fetchone()
        return found[0] if found else None

    # -------------------------------------------------------------- the view

    def view(self, type: ItemType, id: str | None = None) -> Sequence[Item]:
        """Return all items of a type, or the one with this id, with all edits applied in their order."""
        with self._transaction():
            return self._view(type, id)

    def _view(self, type: ItemType, id: str | None) -> Sequence[Item]:
        one = {"type": type, "id": id}
        items = self._database.execute(
            "SELECT id, version, data FROM items WHERE type = :type AND (:id IS NULL OR id = :id) ORDER BY id", one
        )
        shown = {row[0]: Item(type, row[0], row[1], {**DEFAULTS[type], **json.loads(row[2])}) for row in items}
        deleted: dict[str, Item] = {}
        edits = self._database.execute(
            "SELECT * FROM outbox WHERE type = :type AND (:id IS NULL OR target = :id) ORDER BY number", one
        )
        for mutation in map(rows.mutation_of, edits.fetchall()):
            target, data = mutation.target, mutation.data
            if mutation.op is Op.CREATE:
                known = shown.get(target)
                fields = {**DEFAULTS[type], **(known.data if known else {"id": target}), **data}
                shown[target] = Item(type, target, known.version if known else None, fields, is_pending=True)
            elif mutation.op is Op.DELETE and target in shown:
                deleted[target] = shown.pop(target)
            elif mutation.op is Op.RESTORE and target in deleted:
                shown[target] = deleted.pop(target)
            elif mutation.op is Op.UPDATE and target in shown:
                known = shown[target]
                shown[target] = Item(type, target, known.version, {**known.data, **data}, is_pending=True)
        return list(shown.values())

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.OperationalError):  # SQLite may already have rolled back
                    self._database.execute("ROLLBACK")
                raise
