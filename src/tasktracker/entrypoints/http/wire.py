"""Reading requests strictly: what JSON and query strings may say, and everything that is wrong with what they do say.

A request is decoded in one step. Only when that fails is it gone through field by field, so that the answer names
every bad field and not just the first.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, singledispatch
from typing import Annotated, Any, ClassVar, Generic, TypeVar, cast
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from litestar import Request as LitestarRequest
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException, InternalServerException
from litestar.handlers import BaseRouteHandler
from litestar.params import SkipValidation
from litestar.typing import FieldDefinition
from msgspec import UNSET, Meta, Struct, UnsetType

from tasktracker.domain.kernel.errors import FieldError, InvalidInput
from tasktracker.domain.kernel.fields import Refused, Rule
from tasktracker.domain.kernel.paging import DEFAULT_PAGE, MAX_PAGE

JSON_TYPES = {"application/json"}
PATCH_TYPES = JSON_TYPES | {"application/merge-patch+json"}  # RFC 7396
MAX_QUERY_PARAMETERS = 100
MAX_NESTING = 100  # no request of ours has more than a few levels; how many a parser takes depends on the Python
JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')

View = TypeVar("View")
T = TypeVar("T")

Injected = NamedDependency[SkipValidation[T]]
"""Something the application offers by name. It comes from our own container, so its type needs no checking."""

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
    """The domain's rules of its fields, so that a body with one mistyped field is told about the others too."""


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


WireTypes = tuple[type[Body] | None, type[Query] | None]
_WIRE_TYPES = "wire_types"

BodyT = TypeVar("BodyT", bound=Body)
QueryT = TypeVar("QueryT", bound=Query)
FieldsT = TypeVar("FieldsT")


class UnsupportedMediaType(HTTPException):
    """The body is declared to be something other than JSON."""

    status_code = 415


class Request(LitestarRequest[Any, Any, State]):
    """A request whose JSON body is read strictly, as the type its handler declares for `data`."""

    async def body(self) -> bytes:
        """Return the body; refuse an empty one where the handler requires data."""
        try:
            raw = await super().body()
        except InternalServerException:  # this is how a client that hung up is told of
            raise HTTPException(status_code=400, detail="The request broke off.") from None
        field = self.route_handler.parsed_data_field
        if not raw and field is not None and not field.has_default:
            raise InvalidInput.of("body", "a JSON object is required")
        return raw

    async def json(self) -> Any:
        """Decode the body. Raises InvalidInput and UnsupportedMediaType."""
        accepted = PATCH_TYPES if self.method == "PATCH" else JSON_TYPES
        sent = (header(self, "Content-Type") or "").partition(";")[0].strip().lower()
        if sent not in accepted:
            raise UnsupportedMediaType(f"The body must be sent as {' or '.join(sorted(accepted))}.")
        type_, _ = wire_types(self.route_handler)
        assert type_ is not None, "only a handler that takes a body has it decoded"
        return decode(type_, await self.body())


def text(*, longest: int, shortest: int = 0, pattern: str | None = None, **more: Any) -> Meta:
    """Describe text whose length the domain checks, after trimming."""
    schema: dict[str, Any] = {"maxLength": longest, **more}
    if shortest:
        schema |= {"minLength": shortest}
    if pattern:
        schema |= {"pattern": pattern}
    return Meta(extra_json_schema=schema)


def header(connection: ASGIConnection[Any, Any, Any, Any], name: str) -> str | None:
    """Return a header as it was sent; one that came in several lines, with commas between them (RFC 9110 §5.3).

    Only this one is looked at: making Litestar's `headers` of them all takes as long as finding a task.
    """
    sought = name.lower().encode()
    lines = [value.decode("latin-1") for each, value in connection.scope["headers"] if each == sought]
    return ", ".join(lines) if lines else None


def identifier(text: str, name: str = "id") -> UUID:
    """Read an id in a path. Raises InvalidInput."""
    try:
        return msgspec.convert(text, UUID)
    except (msgspec.ValidationError, UnicodeEncodeError):
        raise InvalidInput.of(name, "is not a UUID") from None


