"""Notifications and preferences in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, bindparam, delete, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import notification_preferences, notifications
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.notifications.notification import Notification, NotificationKey
from tasktracker.domain.notifications.preferences import Preferences

NOTIFICATIONS = Rows(Notification, notifications)
_PREFERENCES = Rows(Preferences, notification_preferences)
_LIMIT = bindparam("limit", type_=Integer)
_OF_USER = notifications.c.user_id == bindparam("user_id")
# SQLite supports these clauses, too.
_ADD = insert(notifications).on_conflict_do_nothing(index_elements=["id"])
_FIND = select(*NOTIFICATIONS.columns).where(notifications.c.id == bindparam("id"), _OF_USER)
_LOCK = _FIND.with_for_update()
_SAVE = update(notifications).where(notifications.c.id == bindparam("of_id"))
_NEWEST_FIRST = (
    select(*NOTIFICATIONS.columns)
    .where(_OF_USER)
    .order_by(notifications.c.created_at.desc(), notifications.c.id.desc())
)
_UNREAD = _NEWEST_FIRST.where(~notifications.c.read).limit(_LIMIT).with_for_update()
_SURPLUS = _NEWEST_FIRST.with_only_columns(notifications.c.id).limit(1000).offset(bindparam("keep", type_=Integer))
_OLD = select(notifications.c.id).where(notifications.c.created_at < bindparam("before")).limit(_LIMIT)
_REMOVE_ALL = (
    delete(notifications)
    .where(notifications.c.id.in_(bindparam("ids", expanding=True)))
    .returning(*NOTIFICATIONS.columns)
)
_IS_DUE = notification_preferences.c.next_summary_at <= bindparam("now")
_FIND_PREFERENCES = select(*_PREFERENCES.columns).where(notification_preferences.c.user_id == bindparam("user_id"))
_stored = insert(notification_preferences)
_SAVE_PREFERENCES = _stored.on_conflict_do_update(
    index_elements=["user_id"],
    set_={each.name: _stored.excluded[each.name] for each in notification_preferences.columns if not each.primary_key},
)
_HAS_DUE = select(notification_preferences.c.user_id).where(_IS_DUE).limit(1)
_CLAIM = (
    select(*_PREFERENCES.columns)
    .where(_IS_DUE)
    .order_by(notification_preferences.c.next_summary_at, notification_preferences.c.user_id)
    .limit(_LIMIT)
    .with_for_update(skip_locked=True)
)


@cache
def _list(unread: bool | None, after: bool) -> Select[Any]:
    statement = _NEWEST_FIRST.limit(_LIMIT)
    if unread is not None:
        statement = statement.where(~notifications.c.read if unread else notifications.c.read)
    if after:
        position = tuple_(
            bindparam("after_at", type_=notifications.c.created_at.type),
            bindparam("after_id", type_=notifications.c.id.type),
        )
        statement = statement.where(tuple_(notifications.c.created_at, notifications.c.id) < position)
    return statement


class SqlNotifications:
    """Implements NotificationRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, notification: Notification) -> bool:
        return self._connection.change(_ADD, NOTIFICATIONS.row(notification)) > 0

    def find(self, user_id: UUID, notification_id: UUID) -> Notification | None:
        statement = _LOCK if self._connection.is_writing else _FIND
        row = self._connection.one(statement, {"id": notification_id, "user_id": user_id})
        return None if row is None else NOTIFICATIONS.entity(row)

    def save(self, notification: Notification) -> None:
        values = {"of_id": notification.id, "read": notification.read, "version": notification.version}
        self._connection.change(_SAVE, values)

    def list(
        self, user_id: UUID, unread: bool | None, after: NotificationKey | None, limit: int
    ) -> Page[Notification, NotificationKey]:
        parameters: dict[str, Any] = {"user_id": user_id, "limit": limit + 1}
        if after is not None:
            parameters |= {"after_at": after.created_at, "after_id": after.id}
        rows = self._connection.rows(_list(unread, after is not None), parameters)
        return Page.cut(NOTIFICATIONS.entities(rows), limit, lambda each: each.key)

    def unread(self, user_id: UUID, limit: int) -> Sequence[Notification]:
        return NOTIFICATIONS.entities(self._connection.rows(_UNREAD, {"user_id": user_id, "limit": limit}))

    def remove_surplus(self, user_id: UUID, keep: int) -> Sequence[Notification]:
        return self._removed(self._connection.rows(_SURPLUS, {"user_id": user_id, "keep": keep}))

    def purge_before(self, before: datetime, limit: int) -> Sequence[Notification]:
        return self._removed(self._connection.rows(_OLD, {"before": before, "limit": limit}))

    def preferences(self, user_id: UUID) -> Preferences:
        row = self._connection.one(_FIND_PREFERENCES, {"user_id": user_id})
        return Preferences(user_id=user_id) if row is None else _PREFERENCES.entity(row)

    def save_preferences(self, preferences: Preferences) -> None:
        self._connection.change(_SAVE_PREFERENCES, _PREFERENCES.row(preferences))

    def has_summary_due(self, now: datetime) -> bool:
        return self._connection.one(_HAS_DUE, {"now": now}) is not None

    def claim_summaries(self, now: datetime, limit: int) -> Sequence[Preferences]:
        self._connection.driver_for_writing()
        return _PREFERENCES.entities(self._connection.rows(_CLAIM, {"now": now, "limit": limit}))

    def _removed(self, rows: Sequence[Sequence[UUID]]) -> Sequence[Notification]:
        ids = [id_ for (id_,) in rows]
        return NOTIFICATIONS.entities(self._connection.rows_of_many(_REMOVE_ALL, "ids", ids)) if ids else ()
