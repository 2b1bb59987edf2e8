"""Invitations to the service, with which people register while registration is not open.

Only a hash of an invitation's token is stored. The token has 192 random bits and cannot be guessed. The token of a
mailed invitation is derived when the mail is sent.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, TypedDict
from uuid import UUID

from tasktracker.domain.accounts.links import digest_of
from tasktracker.domain.accounts.user import canonical_email
from tasktracker.domain.kernel.fields import Editable, EditableFields, Refused, moment, optional, text

MAX_NOTE_LENGTH = 200
MAX_USES = 1000
DEFAULT_LIFETIME = timedelta(days=14)
TOKEN_BYTES = 24


class InviteFields(TypedDict, total=False):
    """The fields that are set on a new invitation. Without `expires_at`, it expires after `DEFAULT_LIFETIME`."""

    note: str
    address: str | None
    uses_left: int
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """An invitation for as many registrations as `uses_left`. Revoking it removes it.

    `note` is for administrators. `address` is the e-mail address of the person who is invited, if any. If the
    invitation `is_mailed`, its token is only in a mail to that address. So the use of the token proves that the user
    reads mail to that address. The token can also be used to register with another address. `created_by` is None if a
    command made the invitation, or if the account that made it was removed.
    """

    id: UUID
    digest: bytes = field(repr=False)
    note: Annotated[str, Editable(text(longest=MAX_NOTE_LENGTH, trim=True))] = ""
    address: Annotated[str | None, Editable(optional(canonical_email))] = None
    uses_left: Annotated[int, Editable(number_of_uses)] = 1
    is_mailed: bool = False
    created_by: UUID | None = None
    created_at: datetime
    expires_at: Annotated[datetime, Editable(moment)]

    @classmethod
    def create(
        cls, *, id: UUID, created_by: UUID | None, fields: InviteFields, now: datetime, is_mailed: bool = False
    ) -> tuple[Invite, str]:
        """Return a new invitation with these (checked) fields, and its token, which is not stored."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        complete: InviteFields = {"expires_at": now + DEFAULT_LIFETIME, **fields}
        invite = cls(
            id=id, digest=digest_of(token), is_mailed=is_mailed, created_by=created_by, created_at=now, **complete
        )
        return invite, token

    @property
    def proved_address(self) -> str | None:
        """The address that the use of the token proves, or None."""
        return self.address if self.is_mailed else None

    @property
    def key(self) -> InviteKey:
        """The sort key in the list of invitations."""
        return InviteKey(self.created_at, self.id)


@dataclass(frozen=True, slots=True, order=True)
class InviteKey:
    """The sort key of invitations, which are listed newest first; the id orders those of the same time."""

    at: datetime
    id: UUID


def number_of_uses(value: int) -> int:
    """The number of registrations that an invitation allows."""
    if not 1 <= value <= MAX_USES:
        raise Refused(f"must be from 1 to {MAX_USES}")
    return value


INVITE = EditableFields[InviteFields](Invite)
