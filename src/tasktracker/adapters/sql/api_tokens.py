"""API tokens in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import bindparam, delete, insert, select

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import api_tokens
from tasktracker.domain.api_tokens.api_token import ApiToken
from tasktracker.domain.kernel.actors import Scope


def scopes_of(text: str) -> frozenset[Scope]:
    """Parse stored scopes: one text, separated by spaces as in OAuth (RFC 6749 §3.3)."""
    return frozenset(Scope(scope) for scope in text.split())


_TOKENS = Rows(
    ApiToken,
    api_tokens,
    load={"scopes": scopes_of},
    dump={"scopes": lambda scopes: " ".join(sorted(scopes))},
)
_ADD = insert(api_tokens)
_REMOVE = delete(api_tokens).where(api_tokens.c.id == bindparam("id"), api_tokens.c.user_id == bindparam("user_id"))
_REMOVE_ALL = delete(api_tokens).where(api_tokens.c.user_id == bindparam("user_id"))
_LIST = (
    select(*_TOKENS.columns)
    .where(api_tokens.c.user_id == bindparam("user_id"))
    .order_by(api_tokens.c.created_at.desc(), api_tokens.c.id.desc())
)


class SqlApiTokens:
    """Implements ApiTokenRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, token: ApiToken) -> None:
        self._connection.change(_ADD, _TOKENS.row(token))

    def remove(self, user_id: UUID, token_id: UUID) -> bool:
        return self._connection.change(_REMOVE, {"id": token_id, "user_id": user_id}) > 0

    def remove_all(self, user_id: UUID) -> None:
        self._connection.change(_REMOVE_ALL, {"user_id": user_id})

    def list(self, user_id: UUID) -> Sequence[ApiToken]:
        return _TOKENS.entities(self._connection.rows(_LIST, {"user_id": user_id}))
