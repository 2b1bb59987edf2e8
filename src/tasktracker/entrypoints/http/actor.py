"""Who is calling, by the bearer token of the request."""

from __future__ import annotations

from typing import Any

from litestar.connection import ASGIConnection

from tasktracker.domain.accounts.ports import TokenSigner
from tasktracker.domain.accounts.token import TokenKind
from tasktracker.domain.errors import InvalidToken, NotAuthenticated
from tasktracker.domain.work import Actor
from tasktracker.entrypoints.http.wire import Request


def bearer_token(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """Return the bearer token of the request (RFC 6750 §2.1), or None where another or no scheme is used."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def authenticate(connection: ASGIConnection[Any, Any, Any, Any], signer: TokenSigner) -> None:
    """Note who calls, by a genuine access token. Whether they may still act, opening the work will tell.

    Raises NotAuthenticated, InvalidToken.
    """
    token = bearer_token(connection)
    if token is None:
        raise NotAuthenticated
    claims = signer.read(token)
    if claims.kind is not TokenKind.ACCESS:
        raise InvalidToken
    connection.scope["state"]["actor"] = Actor(claims.user_id, claims.session_id, claims.generation)


def provide_actor(request: Request) -> Actor:
    """Return who calls, as `authenticate` found out."""
    actor: Actor = request.scope["state"]["actor"]
    return actor
