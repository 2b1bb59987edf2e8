"""Shared types of requests and responses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import singledispatch
from typing import Annotated, Any, ClassVar, Generic, TypeVar, cast
from uuid import UUID

from litestar.params import JSONBody, SkipValidation
from msgspec import UNSET, Meta, Struct, UnsetType

from tasktracker.domain.kernel.fields import Rule
from tasktracker.domain.kernel.paging import DEFAULT_PAGE, MAX_PAGE

View = TypeVar("View")
BodyT = TypeVar("BodyT")
FieldsT = TypeVar("FieldsT")
SentT = TypeVar("SentT")

JsonBody = JSONBody[SkipValidation[BodyT]]
"""The body of a request. `Request.json` has already validated it, so Litestar does not validate it again."""

ReadOnly = Annotated[Any, Meta(extra_json_schema={"readOnly": True})]
"""A field that only the server sets. Clients may send it back with a whole representation, but it is ignored."""

Version = Annotated[
    int,
    Meta(ge=1, description="In a request, a precondition: the change is refused if this is not the current version."),
]

Moment = Annotated[datetime, Meta(tz=True)]
"""A point in time with a UTC offset (RFC 3339)."""

Limit = Annotated[int, Meta(ge=1, le=MAX_PAGE, description="Maximum number of results on a page.")]
CursorText = Annotated[str, Meta(description="Where to continue: the `next_cursor` of the previous page.")]


class Body(Struct, forbid_unknown_fields=True, kw_only=True):
    """A JSON request body. An absent field is UNSET, which is not the same as null."""

    rules: ClassVar[Mapping[str, Rule]] = {}
    """The domain's rules for the fields. With them, an error contains all invalid fields, not only wrong types."""
    example: ClassVar[Mapping[str, Any]] = {}
    """A valid body, for the documentation."""


class Part(Body, kw_only=True):
    """An object in a body."""

    def value(self) -> Any:
        """Return the value of the domain that the object stands for."""
        raise NotImplementedError


class NoFields(Body, kw_only=True):
    """An empty object. The body may also be left out."""


class Query(Struct, forbid_unknown_fields=True, kw_only=True):
    """The parameters of a query string."""

    rules: ClassVar[Mapping[str, Rule]] = {}
    """Further rules for the parameters, which their types cannot express."""


class PagedQuery(Query):
    """The query parameters of a list with pages."""

    cursor: CursorText | UnsetType = UNSET
    limit: Limit = DEFAULT_PAGE


class Listed(Struct, Generic[View]):
    """A page of a list. `next_cursor` is the cursor of the next page, or null on the last page."""

    results: list[View]
    next_cursor: str | None = None


def text(*, longest: int, shortest: int = 0, pattern: str | None = None, **more: Any) -> Meta:
    """Return the schema of a text. The domain trims the text and checks its length."""
    schema: dict[str, Any] = {"maxLength": longest, **more}
    if shortest:
        schema |= {"minLength": shortest}
    if pattern:
        schema |= {"pattern": pattern}
    return Meta(extra_json_schema=schema)


def sent_fields(body: Body, fields: type[FieldsT]) -> FieldsT:
    """Return the fields of a body that were sent, as the partial TypedDict of a service."""
    values = ((name, getattr(body, name, UNSET)) for name in fields.__annotations__)
    return cast(FieldsT, {name: value_of(value) for name, value in values if value is not UNSET})


def value_of(value: Any) -> Any:
    """Return the value of the domain that a field of a body stands for."""
    return value.value() if isinstance(value, Part) else value


def sent(value: SentT | UnsetType | None) -> SentT | None:
    """Return the value of a field, or None if the field was not sent or is null."""
    return None if value is UNSET else value


@singledispatch
def view(entity: object, at: datetime, viewer: UUID, time_zone: str) -> Struct:
    """Return the representation of an entity at a time, as a user in a time zone sees it.

    Each feature registers its own.
    """
    raise NotImplementedError(f"{type(entity).__name__} has no representation")
