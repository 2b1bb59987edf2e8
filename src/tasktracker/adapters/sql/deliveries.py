"""Deliveries in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Integer, Select, and_, bindparam, delete, func, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import deliveries
from tasktracker.domain.accounts.user import email_key
from tasktracker.domain.deliveries.delivery import (
    LEASE,
    RESTORED,
    Delivery,
    DeliveryKey,
    DeliveryKind,
    DeliveryState,
    Failing,
)
from tasktracker.domain.kernel.paging import Page


def _dump(parameters: Mapping[str, str]) -> str:
    return msgspec.json.encode(parameters).decode()


_ROWS = Rows(
    Delivery,
    deliveries,
    load={"parameters": msgspec.json.decode},
    dump={"parameters": _dump},
    derived={"address_key": lambda delivery: None if delivery.address is None else email_key(delivery.address)},
    fixed=("id", "channel", "cause", "message_id", "created_at"),
)
_MOMENT = deliveries.c.created_at.type
_LIMIT = bindparam("limit", type_=Integer)
# SQLite understands this clause of PostgreSQL, too.
_ADD = insert(deliveries).on_conflict_do_nothing()
_NOW, _UNTIL = bindparam("now", type_=_MOMENT), bindparam("until", type_=_MOMENT)
_IS_DUE = deliveries.c.state == text("'due'")  # a constant, so that the index of due ones is used
_CLAIMABLE = and_(
    _IS_DUE,
    deliveries.c.next_attempt_at <= _NOW,
    or_(deliveries.c.leased_until.is_(None), deliveries.c.leased_until <= _NOW, deliveries.c.leased_until > _UNTIL),
)
_HAS_DUE = select(deliveries.c.id).where(_CLAIMABLE).limit(1)
_CLAIM = (
    select(*_ROWS.columns)
    .where(_CLAIMABLE)
    .order_by(deliveries.c.next_attempt_at, deliveries.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_FIND = select(*_ROWS.columns).where(deliveries.c.id == bindparam("id"))
_LOCK = _FIND.with_for_update()
_SAVE = update(deliveries).where(deliveries.c.id == bindparam("of_id"))
_COUNT = (
    select(func.count())
    .select_from(deliveries)
    .where(
        deliveries.c.address_key == bindparam("address_key"),
        deliveries.c.kind == bindparam("kind"),
        deliveries.c.created_at >= bindparam("since"),
        deliveries.c.state != DeliveryState.SKIPPED.value,
    )
)
_SUMMARY = select(deliveries.c.state, func.count(), func.min(deliveries.c.created_at)).group_by(deliveries.c.state)
_FAILING = (
    select(func.count(), func.min(deliveries.c.created_at), deliveries.c.problem)
    .where(_IS_DUE, deliveries.c.problem.is_not(None))
    .group_by(deliveries.c.problem)
)
_SKIP_DUE = (
    update(deliveries)
    .where(_IS_DUE)
    .values(state=DeliveryState.SKIPPED.value, ended_at=_NOW, leased_until=None, parameters=_dump({}), problem=RESTORED)
)
_PURGE = delete(deliveries).where(
    deliveries.c.id.in_(select(deliveries.c.id).where(deliveries.c.ended_at < bindparam("before")).limit(_LIMIT))
)


@cache
def _list(of_user: bool, in_state: bool, after: bool) -> Select[Any]:
    statement = select(*_ROWS.columns)
    if of_user:
        statement = statement.where(deliveries.c.user_id == bindparam("user_id"))
    if in_state:
        statement = statement.where(deliveries.c.state == bindparam("state"))
    if after:
        position = tuple_(bindparam("after_at", type_=_MOMENT), bindparam("after_id", type_=deliveries.c.id.type))
        statement = statement.where(tuple_(deliveries.c.created_at, deliveries.c.id) < position)
    return statement.order_by(deliveries.c.created_at.desc(), deliveries.c.id.desc()).limit(_LIMIT)


class SqlDeliveries:
    """Implements DeliveryRepository."""

    __slots__ = ("_connection", "has_added")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.has_added = False

    def add(self, delivery: Delivery) -> None:
        self._connection.change(_ADD, _ROWS.row(delivery))
        self.has_added = True

    def has_due(self, now: datetime) -> bool:
        return self._connection.one(_HAS_DUE, {"now": now, "until": now + LEASE}) is not None

    def claim(self, now: datetime) -> Delivery | None:
        self._connection.driver_for_writing()
        row = self._connection.one(_CLAIM, {"now": now, "until": now + LEASE})
        if row is None:
            return None
        claimed = _ROWS.entity(row).claimed(now)
        self.save(claimed)
        return claimed

    def find(self, delivery_id: UUID) -> Delivery | None:
        row = self._connection.one(_LOCK if self._connection.is_writing else _FIND, {"id": delivery_id})
        return None if row is None else _ROWS.entity(row)

    def save(self, delivery: Delivery) -> None:
        self._connection.change(_SAVE, _ROWS.changes(delivery) | {"of_id": delivery.id})
        self.has_added |= delivery.state is DeliveryState.DUE and delivery.leased_until is None

    def count_since(self, kind: DeliveryKind, address: str, since: datetime) -> int:
        of_address = {"kind": kind.value, "address_key": email_key(address), "since": since}
        return int(self._connection.value(_COUNT, of_address))

    def list(
        self, user_id: UUID | None, state: DeliveryState | None, after: DeliveryKey | None, limit: int
    ) -> Page[Delivery, DeliveryKey]:
        parameters: dict[str, Any] = {"limit": limit + 1}
        if user_id is not None:
            parameters |= {"user_id": user_id}
        if state is not None:
            parameters |= {"state": state.value}
        if after is not None:
            parameters |= {"after_at": after.created_at, "after_id": after.id}
        statement = _list(user_id is not None, state is not None, after is not None)
        return Page.cut(_ROWS.entities(self._connection.rows(statement, parameters)), limit, lambda found: found.key)

    def summary(self) -> Mapping[DeliveryState, tuple[int, datetime]]:
        rows = self._connection.rows(_SUMMARY)
        return {DeliveryState(state): (int(count), oldest) for state, count, oldest in rows}

    def failing(self) -> Failing | None:
        rows = self._connection.rows(_FAILING)
        if not rows:
            return None
        counts, times, _ = zip(*rows, strict=True)
        _, problem = min((-count, problem) for count, _, problem in rows)
        return Failing(sum(counts), min(times), problem)

    def skip_due(self, now: datetime) -> int:
        return self._connection.change(_SKIP_DUE, {"now": now})

    def purge_before(self, before: datetime, limit: int) -> int:
        return self._connection.change(_PURGE, {"before": before, "limit": limit})
