"""Two-factor authentication over HTTP."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, post
from msgspec import Meta, Struct

from tasktracker.domain.accounts.second_factor import MAX_CODE_LENGTH
from tasktracker.domain.accounts.two_factor_service import TwoFactorService
from tasktracker.domain.kernel.errors import Busy, InvalidInput, TooManyRequests, TwoFactorOff, TwoFactorOn
from tasktracker.entrypoints.http.accounts import EXAMPLE_PASSWORD, ConfirmPassword, Password
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.request import Request
from tasktracker.entrypoints.http.core.schemas import Body, JsonBody, text
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_hashing_thread, on_thread

Code = Annotated[str, text(longest=MAX_CODE_LENGTH)]


class ConfirmCode(Body, kw_only=True):
    """The current code from the authenticator app."""

    example = {"code": "492039"}

    code: Code


class DisableTwoFactor(Body, kw_only=True):
    """The password, and a code from the authenticator app or a recovery code."""

    example = {"password": EXAMPLE_PASSWORD, "code": "492039"}

    password: Password
    code: Code


class EnrolmentView(Struct):
    """The secret for an authenticator app."""

    secret: str
    provisioning_uri: Annotated[str, Meta(description="The secret as an `otpauth:` URI, for a QR code.")]


class RecoveryCodesView(Struct):
    """Recovery codes, in case the authenticator app is lost. Each works once. Only this response contains them."""

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
        summary="Set up two-factor authentication",
        status_code=200,
        opt=operation(InvalidInput, TwoFactorOn, TooManyRequests, Busy, access=Access.SESSION),
    )
    @on_hashing_thread
    def enrol(self, request: Request, data: JsonBody[ConfirmPassword]) -> EnrolmentView:
        """Create a secret for an authenticator app. Logins require a code only after the secret is confirmed."""
        enrolment = self.two_factor.enrol(request.session_actor, data.password, request.origin)
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
        """Confirm the secret with a code from the app. Later logins require a code."""
        return RecoveryCodesView(list(self.two_factor.confirm(request.session_actor, data.code, request.origin)))

    @post(
        "/disable",
        operation_id="disableTwoFactor",
        summary="Turn two-factor authentication off",
        status_code=204,
        opt=operation(InvalidInput, TwoFactorOff, TooManyRequests, Busy, access=Access.SESSION),
    )
    @on_hashing_thread
    def disable(self, request: Request, data: JsonBody[DisableTwoFactor]) -> None:
        """Turn two-factor authentication off. Later logins require only the password."""
        self.two_factor.disable(request.session_actor, data.password, data.code, request.origin)
