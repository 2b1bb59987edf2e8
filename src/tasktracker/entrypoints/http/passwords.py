"""Passwords over HTTP: changing, confirming and replacing them."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, post
from msgspec import UNSET, Meta, UnsetType

from tasktracker.domain.accounts.password import MAX_CREDENTIAL_LENGTH, MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH
from tasktracker.domain.accounts.password_confirmation import PasswordConfirmation
from tasktracker.domain.accounts.password_reset_service import PasswordResetService
from tasktracker.domain.accounts.ports import AccountWork
from tasktracker.domain.accounts.second_factor import MAX_CODE_LENGTH
from tasktracker.domain.accounts.service import AccountService
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import Busy, ConfirmationRequired, InvalidInput, TooManyRequests
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.request import Request
from tasktracker.entrypoints.http.core.schemas import Body, JsonBody, sent, text
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_hashing_thread

NewPassword = Annotated[str, text(shortest=MIN_PASSWORD_LENGTH, longest=MAX_PASSWORD_LENGTH, format="password")]
Password = Annotated[str, Meta(extra_json_schema={"format": "password"})]

Code = Annotated[
    str,
    text(longest=MAX_CODE_LENGTH),
    Meta(description="A code from the authenticator app or a recovery code, if two-factor authentication is on."),
]

EXAMPLE_PASSWORD = "violet-otter-quarry-48"  # noqa: S105  # of the documentation
NEW_PASSWORD = "marble-heron-lantern-52"  # noqa: S105  # of the documentation
EXAMPLE_LINK_TOKEN = "n0kq3Jk0m9w8c1bq7yXh2d5VtZrA4sLe6uGfPiOoTyE"  # noqa: S105  # of the documentation


class Proof(Body, kw_only=True):
    """The password and, if two-factor authentication is on, a code. Both are optional after a recent confirmation."""

    example = {"password": EXAMPLE_PASSWORD}

    password: Password | UnsetType = UNSET
    code: Code | UnsetType | None = UNSET


class ChangePassword(Body, kw_only=True):
    """The current password, unless it was confirmed recently, and the new password."""

    example = {"current_password": EXAMPLE_PASSWORD, "new_password": NEW_PASSWORD}

    current_password: Password | UnsetType = UNSET
    new_password: NewPassword
    code: Code | UnsetType | None = UNSET


class ResetPassword(Body, kw_only=True):
    """The token of a one-time link, and the new password."""

    example = {"token": EXAMPLE_LINK_TOKEN, "new_password": NEW_PASSWORD}

    token: Annotated[str, text(longest=MAX_CREDENTIAL_LENGTH)]
    new_password: NewPassword
    code: Code | UnsetType | None = UNSET


class ConfirmPassword(Body, kw_only=True):
    """The password and, if two-factor authentication is on, a code."""

    example = {"password": EXAMPLE_PASSWORD}

    password: Password
    code: Code | UnsetType | None = UNSET


class PasswordController(Controller):
    """`/api/accounts/me/password/`, `/api/accounts/me/confirm/` and `/api/accounts/password/`."""

    path = "/api/accounts"
    tags = ("accounts",)

    accounts: AccountService
    confirmation: PasswordConfirmation[AccountWork[SessionActor]]
    password_reset: PasswordResetService
    hashing_threads: ThreadRunner

    @post(
        "/me/password",
        operation_id="changePassword",
        summary="Change the password",
        status_code=204,
        opt=operation(InvalidInput, ConfirmationRequired, TooManyRequests, Busy, access=Access.SESSION),
    )
    @on_hashing_thread
    def change_password(self, request: Request, data: JsonBody[ChangePassword]) -> None:
        """Change the password, and end every other session."""
        self.accounts.change_password(
            request.session_actor,
            sent(data.current_password),
            data.new_password,
            request.origin,
            code=sent(data.code),
        )

    @post(
        "/password/reset",
        operation_id="resetPassword",
        summary="Replace a forgotten password",
        status_code=204,
        opt=operation(InvalidInput, TooManyRequests, Busy, access=Access.PUBLIC),
    )
    @on_hashing_thread
    def reset_password(self, request: Request, data: JsonBody[ResetPassword]) -> None:
        """Use a one-time link to set a new password. All sessions and API tokens of the account end.

        A link works once, for 30 minutes, and until the password or the e-mail address changes. If two-factor
        authentication is on, a code is required. A wrong code does not use up the link.
        """
        self.password_reset.reset(data.token, data.new_password, sent(data.code), request.origin)

    @post(
        "/me/confirm",
        operation_id="confirmPassword",
        summary="Confirm the password",
        status_code=204,
        opt=operation(InvalidInput, TooManyRequests, Busy, access=Access.SESSION),
    )
    @on_hashing_thread
    def confirm(self, request: Request, data: JsonBody[ConfirmPassword]) -> None:
        """For 10 minutes after this, operations that require a confirmation need no password in this session."""
        self.confirmation.confirm(request.session_actor, data.password, sent(data.code), request.origin)
