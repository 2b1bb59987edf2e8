"""What API tokens need of storage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from tasktracker.domain.api_tokens.api_token import ApiToken


class ApiTokenRepository(Protocol):
    """API tokens. One that was revoked is gone."""

    def add(self, token: ApiToken) -> None:
        """Store a new token."""
        ...

    def remove(self, user_id: UUID, token_id: UUID) -> bool:
        """Remove a user's token, and tell whether there was one."""
        ...

    def list(self, user_id: UUID) -> Sequence[ApiToken]:
        """Return a user's tokens, the newest first; expired ones are among them."""
        ...
