"""The pages of one-time links, for browsers without script."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus

from litestar import Controller, Response, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from tasktracker.domain.accounts.email_service import EmailService
from tasktracker.domain.accounts.link_service import find_link
from tasktracker.domain.accounts.links import LinkKind
from tasktracker.domain.accounts.password_reset_service import PasswordResetService
from tasktracker.domain.accounts.second_factor import MAX_CODE_LENGTH
from tasktracker.domain.activity.event import Origin
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.errors import DomainError, InvalidInput
from tasktracker.domain.kernel.languages import Language
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.request import Request
from tasktracker.entrypoints.http.core.threads import ThreadRunner
from tasktracker.entrypoints.http.link_pages import (
    form_field,
    link_token,
    message,
    page_language,
    password_field,
    refusal,
    sent_form,
    sign_in,
    with_errors,
)
from tasktracker.entrypoints.http.pages import Page
from tasktracker.entrypoints.settings import Settings
from tasktracker.entrypoints.texts import text


class LinkController(Controller):
    """`/link/<kind>`: a GET shows a form and does not use the link; the form is sent as a POST.

    The token is in the query, which is never logged, and in the form.
    """

    path = "/link"

    settings: Settings
    password_reset: PasswordResetService
    emails: EmailService
    store: Storage
    threads: ThreadRunner
    hashing_threads: ThreadRunner

    @get("/{kind:str}", include_in_schema=False, opt=operation(access=Access.PAGE))
    async def show(self, request: Request, kind: FromPath[str]) -> Response[str]:
        """The form of a link."""
        known, token = _kind(kind), link_token(request)
        language = await self.threads.run(self._language, known, token, page_language(request))
        try:
            page = await self.threads.run(self._form, known, token, language)
        except DomainError as error:
            return refusal(error, language, request.app.state.home, known)
        return page.response()

    @post("/{kind:str}", include_in_schema=False, opt=operation(access=Access.PAGE))
    async def use(self, request: Request, kind: FromPath[str]) -> Response[str]:
        """Use the link once."""
        known, sent = _kind(kind), await sent_form(request)
        token = sent.get("token", link_token(request))
        language = await self.threads.run(self._language, known, token, page_language(request))
        done, home = ("email" if known is LinkKind.VERIFY_EMAIL else "password"), request.app.state.home
        try:
            if known is LinkKind.VERIFY_EMAIL:
                await self.threads.run(self._verify_email, token, request.origin)
            else:
                home = sign_in(home, sent.get("username", ""))
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
            except DomainError as dead:
                return refusal(dead, language, request.app.state.home, known)
            return with_errors(page, error).response(HTTPStatus.BAD_REQUEST)
        except DomainError as error:
            return refusal(error, language, request.app.state.home, known)
        return message(language, f"{done}.done", home).response(HTTPStatus.OK)

    def _verify_email(self, token: str, origin: Origin) -> None:
        with self.store.writing(SystemActor("verify an address")) as work:
            self.emails.verify(work, token, origin)

    def _language(self, kind: LinkKind, token: str, preferred: Language) -> Language:
        """Return the language of the user of a live link; for other pages, the language that the browser prefers.

        A user without a password has not chosen a language yet.
        """
        if kind is LinkKind.SET_PASSWORD:
            return preferred
        with suppress(InvalidInput), self.store.reading(SystemActor("show the form of a link")) as work:
            return find_link(work, token, *LinkKind)[1].language
        return preferred

    def _form(self, kind: LinkKind, token: str, language: Language) -> Page:
        """Return the form of a link. Raises InvalidInput if the link is not valid any more."""
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
        fields = [
            form_field("username", language, {"readonly": "", "autocomplete": "username"}, value=form.username),
            password_field("new_password", language, self.settings.password_min_length),
        ]
        if form.needs_code:
            shown = {"autocomplete": "one-time-code", "required": "", "maxlength": str(MAX_CODE_LENGTH)}
            fields.append(form_field("code", language, shown, hint=text(language, "field.code.hint")))
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
