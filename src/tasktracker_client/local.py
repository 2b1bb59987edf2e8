"""The copy on disk: the items received from the server, and the edits not sent yet.

Both are stored separately. Users see the items with the edits applied.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from tasktracker_client import receiving, rows, shown
from tasktracker_client.database import Database, setting, store_settings
from tasktracker_client.errors import EditsPending, InvalidEdit, UnknownItem, WrongServer, WrongUser
from tasktracker_client.items import Category, ItemType, Task
from tasktracker_client.model import Change, Issue, Mutation, Op, Page, Result, is_not_found
from tasktracker_client.settling import settle

CURSOR = "cursor"
BATCH_BYTES = 200_000  # the server accepts 256 KiB by default
RETENTION_DAYS = 30  # if the server does not state it
SENT_FIELDS = (Op.CREATE, Op.UPDATE)


class LocalCopy:
    """An SQLite file. Each method is one transaction, so a crash leaves no partial change.

    `on_edit` is called after each edit. Every method raises LocalStoreError.
    """

    def __init__(self, path: Path | str) -> None:
        self._database = Database(path)
        self.on_edit: Callable[[], object] = lambda: None

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    # -------------------------------------------------------------- settings

    def get(self, name: str) -> str | None:
        """Return a setting, or None."""
        with self._database.reading() as database:
            return setting(database, name)

    def set(self, **settings: str | None) -> None:
        """Store settings; None removes one."""
        with self._database.writing() as database:
            store_settings(database, **settings)

    def require_server(self, server: str) -> None:
        """Raise WrongServer if the copy belongs to another server."""
        if (self.get("server") or server) != server:
            raise WrongServer("This copy belongs to another server.")

    def bind(self, server: str, user: str, **settings: str | None) -> None:
        """Store the server and the user of the copy, and settings. Raises WrongServer and WrongUser."""
        with self._database.writing() as database:
            self.require_server(server)
            if (setting(database, "user") or user) != user:
                raise WrongUser("This copy belongs to another user.")
            store_settings(database, server=server, user=user, **settings)

    def replace_tokens(self, sent: str, access: str, refresh: str) -> str | None:
        """Store new tokens, unless the refresh token `sent` to get them has been replaced meanwhile.

        Return the access token that is stored afterwards.
        """
        with self._database.writing() as database:
            if setting(database, "refresh") == sent:
                store_settings(database, access=access, refresh=refresh)
            return setting(database, "access")

    @property
    def cursor(self) -> str | None:
        """The cursor after the last page of changes that was applied."""
        return self.get(CURSOR)

    def reset(self, *, discard_edits: bool) -> None:
        """Remove everything. Raises EditsPending if there are edits or issues, unless `discard_edits`."""
        with self._database.writing() as database:
            if not discard_edits and (self.has_unsent or self.issues()):
                raise EditsPending("The copy has edits that the server does not have.")
            for table in ("settings", "items", "outbox", "issues", "aliases", "deletions"):
                database.execute(f"DELETE FROM {table}")  # noqa: S608

    # ----------------------------------------------------------------- edits

    def edit(self, type: ItemType, op: Op, target: str, fields: Mapping[str, object]) -> None:
        """Store an edit until it is sent. Raises UnknownItem if the item does not exist, and InvalidEdit."""
        data = rows.encoded(type, fields)
        with self._database.writing() as database:
            target = rows.alias(database, type, target)
            known = shown.view(database, type, target)
            exists = bool(known)
            if op is Op.UPDATE and type is ItemType.TASK and exists and rows.ends_recurrence(known[0].data, data):
                data["recurrence"] = None
            if op in (Op.UPDATE, Op.DELETE) and not exists:
                raise UnknownItem(target)
            if op is Op.CREATE and exists:
                raise InvalidEdit(f"The copy already has an item with the id {target}.")
            rows.queue(database, type, op, target, data)
        self.on_edit()

    @property
    def has_unsent(self) -> bool:
        """Whether there are edits that the server has not confirmed yet."""
        with self._database.reading() as database:
            return database.execute("SELECT 1 FROM outbox WHERE done_version IS NULL LIMIT 1").fetchone() is not None

    def outbox(self, limit: int = -1) -> Sequence[Mutation]:
        """Return the edits that the server has not confirmed yet, in their order."""
        with self._database.reading() as database:
            found = database.execute(
                "SELECT * FROM outbox WHERE done_version IS NULL ORDER BY number LIMIT ?", (limit,)
            ).fetchall()
            return [rows.mutation_of(row) for row in found]

    def next_batch(self, limit: int) -> Sequence[Mutation]:
        """Return the edits to send next. From now on, they do not change.

        A batch has at most one edit of an item, because its result determines the base version of the item's next edit.
        """
        batch: list[Mutation] = []
        targets: set[tuple[str, str]] = set()
        size = 0
        with self._database.writing() as database:
            for mutation in self.outbox(limit):
                size += len(json.dumps(mutation.body))
                if (batch and size > BATCH_BYTES) or (mutation.type, mutation.target) in targets:
                    break
                batch.append(mutation)
                targets.add((mutation.type, mutation.target))
            database.executemany("UPDATE outbox SET sent = 1 WHERE id = ?", [(each.id,) for each in batch])
        return batch

    def settle(self, results: Iterable[Result]) -> Sequence[Issue]:
        """Store the results of edits, and return the edits that were not accepted, or not as a whole."""
        with self._database.writing() as database:
            return [issue for result in results if (issue := settle(database, result))]

    # ---------------------------------------------------------------- issues

    def issues(self) -> Sequence[Issue]:
        """Return the edits that were not accepted, in the order of their results."""
        with self._database.reading() as database:
            return rows.issues(database)

    def dismiss(self, mutations: Collection[str]) -> None:
        """Remove edits that were not accepted."""
        with self._database.writing() as database:
            database.executemany("DELETE FROM issues WHERE mutation = ?", [(each,) for each in mutations])

    def resend(self, issue: Issue, changes: Mapping[str, object]) -> str:
        """Replace an issue by a new edit, with some values changed, and return the id of the edited item.

        Raises InvalidEdit, and UnknownItem if the issue was dismissed.
        """
        changed = rows.encoded(issue.type, changes)
        with self._database.writing() as database:
            if not database.execute("DELETE FROM issues WHERE mutation = ?", (issue.mutation,)).rowcount:
                raise UnknownItem("The issue was dismissed.")
            op, target, data = issue.op, issue.target, {**issue.data, **changed}
            exists = bool(shown.view(database, issue.type, target))
            if op in SENT_FIELDS:
                if exists:
                    op = Op.UPDATE
                else:
                    is_id_taken = str((issue.problem or {}).get("type")).endswith("/id-taken")
                    if op is Op.UPDATE or issue.existing or is_id_taken:
                        target = str(uuid4())  # the item is gone, or its id cannot be used
                    op, data = Op.CREATE, rows.editable(issue.type, {**issue.item, **data})
            elif op is Op.DELETE and not exists:
                return target
            elif op is Op.RESTORE and issue.item and is_not_found(issue.problem):
                op, target, data = Op.CREATE, str(uuid4()), rows.editable(issue.type, issue.item)
            rows.queue(database, issue.type, op, target, data)
        self.on_edit()
        return target

    # -------------------------------------------------------- received items

    def apply(self, page: Page, cursor: str | None) -> bool:
        """Apply a page that was requested with a cursor, and store the next cursor.

        Return False, and change nothing, if the copy has another cursor by now.
        """
        with self._database.writing() as database:
            if setting(database, CURSOR) != cursor:
                return False
            at = _now().isoformat()
            for change in page.changes:
                if lost := receiving.apply(database, change, at):
                    store_settings(database, restored="yes")
                    rows.add_issue(database, lost)
            if not page.has_more:
                # The copy is now complete: items that are still stale do not exist any more, and all accepted edits are
                # included.
                if setting(database, "restored"):
                    stale = database.execute("SELECT type, id, data FROM items WHERE stale").fetchall()
                    for kind, target, text in stale:
                        data = rows.object_of(text)
                        rows.add_issue(database, receiving.lost_issue(ItemType(kind), target, Op.CREATE, data, data))
                database.execute("DELETE FROM items WHERE stale")
                receiving.put_own_deletions(database, at)
                database.execute("DELETE FROM outbox WHERE done_version IS NOT NULL")
                oldest = (_now() - self._retention(database)).isoformat()
                database.execute("UPDATE deletions SET data = NULL WHERE deleted_at < ?", (oldest,))
                store_settings(database, restored=None, complete_at=at)
            store_settings(database, cursor=page.next_cursor)
            return True

    def start_over(self, cursor: str | None) -> None:
        """Drop the cursor. Items received so far stay visible until all have been received again.

        If a cursor expires before the retention of the server has passed, the server was restored from a backup. Edits
        whose effects were not received yet are sent again, because the backup may not have them.
        """
        with self._database.writing() as database:
            if setting(database, CURSOR) != cursor:
                return
            complete_at = setting(database, "complete_at")
            # Both times are from the clock of this device, because the server's clock may differ.
            is_early = complete_at is not None and (
                _now() - datetime.fromisoformat(complete_at) < self._retention(database)
            )
            store_settings(database, cursor=None, restored="yes" if is_early else None)
            database.execute("UPDATE items SET stale = 1")
            database.execute("UPDATE outbox SET done_version = NULL, reached = NULL")

    @staticmethod
    def _retention(database: sqlite3.Connection) -> timedelta:
        return timedelta(days=int(setting(database, "retention_days") or RETENTION_DAYS))

    def repair(self, gone: Iterable[tuple[ItemType, str]], found: Iterable[Change]) -> None:
        """Remove the items that the server does not have, and store the items that differ."""
        with self._database.writing() as database:
            database.executemany("DELETE FROM items WHERE type = ? AND id = ?", list(gone))
            for change in found:
                receiving.put(database, change, _now().isoformat())

    def versions(self) -> Sequence[tuple[ItemType, str, int]]:
        """Return type, id and version of all items received from the server."""
        with self._database.reading() as database:
            found = database.execute("SELECT type, id, version FROM items ORDER BY type, id")
            return [(ItemType(row[0]), row[1], row[2]) for row in found]

    def version(self, type: str, id: str) -> int | None:
        """Return the version of an item as received from the server, or None."""
        with self._database.reading() as database:
            found = database.execute(
                "SELECT version FROM items WHERE type = ? AND id = ? AND NOT stale", (type, id)
            ).fetchone()
        return found[0] if found else None

    def view(self, type: ItemType, id: str | None = None) -> Sequence[Task | Category]:
        """Return all items of a type, or the item with this id, with all edits applied in order."""
        with self._database.writing() as database:
            return shown.view(database, type, None if id is None else rows.alias(database, type, id))


def _now() -> datetime:
    return datetime.now(UTC)
