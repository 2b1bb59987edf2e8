"""Authentication: find the actor of a request by its bearer token."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import astuple
from typing import Any

from litestar.connection import ASGIConnection
from litestar.enums import HttpMethod
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.types import ASGIApp

from tasktracker.domain.accounts.ports import TokenSigner
from tasktracker.domain.accounts.token import TokenKind
from tasktracker.domain.api_tokens import api_token
from tasktracker.domain.kernel.actors import Actor, AdminActor, SessionActor
from tasktracker.domain.kernel.errors import (
    InsufficientScope,
    InvalidToken,
    NotAuthenticated,
    SessionEnded,
    SessionRequired,
)
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.operation import Access, Operation
from tasktracker.entrypoints.http.core.problems import API_TOKEN_ENDED
from tasktracker.entrypoints.http.core.request import bearer_token
from tasktracker.entrypoints.http.core.request_parsing import read_query
from tasktracker.entrypoints.http.core.schemas import Query
from tasktracker.entrypoints.http.core.threads import ThreadRunner, set_sharer

Connection = ASGIConnection[Any, Any, Any, Any]
ANONYMOUS = AuthenticationResult(user=None, auth=None)
OPTIONS = Operation(access=Access.PUBLIC)
"""The operation of OPTIONS requests, which Litestar handles itself."""


class Authentication(AbstractAuthenticationMiddleware):
    """Finds the actor of a request by its access or API token, and refuses unknown query parameters.

    This happens before the rest of the request is validated. Whether the actor may still act is checked when the use
    case opens its unit of work.
    """

    def __init__(self, app: ASGIApp, signer: TokenSigner, store: Storage, threads: ThreadRunner) -> None:
        super().__init__(app, exclude_http_methods=())
        self._signer = signer
        self._store = store
        self._threads = threads

    async def authenticate_request(self, connection: Connection) -> AuthenticationResult:
        """Return the actor, and the claims of the access token.

        Raises NotAuthenticated, InvalidToken, SessionRequired, and InvalidInput for query parameters.
        """
        scope, handler = connection.scope, connection.route_handler
        method: str = scope["method"]  # type: ignore[typeddict-item]
        operation = OPTIONS if method == HttpMethod.OPTIONS else Operation.of(handler)
        access, result = operation.access, ANONYMOUS
        if access is Access.TOKEN:
            result = self._authenticated(connection)
        elif access in (Access.SESSION, Access.ADMIN):
            result = self._authenticated(connection)
            if not isinstance(result.user, SessionActor):
                await self._threads.run(require_live, self._store, result.user)
                raise SessionRequired
            if access is Access.ADMIN:
                # Whether the user is an administrator is checked when the use case opens its unit of work.
                result = AuthenticationResult(AdminActor(*astuple(result.user)), result.auth)
        elif (access is Access.TICKET and "ticket" not in connection.query_params) or (
            access is Access.OPTIONAL_TOKEN and bearer_token(connection) is not None
        ):
            result = self._authenticated(connection)
        else:
            client = scope["client"]
            set_sharer(client[0] if client else None, method)
        # Refuse unknown parameters of the query. A handler that has parameters, and no body, does this itself.
        raw = scope["query_string"]
        if raw and access is not Access.PAGE and (operation.query is None or handler.parsed_data_field is not None):
            read_query(operation.query or Query, raw)
        return result

    def _authenticated(self, connection: Connection) -> AuthenticationResult:
        token = bearer_token(connection)
        if token is None:
            raise NotAuthenticated
        actor: Actor
        if api_token.has_api_token_prefix(token):
            actor, claims = api_token.actor_of(token), None
        else:
            claims = self._signer.read(token)
            if claims.kind is not TokenKind.ACCESS:
                raise InvalidToken
            actor = SessionActor(claims.user_id, claims.session_id, claims.generation)
        set_sharer(actor.user_id.int, connection.scope["method"])  # type: ignore[typeddict-item]
        return AuthenticationResult(actor, claims)


def require_live(store: Storage, actor: Actor) -> None:
    """Raise SessionEnded if an API token is not live. Where a session is required, the token's scopes do not matter."""
    try:
        with suppress(InsufficientScope), store.reading(actor):
            pass
    except SessionEnded:
        raise SessionEnded(API_TOKEN_ENDED) from None
