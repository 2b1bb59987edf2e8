"""Logins, logouts and sessions over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, delete, get, post
from litestar.params import FromPath
from msgspec import UNSET, Meta, Struct, UnsetType

from tasktracker.domain.accounts.ports import TokenSigner
from tasktracker.domain.accounts.session import MAX_DEVICE_LENGTH, Session
from tasktracker.domain.accounts.session_service import LOGIN_RULES, SessionService
from tasktracker.domain.accounts.token import TokenKind
from tasktracker.domain.api_tokens.api_token import actor_of, has_api_token_prefix
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import (
    AccountDisabled,
    Busy,
    CodeRequired,
    InvalidCredentials,
    InvalidInput,
    InvalidToken,
    NotAuthenticated,
    SessionEnded,
    SessionNotFound,
    SessionRequired,
    TooManyRequests,
)
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.accounts import BEARER, EXAMPLE_TOKEN, SignedInView, view_signed_in
from tasktracker.entrypoints.http.core.authentication import require_live
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.refresh_cookie import RefreshCookie
from tasktracker.entrypoints.http.core.request import Request, bearer_token, identifier
from tasktracker.entrypoints.http.core.responses import JsonResponse
from tasktracker.entrypoints.http.core.schemas import Body, JsonBody, Listed, Moment, sent, text
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_hashing_thread, on_thread, shared_by
from tasktracker.entrypoints.http.passwords import EXAMPLE_PASSWORD, Code, Password


class Login(Body, kw_only=True):
    """The username and the password."""

    rules = LOGIN_RULES
    example = {"username": "grace", "password": EXAMPLE_PASSWORD, "device": "Grace's phone"}

    username: Annotated[str, Meta(description="The username or the e-mail address.")]
    password: Password
    device: Annotated[str, text(longest=MAX_DEVICE_LENGTH)] | UnsetType | None = UNSET
    code: Code | UnsetType | None = UNSET


class Refresh(Body, kw_only=True):
    """The latest refresh token, unless it is in the cookie."""

    example = {"refresh": EXAMPLE_TOKEN}

    refresh: str | UnsetType = UNSET


class Verify(Body, kw_only=True):
    """An access or refresh token."""

    example = {"token": EXAMPLE_TOKEN}

    token: str


class Logout(Body, kw_only=True):
    """A refresh token. It is required if the header has no valid access token and the cookie has no refresh token."""

    example = {"refresh": EXAMPLE_TOKEN}

    refresh: str | UnsetType = UNSET


class TokensView(Struct, kw_only=True):
    """The next tokens of a session."""

    access: str
    refresh: Annotated[str, Meta(description="Absent if the refresh token is in the cookie.")] | UnsetType = UNSET
    token_type: str
    expires_in: Annotated[int, Meta(description="Seconds until the access token expires.")]


class TokenView(Struct):
    """The contents of a valid token."""

    token_type: TokenKind
    user_id: UUID
    session_id: UUID
    expires_at: Moment


class SessionView(Struct):
    """A session on a device."""

    id: UUID
    device: str | None
    created_at: Moment
    last_refreshed_at: Moment
    expires_at: Annotated[Moment, Meta(description="The time at which the session expires if it is not refreshed.")]
    address: Annotated[str | None, Meta(description="The network address of the login or the last refresh.")]
    user_agent: Annotated[str | None, Meta(description="The program that logged in or refreshed, as it names itself.")]
    last_used_at: Annotated[
        Moment, Meta(description="The last use. It is stored at most once in the lifetime of an access token.")
    ]
    is_current: Annotated[bool, Meta(description="Whether this is the session of the request.")]


def view_session(session: Session, actor: SessionActor) -> SessionView:
    """Return the representation of a session for an actor."""
    return SessionView(
        id=session.id,
        device=session.device,
        created_at=session.created_at,
        last_refreshed_at=session.rotated_at,
        expires_at=session.expires_at,
        address=session.address,
        user_agent=session.user_agent,
        last_used_at=session.used_at,
        is_current=session.id == actor.session_id,
    )


class SessionController(Controller):
    """`/api/accounts/login/` to `/api/accounts/logout/`, and `/api/accounts/sessions/`."""

    path = "/api/accounts"
    tags = ("sessions",)

    sessions: SessionService
    store: Storage
    signer: TokenSigner
    refresh_cookie: RefreshCookie
    threads: ThreadRunner
    hashing_threads: ThreadRunner

    @post(
        "/login",
        operation_id="login",
        summary="Log in",
        status_code=200,
        opt=operation(
            InvalidInput,
            InvalidCredentials,
            AccountDisabled,
            CodeRequired,
            TooManyRequests,
            Busy,
            access=Access.PUBLIC,
            cookie=True,
        ),
    )
    @shared_by(lambda _, data, **__: data.username.casefold())
    @on_hashing_thread
    def login(self, request: Request, data: JsonBody[Login]) -> Response[SignedInView]:
        """Open a session on a device."""
        self.refresh_cookie.check(request)
        device, code = data.device or None, data.code or None
        signed_in = self.sessions.login(data.username, data.password, device, code, request.origin)
        return self.refresh_cookie.respond(request, view_signed_in(signed_in), signed_in.tokens.refresh_expires_at)

    @post(
        "/refresh",
        operation_id="refresh",
        summary="Refresh the tokens",
        status_code=200,
        opt=operation(
            InvalidInput,
            InvalidToken,
            SessionEnded,
            AccountDisabled,
            TooManyRequests,
            access=Access.PUBLIC,
            cookie=True,
        ),
    )
    @shared_by(lambda self, request, data=None: self.owner_of(self.refresh_token(request, data)))
    @on_thread
    def refresh(self, request: Request, data: JsonBody[Refresh | None] = None) -> Response[TokensView]:
        """Exchange a refresh token for the next access and refresh token."""
        tokens = self.sessions.refresh(self.refresh_token(request, data), request.origin)
        view = TokensView(access=tokens.access, refresh=tokens.refresh, token_type=BEARER, expires_in=tokens.expires_in)
        return self.refresh_cookie.respond(request, view, tokens.refresh_expires_at)

    @post(
        "/verify",
        operation_id="verify",
        summary="Check a token",
        status_code=200,
        opt=operation(InvalidInput, InvalidToken, SessionEnded, access=Access.PUBLIC),
    )
    @on_thread
    def verify(self, data: JsonBody[Verify]) -> TokenView:
        """Check whether a token is currently valid."""
        claims = self.sessions.verify(data.token)
        return TokenView(claims.kind, claims.user_id, claims.session_id, claims.expires_at)

    @post(
        "/logout",
        operation_id="logout",
        summary="Log out",
        status_code=204,
        opt=operation(
            InvalidInput,
            NotAuthenticated,
            InvalidToken,
            SessionEnded,
            SessionRequired,
            access=Access.OPTIONAL,
            cookie=True,
        ),
    )
    @shared_by(lambda self, request, data=None: self.owner_of(next(iter(self.presented_tokens(request, data)), None)))
    @on_thread
    def logout(self, request: Request, data: JsonBody[Logout | None] = None) -> Response[None]:
        """End the sessions of the access token in the header and of the refresh token in the body or the cookie.

        Expired tokens are accepted. One valid token is enough, even if the other one is not valid.
        """
        presented, tokens = bearer_token(request) or "", self.presented_tokens(request, data)
        if not tokens:
            raise NotAuthenticated
        try:
            self.sessions.logout(*tokens, origin=request.origin)
        except InvalidToken:
            if not has_api_token_prefix(presented):
                raise
            require_live(self.store, actor_of(presented))
            raise SessionRequired from None
        headers = self.refresh_cookie.removal(request) if self.refresh_cookie.is_used(request) else {}
        return JsonResponse(None, headers=headers)

    @get(
        "/sessions",
        operation_id="listSessions",
        summary="List sessions",
        opt=operation(access=Access.SESSION),
    )
    @on_thread
    def list_sessions(self, request: Request) -> Listed[SessionView]:
        """All sessions of the caller, the last used first, on one page."""
        with self.store.reading(request.session_actor) as work:
            sessions = self.sessions.list(work)
        return Listed([view_session(session, request.session_actor) for session in sessions])

    @delete(
        "/sessions",
        operation_id="endOtherSessions",
        summary="Log out all other devices",
        opt=operation(access=Access.SESSION),
    )
    @on_thread
    def end_other_sessions(self, request: Request) -> None:
        """End every session of the caller except the one of this request."""
        with self.store.writing(request.session_actor) as work:
            self.sessions.end_others(work, request.origin)

    @delete(
        "/sessions/{id:str}",
        operation_id="endSession",
        summary="Log out a device",
        opt=operation(SessionNotFound, access=Access.SESSION),
    )
    @on_thread
    def end_session(self, request: Request, id: FromPath[str]) -> None:
        """End one of the caller's sessions. It may be the session of this request."""
        with self.store.writing(request.session_actor) as work:
            self.sessions.end(work, identifier(id), request.origin)

    def refresh_token(self, request: Request, data: Refresh | None) -> str:
        """Return the refresh token of the cookie or the body. Raises InvalidInput, InvalidToken."""
        if self.refresh_cookie.is_used(request):
            return self.refresh_cookie.required_token(request)
        if data is None or data.refresh is UNSET:
            raise InvalidInput.of("refresh", "is required")
        return data.refresh

    def presented_tokens(self, request: Request, data: Logout | None) -> Sequence[str]:
        """Return the access token of the header, and the refresh token of the cookie or the body."""
        is_cookie = self.refresh_cookie.is_used(request)
        refresh = self.refresh_cookie.token(request) if is_cookie else sent(data.refresh) if data else None
        return [token for token in (bearer_token(request), refresh) if token]

    def owner_of(self, token: str | None) -> int | None:
        """Return the user of a token, or None if the token is not valid. The session need not be live."""
        with suppress(InvalidToken):
            return self.signer.read(token or "", expired=True).user_id.int
        return None
