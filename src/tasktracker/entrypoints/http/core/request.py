"""Requests: their actor, headers, ids and strictly validated bodies."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv6Address, ip_address
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from litestar import Request as LitestarRequest
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.exceptions import HTTPException, InternalServerException
from litestar.handlers import BaseRouteHandler

from tasktracker.domain.accounts.session import MAX_USER_AGENT_LENGTH
from tasktracker.domain.accounts.token import TokenClaims
from tasktracker.domain.activity.event import Origin
from tasktracker.domain.kernel.actors import Actor, AdminActor, SessionActor
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.entrypoints.http.core.request_parsing import decode, read_query
from tasktracker.entrypoints.http.core.schemas import Body, Query

JSON_TYPES = {"application/json"}
RESPOND_ASYNC = "respond-async"
PATCH_TYPES = JSON_TYPES | {"application/merge-patch+json"}  # RFC 7396
UTF_8 = {"utf-8", "utf8", "us-ascii"}  # ASCII is a part of UTF-8

QueryT = TypeVar("QueryT", bound=Query)


class UnsupportedMediaType(HTTPException):
    """The type or the encoding of the body is not accepted."""

    status_code = 415


class Request(LitestarRequest[Actor, TokenClaims | None, State]):
    """A request whose JSON body is validated strictly, as the type that its handler declares for `data`.

    `user` is the authenticated actor. `auth` contains the claims of the access token.
    """

    @property
    def session_actor(self) -> SessionActor:
        """The actor, in an operation that requires a session."""
        actor = self.user
        assert isinstance(actor, SessionActor), "the operation does not require a session"
        return actor

    @property
    def admin_actor(self) -> AdminActor:
        """The actor, in an operation for administrators."""
        actor = self.user
        assert isinstance(actor, AdminActor), "the operation is not for administrators"
        return actor

    @property
    def origin(self) -> Origin:
        """The client's address and program. uvicorn has already resolved trusted proxies."""
        client = self.scope.get("client")
        agent = (header(self, "User-Agent") or "").strip()[:MAX_USER_AGENT_LENGTH]
        return Origin(_unmapped(client[0]) if client else None, agent or None)

    async def body(self) -> bytes:
        """Return the body. Raises InvalidInput for an empty body if the handler requires data."""
        try:
            raw = await super().body()
        except InternalServerException:  # Litestar raises it when the client disconnects
            raise HTTPException(status_code=400, detail="The request was not sent completely.") from None
        if not raw:
            field = self.route_handler.parsed_data_field
            if field is not None and not field.has_default:
                await self._require_may_write()
                raise InvalidInput.of("body", "a JSON object is required")
        return raw

    async def json(self) -> Any:
        """Decode the body. Raises InvalidInput and UnsupportedMediaType."""
        type_ = body_type(self.route_handler)
        assert type_ is not None, "only handlers with a body decode it"
        try:
            media_type(self, PATCH_TYPES if self.method == "PATCH" else JSON_TYPES)
            return decode(type_, await self.body())
        except (InvalidInput, UnsupportedMediaType):
            await self._require_may_write()
            raise

    async def _require_may_write(self) -> None:
        """Raise SessionEnded or InsufficientScope if the actor may not write. This comes before errors of the body."""
        if self.user is not None:
            await self.app.state.require_may_write(self.user)


def media_type(request: Request, accepted: Collection[str]) -> str:
    """Return the media type of the body, in lower case.

    Raises UnsupportedMediaType for another type, a charset other than UTF-8 and a content coding (RFC 9110 §8.4).
    """
    sent, *parameters = (each.strip() for each in (header(request, "Content-Type") or "").lower().split(";"))
    charsets = [each.partition("=")[2].strip('"') for each in parameters if each.startswith("charset=")]
    if sent not in accepted or not UTF_8.issuperset(charsets):
        raise UnsupportedMediaType(f"The body must be sent as {' or '.join(sorted(accepted))}, in UTF-8.")
    if (header(request, "Content-Encoding") or "identity").lower() != "identity":
        headers = {"Accept-Encoding": "identity"}  # RFC 9110 §15.5.16
        raise UnsupportedMediaType("The body must be sent without a Content-Encoding.", headers=headers)
    return sent


def bearer_token(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """Return the bearer token of the request (RFC 6750 §2.1); None if there is no token, or another scheme."""
    scheme, _, token = (header(connection, "Authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _unmapped(address: str) -> str:
    """Return an IPv4 address in its usual form, not as `::ffff:…`, the form of IPv6 sockets (RFC 4291 §2.5.5.2)."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(parsed.ipv4_mapped) if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped else address


def query(type_: type[QueryT], request: Request) -> QueryT:
    """Parse the query string of a request as a query type. Raises InvalidInput."""
    return read_query(type_, request.scope["query_string"])


def header(connection: ASGIConnection[Any, Any, Any, Any], name: str) -> str | None:
    """Return the value of a header. Several lines of one header are joined by commas (RFC 9110 §5.3).

    This is much faster than Litestar's `headers`, which parses all headers and takes as long as reading a task.
    """
    sought = name.lower().encode()
    found: bytes | None = None
    for each, value in connection.scope["headers"]:
        if each == sought:
            found = value if found is None else b", ".join((found, value))
    return None if found is None else found.decode("latin-1")


def prefers_html(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    """Return whether a person opens the path in a browser. Programs do not send `text/html` in `Accept`."""
    return "text/html" in (header(connection, "Accept") or "")


def prefers_async(request: Request) -> bool:
    """Return whether the client prefers a response before the operation has finished (RFC 7240 §4.1)."""
    preferences = (header(request, "Prefer") or "").split(",")
    return any(each.partition(";")[0].strip().lower() == RESPOND_ASYNC for each in preferences)


def identifier(text: str, name: str = "id") -> UUID:
    """Parse an id in a path. Raises InvalidInput."""
    try:
        return msgspec.convert(text, UUID)
    except (msgspec.ValidationError, UnicodeEncodeError):
        raise InvalidInput.of(name, "is not a UUID") from None


def body_type(handler: BaseRouteHandler) -> type[Body] | None:
    """Return the type of the JSON body that a handler takes in `data`."""
    field = handler.parsed_data_field
    if field is None:
        return None
    candidates = (field.annotation, *field.args)
    return next((each for each in candidates if isinstance(each, type) and issubclass(each, Body)), None)
