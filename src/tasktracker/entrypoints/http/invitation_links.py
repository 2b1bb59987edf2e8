"""The pages of mailed invitations, on which people without an account register."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from http import HTTPStatus

from litestar import Controller, Response, get, post

from tasktracker.domain.accounts.invite_service import find_invite
from tasktracker.domain.accounts.registration import Registration, RegistrationMode
from tasktracker.domain.accounts.registration_service import RegistrationService
from tasktracker.domain.accounts.user import (
    MAX_EMAIL_LENGTH,
    MAX_USERNAME_LENGTH,
    MIN_USERNAME_LENGTH,
    User,
    UserFields,
)
from tasktracker.domain.activity.event import Origin
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.errors import (
    DomainError,
    EmailTaken,
    InvalidInput,
    RegistrationClosed,
    UsernameTaken,
)
from tasktracker.domain.kernel.languages import Language
from tasktracker.domain.sharing.acceptance import InvitationAcceptance
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.problems import status_of
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
    with_notes,
)
from tasktracker.entrypoints.http.pages import Page
from tasktracker.entrypoints.settings import Settings
from tasktracker.entrypoints.texts import text

_TAKEN: Mapping[type[DomainError], str] = {UsernameTaken: "username", EmailTaken: "email"}
_ACTOR = SystemActor("show the page of an invitation")


class _InvitationPages(Controller):
    """A GET shows a form and does not use the link. The form is sent as a POST, which creates an account."""

    settings: Settings
    registration: RegistrationService
    registration_mode: RegistrationMode
    store: Storage
    threads: ThreadRunner
    hashing_threads: ThreadRunner

    @get("/", include_in_schema=False, opt=operation(access=Access.PAGE))
    async def show(self, request: Request) -> Response[str]:
        """The form of an invitation."""
        language = page_language(request)
        try:
            page = await self.threads.run(self.form, link_token(request), language)
        except DomainError as error:
            return refusal(error, language, request.app.state.home)
        return page.response()

    @post("/", include_in_schema=False, opt=operation(access=Access.PAGE))
    async def use(self, request: Request) -> Response[str]:
        """Create an account."""
        language, sent = page_language(request), await sent_form(request)
        token = sent.get("token", link_token(request))
        try:
            page = _filled(await self.threads.run(self.form, token, language), sent)
        except DomainError as error:
            return refusal(error, language, request.app.state.home)
        if not page.fields:  # registration was open when the form was shown
            return page.response(HTTPStatus.FORBIDDEN)
        fields = UserFields(username=sent.get("username", ""), email=sent.get("email"), language=language)
        try:
            user = await self.hashing_threads.run(
                self.register, token, fields, sent.get("password", ""), request.origin
            )
        except DomainError as error:
            return _refused(page, error, request.app.state.home)
        key = "registered" if user.unverified_email is None else "registered.unverified"
        home = sign_in(request.app.state.home, user.username)
        done = message(language, key, home, username=user.username, address=user.unverified_email)
        return done.response(HTTPStatus.CREATED)

    def form(self, token: str, language: Language) -> Page:
        """Return the page of an invitation. Raises InvalidInput if it is not valid any more, RegistrationClosed."""
        raise NotImplementedError

    def register(self, token: str, fields: UserFields, password: str, origin: Origin) -> User:
        """Create an account with the invitation. Raises like `RegistrationService.register_by_link`."""
        raise NotImplementedError

    def registration_form(self, page: Page, token: str, address: str) -> Page:
        """Return a page with the fields of a new account."""
        language = page.language
        username = {
            "autocomplete": "username",
            "autocapitalize": "none",
            "required": "",
            "minlength": str(MIN_USERNAME_LENGTH),
            "maxlength": str(MAX_USERNAME_LENGTH),
        }
        email = {"type": "email", "autocomplete": "email", "maxlength": str(MAX_EMAIL_LENGTH)}
        fields = [
            form_field("username", language, username, hint=text(language, "field.username.hint")),
            form_field("email", language, email, value=address),
            password_field("password", language, self.settings.password_min_length),
        ]
        return replace(page, button=text(language, "invitation.button"), token=token, fields=fields)


class InvitationController(_InvitationPages):
    """`/link/invitation`: an invitation to the service."""

    path = "/link/invitation"

    def form(self, token: str, language: Language) -> Page:
        """Return the form of an invitation that is usable."""
        with self.store.reading(_ACTOR) as work:
            invite = find_invite(work, token)
            if self.registration_mode.current(work) is Registration.CLOSED:
                raise RegistrationClosed
        return self.registration_form(message(language, "invitation"), token, invite.address or "")

    def register(self, token: str, fields: UserFields, password: str, origin: Origin) -> User:
        """Create an account, and use up the invitation if registration requires one."""
        return self.registration.register_by_link(fields, password, origin, invite=token)


class ShareInvitationController(_InvitationPages):
    """`/link/share-invitation`: an invitation to a task or a category.

    While registration is open, people register here. This is not an invitation to the service, which only an
    administrator can make.
    """

    path = "/link/share-invitation"

    acceptance: InvitationAcceptance

    def form(self, token: str, language: Language) -> Page:
        """Return the page of a live invitation, with a form if registration is open."""
        with self.store.reading(_ACTOR) as work:
            invitation, inviter = self.acceptance.find(work, token)
            is_open = self.registration_mode.current(work) is Registration.OPEN
        key = "share-invitation.open" if is_open else "share-invitation.not-open"
        page = message(language, key, inviter=inviter.username, address=invitation.address)
        return self.registration_form(page, token, invitation.address) if is_open else page

    def register(self, token: str, fields: UserFields, password: str, origin: Origin) -> User:
        """Create an account. If its address is the invited one, the link proves this address."""
        proof = partial(self.acceptance.prove, token=token)
        return self.registration.register_by_link(fields, password, origin, proof=proof)


def _filled(page: Page, sent: Mapping[str, str]) -> Page:
    """Return the form with what was sent, except the password."""
    values = {**sent, "password": ""}
    return replace(page, fields=[replace(each, value=values.get(each.name, "")) for each in page.fields])


def _refused(page: Page, error: DomainError, home: str) -> Response[str]:
    """Return the form with the errors of its fields, or the page of an invitation that cannot be used now."""
    if (name := _TAKEN.get(type(error))) is not None:
        return with_notes(page, {name: f"field.{name}.taken"}).response(status_of(type(error)))
    if isinstance(error, InvalidInput) and {each.field for each in error.errors} <= {each.name for each in page.fields}:
        return with_errors(page, error).response(HTTPStatus.BAD_REQUEST)
    return refusal(error, page.language, home)
