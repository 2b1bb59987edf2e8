"""The administration of the service over HTTP: settings, invitations, activity and the overview."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.params import FromPath
from msgspec import UNSET, Meta, Struct, UnsetType

from tasktracker.domain.accounts.invite_service import InviteService
from tasktracker.domain.accounts.invites import INVITE, MAX_NOTE_LENGTH, MAX_USES, Invite, InviteFields, InviteKey
from tasktracker.domain.accounts.registration import Registration, RegistrationMode
from tasktracker.domain.activity.event import AuthEvent, EventKey, EventQuery, Kind, Outcome
from tasktracker.domain.administration.access import AuditedReading
from tasktracker.domain.administration.overview import Overview, overview
from tasktracker.domain.administration.service import ServiceAdministration
from tasktracker.domain.administration.statistics import Counted, Maintenance
from tasktracker.domain.deliveries.delivery import DeliveryKind
from tasktracker.domain.deliveries.outbox import Outbox
from tasktracker.domain.jobs.job import JobKind
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import (
    ConfirmationRequired,
    InvalidInput,
    InviteNotFound,
    RegistrationClosed,
    SettingFixed,
)
from tasktracker.domain.kernel.fields import Refused, moment
from tasktracker.domain.work import Storage, UnitOfWork
from tasktracker.entrypoints.container import Schema
from tasktracker.entrypoints.http.accounts import Email
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
    sent_fields,
    text,
)
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_thread
from tasktracker.entrypoints.http.subscriptions import SubscriptionRegistry
from tasktracker.entrypoints.link_urls import link_to
from tasktracker.entrypoints.settings import Settings

Audited = AuditedReading[UnitOfWork[Any]]


class EditSettings(Body, kw_only=True):
    """A change of settings, in force in all processes at once."""

    example = {"registration": "invite"}

    registration: Registration | UnsetType = UNSET


class SettingsView(Struct):
    """The settings that administrators may change."""

    registration: Registration
    fixed: Annotated[
        list[str],
        Meta(description="The settings that the server's environment sets. They cannot be changed here."),
    ]


class CreateInvite(Body, kw_only=True):
    """A new invitation. By default, it may be used once, within 14 days."""

    rules = INVITE.rules
    example = {"note": "for Grace"}

    note: Annotated[str, text(longest=MAX_NOTE_LENGTH), Meta(description="For administrators.")] | UnsetType = UNSET
    address: (
        Annotated[
            Email | None,
            Meta(description="The address of the invited person. If the server sends mail, it mails the link."),
        ]
        | UnsetType
    ) = UNSET
    uses_left: (
        Annotated[int, Meta(ge=1, le=MAX_USES, description="How many accounts may be created with the invitation.")]
        | UnsetType
    ) = UNSET
    expires_at: Annotated[Moment, Meta(description="Must be in the future.")] | UnsetType = UNSET


class InviteView(Struct):
    """An invitation, without its token."""

    id: UUID
    note: str
    address: str | None
    uses_left: int
    is_mailed: Annotated[bool, Meta(description="Whether only a mail to `address` contains its token.")]
    created_by: UUID | None
    created_at: Moment
    expires_at: Moment


class NewInviteView(InviteView):
    """A new invitation. Only this response contains its token, for `POST /api/accounts/register/`."""

    token: Annotated[str | None, Meta(description="Null if the invitation is mailed.")]
    link: Annotated[
        str | None,
        Meta(
            description=(
                "The address at which the token can be used in a browser. It is a path if the server does not know its "
                "URL."
            )
        ),
    ]


def _user_id(value: str) -> UUID:
    try:
        return msgspec.convert(value, UUID)
    except msgspec.ValidationError:
        raise Refused("must be an id") from None


class ListEvents(PagedQuery):
    """Filters of the list of events. An event must match all filters."""

    rules = {"user": _user_id, "since": moment, "until": moment}

    user: (
        Annotated[
            str,
            Meta(
                description="Only events that concern this user, and events that this user caused as an administrator.",
                extra_json_schema={"format": "uuid"},
            ),
        ]
        | UnsetType
    ) = UNSET
    kind: Annotated[list[Kind], Meta(description="One of these kinds. May be repeated.")] = []
    outcome: Annotated[Outcome, Meta(description="Only successes, or only failures.")] | UnsetType = UNSET
    since: Annotated[Moment, Meta(description="At this time or later.")] | UnsetType = UNSET
    until: Annotated[Moment, Meta(description="Before this time.")] | UnsetType = UNSET


class AdminEventView(Struct):
    """An event of any user."""

    id: UUID
    at: Moment
    kind: Kind
    outcome: Outcome
    user: Annotated[
        UUID | None, Meta(description="The account. Null if the request named no account, or the account is deleted.")
    ]
    username: str | None
    admin: Annotated[UUID | None, Meta(description="The administrator who acted. Null if the user or a command did.")]
    admin_username: str | None
    subject: Annotated[UUID | None, Meta(description="The id of the account, invitation or mail that was chosen.")]
    detail: Annotated[
        str | None,
        Meta(
            description="The username of the subject at that time, the note or the address of the invitation, the "
            "address of the mail, or the new setting."
        ),
    ]
    session_id: UUID | None
    address: str | None


class JobsView(Struct):
    """The unfinished jobs of a kind."""

    kind: JobKind
    waiting: int
    running: int


class MailView(Struct):
    """Whether mails are sent."""

    is_on: Annotated[bool, Meta(description="Whether the server sends mail: `MAIL_URL` is set.")]
    failing: Annotated[int, Meta(description="Number of due mails whose last attempt failed.")]
    failing_since: Annotated[Moment | None, Meta(description="When the oldest of them was made.")]
    problem: Annotated[str | None, Meta(description="Their most common problem.")]


class DayView(Struct):
    """What happened on a day (UTC). `failures` are failed logins."""

    day: date
    registrations: int
    logins: int
    failures: int
    tasks_created: int
    tasks_done: int


class OverviewView(Struct):
    """The state of the service."""

    version: str
    schema: Annotated[str | None, Meta(description="The revision of the database's schema.")]
    users: int
    active_users: int
    admins: Annotated[int, Meta(description="Active administrators.")]
    tasks: Annotated[int, Meta(description="All tasks, including those in the trash.")]
    streams: Annotated[int, Meta(description="Open event streams of the process that responds.")]
    mail: MailView
    jobs: list[JobsView]
    last_sweep: Moment | None
    last_backup: Moment | None
    days: Annotated[list[DayView], Meta(description="The last 30 days, as of the last sweep.")]


def view_invite(invite: Invite) -> InviteView:
    """Return the representation of an invitation."""
    return InviteView(*(getattr(invite, name) for name in InviteView.__struct_fields__))


def view_admin_event(event: AuthEvent, names: Mapping[UUID, str]) -> AdminEventView:
    """Return the representation of an event for administrators."""
    return AdminEventView(
        id=event.id,
        at=event.at,
        kind=event.kind,
        outcome=event.outcome,
        user=event.user_id,
        username=names.get(event.user_id) if event.user_id else None,
        admin=event.admin_id,
        admin_username=names.get(event.admin_id) if event.admin_id else None,
        subject=event.subject,
        detail=event.detail,
        session_id=event.session_id,
        address=event.address,
    )


def view_overview(found: Overview, schema: str | None, streams: int, *, is_mail_on: bool) -> OverviewView:
    """Return the representation of the overview."""
    totals, failing = found.totals, found.failing
    return OverviewView(
        version=version("tasktracker-server"),
        schema=schema,
        users=totals.users,
        active_users=totals.active,
        admins=totals.admins,
        tasks=totals.tasks,
        streams=streams,
        mail=MailView(is_mail_on, failing.count, failing.since, failing.problem)
        if failing
        else MailView(is_mail_on, 0, None, None),
        jobs=[JobsView(kind, waiting, running) for kind, (waiting, running) in found.jobs.items()],
        last_sweep=found.marks.get(Maintenance.SWEEP),
        last_backup=found.marks.get(Maintenance.BACKUP),
        days=[DayView(each.day, *(each.counts[counted] for counted in Counted)) for each in found.days],
    )


class AdminServiceController(Controller):
    """`/api/admin/settings/`, `/api/admin/activity/` and `/api/admin/overview/`."""

    path = "/api/admin"
    tags = ("administration",)

    service_administration: ServiceAdministration
    registration_mode: RegistrationMode
    outbox: Outbox
    audited: Audited
    subscriptions: SubscriptionRegistry
    store: Storage
    settings: Settings
    cursors: Cursors
    clock: Clock
    threads: ThreadRunner

    @get(
        "/settings",
        operation_id="adminGetSettings",
        summary="Read the settings",
        opt=operation(access=Access.ADMIN),
    )
    @on_thread
    def get_settings(self, request: Request) -> SettingsView:
        """The settings that administrators may change."""
        with self.audited.open(request.admin_actor, Kind.SETTINGS_READ, request.origin) as work:
            return self._view_settings(work)

    @patch(
        "/settings",
        operation_id="adminEditSettings",
        summary="Change settings",
        opt=operation(InvalidInput, SettingFixed, ConfirmationRequired, access=Access.ADMIN),
    )
    @on_thread
    def edit_settings(self, request: Request, data: JsonBody[EditSettings]) -> SettingsView:
        """Change only the settings that are sent."""
        with self.store.writing(request.admin_actor) as work:
            if data.registration is not UNSET:
                self.service_administration.set_registration(work, data.registration, request.origin)
            return self._view_settings(work)

    @get(
        "/activity",
        operation_id="adminListActivity",
        summary="List events",
        opt=operation(access=Access.ADMIN, query=ListEvents, headers=("Link",)),
    )
    @on_thread
    def list_activity(self, request: Request) -> Response[Listed[AdminEventView]]:
        """Logins and failed logins, changes to credentials, and all calls of administrators, newest first."""
        filters = query(ListEvents, request)
        cursor = ListCursor(self.cursors, request, filters, EventKey)
        values = {name: getattr(filters, name) for name in ("outcome", "since", "until")}
        wanted = EventQuery(
            user_id=None if filters.user is UNSET else _user_id(str(filters.user)),
            kinds=frozenset(filters.kind),
            after=cursor.after,
            limit=filters.limit,
            **{name: value for name, value in values.items() if value is not UNSET},
        )
        with self.audited.open(request.admin_actor, Kind.ACTIVITY_LIST, request.origin) as work:
            page = work.activity.search(wanted)
            ids = {id_ for event in page.items for id_ in (event.user_id, event.admin_id) if id_ is not None}
            names = work.users.names(ids)
        return cursor.answer(page, [view_admin_event(event, names) for event in page.items], self.clock.now())

    @get(
        "/overview",
        operation_id="adminGetOverview",
        summary="Read the overview",
        opt=operation(access=Access.ADMIN),
    )
    @on_thread
    def get_overview(self, request: Request) -> OverviewView:
        """The state of the service, and what happened in it."""
        with self.audited.open(request.admin_actor, Kind.OVERVIEW_READ, request.origin) as work:
            found = overview(work)
        return view_overview(found, Schema(self.settings).head, self.subscriptions.count, is_mail_on=self.outbox.is_on)

    def _view_settings(self, work: UnitOfWork[Any]) -> SettingsView:
        fixed = ["registration"] if self.registration_mode.is_fixed else []
        return SettingsView(self.registration_mode.current(work), fixed)


class AdminInviteController(Controller):
    """`/api/admin/invites/`."""

    path = "/api/admin/invites"
    tags = ("administration",)

    service_administration: ServiceAdministration
    invites: InviteService
    audited: Audited
    store: Storage
    settings: Settings
    cursors: Cursors
    clock: Clock
    threads: ThreadRunner

    @get(
        "/",
        operation_id="adminListInvites",
        summary="List invitations",
        opt=operation(access=Access.ADMIN, query=PagedQuery, headers=("Link",)),
    )
    @on_thread
    def list_invites(self, request: Request) -> Response[Listed[InviteView]]:
        """Invitations that were not revoked, the newest first, including used and expired ones."""
        filters = query(PagedQuery, request)
        cursor = ListCursor(self.cursors, request, filters, InviteKey)
        with self.audited.open(request.admin_actor, Kind.INVITE_LIST, request.origin) as work:
            page = self.invites.list(work, cursor.after, filters.limit)
        return cursor.answer(page, [view_invite(each) for each in page.items], self.clock.now())

    @post(
        "/",
        operation_id="adminCreateInvite",
        summary="Create an invitation",
        opt=operation(InvalidInput, ConfirmationRequired, RegistrationClosed, access=Access.ADMIN),
    )
    @on_thread
    def create_invite(self, request: Request, data: JsonBody[CreateInvite]) -> Response[NewInviteView]:
        """Only this response contains the token. If the server sends mail, the link is mailed to `address` instead."""
        with self.store.writing(request.admin_actor) as work:
            invite, token = self.service_administration.invite(work, sent_fields(data, InviteFields), request.origin)
        values = {name: getattr(invite, name) for name in InviteView.__struct_fields__}
        link = None if token is None else link_to(self.settings, DeliveryKind.INVITATION, token)
        return JsonResponse(NewInviteView(**values, token=token, link=link))

    @delete(
        "/{id:str}",
        operation_id="adminRevokeInvite",
        summary="Revoke an invitation",
        opt=operation(InviteNotFound, ConfirmationRequired, access=Access.ADMIN),
    )
    @on_thread
    def revoke_invite(self, request: Request, id: FromPath[str]) -> None:
        """No later registration can use the invitation. Accounts created with it remain."""
        with self.store.writing(request.admin_actor) as work:
            self.service_administration.revoke_invite(work, identifier(id), request.origin)
