"""The pages that one-time links lead to, for browsers without script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qsl

from litestar import Controller, Response, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from msgspec import Meta

from tasktracker.domain.accounts.email_service import EmailService
from tasktracker.domain.accounts.links import LinkKind
from tasktracker.domain.accounts.password import MAX_CREDENTIAL_LENGTH
from tasktracker.domain.accounts.password_reset_service import PasswordResetService
from tasktracker.domain.accounts.second_factor import MAX_CODE_LENGTH
from tasktracker.domain.activity.event import Origin
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.errors import DomainError, EmailTaken, InvalidInput, TooManyRequests, Unavailable
from tasktracker.domain.kernel.languages import DEFAULT_LANGUAGE, Language
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.languages import preferred_language
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.problems import status_of
from tasktracker.entrypoints.http.core.request import Request, media_type, query
from tasktracker.entrypoints.http.core.schemas import Query
from tasktracker.entrypoints.http.core.threads import ThreadRunner
from tasktracker.entrypoints.http.pages import Page, PageField
from tasktracker.entrypoints.settings import Settings
from tasktracker.entrypoints.texts import text

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 10


class LinkQuery(Query):
    """The token of a link."""

    token: Annotated[str, Meta(description="The token of the link.")] = ""


class LinkController(Controller):
    """`/link/<kind>`: a GET shows a form and uses nothing up; the form is sent as a POST.

    The token is in the query, which is never logged, and in the form.
    """

    path = "/link"

    settings: Settings
    password_reset: PasswordResetService
    emails: EmailService
    store: Storage
    threads: ThreadRunner
    hashing_threads: ThreadRunner

    @get("/{kind:str}", include_in_schema=False, opt=operation(access=Access.PUBLIC, query=LinkQuery))
    async def show(self, request: Request, kind: FromPath[str]) -> Response[str]:
        """The form of a link."""
        known, language = _kind(kind), preferred_language(request) or DEFAULT_LANGUAGE
        token = query(LinkQuery, request).token
        try:
            page = await self.threads.run(self._form, known, token, language)
        except DomainError as error:
            return _refusal(error, language)
        return page.response()

    @post("/{kind:str}", include_in_schema=False, opt=operation(access=Access.PUBLIC, query=LinkQuery))
    async def use(self, request: Request, kind: FromPath[str]) -> Response[str]:
        """Do what the link is for, once."""
        known, language = _kind(kind), preferred_language(request) or DEFAULT_LANGUAGE
        media_type(request, {FORM})
        sent = _form_fields(await request.body())
        token = sent.get("token", query(LinkQuery, request).token)
        done = "email" if known is LinkKind.VERIFY_EMAIL else "password"
        try:
            if known is LinkKind.VERIFY_EMAIL:
                await self.threads.run(self._verify_email, token, request.origin)
            else:
                await self.hashing_threads.run(
                    self.password_reset.reset,
                    token,
                    sent.get("new_password", ""),
                    sent.get("code") or None,
                    request.origin,
                )
        except InvalidInput as error:
            try:
                page = await self.threads.run(self._form, known, token, language)
            except DomainError as refusal:
                return _refusal(refusal, language)
            return _with_errors(page, error).response(HTTPStatus.BAD_REQUEST)
        except DomainError as error:
            return _refusal(error, language)
        page = Page(
            language=language, title=text(language, f"{done}.done.title"), lead=text(language, f"{done}.done.lead")
        )
        return page.response(HTTPStatus.OK)

    def _verify_email(self, token: str, origin: Origin) -> None:
        with self.store.writing(SystemActor("verify an address")) as work:
            self.emails.verify(work, token, origin)

    def _form(self, kind: LinkKind, token: str, language: Language) -> Page:
        """Return the form of a link. Raises InvalidInput for a dead link."""
        if kind is LinkKind.VERIFY_EMAIL:
            with self.store.reading(SystemActor("show the form of a link")) as work:
                link, user = self.emails.find_link(work, token)
            return Page(
                language=language,
                title=text(language, f"{kind}.title"),
                lead=text(language, f"{kind}.lead", username=user.username, address=link.address),
                button=text(language, f"{kind}.button"),
                token=token,
            )
        form = self.password_reset.find(token)
        minimum = self.settings.password_min_length
        fields = [
            _field("username", language, {"readonly": "", "autocomplete": "username"}, value=form.username),
            _field(
                "new_password",
                language,
                {
                    "type": "password",
                    "autocomplete": "new-password",
                    "required": "",
                    "minlength": str(minimum),
                    "maxlength": str(MAX_CREDENTIAL_LENGTH),
                },
                hint=text(language, "field.new_password.hint", minimum=minimum),
            ),
        ]
        if form.needs_code:
            shown = {"autocomplete": "one-time-code", "required": "", "maxlength": str(MAX_CODE_LENGTH)}
            fields.append(_field("code", language, shown, hint=text(language, "field.code.hint")))
        return Page(
            language=language,
            title=text(language, f"{kind}.title"),
            lead=text(language, f"{kind}.lead", username=form.username),
            button=text(language, f"{kind}.button"),
            token=token,
            fields=fields,
        )


def _kind(text: str) -> LinkKind:
    try:
        return LinkKind(text)
    except ValueError:
        raise NotFoundException from None


def _form_fields(raw: bytes) -> Mapping[str, str]:
    """Return the fields of a form that was sent in UTF-8. Raises InvalidInput."""
    try:
        return dict(parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS))
    except ValueError:  # also for text that is not percent-encoded UTF-8
        raise InvalidInput.of("body", "is not a form in UTF-8") from None


def _field(name: str, language: Language, attributes: Mapping[str, str], value: str = "", hint: str = "") -> PageField:
    return PageField(name, text(language, f"field.{name}"), attributes, value=value, hint=hint)


def _with_errors(page: Page, error: InvalidInput) -> Page:
    """Return the form with what is wrong, in words of the page's language, and without what was entered."""
    wrong = {each.field for each in error.errors}
    fields = [
        replace(each, error=text(page.language, f"field.{each.name}.error")) if each.name in wrong else each
        for each in page.fields
    ]
    return replace(page, fields=fields)


def _refusal(error: DomainError, language: Language) -> Response[str]:
    """Return the page of a dead link, or of one that cannot be used right now. Raises any other error again."""
    headers: dict[str, str] = {}
    if isinstance(error, InvalidInput):
        key, status, seconds = "dead", HTTPStatus.GONE, 0
    elif isinstance(error, EmailTaken):
        key, status, seconds = "taken", status_of(type(error)), 0
    elif isinstance(error, TooManyRequests | Unavailable):
        key, status, seconds = "wait", status_of(type(error)), error.retry_after
        headers = {"Retry-After": str(seconds)}
    else:
        raise error
    page = Page(
        language=language, title=text(language, f"{key}.title"), lead=text(language, f"{key}.lead", seconds=seconds)
    )
    return page.response(status, headers)
