"""Declarations of operations: required access, problems, headers and media types."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from litestar.handlers import BaseRouteHandler
from msgspec import Struct

from tasktracker.domain.kernel.errors import DomainError
from tasktracker.entrypoints.http.core.schemas import Query

OPERATION = "operation"


class Access(Enum):
    """The authentication that an operation requires."""

    PUBLIC = auto()
    """None."""
    PAGE = auto()
    """None. Unknown query parameters are ignored, because mail programs and others add parameters to the address of a
    page."""
    OPTIONAL = auto()
    """None. The handler itself reads a token, if there is one."""
    OPTIONAL_TOKEN = auto()
    """None. If a bearer token is sent, it must be valid. An API token may have any scopes."""
    TOKEN = auto()
    """An access token, or an API token whose scopes the use case checks."""
    SESSION = auto()
    """An access token. API tokens are refused."""
    ADMIN = auto()
    """An access token of an administrator."""
    TICKET = auto()
    """A token as for `TOKEN`, or a ticket in the query string, which the handler redeems."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """The declaration of an operation. See `operation`."""

    problems: tuple[type[DomainError], ...] = ()
    access: Access
    query: type[Query] | None = None
    headers: tuple[str, ...] = ()
    idempotent: bool = False
    creates: bool = False
    consumes: str | None = None
    produces: tuple[str, ...] = ()
    accepted: type[Struct] | None = None
    asynchronous: bool = False
    cookie: bool = False

    @classmethod
    def of(cls, handler: BaseRouteHandler) -> Operation:
        """Return the declaration of a handler's operation."""
        declared: Operation = handler.opt[OPERATION]
        return declared


def operation(
    *problems: type[DomainError],
    access: Access = Access.TOKEN,
    query: type[Query] | None = None,
    headers: tuple[str, ...] = (),
    idempotent: bool = False,
    creates: bool = False,
    consumes: str | None = None,
    produces: tuple[str, ...] = (),
    accepted: type[Struct] | None = None,
    asynchronous: bool = False,
    cookie: bool = False,
) -> dict[str, Any]:
    """Return the `opt` of a handler.

    `problems` are the errors specific to the operation, `query` is the type of its query parameters, and `headers` are
    the headers of a successful response. An `idempotent` operation accepts an `Idempotency-Key`. An operation that
    `creates` accepts `If-None-Match: *`. `consumes` is the example of a body that is a file and not JSON, and
    `produces` are the media types of a response that is not JSON. An operation may return 202 with a representation of
    the type `accepted`. An `asynchronous` operation does so if the request has `Prefer: respond-async`, and continues
    after the response. With `cookie`, the refresh token may be in the cookie.
    """
    return {
        OPERATION: Operation(
            problems=problems,
            access=access,
            query=query,
            headers=headers,
            idempotent=idempotent,
            creates=creates,
            consumes=consumes,
            produces=produces,
            accepted=accepted,
            asynchronous=asynchronous,
            cookie=cookie,
        )
    }
