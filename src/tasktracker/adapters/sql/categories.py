"""Categories in SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, bindparam, delete, insert, select, tuple_, update

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import categories
from tasktracker.domain.categories.category import Category, CategoryKey, name_key
from tasktracker.domain.kernel.errors import Stale
from tasktracker.domain.kernel.paging import Page

CATEGORIES = Rows(
    Category,
    categories,
    derived={"name_key": lambda category: name_key(category.name)},
    fixed=("id", "user_id", "created_at"),
    unmapped=("removed_at",),
)

_FIND = select(*CATEGORIES.columns).where(
    categories.c.id == bindparam("id"),
    categories.c.user_id == bindparam("user_id"),
    categories.c.removed_at.is_(None),
)
_LOCK = _FIND.with_for_update()
_FIRST = (
    select(*CATEGORIES.columns)
    .where(categories.c.user_id == bindparam("user_id"), categories.c.removed_at.is_(None))
    .order_by(categories.c.name_key, categories.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_NEXT = _FIRST.where(
    tuple_(categories.c.name_key, categories.c.id)
    > tuple_(
        bindparam("after_name", type_=categories.c.name_key.type),
        bindparam("after_id", type_=categories.c.id.type),
    )
)
_ADD = insert(categories)
_SAVE = update(categories).where(categories.c.id == bindparam("of_id"), categories.c.version == bindparam("of_version"))
_REMOVE = delete(categories).where(categories.c.id == bindparam("id"))


class SqlCategories:
    """Implements CategoryRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, category: Category) -> None:
        self._connection.change(_ADD, CATEGORIES.row(category))

    def find(self, user_id: UUID, category_id: UUID) -> Category | None:
        statement = _LOCK if self._connection.is_writing else _FIND
        row = self._connection.one(statement, {"id": category_id, "user_id": user_id})
        return None if row is None else CATEGORIES.entity(row)

    def save(self, category: Category) -> None:
        predecessor = {"of_id": category.id, "of_version": category.version - 1}
        if not self._connection.change(_SAVE, CATEGORIES.changes(category) | predecessor):
            raise Stale

    def hide(self, category: Category, now: datetime) -> None:
        # No name begins with a space.
        hidden = {"removed_at": now, "name_key": f" {category.id}"}
        if not self._connection.change(_SAVE, hidden | {"of_id": category.id, "of_version": category.version}):
            raise Stale

    def remove(self, category_id: UUID) -> None:
        self._connection.change(_REMOVE, {"id": category_id})

    def list(self, user_id: UUID, after: CategoryKey | None, limit: int) -> Page[Category, CategoryKey]:
        parameters: dict[str, Any] = {"user_id": user_id, "limit": limit + 1}
        if after is None:
            rows = self._connection.rows(_FIRST, parameters)
        else:
            rows = self._connection.rows(_NEXT, parameters | {"after_name": after.name, "after_id": after.id})
        return Page.cut([CATEGORIES.entity(row) for row in rows], limit, lambda category: category.key)
