"""Problem documents (RFC 9457), and the status of each domain error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from msgspec import Struct

from tasktracker.domain.kernel import errors
from tasktracker.domain.kernel.actors import Actor, TokenActor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import (
    DomainError,
    InsufficientScope,
    InvalidInput,
    KeyInUse,
    SessionEnded,
    Stale,
    TooManyRequests,
    Unavailable,
)
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
    404: ("unknown-path", "This path does not exist"),
    405: ("method-not-allowed", "This path does not support this method"),
    413: ("body-too-large", "The request body is too large"),
    415: ("unsupported-media-type", "The request body has the wrong content type"),
    500: ("internal-error", "The server failed; the log contains the error under the request id"),
}
"""Slug and title of HTTP errors that are not domain errors, by status."""

API_TOKEN_ENDED = "The API token is unknown, expired or revoked, or its user is disabled."  # noqa: S105
"""The detail of SessionEnded for API tokens."""

log = structlog.get_logger("tasktracker.http")


class FieldProblem(Struct):
    """An invalid field of a request."""

    field: str
    message: str


class Problem(Struct, omit_defaults=True):
    """Why a request was refused (RFC 9457). `type` is the path of an explanation."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] | None = None
    current: Any = None


def status_of(error: type[DomainError]) -> HTTPStatus:
    """Return the HTTP status of a class of domain errors."""
    return next(STATUSES[family] for family in error.__mro__ if family in STATUSES)


def problem_of(error: DomainError) -> Problem:
    """Return the problem document of a domain error, without the parts that depend on the request."""
    problem = Problem(f"/problems/{error.slug}", error.title, status_of(type(error)), error.detail)
    if isinstance(error, InvalidInput):
        problem.errors = [FieldProblem(each.field, each.message) for each in error.errors]
    return problem


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
        presented = "authorization" in request.headers
        headers["WWW-Authenticate"] = f'{CHALLENGE} error="invalid_token"' if presented else CHALLENGE  # RFC 6750 §3
    return Response(problem, status_code=status, headers=headers, media_type=MEDIA_TYPE)


def from_protocol(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """Return the response to an error of the framework, such as an unknown path."""
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return from_bug(request, error)
    return _protocol_problem(error)


def from_bug(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Log an unexpected error with its traceback, and return a response 500 without details."""
    log.error("uncaught error", method=request.method, path=request.scope["path"], exc_info=error)
    return _protocol_problem(HTTPException(status_code=HTTPStatus.INTERNAL_SERVER_ERROR))


def _protocol_problem(error: HTTPException) -> Response[Problem]:
    slug, title = PROTOCOL.get(error.status_code, PROTOCOL[400])
    detail = error.detail if error.status_code < 500 else f"{title}."
    problem = Problem(f"/problems/{slug}", title, error.status_code, detail or f"{title}.")
    return Response(problem, status_code=error.status_code, headers=error.headers, media_type=MEDIA_TYPE)


def kinds(family: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    """Yield a class of domain errors and all its subclasses."""
    yield family
    for kind in family.__subclasses__():
        yield from kinds(kind)
