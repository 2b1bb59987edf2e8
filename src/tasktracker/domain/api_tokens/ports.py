"""The repository of API tokens, and the units of work of the use cases on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from tasktracker.domain.accounts.ports import AccountWork
from tasktracker.domain.api_tokens.api_token import ApiToken
from tasktracker.domain.kernel.actors import SessionActor


class ApiTokenRepository(Protocol):
    """API tokens. Revoking a token removes it."""

    def add(self, token: ApiToken) -> None:
        """Store a new token."""
        ...

    def remove(self, user_id: UUID, token_id: UUID) -> bool:
        """Remove a user's token, and return whether it existed."""
        ...

    def remove_all(self, user_id: UUID) -> None:
        """Revoke all tokens of a user."""
        ...

    def list(self, user_id: UUID) -> Sequence[ApiToken]:
        """Return a user's tokens, including expired ones, the newest first."""
        ...


class ApiTokenWork(AccountWork[SessionActor], Protocol):
    """A unit of work on the API tokens of an account."""

    @property
    def api_tokens(self) -> ApiTokenRepository: ...
