"""Tickets in memory."""

from __future__ import annotations

from datetime import datetime
from itertools import islice

from tasktracker.adapters.memory.tables import KeptTicket, Transaction, ticket_id
from tasktracker.domain.sync.ticket import Ticket


class MemoryTickets:
    """Implements TicketRepository."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, ticket: Ticket) -> None:
        self._transaction.put(self._transaction.data.tickets, KeptTicket(ticket))

    def take(self, digest: bytes) -> Ticket | None:
        data = self._transaction.data
        kept = data.tickets.get(ticket_id(digest))
        if kept is None or kept.ticket.digest != digest:
            return None
        self._transaction.drop(data.tickets, kept.id)
        return kept.ticket if data.sessions.get(kept.ticket.session_id) else None

    def purge_before(self, before: datetime, limit: int) -> int:
        data = self._transaction.data
        old = list(islice((kept.id for kept in data.tickets.rows() if kept.ticket.expires_at < before), limit))
        for kept_id in old:
            self._transaction.drop(data.tickets, kept_id)
        return len(old)
