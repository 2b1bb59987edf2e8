"""The types that requests and answers are made of, whatever they are about."""

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

JsonBody = JSONBody[SkipValidation[BodyT]]
"""The body of a request. The request class has read it as this type, so Litestar does not validate it again."""

ReadOnly = Annotated[Any, Meta(extra_json_schema={"readOnly": True})]
"""A field that only the server sets. It may be sent back, as part of a whole representation, and is ignored."""

Version = Annotated[
    int,
    Meta(ge=1, description="Sent back, it is a precondition: the change is refused unless this is the version."),
]

Moment = Annotated[datetime, Meta(tz=True)]
"""A point in time as RFC 3339 writes it, with its UTC offset."""

Limit = Annotated[int, Meta(ge=1, le=MAX_PAGE, description="How many results a page has at the most.")]
CursorText = Annotated[str, Meta(description="Where to continue: the `next_cursor` of the page before.")]


class Body(Struct, forbid_unknown_fields=True, kw_only=True):
    """A JSON request body. An absent field is UNSET, which is not the same as null."""

    rules: ClassVar[Mapping[str, Rule]] = {}
    """The domain's rules of its fields, so that a body with one mistyped field is refused for the others too."""


class Query(Struct, forbid_unknown_fields=True, kw_only=True):
    """The parameters of a query string."""

    rules: ClassVar[Mapping[str, Rule]] = {}
    """What their types cannot say of them."""


class PagedQuery(Query):
    """The parameters of a list that comes in pages."""

    cursor: CursorText | UnsetType = UNSET
    limit: Limit = DEFAULT_PAGE


class Listed(Struct, Generic[View]):
    """A page of a list, and the cursor of the page that follows; null after the last."""

    results: list[View]
    next_cursor: str | None = None


def text(*, longest: int, shortest: int = 0, pattern: str | None = None, **more: Any) -> Meta:
    """Describe text whose length the domain checks, after trimming."""
    schema: dict[str, Any] = {"maxLength": longest, **more}
    if shortest:
        schema |= {"minLength": shortest}
    if pattern:
        schema |= {"pattern": pattern}
    return Meta(extra_json_schema=schema)


def given(body: Body, fields: type[FieldsT]) -> FieldsT:
    """Return those fields of a body that were sent, as the (partial) TypedDict that a service takes."""
    values = ((name, getattr(body, name, UNSET)) for name in fields.__annotations__)
    return cast(FieldsT, {name: value for name, value in values if value is not UNSET})


@singledispatch
def view(entity: object, at: datetime, viewer: UUID) -> Struct:
    """Return the representation of an entity as a user sees it at a moment. Each feature registers its own."""
    raise NotImplementedError(f"{type(entity).__name__} has no representation")
