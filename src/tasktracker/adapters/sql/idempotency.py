"""Results stored under idempotency keys, in SQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Integer, Text, bindparam, cast, delete, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.locks import Locked
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import idempotency_keys as keys
from tasktracker.adapters.sql.violations import is_lock_timeout
from tasktracker.domain.idempotency.record import Record
from tasktracker.domain.kernel.errors import KeyInUse, StorageUnavailable

_USER = cast(bindparam("user_id", type_=keys.c.user_id.type), Text)
# Claiming a key takes a shared lock, and closing all keys takes an exclusive lock.
_CLOSE = select(Locked("lock", _USER))
# This waits for a transaction that has inserted the same key and has not committed yet. SQLite supports this clause,
# too.
_CLAIM = (
    insert(keys)
    .from_select(
        ["user_id", "key"],
        select(bindparam("user_id", type_=keys.c.user_id.type), bindparam("key", type_=keys.c.key.type)).where(
            Locked("lock_shared", _USER)
        ),
    )
    .on_conflict_do_nothing(index_elements=["user_id", "key"])
    .execution_options(preserve_rowcount=True)  # 0 means a conflict
)
_RECORDS = Rows(Record, keys, fixed=("user_id", "key"))
_FIND = select(*_RECORDS.columns).where(keys.c.user_id == bindparam("user_id"), keys.c.key == bindparam("key"))
_FIND_MANY = select(*_RECORDS.columns).where(
    keys.c.user_id == bindparam("user_id"),
    keys.c.key.in_(bindparam("keys", expanding=True)),
    keys.c.result.is_not(None),
)
_ADD = update(keys).where(keys.c.user_id == bindparam("of_user_id"), keys.c.key == bindparam("of_key"))
_PURGE = delete(keys).where(
    tuple_(keys.c.user_id, keys.c.key).in_(
        select(keys.c.user_id, keys.c.key)
        .where(keys.c.expires_at < bindparam("before"))
        .limit(bindparam("limit", type_=Integer))
    )
)


class SqlIdempotency:
    """Implements IdempotencyRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def claim(self, user_id: UUID, key: str) -> Record | None:
        try:
            if self._connection.change(_CLAIM, {"user_id": user_id, "key": key}):
                return None
        except StorageUnavailable as error:
            if not is_lock_timeout(error):
                raise
            raise KeyInUse from error
        row = self._connection.one(_FIND, {"user_id": user_id, "key": key})
        if row is None:
            raise KeyInUse
        return _RECORDS.entity(row)

    def close(self, user_id: UUID) -> None:
        self._connection.rows(_CLOSE, {"user_id": user_id})

    def find(self, user_id: UUID, keys: Collection[str]) -> Sequence[Record]:
        rows = self._connection.rows_of_many(_FIND_MANY, "keys", keys, {"user_id": user_id})
        return _RECORDS.entities(rows)

    def add(self, record: Record) -> None:
        of = {"of_user_id": record.user_id, "of_key": record.key}
        self._connection.change(_ADD, _RECORDS.changes(record) | of)

    def purge_before(self, before: datetime, limit: int) -> int:
        return self._connection.change(_PURGE, {"before": before, "limit": limit})
