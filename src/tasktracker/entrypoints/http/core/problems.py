"""Problem documents (RFC 9457), and the status of each domain error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import Receive, Scope, Send
from msgspec import UNSET, Meta, Struct, UnsetType

from tasktracker.domain.kernel import errors
from tasktracker.domain.kernel.actors import Actor, TokenActor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import (
    DomainError,
    InsufficientScope,
    InvalidInput,
    InvalidToken,
    KeyInUse,
    QuotaExceeded,
    SessionEnded,
    Stale,
    TooManyRequests,
    Unavailable,
)
from tasktracker.entrypoints.http.core.request import bearer_token
from tasktracker.entrypoints.http.core.schemas import view

MEDIA_TYPE = "application/problem+json"
CHALLENGE = "Bearer"

STATUSES: Mapping[type[DomainError], HTTPStatus] = {
    errors.InvalidInput: HTTPStatus.BAD_REQUEST,
    errors.NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.CursorExpired: HTTPStatus.GONE,
    errors.Stale: HTTPStatus.PRECONDITION_FAILED,
    errors.TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    errors.StorageFull: HTTPStatus.INSUFFICIENT_STORAGE,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The status of a class also applies to its subclasses, unless they have their own entry."""

PROTOCOL: Mapping[int, tuple[str, str]] = {
    400: ("bad-request", "The request is malformed"),
    403: ("cross-site-request", "The request was not sent by a page of the same origin"),
    404: ("unknown-path", "This path does not exist"),
    405: ("method-not-allowed", "This path does not support this method"),
    408: ("request-timeout", "The request did not arrive in time"),
    413: ("body-too-large", "The request body is too large"),
    415: ("unsupported-media-type", "The request body has the wrong type or encoding"),
    431: ("head-too-large", "The request line and the headers are too large"),
    500: ("internal-error", "The server failed; the log contains the error under the request id"),
    501: ("unsupported-transfer-coding", "The only transfer coding that is supported is chunked"),
}
"""Slug and title of HTTP errors that are not domain errors, by status."""

API_TOKEN_ENDED = "The API token is unknown, expired or revoked, or its user is disabled."  # noqa: S105
"""The detail of SessionEnded for API tokens."""

CURRENT = "The item as it is now, if its version was not the expected one."

log = structlog.get_logger("tasktracker.http")


class FieldProblem(Struct):
    """An invalid field of a request."""

    field: str
    message: str


class Problem(Struct):
    """Why a request was refused (RFC 9457). `type` is the path of an explanation."""

    type: str
    title: str
    status: int
    detail: str
    errors: Annotated[list[FieldProblem], Meta(description="Each invalid field.")] | UnsetType = UNSET
    quota: Annotated[str, Meta(description="The quota that would be exceeded.")] | UnsetType = UNSET
    limit: Annotated[int, Meta(description="The most that the quota allows.")] | UnsetType = UNSET
    current: Annotated[Any, Meta(description=CURRENT, extra_json_schema={"type": "object"})] | UnsetType = UNSET


def status_of(error: type[DomainError]) -> HTTPStatus:
    """Return the HTTP status of a class of domain errors."""
    return next(STATUSES[family] for family in error.__mro__ if family in STATUSES)


def problem_of(error: DomainError) -> Problem:
    """Return the problem document of a domain error, without the parts that depend on the request."""
    problem = Problem(f"/problems/{error.slug}", error.title, status_of(type(error)), error.detail)
    if isinstance(error, InvalidInput):
        problem.errors = [FieldProblem(each.field, each.message) for each in error.errors]
    elif isinstance(error, QuotaExceeded):
        problem.quota, problem.limit = error.quota, error.limit
    return problem


def explain(error: Exception) -> Problem:
    """Return the problem document of an error that occurred after the response was sent."""
    return problem_of(error) if isinstance(error, DomainError) else protocol_problem(HTTPStatus.INTERNAL_SERVER_ERROR)


def from_domain(request: Request[Any, Any, Any], error: DomainError) -> Response[Problem]:
    """Return the response to a domain error."""
    status = status_of(type(error))
    problem = problem_of(error)
    headers = {}
    if isinstance(error, SessionEnded) and isinstance(request.scope.get("user"), TokenActor):
        problem.detail = API_TOKEN_ENDED
    if isinstance(error, Stale) and error.current is not None:
        clock: Clock = request.app.state.clock
        actor: Actor = request.scope["user"]
        problem.current = view(error.current, clock.now(), actor.user_id)
    elif isinstance(error, Unavailable):
        headers["Retry-After"] = str(error.retry_after)
        reason = error.reason if isinstance(error, errors.StorageUnavailable) else None
        log.warning("unavailable", problem=error.slug, cause=reason or repr(error.__cause__ or error))
    elif isinstance(error, TooManyRequests | KeyInUse):
        headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, InsufficientScope):
        headers["WWW-Authenticate"] = f'{CHALLENGE} error="insufficient_scope", scope="{error.scope}"'
    elif status is HTTPStatus.UNAUTHORIZED:
        refused = isinstance(error, InvalidToken | SessionEnded) and bearer_token(request) is not None
        headers["WWW-Authenticate"] = f'{CHALLENGE} error="invalid_token"' if refused else CHALLENGE  # RFC 6750 §3
    return Response(problem, status_code=status, headers=headers, media_type=MEDIA_TYPE)


def from_protocol(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """Return the response to an error of the framework, such as an unknown path."""
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return from_bug(request, error)
    return _protocol_problem(error)


def from_bug(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Log an unexpected error with its traceback, but no path or query, and return a response 500 without details."""
    log.error("uncaught error", method=request.method, route=request.scope.get("path_template"), exc_info=error)
    return _protocol_problem(HTTPException(status_code=HTTPStatus.INTERNAL_SERVER_ERROR))


def protocol_problem(status: int, detail: str = "") -> Problem:
    """Return the problem document of an error that is not a domain error."""
    slug, title = PROTOCOL.get(status, PROTOCOL[400])
    return Problem(f"/problems/{slug}", title, status, detail or f"{title}.")


async def refuse_host(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Respond to a request without exactly one `Host`, which HTTP/1.1 requires (RFC 9112 §3.2)."""
    refusal = _protocol_problem(HTTPException(status_code=400, detail="The request must have one Host header."))
    headers = [(b"content-type", MEDIA_TYPE.encode())]
    await send({"type": "http.response.start", "status": refusal.status_code or 400, "headers": headers})
    await send({"type": "http.response.body", "body": msgspec.json.encode(refusal.content), "more_body": False})


def _protocol_problem(error: HTTPException) -> Response[Problem]:
    problem = protocol_problem(error.status_code, error.detail if error.status_code < 500 else "")
    return Response(problem, status_code=error.status_code, headers=error.headers, media_type=MEDIA_TYPE)


def kinds(family: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    """Yield a class of domain errors and all its subclasses."""
    yield family
    for kind in family.__subclasses__():
        yield from kinds(kind)
