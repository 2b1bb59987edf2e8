"""Answers to requests in memory."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from uuid import UUID, uuid5

from tasktracker.adapters.memory.tables import Transaction
from tasktracker.domain.idempotency.record import Record


class MemoryIdempotency:
    """Implements IdempotencyRepository. Works take turns, so whoever looks holds the key already."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def claim(self, user_id: UUID, key: str) -> Record | None:
        return self._transaction.data.answers.get(uuid5(user_id, key))

    def add(self, record: Record) -> None:
        self._transaction.put(self._transaction.data.answers, record)

    def purge_before(self, before: datetime, limit: int) -> int:
        answers = self._transaction.data.answers
        old = list(islice((record.id for record in answers.rows() if record.created_at < before), limit))
        for record_id in old:
            self._transaction.drop(answers, record_id)
        return len(old)
