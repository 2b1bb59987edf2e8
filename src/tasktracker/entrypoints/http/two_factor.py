"""Two-factor authentication over HTTP."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, get, post
from msgspec import UNSET, Meta, Struct, UnsetType

from tasktracker.domain.accounts.second_factor import MAX_CODE_LENGTH
from tasktracker.domain.accounts.two_factor_service import TwoFactorService
from tasktracker.domain.kernel.errors import (
    Busy,
    ConfirmationRequired,
    InvalidInput,
    TooManyRequests,
    TwoFactorOff,
    TwoFactorOn,
)
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.request import Request
from tasktracker.entrypoints.http.core.schemas import Body, JsonBody, sent, text
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_hashing_thread, on_thread
from tasktracker.entrypoints.http.passwords import EXAMPLE_PASSWORD, Password, Proof


class ConfirmCode(Body, kw_only=True):
    """The current code from the authenticator app."""

    example = {"code": "492039"}

    code: Annotated[str, text(longest=MAX_CODE_LENGTH)]


class ProofWithCode(Proof, kw_only=True):
    """The password, and a code from the authenticator app or a recovery code, unless both were confirmed recently."""

    example = {"password": EXAMPLE_PASSWORD, "code": "492039"}


class TwoFactorView(Struct):
    """Whether logging in requires a code, and the number of unused recovery codes."""

    enabled: bool
    recovery_codes_left: int


class EnrolTwoFactor(Body, kw_only=True):
    """The password, unless it was confirmed recently."""

    example = {"password": EXAMPLE_PASSWORD}

    password: Password | UnsetType = UNSET


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
    store: Storage
    threads: ThreadRunner
    hashing_threads: ThreadRunner

    @get(
        "/",
        operation_id="readTwoFactor",
        summary="Read the state of two-factor authentication",
        opt=operation(access=Access.SESSION),
    )
    @on_thread
    def state(self, request: Request) -> TwoFactorView:
        """Whether two-factor authentication is on, and how many recovery codes are left."""
        with self.store.reading(request.session_actor) as work:
            state = self.two_factor.state(work)
        return TwoFactorView(state.enabled, state.recovery_codes_left)

    @post(
        "/",
        operation_id="enrolTwoFactor",
        summary="Set up two-factor authentication",
        status_code=200,
        opt=operation(InvalidInput, ConfirmationRequired, TwoFactorOn, TooManyRequests, Busy, access=Access.SESSION),
    )
    @on_hashing_thread
    def enrol(self, request: Request, data: JsonBody[EnrolTwoFactor]) -> EnrolmentView:
        """Create a secret for an authenticator app. Logins require a code only after the secret is confirmed."""
        enrolment = self.two_factor.enrol(request.session_actor, sent(data.password), request.origin)
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
        opt=operation(InvalidInput, ConfirmationRequired, TwoFactorOff, TooManyRequests, Busy, access=Access.SESSION),
    )
    @on_hashing_thread
    def disable(self, request: Request, data: JsonBody[ProofWithCode]) -> None:
        """Turn two-factor authentication off. Later logins require only the password."""
        self.two_factor.disable(request.session_actor, sent(data.password), sent(data.code), request.origin)

    @post(
        "/recovery-codes",
        operation_id="renewRecoveryCodes",
        summary="Replace the recovery codes",
        status_code=200,
        opt=operation(InvalidInput, ConfirmationRequired, TwoFactorOff, TooManyRequests, Busy, access=Access.SESSION),
    )
    @on_hashing_thread
    def renew(self, request: Request, data: JsonBody[ProofWithCode]) -> RecoveryCodesView:
        """Create new recovery codes. The earlier ones no longer work."""
        codes = self.two_factor.renew_recovery_codes(
            request.session_actor, sent(data.password), sent(data.code), request.origin
        )
        return RecoveryCodesView(list(codes))
