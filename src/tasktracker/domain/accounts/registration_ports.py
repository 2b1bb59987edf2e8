"""The repositories of invitations and of the service's settings, and the units of work of registrations."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.accounts.invites import Invite, InviteKey
from tasktracker.domain.accounts.ports import AccountWork
from tasktracker.domain.deliveries.ports import DeliveryWork
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.paging import Page


class InviteRepository(Protocol):
    """Invitations to the service. Revoking one removes it."""

    def add(self, invite: Invite) -> None:
        """Store a new invitation."""
        ...

    def find_usable(self, digest: bytes, now: datetime) -> Invite | None:
        """Return the invitation, unless it is used up or has expired. Locks nothing."""
        ...

    def use(self, digest: bytes, now: datetime) -> Invite | None:
        """Use the invitation once and return it; None if it is not usable.

        Concurrent uses never exceed `uses_left`.
        """
        ...

    def renew(self, invite_id: UUID, digest: bytes, now: datetime) -> Invite | None:
        """Give a usable invitation a new token hash, and return the invitation; None if it is not usable."""
        ...

    def remove(self, invite_id: UUID) -> Invite | None:
        """Remove an invitation and return it; None if there is none."""
        ...

    def list(self, after: InviteKey | None, limit: int) -> Page[Invite, InviteKey]:
        """Return the invitations that follow `after`, the newest first."""
        ...

    def purge_before(self, before: datetime, limit: int) -> int:
        """Remove at most `limit` invitations that expired before `before`, and return how many."""
        ...


class ServiceSettingsRepository(Protocol):
    """Settings of the service that administrators change while it runs, as text."""

    def find(self, name: str) -> str | None:
        """Return a setting, or None if it was never stored. A unit of work that writes locks it until its end."""
        ...

    def save(self, name: str, value: str) -> None:
        """Store a setting."""
        ...


class InviteWork(DeliveryWork, Protocol):
    """A unit of work on invitations, by any actor."""

    @property
    def now(self) -> datetime: ...
    @property
    def invites(self) -> InviteRepository: ...


class ServiceSettingsWork(Protocol):
    """A unit of work that reads or changes settings of the service, by any actor."""

    @property
    def service_settings(self) -> ServiceSettingsRepository: ...


class RegistrationWork(AccountWork[SystemActor], InviteWork, ServiceSettingsWork, Protocol):
    """A unit of work that creates an account."""

    @property
    def now(self) -> datetime: ...
