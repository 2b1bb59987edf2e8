"""E-mail addresses and forgotten passwords over HTTP."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, post
from msgspec import Meta, Struct

from tasktracker.domain.accounts.email_service import EmailService
from tasktracker.domain.accounts.password import MAX_CREDENTIAL_LENGTH
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.errors import EmailTaken, InvalidInput, MailOff, NothingToVerify, TooManyRequests
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.request import Request
from tasktracker.entrypoints.http.core.schemas import Body, JsonBody, text
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_thread
from tasktracker.entrypoints.http.passwords import EXAMPLE_LINK_TOKEN


class ForgotPassword(Body, kw_only=True):
    """The account whose password was forgotten."""

    example = {"username": "grace"}

    username: Annotated[
        str, text(longest=MAX_CREDENTIAL_LENGTH), Meta(description="The username or the verified e-mail address.")
    ]


class VerifyEmail(Body, kw_only=True):
    """The token of a link that verifies an address."""

    example = {"token": EXAMPLE_LINK_TOKEN}

    token: Annotated[str, Meta(description="The token of the link.")]


class AcceptedView(Struct):
    """A request that the server handles later."""

    detail: str


class EmailController(Controller):
    """`/api/accounts/email/` and `/api/accounts/password/forgot/`."""

    path = "/api/accounts"
    tags = ("accounts",)

    emails: EmailService
    store: Storage
    threads: ThreadRunner

    @post(
        "/password/forgot",
        operation_id="forgotPassword",
        summary="Ask for a new password by mail",
        status_code=202,
        opt=operation(InvalidInput, MailOff, TooManyRequests, access=Access.PUBLIC),
    )
    @on_thread
    def forgot_password(self, request: Request, data: JsonBody[ForgotPassword]) -> AcceptedView:
        """Send a link for a new password to the verified address of the account.

        The response is the same if there is no such account, because the server searches for the account later. At most
        three mails an hour are sent to an address.
        """
        self.emails.forgot_password(data.username, request.origin)
        return AcceptedView("If this account has a verified e-mail address, a mail is sent to it.")

    @post(
        "/email/verify",
        operation_id="verifyEmail",
        summary="Verify an e-mail address",
        status_code=204,
        opt=operation(InvalidInput, EmailTaken, access=Access.PUBLIC),
    )
    @on_thread
    def verify_email(self, request: Request, data: JsonBody[VerifyEmail]) -> None:
        """Use a mailed link: its address becomes the verified address of its account.

        A link works once, for 24 hours.
        """
        with self.store.writing(SystemActor("verify an address")) as work:
            self.emails.verify(work, data.token, request.origin)

    @post(
        "/email/verification",
        operation_id="requestVerification",
        summary="Send another link that verifies the address",
        status_code=202,
        opt=operation(NothingToVerify, MailOff, access=Access.SESSION),
    )
    @on_thread
    def request_verification(self, request: Request) -> AcceptedView:
        """Send a link to `pending_email`, or to an `email` that was never verified. Earlier links end.

        At most three mails an hour are sent to an address.
        """
        with self.store.writing(request.session_actor) as work:
            self.emails.request_verification(work)
        return AcceptedView("A mail is sent to the address.")
