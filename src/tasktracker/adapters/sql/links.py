"""One-time links in SQL."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Integer, bindparam, delete, insert, select

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import one_time_links
from tasktracker.domain.accounts.links import LinkKind, OneTimeLink

_LINKS = Rows(OneTimeLink, one_time_links)
_ADD = insert(one_time_links)
_FIND = select(*_LINKS.columns).where(one_time_links.c.digest == bindparam("digest"))
_TAKE = delete(one_time_links).where(one_time_links.c.digest == bindparam("digest"))
_REMOVE_ALL = delete(one_time_links).where(one_time_links.c.user_id == bindparam("user_id"))
_REMOVE_KIND = _REMOVE_ALL.where(one_time_links.c.kind == bindparam("kind"))
_PURGE = delete(one_time_links).where(
    one_time_links.c.digest.in_(
        select(one_time_links.c.digest)
        .where(one_time_links.c.expires_at < bindparam("before"))
        .limit(bindparam("limit", type_=Integer))
    )
)


class SqlLinks:
    """Implements LinkRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, link: OneTimeLink) -> None:
        self.remove_of(link.user_id, link.kind)
        self._connection.change(_ADD, _LINKS.row(link))

    def find(self, digest: bytes) -> OneTimeLink | None:
        row = self._connection.one(_FIND, {"digest": digest})
        return None if row is None else _LINKS.entity(row)

    def take(self, digest: bytes) -> bool:
        return self._connection.change(_TAKE, {"digest": digest}) > 0

    def remove_of(self, user_id: UUID, kind: LinkKind | None = None) -> None:
        if kind is None:
            self._connection.change(_REMOVE_ALL, {"user_id": user_id})
        else:
            self._connection.change(_REMOVE_KIND, {"user_id": user_id, "kind": kind.value})

    def purge_before(self, before: datetime, limit: int) -> int:
        return self._connection.change(_PURGE, {"before": before, "limit": limit})
