"""Deliveries over HTTP: mails to users, and their states."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get
from msgspec import Meta, Struct

from tasktracker.domain.deliveries.delivery import Channel, Delivery, DeliveryKey, DeliveryKind, DeliveryState
from tasktracker.domain.deliveries.service import DeliveryService
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.work import Storage
from tasktracker.entrypoints.http.core.cursors import Cursors, ListCursor
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.request import Request, query
from tasktracker.entrypoints.http.core.schemas import Listed, Moment, PagedQuery
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_thread


class DeliveryView(Struct):
    """A mail, and its state."""

    id: UUID
    kind: DeliveryKind
    channel: Channel
    address: Annotated[
        str | None, Meta(description="Null means the verified address that the user has when the mail is sent.")
    ]
    state: DeliveryState
    attempts: int
    problem: Annotated[str | None, Meta(description="Why the last attempt failed, or why the mail was skipped.")]
    created_at: Moment
    next_attempt_at: Annotated[Moment | None, Meta(description="Null once the delivery has ended.")]
    ended_at: Moment | None


def view_delivery(delivery: Delivery) -> DeliveryView:
    """Return the representation of a delivery, without its parameters."""
    return DeliveryView(
        id=delivery.id,
        kind=delivery.kind,
        channel=delivery.channel,
        address=delivery.address,
        state=delivery.state,
        attempts=delivery.attempts,
        problem=delivery.problem,
        created_at=delivery.created_at,
        next_attempt_at=delivery.next_attempt_at if delivery.state is DeliveryState.DUE else None,
        ended_at=delivery.ended_at,
    )


class DeliveryController(Controller):
    """`/api/accounts/me/deliveries/`."""

    path = "/api/accounts/me/deliveries"
    tags = ("accounts",)

    deliveries: DeliveryService
    store: Storage
    cursors: Cursors
    clock: Clock
    threads: ThreadRunner

    @get(
        "/",
        operation_id="listDeliveries",
        summary="List mails to the account",
        opt=operation(access=Access.SESSION, query=PagedQuery, headers=("Link",)),
    )
    @on_thread
    def list_deliveries(self, request: Request) -> Response[Listed[DeliveryView]]:
        """Mails that were sent to the user or will be sent, newest first. They are stored for some weeks."""
        filters = query(PagedQuery, request)
        cursor = ListCursor(self.cursors, request, filters, DeliveryKey)
        with self.store.reading(request.session_actor) as work:
            page = self.deliveries.list_own(work, cursor.after, filters.limit)
        return cursor.answer(page, [view_delivery(each) for each in page.items], self.clock.now())
