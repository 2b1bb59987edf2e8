"""Accepting invitations when an account verifies the invited address, and mails to addresses without an account."""

from __future__ import annotations

from datetime import timedelta

from tasktracker.domain.accounts.letters import LinkTokens, Prepared, letter_to_stranger
from tasktracker.domain.accounts.link_service import DEAD_LINK
from tasktracker.domain.accounts.links import digest_of
from tasktracker.domain.accounts.user import User
from tasktracker.domain.deliveries.delivery import Delivery
from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.sharing.categories import CategorySharing
from tasktracker.domain.sharing.invitation import ShareInvitation
from tasktracker.domain.sharing.ports import MembershipWork, ShareLetterWork
from tasktracker.domain.sharing.service import SharingService
from tasktracker.domain.tasks.tree import lock_roots

MAX_MAILS, IN_TIME = 3, timedelta(days=1)
"""The limit on mails to one address from all users together: any user can cause them."""

TOO_MANY = f"the limit of {MAX_MAILS} such mails a day to one address was reached"
DEAD_INVITATION = "the invitation was revoked or accepted, or has ended"

MAX_ACCEPTED = 100
"""The most invitations that one verification accepts, so that no number of them can make it fail."""


class InvitationAcceptance:
    """Turns invitations into memberships, and prepares their mails."""

    def __init__(self, *, tasks: SharingService, categories: CategorySharing, tokens: LinkTokens) -> None:
        self._tasks = tasks
        self._categories = categories
        self._tokens = tokens

    def accept(self, work: MembershipWork, user: User) -> None:
        """Make a locked user a member of all tasks and categories to which their verified address is invited.

        An invitation ends without effect if the user who made it may no longer share, or if there are too many members.
        An invitation to a task in the trash stays pending. So do all invitations after the oldest `MAX_ACCEPTED`.
        """
        invitations = work.share_invitations.list_to(user.verified_email) if user.verified_email else ()
        oldest = [each for each in invitations if each.is_live(work.now)][:MAX_ACCEPTED]
        live = sorted(oldest, key=lambda each: each.subject)
        for each in live:
            if each.category_id is not None:
                category = work.categories.find(each.invited_by, each.category_id)
                current = self._take(work, each)
                if current and category and category.user_id == current.invited_by:
                    self._categories.admit(work, category, user, current.role)
        task_ids = [each.task_id for each in live if each.task_id is not None]
        lock_roots(work, *task_ids)
        for each in live:
            if each.task_id is not None:
                task = work.tasks.find(each.task_id)
                if task is not None and task.trashed_at:
                    continue
                current = self._take(work, each)
                if current and task and task.owner == current.invited_by and task.root == task.id:
                    self._tasks.admit(work, task, user, current.role)

    def find(self, work: MembershipWork, token: str) -> tuple[ShareInvitation, User]:
        """Return the live invitation that has this token in its mail, and the user who made it.

        The token stays valid. Raises InvalidInput for the field `token`.
        """
        found = work.share_invitations.find_linked(digest_of(token))
        inviter = self._inviter(work, found) if found is not None else None
        if found is None or inviter is None:
            raise InvalidInput.of("token", DEAD_LINK)
        return found, inviter

    def prove(self, work: MembershipWork, token: str) -> str:
        """Return the address to which the token was mailed (see `AddressProof`). Raises like `find`."""
        return self.find(work, token)[0].address

    def prepare(self, work: ShareLetterWork, delivery: Delivery) -> Prepared:
        """Prepare the mail of an invitation (see `deliveries.ports.Preparation`).

        If the address has been verified while it was invited, the invitation is accepted instead.
        """
        assert delivery.address is not None, "an invitation is of an address"
        invitations = work.share_invitations.list_to(delivery.address)
        found = next((each for each in invitations if each.id == delivery.cause), None)
        inviter = self._inviter(work, found) if found is not None else None
        if found is None or inviter is None:
            return DEAD_INVITATION
        named = work.users.find_by_login(found.address)
        holder = work.users.find(named.id) if named is not None and named.verified_email is not None else None
        if holder is not None:
            if holder.is_active:
                self.accept(work, holder)
            return "an account has verified the address meanwhile"
        if work.deliveries.count_since(delivery.kind, found.address, work.now - IN_TIME) > MAX_MAILS:  # with this one
            return TOO_MANY
        token = self._tokens.of(delivery.id)
        if not work.share_invitations.renew(found.id, digest_of(token)):
            return DEAD_INVITATION
        values = {"inviter": inviter.username, "until": found.expires_at.isoformat()}
        return delivery, letter_to_stranger(delivery, inviter, values, (delivery.kind, token))

    def _inviter(self, work: MembershipWork, invitation: ShareInvitation) -> User | None:
        """Return the user who made a live invitation, if they may share its subject now. Locks nothing."""
        if invitation.task_id is not None:
            task = work.tasks.find_unlocked(invitation.task_id)
            owner = task.owner if task is not None and not task.trashed_at else None
        else:
            category = work.categories.find_unlocked(invitation.subject)
            owner = category.user_id if category is not None else None
        inviter = work.users.find_unlocked(invitation.invited_by) if owner == invitation.invited_by else None
        return inviter if inviter and inviter.is_active and invitation.is_live(work.now) else None

    def _take(self, work: MembershipWork, invitation: ShareInvitation) -> ShareInvitation | None:
        """Remove an invitation, and return it as it is now; None if it was revoked meanwhile."""
        current = work.share_invitations.find(invitation.id)
        if current is not None:
            work.share_invitations.remove(current.id)
        return current
