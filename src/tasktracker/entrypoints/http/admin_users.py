"""The administration of users over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.params import FromPath
from msgspec import UNSET, Meta, Struct, UnsetType

from tasktracker.domain.accounts.links import LinkKind
from tasktracker.domain.accounts.user import USER, UserFields
from tasktracker.domain.activity.event import Kind
from tasktracker.domain.administration.access import AuditedReading
from tasktracker.domain.administration.account import (
    AccountKey,
    AccountQuery,
    AccountSort,
    AccountState,
    AccountSummary,
)
from tasktracker.domain.administration.processes import AccountProcesses
from tasktracker.domain.administration.user_service import CHANGE_RULES, MAX_QUOTA, AccountChanges, UserAdministration
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import (
    Busy,
    ConfirmationRequired,
    EmailTaken,
    InvalidInput,
    LastAdmin,
    TwoFactorOff,
    UsernameTaken,
    UserNotFound,
)
from tasktracker.domain.kernel.fields import text as text_rule
from tasktracker.domain.removal.passing_on import passings
from tasktracker.domain.work import Storage, UnitOfWork
from tasktracker.entrypoints.http.accounts import Email, PersonName, TimeZone, Username
from tasktracker.entrypoints.http.core.cursors import Cursors, ListCursor
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.request import Request, identifier, query
from tasktracker.entrypoints.http.core.responses import JsonResponse
from tasktracker.entrypoints.http.core.schemas import (
    Body,
    JsonBody,
    Listed,
    Moment,
    PagedQuery,
    Query,
    sent_fields,
)
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_hashing_thread, on_thread
from tasktracker.entrypoints.http.passwords import NewPassword
from tasktracker.entrypoints.link_urls import link_to
from tasktracker.entrypoints.settings import Settings

MAX_SEARCH_LENGTH = 254

QUOTA = Meta(description="The most that the account may have. Null means the quota of the service.")
QuotaOrNull = Annotated[Annotated[int, Meta(ge=0, le=MAX_QUOTA)] | None, QUOTA]
ShownQuota = Annotated[int | None, QUOTA]


class CreateUser(Body, kw_only=True):
    """A new account. Without `password`, the response has a link with which the user sets the password."""

    rules = USER.rules
    example = {"username": "margaret", "email": "margaret@example.org"}

    username: Username
    password: NewPassword | UnsetType = UNSET
    email: Email | UnsetType | None = UNSET
    first_name: PersonName | UnsetType = UNSET
    last_name: PersonName | UnsetType = UNSET
    time_zone: TimeZone | UnsetType = UNSET
    is_admin: bool = False


class EditUser(Body, kw_only=True):
    """A change to an account. Omitted fields do not change. Disabling an account ends all its sessions."""

    rules = CHANGE_RULES
    example = {"is_active": False, "max_tasks": 10_000}

    username: Username | UnsetType = UNSET
    email: Email | UnsetType | None = UNSET
    is_active: bool | UnsetType = UNSET
    is_admin: bool | UnsetType = UNSET
    max_tasks: QuotaOrNull | UnsetType = UNSET
    max_categories: QuotaOrNull | UnsetType = UNSET
    max_bytes: QuotaOrNull | UnsetType = UNSET


class ListUsers(PagedQuery):
    """Filters and order of the list of users."""

    rules = {"q": text_rule(longest=MAX_SEARCH_LENGTH)}

    q: (
        Annotated[
            str,
            Meta(
                description="A part of the username or the e-mail address. Case is ignored.",
                extra_json_schema={"maxLength": MAX_SEARCH_LENGTH},
            ),
        ]
        | UnsetType
    ) = UNSET
    state: Annotated[AccountState, Meta(description="Only these accounts.")] | UnsetType = UNSET
    sort: Annotated[AccountSort, Meta(description="A minus reverses the order.")] = AccountSort.USERNAME


class DeleteUser(Query):
    """The new owner of shared categories."""

    transfer_to: (
        Annotated[
            str,
            Meta(
                description="The username or id of the user who becomes the owner of the shared categories, as in "
                "`POST /api/accounts/me/delete/`."
            ),
        ]
        | UnsetType
    ) = UNSET


class AdminUserView(Struct):
    """An account, as administrators see it. Counts of tasks include the trash."""

    id: UUID
    username: str
    email: str | None
    pending_email: Annotated[str | None, Meta(description="A new address that the user has not verified yet.")]
    email_verified_at: Annotated[Moment | None, Meta(description="When `email` was verified, or null.")]
    is_active: bool
    is_admin: bool
    two_factor: Annotated[bool, Meta(description="Whether two-factor authentication is on.")]
    created_at: Moment
    last_seen_at: Annotated[
        Moment | None,
        Meta(description="The last use of a session, or a later event of the user. Null if neither is known."),
    ]
    sessions: Annotated[int, Meta(description="Number of live sessions.")]
    tasks: int
    categories: int
    bytes: Annotated[int, Meta(description="Bytes of the titles and descriptions of tasks, in UTF-8.")]
    max_tasks: ShownQuota
    max_categories: ShownQuota
    max_bytes: ShownQuota


class PassingView(Struct):
    """A shared category of an account, without its name."""

    editors: Annotated[
        list[str],
        Meta(
            description="The usernames of its editors. When the account is deleted, the category passes to the first "
            "one. Without an editor, it is deleted for all its members."
        ),
    ]
    members: Annotated[int, Meta(description="Number of its members, the editors included.")]


class ServiceQuotasView(Struct):
    """The quotas of the service, for accounts without their own. Null means no limit."""

    max_tasks: int | None
    max_categories: int | None
    max_bytes: int | None


class AccountView(AdminUserView):
    """An account, with the quotas of the service, and what would become of its shared categories if it was deleted."""

    service_quotas: ServiceQuotasView
    shared_categories: list[PassingView]


class NewUserView(AdminUserView):
    """A new account. Only this response has `link`, the one-time link for the first password; null if one was given."""

    link: str | None


class LinkView(Struct):
    """A one-time link. Only this response contains it."""

    link: Annotated[str, Meta(description="A URL; without PUBLIC_URL, a path on this server.")]


def view_account(account: AccountSummary) -> AdminUserView:
    """Return the representation of an account for administrators."""
    user, usage, quotas = account.user, account.usage, account.quotas
    return AdminUserView(
        id=user.id,
        username=user.username,
        email=user.email,
        pending_email=user.pending_email,
        email_verified_at=user.email_verified_at,
        is_active=user.is_active,
        is_admin=user.is_admin,
        two_factor=account.has_two_factor,
        created_at=user.created_at,
        last_seen_at=account.last_seen_at,
        sessions=account.sessions,
        tasks=usage.tasks,
        categories=usage.categories,
        bytes=usage.bytes,
        max_tasks=quotas.tasks,
        max_categories=quotas.categories,
        max_bytes=quotas.bytes,
    )


KEYS: dict[str, Any] = {
    "username": AccountKey[str],
    "created_at": AccountKey[datetime],
    "last_seen_at": AccountKey[datetime],
    "tasks": AccountKey[int],
}
"""The type of a cursor's key, by the field that the list is sorted by."""


