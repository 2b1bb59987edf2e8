"""The OpenAPI 3.1 document, generated from the handlers and from the types that validate requests.

It contains every status, header and problem of each operation. This module adds the parts that all operations share;
`operation(…)` declares the parts of one operation.
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
    AdminRequired,
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
from tasktracker.entrypoints.http.core.openapi_schemas import (
    HEADERS,
    SCHEMAS,
    Schema,
    complete,
    describe_read_only,
    query_parameters,
    typed_enum,
)
from tasktracker.entrypoints.http.core.operation import Access, Operation
from tasktracker.entrypoints.http.core.problems import MEDIA_TYPE, PROTOCOL, Problem, status_of
from tasktracker.entrypoints.http.core.refresh_cookie import COOKIE, TRANSPORT
from tasktracker.entrypoints.http.core.request import JSON_TYPES, PATCH_TYPES, body_type
from tasktracker.entrypoints.http.core.responses import BINARY, JSON

PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "id": {"format": "uuid"},
    "user_id": {"format": "uuid"},
    "reminder_id": {"format": "uuid"},
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
    Access.ADMIN: [{"bearer": []}],
    Access.TICKET: [{"bearer": []}, {}],
}
DESCRIPTION = """\
A self-hosted task service with an API for apps. The browser app is at the root of this server.

Where to start:

1. Create an account: open `POST /api/accounts/register/` below, then **Try it out** and **Execute**. If you have one,
   use `POST /api/accounts/login/`. The next requests on this page are then authorized.
2. Create a task with `POST /api/tasks/`, and list tasks with `GET /api/tasks/`.
3. For a script, create a token with `POST /api/accounts/tokens/`, and send it as `Authorization: Bearer …`.
4. For an app that works offline, begin with `GET /api/sync/`. `GET /api/` describes this server.

