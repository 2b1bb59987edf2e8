"""The repository of authentication events, the audit log, and units of work that record events."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.activity.event import AuthEvent, EventKey, EventQuery
from tasktracker.domain.deliveries.ports import DeliveryWork
from tasktracker.domain.kernel.actors import AdminActor, SessionActor, SystemActor
from tasktracker.domain.kernel.paging import Page


class ActivityRepository(Protocol):
    """Authentication events. Only when the unit of work commits, added events are also written to the `AuditLog`."""

    def add(self, event: AuthEvent) -> None:
        """Store an event."""
        ...

    def list(self, user_id: UUID, after: EventKey | None, limit: int) -> Page[AuthEvent, EventKey]:
        """Return a user's events that follow `after`, the newest first."""
        ...

    def search(self, query: EventQuery) -> Page[AuthEvent, EventKey]:
        """Return a page of the events of all users, the newest first."""
        ...

    def purge_before(self, before: datetime, limit: int) -> int:
        """Remove at most `limit` events older than `before`, and return how many."""
        ...


class AuditLog(Protocol):
    """The log of events for the operator of the service."""

    def write(self, event: AuthEvent) -> None:
        """Write an event. Never raises."""
        ...


class EventWork(DeliveryWork, Protocol):
    """A unit of work that records authentication events."""

    @property
    def activity(self) -> ActivityRepository: ...


class UserLookup(Protocol):
    """Looks up a user."""

    def find(self, user_id: UUID) -> object | None:
        """Return the user, or None."""
        ...


class FailureWork(EventWork, Protocol):
    """A unit of work that records a failure of a user who may have been removed meanwhile."""

    @property
    def users(self) -> UserLookup: ...


class AdminEventWork(EventWork, Protocol):
    """A unit of work that records what an administrator or a command does."""

    @property
    def actor(self) -> AdminActor | SystemActor: ...


class ActivityWork(EventWork, Protocol):
    """A unit of work that reads the events of the actor's own account."""

    @property
    def actor(self) -> SessionActor: ...
