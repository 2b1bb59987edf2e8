"""Two-factor authentication over HTTP."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, post
from msgspec import Meta, Struct

from tasktracker.domain.accounts.second_factor import MAX_CODE_LENGTH
from tasktracker.domain.accounts.two_factor_service import TwoFactorService
from tasktracker.domain.kernel.errors import Busy, InvalidInput, TooManyRequests, TwoFactorOff, TwoFactorOn
from tasktracker.entrypoints.http.accounts import ConfirmPassword, Password
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.request import Request
from tasktracker.entrypoints.http.core.schemas import Body, JsonBody, text
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_hashing_thread, on_thread

Code = Annotated[str, text(longest=MAX_CODE_LENGTH)]


class ConfirmCode(Body, kw_only=True):
    """A code that the generator shows now."""

    code: Code


class DisableTwoFactor(Body, kw_only=True):
    """The password, and a code of the generator or for recovery."""

    password: Password
    code: Code


class EnrolmentView(Struct):
    """What a generator app is given."""

    secret: str
    provisioning_uri: Annotated[str, Meta(description="The secret as an `otpauth:` URI, to be shown as a QR code.")]


class RecoveryCodesView(Struct):
    """Codes for the day the generator is lost: each works once. Shown here and never again."""

    recovery_codes: list[str]


class TwoFactorController(Controller):
    """`/api/accounts/me/totp/`."""

    path = "/api/accounts/me/totp"
    tags = ("two-factor",)

    two_factor: TwoFactorService
    threads: ThreadRunner
    hashing_threads: ThreadRunner

    @post(
        "/",
        operation_id="enrolTwoFactor",
        summary="Start with two-factor authentication",
        status_code=200,
        opt=operation(InvalidInput, TwoFactorOn, TooManyRequests, Busy, access=Access.SESSION),
    )
    @on_hashing_thread
    def enrol(self, request: Request, data: JsonBody[ConfirmPassword]) -> EnrolmentView:
        """Get a secret for a generator app. Nothing is required at login before a code has confirmed it."""
        enrolment = self.two_factor.enrol(request.person, data.password, request.origin)
        return EnrolmentView(enrolment.secret, enrolment.provisioning_uri)

    @post(
        "/confirm",
        operation_id="confirmTwoFactor",
        summary="Turn two-factor authentication on",
        status_code=200,
        opt=operation(InvalidInput, TwoFactorOn, TwoFactorOff, TooManyRequests, access=Access.SESSION),
    )
    @on_thread
    def confirm(self, request: Request, data: JsonBody[ConfirmCode]) -> RecoveryCodesView:
        """Show that the generator works. From now on logging in takes a code, too."""
        return RecoveryCodesView(list(self.two_factor.confirm(request.person, data.code, request.origin)))

    @post(
        "/disable",
        operation_id="disableTwoFactor",
        summary="Turn two-factor authentication off",
        status_code=204,
        opt=operation(InvalidInput, TwoFactorOff, TooManyRequests, Busy, access=Access.SESSION),
    )
    @on_hashing_thread
    def disable(self, request: Request, data: JsonBody[DisableTwoFactor]) -> None:
        """Log in with the password alone again."""
        self.two_factor.disable(request.person, data.password, data.code, request.origin)
