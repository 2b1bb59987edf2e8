"""Feeds in SQL.

A feed's numbers come from its user's row in `feeds`, which is locked from then until the work is committed. They are
taken last, and in the order of the users: so the order of the numbers is that of the commits, and no deadlock can
arise.
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

from tasktracker.adapters.sql.categories import CATEGORIES
from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import categories, feed_items, feeds, secrets, tasks
from tasktracker.adapters.sql.task_rows import TASKS
from tasktracker.domain.feed.entries import FeedEntry, FeedItem, ItemType, Op, coalesced, deletions
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
_ENTRIES = Rows(FeedEntry, feed_items, unmapped=("sequence", "told_at"))
# Where in the rows of a page the columns of a kind begin; the sequence comes first.
_ENTRY_BEGINS = 1
_TASK_BEGINS = _ENTRY_BEGINS + len(_ENTRIES.columns)
_CATEGORY_BEGINS = _TASK_BEGINS + len(TASKS.columns)
_MARKS = select(*_ENTRIES.columns).where(
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
        select(mark.sequence, *_ENTRIES.columns, *TASKS.columns, *CATEGORIES.columns)
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
        longer = []
        for user_id, of_user in groupby(coalesced(self._added), key=lambda mark: mark.user_id):
            marks = list(of_user)
            (row,) = self._connection.changed(_ADVANCE, {"user_id": user_id, "head": len(marks)})
            begin = row[0] - len(marks) + 1
            rows = [
                _ENTRIES.row(mark) | {"sequence": begin + number, "told_at": now} for number, mark in enumerate(marks)
            ]
            if len(rows) == 1:
                self._connection.change(_PLACE, rows[0])
            else:
                self._connection.change_all(_PLACE, rows)
            longer.append(user_id)
        return longer

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
        return [_ENTRIES.entity(row) for row in rows]

    def tombstones(self, user_id: UUID, type: ItemType, ids: Collection[UUID]) -> Mapping[UUID, int]:
        rows = self._connection.rows_of_many(_TOMBSTONES, "ids", ids, {"user_id": user_id, "type": type.value})
        stored = {id_: version for id_, version in rows}  # noqa: C416  # rows are no pairs to a type checker
        return deletions(stored, self._added, user_id, type, ids)

    def drop(self, user_id: UUID) -> None:
        # What is stored goes with the user, by the foreign keys.
        self._added = [mark for mark in self._added if mark.user_id != user_id]

    def purge_before(self, before: datetime, limit: int) -> int:
        return self._connection.change(_FORGET, {"before": before, "limit": limit})


def _item(row: Sequence[Any]) -> FeedItem:
    entry = _ENTRIES.entity(row[_ENTRY_BEGINS:_TASK_BEGINS])
    task, category = row[_TASK_BEGINS:_CATEGORY_BEGINS], row[_CATEGORY_BEGINS:]
    if task[0] is not None:
        return FeedItem(row[0], entry, TASKS.entity(task))
    return FeedItem(row[0], entry, None if category[0] is None else CATEGORIES.entity(category))
