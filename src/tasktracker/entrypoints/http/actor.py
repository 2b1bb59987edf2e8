"""Who is calling, by the bearer token of the request, and from where."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from litestar.connection import ASGIConnection

from tasktracker.domain.accounts.ports import TokenSigner
from tasktracker.domain.accounts.token import TokenKind
from tasktracker.domain.activity.event import Origin
from tasktracker.domain.api_tokens import api_token
from tasktracker.domain.kernel.actors import Actor, SessionActor
from tasktracker.domain.kernel.errors import InsufficientScope, InvalidToken, NotAuthenticated, SessionRequired
from tasktracker.domain.work import Store
from tasktracker.entrypoints.http.edge import ACTOR
from tasktracker.entrypoints.http.threads import Threads
from tasktracker.entrypoints.http.wire import Injected, Request, header


def bearer_token(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """Return the bearer token of the request (RFC 6750 §2.1), or None where another or no scheme is used."""
    scheme, _, token = (header(connection, "Authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def authenticate(connection: ASGIConnection[Any, Any, Any, Any], signer: TokenSigner) -> None:
    """Note who calls, by a genuine access or API token. Whether they may still act, opening the work will tell.

    Raises NotAuthenticated, InvalidToken.
    """
    token = bearer_token(connection)
    if token is None:
        raise NotAuthenticated
    if api_token.looks_like_one(token):
        actor: Actor = api_token.actor_of(token)
    else:
        claims = signer.read(token)
        if claims.kind is not TokenKind.ACCESS:
            raise InvalidToken
        actor = SessionActor(claims.user_id, claims.session_id, claims.generation)
    connection.scope["state"][ACTOR] = actor


def provide_actor(request: Request) -> Actor:
    """Return who calls, as `authenticate` found out."""
    actor: Actor = request.scope["state"][ACTOR]
    return actor


async def provide_person(actor: Injected[Actor], store: Injected[Store], threads: Injected[Threads]) -> SessionActor:
    """Require that whoever calls has logged in. Raises SessionRequired, and SessionEnded for what is no API token."""
    if not isinstance(actor, SessionActor):
        await threads.run(_require_live, actor, store)
        raise SessionRequired
    return actor


def provide_origin(request: Request) -> Origin:
    """Say where the request comes from. Proxies that are trusted have been seen through by then."""
    client = request.scope.get("client")
    return Origin(client[0] if client else None)


def _require_live(actor: Actor, store: Store) -> None:
    # Whatever the token may be used for: it is not enough here, and only whether there is such a token matters.
    with suppress(InsufficientScope), store.reading(actor):
        pass
