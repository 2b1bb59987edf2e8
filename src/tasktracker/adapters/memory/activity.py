"""Authentication events in memory."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from uuid import UUID

from tasktracker.adapters.memory.tables import Transaction
from tasktracker.domain.activity.event import AuthEvent, EventKey, EventQuery
from tasktracker.domain.kernel.paging import Page


class MemoryActivity:
    """Implements ActivityRepository."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.added: list[AuthEvent] = []

    def add(self, event: AuthEvent) -> None:
        if event.user_id is not None and self._transaction.data.users.get(event.user_id) is None:
            raise RuntimeError(f"User {event.user_id} does not exist.")
        if self._transaction.data.events.get(event.id) is not None:
            raise RuntimeError(f"Event {event.id} already exists.")
        self._transaction.put(self._transaction.data.events, event)
        self.added.append(event)

    def purge_before(self, before: datetime, limit: int) -> int:
        events = self._transaction.data.events
        old = list(islice((event.id for event in events.rows() if event.at < before), limit))
        for event_id in old:
            self._transaction.drop(events, event_id)
        return len(old)

    def list(self, user_id: UUID, after: EventKey | None, limit: int) -> Page[AuthEvent, EventKey]:
        data = self._transaction.data
        keys = [key for key in reversed(data.events_of.keys(user_id)) if after is None or key < after]
        found = (data.events.get(key.id) for key in keys[: limit + 1])
        return Page.cut([event for event in found if event is not None], limit, lambda event: event.key)

    def search(self, query: EventQuery) -> Page[AuthEvent, EventKey]:
        matching = (event for event in self._transaction.data.events.rows() if query.matches(event))
        ordered = sorted(matching, key=lambda event: event.key, reverse=True)
        found = [event for event in ordered if query.after is None or event.key < query.after]
        return Page.cut(found[: query.limit + 1], query.limit, lambda event: event.key)
