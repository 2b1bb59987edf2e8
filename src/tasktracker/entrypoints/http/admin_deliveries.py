"""Managing the mails to users over HTTP."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import asdict

from tasktracker.domain.activity.event import Kind
from tasktracker.domain.administration.access import AuditedReading
from tasktracker.domain.administration.deliveries import DeliveryAdministration
from tasktracker.domain.deliveries.delivery import Delivery, DeliveryKey, DeliveryState
from tasktracker.domain.deliveries.service import DeliveryService
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import ConfirmationRequired, DeliveryEnded, DeliveryNotFound
from tasktracker.domain.work import Storage, UnitOfWork
from tasktracker.entrypoints.http.core.cursors import Cursors, ListCursor
from tasktracker.entrypoints.http.core.operation import Access, operation
from tasktracker.entrypoints.http.core.request import Request, identifier, query
from tasktracker.entrypoints.http.core.schemas import Listed, PagedQuery
from tasktracker.entrypoints.http.core.threads import ThreadRunner, on_thread
from tasktracker.entrypoints.http.deliveries import DeliveryView, view_delivery

Audited = AuditedReading[UnitOfWork[Any]]


class DeliveryQuery(PagedQuery):
    """The query parameters of the list of deliveries."""

    state: Annotated[DeliveryState, Meta(description="Only deliveries in this state.")] | UnsetType = UNSET


class AdminDeliveryView(DeliveryView):
    """A mail to any user or address."""

    user: Annotated[UUID | None, Meta(description="The account it is about. Null if there is none.")]
    username: str | None


def _view(work: UnitOfWork[Any], *found: Delivery) -> list[AdminDeliveryView]:
    names = work.users.names({each.user_id for each in found if each.user_id is not None})
    return [
        AdminDeliveryView(
            **asdict(view_delivery(each)),
            user=each.user_id,
            username=names.get(each.user_id) if each.user_id else None,
        )
        for each in found
    ]


class AdminDeliveryController(Controller):
    """`/api/admin/deliveries/`."""

    path = "/api/admin/deliveries"
    tags = ("administration",)

    deliveries: DeliveryService
    delivery_administration: DeliveryAdministration
    audited: Audited
    store: Storage
    cursors: Cursors
    clock: Clock
    threads: ThreadRunner

    @get(
        "/",
        operation_id="adminListDeliveries",
        summary="List mails to users",
        opt=operation(access=Access.ADMIN, query=DeliveryQuery, headers=("Link",)),
    )
    @on_thread
    def list_deliveries(self, request: Request) -> Response[Listed[AdminDeliveryView]]:
        """Mails that were sent or will be sent, the newest first, without their content."""
        filters = query(DeliveryQuery, request)
        cursor = ListCursor(self.cursors, request, filters, DeliveryKey)
        state = None if filters.state is UNSET else filters.state
        with self.audited.open(request.admin_actor, Kind.DELIVERY_LIST, request.origin) as work:
            page = self.deliveries.list_all(work, state, cursor.after, filters.limit)
            seen = _view(work, *page.items)
        return cursor.answer(page, seen, self.clock.now())

    @post(
        "/{id:str}/retry",
        operation_id="adminRetryDelivery",
        summary="Send a mail again that failed",
        status_code=200,
        opt=operation(DeliveryNotFound, DeliveryEnded, ConfirmationRequired, access=Access.ADMIN),
    )
    @on_thread
    def retry_delivery(self, request: Request, id: FromPath[str]) -> AdminDeliveryView:
        """Make the mail due at once, and try for another 24 hours."""
        with self.store.writing(request.admin_actor) as work:
            return _view(work, self.delivery_administration.retry(work, identifier(id), request.origin))[0]

    @post(
        "/{id:str}/cancel",
        operation_id="adminCancelDelivery",
        summary="Do not send a mail that is due",
        status_code=200,
        opt=operation(DeliveryNotFound, DeliveryEnded, ConfirmationRequired, access=Access.ADMIN),
    )
    @on_thread
    def cancel_delivery(self, request: Request, id: FromPath[str]) -> AdminDeliveryView:
        """Make no further attempts. A running attempt is not stopped."""
        with self.store.writing(request.admin_actor) as work:
            return _view(work, self.delivery_administration.cancel(work, identifier(id), request.origin))[0]
