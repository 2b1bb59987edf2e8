"""Notifications, and the preferences for them, over HTTP."""

from __future__ import annotations

from enum import StrEnum
from operator import attrgetter
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, patch, post
from litestar.params import FromPath
from msgspec import UNSET, Meta, Struct, UnsetType

from tasktracker.domain.accounts.user import User
from tasktracker.domain.deliveries.outbox import Outbox
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import InvalidInput, NotificationNotFound
from tasktracker.domain.notifications.notification import (
    NOTIFICATION,
    Notification,
    NotificationFields,
    NotificationKey,
    NotificationKind,
)
from tasktracker.domain.notifications.preferences import LAST_HOUR, PREFERENCES, PreferenceFields, Preferences
from tasktracker.domain.notifications.service import NotificationService
from tasktracker.domain.reminders.preference_service import PreferenceService
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.cursors import Cursors, ListCursor
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.request import Request, identifier, query
from tasktracker.entrypoints.http.core.schemas import (
    Body,
    JsonBody,
    Listed,
    Moment,
    PagedQuery,
    ReadOnly,
    sent_fields,
)
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_thread

Hour = Annotated[int, Meta(ge=0, le=LAST_HOUR, description="An hour of the day, in the user's time zone.")]


class NotificationView(Struct):
    """A notification. Titles are not in it: read the task or the category, if they still exist."""

    id: UUID
    kind: NotificationKind
    task: UUID | None
    category: UUID | None
    event: Annotated[str | None, Meta(description="What happened to the security of the account.")]
    by: Annotated[str | None, Meta(description="The username of who shared the task or the category.")]
    moment: Annotated[Moment | None, Meta(description="When the reminder was due.")]
    read: bool
    created_at: Moment
    version: int


class ListNotifications(PagedQuery):
    """Which notifications to list."""

    unread: Annotated[bool, Meta(description="Only those that are not read, or only those that are.")] | UnsetType = (
        UNSET
    )


class EditNotification(Body, kw_only=True):
    """A change to a notification."""

    rules = NOTIFICATION.rules
    example = {"read": True}

    read: bool | UnsetType = UNSET

    id: ReadOnly = UNSET
    kind: ReadOnly = UNSET
    task: ReadOnly = UNSET
    category: ReadOnly = UNSET
    event: ReadOnly = UNSET
    by: ReadOnly = UNSET
    moment: ReadOnly = UNSET
    created_at: ReadOnly = UNSET
    version: ReadOnly = UNSET


class ReadView(Struct):
    """The number of notifications that were not read before."""

    read: int


class MailState(StrEnum):
    """Whether mails of reminders and summaries can be sent to the user."""

    READY = "ready"
    NOT_VERIFIED = "no_verified_address"
    NOT_CONFIGURED = "not_configured"


class PreferencesView(Struct):
    """How the user wants to be notified. Hours are in the user's time zone."""

    reminder_hour: Annotated[int, Meta(description="When a day is due, for reminders before it.")]
    reminder_mails: Annotated[bool, Meta(description="Whether reminders are also sent by mail.")]
    summary_hour: Annotated[int | None, Meta(description="When the daily summary is mailed; null for none.")]
    next_summary_at: Moment | None
    mail: Annotated[
        MailState, Meta(description="`not_configured`: this server sends no mail; there are only notifications.")
    ]


class EditPreferences(Body, kw_only=True):
    """A change to the preferences. Omitted fields do not change."""

    rules = PREFERENCES.rules
    example = {"reminder_hour": 8, "summary_hour": 7}

    reminder_hour: Hour | UnsetType = UNSET
    reminder_mails: bool | UnsetType = UNSET
    summary_hour: Hour | UnsetType | None = UNSET

    next_summary_at: ReadOnly = UNSET
    mail: ReadOnly = UNSET


_values = attrgetter(*NotificationView.__struct_fields__)


def view_notification(notification: Notification, *_: object) -> NotificationView:
    """Return the representation of a notification."""
    return NotificationView(*_values(notification))


class NotificationController(Controller):
    """`/api/notifications/`."""

    path = "/api/notifications"
    tags = ("notifications",)

    notifications: NotificationService
    store: Storage
    cursors: Cursors
    clock: Clock
    threads: ThreadRunner

    @get(
        "/",
        operation_id="listNotifications",
        summary="List notifications",
        opt=operation(InvalidInput, query=ListNotifications, headers=("Link",)),
    )
    @on_thread
    def list_notifications(self, request: Request) -> Response[Listed[NotificationView]]:
        """Reminders that were due, what was shared with the user, and notices about the security of the account.

        The newest are first. They are stored for 30 days, and a user has at most the newest 1,000.
        """
        filters = query(ListNotifications, request)
        cursor = ListCursor(self.cursors, request, filters, NotificationKey)
        unread = None if filters.unread is UNSET else filters.unread
        with self.store.reading(request.user) as work:
            page = self.notifications.list(work, unread, cursor.after, filters.limit)
        return cursor.answer(page, [view_notification(each) for each in page.items], self.clock.now())

    @patch(
        "/{id:str}",
        operation_id="editNotification",
        summary="Mark a notification as read or unread",
        opt=operation(InvalidInput, NotificationNotFound),
    )
    @on_thread
    def edit_notification(
        self, request: Request, id: FromPath[str], data: JsonBody[EditNotification]
    ) -> NotificationView:
        """Change only the fields that are sent."""
        with self.store.writing(request.user) as work:
            edited = self.notifications.edit(work, identifier(id), sent_fields(data, NotificationFields))
        return view_notification(edited)

    @post(
        "/read",
        operation_id="readNotifications",
        summary="Mark all notifications as read",
        status_code=200,
        opt=operation(),
    )
    @on_thread
    def read_notifications(self, request: Request) -> ReadView:
        """Mark all notifications as read that are not."""
        with self.store.writing(request.user) as work:
            return ReadView(self.notifications.read_all(work))


class PreferencesController(Controller):
    """`/api/accounts/me/notifications/`."""

    path = "/api/accounts/me/notifications"
    tags = ("notifications",)

    preferences: PreferenceService
    outbox: Outbox
    store: Storage
    threads: ThreadRunner

    @get(
        "/",
        operation_id="getPreferences",
        summary="Read the preferences for notifications",
        opt=operation(access=Access.SESSION),
    )
    @on_thread
    def get_preferences(self, request: Request) -> PreferencesView:
        """When reminders before a day fire, and which mails are sent."""
        with self.store.reading(request.session_actor) as work:
            return self._view(*self.preferences.get(work))

    @patch(
        "/",
        operation_id="editPreferences",
        summary="Change the preferences for notifications",
        opt=operation(InvalidInput, access=Access.SESSION),
    )
    @on_thread
    def edit_preferences(self, request: Request, data: JsonBody[EditPreferences]) -> PreferencesView:
        """Change only the fields that are sent. A reminder before a due day follows the new hour."""
        with self.store.writing(request.session_actor) as work:
            return self._view(*self.preferences.edit(work, sent_fields(data, PreferenceFields)))

    def _view(self, preferences: Preferences, user: User) -> PreferencesView:
        mail = MailState.READY if user.verified_email else MailState.NOT_VERIFIED
        return PreferencesView(
            reminder_hour=preferences.reminder_hour,
            reminder_mails=preferences.reminder_mails,
            summary_hour=preferences.summary_hour,
            next_summary_at=preferences.next_summary_at,
            mail=mail if self.outbox.is_on else MailState.NOT_CONFIGURED,
        )
