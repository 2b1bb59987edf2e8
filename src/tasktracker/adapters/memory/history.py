"""Histories in memory."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from uuid import UUID

from tasktracker.adapters.memory.tables import Transaction
from tasktracker.domain.history.change import Change, ChangeKey
from tasktracker.domain.kernel.paging import Page


class MemoryHistory:
    """Implements HistoryRepository."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, *changes: Change) -> None:
        data = self._transaction.data
        for change in changes:
            if data.tasks.get(change.task_id) is None:
                raise RuntimeError(f"Task {change.task_id} does not exist.")
            self._transaction.put(data.changes, change)

    def find(self, task_id: UUID, change_id: UUID) -> Change | None:
        change = self._transaction.data.changes.get(change_id)
        return change if change is not None and change.task_id == task_id else None

    def list(self, task_id: UUID, after: ChangeKey | None, limit: int) -> Page[Change, ChangeKey]:
        data = self._transaction.data
        keys = (key for key in reversed(data.changes_of.keys(task_id)) if after is None or key < after)
        found = (data.changes.get(key.id) for key in islice(keys, limit + 1))
        return Page.cut([change for change in found if change is not None], limit, lambda change: change.key)

    def purge_before(self, before: datetime, limit: int) -> int:
        data = self._transaction.data
        old = [change for change in data.changes.rows() if change.at < before]
        old = sorted(old, key=lambda change: (change.at, change.version))[:limit]
        for change in old:
            self._transaction.drop(data.changes, change.id)
        return len(old)
