"""Authentication events in SQL."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, bindparam, delete, insert, or_, select, tuple_

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import auth_events
from tasktracker.domain.activity.event import AuthEvent, EventKey, EventQuery
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


@cache
def _search(names: frozenset[str]) -> Select[Any]:
    """Return the statement for a search with parameters of these names."""
    event = auth_events.c
    conditions: dict[str, ColumnElement[bool]] = {
        "user_id": or_(*(each == bindparam("user_id") for each in (event.user_id, event.admin_id, event.subject))),
        "kinds": event.kind.in_(bindparam("kinds", expanding=True)),
        "outcome": event.outcome == bindparam("outcome"),
        "since": event.at >= bindparam("since"),
        "until": event.at < bindparam("until"),
        "after_at": tuple_(event.at, event.id)
        < tuple_(bindparam("after_at", type_=event.at.type), bindparam("after_id", type_=event.id.type)),
    }
    statement = select(*_EVENTS.columns).where(*(each for name, each in conditions.items() if name in names))
    return statement.order_by(event.at.desc(), event.id.desc()).limit(bindparam("limit", type_=Integer))


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

    def search(self, query: EventQuery) -> Page[AuthEvent, EventKey]:
        after = query.after
        filters = {
            "user_id": query.user_id,
            "kinds": sorted(kind.value for kind in query.kinds) or None,
            "outcome": query.outcome and query.outcome.value,
            "since": query.since,
            "until": query.until,
            "after_at": after and after.at,
            "after_id": after and after.id,
        }
        parameters = {name: value for name, value in filters.items() if value is not None}
        rows = self._connection.rows(_search(frozenset(parameters)), parameters | {"limit": query.limit + 1})
        return Page.cut(_EVENTS.entities(rows), query.limit, lambda event: event.key)
