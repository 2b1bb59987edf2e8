"""The repository of invitations, and the units of work of the use cases on the members of tasks and categories."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.accounts.ports import UserRepository
from tasktracker.domain.categories.ports import CategoryRepository
from tasktracker.domain.deliveries.ports import DeliveryWork
from tasktracker.domain.jobs.ports import JobWork
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.notifications.ports import NotifyingWork
from tasktracker.domain.sharing.invitation import ShareInvitation
from tasktracker.domain.tasks.ports import TreeWork


class ShareInvitationRepository(Protocol):
    """Invitations to tasks and categories, also expired ones: at most one for each address (by `case_key`) and subject.

    They are removed together with the task, the category, and the account of the user who made them.
    """

    def add(self, invitation: ShareInvitation) -> None:
        """Store a new invitation. The unit of work must have locked the category, or the root of the task."""
        ...

    def find(self, invitation_id: UUID) -> ShareInvitation | None:
        """Return an invitation. A unit of work that writes locks the row; it must lock the task or category before."""
        ...

    def find_linked(self, digest: bytes) -> ShareInvitation | None:
        """Return the invitation whose token has this hash. Locks nothing."""
        ...

    def list_of(self, subject: UUID) -> Sequence[ShareInvitation]:
        """Return the invitations to a task or a category, the oldest first. Locks nothing."""
        ...

    def list_to(self, address: str) -> Sequence[ShareInvitation]:
        """Return the invitations of an address, the oldest first. Locks nothing."""
        ...

    def save(self, invitation: ShareInvitation) -> None:
        """Store an invitation with another role."""
        ...

    def renew(self, invitation_id: UUID, digest: bytes) -> bool:
        """Replace the hash of the token of an invitation, and return whether the invitation exists."""
        ...

    def remove(self, invitation_id: UUID) -> None:
        """Remove an invitation, if it exists."""
        ...

    def purge_before(self, before: datetime, limit: int) -> int:
        """Remove at most `limit` invitations that expired before `before`, and return how many."""
        ...


class MembershipWork(TreeWork, JobWork, NotifyingWork, Protocol):
    """A unit of work that changes the members of tasks and categories, for any actor."""

    @property
    def categories(self) -> CategoryRepository: ...
    @property
    def users(self) -> UserRepository: ...
    @property
    def share_invitations(self) -> ShareInvitationRepository: ...


class SharingWork(MembershipWork, DeliveryWork, Protocol):
    """A unit of work on the members of tasks and categories."""

    @property
    def actor(self) -> Actor: ...


class ShareLetterWork(MembershipWork, DeliveryWork, Protocol):
    """A unit of work that prepares the mails to the invited."""
