"""How much users own, and their quotas, in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from uuid import UUID

from tasktracker.adapters.memory.tables import StoredQuotas, Transaction
from tasktracker.domain.accounts.quota import UNLIMITED, Quotas, Usage, require_within
from tasktracker.domain.categories.category import Category
from tasktracker.domain.tasks.task import Task


class MemoryQuotas:
    """Implements QuotaRepository. What a user owns is counted when it is read."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._are_lifted = False
        self._exempt: dict[UUID, Usage] = defaultdict(Usage)

    def lift(self) -> None:
        self._are_lifted = True

    def exempt(self, user_id: UUID, added: Usage) -> None:
        self._exempt[user_id] += added

    def usage(self, user_id: UUID) -> Usage:
        data = self._transaction.data
        tasks = [task for id_ in data.tasks_of.keys(user_id) if (task := data.tasks.get(id_)) and task.owner == user_id]
        categories = (data.categories.get(key.id) for key in data.categories_of.keys(user_id))
        return Usage(
            len(tasks),
            sum(each is not None and each.user_id == user_id for each in categories),
            sum(task.text_bytes for task in tasks),
        )

    def find(self, user_id: UUID) -> Quotas:
        stored = self._transaction.data.quotas.get(user_id)
        return stored.quotas if stored else UNLIMITED

    def save(self, user_id: UUID, quotas: Quotas) -> None:
        self._transaction.put(self._transaction.data.quotas, StoredQuotas(user_id, quotas))

    def require(self, limits: Quotas) -> None:
        """Raise QuotaExceeded if this transaction makes a user own more than their quotas, or than `limits`."""
        for user_id, change in () if self._are_lifted else self._changes().items():
            checked = change + -self._exempt[user_id]
            require_within(self.find(user_id).otherwise(limits), self.usage(user_id), checked)

    def _changes(self) -> Mapping[UUID, Usage]:
        data = self._transaction.data
        changes: dict[UUID, Usage] = defaultdict(Usage)
        changed = (*self._transaction.changes(data.tasks), *self._transaction.changes(data.categories))
        for before, after in changed:
            if before is not None:
                changes[_owner(before)] += -_usage(before)
            if after is not None:
                changes[_owner(after)] += _usage(after)
        return changes


def _owner(row: Task | Category) -> UUID:
    return row.owner if isinstance(row, Task) else row.user_id


def _usage(row: Task | Category) -> Usage:
    return Usage(tasks=1, bytes=row.text_bytes) if isinstance(row, Task) else Usage(categories=1)
