"""Feeds in SQL.

A feed's numbers come from its user's row in `feeds`, which is locked from then until the work is committed. They are
taken last, and in the order of the users: so the order of the numbers is that of the commits, and nobody waits in a
circle.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, and_, bindparam, delete, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from tasktracker.adapters.sql.categories import CATEGORY_COLUMNS, category_of
from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.schema import categories, feed_items, feeds, secrets, tasks
from tasktracker.adapters.sql.task_rows import COLUMNS, task_of
from tasktracker.domain.feed.entries import FeedEntry, FeedItem, ItemType, Op, Reason, coalesced, deletions
from tasktracker.domain.feed.ports import EPOCH, FeedState

# SQLite understands these clauses, too.
_advanced = insert(feeds)
_ADVANCE = _advanced.on_conflict_do_update(
    index_elements=["user_id"], set_={"head": feeds.c.head + _advanced.excluded.head}
).returning(feeds.c.head)
_placed = insert(feed_items)
_PLACE = _placed.on_conflict_do_update(
    index_elements=["user_id", "type", "id"],
    set_={name: _placed.excluded[name] for name in ("sequence", "version", "op", "reason", "told_at")},
)
_STATE = select(
    select(feeds.c.head).where(feeds.c.user_id == bindparam("user_id")).scalar_subquery(),
    select(secrets.c.value).where(secrets.c.name == EPOCH).scalar_subquery(),
)
_HEADS = select(feeds.c.user_id, feeds.c.head).where(feeds.c.user_id.in_(bindparam("user_ids", expanding=True)))
_MARK_COLUMNS = (
    feed_items.c.sequence,
    feed_items.c.user_id,
    feed_items.c.type,
    feed_items.c.id,
    feed_items.c.version,
    feed_items.c.op,
    feed_items.c.reason,
)
# Of a page's columns.
_TASK_BEGINS = len(_MARK_COLUMNS)
_CATEGORY_BEGINS = _TASK_BEGINS + len(COLUMNS)
# A look-up takes a tenth of the time.
_TYPES = {each.value: each for each in ItemType}
_OPS = {each.value: each for each in Op}
_MARKS = select(*_MARK_COLUMNS).where(
    feed_items.c.user_id == bindparam("user_id"),
    feed_items.c.type.in_(bindparam("types", expanding=True)),
    feed_items.c.op == Op.UPSERT.value,
)
_TOMBSTONES = select(feed_items.c.id, feed_items.c.version).where(
    feed_items.c.user_id == bindparam("user_id"),
    feed_items.c.type == bindparam("type"),
    feed_items.c.id.in_(bindparam("ids", expanding=True)),
    feed_items.c.op == Op.DELETE.value,
)
_KEY = tuple_(feed_items.c.user_id, feed_items.c.type, feed_items.c.id)
_FORGET = delete(feed_items).where(
    _KEY.in_(
        select(feed_items.c.user_id, feed_items.c.type, feed_items.c.id)
        .where(feed_items.c.op == Op.DELETE.value, feed_items.c.told_at < bindparam("before"))
        .limit(bindparam("limit", type_=Integer))
    )
)


@cache
def _page(types: frozenset[ItemType]) -> Select[Any]:
    """Build the statement for a page of a feed, with the items as they are at the very moment."""
    mark = feed_items.c
    is_there = mark.op == Op.UPSERT.value
    statement = (
        select(*_MARK_COLUMNS, *COLUMNS, *CATEGORY_COLUMNS)
        .select_from(feed_items)
        .outerjoin(tasks, and_(mark.type == ItemType.TASK.value, is_there, tasks.c.id == mark.id))
        .outerjoin(categories, and_(mark.type == ItemType.CATEGORY.value, is_there, categories.c.id == mark.id))
        .where(mark.user_id == bindparam("user_id"), mark.sequence > bindparam("after"))
        .where(or_(is_there, mark.sequence > bindparam("tombstones_after")))
        .order_by(mark.sequence)
        .limit(bindparam("limit", type_=Integer))
    )
    if types != frozenset(ItemType):
        statement = statement.where(mark.type.in_(sorted(each.value for each in types)))
    return statement


class SqlFeed:
    """Implements FeedRepository."""

    __slots__ = ("_added", "_connection")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._added: list[FeedEntry] = []

    def add(self, marks: Iterable[FeedEntry]) -> None:
        self._connection.driver_for_writing()
        self._added.extend(marks)

    def place(self, now: datetime) -> Collection[UUID]:
        """Give what was added its places, as the last thing a work does, and return whose feeds have become longer."""
        told = []
        for user_id, of_user in groupby(coalesced(self._added), key=lambda mark: mark.user_id):
            marks = list(of_user)
            (row,) = self._connection.changed(_ADVANCE, {"user_id": user_id, "head": len(marks)})
            begin = row[0] - len(marks) + 1
            rows = [_row(mark, begin + number, now) for number, mark in enumerate(marks)]
            if len(rows) == 1:
                self._connection.change(_PLACE, rows[0])
            else:
                self._connection.change_all(_PLACE, rows)
            told.append(user_id)
        return told

    def state(self, user_id: UUID) -> FeedState:
        row = self._connection.one(_STATE, {"user_id": user_id})
        assert row is not None, "a row of two values, found or not"
        head, epoch = row
        return FeedState(head or 0, epoch or b"")

    def heads(self, user_ids: Collection[UUID]) -> Mapping[UUID, int]:
        rows = self._connection.rows_of_many(_HEADS, "user_ids", user_ids)
        return {user_id: head for user_id, head in rows}  # noqa: C416  # rows are no pairs to a type checker

    def page(
        self, user_id: UUID, after: int, limit: int, types: Collection[ItemType], tombstones_after: int = 0
    ) -> Sequence[FeedItem]:
        parameters = {"user_id": user_id, "after": after, "tombstones_after": tombstones_after, "limit": limit}
        rows = self._connection.rows(_page(frozenset(types)), parameters)
        return [_item(row) for row in rows]

    def marks(self, user_id: UUID, types: Collection[ItemType]) -> Sequence[FeedEntry]:
        rows = self._connection.rows(_MARKS, {"user_id": user_id, "types": [each.value for each in types]})
        return [_mark(row) for row in rows]

    def tombstones(self, user_id: UUID, type: ItemType, ids: Collection[UUID]) -> Mapping[UUID, int]:
        rows = self._connection.rows_of_many(_TOMBSTONES, "ids", ids, {"user_id": user_id, "type": type.value})
        stored = {id_: version for id_, version in rows}  # noqa: C416  # rows are no pairs to a type checker
        return deletions(stored, self._added, user_id, type, ids)

    def drop(self, user_id: UUID) -> None:
        # What is stored goes with the user, by the foreign keys.
        self._added = [mark for mark in self._added if mark.user_id != user_id]

    def purge_before(self, before: datetime, limit: int) -> int:
        return self._connection.change(_FORGET, {"before": before, "limit": limit})


def _row(mark: FeedEntry, sequence: int, now: datetime) -> dict[str, Any]:
    return {
        "user_id": mark.user_id,
        "type": mark.type.value,
        "id": mark.id,
        "sequence": sequence,
        "version": mark.version,
        "op": mark.op.value,
        "reason": None if mark.reason is None else mark.reason.value,
        "told_at": now,
    }


def _mark(row: Sequence[Any]) -> FeedEntry:
    _, user_id, type_, id_, version, op, reason = row
    return FeedEntry(user_id, _TYPES[type_], id_, version, _OPS[op], None if reason is None else Reason(reason))


def _item(row: Sequence[Any]) -> FeedItem:
    mark, task = _mark(row[:_TASK_BEGINS]), row[_TASK_BEGINS:_CATEGORY_BEGINS]
    if task[0] is not None:
        return FeedItem(row[0], mark, task_of(task))
    category = row[_CATEGORY_BEGINS:]
    return FeedItem(row[0], mark, None if category[0] is None else category_of(category))
