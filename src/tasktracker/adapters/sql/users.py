"""Users in SQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import bindparam, delete, insert, select, update

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import tasks, users
from tasktracker.domain.accounts.user import User, email_key, username_key
from tasktracker.domain.kernel.errors import Stale

_USERS = Rows(
    User,
    users,
    derived={
        "username_key": lambda user: username_key(user.username),
        "email_key": lambda user: None if user.email is None else email_key(user.email),
    },
    fixed=("id", "created_at"),
    unmapped=("removed_at",),
)

_FIND = select(*_USERS.columns).where(users.c.id == bindparam("id"))
# `key_share` makes this FOR NO KEY UPDATE: inserts that refer to the user need not wait for it.
_LOCK = _FIND.with_for_update(key_share=True)
_FIND_BY_USERNAME = select(*_USERS.columns).where(users.c.username_key == bindparam("key"))
_FIND_BY_EMAIL = select(*_USERS.columns).where(users.c.email_key == bindparam("key"))
_NAMES = select(users.c.id, users.c.username).where(users.c.id.in_(bindparam("ids", expanding=True)))
_ADD = insert(users)
_SAVE = update(users).where(users.c.id == bindparam("of_id"), users.c.version == bindparam("of_version"))
# Tasks that the user created for others. The condition on the owner is that of the index.
_FORGET_CREATOR = (
    update(tasks)
    .where(tasks.c.created_by == bindparam("of_id"), tasks.c.created_by != tasks.c.owner)
    .values(created_by=None)
)
_REMOVE = delete(users).where(users.c.id == bindparam("id"))


class SqlUsers:
    """Implements UserRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, user: User) -> None:
        self._connection.change(_ADD, _USERS.row(user))

    def find(self, user_id: UUID) -> User | None:
        row = self._connection.one(_LOCK if self._connection.is_writing else _FIND, {"id": user_id})
        return None if row is None else _USERS.entity(row)

    def find_by_login(self, login: str) -> User | None:
        if "@" in login:
            row = self._connection.one(_FIND_BY_EMAIL, {"key": email_key(login)})
        else:
            row = self._connection.one(_FIND_BY_USERNAME, {"key": username_key(login)})
        return None if row is None else _USERS.entity(row)

    def find_unlocked(self, user_id: UUID) -> User | None:
        row = self._connection.one(_FIND, {"id": user_id})
        return None if row is None else _USERS.entity(row)

    def names(self, user_ids: Collection[UUID]) -> Mapping[UUID, str]:
        rows = self._connection.rows_of_many(_NAMES, "ids", user_ids)
        return {user_id: name for user_id, name in rows}  # noqa: C416  # rows are no pairs to a type checker

    def save(self, user: User) -> None:
        predecessor = {"of_id": user.id, "of_version": user.version - 1}
        if not self._connection.change(_SAVE, _USERS.changes(user) | predecessor):
            raise Stale

    def remove(self, user_id: UUID) -> None:
        self._connection.change(_FORGET_CREATOR, {"of_id": user_id})
        # The foreign keys delete the user's data, too.
        self._connection.change(_REMOVE, {"id": user_id})
