"""Making, listing, revoking and using invitations."""

from __future__ import annotations

from uuid import UUID

from tasktracker.domain.accounts.invites import INVITE, Invite, InviteFields, InviteKey
from tasktracker.domain.accounts.links import digest_of
from tasktracker.domain.accounts.registration_ports import InviteWork
from tasktracker.domain.deliveries.delivery import DeliveryKind
from tasktracker.domain.deliveries.outbox import Outbox
from tasktracker.domain.kernel.clock import IdGenerator
from tasktracker.domain.kernel.errors import InvalidInput, InviteNotFound
from tasktracker.domain.kernel.paging import DEFAULT_PAGE, Page

DEAD_INVITE = "is not valid: the invitation was used up or revoked, or has expired"


class InviteService:
    """Use cases on invitations, for administrators and commands."""

    def __init__(self, *, outbox: Outbox, ids: IdGenerator) -> None:
        self._outbox = outbox
        self._ids = ids

    def create(
        self, work: InviteWork, fields: InviteFields, created_by: UUID | None = None
    ) -> tuple[Invite, str | None]:
        """Make an invitation, and return it with its token, which is not stored.

        If mail is configured, an invitation with an address is mailed to the address. Then no token is returned: only
        the mail contains it, so its use proves the address. Raises InvalidInput.
        """
        fields = INVITE.check(fields)
        if "expires_at" in fields and fields["expires_at"] <= work.now:
            raise InvalidInput.of("expires_at", "must be in the future")
        address = fields.get("address") if self._outbox.is_on else None
        invite, token = Invite.create(
            id=self._ids.new(), created_by=created_by, fields=fields, now=work.now, is_mailed=address is not None
        )
        work.invites.add(invite)
        if address is None:
            return invite, token
        self._outbox.add(work, DeliveryKind.INVITATION, invite.id, address=address)
        return invite, None

    def list(
        self, work: InviteWork, after: InviteKey | None = None, limit: int = DEFAULT_PAGE
    ) -> Page[Invite, InviteKey]:
        """Return a page of invitations that were not revoked, the newest first, including used and expired ones."""
        return work.invites.list(after, limit)

    def revoke(self, work: InviteWork, invite_id: UUID) -> Invite:
        """Revoke an invitation, and return it: no later registration can use it. Raises InviteNotFound."""
        revoked = work.invites.remove(invite_id)
        if revoked is None:
            raise InviteNotFound
        return revoked


def require_invite(work: InviteWork, token: str | None) -> None:
    """Check that an invitation can be used. Raises InvalidInput for the field `invite`."""
    if not token:
        raise InvalidInput.of("invite", "is required, because this server requires an invitation")
    find_invite(work, token)


def find_invite(work: InviteWork, token: str) -> Invite:
    """Return the usable invitation with this token, without using it. Raises InvalidInput for the field `invite`."""
    invite = work.invites.find_usable(digest_of(token), work.now)
    if invite is None:
        raise InvalidInput.of("invite", DEAD_INVITE)
    return invite


def use_invite(work: InviteWork, token: str | None) -> Invite:
    """Use an invitation once, in the transaction of the registration, and return it. Raises like `require_invite`."""
    invite = work.invites.use(digest_of(token), work.now) if token else None
    if invite is None:
        raise InvalidInput.of("invite", DEAD_INVITE)
    return invite
