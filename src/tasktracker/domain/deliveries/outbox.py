"""Adding deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID, uuid5

from tasktracker.domain.deliveries.delivery import SECURITY, Delivery, DeliveryKind
from tasktracker.domain.deliveries.ports import DeliveryWork
from tasktracker.domain.kernel.errors import MailOff
from tasktracker.domain.notifications.notification import Notification, NotificationKind
from tasktracker.domain.notifications.service import notify


class Outbox:
    """Adds deliveries in the transaction of their cause. If no mail is configured, it adds notifications only.

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
        """Add the delivery of a cause to a user, or to an address.

        A user gets a notice about the security of the account also as a notification, even if no mail is configured.
        """
        if kind in SECURITY and user_id is not None:
            id_ = uuid5(cause, "notification")
            security = NotificationKind.SECURITY
            notify(work, Notification(id=id_, user_id=user_id, kind=security, event=kind.value, created_at=work.now))
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
