"""Second factors in memory."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from tasktracker.adapters.memory.tables import Transaction
from tasktracker.domain.accounts.second_factor import SecondFactor


class MemorySecondFactors:
    """Implements SecondFactorRepository."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def find(self, user_id: UUID) -> SecondFactor | None:
        return self._transaction.data.second_factors.get(user_id)

    def save(self, factor: SecondFactor) -> None:
        data = self._transaction.data
        if data.users.get(factor.user_id) is None:
            raise RuntimeError(f"User {factor.user_id} does not exist.")
        self._transaction.put(data.second_factors, factor)

    def remove(self, user_id: UUID) -> None:
        self._transaction.drop(self._transaction.data.second_factors, user_id)

    def list_users(self, after: UUID | None, limit: int) -> Sequence[UUID]:
        keys = self._transaction.data.second_factor_users.keys(True)
        return [key for key in keys if after is None or key > after][:limit]
