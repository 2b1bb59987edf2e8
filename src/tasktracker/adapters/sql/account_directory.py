"""The list of all accounts in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, bindparam, exists, func, or_, select, tuple_, type_coerce

from tasktracker.adapters.sql.conditions import Later
from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.schema import auth_events, feeds, second_factors, sessions, users
from tasktracker.adapters.sql.usage import QUOTAS, USAGE
from tasktracker.adapters.sql.users import USERS
from tasktracker.domain.accounts.quota import Quotas, Usage
from tasktracker.domain.activity.event import Outcome
from tasktracker.domain.administration.account import (
    NEVER,
    AccountKey,
    AccountQuery,
    AccountSort,
    AccountState,
    AccountSummary,
)
from tasktracker.domain.kernel.paging import Page

_HAS_TWO_FACTOR = exists().where(second_factors.c.user_id == users.c.id, second_factors.c.confirmed_at.is_not(None))
_LAST_USE = select(func.max(sessions.c.used_at)).where(sessions.c.user_id == users.c.id).scalar_subquery()
# What users did themselves counts, too, such as a log-out: it ends the session.
_LAST_ACTION = (
    select(auth_events.c.at)
    .where(
        auth_events.c.user_id == users.c.id,
        auth_events.c.outcome == Outcome.SUCCESS.value,
        auth_events.c.session_id.is_not(None),  # a registration by a link or a command opens no session
        auth_events.c.subject.is_(None),  # not by an administrator
    )
    .order_by(auth_events.c.at.desc())
    .limit(1)
    .scalar_subquery()
)
_MOMENT = users.c.created_at.type
_NEVER = bindparam("never", NEVER, type_=_MOMENT)
_LAST_SEEN = type_coerce(
    Later(*(func.coalesce(each, _NEVER) for each in (_LAST_USE, users.c.seen_at, _LAST_ACTION))), _MOMENT
)
_SEEN_OR_NULL = func.nullif(_LAST_SEEN, _NEVER, type_=_MOMENT)
_SESSIONS = (
    select(func.count())
    .select_from(sessions)
    .where(
        sessions.c.user_id == users.c.id,
        sessions.c.idle_until > bindparam("now"),
        sessions.c.ends_at > bindparam("now"),
    )
    .scalar_subquery()
)
_USAGE = [func.coalesce(column, 0) for column in USAGE]
_COLUMNS = (
    *USERS.columns,
    _HAS_TWO_FACTOR,
    _SEEN_OR_NULL,
    _SESSIONS,
    *_USAGE,
    *QUOTAS,
)
_WITH_USAGE = users.outerjoin(feeds, feeds.c.user_id == users.c.id)
_FIND = select(*_COLUMNS).select_from(_WITH_USAGE).where(users.c.id == bindparam("id"), users.c.removed_at.is_(None))
_ORDERS: dict[str, ColumnElement[Any]] = {
    "username": users.c.username_key,
    "created_at": users.c.created_at,
    "last_seen_at": _LAST_SEEN,
    "tasks": _USAGE[0],
}
_STATES: dict[AccountState, ColumnElement[bool]] = {
    AccountState.ACTIVE: users.c.is_active,
    AccountState.DISABLED: ~users.c.is_active,
    AccountState.ADMIN: users.c.is_admin,
}


@cache
def _list(sort: AccountSort, state: AccountState | None, searches: bool, after: bool) -> Select[Any]:
    """Return the statement for a page. It sorts all accounts, but counts only for the accounts on the page."""
    value = _ORDERS[sort.field]
    places = (
        select(users.c.id, value.label("value"))
        .select_from(_WITH_USAGE if sort.field == "tasks" else users)
        .where(users.c.removed_at.is_(None))
    )
    if state is not None:
        places = places.where(_STATES[state])
    if searches:
        keys = (users.c.username_key, users.c.email_key)
        places = places.where(or_(*(key.like(bindparam("pattern"), escape="/") for key in keys)))
    if after:
        here = tuple_(value, users.c.id)
        there = tuple_(bindparam("after_value", type_=value.type), bindparam("after_id", type_=users.c.id.type))
        places = places.where(here < there if sort.is_descending else here > there)
    order = [value.desc(), users.c.id.desc()] if sort.is_descending else [value, users.c.id]
    page = places.order_by(*order).limit(bindparam("limit", type_=Integer)).subquery()
    ordered = [page.c.value.desc(), page.c.id.desc()] if sort.is_descending else [page.c.value, page.c.id]
    found = page.join(_WITH_USAGE, users.c.id == page.c.id)
    return select(*_COLUMNS).select_from(found).order_by(*ordered)


class SqlAccountDirectory:
    """Implements AccountDirectory."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, query: AccountQuery) -> Page[AccountSummary, AccountKey[Any]]:
        parameters: dict[str, Any] = {"now": query.now, "limit": query.limit + 1}
        if query.part:
            escaped = query.part.replace("/", "//").replace("%", "/%").replace("_", "/_")
            parameters["pattern"] = f"%{escaped}%"
        if query.after is not None:
            parameters |= {"after_value": query.after.value, "after_id": query.after.id}
        statement = _list(query.sort, query.state, bool(query.part), query.after is not None)
        rows = self._connection.rows(statement, parameters)
        return Page.cut([_summary(row) for row in rows], query.limit, lambda found: found.key(query.sort))

    def find(self, user_id: UUID, now: datetime) -> AccountSummary | None:
        row = self._connection.one(_FIND, {"id": user_id, "now": now})
        return None if row is None else _summary(row)


def _summary(row: Sequence[Any]) -> AccountSummary:
    columns, rest = row[: len(USERS.columns)], row[len(USERS.columns) :]
    has_two_factor, last_seen_at, live, *owned = rest
    return AccountSummary(
        user=USERS.entity(columns),
        has_two_factor=bool(has_two_factor),
        last_seen_at=last_seen_at,
        sessions=live,
        usage=Usage(*owned[: len(USAGE)]),
        quotas=Quotas(*owned[len(USAGE) :]),
    )
