"""What a handler declares of its operation: who may call it, and what its signature cannot say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from litestar.handlers import BaseRouteHandler

from tasktracker.domain.kernel.errors import DomainError
from tasktracker.entrypoints.http.core.schemas import Query

OPERATION = "operation"


class Access(Enum):
    """What an operation requires of its caller."""

    PUBLIC = auto()
    """Nothing."""
    OPTIONAL = auto()
    """Nothing; where there is a token, the handler itself reads it."""
    TOKEN = auto()
    """An access token, or an API token whose scopes the use case checks."""
    SESSION = auto()
    """An access token: API tokens are refused."""
    TICKET = auto()
    """A token, or a ticket in the query string that the handler redeems."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a handler declares of its operation."""

    problems: tuple[type[DomainError], ...] = ()
    access: Access
    query: type[Query] | None = None
    headers: tuple[str, ...] = ()
    idempotent: bool = False
    creates: bool = False
    consumes: tuple[str, ...] = ()
    produces: str | None = None

    @classmethod
    def of(cls, handler: BaseRouteHandler) -> Operation:
        """Return what a handler declares."""
        declared: Operation = handler.opt[OPERATION]
        return declared


def operation(
    *problems: type[DomainError],
    access: Access = Access.TOKEN,
    query: type[Query] | None = None,
    headers: tuple[str, ...] = (),
    idempotent: bool = False,
    creates: bool = False,
    consumes: tuple[str, ...] = (),
    produces: str | None = None,
) -> dict[str, Any]:
    """Return the `opt` of a handler.

    It says by which problems a call is refused, what it requires of its caller, which query parameters it takes, which
    headers a success has, and whether it may be sent again with a key, or creates what it names. `consumes` and
    `produces` are the media types of bodies that are not JSON.
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
        )
    }