The documentation of the project explains conventions, syncing and configuration.
"""
BEARER = "The `access` token of a registration, a login or a refresh, or an API token. Enter only the token."
EVERYWHERE = ("X-Request-ID", "X-Content-Type-Options", "Cache-Control", "Content-Security-Policy")
OPTIONAL = ("Link", "Set-Cookie", "Idempotency-Replayed", "MissingScope", "RetryAfterKeyInUse")
TAGS = {
    "accounts": "User accounts and profiles.",
    "sessions": "Login, token refresh, logout and active sessions.",
    "two-factor": "Two-factor authentication.",
    "api tokens": "Tokens for scripts and integrations.",
    "categories": "Categories of tasks.",
    "tasks": "Tasks: create, list and change them.",
    "sharing": "Members of shared tasks.",
    "reminders": "Each user's own reminders of tasks.",
    "notifications": "Notifications, and how users want to get them.",
    "trash": "Deleted tasks that can still be restored.",
    "history": "The changes of a task.",
    "sync": "Synchronization of devices.",
    "administration": "Users, settings, invitations and activity of the service, for administrators.",
    "service": "Health checks and explanations of problems.",
}


def describe(app: Litestar, under: str = "") -> dict[str, Any]:
    """Return the OpenAPI document of an application, which is served under a path."""
    operations = list(_operations(app))
    queries = {query.__name__ for _, _, handler in operations if (query := Operation.of(handler).query)}
    types = {Problem} | {tp for _, _, handler in operations for tp in _types(handler)}
    ordered = sorted(types, key=repr)
    refs, schemas = msgspec.json.schema_components(ordered, ref_template=SCHEMAS)
    complete(schemas, queries)
    schema_of = dict(zip(ordered, refs, strict=True))
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for path, method, handler in operations:
        paths[path][method.lower()] = _operation(handler, path, method, schema_of, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Task Tracker",
            "version": version("tasktracker-server"),
            "description": DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
            "contact": {"name": "Task Tracker contributors"},
        },
        "servers": [{"url": under or "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": {path: dict(sorted(paths[path].items())) for path in sorted(paths)},
        "components": {
            "schemas": {name: schemas[name] for name in sorted(schemas.keys() - queries)},
            "headers": {name: {"required": name not in OPTIONAL, **header} for name, header in HEADERS.items()},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": BEARER}},
        },
    }


def _operations(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            if handler.resolve_include_in_schema():
                for method in sorted(handler.http_methods):
                    yield route.path_format, method, handler


def _types(handler: HTTPRouteHandler) -> Iterator[Any]:
    operation = Operation.of(handler)
    yield from filter(None, (body_type(handler), operation.query, operation.accepted, _result(handler)))


def _result(handler: HTTPRouteHandler) -> Any:
    annotation = handler.parsed_fn_signature.return_type.annotation
    if get_origin(annotation) is Response:
        (annotation,) = get_args(annotation)
    # A handler that returns bytes produces the body itself, and its operation declares the media type.
    return None if annotation in (type(None), bytes) else annotation


def _content(handler: HTTPRouteHandler, result: Any, schema_of: dict[Any, Any]) -> dict[str, Any]:
    produced = Operation.of(handler).produces
    if produced:
        return {media_type: {"schema": _text(media_type)} for media_type in produced}
    if result is None:
        return {}
    return {
        "text/plain" if result is str and handler.media_type == "text/plain" else JSON: {"schema": schema_of[result]}
    }


def _text(media_type: str) -> Schema:
    return {"type": "string", **({"format": "binary"} if media_type == BINARY else {})}


def _operation(
    handler: HTTPRouteHandler, path: str, method: str, schema_of: dict[Any, Any], schemas: dict[str, Any]
) -> dict[str, Any]:
    body, result = body_type(handler), _result(handler)
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
        content = {"schema": schema_of[body], "example": body.example}
        described["requestBody"] = {
            "required": not handler.parsed_fn_signature.parameters["data"].has_default,
            "content": dict.fromkeys(sorted(accepted), content),
        }
        if result is not None:
            describe_read_only(_named(schema_of[body], schemas), _named(schema_of[result], schemas))
    if operation.consumes:
        content = {"schema": _text(BINARY), "example": operation.consumes}
        described["requestBody"] = {"required": True, "content": {BINARY: content}}
    responses = described["responses"]
    optional = ["Idempotency-Replayed"] * operation.idempotent + ["Set-Cookie"] * operation.cookie
    responses[str(handler.status_code)] = {
        "description": HTTPStatus(handler.status_code).phrase,
        "headers": _headers(*EVERYWHERE, *operation.headers, *optional),
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
            "description": "Accepted, with `Prefer: respond-async`" if operation.asynchronous else "Accepted",
            "headers": _headers(*EVERYWHERE, "Location", *["Preference-Applied"] * operation.asynchronous, *optional),
            "content": {JSON: {"schema": schema_of[operation.accepted]}},
        }
    protocol = ((413, 415) if body or operation.consumes else ()) + ((403,) if operation.cookie else ())
    responses |= _problems(_kinds(operation, path, method), protocol, schema_of)
    described["responses"] = dict(sorted(responses.items()))
    return described


def _named(reference: Schema, schemas: dict[str, Schema]) -> Schema:
    return schemas[reference["$ref"].rpartition("/")[2]]


def _kinds(operation: Operation, path: str, method: str) -> set[type[DomainError]]:
    kinds = {*operation.problems, InvalidInput}
    if operation.idempotent:
        kinds |= {KeyInUse, KeyReused}
    if path.startswith("/api"):
        kinds |= {Busy, StorageUnavailable}
        if method != "GET":
            kinds.add(StorageFull)
    if operation.access not in (Access.PUBLIC, Access.OPTIONAL, Access.OPTIONAL_TOKEN):
        kinds |= {NotAuthenticated, InvalidToken, SessionEnded}
        if operation.access in (Access.SESSION, Access.ADMIN):
            kinds.add(SessionRequired)
        else:
            kinds.add(InsufficientScope)
        if operation.access is Access.ADMIN:
            kinds.add(AdminRequired)
    return kinds


def _parameters(
    operation: Operation, path: str, method: str, schema_of: dict[Any, Any], schemas: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    for name, form in PATH_PARAMETERS.items():
        if f"{{{name}}}" in path:
            yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", **form}}
    if operation.query:
        yield from query_parameters(_named(schema_of[operation.query], schemas))
    if Stale in operation.problems:
        text = "Refuse the request unless one of these `ETag`s is the current one."
        yield {"name": "If-Match", "in": "header", "description": text, "schema": TAGS_SCHEMA}
    if operation.idempotent:
        text = "Chosen by the client. A request that is sent again with the same key is not applied again."
        schema = {"type": "string", "pattern": "^[!-~]{1,255}$"}
        yield {"name": "Idempotency-Key", "in": "header", "description": text, "schema": schema}
    if operation.access is Access.TICKET:
        text = "The `id` of the last event that was received. It replaces `cursor`."
        yield {"name": "Last-Event-ID", "in": "header", "description": text, "schema": {"type": "string"}}
    if operation.cookie:
        text = "`cookie`: the refresh token is in a cookie of the browser and not in bodies."
        yield {"name": TRANSPORT, "in": "header", "description": text, "schema": typed_enum([COOKIE])}
    if operation.asynchronous:
        text = "`respond-async`: respond with 202 as soon as the body has arrived (RFC 7240)."
        yield {"name": "Prefer", "in": "header", "description": text, "schema": {"type": "string"}}
    if operation.creates:
        text = "`*`: create the item under this id, unless it exists."
        yield {
            "name": "If-None-Match",
            "in": "header",
            "description": text,
            "schema": typed_enum(["*"]),
        }
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
