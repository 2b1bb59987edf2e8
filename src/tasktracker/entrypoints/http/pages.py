"""HTML pages for people, without script: a title, a sentence, and perhaps a form."""

from __future__ import annotations

import dataclasses
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from litestar import MediaType, Response

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
        html = _template().render(
            service=text(self.language, "service"),
            style=STYLE,
            open_app=text(self.language, "open-app"),
            **{each.name: getattr(self, each.name) for each in dataclasses.fields(self)},
        )
        return Response(html, status_code=status, media_type=MediaType.HTML, headers={**PAGE_HEADERS, **headers})


@cache
def _template() -> Template:
    return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined).get_template(
        "link.html"
    )
