"""Feeds in SQL.

A feed's sequence numbers come from its user's row in `feeds`, which stays locked until the commit. A unit of work
assigns the numbers as its last step, in the order of the user ids. So the order of the numbers is the order of the
commits, and no deadlock can occur.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from tasktracker.adapters.sql.categories import CATEGORIES
from tasktracker.adapters.sql.conditions import OneOf
from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.notifications import NOTIFICATIONS
from tasktracker.adapters.sql.reminders import REMINDERS
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import (
    categories,
    feed_items,
    feeds,
    jobs,
    notifications,
    reminders,
    secrets,
    task_entries,
    tasks,
)
from tasktracker.adapters.sql.task_lists import IS_LISTED, viewing
from tasktracker.adapters.sql.task_rows import FINDABLE, MY_LISTS, SEEN_TASKS, TASKS
from tasktracker.adapters.sql.usage import SqlUsage
from tasktracker.domain.feed.entries import FeedEntry, FeedItem, Op, coalesced, deletions
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.feed.ports import EPOCH, FeedState

# SQLite supports these clauses, too.
_advanced = insert(feeds)
_ADVANCE = _advanced.on_conflict_do_update(
    index_elements=["user_id"], set_={"head": feeds.c.head + _advanced.excluded.head}
).returning(feeds.c.head)
_stored = insert(feed_items)
_STORE = _stored.on_conflict_do_update(
    index_elements=["user_id", "type", "id"],
    set_={name: _stored.excluded[name] for name in ("sequence", "version", "op", "reason", "recorded_at")},
)
_STATE = select(
    select(feeds.c.head).where(feeds.c.user_id == bindparam("user_id")).scalar_subquery(),
    select(secrets.c.value).where(secrets.c.name == EPOCH).scalar_subquery(),
    select(feeds.c.swept).where(feeds.c.user_id == bindparam("user_id")).scalar_subquery(),
)
# These are constants, not parameters. With a parameter, SQLite would prepare the statement again for each value,
# because the value may decide whether the partial index of tombstones can be used.
_IS_UPSERT = feed_items.c.op == literal_column(f"'{Op.UPSERT}'")
_IS_TOMBSTONE = feed_items.c.op == literal_column(f"'{Op.DELETE}'")
_HEADS = select(feeds.c.user_id, feeds.c.head).where(feeds.c.user_id.in_(bindparam("user_ids", expanding=True)))
_ENTRIES = Rows(FeedEntry, feed_items, unmapped=("sequence", "recorded_at"))

SYNCED_ROWS: Mapping[ItemType, tuple[Table, Rows[Any]]] = {
    ItemType.TASK: (tasks, TASKS),
    ItemType.CATEGORY: (categories, CATEGORIES),
    ItemType.REMINDER: (reminders, REMINDERS),
    ItemType.NOTIFICATION: (notifications, NOTIFICATIONS),
}
"""The table of each synced type, and the mapping of its rows."""


_IS_SEEN: Mapping[ItemType, ColumnElement[bool]] = {
    ItemType.TASK: exists(
        select(task_entries.c.task_id)
        .join_from(task_entries, tasks, tasks.c.id == task_entries.c.task_id)
        .where(task_entries.c.task_id == feed_items.c.id, task_entries.c.user_id == bindparam("user_id"))
        .where(IS_LISTED, FINDABLE)
    ),
    ItemType.CATEGORY: or_(
        OneOf(feed_items.c.id, MY_LISTS),
        exists(
            select(categories.c.id).where(
                categories.c.id == feed_items.c.id, categories.c.user_id == bindparam("user_id")
            )
        ),
    ),
}
"""Whether the user of an entry can see its item now. The entries of other types are always exact."""
_ALL_ENTRIES = select(*_ENTRIES.columns).where(
    feed_items.c.user_id == bindparam("user_id"),
    feed_items.c.type.in_(bindparam("types", expanding=True)),
    _IS_UPSERT,
    # If there is no job, the entries are exact, and their items need not be read.
    or_(
        ~exists(select(jobs.c.id)),
        *(and_(feed_items.c.type == type_.value, _IS_SEEN.get(type_, true())) for type_ in ItemType),
    ),
)
_TOMBSTONES = select(*_ENTRIES.columns).where(
    feed_items.c.user_id == bindparam("user_id"),
    feed_items.c.type == bindparam("type"),
    feed_items.c.id.in_(bindparam("ids", expanding=True)),
    _IS_TOMBSTONE,
)
_KEY = tuple_(feed_items.c.user_id, feed_items.c.type, feed_items.c.id)
_EXPIRED = (
    select(feed_items.c.user_id, feed_items.c.type, feed_items.c.id)
    .where(_IS_TOMBSTONE, feed_items.c.recorded_at < bindparam("before"))
    .limit(bindparam("limit", type_=Integer))
)
_OF_USERS = feed_items.c.user_id.in_(bindparam("user_ids", expanding=True))
_LOCK = (
    select(feeds.c.user_id)
    .where(feeds.c.user_id.in_(bindparam("user_ids", expanding=True)))
    .order_by(feeds.c.user_id)
    .with_for_update()
)
_PURGE = (
    delete(feed_items).where(_KEY.in_(_EXPIRED.where(_OF_USERS))).returning(feed_items.c.user_id, feed_items.c.sequence)
)
_SWEEP = update(feeds).where(feeds.c.user_id == bindparam("of_user_id"), feeds.c.swept < bindparam("of_swept"))


@cache
def _page(types: frozenset[ItemType]) -> tuple[Select[Any], Mapping[ItemType, slice]]:
    """Build the statement for a page of a feed, joined with the current state of the items.

    Return it with the position of each type's columns in a row, after the sequence and the entry's columns.
    """
    entry = feed_items.c
    columns: list[ColumnElement[Any]] = [entry.sequence, *_ENTRIES.columns]
    joined: FromClause = feed_items
    slices = {}
    for type_, (table, rows) in SYNCED_ROWS.items():
        if type_ not in types:
            continue
        is_findable = FINDABLE if table is tasks else true()
        joined = joined.outerjoin(
            table, and_(entry.type == type_.value, _IS_UPSERT, table.c.id == entry.id, is_findable)
        )
        begin = len(columns)
        columns += SEEN_TASKS if table is tasks else rows.columns
        slices[type_] = slice(begin, len(columns))
    statement = (
        select(*columns)
        .select_from(joined)
        .where(entry.user_id == bindparam("user_id"), entry.sequence > bindparam("after"))
        .where(or_(_IS_UPSERT, entry.sequence > bindparam("tombstones_after")))
        .order_by(entry.sequence)
        .limit(bindparam("limit", type_=Integer))
    )
    if types != frozenset(ItemType):
        statement = statement.where(entry.type.in_(sorted(each.value for each in types)))
    return statement, slices


class SqlFeed:
    """Implements FeedRepository."""

    __slots__ = ("_added", "_connection", "_dropped", "_usage")

    def __init__(self, connection: Connection, usage: SqlUsage) -> None:
        self._connection = connection
        self._usage = usage
        self._added: list[FeedEntry] = []
        self._dropped: set[UUID] = set()

    def add(self, entries: Iterable[FeedEntry]) -> None:
        self._connection.driver_for_writing()
        self._added.extend(entries)

    def flush(self, now: datetime, earlier: Sequence[FeedEntry] = ()) -> Collection[UUID]:
        """Number and store the added entries at the end of the unit of work, after `earlier` entries.

        Change the counts of what users own. Return the users whose feeds have new entries. Raises QuotaExceeded.
        """
        entries = [*(each for each in earlier if each.user_id not in self._dropped), *self._added]
        changed = []
        new = {user_id: list(each) for user_id, each in groupby(coalesced(entries), key=lambda entry: entry.user_id)}
        for user_id in sorted({*new, *self._usage.changes} - self._dropped) if self._usage.changes else new:
            numbered = new.get(user_id, [])
            head = self._advance(user_id, len(numbered))
            if not numbered:
                continue
            begin = head - len(numbered) + 1
            rows = [
                _ENTRIES.row(entry) | {"sequence": begin + number, "recorded_at": now}
                for number, entry in enumerate(numbered)
            ]
            if len(rows) == 1:
                self._connection.change(_STORE, rows[0])
            else:
                self._connection.change_all(_STORE, rows)
            changed.append(user_id)
        return changed

    def _advance(self, user_id: UUID, entries: int) -> int:
        """Lock the feed of a user for this number of new entries, and return the number of the last one."""
        change = self._usage.changes.get(user_id)
        if change is None:
            (row,) = self._connection.change_returning(_ADVANCE, {"user_id": user_id, "head": entries})
            return int(row[0])
        if not entries and max(change.tasks, change.categories, change.bytes) <= 0:
            self._usage.count_less(user_id)
            return 0
        return self._usage.advance(user_id, entries)

    def state(self, user_id: UUID) -> FeedState:
        row = self._connection.one(_STATE, {"user_id": user_id})
        assert row is not None, "a SELECT of two scalars returns a row"
        head, epoch, swept = row
        return FeedState(head or 0, epoch or b"", swept or 0)

    def heads(self, user_ids: Collection[UUID]) -> Mapping[UUID, int]:
        rows = self._connection.rows_of_many(_HEADS, "user_ids", user_ids)
        return {user_id: head for user_id, head in rows}  # noqa: C416  # rows are no pairs to a type checker

    def page(
        self, user_id: UUID, after: int, limit: int, types: Collection[ItemType], tombstones_after: int = 0
    ) -> Sequence[FeedItem]:
        parameters = {"user_id": user_id, "after": after, "tombstones_after": tombstones_after, "limit": limit}
        statement, slices = _page(frozenset(types))
        return [_item(row, slices) for row in self._connection.rows(statement, parameters)]

    def entries(self, user_id: UUID, types: Collection[ItemType]) -> Sequence[FeedEntry]:
        rows = self._connection.rows(_ALL_ENTRIES, viewing(user_id) | {"types": [each.value for each in types]})
        return _ENTRIES.entities(rows)

    def tombstones(self, user_id: UUID, type: ItemType, ids: Collection[UUID]) -> Mapping[UUID, FeedEntry]:
        rows = self._connection.rows_of_many(_TOMBSTONES, "ids", ids, {"user_id": user_id, "type": type.value})
        return deletions(map(_ENTRIES.entity, rows), self._added, user_id, type, ids)

    def drop(self, user_id: UUID) -> None:
        # The foreign keys delete stored entries together with the user.
        self._dropped.add(user_id)
        self._added = [entry for entry in self._added if entry.user_id != user_id]

    def purge_before(self, before: datetime, limit: int) -> int:
        # Lock the feeds first and in the same order as `flush`, so that no deadlock can occur.
        expired = {"before": before, "limit": limit}
        user_ids = list({user_id for user_id, _, _ in self._connection.rows(_EXPIRED, expired)})
        if not user_ids:
            return 0
        self._connection.rows(_LOCK, {"user_ids": user_ids})
        purged = self._connection.change_returning(_PURGE, {**expired, "user_ids": user_ids})
        swept: dict[UUID, int] = {}
        for user_id, sequence in purged:
            swept[user_id] = max(sequence, swept.get(user_id, 0))
        marks = [
            {"of_user_id": user_id, "swept": sequence, "of_swept": sequence} for user_id, sequence in swept.items()
        ]
        self._connection.change_all(_SWEEP, marks)
        return len(purged)


def _item(row: Sequence[Any], slices: Mapping[ItemType, slice]) -> FeedItem:
    entry = _ENTRIES.entity(row[1 : 1 + len(_ENTRIES.columns)])
    columns = row[slices[entry.type]]
    _, rows = SYNCED_ROWS[entry.type]
    # The first column is the id, which is null if the item does not exist any more.
    return FeedItem(row[0], entry, None if columns[0] is None else rows.entity(columns))
