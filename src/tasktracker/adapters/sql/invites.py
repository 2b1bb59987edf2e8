"""Invitations in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, bindparam, delete, insert, select, tuple_, update

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import invites
from tasktracker.adapters.sql.statements import Row
from tasktracker.domain.accounts.invites import Invite, InviteKey
from tasktracker.domain.kernel.paging import Page

_INVITES = Rows(Invite, invites)
_IS_USABLE = (invites.c.uses_left > 0, invites.c.expires_at > bindparam("now"))
_HAS_TOKEN = invites.c.digest == bindparam("of_digest")
_FIND_USABLE = select(*_INVITES.columns).where(_HAS_TOKEN, *_IS_USABLE)
# After waiting for a concurrent use of the same row, the database checks this condition again.
_USE = (
    update(invites)
    .where(_HAS_TOKEN, *_IS_USABLE)
    .values(uses_left=invites.c.uses_left - 1)
    .returning(*_INVITES.columns)
)
_RENEW = (
    update(invites)
    .where(invites.c.id == bindparam("of_id"), *_IS_USABLE)
    .values(digest=bindparam("digest"))
    .returning(*_INVITES.columns)
)
_ADD = insert(invites)
_REMOVE = delete(invites).where(invites.c.id == bindparam("id")).returning(*_INVITES.columns)
_LIST = (
    select(*_INVITES.columns)
    .order_by(invites.c.created_at.desc(), invites.c.id.desc())
    .limit(bindparam("limit", type_=Integer))
)
_KEY = tuple_(bindparam("after_at", type_=invites.c.created_at.type), bindparam("after_id", type_=invites.c.id.type))
_LIST_AFTER = _LIST.where(tuple_(invites.c.created_at, invites.c.id) < _KEY)
_PURGE = delete(invites).where(
    invites.c.id.in_(
        select(invites.c.id).where(invites.c.expires_at < bindparam("before")).limit(bindparam("limit", type_=Integer))
    )
)


class SqlInvites:
    """Implements InviteRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, invite: Invite) -> None:
        self._connection.change(_ADD, _INVITES.row(invite))

    def find_usable(self, digest: bytes, now: datetime) -> Invite | None:
        return self._first(self._connection.rows(_FIND_USABLE, {"of_digest": digest, "now": now}))

    def use(self, digest: bytes, now: datetime) -> Invite | None:
        return self._first(self._connection.change_returning(_USE, {"of_digest": digest, "now": now}))

    def renew(self, invite_id: UUID, digest: bytes, now: datetime) -> Invite | None:
        parameters = {"of_id": invite_id, "digest": digest, "now": now}
        return self._first(self._connection.change_returning(_RENEW, parameters))

    def remove(self, invite_id: UUID) -> Invite | None:
        return self._first(self._connection.change_returning(_REMOVE, {"id": invite_id}))

    def list(self, after: InviteKey | None, limit: int) -> Page[Invite, InviteKey]:
        key: dict[str, Any] = {} if after is None else {"after_at": after.at, "after_id": after.id}
        rows = self._connection.rows(_LIST_AFTER if key else _LIST, {**key, "limit": limit + 1})
        return Page.cut(_INVITES.entities(rows), limit, lambda invite: invite.key)

    def purge_before(self, before: datetime, limit: int) -> int:
        return self._connection.change(_PURGE, {"before": before, "limit": limit})

    def _first(self, rows: Sequence[Row]) -> Invite | None:
        return _INVITES.entity(rows[0]) if rows else None
