"""Notifications and preferences in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from uuid import UUID

from tasktracker.adapters.memory.tables import StoredPreferences, Transaction
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.notifications.notification import Notification, NotificationKey
from tasktracker.domain.notifications.preferences import Preferences


class MemoryNotifications:
    """Implements NotificationRepository."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, notification: Notification) -> bool:
        data = self._transaction.data
        if data.notifications.get(notification.id) is not None:
            return False
        if data.users.get(notification.user_id) is None:
            raise RuntimeError(f"User {notification.user_id} does not exist.")
        self.save(notification)
        return True

    def find(self, user_id: UUID, notification_id: UUID) -> Notification | None:
        found = self._transaction.data.notifications.get(notification_id)
        return found if found is not None and found.user_id == user_id else None

    def save(self, notification: Notification) -> None:
        self._transaction.put(self._transaction.data.notifications, notification)

    def list(
        self, user_id: UUID, unread: bool | None, after: NotificationKey | None, limit: int
    ) -> Page[Notification, NotificationKey]:
        found = (each for each in self._newest_first(user_id) if unread in (None, not each.read))
        return Page.cut(
            [each for each in found if after is None or each.key < after][: limit + 1], limit, lambda each: each.key
        )

    def unread(self, user_id: UUID, limit: int) -> Sequence[Notification]:
        return [each for each in self._newest_first(user_id) if not each.read][:limit]

    def remove_surplus(self, user_id: UUID, keep: int) -> Sequence[Notification]:
        return self._removed(self._newest_first(user_id)[keep:])

    def purge_before(self, before: datetime, limit: int) -> Sequence[Notification]:
        rows = self._transaction.data.notifications.rows()
        return self._removed(list(islice((each for each in rows if each.created_at < before), limit)))

    def preferences(self, user_id: UUID) -> Preferences:
        found = self._transaction.data.preferences.get(user_id)
        return Preferences(user_id=user_id) if found is None else found.preferences

    def save_preferences(self, preferences: Preferences) -> None:
        self._transaction.put(self._transaction.data.preferences, StoredPreferences(preferences))

    def has_summary_due(self, now: datetime) -> bool:
        return bool(self._due(now))

    def claim_summaries(self, now: datetime, limit: int) -> Sequence[Preferences]:
        self._transaction.require_writable()
        return self._due(now)[:limit]

    def _due(self, now: datetime) -> Sequence[Preferences]:
        found = (each.preferences for each in self._transaction.data.preferences.rows())
        due = [(each.next_summary_at, each) for each in found if each.next_summary_at and each.next_summary_at <= now]
        return [each for _, each in sorted(due, key=lambda pair: (pair[0], pair[1].user_id))]

    def _newest_first(self, user_id: UUID) -> Sequence[Notification]:
        data = self._transaction.data
        found = (data.notifications.get(key.id) for key in reversed(data.notifications_of.keys(user_id)))
        return [each for each in found if each is not None]

    def _removed(self, notifications: Iterable[Notification]) -> Sequence[Notification]:
        removed = list(notifications)
        for each in removed:
            self._transaction.drop(self._transaction.data.notifications, each.id)
        return removed
