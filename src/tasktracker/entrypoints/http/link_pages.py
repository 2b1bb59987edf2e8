"""The common parts of the pages of links: forms, sent fields, and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode

from litestar import Response

from tasktracker.domain.accounts.links import LinkKind
from tasktracker.domain.accounts.password import MAX_CREDENTIAL_LENGTH
from tasktracker.domain.kernel.errors import (
    DomainError,
    EmailTaken,
    InvalidInput,
    RegistrationClosed,
    TooManyRequests,
    Unavailable,
)
from tasktracker.domain.kernel.languages import DEFAULT_LANGUAGE, Language
from tasktracker.entrypoints.http.core.languages import preferred_language
from tasktracker.entrypoints.http.core.problems import status_of
from tasktracker.entrypoints.http.core.request import Request, media_type
from tasktracker.entrypoints.http.pages import Page, PageField
from tasktracker.entrypoints.texts import text

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 10


def page_language(request: Request) -> Language:
    """Return the language that the browser prefers."""
    return preferred_language(request) or DEFAULT_LANGUAGE


def link_token(request: Request) -> str:
    """Return the token in the address of a page."""
    token: str = request.query_params.get("token", "")
    return token


async def sent_form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form that was sent in UTF-8. Raises InvalidInput, UnsupportedMediaType."""
    media_type(request, {FORM})
    raw = await request.body()
    try:
        return dict(parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS))
    except ValueError:  # also for text that is not percent-encoded UTF-8
        raise InvalidInput.of("body", "is not a form in UTF-8") from None


def form_field(
    name: str, language: Language, attributes: Mapping[str, str], value: str = "", hint: str = ""
) -> PageField:
    """Return a field of a form, with its label."""
    return PageField(name, text(language, f"field.{name}"), attributes, value=value, hint=hint)


def password_field(name: str, language: Language, minimum: int) -> PageField:
    """Return the field for a new password."""
    attributes = {
        "type": "password",
        "autocomplete": "new-password",
        "required": "",
        "minlength": str(minimum),
        "maxlength": str(MAX_CREDENTIAL_LENGTH),
    }
    return form_field(name, language, attributes, hint=text(language, "field.new_password.hint", minimum=minimum))


def with_errors(page: Page, error: InvalidInput) -> Page:
    """Return the form with its errors, in the language of the page."""
    return with_notes(page, {each.field: f"field.{each.field}.error" for each in error.errors})


def with_notes(page: Page, keys: Mapping[str, str]) -> Page:
    """Return the form with errors at its fields. The argument has the key of the error text for each field."""
    fields = [
        replace(each, error=text(page.language, keys[each.name])) if each.name in keys else each for each in page.fields
    ]
    return replace(page, fields=fields)


def refusal(error: DomainError, language: Language, home: str, kind: LinkKind | None = None) -> Response[str]:
    """Return the page of a link that is not valid any more, or cannot be used now. Raises any other error again.

    The page leads to the app, at `home`, or to a new link if the link is of a `kind` that people can ask for.
    """
    headers: dict[str, str] = {}
    seconds = 0
    if isinstance(error, InvalidInput):
        key, status = "dead", HTTPStatus.GONE
    elif isinstance(error, EmailTaken):
        key, status = "taken", status_of(type(error))
    elif isinstance(error, RegistrationClosed):
        key, status = "closed", status_of(type(error))
    elif isinstance(error, TooManyRequests | Unavailable):
        key, status, seconds = "wait", status_of(type(error)), error.retry_after
        headers = {"Retry-After": str(seconds)}
    else:
        raise error
    page = message(language, key, home, seconds=seconds)
    if key == "dead" and kind is LinkKind.RESET_PASSWORD:
        page = replace(page, home=f"{home}forgot", link=text(language, "new-link"))
    return page.response(status, headers)


def sign_in(home: str, username: str) -> str:
    """Return the path of the app's form to sign in. Browsers do not send the name, which is in the fragment."""
    return f"{home}signin#{urlencode({'username': username})}"


def message(language: Language, key: str, home: str = "", **values: object) -> Page:
    """Return a page without a form."""
    title, lead = (text(language, f"{key}.{name}", **values) for name in ("title", "lead"))
    return Page(language=language, title=title, lead=lead, home=home)