def wire_types(handler: BaseRouteHandler) -> WireTypes:
    """Return what a handler takes as its body, in `data`, and as its query parameters, in `filters`."""
    types: WireTypes | None = handler.opt.get(_WIRE_TYPES)
    if types is None:  # worked out once
        types = handler.opt[_WIRE_TYPES] = _declared_types(handler)
    return types


def _declared_types(handler: BaseRouteHandler) -> WireTypes:
    body, query = (handler.parsed_fn_signature.parameters.get(name) for name in ("data", "filters"))
    return (
        next((tp for tp in _alternatives(body) if issubclass(tp, Body)), None) if body else None,
        query.annotation if query else None,
    )


def provide_filters(request: Request) -> Any:
    """Read the query string as the type that the handler declares for `filters`."""
    _, type_ = wire_types(request.route_handler)
    assert type_ is not None, "only a handler that takes filters has them provided"
    return query(type_, request.scope["query_string"])


def refuse_parameters(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Refuse query parameters, as a guard, that a handler does not take: a typo must never go unnoticed.

    Where there is no body, those that it does take are read later.
    """
    raw = connection.scope["query_string"]
    parameters = handler.parsed_fn_signature.parameters
    if raw and ("filters" not in parameters or "data" in parameters):
        query(wire_types(handler)[1] or Query, raw)


def decode(type_: type[BodyT], raw: bytes) -> BodyT:
    """Read a JSON object as a body type. Raises InvalidInput naming every bad field."""
    try:
        written = raw.decode("utf-8")
        if _nesting(written) > MAX_NESTING:
            raise InvalidInput.of("body", "is nested too deeply")
        value = _DECODER.decode(written)
    except UnicodeDecodeError:
        raise InvalidInput.of("body", "is not valid UTF-8") from None
    except RecursionError:
        raise InvalidInput.of("body", "is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise InvalidInput.of("body", f"is not valid JSON: {error}") from None
    except ValueError:  # more digits than Python reads
        raise InvalidInput.of("body", "contains a number of too many digits") from None
    if not isinstance(value, dict):
        raise InvalidInput.of("body", "must be a JSON object")
    return converted(type_, value)


def converted(type_: type[BodyT], value: dict[str, Any]) -> BodyT:
    """Read a decoded JSON object as a body type. Raises InvalidInput naming every bad field."""
    try:
        return msgspec.convert(value, type_)
    except (msgspec.ValidationError, UnicodeEncodeError):
        raise InvalidInput(*_mistakes(type_, value, type_.rules)) from None


def query(type_: type[QueryT], raw: bytes) -> QueryT:
    """Read a query string as a query type. Raises InvalidInput naming every bad parameter."""
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_PARAMETERS
        )
    except UnicodeDecodeError:
        raise InvalidInput.of("query", "is not percent-encoded UTF-8") from None
    except ValueError:
        raise InvalidInput.of("query", f"has more than {MAX_QUERY_PARAMETERS} parameters") from None
    if not pairs:
        return type_()
    fields = _fields(type_)
    values: dict[str, Any] = {}
    errors = []
    for name, text in pairs:
        if name not in fields:
            errors.append(FieldError(_printable(name), "is not a parameter of this request"))
        elif _is_list(fields[name].type):
            values.setdefault(name, []).append(text)
        elif name in values:
            errors.append(FieldError(name, "may be given only once"))
        else:
            values[name] = text
    read: dict[str, Any] = {}
    for name, value in values.items():
        try:
            read[name] = msgspec.convert(value, fields[name].type, strict=False)
            if name in type_.rules:
                read[name] = type_.rules[name](read[name])
        except msgspec.ValidationError as error:
            errors.append(FieldError(name, _explain(error)))
        except Refused as refused:
            errors.append(FieldError(name, str(refused)))
    if errors:
        raise InvalidInput(*dict.fromkeys(errors))
    return type_(**read)


def given(body: Body, fields: type[FieldsT]) -> FieldsT:
    """Return those fields of a body that were sent, as the (partial) TypedDict that a service takes."""
    values = ((name, getattr(body, name, UNSET)) for name in fields.__annotations__)
    return cast(FieldsT, {name: value for name, value in values if value is not UNSET})


@singledispatch
def view(entity: object, at: datetime, viewer: UUID) -> Struct:
    """Return the representation of an entity as somebody sees it at a moment. Each feature registers its own."""
    raise NotImplementedError(f"{type(entity).__name__} has no representation")


def _mistakes(type_: type[Body], value: dict[str, Any], rules: Mapping[str, Rule]) -> Sequence[FieldError]:
    fields = _fields(type_)
    errors = [FieldError(_printable(name), "is not a field of this request") for name in value if name not in fields]
    for name, field in fields.items():
        if name not in value:
            if field.required:
                errors.append(FieldError(name, "is required"))
            continue
        try:
            read = msgspec.convert(value[name], field.type)
            if name in rules:
                rules[name](read)
        except msgspec.ValidationError as error:
            errors += _within(field.type, name, value[name]) or [FieldError(name, _explain(error))]
        except Refused as refused:
            errors.append(FieldError(name, str(refused)))
        except UnicodeEncodeError:
            errors += _within(field.type, name, value[name]) or [FieldError(name, "must not contain lone surrogates")]
    return errors


def _within(type_: Any, name: str, value: Any) -> Sequence[FieldError]:
    """Say what is wrong with each of the bodies in a list; nothing where something is wrong with the list itself."""
    info = _without_meta(type_)
    if not isinstance(info, msgspec.inspect.ListType) or not isinstance(info.item_type, msgspec.inspect.StructType):
        return ()
    if not isinstance(value, list) or (info.max_length is not None and len(value) > info.max_length):
        return ()
    errors: list[FieldError] = []
    for number, each in enumerate(value):
        place = f"{name}[{number}]"
        if isinstance(each, dict):
            try:
                converted(cast(type[Body], info.item_type.cls), each)
            except InvalidInput as invalid:
                errors += invalid.within(place).errors
        else:
            errors.append(FieldError(place, "must be an object"))
    return errors


def _explain(error: Exception) -> str:
    message = str(error).split(" - at ")[0].replace("`", "")
    return message[0].lower() + message[1:]


def _nesting(written: str) -> int:
    """Return how deep brackets are nested, looking closely only where there are many."""
    if written.count("[") + written.count("{") <= MAX_NESTING:
        return 0
    deepest = depth = 0
    for bracket in re.findall(r"[][{}]", JSON_STRING.sub("", written)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        times = Counter(name for name, _ in pairs)
        raise InvalidInput(*[FieldError(_printable(name), "is given twice") for name in read if times[name] > 1])
    return read


def _number(text: str) -> float | int:
    # JSON has one kind of number: 7.0 is 7, as JSON Schema has it, too.
    number = float(text)
    return int(number) if number.is_integer() else number


def _no_constant(name: str) -> Any:
    raise InvalidInput.of("body", f"is not valid JSON: {name} is not a number")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_number, parse_constant=_no_constant)


def _printable(name: str) -> str:
    """A name from outside, fit to be quoted in an answer: never too long, and without lone surrogates."""
    return name[:100].encode(errors="backslashreplace").decode()


def _alternatives(field: FieldDefinition) -> list[type]:
    return [tp for tp in (field.annotation, *field.args) if isinstance(tp, type)]


@cache
def _fields(type_: type[Struct]) -> Mapping[str, msgspec.structs.FieldInfo]:
    # What msgspec works out from the annotations, anew each time it is asked.
    return {field.encode_name: field for field in msgspec.structs.fields(type_)}


@cache
def _is_list(type_: Any) -> bool:
    return isinstance(_without_meta(type_), msgspec.inspect.ListType)


def _without_meta(type_: Any) -> msgspec.inspect.Type:
    info = msgspec.inspect.type_info(type_)
    return info.type if isinstance(info, msgspec.inspect.Metadata) else info
