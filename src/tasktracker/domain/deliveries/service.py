"""Use cases on stored deliveries."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from tasktracker.domain.deliveries.delivery import RETRYABLE, Delivery, DeliveryKey, DeliveryState
from tasktracker.domain.deliveries.ports import DeliveryWork
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import DeliveryEnded, DeliveryNotFound
from tasktracker.domain.kernel.paging import DEFAULT_PAGE, Page


class OwnDeliveryWork(DeliveryWork, Protocol):
    """A unit of work that reads the deliveries of the actor."""

    @property
    def actor(self) -> SessionActor: ...


class DeliveryService:
    """Use cases on deliveries, for their users and for administrators."""

    def list_own(
        self, work: OwnDeliveryWork, after: DeliveryKey | None = None, limit: int = DEFAULT_PAGE
    ) -> Page[Delivery, DeliveryKey]:
        """Return a page of the actor's deliveries, the newest first."""
        return work.deliveries.list(work.actor.user_id, None, after, limit)

    def list_all(
        self,
        work: DeliveryWork,
        state: DeliveryState | None = None,
        after: DeliveryKey | None = None,
        limit: int = DEFAULT_PAGE,
    ) -> Page[Delivery, DeliveryKey]:
        """Return a page of all deliveries, the newest first. `state` selects one state."""
        return work.deliveries.list(None, state, after, limit)

    def retry(self, work: DeliveryWork, delivery_id: UUID) -> Delivery:
        """Make a delivery due at once and for another 24 hours. Raises DeliveryNotFound, DeliveryEnded."""
        delivery = _require(work, delivery_id)
        if delivery.state not in RETRYABLE:
            raise DeliveryEnded(f"The delivery was {delivery.state}.")
        delivery = delivery.retried(work.now)
        work.deliveries.save(delivery)
        return delivery

    def cancel(self, work: DeliveryWork, delivery_id: UUID) -> Delivery:
        """Make no further attempts. A running attempt is not stopped. Raises DeliveryNotFound, DeliveryEnded."""
        delivery = _require(work, delivery_id)
        if delivery.state is not DeliveryState.DUE:
            raise DeliveryEnded(f"The delivery is not due: it was {delivery.state}.")
        delivery = delivery.ended(DeliveryState.CANCELLED, work.now)
        work.deliveries.save(delivery)
        return delivery


def _require(work: DeliveryWork, delivery_id: UUID) -> Delivery:
    delivery = work.deliveries.find(delivery_id)
    if delivery is None:
        raise DeliveryNotFound
    return delivery