class AdminUserController(Controller):
    """`/api/admin/users/`."""

    path = "/api/admin/users"
    tags = ("administration",)

    administration: UserAdministration
    account_processes: AccountProcesses
    audited: AuditedReading[UnitOfWork[Any]]
    store: Storage
    settings: Settings
    cursors: Cursors
    clock: Clock
    threads: ThreadRunner
    hashing_threads: ThreadRunner

    @get(
        "/",
        operation_id="adminListUsers",
        summary="List users",
        opt=operation(access=Access.ADMIN, query=ListUsers, headers=("Link",)),
    )
    @on_thread
    def list_users(self, request: Request) -> Response[Listed[AdminUserView]]:
        """All accounts, without those that are being deleted."""
        filters = query(ListUsers, request)
        cursor: ListCursor[Any] = ListCursor(self.cursors, request, filters, KEYS[filters.sort.field])
        at = cursor.at(self.clock.now())
        wanted = AccountQuery(
            now=at,
            text="" if filters.q is UNSET else filters.q,
            state=None if filters.state is UNSET else filters.state,
            sort=filters.sort,
            after=cursor.after,
            limit=filters.limit,
        )
        with self.audited.open(request.admin_actor, Kind.USER_LIST, request.origin) as work:
            page = self.administration.list(work, wanted)
        return cursor.answer(page, [view_account(each) for each in page.items], at)

    @post(
        "/",
        operation_id="adminCreateUser",
        summary="Create a user",
        opt=operation(
            InvalidInput,
            UsernameTaken,
            EmailTaken,
            ConfirmationRequired,
            Busy,
            access=Access.ADMIN,
            headers=("Location",),
        ),
    )
    @on_hashing_thread
    def create_user(self, request: Request, data: JsonBody[CreateUser]) -> Response[NewUserView]:
        """Create an account, also if registration is closed."""
        password = None if data.password is UNSET else data.password
        actor = request.admin_actor
        user, token = self.account_processes.create(
            actor, sent_fields(data, UserFields), password, is_admin=data.is_admin, origin=request.origin
        )
        with self.store.reading(actor) as work:
            seen = view_account(self.administration.get(work, user.id))
        link = None if token is None else link_to(self.settings, LinkKind.SET_PASSWORD, token)
        return JsonResponse(
            NewUserView(**msgspec.structs.asdict(seen), link=link), headers={"Location": f"{self.path}/{user.id}/"}
        )

    @get(
        "/{id:str}",
        operation_id="adminGetUser",
        summary="Read a user",
        opt=operation(UserNotFound, access=Access.ADMIN),
    )
    @on_thread
    def get_user(self, request: Request, id: FromPath[str]) -> AccountView:
        """One account."""
        user_id = identifier(id)
        with self.audited.open(request.admin_actor, Kind.USER_READ, request.origin, user_id) as work:
            seen = view_account(self.administration.get(work, user_id))
            shared = [PassingView(list(each.editors), each.members) for each in passings(work, user_id)]
        found = self.settings
        limits = (found.tasks_per_user, found.categories_per_user, found.bytes_per_user)
        service = ServiceQuotasView(*(limit or None for limit in limits))
        return AccountView(**msgspec.structs.asdict(seen), service_quotas=service, shared_categories=shared)

    @patch(
        "/{id:str}",
        operation_id="adminEditUser",
        summary="Change a user",
        opt=operation(
            InvalidInput,
            UserNotFound,
            UsernameTaken,
            EmailTaken,
            LastAdmin,
            ConfirmationRequired,
            access=Access.ADMIN,
        ),
    )
    @on_thread
    def edit_user(self, request: Request, id: FromPath[str], data: JsonBody[EditUser]) -> AdminUserView:
        """Change only the fields that are sent."""
        changes = sent_fields(data, AccountChanges)
        with self.store.writing(request.admin_actor) as work:
            return view_account(self.administration.edit(work, identifier(id), changes, request.origin))

    @delete(
        "/{id:str}",
        operation_id="adminDeleteUser",
        summary="Delete a user",
        opt=operation(
            UserNotFound, InvalidInput, LastAdmin, ConfirmationRequired, Busy, access=Access.ADMIN, query=DeleteUser
        ),
    )
    @on_thread
    def delete_user(self, request: Request, id: FromPath[str]) -> None:
        """Delete an account and all its data permanently. Shared categories pass to one of their editors."""
        transfer_to = query(DeleteUser, request).transfer_to
        self.account_processes.delete(
            request.admin_actor, identifier(id), None if transfer_to is UNSET else transfer_to, request.origin
        )

    @post(
        "/{id:str}/password-reset",
        operation_id="adminResetPassword",
        summary="Make a link for a new password",
        opt=operation(UserNotFound, ConfirmationRequired, access=Access.ADMIN),
    )
    @on_thread
    def reset_password(self, request: Request, id: FromPath[str]) -> LinkView:
        """Make a one-time link with which the user replaces a forgotten password. The earlier link ends."""
        with self.store.writing(request.admin_actor) as work:
            token = self.administration.make_link(work, identifier(id), request.origin)
        return LinkView(link_to(self.settings, LinkKind.RESET_PASSWORD, token))

    @post(
        "/{id:str}/disable-two-factor",
        operation_id="adminDisableTwoFactor",
        summary="Turn off two-factor authentication of a user",
        status_code=204,
        opt=operation(UserNotFound, TwoFactorOff, ConfirmationRequired, access=Access.ADMIN),
    )
    @on_thread
    def disable_two_factor(self, request: Request, id: FromPath[str]) -> None:
        """Turn two-factor authentication off for a user who has lost the authenticator app and the recovery codes."""
        with self.store.writing(request.admin_actor) as work:
            self.administration.disable_two_factor(work, identifier(id), request.origin)

    @post(
        "/{id:str}/end-sessions",
        operation_id="adminEndSessions",
        summary="End all sessions of a user",
        status_code=204,
        opt=operation(UserNotFound, ConfirmationRequired, access=Access.ADMIN),
    )
    @on_thread
    def end_sessions(self, request: Request, id: FromPath[str]) -> None:
        """API tokens of the user remain valid."""
        with self.store.writing(request.admin_actor) as work:
            self.administration.end_sessions(work, identifier(id), request.origin)
