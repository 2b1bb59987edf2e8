"""The ports of sync, and the work of its use cases and processes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.categories.ports import CategoryWork
from tasktracker.domain.feed.ports import FeedRepository
from tasktracker.domain.history.ports import HistoryRepository
from tasktracker.domain.idempotency.ports import IdempotentWork
from tasktracker.domain.kernel.actors import ActorT_co
from tasktracker.domain.sync.ticket import Ticket
from tasktracker.domain.tasks.ports import TaskWork, TrashWork

ChangeListener = Callable[[Collection[UUID] | None], None]
"""Takes the ids of users whose feeds have changed; None where they are not known, and any feed may have."""


class FeedPublisher(Protocol):
    """Publishes changes to feeds, to all processes."""

    def publish(self, user_ids: Collection[UUID]) -> None:
        """Publish that a commit has added to the feeds of these users."""
        ...


class ChangeNotifier(Protocol):
    """Notifies a process of changes to feeds, whichever process made them."""

    def open(self, listener: ChangeListener) -> None:
        """Notify a listener, on any thread, of every change that is committed from now on, soon after it is.

        Where changes may have been missed, as after a lost connection, it is called with None.
        """
        ...

    def close(self) -> None:
        """Notify it no more."""
        ...


class TicketRepository(Protocol):
    """Tickets that were not used yet. They go with their session."""

    def add(self, ticket: Ticket) -> None:
        """Store a ticket."""
        ...

    def take(self, digest: bytes) -> Ticket | None:
        """Return a ticket and remove it: of all who try to take it, one does."""
        ...

    def purge_before(self, before: datetime, limit: int) -> int:
        """Remove tickets that expired before a moment, and return how many."""
        ...


class FeedWork(Protocol):
    """Work that reads feeds."""

    @property
    def now(self) -> datetime: ...
    @property
    def feed(self) -> FeedRepository: ...


class TicketWork(FeedWork, Protocol[ActorT_co]):
    """Work on tickets, and on the feeds that they give access to."""

    @property
    def actor(self) -> ActorT_co: ...
    @property
    def tickets(self) -> TicketRepository: ...


class PushWork(TaskWork, TrashWork, CategoryWork, IdempotentWork, Protocol):
    """Work that applies a mutation."""

    @property
    def history(self) -> HistoryRepository: ...
