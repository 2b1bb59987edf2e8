"""Authentication events in SQL."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, bindparam, delete, insert, select, tuple_

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import auth_events
from tasktracker.domain.activity.event import AuthEvent, EventKey
from tasktracker.domain.kernel.paging import Page

_EVENTS = Rows(AuthEvent, auth_events)
_ADD = insert(auth_events)
_PURGE = delete(auth_events).where(
    auth_events.c.id.in_(
        select(auth_events.c.id).where(auth_events.c.at < bindparam("before")).limit(bindparam("limit", type_=Integer))
    )
)


@cache
def _list(after: bool) -> Select[Any]:
    statement = select(*_EVENTS.columns).where(auth_events.c.user_id == bindparam("user_id"))
    if after:
        position = tuple_(
            bindparam("after_at", type_=auth_events.c.at.type), bindparam("after_id", type_=auth_events.c.id.type)
        )
        statement = statement.where(tuple_(auth_events.c.at, auth_events.c.id) < position)
    newest_first = statement.order_by(auth_events.c.at.desc(), auth_events.c.id.desc())
    return newest_first.limit(bindparam("limit", type_=Integer))


class SqlActivity:
    """Implements ActivityRepository. The `added` events go to the audit log after the commit."""

    __slots__ = ("_connection", "added")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.added: list[AuthEvent] = []

    def add(self, event: AuthEvent) -> None:
        self._connection.change(_ADD, _EVENTS.row(event))
        self.added.append(event)

    def purge_before(self, before: datetime, limit: int) -> int:
        return self._connection.change(_PURGE, {"before": before, "limit": limit})

    def list(self, user_id: UUID, after: EventKey | None, limit: int) -> Page[AuthEvent, EventKey]:
        parameters: dict[str, Any] = {"user_id": user_id, "limit": limit + 1}
        if after is not None:
            parameters |= {"after_at": after.at, "after_id": after.id}
        rows = self._connection.rows(_list(after is not None), parameters)
        return Page.cut(_EVENTS.entities(rows), limit, lambda event: event.key)
