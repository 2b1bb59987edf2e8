"""The HTTP part of `benchmarks.studies.library`: CORS and the OpenAPI document, compared with those of Litestar."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from litestar import Litestar
from litestar._openapi.plugin import OpenAPIPlugin  # the public API works only at the start of an application
from litestar.config.app import AppConfig
from litestar.config.cors import CORSConfig
from litestar.middleware._internal.cors import CORSMiddleware
from litestar.openapi import OpenAPIConfig

from benchmarks.studies.measuring import Comparison, measured, on_loop, repeated, scope_of, sent
from tasktracker.entrypoints.http.core.cors import Cors
from tasktracker.entrypoints.http.core.openapi import describe

REQUESTS = 3200
ORIGIN, FOREIGN = "https://app.example", "https://elsewhere.example"
ALLOWED = CORSConfig(
    allow_origins=[ORIGIN],
    allow_methods=["GET", "POST"],
    allow_headers=["Authorization", "Content-Type"],
    expose_headers=["ETag"],
    max_age=600,
)


async def answer(_scope: object, _receive: object, send: Any) -> None:
    """An application that answers without a body."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"etag", b'"1"')]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def origins(runner: asyncio.Runner, whole: float) -> Iterator[Comparison]:
    """Send a request through the CORS middleware."""
    apps = (answer, Cors(answer, [ORIGIN]), CORSMiddleware(answer, ALLOWED))
    asked: dict[str, dict[str, str]] = {"without an origin": {}, "of an allowed page": {"origin": ORIGIN}}
    for what, headers in asked.items():
        scope = scope_of("GET", "/", headers)
        bare, ours, theirs = measured(REQUESTS, *(on_loop(runner, partial(sent, app, scope)) for app in apps))
        yield Comparison(f"CORS of a GET {what}; CORSMiddleware", ours - bare, theirs - bare, whole)


def foreign_answers(runner: asyncio.Runner) -> Iterator[str]:
    """Yield the answers to a page of an origin that is not allowed."""
    apps = {"ours": Cors(answer, [ORIGIN]), "Litestar's": Litestar([], cors_config=ALLOWED, openapi_config=None)}
    asked = {
        "preflight": ("OPTIONS", {"origin": FOREIGN, "access-control-request-method": "GET"}),
        "OPTIONS, no preflight": ("OPTIONS", {"origin": FOREIGN}),
        "GET": ("GET", {"origin": FOREIGN}),
    }
    apps_of_get: dict[str, Any] = {**apps, "Litestar's": CORSMiddleware(answer, ALLOWED)}
    yield "Answers to a page of an origin that is not allowed:"
    for what, (method, headers) in asked.items():
        for whose, app in (apps_of_get if method == "GET" else apps).items():
            status, named, body = runner.run(sent(app, scope_of(method, "/", headers)))
            yield f"  {what:<22} {whose:<10} {status} {json.dumps(named)} {body.decode()}"


def descriptions(app: Litestar) -> Iterator[str]:
    """Yield the differences between our OpenAPI document and that of Litestar for the same handlers."""

    def generated() -> Any:
        plugin = OpenAPIPlugin(app)
        plugin.on_app_init(AppConfig(openapi_config=OpenAPIConfig(title="Task Tracker", version="1")))
        for route in app.routes:
            plugin.receive_route(route)
        return plugin.provide_openapi_schema()

    ours, theirs = measured(1, repeated(partial(describe, app)), repeated(generated))
    yield f"{'OpenAPI':<44} {'ours':>8} {'library':>8}"
    yield f"{'seconds to build':<44} {ours / 1e6:8.3f} {theirs / 1e6:8.3f}"
    mine, its = (counted(json.loads(json.dumps(document, default=str))) for document in (describe(app), generated()))
    for what, count in mine.items():
        yield f"{what:<44} {count:8} {its[what]:8}"


def counted(document: Mapping[str, Any]) -> dict[str, int]:
    """Count the parts of an OpenAPI document."""
    operations = [each for methods in document["paths"].values() for each in methods.values()]
    responses = [each for operation in operations for each in operation["responses"].values()]
    places = [each["in"] for operation in operations for each in operation.get("parameters", ())]
    return {
        "operations": len(operations),
        "operations with a description": sum(bool(each.get("description")) for each in operations),
        "operations with authentication": sum(bool(each.get("security")) for each in operations),
        "operations with a request body": sum("requestBody" in each for each in operations),
        "responses": len(responses),
        "responses that are problem documents": sum(
            "application/problem+json" in each.get("content", ()) for each in responses
        ),
        "headers of responses": sum(len(each.get("headers", ())) for each in responses),
        **{f"parameters in the {place}": places.count(place) for place in ("path", "query", "header")},
        "paths with the slash at the end": sum(path.endswith("/") for path in document["paths"]),
        "schemas": len(document["components"]["schemas"]),
    }
