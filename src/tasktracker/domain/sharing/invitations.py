"""Inviting e-mail addresses to tasks and categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from tasktracker.domain.accounts.user import User, email_key
from tasktracker.domain.deliveries.delivery import DeliveryKind
from tasktracker.domain.deliveries.outbox import Outbox
from tasktracker.domain.kernel.clock import IdGenerator
from tasktracker.domain.kernel.errors import MemberNotFound
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.sharing.invitation import LIFETIME, ShareInvitation
from tasktracker.domain.sharing.ports import SharingWork


class ShareInvitations:
    """Use cases on the invitations to a task or a category, its `subject`, for its owner.

    Only invitations that the present owner made count. All methods except `list` require a lock of the subject: the
    category, or the root of the task.
    """

    def __init__(self, *, outbox: Outbox, ids: IdGenerator) -> None:
        self._outbox = outbox
        self._ids = ids

    @property
    def can_invite(self) -> bool:
        """Whether addresses can be invited: mail is configured."""
        return self._outbox.is_on

    def list(self, work: SharingWork, subject: UUID) -> Sequence[ShareInvitation]:
        """Return the actor's invitations that have not expired, the oldest first."""
        found = work.share_invitations.list_of(subject)
        return [each for each in found if each.invited_by == work.actor.user_id and each.is_live(work.now)]

    def invite(
        self,
        work: SharingWork,
        address: str,
        role: Role,
        *,
        task_id: UUID | None = None,
        category_id: UUID | None = None,
    ) -> ShareInvitation:
        """Invite an address, and mail it. An address that is already invited gets the new role, and no mail.

        The limit on members counts invitations, too: check it before with `list`.
        """
        invitation = ShareInvitation(
            id=self._ids.new(),
            task_id=task_id,
            category_id=category_id,
            invited_by=work.actor.user_id,
            address=address,
            role=role,
            created_at=work.now,
            expires_at=work.now + LIFETIME,
        )
        before = self.find_to(work, invitation.subject, address)
        if before is not None and before.invited_by == work.actor.user_id and before.is_live(work.now):
            changed = replace(before, role=role)
            work.share_invitations.save(changed)
            return changed
        if before is not None:
            work.share_invitations.remove(before.id)
        work.share_invitations.add(invitation)
        self._outbox.add(work, DeliveryKind.SHARE_INVITATION, invitation.id, address=address)
        return invitation

    def find(self, work: SharingWork, subject: UUID, invitation_id: UUID) -> ShareInvitation:
        """Return one of the actor's invitations. Raises MemberNotFound."""
        found = next((each for each in self.list(work, subject) if each.id == invitation_id), None)
        if found is None:
            raise MemberNotFound
        return found

    def settle(self, work: SharingWork, subject: UUID, user: User) -> None:
        """Remove the invitation of a user's verified address, if there is one, because the user becomes a member."""
        address = user.verified_email
        if address is not None and (invitation := self.find_to(work, subject, address)) is not None:
            work.share_invitations.remove(invitation.id)

    def find_to(self, work: SharingWork, subject: UUID, address: str) -> ShareInvitation | None:
        """Return the invitation to an address, also if it has expired or a former owner made it."""
        found = work.share_invitations.list_of(subject)
        return next((each for each in found if email_key(each.address) == email_key(address)), None)
