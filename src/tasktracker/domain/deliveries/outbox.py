"""Adding deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from tasktracker.domain.deliveries.delivery import Delivery, DeliveryKind
from tasktracker.domain.deliveries.ports import DeliveryWork
from tasktracker.domain.kernel.errors import MailOff


class Outbox:
    """Adds deliveries in the transaction of their cause. If no mail is configured, it adds none.

    `mail_domain` is the domain of the sender, which Message-IDs contain. It is None if no mail is configured.
    """

    def __init__(self, mail_domain: str | None = None) -> None:
        self._mail_domain = mail_domain

    @property
    def is_on(self) -> bool:
        """Whether mail is configured."""
        return self._mail_domain is not None

    def require_on(self) -> None:
        """Raise MailOff if no mail is configured."""
        if not self.is_on:
            raise MailOff

    def add(
        self,
        work: DeliveryWork,
        kind: DeliveryKind,
        cause: UUID,
        *,
        user_id: UUID | None = None,
        address: str | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """Add the delivery of a cause to a user, or to an address."""
        if self._mail_domain is not None:
            work.deliveries.add(
                Delivery.of(
                    kind,
                    cause,
                    work.now,
                    mail_domain=self._mail_domain,
                    user_id=user_id,
                    address=address,
                    parameters=parameters,
                )
            )
