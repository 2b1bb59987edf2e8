"""Logging in and out over HTTP, and the devices one is logged in on."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Controller, delete, get, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType

from tasktracker.domain.accounts.second_factor import MAX_CODE_LENGTH
from tasktracker.domain.accounts.session import MAX_DEVICE_LENGTH, Session
from tasktracker.domain.accounts.session_service import LOGIN_RULES, SessionService
from tasktracker.domain.accounts.token import TokenKind
from tasktracker.domain.activity.event import Origin
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import (
    Busy,
    CodeRequired,
    InvalidCredentials,
    InvalidInput,
    InvalidToken,
    NotAuthenticated,
    SessionEnded,
    SessionNotFound,
    TooManyRequests,
)
from tasktracker.entrypoints.http.accounts import Password, SignedInView, view_signed_in
from tasktracker.entrypoints.http.actor import bearer_token
from tasktracker.entrypoints.http.credentials import CredentialExecutor
from tasktracker.entrypoints.http.operation import operation
from tasktracker.entrypoints.http.wire import Body, Injected, Listed, Moment, Request, identifier, text

Code = Annotated[
    str, text(longest=MAX_CODE_LENGTH), Meta(description="Of the generator or for recovery, when two-factor is on.")
]


class Login(Body, kw_only=True):
    """Who, and the proof of it."""

    rules = LOGIN_RULES

    username: Annotated[str, Meta(description="The username or the e-mail address.")]
    password: Password
    device: Annotated[str, text(longest=MAX_DEVICE_LENGTH)] | UnsetType | None = UNSET
    code: Code | UnsetType | None = UNSET


class Refresh(Body, kw_only=True):
    """The refresh token of the last answer."""

    refresh: str


class Verify(Body, kw_only=True):
    """An access or refresh token."""

    token: str


class Logout(Body, kw_only=True):
    """A refresh token, where no access token is at hand any more."""

    refresh: str | UnsetType = UNSET


class TokensView(Struct):
    """The next tokens of a session."""

    access: str
    refresh: str
    token_type: str
    expires_in: Annotated[int, Meta(description="Life left to the access token, in seconds.")]


class TokenView(Struct):
    """What a valid token says."""

    token_type: TokenKind
    user_id: UUID
    session_id: UUID
    expires_at: Moment


class SessionView(Struct):
    """A device that is logged in."""

    id: UUID
    device: str | None
    created_at: Moment
    last_refreshed_at: Moment
    expires_at: Annotated[Moment, Meta(description="When the session ends unless it is refreshed before.")]
    is_current: Annotated[bool, Meta(description="Whether this is the session of the request.")]


def view_session(session: Session, actor: SessionActor) -> SessionView:
    """Return the representation of a session to one who is logged in."""
    return SessionView(
        id=session.id,
        device=session.device,
        created_at=session.created_at,
        last_refreshed_at=session.rotated_at,
        expires_at=session.expires_at,
        is_current=session.id == actor.session_id,
    )


class SessionController(Controller):
    """`/api/accounts/login/` to `/api/accounts/logout/`, and `/api/accounts/sessions/`."""

    path = "/api/accounts"
    tags = ("sessions",)

    @post(
        "/login",
        operation_id="login",
        summary="Log in",
        status_code=200,
        opt=operation(InvalidInput, InvalidCredentials, CodeRequired, TooManyRequests, Busy, public=True),
    )
    async def login(
        self,
        sessions: Injected[SessionService],
        credentials: Injected[CredentialExecutor],
        origin: Injected[Origin],
        data: JSONBody[Login],
    ) -> SignedInView:
        """Open a session on a device."""
        device, code = data.device or None, data.code or None
        return view_signed_in(await credentials.run(sessions.login, data.username, data.password, device, code, origin))

    @post(
        "/refresh",
        operation_id="refresh",
        summary="Get the next tokens",
        status_code=200,
        sync_to_thread=True,
        opt=operation(InvalidInput, InvalidToken, SessionEnded, TooManyRequests, public=True),
    )
    def refresh(
        self, sessions: Injected[SessionService], origin: Injected[Origin], data: JSONBody[Refresh]
    ) -> TokensView:
        """Exchange a refresh token for the next access and refresh token."""
        tokens = sessions.refresh(data.refresh, origin)
        return TokensView(tokens.access, tokens.refresh, "Bearer", tokens.expires_in)

    @post(
        "/verify",
        operation_id="verify",
        summary="Check a token",
        status_code=200,
        sync_to_thread=True,
        opt=operation(InvalidInput, InvalidToken, SessionEnded, public=True),
    )
    def verify(self, sessions: Injected[SessionService], data: JSONBody[Verify]) -> TokenView:
        """Tell whether a token would be accepted now."""
        claims = sessions.verify(data.token)
        return TokenView(claims.kind, claims.user_id, claims.session_id, claims.expires_at)

    @post(
        "/logout",
        operation_id="logout",
        summary="Log out",
        status_code=204,
        sync_to_thread=True,
        opt=operation(InvalidInput, NotAuthenticated, InvalidToken),
    )
    def logout(
        self,
        request: Request,
        sessions: Injected[SessionService],
        origin: Injected[Origin],
        data: JSONBody[Logout | None] = None,
    ) -> None:
        """End the session of the bearer token, or of the refresh token sent. Any genuine token will do."""
        tokens = [token for token in (bearer_token(request), data.refresh if data else None) if token]
        if not tokens:
            raise NotAuthenticated
        sessions.logout(*tokens, origin=origin)

    @get(
        "/sessions",
        operation_id="listSessions",
        summary="List the caller's devices",
        sync_to_thread=True,
        opt=operation(),
    )
    def list_sessions(self, person: Injected[SessionActor], sessions: Injected[SessionService]) -> Listed[SessionView]:
        """The devices the caller is logged in on, the last used first. All of them: there are never many."""
        return Listed([view_session(session, person) for session in sessions.list(person)])

    @delete(
        "/sessions",
        operation_id="endOtherSessions",
        summary="Log out everywhere else",
        sync_to_thread=True,
        opt=operation(),
    )
    def end_other_sessions(
        self, person: Injected[SessionActor], sessions: Injected[SessionService], origin: Injected[Origin]
    ) -> None:
        """End every session but that of the request."""
        sessions.end_others(person, origin)

    @delete(
        "/sessions/{id:str}",
        operation_id="endSession",
        summary="Log a device out",
        sync_to_thread=True,
        opt=operation(SessionNotFound),
    )
    def end_session(
        self,
        id: FromPath[str],
        person: Injected[SessionActor],
        sessions: Injected[SessionService],
        origin: Injected[Origin],
    ) -> None:
        """End one of the caller's sessions, perhaps that of the request."""
        sessions.end(person, identifier(id), origin)
