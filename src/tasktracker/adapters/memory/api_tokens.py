"""API tokens in memory."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from tasktracker.adapters.memory.tables import Transaction
from tasktracker.domain.api_tokens.api_token import ApiToken


class MemoryApiTokens:
    """Implements ApiTokenRepository."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, token: ApiToken) -> None:
        data = self._transaction.data
        if data.users.get(token.user_id) is None:
            raise RuntimeError(f"User {token.user_id} does not exist.")
        if data.api_tokens.get(token.id) is not None:
            raise RuntimeError(f"Token {token.id} already exists.")
        self._transaction.put(data.api_tokens, token)

    def remove(self, user_id: UUID, token_id: UUID) -> bool:
        data = self._transaction.data
        token = data.api_tokens.get(token_id)
        if token is None or token.user_id != user_id:
            return False
        self._transaction.drop(data.api_tokens, token_id)
        return True

    def remove_all(self, user_id: UUID) -> None:
        for token in self.list(user_id):
            self._transaction.drop(self._transaction.data.api_tokens, token.id)

    def list(self, user_id: UUID) -> Sequence[ApiToken]:
        data = self._transaction.data
        found = (data.api_tokens.get(token_id) for _, token_id in reversed(data.api_tokens_of.keys(user_id)))
        return [token for token in found if token is not None]
