"""Categories in SQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Text,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import categories, category_members, jobs
from tasktracker.adapters.sql.task_rows import being
from tasktracker.adapters.sql.usage import SqlUsage
from tasktracker.domain.accounts.quota import Usage
from tasktracker.domain.categories.category import Category, CategoryKey, CategoryMember, name_key
from tasktracker.domain.jobs.job import JobKind
from tasktracker.domain.kernel.errors import Stale
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.kernel.paging import Page

_COLON: ColumnElement[str] = literal_column("':'")
_ENTRY = (
    cast(category_members.c.user_id, Text)
    + _COLON
    + category_members.c.role
    + _COLON
    + cast(category_members.c.since, Text)
    + _COLON
    + cast(cast(category_members.c.is_ready, Integer), Text)
)
_MEMBERS = (
    select(func.aggregate_strings(_ENTRY, " "))
    .where(category_members.c.category_id == categories.c.id, category_members.c.user_id != categories.c.user_id)
    .correlate(categories)
    .scalar_subquery()
)


def _load_members(text: str | None) -> tuple[CategoryMember, ...]:
    """Return the members in a text of the form "<user>:<role>:<since>:<0 or 1> …"."""
    parts = (each.split(":") for each in text.split(" ")) if text else ()
    return tuple(
        sorted(
            CategoryMember(UUID(user_id), Role(role), EPOCH + timedelta(microseconds=int(since)), ready == "1")
            for user_id, role, since, ready in parts
        )
    )


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

CATEGORIES = Rows(
    Category,
    categories,
    load={"members": _load_members, "field_versions": json.loads},
    dump={"field_versions": json.dumps},
    # A page of a feed has rows without a category.
    read_only={"members": case((categories.c.id.is_not(None), _MEMBERS))},
    derived={"name_key": lambda category: name_key(category.name)},
    fixed=("id", "created_at"),
    unmapped=("removed_at",),
)

_SHARED_WITH = select(category_members.c.category_id).where(category_members.c.user_id == bindparam("user_id"))
_NOT_READY = _SHARED_WITH.where(~category_members.c.is_ready)
_SHOWN = select(*CATEGORIES.columns).where(categories.c.removed_at.is_(None))
_BY_ID = _SHOWN.where(categories.c.id == bindparam("id"))
_FIND = _BY_ID.where(or_(categories.c.user_id == bindparam("user_id"), categories.c.id.in_(_SHARED_WITH)))
_SEEN = categories.alias()
# The row is read when it is locked, but its members are read when the statement begins: they may be of an older
# version. The lock lets other units of work add a task that refers to the category after they have locked a task.
_LOCK = _FIND.add_columns(
    select(_SEEN.c.version == categories.c.version).where(_SEEN.c.id == categories.c.id).scalar_subquery()
).with_for_update(of=categories, key_share=True)
_FIND_NAMED = _SHOWN.where(categories.c.user_id == bindparam("user_id"), categories.c.name_key == bindparam("name_key"))
_LIST = _SHOWN.order_by(categories.c.name_key, categories.c.id).limit(bindparam("limit", type_=Integer))
_OWNED = _LIST.where(categories.c.user_id == bindparam("user_id"))
# The owner of a category that is shared is one of its members.
_JOINED = _LIST.where(categories.c.id.in_(_SHARED_WITH), categories.c.user_id != bindparam("user_id"))
_AFTER = tuple_(categories.c.name_key, categories.c.id) > tuple_(
    bindparam("after_name", type_=categories.c.name_key.type),
    bindparam("after_id", type_=categories.c.id.type),
)
_LISTS = {False: (_OWNED, _JOINED), True: (_OWNED.where(_AFTER), _JOINED.where(_AFTER))}
_ADD = insert(categories)
_SAVE = update(categories).where(categories.c.id == bindparam("of_id"), categories.c.version == bindparam("of_version"))
_LOCK_MEMBERS = (
    select(category_members.c.user_id)
    .where(category_members.c.category_id == bindparam("category_id"))
    .order_by(category_members.c.user_id)
    .with_for_update()
)
_REMOVE_MEMBERS = delete(category_members).where(
    category_members.c.category_id == bindparam("category_id"),
    category_members.c.user_id.not_in(bindparam("kept", expanding=True)),
)
_member = insert(category_members)
_SAVE_MEMBER = _member.on_conflict_do_update(
    index_elements=["category_id", "user_id"],
    set_={name: _member.excluded[name] for name in ("role", "since", "is_ready")},
)
_HANDED_OVER = being(JobKind.HAND_OVER).where(jobs.c.subject == bindparam("category_id"))
_OTHERS = category_members.alias()
_SETTLE = delete(category_members).where(
    category_members.c.category_id == bindparam("category_id"),
    ~exists().where(
        _OTHERS.c.category_id == category_members.c.category_id, _OTHERS.c.user_id != category_members.c.user_id
    ),
)
_OWNER = select(categories.c.user_id).where(categories.c.id == bindparam("id"))
_REMOVE = delete(categories).where(categories.c.id == bindparam("id")).returning(categories.c.user_id)


class SqlCategories:
    """Implements CategoryRepository."""

    __slots__ = ("_connection", "_usage")

    def __init__(self, connection: Connection, usage: SqlUsage) -> None:
        self._connection = connection
        self._usage = usage

    def add(self, category: Category) -> None:
        self._connection.change(_ADD, CATEGORIES.row(category))
        self._usage.add(category.user_id, Usage(categories=1))
        if category.members:
            self._save_members(category)

    def find(self, user_id: UUID, category_id: UUID) -> Category | None:
        parameters = {"id": category_id, "user_id": user_id}
        is_writing = self._connection.is_writing
        row = self._connection.one(_LOCK if is_writing else _FIND, parameters)
        if row is not None and is_writing:
            *row, is_current = row
            if not is_current:
                row = self._connection.one(_FIND, parameters)
        return None if row is None else CATEGORIES.entity(row)

    def find_unlocked(self, category_id: UUID) -> Category | None:
        row = self._connection.one(_BY_ID, {"id": category_id})
        return None if row is None else CATEGORIES.entity(row)

    def find_named(self, user_id: UUID, name_key: str) -> Category | None:
        row = self._connection.one(_FIND_NAMED, {"user_id": user_id, "name_key": name_key})
        return None if row is None else CATEGORIES.entity(row)

    def save(self, category: Category) -> None:
        predecessor = {"of_id": category.id, "of_version": category.version - 1}
        if not self._connection.change(_SAVE, CATEGORIES.changes(category) | predecessor):
            raise self._connection.refusal(Stale())

    def save_shared(self, category: Category) -> None:
        owner = self._connection.value(_OWNER, {"id": category.id})
        self.save(category)
        if owner != category.user_id:
            self._usage.add(owner, Usage(categories=-1))
            self._usage.add(category.user_id, Usage(categories=1))
        self._save_members(category)

    def settle(self, category_id: UUID) -> None:
        self._connection.change(_SETTLE, {"category_id": category_id})

    def hide(self, category: Category, now: datetime) -> None:
        # No name begins with a space.
        hidden = {"removed_at": now, "name_key": f" {category.id}"}
        if not self._connection.change(_SAVE, hidden | {"of_id": category.id, "of_version": category.version}):
            raise self._connection.refusal(Stale())

    def remove(self, category_id: UUID) -> None:
        for (user_id,) in self._connection.change_returning(_REMOVE, {"id": category_id}):
            self._usage.add(user_id, Usage(categories=-1))

    def not_ready(self, user_id: UUID) -> frozenset[UUID]:
        return frozenset(id_ for (id_,) in self._connection.rows(_NOT_READY, {"user_id": user_id}))

    def list(self, user_id: UUID, after: CategoryKey | None, limit: int) -> Page[Category, CategoryKey]:
        parameters: dict[str, Any] = {"user_id": user_id, "limit": limit + 1}
        if after is not None:
            parameters |= {"after_name": after.name, "after_id": after.id}
        rows = [row for each in _LISTS[after is not None] for row in self._connection.rows(each, parameters)]
        found = sorted(CATEGORIES.entities(rows), key=lambda category: category.key)
        return Page.cut(found[: limit + 1], limit, lambda category: category.key)

    def _save_members(self, category: Category) -> None:
        """Store the members. Store the owner, too, if there are members or if tasks do not belong to the owner yet."""
        members = list(category.members)
        if members or self._connection.one(_HANDED_OVER, {"category_id": category.id}) is not None:
            members.append(CategoryMember(category.user_id, Role.OWNER, category.created_at, is_ready=True))
        kept = [each.user_id for each in members]
        # Units of work on tasks of the category lock the members in the same order, so no deadlock can occur.
        self._connection.rows(_LOCK_MEMBERS, {"category_id": category.id})
        self._connection.change(_REMOVE_MEMBERS, {"category_id": category.id, "kept": kept})
        rows = [
            {
                "category_id": category.id,
                "user_id": each.user_id,
                "role": each.role.value,
                "since": (each.since - EPOCH) // timedelta(microseconds=1),
                "is_ready": each.is_ready,
            }
            for each in members
        ]
        self._connection.change_all(_SAVE_MEMBER, rows)
