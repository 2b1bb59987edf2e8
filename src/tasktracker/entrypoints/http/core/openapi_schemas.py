"""The schemas of the OpenAPI document and of its headers, in the form that generators of clients understand.

msgspec writes valid JSON Schema. Generators understand only a part of JSON Schema. Without a `type`, they accept any
value. A `default` makes a field of a request required. For them, an object without declared properties can have none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tasktracker.domain.kernel.errors import DomainError
from tasktracker.entrypoints.http.core.problems import PROTOCOL, Problem, kinds

Schema = dict[str, Any]

SCHEMAS = "#/components/schemas/{name}"
JSON_TYPES = {str: "string", int: "integer"}
PROBLEM_TYPE = "ProblemType"


def typed_enum(values: Sequence[str | int]) -> Schema:
    """Return the schema of an enum, with names for languages in which names consist of letters only."""
    schema = {"type": JSON_TYPES[type(values[0])], "enum": values}
    if isinstance(values[0], str) and not all(str(value).isidentifier() for value in values):
        schema["x-enum-varnames"] = [_name(str(value)) for value in values]
    return schema


def _name(value: str) -> str:
    name = "any" if value == "*" else value.rpartition("/")[2].removeprefix("-")
    return re.sub(r"\W", "_", name).upper() + ("_DESCENDING" if value.startswith("-") else "")


HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": {"description": "The id of the request, which is also in the log.", "schema": {"type": "string"}},
    "X-Content-Type-Options": {"schema": typed_enum(["nosniff"])},
    "Cache-Control": {"schema": {"type": "string"}},
    "Content-Security-Policy": {"schema": {"type": "string"}},
    "ETag": {"description": "The version of the representation.", "schema": {"type": "string"}},
    "Location": {
        "description": "The path of the new item.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Preference-Applied": {
        "description": "The preference that was followed (RFC 7240).",
        "schema": typed_enum(["respond-async"]),
    },
    "Set-Cookie": {
        "description": "The refresh token, with `X-Session-Transport: cookie`.",
        "schema": {"type": "string"},
    },
    "Content-Disposition": {"description": "The file name.", "schema": {"type": "string"}},
    "Link": {
        "description": 'The next page, as `<…>; rel="next"`. Absent on the last page.',
        "schema": {"type": "string"},
    },
    "Idempotency-Replayed": {
        "description": "`true` if this is the stored response to an earlier request with the same key.",
        "schema": typed_enum(["true"]),
    },
    "WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}},
    "MissingScope": {"description": "The scope that the API token lacks.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds to wait before a retry.", "schema": {"type": "integer"}},
    "RetryAfterKeyInUse": {
        "description": "Seconds to wait before a retry, if a request with the same key is in progress.",
        "schema": {"type": "integer"},
    },
}


def complete(schemas: dict[str, Schema], queries: Collection[str]) -> None:
    """Complete the schemas of all requests and responses, in place. `queries` names the schemas of query strings."""
    for title, schema in schemas.items():
        is_request = schema.get("additionalProperties") is False
        for name, field in schema.get("properties", {}).items():
            if "default" in field and title not in queries:
                default = field.pop("default")
                if is_request:
                    words = (field.get("description"), f"Default: `{json.dumps(default)}`.")
                    field["description"] = " ".join(filter(None, words))
                else:
                    schema["required"].append(name)  # responses contain every field
    for each in objects(schemas):
        if "enum" in each:
            each.pop("$ref", None)  # some values of an enum
            each.update(typed_enum(each["enum"]))
        if "anyOf" in each:
            each.pop("type", None)  # each alternative has one
        if each.get("type") == "object" and not each.keys() & {"properties", "additionalProperties"}:
            each["additionalProperties"] = True
    slugs = {kind.slug for kind in kinds() if kind is not DomainError} | {slug for slug, _ in PROTOCOL.values()}
    schemas[PROBLEM_TYPE] = {
        "description": "The kind of a problem, and the path of its explanation. Later versions may have more kinds.",
        **typed_enum(sorted(f"/problems/{slug}" for slug in slugs)),
    }
    schemas[Problem.__name__]["properties"]["type"] = {"$ref": SCHEMAS.format(name=PROBLEM_TYPE)}


def describe_read_only(request: Schema, response: Schema) -> None:
    """Give the read-only fields of a request the types that these fields have in the response."""
    for name, field in request["properties"].items():
        if field.get("readOnly"):
            field.update(response["properties"][name])


def query_parameters(query: Schema) -> Iterator[dict[str, Any]]:
    """Yield the parameters that the schema of a query describes."""
    for name, schema in query["properties"].items():
        form = {key: value for key, value in schema.items() if key != "description"}
        yield {"name": name, "in": "query", "description": schema["description"], "schema": form}


def objects(value: Mapping[str, Any] | Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Yield every object in a part of the document."""
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, Mapping) else value:
        if isinstance(child, dict | list):
            yield from objects(child)
