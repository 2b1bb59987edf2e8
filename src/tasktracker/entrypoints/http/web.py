"""The browser app: its page, its files, and the page for paths that do not exist."""

from __future__ import annotations

from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from litestar import Controller, Response, get
from litestar.connection import Request
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath

from tasktracker.domain.kernel.languages import DEFAULT_LANGUAGE
from tasktracker.entrypoints.http.core.languages import preferred_language
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.problems import from_protocol
from tasktracker.entrypoints.http.core.request import header, prefers_html
from tasktracker.entrypoints.http.pages import Page
from tasktracker.entrypoints.http.web_files import Asset, WebFiles, asset
from tasktracker.entrypoints.settings import Settings
from tasktracker.entrypoints.texts import text

ROUTES = (
    *("/", "/today", "/upcoming", "/all", "/board", "/shared", "/done", "/trash", "/notifications"),
    *("/list/{id:str}", "/task/{id:str}", "/signin", "/register", "/share", "/forgot"),
    *("/settings", "/settings/{section:str}", "/admin", "/admin/{section:str}", "/admin/{section:str}/{id:str}"),
)
"""The routes of the app. The response is always the same page. Its script shows the view (`router.js`)."""

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    # Only DOMPurify may turn text into HTML. The policy `tasktracker` allows the app to register its service worker.
    "require-trusted-types-for 'script'; trusted-types dompurify tasktracker"
)
WORKER_POLICY = "default-src 'none'; connect-src 'self'; frame-ancestors 'none'"
YEAR_SECONDS = 365 * 24 * 60 * 60

_PUBLIC: dict[str, Any] = {"include_in_schema": False, "opt": operation(access=Access.PUBLIC)}


class WebController(Controller):
    """`/` and the other routes of the browser app, and `/assets/`."""

    path = "/"

    settings: Settings

    @cached_property
    def _files(self) -> WebFiles:
        return WebFiles(urlsplit(self.settings.public_url).path)

    @get(list(ROUTES), include_in_schema=False, opt=operation(access=Access.PAGE))
    async def page(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """The page of the app."""
        return _response(request, self._files.page, {"Content-Security-Policy": PAGE_POLICY})

    @get("/assets/{version:str}/{path:path}", **_PUBLIC)
    async def asset(
        self, request: Request[Any, Any, Any], version: FromPath[str], path: FromPath[str]
    ) -> Response[bytes]:
        """A file of this version. Other versions are not served, so that a page never loads files of two versions."""
        if version != self._files.version:
            raise NotFoundException
        try:
            found = asset(path.lstrip("/"))
        except KeyError:  # the path is untrusted, and only looked up
            raise NotFoundException from None
        return _response(request, found, {"Cache-Control": f"public, max-age={YEAR_SECONDS}, immutable"})

    @get("/sw.js", **_PUBLIC)
    async def service_worker(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """The service worker."""
        worker = self._files.service_worker([each.split("/")[1] for each in ROUTES])
        return _response(request, worker, {"Content-Security-Policy": WORKER_POLICY})

    @get("/manifest.webmanifest", **_PUBLIC)
    async def manifest(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """The manifest, from which browsers install the app."""
        return _response(request, self._files.manifest, {})

    @get("/favicon.ico", **_PUBLIC)
    async def favicon(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """The icon of all pages, for browsers that request only this path."""
        return _response(request, asset("icons/favicon.ico"), {"Cache-Control": "public, max-age=86400"})


def _response(request: Request[Any, Any, Any], found: Asset, headers: dict[str, str]) -> Response[bytes]:
    """Respond with a file, compressed if the client accepts that (RFC 9110 §12.5.3)."""
    content = found.content
    if found.compressed is not None:
        headers["Vary"] = "Accept-Encoding"
        if _accepts_gzip(header(request, "Accept-Encoding") or ""):
            headers["Content-Encoding"], content = "gzip", found.compressed
    return Response(content, media_type=found.media_type, headers=headers)


def _accepts_gzip(codings: str) -> bool:
    weights = dict(each.replace(" ", "").lower().partition(";q=")[::2] for each in codings.split(","))
    return "gzip" in weights and (not weights["gzip"] or bool(weights["gzip"].strip("0.")))


def from_unknown_path(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Return the response to an error of the framework. A person who opens an unknown path gets a page."""
    if error.status_code != 404 or not prefers_html(request):
        return from_protocol(request, error)
    language = preferred_language(request) or DEFAULT_LANGUAGE
    lead = text(language, "unknown-path.lead")
    page = Page(language=language, title=text(language, "unknown-path.title"), lead=lead, home=request.app.state.home)
    return page.response(404)
