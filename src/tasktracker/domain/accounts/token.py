"""The claims of tokens, independent of their format."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class TokenKind(StrEnum):
    """The kind of a token. A token of one kind is never accepted as the other."""

    ACCESS = "access"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenClaims:
    """The claims of a token of one generation of a session, valid until `expires_at`."""

    kind: TokenKind
    user_id: UUID
    session_id: UUID
    generation: int
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """The tokens of one generation of a session.

    `expires_in` is the access token's remaining lifetime in seconds; the refresh token expires at `refresh_expires_at`.
    """

    access: str
    refresh: str
    expires_in: int
    refresh_expires_at: datetime
