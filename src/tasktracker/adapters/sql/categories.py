"""Categories in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, bindparam, delete, insert, select, tuple_, update

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.schema import categories
from tasktracker.domain.categories.category import Category, CategoryKey, name_key
from tasktracker.domain.kernel.errors import Stale
from tasktracker.domain.kernel.paging import Page

CATEGORY_COLUMNS = (
    categories.c.id,
    categories.c.user_id,
    categories.c.name,
    categories.c.description,
    categories.c.color,
    categories.c.created_at,
    categories.c.updated_at,
    categories.c.version,
)

_FIND = select(*CATEGORY_COLUMNS).where(
    categories.c.id == bindparam("id"), categories.c.user_id == bindparam("user_id")
)
_LOCK = _FIND.with_for_update()
_FIRST = (
    select(*CATEGORY_COLUMNS)
    .where(categories.c.user_id == bindparam("user_id"))
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
_REMOVE = delete(categories).where(categories.c.id == bindparam("id"), categories.c.version == bindparam("version"))


def category_of(row: Sequence[Any]) -> Category:
    """Return the category in a row of `CATEGORY_COLUMNS`."""
    id_, user_id, name, description, color, created_at, updated_at, version = row
    return Category(
        id=id_,
        user_id=user_id,
        name=name,
        description=description,
        color=color,
        created_at=created_at,
        updated_at=updated_at,
        version=version,
    )


def _fields(category: Category) -> dict[str, Any]:
    """Return what may change."""
    return {
        "name": category.name,
        "name_key": name_key(category.name),
        "description": category.description,
        "color": category.color,
        "updated_at": category.updated_at,
        "version": category.version,
    }


class SqlCategories:
    """Implements CategoryRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, category: Category) -> None:
        origin = {"id": category.id, "user_id": category.user_id, "created_at": category.created_at}
        self._connection.change(_ADD, _fields(category) | origin)

    def find(self, user_id: UUID, category_id: UUID) -> Category | None:
        statement = _LOCK if self._connection.is_writing else _FIND
        row = self._connection.one(statement, {"id": category_id, "user_id": user_id})
        return None if row is None else category_of(row)

    def save(self, category: Category) -> None:
        predecessor = {"of_id": category.id, "of_version": category.version - 1}
        if not self._connection.change(_SAVE, _fields(category) | predecessor):
            raise Stale

    def remove(self, category: Category) -> None:
        if not self._connection.change(_REMOVE, {"id": category.id, "version": category.version}):
            raise Stale

    def list(self, user_id: UUID, after: CategoryKey | None, limit: int) -> Page[Category, CategoryKey]:
        parameters: dict[str, Any] = {"user_id": user_id, "limit": limit + 1}
        if after is None:
            rows = self._connection.rows(_FIRST, parameters)
        else:
            rows = self._connection.rows(_NEXT, parameters | {"after_name": after.name, "after_id": after.id})
        return Page.cut([category_of(row) for row in rows], limit, lambda category: category.key)
