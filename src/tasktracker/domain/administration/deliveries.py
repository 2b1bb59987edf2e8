"""Managing the mails to users."""

from __future__ import annotations

from uuid import UUID

from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.administration.access import require_proof
from tasktracker.domain.administration.ports import AdminWork
from tasktracker.domain.deliveries.delivery import Delivery
from tasktracker.domain.deliveries.service import DeliveryService


class DeliveryAdministration:
    """Use cases on all deliveries. Each raises ConfirmationRequired without a recent proof."""

    def __init__(self, *, deliveries: DeliveryService, recorder: Recorder) -> None:
        self._deliveries = deliveries
        self._recorder = recorder

    def retry(self, work: AdminWork, delivery_id: UUID, origin: Origin = UNKNOWN_ORIGIN) -> Delivery:
        """Make a delivery due at once and for another 24 hours. Raises DeliveryNotFound, DeliveryEnded."""
        require_proof(work)
        delivery = self._deliveries.retry(work, delivery_id)
        self._record(work, Kind.DELIVERY_RETRY, origin, delivery)
        return delivery

    def cancel(self, work: AdminWork, delivery_id: UUID, origin: Origin = UNKNOWN_ORIGIN) -> Delivery:
        """Do not send a delivery that is due. Raises DeliveryNotFound, DeliveryEnded."""
        require_proof(work)
        delivery = self._deliveries.cancel(work, delivery_id)
        self._record(work, Kind.DELIVERY_CANCEL, origin, delivery)
        return delivery

    def _record(self, work: AdminWork, kind: Kind, origin: Origin, delivery: Delivery) -> None:
        self._recorder.by_admin(
            work, kind, origin, user_id=delivery.user_id, subject=delivery.id, detail=delivery.address
        )
