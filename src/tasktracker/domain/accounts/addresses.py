"""Verified e-mail addresses of accounts, and the mails about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from tasktracker.domain.accounts.ports import AccountWork
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.event import Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.deliveries.delivery import BY_ADMIN, DeliveryKind
from tasktracker.domain.deliveries.outbox import Outbox
from tasktracker.domain.deliveries.ports import DeliveryWork
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.clock import IdGenerator
from tasktracker.domain.kernel.errors import EmailTaken

OnVerified = Callable[[Any, User], None]
"""Called after an address was verified, in the same unit of work. It may use repositories that `accounts` does not
know."""


class VerifiedAddresses:
    """Gives users the addresses of which it is proved that they read the mail."""

    def __init__(self, *, recorder: Recorder, outbox: Outbox, on_verified: OnVerified) -> None:
        self._recorder = recorder
        self._outbox = outbox
        self._on_verified = on_verified

    def assign(self, work: AccountWork[SystemActor], user: User, address: str, origin: Origin) -> User:
        """Store the verified address of a locked user. The former address gets a notice.

        If another account has the same address and has not verified it, the address becomes a pending one there. Such
        addresses are from the time before mail was configured. Raises EmailTaken if another account has verified the
        address.
        """
        self._displace(work, user, address)
        verified = user.with_verified_email(address, work.now)
        work.users.save(verified)
        event = self._recorder.success(work, Kind.EMAIL_VERIFY, origin, user.id)
        notify_of_address(self._outbox, work, user, event.id)
        self._on_verified(work, verified)
        return verified

    def _displace(self, work: AccountWork[SystemActor], user: User, address: str) -> None:
        """Take an address from another account. Raises EmailTaken if that account has verified the address."""
        found = work.users.find_by_login(address)
        holder = work.users.find(found.id) if found is not None and found.id != user.id else None
        if holder is None:
            return
        if holder.verified_email is not None:
            raise EmailTaken
        work.users.save(replace(holder, email=None, pending_email=holder.email, version=holder.version + 1))


def ask_to_verify(outbox: Outbox, work: DeliveryWork, user: User, ids: IdGenerator) -> None:
    """Send a link that verifies the user's unverified address, if there is one."""
    if user.unverified_email is not None:
        outbox.add(work, DeliveryKind.VERIFY_EMAIL, ids.new(), user_id=user.id, address=user.unverified_email)


def notify_of_address(outbox: Outbox, work: DeliveryWork, before: User, cause: UUID, *, by_admin: bool = False) -> None:
    """Send a notice to the verified address that a user had before a change, if there was one."""
    if before.verified_email is not None:
        details = {"at": work.now.isoformat(), **(BY_ADMIN if by_admin else {})}
        outbox.add(
            work,
            DeliveryKind.ADDRESS_CHANGED,
            cause,
            user_id=before.id,
            address=before.verified_email,
            parameters=details,
        )
