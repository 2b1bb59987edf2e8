"""Accounts over HTTP."""

from __future__ import annotations

from operator import attrgetter
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, patch, post
from msgspec import UNSET, Meta, Struct, UnsetType

from tasktracker.domain.accounts.password import MAX_CREDENTIAL_LENGTH
from tasktracker.domain.accounts.registration_service import RegistrationService
from tasktracker.domain.accounts.service import AccountService
from tasktracker.domain.accounts.session_service import LoggedIn
from tasktracker.domain.accounts.user import (
    MAX_EMAIL_LENGTH,
    MAX_PERSON_NAME_LENGTH,
    MAX_USERNAME_LENGTH,
    MIN_USERNAME_LENGTH,
    USER,
    User,
    UserFields,
)
from tasktracker.domain.kernel.errors import (
    Busy,
    ConfirmationRequired,
    EmailTaken,
    InvalidInput,
    LastAdmin,
    RegistrationClosed,
    TooManyRequests,
    UsernameTaken,
)
from tasktracker.domain.kernel.languages import Language
from tasktracker.domain.removal.accounts import AccountRemoval
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.languages import preferred_language
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.refresh_cookie import RefreshCookie
from tasktracker.entrypoints.http.core.request import Request
from tasktracker.entrypoints.http.core.schemas import Body, JsonBody, Moment, ReadOnly, sent, sent_fields, text, view
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_hashing_thread, on_thread
from tasktracker.entrypoints.http.passwords import EXAMPLE_PASSWORD, Code, NewPassword, Password, Proof

# The pattern lists what it excludes. It cannot use \w, which is ASCII only in the regular expressions of a schema.
Username = Annotated[
    str,
    text(
        shortest=MIN_USERNAME_LENGTH,
        longest=MAX_USERNAME_LENGTH,
        pattern=rf"^[^\s!-*,/:-@\[-\^`{{-~]{{{MIN_USERNAME_LENGTH},}}$",
    ),
    Meta(description="Letters with their marks, digits and .+-_; in one script, or Latin with one of East Asia."),
]
Email = Annotated[str, text(longest=MAX_EMAIL_LENGTH, format="email")]
PersonName = Annotated[str, text(longest=MAX_PERSON_NAME_LENGTH)]
TimeZone = Annotated[str, Meta(description="An IANA time zone name.", examples=["Europe/Vienna"])]
BEARER = "Bearer"
EXAMPLE_TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9…"  # noqa: S105  # of the documentation


class Register(Body, kw_only=True):
    """A new account."""

    rules = USER.rules
    example = {"username": "grace", "password": EXAMPLE_PASSWORD, "time_zone": "Europe/Vienna"}

    username: Username
    password: NewPassword
    password2: Annotated[Password, Meta(description="The same password again.")] | UnsetType = UNSET
    email: Email | UnsetType | None = UNSET
    first_name: PersonName | UnsetType = UNSET
    last_name: PersonName | UnsetType = UNSET
    time_zone: TimeZone | UnsetType = UNSET
    language: (
        Annotated[
            Language,
            Meta(
                description="The language of pages and mails. By default the language that `Accept-Language` prefers."
            ),
        ]
        | UnsetType
    ) = UNSET
    invite: (
        Annotated[str, text(longest=MAX_CREDENTIAL_LENGTH), Meta(description="The token of an invitation, if needed.")]
        | UnsetType
        | None
    ) = UNSET


class EditProfile(Body, kw_only=True):
    """A change to a profile. Omitted fields do not change."""

    rules = USER.rules
    example = {"first_name": "Grace", "time_zone": "America/New_York"}

    username: Username | UnsetType = UNSET
    email: Email | UnsetType | None = UNSET
    first_name: PersonName | UnsetType = UNSET
    last_name: PersonName | UnsetType = UNSET
    time_zone: TimeZone | UnsetType = UNSET
    language: Language | UnsetType = UNSET
    password: (
        Annotated[
            Password,
            Meta(description="Required to change the username or the e-mail address without a recent confirmation."),
        ]
        | UnsetType
    ) = UNSET
    code: Code | UnsetType | None = UNSET
    pending_email: (
        Annotated[str | None, Meta(description="Null removes a new address that is not verified yet. Text is ignored.")]
        | UnsetType
    ) = UNSET

    id: ReadOnly = UNSET
    email_verified_at: ReadOnly = UNSET
    is_admin: ReadOnly = UNSET
    created_at: ReadOnly = UNSET


