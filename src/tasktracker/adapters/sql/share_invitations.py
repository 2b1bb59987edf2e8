"""Invitations to tasks and categories in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Integer, bindparam, delete, insert, or_, select, update

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import share_invitations
from tasktracker.domain.accounts.user import email_key
from tasktracker.domain.sharing.invitation import ShareInvitation

_ROWS = Rows(
    ShareInvitation, share_invitations, derived={"address_key": lambda invitation: email_key(invitation.address)}
)
_ALL = select(*_ROWS.columns).order_by(share_invitations.c.created_at, share_invitations.c.id)
_ADD = insert(share_invitations)
_FIND = select(*_ROWS.columns).where(share_invitations.c.id == bindparam("id"))
_LOCK = _FIND.with_for_update()
_FIND_LINKED = select(*_ROWS.columns).where(share_invitations.c.digest == bindparam("digest"))
_LIST_OF = _ALL.where(
    or_(share_invitations.c.task_id == bindparam("subject"), share_invitations.c.category_id == bindparam("subject"))
)
_LIST_TO = _ALL.where(share_invitations.c.address_key == bindparam("address_key"))
_OF_ID = share_invitations.c.id == bindparam("of_id")
_SAVE = update(share_invitations).where(_OF_ID)
_REMOVE = delete(share_invitations).where(_OF_ID)
_PURGE = delete(share_invitations).where(
    share_invitations.c.id.in_(
        select(share_invitations.c.id)
        .where(share_invitations.c.expires_at < bindparam("before"))
        .limit(bindparam("limit", type_=Integer))
    )
)


class SqlShareInvitations:
    """Implements ShareInvitationRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, invitation: ShareInvitation) -> None:
        self._connection.change(_ADD, _ROWS.row(invitation))

    def find(self, invitation_id: UUID) -> ShareInvitation | None:
        row = self._connection.one(_LOCK if self._connection.is_writing else _FIND, {"id": invitation_id})
        return None if row is None else _ROWS.entity(row)

    def find_linked(self, digest: bytes) -> ShareInvitation | None:
        row = self._connection.one(_FIND_LINKED, {"digest": digest})
        return None if row is None else _ROWS.entity(row)

    def list_of(self, subject: UUID) -> Sequence[ShareInvitation]:
        return _ROWS.entities(self._connection.rows(_LIST_OF, {"subject": subject}))

    def list_to(self, address: str) -> Sequence[ShareInvitation]:
        return _ROWS.entities(self._connection.rows(_LIST_TO, {"address_key": email_key(address)}))

    def save(self, invitation: ShareInvitation) -> None:
        self._connection.change(_SAVE, {"of_id": invitation.id, "role": invitation.role.value})

    def renew(self, invitation_id: UUID, digest: bytes) -> bool:
        return self._connection.change(_SAVE, {"of_id": invitation_id, "digest": digest}) > 0

    def remove(self, invitation_id: UUID) -> None:
        self._connection.change(_REMOVE, {"of_id": invitation_id})

    def purge_before(self, before: datetime, limit: int) -> int:
        return self._connection.change(_PURGE, {"before": before, "limit": limit})
