"""Preparing deliveries: their recipients, their content and their links."""

from __future__ import annotations

from typing import Protocol

from tasktracker.domain.accounts.ports import UserRepository
from tasktracker.domain.accounts.user import User
from tasktracker.domain.deliveries.delivery import Delivery, Letter
from tasktracker.domain.deliveries.ports import DeliveryWork

Prepared = tuple[Delivery, Letter] | None


class LetterWork(DeliveryWork, Protocol):
    """Work that prepares deliveries."""

    @property
    def users(self) -> UserRepository: ...


class Letters:
    """Preparations of deliveries, one for each kind or for several (see `deliveries.ports.Preparation`)."""

    def notice(self, work: LetterWork, delivery: Delivery) -> Prepared:
        """Prepare a notice of a change to the account, to the given address or to the verified one."""
        user = work.users.find_unlocked(delivery.user_id) if delivery.user_id else None
        to = user and (delivery.address or user.verified_email)
        return (delivery, letter_to(user, to, delivery)) if user and to else None


def letter_to(
    user: User, to: str, delivery: Delivery, kind: str | None = None, link: tuple[str, str] | None = None
) -> Letter:
    """Return the letter of a delivery to a user, in their language and time zone."""
    return Letter(
        kind=kind or delivery.kind,
        message_id=delivery.message_id,
        created_at=delivery.created_at,
        to=to,
        language="en",
        parameters={**delivery.parameters, "username": user.username, "time_zone": user.time_zone},
        link=link,
    )
