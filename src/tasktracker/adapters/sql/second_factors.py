"""Second factors in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, bindparam, delete, insert, select, update

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.schema import second_factors
from tasktracker.domain.accounts.second_factor import SecondFactor

_COLUMNS = (
    second_factors.c.user_id,
    second_factors.c.sealed_secret,
    second_factors.c.confirmed_at,
    second_factors.c.last_step,
    second_factors.c.recovery_hashes,
)
_FIND = select(*_COLUMNS).where(second_factors.c.user_id == bindparam("user_id"))
_LOCK = _FIND.with_for_update()
_ADD = insert(second_factors)
_SAVE = update(second_factors).where(second_factors.c.user_id == bindparam("of_user_id"))
_REMOVE = delete(second_factors).where(second_factors.c.user_id == bindparam("user_id"))
_LIST_USERS = (
    select(second_factors.c.user_id)
    .where(second_factors.c.user_id > bindparam("after"))
    .order_by(second_factors.c.user_id)
    .limit(bindparam("limit", type_=Integer))
)


def _factor(row: Sequence[Any]) -> SecondFactor:
    user_id, sealed_secret, confirmed_at, last_step, recovery_hashes = row
    return SecondFactor(
        user_id=user_id,
        sealed_secret=sealed_secret,
        confirmed_at=confirmed_at,
        last_step=last_step,
        recovery_hashes=frozenset(recovery_hashes.split()),
    )


class SqlSecondFactors:
    """Implements SecondFactorRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, user_id: UUID) -> SecondFactor | None:
        row = self._connection.one(_LOCK if self._connection.is_writing else _FIND, {"user_id": user_id})
        return None if row is None else _factor(row)

    def save(self, factor: SecondFactor) -> None:
        fields = {
            "sealed_secret": factor.sealed_secret,
            "confirmed_at": factor.confirmed_at,
            "last_step": factor.last_step,
            "recovery_hashes": " ".join(sorted(factor.recovery_hashes)),
        }
        # The user is locked by this work, so nobody adds one in between.
        if not self._connection.change(_SAVE, fields | {"of_user_id": factor.user_id}):
            self._connection.change(_ADD, fields | {"user_id": factor.user_id})

    def remove(self, user_id: UUID) -> None:
        self._connection.change(_REMOVE, {"user_id": user_id})

    def list_users(self, after: UUID | None, limit: int) -> Sequence[UUID]:
        rows = self._connection.rows(_LIST_USERS, {"after": after or UUID(int=0), "limit": limit})
        return [user_id for (user_id,) in rows]
