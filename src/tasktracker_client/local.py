"""The copy on disk: what the server told, and edits that it was not told yet.

The two are kept apart. What a user sees is one laid over the other.
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

-- What the server told. Stale: from before the copy was started over, and not told again yet.
CREATE TABLE IF NOT EXISTS items (
    type TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, data TEXT NOT NULL, stale INTEGER NOT NULL,
    PRIMARY KEY (type, id)
) WITHOUT ROWID;

-- Edits in their order. Once sent, an edit does not change. Those that the server has are kept, with the version they
-- came to, until the copy has it too. `reached` is that version where nobody else's edit lies between it and the base.
CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL, op TEXT NOT NULL, target TEXT NOT NULL, base_version INTEGER, data TEXT NOT NULL,
    sent INTEGER NOT NULL DEFAULT 0, done_version INTEGER, reached INTEGER
);
CREATE INDEX IF NOT EXISTS outbox_target ON outbox (type, target);

-- Edits that the server did not take.
CREATE TABLE IF NOT EXISTS issues (
    number INTEGER PRIMARY KEY AUTOINCREMENT, mutation TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL, op TEXT NOT NULL, target TEXT NOT NULL, status TEXT NOT NULL,
    data TEXT NOT NULL, conflicts TEXT NOT NULL, problem TEXT
);
"""

CURSOR = "cursor"
BATCH_BYTES = 200_000  # the server takes 256 KiB, unless it is told otherwise


class LocalCopy:
    """An SQLite file. Each method is one transaction, so that a crash at any moment leaves nothing half done."""

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
        """Let go of the file."""
        with self._lock:
            self._database.close()

    # -------------------------------------------------------------- settings

    def get(self, name: str) -> str | None:
        """Return a setting."""
        with self._lock:
            found = self._database.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return found[0] if found else None

    def set(self, **settings: str | None) -> None:
        """Keep settings; None removes one."""
        with self._transaction() as database:
            for name, value in settings.items():
                rows.keep_setting(database, name, value)

    def belong_to(self, user: str, **settings: str | None) -> None:
        """Keep settings of a user. Raises WrongUser where this copy is another's."""
        with self._transaction() as database:
            if (self.get("user") or user) != user:
                raise WrongUser("This copy belongs to another user.")
            for name, value in {"user": user, **settings}.items():
                rows.keep_setting(database, name, value)

    @property
    def cursor(self) -> str | None:
        """How far the copy has been told what has changed."""
        return self.get(CURSOR)

    # ----------------------------------------------------------------- edits

    def edit(self, type: ItemType, op: Op, target: str, fields: Mapping[str, Any]) -> None:
        """Keep an edit until it is sent. Raises UnknownItem where there is nothing to edit."""
        data = json.dumps(fields, default=rows.plain, allow_nan=False)
        json.dumps(fields, default=rows.plain, ensure_ascii=False).encode()  # as it will be sent: no lone surrogates
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
        """Return the edits that the server is not known to have, in their order."""
        with self._lock:
            found = self._database.execute("SELECT * FROM outbox WHERE done_version IS NULL ORDER BY number").fetchall()
        return [rows.mutation_of(row) for row in found]

    def next_batch(self, most: int) -> Sequence[Mutation]:
        """Return the edits to be sent next. From now on they stay as they are.

        No item is in it twice: what comes of the first edit of an item decides on which version the next one builds.
        """
        batch: list[Mutation] = []
        targets: set[tuple[str, str]] = set()
        size = 0
        with self._transaction() as database:
            for mutation in self.outbox():
                size += len(json.dumps(mutation.body))
                is_full = len(batch) == most or size > BATCH_BYTES
                if (batch and is_full) or (mutation.type, mutation.target) in targets:
                    break
                batch.append(mutation)
                targets.add((mutation.type, mutation.target))
            database.executemany("UPDATE outbox SET sent = 1 WHERE id = ?", [(each.id,) for each in batch])
        return batch

    def settle(self, results: Iterable[Result]) -> Sequence[Issue]:
        """Take note of what came of edits, and return those that were not taken."""
        with self._transaction() as database:
            return [issue for result in results if (issue := rows.settle(database, result))]

    def issues(self) -> Sequence[Issue]:
        """Return the edits that were not taken, in the order in which that became known."""
        with self._lock:
            found = self._database.execute(
                "SELECT mutation, type, op, target, status, data, conflicts, problem FROM issues ORDER BY number"
            ).fetchall()
        return [rows.issue_of(row) for row in found]

    def dismiss(self, mutations: Collection[str]) -> None:
        """Forget edits that were not taken."""
        with self._transaction() as database:
            database.executemany("DELETE FROM issues WHERE mutation = ?", [(each,) for each in mutations])

    # -------------------------------------------------------- what was told

    def apply(self, page: Page, cursor: str | None) -> bool:
        """Apply a page that was asked for with a cursor, and keep the next one, or nothing at all.

        Return whether it was applied: a page from another place than where the copy is now is not.
        """
        with self._transaction() as database:
            if self.cursor != cursor:
                return False
            for change in page.changes:
                rows.apply(database, change)
            if not page.has_more:
                # All has been told: what was not told again is gone, and what the server had is in the copy.
                database.execute("DELETE FROM items WHERE stale")
                database.execute("DELETE FROM outbox WHERE done_version IS NOT NULL")
            rows.keep_setting(database, CURSOR, page.next_cursor)
            return True

    def start_over(self, cursor: str | None) -> None:
        """Let go of a cursor. What was told so far is shown until all has been told again."""
        with self._transaction() as database:
            if self.cursor == cursor:
                database.execute("UPDATE items SET stale = 1")
                rows.keep_setting(database, CURSOR, None)

    def mend(self, gone: Iterable[tuple[ItemType, str]], found: Iterable[Change]) -> None:
        """Put right what differs from what the server has."""
        with self._transaction() as database:
            database.executemany("DELETE FROM items WHERE type = ? AND id = ?", list(gone))
            for change in found:
                rows.put(database, change)

    def versions(self) -> Sequence[tuple[ItemType, str, int]]:
        """Return type, id and version of all that the server told."""
        with self._lock:
            found = self._database.execute("SELECT type, id, version FROM items ORDER BY type, id").fetchall()
        return [(ItemType(row[0]), row[1], row[2]) for row in found]

    def version(self, type: str, id: str) -> int | None:
        """Return the version of an item as the server told it; None where it is not there."""
        with self._lock:
            found = self._database.execute(
                "SELECT version FROM items WHERE type = ? AND id = ? AND NOT stale", (type, id)
            ).fetchone()
        return found[0] if found else None

    # -------------------------------------------------------------- the view

    def view(self, type: ItemType, id: str | None = None) -> Sequence[Item]:
        """Return all items of a type, or the one with an id, as their user sees them; oldest edits first."""
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
                with suppress(sqlite3.OperationalError):  # SQLite may have done it by itself
                    self._database.execute("ROLLBACK")
                raise
