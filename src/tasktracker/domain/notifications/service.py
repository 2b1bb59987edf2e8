"""Adding, reading and removing notifications."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import NotificationNotFound
from tasktracker.domain.kernel.paging import DEFAULT_PAGE, Page
from tasktracker.domain.notifications.notification import (
    MAX_NOTIFICATIONS,
    NOTIFICATION,
    Notification,
    NotificationFields,
    NotificationKey,
)
from tasktracker.domain.notifications.ports import NotificationWork, NotifyingWork


def notify(work: NotifyingWork, notification: Notification) -> None:
    """Add a notification in the transaction of its cause, unless there is one with its id.

    The user keeps the newest `MAX_NOTIFICATIONS`.
    """
    if not work.notifications.add(notification):
        return
    work.changes.record(Action.CREATE, None, notification)
    for each in work.notifications.remove_surplus(notification.user_id, MAX_NOTIFICATIONS):
        work.changes.record_removal(each)


def purge_notifications(work: NotifyingWork, before: datetime, limit: int) -> int:
    """Remove at most `limit` notifications created before `before`, and return how many."""
    purged = work.notifications.purge_before(before, limit)
    for each in purged:
        work.changes.record_removal(each)
    return len(purged)


class NotificationService:
    """Use cases on the actor's notifications."""

    def list(
        self,
        work: NotificationWork,
        unread: bool | None = None,
        after: NotificationKey | None = None,
        limit: int = DEFAULT_PAGE,
    ) -> Page[Notification, NotificationKey]:
        """Return a page of notifications, the newest first; with `unread`, those that are not read or are."""
        return work.notifications.list(work.actor.user_id, unread, after, limit)

    def edit(self, work: NotificationWork, notification_id: UUID, fields: NotificationFields) -> Notification:
        """Change the given fields. Raises InvalidInput, NotificationNotFound."""
        fields = NOTIFICATION.check(fields)
        found = work.notifications.find(work.actor.user_id, notification_id)
        if found is None:
            raise NotificationNotFound
        edited = found.edit(fields)
        _save(work, found, edited)
        return edited

    def read_all(self, work: NotificationWork) -> int:
        """Mark all notifications as read, and return how many were not."""
        unread = work.notifications.unread(work.actor.user_id, MAX_NOTIFICATIONS)
        for each in unread:
            _save(work, each, each.edit({"read": True}))
        return len(unread)


def _save(work: NotificationWork, before: Notification, after: Notification) -> None:
    if after is not before:
        work.notifications.save(after)
        work.changes.record(Action.EDIT, before, after)
