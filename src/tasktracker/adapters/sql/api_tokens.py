"""API tokens in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, insert, select

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.schema import api_tokens
from tasktracker.domain.api_tokens.api_token import ApiToken
from tasktracker.domain.kernel.actors import Scope

_COLUMNS = (
    api_tokens.c.id,
    api_tokens.c.user_id,
    api_tokens.c.name,
    api_tokens.c.scopes,
    api_tokens.c.secret_hash,
    api_tokens.c.created_at,
    api_tokens.c.expires_at,
)
_ADD = insert(api_tokens)
_REMOVE = delete(api_tokens).where(api_tokens.c.id == bindparam("id"), api_tokens.c.user_id == bindparam("user_id"))
_LIST = (
    select(*_COLUMNS)
    .where(api_tokens.c.user_id == bindparam("user_id"))
    .order_by(api_tokens.c.created_at.desc(), api_tokens.c.id.desc())
)


def scopes_of(text: str) -> frozenset[Scope]:
    """Read scopes as they are stored: in one text, as OAuth writes them (RFC 6749 §3.3)."""
    return frozenset(Scope(scope) for scope in text.split())


def _token(row: Sequence[Any]) -> ApiToken:
    id_, user_id, name, scopes, secret_hash, created_at, expires_at = row
    return ApiToken(
        id=id_,
        user_id=user_id,
        name=name,
        scopes=scopes_of(scopes),
        secret_hash=secret_hash,
        created_at=created_at,
        expires_at=expires_at,
    )


class SqlApiTokens:
    """Implements ApiTokenRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, token: ApiToken) -> None:
        self._connection.change(
            _ADD,
            {
                "id": token.id,
                "user_id": token.user_id,
                "name": token.name,
                "scopes": " ".join(sorted(token.scopes)),
                "secret_hash": token.secret_hash,
                "created_at": token.created_at,
                "expires_at": token.expires_at,
            },
        )

    def remove(self, user_id: UUID, token_id: UUID) -> bool:
        return self._connection.change(_REMOVE, {"id": token_id, "user_id": user_id}) > 0

    def list(self, user_id: UUID) -> Sequence[ApiToken]:
        return [_token(row) for row in self._connection.rows(_LIST, {"user_id": user_id})]
