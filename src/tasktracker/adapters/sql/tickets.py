"""Tickets in SQL."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer, bindparam, delete, insert, select

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import tickets
from tasktracker.domain.sync.ticket import Ticket

_TICKETS = Rows(Ticket, tickets)
_ADD = insert(tickets)
_FIND = select(*_TICKETS.columns).where(tickets.c.digest == bindparam("digest"))
_TAKE = delete(tickets).where(tickets.c.digest == bindparam("digest")).returning(*_TICKETS.columns)
_PURGE = delete(tickets).where(
    tickets.c.digest.in_(
        select(tickets.c.digest)
        .where(tickets.c.expires_at < bindparam("before"))
        .limit(bindparam("limit", type_=Integer))
    )
)


class SqlTickets:
    """Implements TicketRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, ticket: Ticket) -> None:
        self._connection.change(_ADD, _TICKETS.row(ticket))

    def find(self, digest: bytes) -> Ticket | None:
        row = self._connection.one(_FIND, {"digest": digest})
        return _TICKETS.entity(row) if row else None

    def take(self, digest: bytes) -> Ticket | None:
        rows = self._connection.change_returning(_TAKE, {"digest": digest})
        return _TICKETS.entity(rows[0]) if rows else None

    def purge_before(self, before: datetime, limit: int) -> int:
        return self._connection.change(_PURGE, {"before": before, "limit": limit})
