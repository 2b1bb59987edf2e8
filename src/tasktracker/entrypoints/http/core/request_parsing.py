"""Strict parsing of JSON bodies and query strings.

A body is decoded in one step. Only if that fails, each field is checked separately, so that the error contains every
invalid field and not only the first.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from tasktracker.domain.kernel.errors import FieldError, InvalidInput
from tasktracker.domain.kernel.fields import Refused, Rule
from tasktracker.entrypoints.http.core.schemas import Body, Query, value_of

MAX_QUERY_PARAMETERS = 100
MAX_NESTING = 100  # a fixed limit, because the limit of the JSON parser depends on the Python version
JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')

TYPE_NAMES = {
    "int": "an integer",
    "float": "a number",
    "str": "a string",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "datetime": "a time",
    "date": "a date",
    "uuid": "a UUID",
}
EXPECTED = re.compile(r"Expected `([\w| ]+)`(?:, got `[\w| ]+`)?(.*)")
MESSAGES = {
    "Invalid RFC3339 encoded datetime": "must be a time, as in 2026-01-31T12:00:00Z",
    "Expected `datetime` with a timezone component": "must have a UTC offset, as in 2026-01-31T12:00:00Z",
    "Invalid RFC3339 encoded date": "must be a date, as in 2026-01-31",
    "Invalid UUID": "is not a UUID",
}
"""Messages of msgspec, and what the API says instead."""

BodyT = TypeVar("BodyT", bound=Body)
QueryT = TypeVar("QueryT", bound=Query)


def decode(type_: type[BodyT], raw: bytes) -> BodyT:
    """Parse a JSON object as a body type. Raises InvalidInput with every invalid field."""
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
    except ValueError:  # more digits than Python converts
        raise InvalidInput.of("body", "contains a number with too many digits") from None
    if not isinstance(value, dict):
        raise InvalidInput.of("body", "must be a JSON object")
    return converted(type_, value)


def converted(type_: type[BodyT], value: dict[str, Any]) -> BodyT:
    """Convert a decoded JSON object to a body type. Raises InvalidInput with every invalid field."""
    try:
        return msgspec.convert(value, type_)
    except (msgspec.ValidationError, UnicodeEncodeError):
        raise InvalidInput(*_mistakes(type_, value, type_.rules)) from None


def read_query(type_: type[QueryT], raw: bytes) -> QueryT:
    """Parse a query string as a query type. Raises InvalidInput with every invalid parameter."""
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
            errors.append(FieldError(name, "may be sent only once"))
        else:
            values[name] = text
    read: dict[str, Any] = {}
    for name, value in values.items():
        try:
            read[name] = msgspec.convert(value, fields[name].type, strict=_is_time(fields[name].type))
            if name in type_.rules:
                read[name] = type_.rules[name](read[name])
        except msgspec.ValidationError as error:
            errors.append(FieldError(name, _explain(error, fields[name].type)))
        except Refused as refused:
            errors.append(FieldError(name, str(refused)))
    if errors:
        raise InvalidInput(*dict.fromkeys(errors))
    return type_(**read)


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
                rules[name](value_of(read))
        except msgspec.ValidationError as error:
            errors += _within(field.type, name, value[name]) or [FieldError(name, _explain(error, field.type))]
        except Refused as refused:
            errors.append(FieldError(name, str(refused)))
        except InvalidInput as invalid:
            errors += invalid.within(name).errors
        except UnicodeEncodeError:
            errors += _within(field.type, name, value[name]) or [FieldError(name, "must not contain lone surrogates")]
    return errors


def _within(type_: Any, name: str, value: Any) -> Sequence[FieldError]:
    """Return the errors of a body in a body, or of each one in a list. There are none if the value has another type."""
    info = _without_meta(type_)
    for each in info.types if isinstance(info, msgspec.inspect.UnionType) else [info]:
        if isinstance(each, msgspec.inspect.StructType) and isinstance(value, dict):
            return InvalidInput(*_mistakes(cast(type[Body], each.cls), value, {})).within(name).errors
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


def _explain(error: Exception, type_: Any) -> str:
    """Return the message of msgspec in the words of JSON and of our rules, without names of Python's types."""
    message = str(error).split(" - at ")[0]
    if message in MESSAGES:
        return MESSAGES[message]
    if message.startswith("Invalid enum value"):
        return f"must be one of {', '.join(_choices(msgspec.inspect.type_info(type_)))}"
    if expected := EXPECTED.match(message):
        types, limit = expected.groups()
        return f"must be {' or '.join(TYPE_NAMES.get(each, each) for each in types.split(' | '))}{limit}"
    return message[0].lower() + message[1:]


def _choices(info: msgspec.inspect.Type) -> Iterator[str]:
    """Yield the values of the enums in a type."""
    match info:
        case msgspec.inspect.EnumType(cls=enum):
            yield from (str(each.value) for each in enum)
        case msgspec.inspect.Metadata(type=inner) | msgspec.inspect.ListType(item_type=inner):
            yield from _choices(inner)
        case msgspec.inspect.UnionType(types=types):
            yield from (value for each in types for value in _choices(each))


def _nesting(written: str) -> int:
    """Return the depth of nested brackets; 0 if there are too few brackets to exceed the limit."""
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
        raise InvalidInput(*[FieldError(_printable(name), "is sent twice") for name in read if times[name] > 1])
    return read


def _number(text: str) -> float | int:
    # JSON has no integers of its own: 7.0 equals 7, as in JSON Schema.
    number = float(text)
    return int(number) if number.is_integer() else number


def _no_constant(name: str) -> Any:
    raise InvalidInput.of("body", f"is not valid JSON: {name} is not a number")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_number, parse_constant=_no_constant)


def _printable(name: str) -> str:
    """Return an untrusted name in a form that is safe in a response: short, and without lone surrogates."""
    return name[:100].encode(errors="backslashreplace").decode()


@cache
def _fields(type_: type[Struct]) -> Mapping[str, msgspec.structs.FieldInfo]:
    # Cached, because msgspec evaluates the annotations on every call.
    return {field.encode_name: field for field in msgspec.structs.fields(type_)}


@cache
def _is_list(type_: Any) -> bool:
    return isinstance(_without_meta(type_), msgspec.inspect.ListType)


@cache
def _is_time(type_: Any) -> bool:
    """Whether a field is a time. Unless strict, msgspec would accept a number as seconds since 1970."""
    return isinstance(_without_meta(type_), msgspec.inspect.DateTimeType)


def _without_meta(type_: Any) -> msgspec.inspect.Type:
    info = msgspec.inspect.type_info(type_)
    return info.type if isinstance(info, msgspec.inspect.Metadata) else info
