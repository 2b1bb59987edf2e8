"""API tokens over HTTP."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, delete, get, post
from litestar.params import FromPath
from msgspec import UNSET, Meta, Struct, UnsetType

from tasktracker.domain.api_tokens.api_token import API_TOKEN, MAX_NAME_LENGTH, ApiToken, ApiTokenFields
from tasktracker.domain.api_tokens.service import ApiTokenService
from tasktracker.domain.kernel.actors import Scope
from tasktracker.domain.kernel.errors import (
    ApiTokenNotFound,
    Busy,
    ConfirmationRequired,
    InvalidInput,
    TooManyApiTokens,
    TooManyRequests,
)
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.request import Request, identifier
from tasktracker.entrypoints.http.core.responses import JsonResponse
from tasktracker.entrypoints.http.core.schemas import JsonBody, Listed, Moment, sent, sent_fields, text
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_hashing_thread, on_thread
from tasktracker.entrypoints.http.passwords import EXAMPLE_PASSWORD, Proof


class CreateApiToken(Proof, kw_only=True):
    """A new API token, and the password and code, unless the password was confirmed recently."""

    rules = API_TOKEN.rules
    example = {"name": "backup script", "scopes": ["tasks:read"], "password": EXAMPLE_PASSWORD}

    name: Annotated[str, text(shortest=1, longest=MAX_NAME_LENGTH, pattern=r"\S")]
    scopes: Annotated[list[Scope], Meta(extra_json_schema={"minItems": 1})]
    expires_at: Annotated[Moment, Meta(description="Must be in the future.")] | UnsetType | None = UNSET


class ApiTokenView(Struct):
    """An API token, without its text."""

    id: UUID
    name: str
    scopes: list[Scope]
    created_at: Moment
    expires_at: Moment | None
    last_used_at: Annotated[Moment | None, Meta(description="The last use. It is stored once an hour.")]


class NewApiTokenView(ApiTokenView):
    """A new API token. Only this response contains its text."""

    token: str


def view_api_token(token: ApiToken) -> ApiTokenView:
    """Return the representation of an API token."""
    return ApiTokenView(
        id=token.id,
        name=token.name,
        scopes=sorted(token.scopes),
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
    )


class ApiTokenController(Controller):
    """`/api/accounts/tokens/`."""

    path = "/api/accounts/tokens"
    tags = ("api tokens",)

    api_tokens: ApiTokenService
    store: Storage
    threads: ThreadRunner
    hashing_threads: ThreadRunner

    @get("/", operation_id="listApiTokens", summary="List API tokens", opt=operation(access=Access.SESSION))
    @on_thread
    def list_api_tokens(self, request: Request) -> Listed[ApiTokenView]:
        """All API tokens of the caller, newest first, on one page."""
        with self.store.reading(request.session_actor) as work:
            tokens = self.api_tokens.list(work)
        return Listed([view_api_token(token) for token in tokens])

    @post(
        "/",
        operation_id="createApiToken",
        summary="Create an API token",
        opt=operation(
            InvalidInput,
            ConfirmationRequired,
            TooManyApiTokens,
            TooManyRequests,
            Busy,
            access=Access.SESSION,
            headers=("Location",),
        ),
    )
    @on_hashing_thread
    def create_api_token(self, request: Request, data: JsonBody[CreateApiToken]) -> Response[NewApiTokenView]:
        """Create an API token for a script or an integration. Only this response contains its text."""
        fields = sent_fields(data, ApiTokenFields)
        token, text = self.api_tokens.create(
            request.session_actor, fields, sent(data.password), sent(data.code), request.origin
        )
        seen = view_api_token(token)
        view = NewApiTokenView(
            seen.id, seen.name, seen.scopes, seen.created_at, seen.expires_at, seen.last_used_at, text
        )
        return JsonResponse(view, headers={"Location": f"{self.path}/{token.id}/"})

    @delete(
        "/{id:str}",
        operation_id="revokeApiToken",
        summary="Revoke an API token",
        opt=operation(ApiTokenNotFound, access=Access.SESSION),
    )
    @on_thread
    def revoke_api_token(self, request: Request, id: FromPath[str]) -> None:
        """Revoke an API token. The service refuses all later requests with it."""
        with self.store.writing(request.session_actor) as work:
            self.api_tokens.revoke(work, identifier(id), request.origin)
