"""The authentication events of an account over HTTP."""

from __future__ import annotations

from uuid import UUID

from litestar import Controller, Response, get
from msgspec import Struct

from tasktracker.domain.activity.event import AuthEvent, EventKey, Kind, Outcome
from tasktracker.domain.activity.service import ActivityService
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.entrypoints.http.cursors import Cursors, ListCursor
from tasktracker.entrypoints.http.operation import operation
from tasktracker.entrypoints.http.wire import Injected, Listed, Moment, PagedQuery, Request


class AuthEventView(Struct):
    """Something that happened around the account's authentication."""

    id: UUID
    at: Moment
    kind: Kind
    outcome: Outcome
    session_id: UUID | None
    address: str | None


def view_event(event: AuthEvent) -> AuthEventView:
    """Return the representation of an event."""
    return AuthEventView(event.id, event.at, event.kind, event.outcome, event.session_id, event.address)


class ActivityController(Controller):
    """`/api/accounts/me/activity/`."""

    path = "/api/accounts/me/activity"
    tags = ("accounts",)

    @get(
        "/",
        operation_id="listActivity",
        summary="List authentication events",
        sync_to_thread=True,
        opt=operation(headers=("Link",)),
    )
    def list_activity(
        self,
        request: Request,
        person: Injected[SessionActor],
        activity: Injected[ActivityService],
        filters: Injected[PagedQuery],
        cursors: Injected[Cursors],
        clock: Injected[Clock],
    ) -> Response[Listed[AuthEventView]]:
        """Logins, refused ones too, and changes to how one logs in, the newest first."""
        cursor = ListCursor(cursors, request, person, filters, EventKey)
        page = activity.list(person, cursor.after, filters.limit)
        return cursor.answer(page, [view_event(event) for event in page.items], clock.now())
