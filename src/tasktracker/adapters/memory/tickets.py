"""Tickets in memory."""

from __future__ import annotations

from datetime import datetime
from itertools import islice

from tasktracker.adapters.memory.tables import StoredTicket, Transaction, digest_id
from tasktracker.domain.sync.ticket import Ticket


class MemoryTickets:
    """Implements TicketRepository."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, ticket: Ticket) -> None:
        self._transaction.put(self._transaction.data.tickets, StoredTicket(ticket))

    def find(self, digest: bytes) -> Ticket | None:
        data = self._transaction.data
        stored = data.tickets.get(digest_id(digest))
        return stored.ticket if stored and data.sessions.get(stored.ticket.session_id) else None

    def take(self, digest: bytes) -> Ticket | None:
        found = self.find(digest)
        if found is not None:
            self._transaction.drop(self._transaction.data.tickets, digest_id(digest))
        return found

    def purge_before(self, before: datetime, limit: int) -> int:
        data = self._transaction.data
        old = list(islice((stored.id for stored in data.tickets.rows() if stored.ticket.expires_at < before), limit))
        for stored_id in old:
            self._transaction.drop(data.tickets, stored_id)
        return len(old)
