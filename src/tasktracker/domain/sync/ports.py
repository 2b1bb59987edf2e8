"""The ports of sync, and the units of work of its use cases and processes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.categories.ports import CategoryRepository
from tasktracker.domain.feed.ports import FeedRepository
from tasktracker.domain.history.ports import HistoryRepository
from tasktracker.domain.idempotency.ports import IdempotentWork
from tasktracker.domain.kernel.actors import ActorT_co
from tasktracker.domain.notifications.ports import NotificationWork
from tasktracker.domain.reminders.ports import ReminderWork
from tasktracker.domain.removal.ports import CategoryRemovalWork
from tasktracker.domain.sync.ticket import Ticket
from tasktracker.domain.tasks.ports import TrashWork

ChangeListener = Callable[[Collection[UUID] | None], None]
"""Takes the ids of users whose feeds have changed, or None if any feed may have changed."""


class FeedPublisher(Protocol):
    """Publishes changes of feeds to all server processes."""

    def publish(self, user_ids: Collection[UUID]) -> None:
        """Publish that a commit added entries to the feeds of these users."""
        ...


class ChangeNotifier(Protocol):
    """Notifies this process of changes of feeds made by any process."""

    def open(self, listener: ChangeListener) -> None:
        """Start notifying the listener, on any thread, of every change soon after its commit.

        If changes may have been missed, as after a lost connection, the listener is called with None.
        """
        ...

    def close(self) -> None:
        """Stop notifying the listener."""
        ...


class TicketRepository(Protocol):
    """Unused tickets. They are removed with their session."""

    def add(self, ticket: Ticket) -> None:
        """Store a ticket."""
        ...

    def find(self, digest: bytes) -> Ticket | None:
        """Return a ticket."""
        ...

    def take(self, digest: bytes) -> Ticket | None:
        """Return a ticket and remove it. If several callers take it concurrently, one gets it."""
        ...

    def purge_before(self, before: datetime, limit: int) -> int:
        """Remove at most `limit` tickets that expired before `before`, and return how many."""
        ...


class FeedWork(Protocol):
    """A unit of work that reads feeds."""

    @property
    def now(self) -> datetime: ...
    @property
    def categories(self) -> CategoryRepository: ...
    @property
    def feed(self) -> FeedRepository: ...


class TicketWork(FeedWork, Protocol[ActorT_co]):
    """A unit of work on tickets and feeds."""

    @property
    def actor(self) -> ActorT_co: ...
    @property
    def tickets(self) -> TicketRepository: ...


class PushWork(TrashWork, CategoryRemovalWork, IdempotentWork, ReminderWork, NotificationWork, Protocol):
    """A unit of work that applies a mutation. Changes are recorded with the time `made_at`, when the device made it."""

    made_at: datetime | None

    @property
    def history(self) -> HistoryRepository: ...
