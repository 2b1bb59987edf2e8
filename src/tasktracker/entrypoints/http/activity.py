"""The authentication events of an account over HTTP."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get
from msgspec import Meta, Struct

from tasktracker.domain.activity.event import AuthEvent, EventKey, Kind, Outcome
from tasktracker.domain.activity.service import ActivityService
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.cursors import Cursors, ListCursor
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.request import Request, query
from tasktracker.entrypoints.http.core.schemas import Listed, Moment, PagedQuery
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_thread


class AuthEventView(Struct):
    """An authentication event of the account."""

    id: UUID
    at: Moment
    kind: Kind
    outcome: Outcome
    session_id: UUID | None
    address: str | None
    by_admin: Annotated[bool, Meta(description="Whether an administrator of the service did it.")]


def view_event(event: AuthEvent) -> AuthEventView:
    """Return the representation of an event."""
    if event.subject is not None:  # an administrator or a command, whose session and address are not the user's to see
        return AuthEventView(event.id, event.at, event.kind, event.outcome, None, None, by_admin=True)
    return AuthEventView(event.id, event.at, event.kind, event.outcome, event.session_id, event.address, by_admin=False)


class ActivityController(Controller):
    """`/api/accounts/me/activity/`."""

    path = "/api/accounts/me/activity"
    tags = ("accounts",)

    activity: ActivityService
    store: Storage
    cursors: Cursors
    clock: Clock
    threads: ThreadRunner

    @get(
        "/",
        operation_id="listActivity",
        summary="List authentication events",
        opt=operation(access=Access.SESSION, query=PagedQuery, headers=("Link",)),
    )
    @on_thread
    def list_activity(self, request: Request) -> Response[Listed[AuthEventView]]:
        """Successful and failed logins, and changes to passwords and other credentials, newest first."""
        filters = query(PagedQuery, request)
        cursor = ListCursor(self.cursors, request, filters, EventKey)
        with self.store.reading(request.session_actor) as work:
            page = self.activity.list(work, cursor.after, filters.limit)
        return cursor.answer(page, [view_event(event) for event in page.items], self.clock.now())
