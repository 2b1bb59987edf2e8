"""Second factors in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Integer, bindparam, delete, insert, select, update

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import second_factors
from tasktracker.domain.accounts.second_factor import SecondFactor

_FACTORS = Rows(
    SecondFactor,
    second_factors,
    load={"recovery_hashes": lambda text: frozenset(text.split())},
    dump={"recovery_hashes": lambda hashes: " ".join(sorted(hashes))},
    fixed=("user_id",),
)
_FIND = select(*_FACTORS.columns).where(second_factors.c.user_id == bindparam("user_id"))
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


class SqlSecondFactors:
    """Implements SecondFactorRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, user_id: UUID) -> SecondFactor | None:
        row = self._connection.one(_LOCK if self._connection.is_writing else _FIND, {"user_id": user_id})
        return None if row is None else _FACTORS.entity(row)

    def save(self, factor: SecondFactor) -> None:
        # This unit of work has locked the user, so no other one can add a factor in between.
        if not self._connection.change(_SAVE, _FACTORS.changes(factor) | {"of_user_id": factor.user_id}):
            self._connection.change(_ADD, _FACTORS.row(factor))

    def remove(self, user_id: UUID) -> None:
        self._connection.change(_REMOVE, {"user_id": user_id})

    def list_users(self, after: UUID | None, limit: int) -> Sequence[UUID]:
        rows = self._connection.rows(_LIST_USERS, {"after": after or UUID(int=0), "limit": limit})
        return [user_id for (user_id,) in rows]