class DeleteAccount(Proof, kw_only=True):
    """The password and code, unless confirmed recently, and the new owner of shared categories."""

    transfer_to: (
        Annotated[
            str,
            text(shortest=1, longest=MAX_USERNAME_LENGTH),
            Meta(
                description=(
                    "The username or id of the user who becomes the owner of the shared categories. The user must be "
                    "an editor of each of them. By default, the editor of a category who has been a member for the "
                    "longest time becomes its owner."
                )
            ),
        ]
        | UnsetType
    ) = UNSET


class UserView(Struct):
    """An account, as its owner sees it."""

    id: UUID
    username: str
    email: str | None
    email_verified_at: Annotated[
        Moment | None, Meta(description="Null if the server sends no mail, or the address was not verified.")
    ]
    pending_email: Annotated[
        str | None, Meta(description="A new address, which becomes `email` once it is verified by mail.")
    ]
    first_name: str
    last_name: str
    time_zone: str
    language: Language
    is_admin: bool
    created_at: Moment


class SignedInView(Struct, kw_only=True):
    """A new session: its tokens and its user."""

    access: str
    refresh: Annotated[str, Meta(description="Absent if the refresh token is in the cookie.")] | UnsetType = UNSET
    token_type: str
    expires_in: Annotated[int, Meta(description="Seconds until the access token expires.")]
    user: UserView


_values = attrgetter(*UserView.__struct_fields__)


@view.register
def view_user(user: User, *_: object) -> UserView:
    """Return the representation of an account."""
    return UserView(*_values(user))


def view_signed_in(signed_in: LoggedIn) -> SignedInView:
    """Return the response to a login."""
    tokens = signed_in.tokens
    return SignedInView(
        access=tokens.access,
        refresh=tokens.refresh,
        token_type=BEARER,
        expires_in=tokens.expires_in,
        user=view_user(signed_in.user),
    )


class AccountController(Controller):
    """`/api/accounts/register/` and `/api/accounts/me/`."""

    path = "/api/accounts"
    tags = ("accounts",)

    accounts: AccountService
    store: Storage
    registration: RegistrationService
    account_removal: AccountRemoval
    refresh_cookie: RefreshCookie
    threads: ThreadRunner
    hashing_threads: ThreadRunner

    @post(
        "/register",
        operation_id="register",
        summary="Create an account",
        opt=operation(
            InvalidInput,
            RegistrationClosed,
            UsernameTaken,
            EmailTaken,
            TooManyRequests,
            Busy,
            access=Access.PUBLIC,
            cookie=True,
        ),
    )
    @on_hashing_thread
    def register(self, request: Request, data: JsonBody[Register]) -> Response[SignedInView]:
        """Create an account and open a session."""
        fields = sent_fields(data, UserFields)
        if "language" not in fields and (preferred := preferred_language(request)):
            fields["language"] = preferred
        self.refresh_cookie.check(request)
        signed_in = self.registration.register(
            fields, data.password, sent(data.password2), request.origin, sent(data.invite)
        )
        return self.refresh_cookie.respond(request, view_signed_in(signed_in), signed_in.tokens.refresh_expires_at)

    @get("/me", operation_id="getProfile", summary="Read the profile", opt=operation(access=Access.SESSION))
    @on_thread
    def get_profile(self, request: Request) -> UserView:
        """The caller's own account."""
        with self.store.reading(request.session_actor) as work:
            return view_user(self.accounts.profile(work))

    @patch(
        "/me",
        operation_id="editProfile",
        summary="Change the profile",
        opt=operation(
            InvalidInput,
            ConfirmationRequired,
            UsernameTaken,
            EmailTaken,
            TooManyRequests,
            Busy,
            access=Access.SESSION,
        ),
    )
    @on_hashing_thread
    def edit_profile(self, request: Request, data: JsonBody[EditProfile]) -> UserView:
        """Change only the fields that are sent.

        A change of the username or the e-mail address needs the password, or a recent confirmation.
        """
        edited = self.accounts.edit(
            request.session_actor,
            sent_fields(data, UserFields),
            sent(data.password),
            request.origin,
            code=sent(data.code),
            keeps_pending=data.pending_email is not None,
        )
        return view_user(edited)

    @post(
        "/me/delete",
        operation_id="deleteAccount",
        summary="Delete the account",
        status_code=204,
        opt=operation(LastAdmin, InvalidInput, ConfirmationRequired, TooManyRequests, Busy, access=Access.SESSION),
    )
    @on_hashing_thread
    def delete_account(self, request: Request, data: JsonBody[DeleteAccount]) -> None:
        """Delete the account and all its data permanently. Shared categories pass to one of their editors.

        A shared category without an editor is deleted with the account.
        """
        self.account_removal.delete(
            request.session_actor, sent(data.password), request.origin, sent(data.transfer_to), code=sent(data.code)
        )
