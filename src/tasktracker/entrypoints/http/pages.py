"""HTML pages for people, without script: a title, a sentence, and perhaps a form."""

from __future__ import annotations

import dataclasses
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from litestar import MediaType, Request, Response
from litestar.response.base import ASGIResponse

from tasktracker.domain.kernel.languages import Language
from tasktracker.entrypoints.texts import text

TEMPLATES = Path(__file__).parent / "templates"
STYLE = (TEMPLATES / "page.css").read_text(encoding="utf-8")
_STYLE_HASH = b64encode(sha256(STYLE.encode()).digest()).decode()
PAGE_HEADERS: Mapping[str, str] = {
    # The page contains its style, which is allowed by its hash (CSP Level 3 §2.3.1). So it needs no second request.
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
SCHEME_COOKIE = "tasktracker-scheme"
"""The cookie in which the app keeps the colors that were chosen on this device (`scheme.js`)."""
SCHEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class PageField:
    """A field of a form. `attributes` are for its `<input>`. An `error` is shown instead of the `hint`."""

    name: str
    label: str
    attributes: Mapping[str, str]
    value: str = ""
    hint: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page. It has a form if it has a `button`; the form is posted to the address of the page, with the `token`.

    `home` is the path of the app, if the page links to it; `link` is the text of this link, if it is a special one.
    """

    language: Language
    title: str
    lead: str
    button: str = ""
    token: str = field(default="", repr=False)
    fields: Sequence[PageField] = ()
    home: str = ""
    link: str = ""

    def response(self, status: int = 200, headers: Mapping[str, str] = {}) -> Response[str]:
        """Return the page as a response."""
        return _PageResponse(self, status, {**PAGE_HEADERS, **headers})

    def html(self, scheme: str) -> str:
        """Return the page in a color scheme; if that is empty, in that of the system."""
        return _template().render(
            service=text(self.language, "service"),
            style=STYLE,
            open_app=text(self.language, "open-app"),
            scheme=scheme,
            **{each.name: getattr(self, each.name) for each in dataclasses.fields(self)},
        )


class _PageResponse(Response[str]):
    """A page in the colors that were chosen in the app."""

    def __init__(self, page: Page, status: int, headers: Mapping[str, str]) -> None:
        super().__init__("", status_code=status, media_type=MediaType.HTML, headers=headers)
        self._page = page

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **options: Any) -> ASGIResponse:
        scheme = request.cookies.get(SCHEME_COOKIE, "")
        self.content = self._page.html(scheme if scheme in SCHEMES else "")
        return super().to_asgi_response(app, request, **options)


@cache
def _template() -> Template:
    return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined).get_template(
        "link.html"
    )
