"""The OpenAPI 3.1 document, generated from the handlers and from the types that validate requests.

It contains every status, header and problem of each operation. This module adds those of all operations; `operation(…)`
declares those of a single one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from importlib.metadata import version
from inspect import cleandoc
from typing import Any, get_args, get_origin

import msgspec
from litestar import Litestar, Response
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from tasktracker.domain.kernel.errors import (
    Busy,
    DomainError,
    InsufficientScope,
    InvalidInput,
    InvalidToken,
    KeyInUse,
    KeyReused,
    NotAuthenticated,
    NotFound,
    SessionEnded,
    SessionRequired,
    Stale,
    StorageFull,
    StorageUnavailable,
)
from tasktracker.entrypoints.http.core.operation import Access, Operation
from tasktracker.entrypoints.http.core.problems import MEDIA_TYPE, PROTOCOL, Problem, status_of
from tasktracker.entrypoints.http.core.request import JSON_TYPES, PATCH_TYPES, body_type
from tasktracker.entrypoints.http.core.responses import JSON

SCHEMAS = "#/components/schemas/{name}"

HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": {"description": "The id of the request, which is also in the log.", "schema": {"type": "string"}},
    "X-Content-Type-Options": {"schema": {"const": "nosniff"}},
    "Cache-Control": {"schema": {"type": "string"}},
    "Content-Security-Policy": {"schema": {"type": "string"}},
    "ETag": {"description": "The version of the representation.", "schema": {"type": "string"}},
    "Location": {
        "description": "The path of the new item.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Preference-Applied": {
        "description": "The preference that was followed (RFC 7240).",
        "schema": {"const": "respond-async"},
    },
    "Content-Disposition": {"description": "The file name.", "schema": {"type": "string"}},
    "Link": {
        "description": 'The next page, as `<…>; rel="next"`. Absent on the last page.',
        "schema": {"type": "string"},
    },
    "Idempotency-Replayed": {
        "description": "`true` if this is the stored response to an earlier request with the same key.",
        "schema": {"const": "true"},
    },
    "WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}},
    "MissingScope": {"description": "The scope that the API token lacks.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds to wait before a retry.", "schema": {"type": "integer"}},
    "RetryAfterKeyInUse": {
        "description": "Seconds to wait before a retry, if a request with the same key is in progress.",
        "schema": {"type": "integer"},
    },
}
PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "id": {"format": "uuid"},
    "user_id": {"format": "uuid"},
    "bucket": {"pattern": "^[0-9a-f]{2}$"},
    "slug": {"examples": [NotFound.slug]},
}
# `*`, or comma-separated entity tags.
TAGS_SCHEMA = {
    "type": "string",
    "pattern": r'^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$',
    "examples": ['"7"'],
}
SECURITY: dict[Access, list[dict[str, Any]]] = {
    Access.PUBLIC: [],
    Access.OPTIONAL: [{"bearer": []}, {}],
    Access.OPTIONAL_TOKEN: [{"bearer": []}, {}],
    Access.TOKEN: [{"bearer": []}],
    Access.SESSION: [{"bearer": []}],
    Access.TICKET: [{"bearer": []}, {}],
}
EVERYWHERE = ("X-Request-ID", "X-Content-Type-Options", "Cache-Control", "Content-Security-Policy")
OPTIONAL = ("Link", "Idempotency-Replayed", "MissingScope", "RetryAfterKeyInUse")
TAGS = {
    "accounts": "User accounts and profiles.",
    "sessions": "Login, token refresh, logout and active sessions.",
    "two-factor": "Two-factor authentication.",
    "api tokens": "Tokens for scripts and integrations.",
    "categories": "Categories of tasks.",
    "tasks": "Tasks: create, list and change them.",
    "sharing": "Members of shared tasks.",
    "trash": "Deleted tasks that can still be restored.",
    "history": "The changes of a task.",
    "sync": "Synchronization of devices.",
    "service": "Health checks and explanations of problems.",
}


def describe(app: Litestar) -> dict[str, Any]:
    """Return the OpenAPI document of an application."""
    operations = list(_operations(app))
    queries = {query for _, _, handler in operations if (query := Operation.of(handler).query)}
    types = {Problem} | {tp for _, _, handler in operations for tp in _types(handler)}
    ordered = sorted(types, key=repr)
    refs, schemas = msgspec.json.schema_components(ordered, ref_template=SCHEMAS)
    schema_of = dict(zip(ordered, refs, strict=True))
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for path, method, handler in operations:
        paths[path][method.lower()] = _operation(handler, path, method, schema_of, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Task Tracker",
            "version": version("tasktracker-server"),
            "description": "A self-hosted task service with an API for apps.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": {path: dict(sorted(paths[path].items())) for path in sorted(paths)},
        "components": {
            "schemas": {name: schemas[name] for name in sorted(schemas.keys() - {query.__name__ for query in queries})},
            "headers": {name: {"required": name not in OPTIONAL, **header} for name, header in HEADERS.items()},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _operations(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        path = route.path_format
        for handler in route.route_handlers:
            if handler.resolve_include_in_schema():
                for method in sorted(handler.http_methods):
                    yield (f"{path}/" if path.startswith("/api") else path), method, handler


def _types(handler: HTTPRouteHandler) -> Iterator[Any]:
    operation = Operation.of(handler)
    yield from filter(None, (body_type(handler), operation.query, operation.accepted, _result(handler)))


def _result(handler: HTTPRouteHandler) -> Any:
    annotation = handler.parsed_fn_signature.return_type.annotation
    if get_origin(annotation) is Response:
        (annotation,) = get_args(annotation)
    # With bytes, the handler produces the body itself, and its operation declares the media type.
    return None if annotation in (type(None), bytes) else annotation


def _content(handler: HTTPRouteHandler, result: Any, schema_of: dict[Any, Any]) -> dict[str, Any]:
    produced = Operation.of(handler).produces
    if produced:
        return {produced: {"schema": {"type": "string"}}}
    if result is None:
        return {}
    return {
        "text/plain" if result is str and handler.media_type == "text/plain" else JSON: {"schema": schema_of[result]}
    }


def _operation(
    handler: HTTPRouteHandler, path: str, method: str, schema_of: dict[Any, Any], schemas: dict[str, Any]
) -> dict[str, Any]:
    body = body_type(handler)
    operation = Operation.of(handler)
    described: dict[str, Any] = {
        "operationId": handler.operation_id,
        "summary": handler.summary,
        "description": cleandoc(handler.fn.__doc__ or ""),
        "tags": handler.resolve_tags(),
        "security": SECURITY[operation.access],
        "parameters": list(_parameters(operation, path, method, schema_of, schemas)),
        "responses": {},
    }
    if body:
        accepted = PATCH_TYPES if method == "PATCH" else JSON_TYPES
        described["requestBody"] = {
            "required": not handler.parsed_fn_signature.parameters["data"].has_default,
            "content": {media_type: {"schema": schema_of[body]} for media_type in sorted(accepted)},
        }
    if operation.consumes:
        described["requestBody"] = {
            "required": True,
            "content": {media_type: {"schema": {"type": "string"}} for media_type in operation.consumes},
        }
    responses = described["responses"]
    replayed = ("Idempotency-Replayed",) if operation.idempotent else ()
    result = _result(handler)
    responses[str(handler.status_code)] = {
        "description": HTTPStatus(handler.status_code).phrase,
        "headers": _headers(*EVERYWHERE, *operation.headers, *replayed),
        **({"content": content} if (content := _content(handler, result, schema_of)) else {}),
    }
    if method == "GET" and "ETag" in operation.headers:
        responses["304"] = {"description": "Not Modified", "headers": _headers(*EVERYWHERE, "ETag")}
    if operation.creates:
        created = responses[str(handler.status_code)]
        location = created["headers"] | _headers("Location")
        responses["201"] = created | {"description": HTTPStatus.CREATED.phrase, "headers": location}
    if operation.accepted:
        responses["202"] = {
            "description": "Accepted, with `Prefer: respond-async`",
            "headers": _headers(*EVERYWHERE, "Location", "Preference-Applied"),
            "content": {JSON: {"schema": schema_of[operation.accepted]}},
        }
    protocol = (413, 415) if body or operation.consumes else ()
    responses |= _problems(_kinds(operation, path, method), protocol, schema_of)
    described["responses"] = dict(sorted(responses.items()))
    return described


def _kinds(operation: Operation, path: str, method: str) -> set[type[DomainError]]:
    kinds = {*operation.problems, InvalidInput}
    if operation.idempotent:
        kinds |= {KeyInUse, KeyReused}
    if path.startswith("/api/"):
        kinds |= {Busy, StorageUnavailable}
        if method != "GET":
            kinds.add(StorageFull)
    if operation.access not in (Access.PUBLIC, Access.OPTIONAL, Access.OPTIONAL_TOKEN):
        kinds |= {NotAuthenticated, InvalidToken, SessionEnded}
        kinds.add(SessionRequired if operation.access is Access.SESSION else InsufficientScope)
    return kinds


def _parameters(
    operation: Operation, path: str, method: str, schema_of: dict[Any, Any], schemas: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    for name, form in PATH_PARAMETERS.items():
        if f"{{{name}}}" in path:
            yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", **form}}
    if operation.query:
        properties = schemas[schema_of[operation.query]["$ref"].rpartition("/")[2]]["properties"]
        for name, schema in properties.items():
            yield {"name": name, "in": "query", "description": schema.get("description", ""), "schema": schema}
    if Stale in operation.problems:
        text = "Refuse the request unless one of these `ETag`s is the current one."
        yield {"name": "If-Match", "in": "header", "description": text, "schema": TAGS_SCHEMA}
    if operation.idempotent:
        text = "Chosen by the client. A request that is sent again with the same key is not applied again."
        schema = {"type": "string", "pattern": "^[!-~]{1,255}$"}
        yield {"name": "Idempotency-Key", "in": "header", "description": text, "schema": schema}
    if operation.accepted:
        text = "`respond-async`: respond with 202 as soon as the body has arrived (RFC 7240)."
        yield {"name": "Prefer", "in": "header", "description": text, "schema": {"type": "string"}}
    if operation.creates:
        text = "`*`: create the item under this id, unless it exists."
        yield {"name": "If-None-Match", "in": "header", "description": text, "schema": {"const": "*"}}
    if method == "GET" and "ETag" in operation.headers:
        text = "Return 304 without a body if this is the current `ETag`."
        yield {"name": "If-None-Match", "in": "header", "description": text, "schema": TAGS_SCHEMA}


def _problems(kinds: Iterable[type[DomainError]], protocol: Iterable[int], schema_of: dict[Any, Any]) -> dict[str, Any]:
    by_status: dict[int, list[tuple[str, str]]] = defaultdict(list)
    kinds = set(kinds)
    for kind in kinds:
        by_status[status_of(kind)].append((kind.slug, kind.title))
    for status in protocol:
        by_status[status].append(PROTOCOL[status])
    extra = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"], 507: ["Retry-After"]}
    conditional: dict[int, dict[str, Any]] = {
        status_of(kind): {name: {"$ref": f"#/components/headers/{component}"}}
        for kind, name, component in (
            (InsufficientScope, "WWW-Authenticate", "MissingScope"),
            (KeyInUse, "Retry-After", "RetryAfterKeyInUse"),
        )
        if kind in kinds
    }
    return {
        str(int(status)): {
            "description": "; ".join(f"`{slug}`: {title}" for slug, title in sorted(problems)),
            "headers": _headers(*EVERYWHERE, *extra.get(status, [])) | conditional.get(status, {}),
            "content": {MEDIA_TYPE: {"schema": schema_of[Problem]}},
        }
        for status, problems in by_status.items()
    }


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
