"""Two-factor authentication over HTTP."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, post
from litestar.params import JSONBody
from msgspec import Meta, Struct

from tasktracker.domain.accounts.second_factor import MAX_CODE_LENGTH
from tasktracker.domain.accounts.two_factor_service import TwoFactorService
from tasktracker.domain.activity.event import Origin
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import Busy, InvalidInput, TooManyRequests, TwoFactorOff, TwoFactorOn
from tasktracker.entrypoints.http.accounts import ConfirmPassword, Password
from tasktracker.entrypoints.http.credentials import CredentialExecutor
from tasktracker.entrypoints.http.operation import operation
from tasktracker.entrypoints.http.wire import Body, Injected, text

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

    @post(
        "/",
        operation_id="enrolTwoFactor",
        summary="Start with two-factor authentication",
        status_code=200,
        opt=operation(InvalidInput, TwoFactorOn, TooManyRequests, Busy),
    )
    async def enrol(
        self,
        person: Injected[SessionActor],
        two_factor: Injected[TwoFactorService],
        credentials: Injected[CredentialExecutor],
        origin: Injected[Origin],
        data: JSONBody[ConfirmPassword],
    ) -> EnrolmentView:
        """Get a secret for a generator app. Nothing is required at login before a code has confirmed it."""
        enrolment = await credentials.run(two_factor.enrol, person, data.password, origin)
        return EnrolmentView(enrolment.secret, enrolment.provisioning_uri)

    @post(
        "/confirm",
        operation_id="confirmTwoFactor",
        summary="Turn two-factor authentication on",
        status_code=200,
        sync_to_thread=True,
        opt=operation(InvalidInput, TwoFactorOn, TwoFactorOff, TooManyRequests),
    )
    def confirm(
        self,
        person: Injected[SessionActor],
        two_factor: Injected[TwoFactorService],
        origin: Injected[Origin],
        data: JSONBody[ConfirmCode],
    ) -> RecoveryCodesView:
        """Show that the generator works. From now on logging in takes a code, too."""
        return RecoveryCodesView(list(two_factor.confirm(person, data.code, origin)))

    @post(
        "/disable",
        operation_id="disableTwoFactor",
        summary="Turn two-factor authentication off",
        status_code=204,
        opt=operation(InvalidInput, TwoFactorOff, TooManyRequests, Busy),
    )
    async def disable(
        self,
        person: Injected[SessionActor],
        two_factor: Injected[TwoFactorService],
        credentials: Injected[CredentialExecutor],
        origin: Injected[Origin],
        data: JSONBody[DisableTwoFactor],
    ) -> None:
        """Log in with the password alone again."""
        await credentials.run(two_factor.disable, person, data.password, data.code, origin)
