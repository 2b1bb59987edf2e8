"""Results stored under idempotency keys, in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import islice
from uuid import UUID, uuid5

from tasktracker.adapters.memory.tables import Transaction
from tasktracker.domain.idempotency.record import Record


class MemoryIdempotency:
    """Implements IdempotencyRepository. Units of work run one after the other, so none waits for a key."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def claim(self, user_id: UUID, key: str) -> Record | None:
        return self._transaction.data.idempotency_records.get(uuid5(user_id, key))

    def close(self, user_id: UUID) -> None:
        pass

    def find(self, user_id: UUID, keys: Collection[str]) -> Sequence[Record]:
        records = self._transaction.data.idempotency_records
        return [found for key in keys if (found := records.get(uuid5(user_id, key))) is not None]

    def add(self, record: Record) -> None:
        self._transaction.put(self._transaction.data.idempotency_records, record)

    def purge_before(self, before: datetime, limit: int) -> int:
        records = self._transaction.data.idempotency_records
        old = list(islice((record.id for record in records.rows() if record.expires_at < before), limit))
        for record_id in old:
            self._transaction.drop(records, record_id)
        return len(old)
