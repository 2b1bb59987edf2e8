"""The repository of notifications and preferences, and units of work on them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.changes import ChangeLog
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.notifications.notification import Notification, NotificationKey
from tasktracker.domain.notifications.preferences import Preferences


class NotificationRepository(Protocol):
    """Notifications, and the preferences of their users. Both are removed with the account."""

    def add(self, notification: Notification) -> bool:
        """Store a notification, and return True. Do nothing and return False if there is one with this id."""
        ...

    def find(self, user_id: UUID, notification_id: UUID) -> Notification | None:
        """Return a user's notification. A unit of work that writes locks the row until its end."""
        ...

    def save(self, notification: Notification) -> None:
        """Store a changed notification, which the unit of work has locked."""
        ...

    def list(
        self, user_id: UUID, unread: bool | None, after: NotificationKey | None, limit: int
    ) -> Page[Notification, NotificationKey]:
        """Return a page of a user's notifications, the newest first; with `unread`, those that are not read or are."""
        ...

    def unread(self, user_id: UUID, limit: int) -> Sequence[Notification]:
        """Return at most `limit` unread notifications of a user, and lock them."""
        ...

    def remove_surplus(self, user_id: UUID, keep: int) -> Sequence[Notification]:
        """Remove the notifications of a user except the newest `keep`, and return them."""
        ...

    def purge_before(self, before: datetime, limit: int) -> Sequence[Notification]:
        """Remove at most `limit` notifications created before `before`, and return them."""
        ...

    def preferences(self, user_id: UUID) -> Preferences:
        """Return a user's preferences, by default those without a change. Locks nothing: lock the user before."""
        ...

    def save_preferences(self, preferences: Preferences) -> None:
        """Store a user's preferences. The unit of work must have locked the user."""
        ...

    def has_summary_due(self, now: datetime) -> bool:
        """Whether the summary of a user is due. Locks nothing."""
        ...

    def claim_summaries(self, now: datetime, limit: int) -> Sequence[Preferences]:
        """Return at most `limit` preferences with a summary that is due, the earliest first, and lock them.

        Rows that another unit of work has locked are left out.
        """
        ...


class NotifyingWork(Protocol):
    """A unit of work that adds notifications."""

    @property
    def now(self) -> datetime: ...
    @property
    def changes(self) -> ChangeLog: ...
    @property
    def notifications(self) -> NotificationRepository: ...


class NotificationWork(NotifyingWork, Protocol):
    """A unit of work on the actor's notifications."""

    @property
    def actor(self) -> Actor: ...
