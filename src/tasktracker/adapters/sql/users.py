"""Users in SQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Executable,
    Integer,
    Table,
    bindparam,
    delete,
    insert,
    literal_column,
    select,
    tuple_,
    update,
)

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.locks import Locked
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import (
    api_tokens,
    auth_events,
    deliveries,
    feed_items,
    idempotency_keys,
    import_jobs,
    import_lines,
    notifications,
    reminders,
    share_invitations,
    task_changes,
    task_entries,
    tasks,
    users,
)
from tasktracker.domain.accounts.user import User, email_key, username_key
from tasktracker.domain.kernel.errors import Stale

USERS = Rows(
    User,
    users,
    derived={
        "username_key": lambda user: username_key(user.username),
        "email_key": lambda user: None if user.email is None else email_key(user.email),
    },
    fixed=("id", "created_at"),
    unmapped=("seen_at", "removed_at"),
)

_SHOWN = users.c.removed_at.is_(None)
_FIND = select(*USERS.columns).where(users.c.id == bindparam("id"), _SHOWN)
# `key_share` makes this FOR NO KEY UPDATE: inserts that refer to the user need not wait for this lock.
_LOCK = _FIND.with_for_update(key_share=True)
_FIND_BY_USERNAME = select(*USERS.columns).where(users.c.username_key == bindparam("key"), _SHOWN)
_FIND_BY_EMAIL = select(*USERS.columns).where(users.c.email_key == bindparam("key"), _SHOWN)
_NAMES = select(users.c.id, users.c.username).where(users.c.id.in_(bindparam("ids", expanding=True)), _SHOWN)
_ADD = insert(users)
_SAVE = update(users).where(users.c.id == bindparam("of_id"), users.c.version == bindparam("of_version"))
_HIDE = update(users).where(users.c.id == bindparam("of_id"))
# This is a separate statement, so that the next one sees the changes that earlier units of work committed.
_LOCK_ADMINS = select(Locked("lock", literal_column("'administrators'")))
_OTHER_ADMIN = (
    select(users.c.id).where(users.c.is_admin, users.c.is_active, users.c.id != bindparam("id"), _SHOWN).limit(1)
)
_REMOVE = delete(users).where(users.c.id == bindparam("id"))


def _some(table: Table, column: Column[UUID], *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition for at most `limit` rows of a table whose column is the user `of_user`."""
    key = tuple_(*table.primary_key.columns)
    of_user = select(*table.primary_key.columns).where(column == bindparam("of_user"), *conditions).limit(_LIMIT)
    return key.in_(of_user)


_LIMIT = bindparam("limit", type_=Integer)
_CLEAR: Sequence[Executable] = (
    update(task_changes).where(_some(task_changes, task_changes.c.actor)).values(actor=None),
    # Tasks that the user created for others. The index has the same condition on the owner.
    update(tasks).where(_some(tasks, tasks.c.created_by, tasks.c.created_by != tasks.c.owner)).values(created_by=None),
    # What administrators did stays, without the foreign key.
    update(auth_events)
    .where(_some(auth_events, auth_events.c.user_id, auth_events.c.subject.is_not(None)))
    .values(user_id=None),
    *(
        delete(table).where(_some(table, table.c.user_id))
        for table in (
            feed_items,
            idempotency_keys,
            auth_events,
            deliveries,
            api_tokens,
            task_entries,
            reminders,
            notifications,
        )
    ),
    delete(share_invitations).where(_some(share_invitations, share_invitations.c.invited_by)),
    delete(import_lines).where(
        tuple_(*import_lines.primary_key.columns).in_(
            select(*import_lines.primary_key.columns)
            .join_from(import_lines, import_jobs, import_jobs.c.id == import_lines.c.job_id)
            .where(import_jobs.c.user_id == bindparam("of_user"))
            .limit(_LIMIT)
        )
    ),
)
"""Statements that remove at most `limit` rows of a user. The few remaining rows are removed with the user's row.

These include categories: a task may have been added to a category meanwhile, and is also removed with the user's row.
"""


class SqlUsers:
    """Implements UserRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, user: User) -> None:
        self._connection.change(_ADD, USERS.row(user))

    def find(self, user_id: UUID) -> User | None:
        row = self._connection.one(_LOCK if self._connection.is_writing else _FIND, {"id": user_id})
        return None if row is None else USERS.entity(row)

    def find_by_login(self, login: str) -> User | None:
        if "@" in login:
            row = self._connection.one(_FIND_BY_EMAIL, {"key": email_key(login)})
        else:
            row = self._connection.one(_FIND_BY_USERNAME, {"key": username_key(login)})
        return None if row is None else USERS.entity(row)

    def find_unlocked(self, user_id: UUID) -> User | None:
        row = self._connection.one(_FIND, {"id": user_id})
        return None if row is None else USERS.entity(row)

    def names(self, user_ids: Collection[UUID]) -> Mapping[UUID, str]:
        rows = self._connection.rows_of_many(_NAMES, "ids", user_ids)
        return {user_id: name for user_id, name in rows}  # noqa: C416  # rows are no pairs to a type checker

    def save(self, user: User) -> None:
        predecessor = {"of_id": user.id, "of_version": user.version - 1}
        if not self._connection.change(_SAVE, USERS.changes(user) | predecessor):
            raise self._connection.refusal(Stale())

    def has_other_admin(self, user_id: UUID) -> bool:
        if self._connection.is_writing:
            self._connection.rows(_LOCK_ADMINS)
        return self._connection.one(_OTHER_ADMIN, {"id": user_id}) is not None

    def hide(self, user_id: UUID, now: datetime) -> None:
        erased: dict[str, str | None] = {"first_name": "", "last_name": "", "password_hash": ""}
        erased |= dict.fromkeys(("email", "email_key", "pending_email"))
        name = f" {user_id}"  # no username begins with a space
        hidden = {"removed_at": now, "is_active": False, "username": name, "username_key": name, **erased}
        self._connection.change(_HIDE, hidden | {"of_id": user_id})

    def clear(self, user_id: UUID, limit: int) -> int:
        cleared = 0
        for statement in _CLEAR:
            cleared += self._connection.change(statement, {"of_user": user_id, "limit": limit - cleared})
            if cleared >= limit:
                break
        return cleared

    def remove(self, user_id: UUID) -> None:
        # The foreign keys delete the user's data, too.
        self._connection.change(_REMOVE, {"id": user_id})
