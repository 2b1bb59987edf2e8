"""Health checks, the OpenAPI document and the documentation pages."""

from __future__ import annotations

from functools import cache
from hmac import compare_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from litestar import Controller, MediaType, Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from msgspec import Struct

from tasktracker.domain.kernel.errors import DomainError, NotAuthenticated, NotFound, StorageUnavailable
from tasktracker.domain.kernel.languages import DEFAULT_LANGUAGE
from tasktracker.domain.work import Storage
from tasktracker.entrypoints import metrics
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.problems import PROTOCOL, kinds, status_of
from tasktracker.entrypoints.http.core.request import bearer_token, prefers_html
from tasktracker.entrypoints.http.core.threads import ThreadRunner
from tasktracker.entrypoints.http.pages import Page
from tasktracker.entrypoints.settings import Settings

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

STATIC = Path(__file__).parent / "static"
# Swagger UI sets inline styles. Scripts are loaded only from this server.
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
    health_threads: ThreadRunner
    settings: Settings
    metrics_registry: CollectorRegistry | None

    @get(
        "/health/live",
        operation_id="live",
        summary="Check that the process runs",
        opt=operation(access=Access.PUBLIC),
    )
    async def live(self) -> Health:
        """Respond with 200 if the process handles requests. Does not check the database."""
        return Health("live")

    @get(
        "/health/ready",
        operation_id="ready",
        summary="Check that requests can be served",
        opt=operation(StorageUnavailable, access=Access.PUBLIC),
    )
    async def ready(self) -> Health:
        """Respond with 200 if the database is reachable and writable and its schema is current, otherwise with 503."""
        await self.health_threads.run(self.store.ready)
        return Health("ready")

    @get("/metrics", include_in_schema=False, opt=operation(access=Access.PUBLIC))
    async def metrics(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Metrics for Prometheus, for whoever has METRICS_TOKEN."""
        token = self.settings.metrics_token
        if not token or self.metrics_registry is None:
            raise NotFoundException
        if not compare_digest((bearer_token(request) or "").encode(), token.encode()):
            raise NotAuthenticated
        page = await self.health_threads.run(metrics.page, self.metrics_registry)
        return Response(page, media_type=metrics.MEDIA_TYPE)

    @get("/schema/openapi.json", include_in_schema=False, opt=operation(access=Access.PUBLIC))
    async def openapi(self, request: Request[Any, Any, Any]) -> dict[str, Any]:
        """The OpenAPI document."""
        document: dict[str, Any] = request.app.state.openapi()
        return document

    @get("/docs", include_in_schema=False, opt=operation(access=Access.PAGE))
    async def docs(self) -> Response[bytes]:
        """The interactive documentation."""
        return self._page("index.html", MediaType.HTML)

    @get("/docs/start.js", include_in_schema=False, opt=operation(access=Access.PUBLIC))
    async def docs_script(self) -> Response[bytes]:
        """The script that starts the interactive documentation."""
        return self._page("start.js", "text/javascript")

    @get("/docs/assets/{name:str}", include_in_schema=False, opt=operation(access=Access.PUBLIC))
    async def docs_asset(self, name: FromPath[str]) -> Response[bytes]:
        """A file of Swagger UI. The package contains it, so that browsers need no content delivery network."""
        if name not in _assets():  # the name is untrusted: never use it as a path before this check
            raise NotFoundException
        media_type = ASSET_TYPES[Path(name).suffix]
        return Response(_read("swagger-ui", name), media_type=media_type, headers={"Cache-Control": ASSET_CACHING})

    def _page(self, name: str, media_type: str) -> Response[bytes]:
        # The paths in the page begin with a slash, because the path of the page may end with or without a slash.
        begin = f'"{urlsplit(self.settings.public_url).path}/'.encode()
        page = _read("docs", name).replace(b'"/', begin)
        return Response(page, media_type=media_type, headers={"Content-Security-Policy": DOCS_POLICY})


class ProblemController(Controller):
    """The pages that the `type` of a problem points to."""

    path = "/problems"
    tags = ("service",)

    @get(
        "/{slug:str}",
        operation_id="explainProblem",
        summary="Explain a kind of problem",
        opt=operation(NotFound, access=Access.PUBLIC, produces=(MediaType.TEXT, MediaType.HTML)),
    )
    async def explain(self, request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[str]:
        """Return a short explanation of a `type` of problem documents, as a page for a browser."""
        is_page = prefers_html(request)
        found = _explanation(slug)
        if found is None:
            raise NotFoundException if is_page else NotFound
        title, more = found
        if is_page:
            return Page(language=DEFAULT_LANGUAGE, title=title, lead=more, home=request.app.state.home).response()
        return Response(f"{title}.\n\n{more}".strip() + "\n", media_type=MediaType.TEXT)


def _explanation(slug: str) -> tuple[str, str] | None:
    """Return the title and the explanation of a kind of problem."""
    for kind in kinds():
        if kind.slug == slug and kind is not DomainError:
            return f"{kind.title} (status {status_of(kind).value})", kind.__doc__ or ""
    return next(
        ((f"{title} (status {status})", "") for status, (name, title) in PROTOCOL.items() if name == slug), None
    )


@cache
def _assets() -> frozenset[str]:
    return frozenset(path.name for path in (STATIC / "swagger-ui").iterdir() if path.suffix in ASSET_TYPES)


@cache
def _read(folder: str, name: str) -> bytes:
    return (STATIC / folder / name).read_bytes()
