"""The service itself over HTTP: its health, its description and its documentation."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from litestar import Controller, MediaType, Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from msgspec import Struct

from tasktracker.domain.kernel.errors import DomainError, NotFound, StorageUnavailable
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.problems import PROTOCOL, kinds, status_of
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_thread

STATIC = Path(__file__).parent / "static"
# Swagger UI sets styles from its scripts; scripts themselves come from here and nowhere else.
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


ASSET_TYPES = {".css": "text/css", ".js": "text/javascript", ".png": "image/png"}
ASSET_CACHING = "public, max-age=86400"


class Health(Struct):
    """The state of the service."""

    status: str


class SystemController(Controller):
    """`/health/`, `/schema/` and `/docs`."""

    path = "/"
    tags = ("service",)

    store: Storage
    threads: ThreadRunner

    @get(
        "/health/live",
        operation_id="live",
        summary="Check that the process runs",
        opt=operation(access=Access.PUBLIC),
    )
    async def live(self) -> Health:
        """Answers as long as the process serves requests, whatever the database does."""
        return Health("live")

    @get(
        "/health/ready",
        operation_id="ready",
        summary="Check that requests can be served",
        opt=operation(StorageUnavailable, access=Access.PUBLIC),
    )
    @on_thread
    def ready(self) -> Health:
        """Answers 200 while the database is reachable and its schema is this version's, else 503."""
        self.store.ready()
        return Health("ready")

    @get("/schema/openapi.json", include_in_schema=False, opt=operation(access=Access.PUBLIC))
    async def openapi(self, request: Request[Any, Any, Any]) -> dict[str, Any]:
        """The OpenAPI document."""
        document: dict[str, Any] = request.app.state.openapi()
        return document

    @get("/docs", include_in_schema=False, opt=operation(access=Access.PUBLIC))
    async def docs(self) -> Response[bytes]:
        """The interactive documentation."""
        return _page("index.html", MediaType.HTML)

    @get("/docs/start.js", include_in_schema=False, opt=operation(access=Access.PUBLIC))
    async def docs_script(self) -> Response[bytes]:
        """The script that starts the interactive documentation."""
        return _page("start.js", "text/javascript")

    @get("/docs/assets/{name:str}", include_in_schema=False, opt=operation(access=Access.PUBLIC))
    async def docs_asset(self, name: FromPath[str]) -> Response[bytes]:
        """A part of Swagger UI, from the package: no content delivery network is asked for anything."""
        if name not in _assets():  # it comes from outside, and is never looked up among files
            raise NotFoundException
        media_type = ASSET_TYPES[Path(name).suffix]
        return Response(_read("swagger-ui", name), media_type=media_type, headers={"Cache-Control": ASSET_CACHING})


class ProblemController(Controller):
    """The explanations that the `type` of a problem points to."""

    path = "/problems"
    tags = ("service",)

    @get(
        "/{slug:str}",
        operation_id="explainProblem",
        summary="Explain a kind of problem",
        media_type=MediaType.TEXT,
        opt=operation(NotFound, access=Access.PUBLIC),
    )
    async def explain(self, slug: FromPath[str]) -> str:
        """Answer with a short explanation of the `type` of a problem document."""
        for kind in kinds():
            if kind.slug == slug and kind is not DomainError:
                return f"{kind.title} (status {status_of(kind).value}).\n\n{kind.__doc__}\n"
        for status, (name, title) in PROTOCOL.items():
            if name == slug:
                return f"{title} (status {status}).\n"
        raise NotFound


def _page(name: str, media_type: str) -> Response[bytes]:
    headers = {"Content-Security-Policy": DOCS_POLICY}
    return Response(_read("docs", name), media_type=media_type, headers=headers)


@cache
def _assets() -> frozenset[str]:
    return frozenset(path.name for path in (STATIC / "swagger-ui").iterdir() if path.suffix in ASSET_TYPES)


@cache
def _read(folder: str, name: str) -> bytes:
    return (STATIC / folder / name).read_bytes()
