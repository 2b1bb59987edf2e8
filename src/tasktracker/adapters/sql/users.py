"""Users in SQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, insert, select, update

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.schema import users
from tasktracker.domain.accounts.user import User, email_key, username_key
from tasktracker.domain.kernel.errors import Stale

_COLUMNS = (
    users.c.id,
    users.c.username,
    users.c.email,
    users.c.first_name,
    users.c.last_name,
    users.c.time_zone,
    users.c.is_admin,
    users.c.is_active,
    users.c.password_hash,
    users.c.created_at,
    users.c.version,
)

_FIND = select(*_COLUMNS).where(users.c.id == bindparam("id"))
# NO KEY UPDATE: what refers to the user (a new task, say) need not wait for it.
_LOCK = _FIND.with_for_update(key_share=True)
_FIND_BY_USERNAME = select(*_COLUMNS).where(users.c.username_key == bindparam("key"))
_FIND_BY_EMAIL = select(*_COLUMNS).where(users.c.email_key == bindparam("key"))
_NAMES = select(users.c.id, users.c.username).where(users.c.id.in_(bindparam("ids", expanding=True)))
_ADD = insert(users)
_SAVE = update(users).where(users.c.id == bindparam("of_id"), users.c.version == bindparam("of_version"))
_REMOVE = delete(users).where(users.c.id == bindparam("id"))


def _user(row: Sequence[Any]) -> User:
    (id_, username, email, first, last, time_zone, is_admin, is_active, password_hash, created_at, version) = row
    return User(
        id=id_,
        username=username,
        email=email,
        first_name=first,
        last_name=last,
        time_zone=time_zone,
        is_admin=is_admin,
        is_active=is_active,
        password_hash=password_hash,
        created_at=created_at,
        version=version,
    )


def _fields(user: User) -> dict[str, Any]:
    """Return what may change."""
    return {
        "username": user.username,
        "username_key": username_key(user.username),
        "email": user.email,
        "email_key": None if user.email is None else email_key(user.email),
        "first_name": user.first_name,
        "last_name": user.last_name,
        "time_zone": user.time_zone,
        "is_admin": user.is_admin,
        "is_active": user.is_active,
        "password_hash": user.password_hash,
        "version": user.version,
    }


class SqlUsers:
    """Implements UserRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, user: User) -> None:
        origin = {"id": user.id, "created_at": user.created_at}
        self._connection.change(_ADD, _fields(user) | origin)

    def find(self, user_id: UUID) -> User | None:
        row = self._connection.one(_LOCK if self._connection.is_writing else _FIND, {"id": user_id})
        return None if row is None else _user(row)

    def find_by_login(self, login: str) -> User | None:
        if "@" in login:
            row = self._connection.one(_FIND_BY_EMAIL, {"key": email_key(login)})
        else:
            row = self._connection.one(_FIND_BY_USERNAME, {"key": username_key(login)})
        return None if row is None else _user(row)

    def find_unlocked(self, user_id: UUID) -> User | None:
        row = self._connection.one(_FIND, {"id": user_id})
        return None if row is None else _user(row)

    def names(self, user_ids: Collection[UUID]) -> Mapping[UUID, str]:
        rows = self._connection.rows_of_many(_NAMES, "ids", user_ids)
        return {user_id: name for user_id, name in rows}  # noqa: C416  # rows are no pairs to a type checker

    def save(self, user: User) -> None:
        predecessor = {"of_id": user.id, "of_version": user.version - 1}
        if not self._connection.change(_SAVE, _fields(user) | predecessor):
            raise Stale

    def remove(self, user_id: UUID) -> None:
        # Everything that is theirs goes with it, by the foreign keys.
        self._connection.change(_REMOVE, {"id": user_id})
