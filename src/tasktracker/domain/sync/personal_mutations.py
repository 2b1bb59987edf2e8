"""The mutations of reminders and notifications, which only their user sees.

They need no merging: a reminder is only created and deleted, and the last state of `read` counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.errors import InvalidInput, ReminderNotFound
from tasktracker.domain.notifications.notification import NotificationFields
from tasktracker.domain.notifications.service import NotificationService
from tasktracker.domain.reminders.reminder import ReminderFields
from tasktracker.domain.reminders.service import ReminderService
from tasktracker.domain.sync.mutation import Apply, Mutation, MutationOp, Outcome, Status
from tasktracker.domain.sync.ports import PushWork


class ReminderMutations:
    """Applies mutations of reminders."""

    def __init__(self, *, reminders: ReminderService) -> None:
        self._reminders = reminders
        self._by_op: Mapping[MutationOp, Apply] = {MutationOp.CREATE: self._create, MutationOp.DELETE: self._delete}

    def of(self, op: MutationOp) -> Apply | None:
        """Return the function that applies an operation, or None if reminders do not support it."""
        return self._by_op.get(op)

    def _create(self, work: PushWork, mutation: Mutation) -> Outcome:
        fields: dict[str, Any] = dict(mutation.data)
        task = fields.pop("task", None)
        if task is None:
            raise InvalidInput.of("task", "is required")
        created = self._reminders.create(work, task, cast(ReminderFields, fields), mutation.target)
        return Outcome(status=Status.APPLIED, version=created.version, made=created.version)

    def _delete(self, work: PushWork, mutation: Mutation) -> Outcome:
        try:
            version = self._reminders.delete(work, mutation.target).version + 1
        except ReminderNotFound:
            deleted = work.feed.tombstones(work.actor.user_id, ItemType.REMINDER, [mutation.target])
            if mutation.target not in deleted:
                raise
            return Outcome(status=Status.APPLIED, version=deleted[mutation.target].version)
        return Outcome(status=Status.APPLIED, version=version, made=version)


class NotificationMutations:
    """Applies mutations of notifications."""

    def __init__(self, *, notifications: NotificationService) -> None:
        self._notifications = notifications

    def of(self, op: MutationOp) -> Apply | None:
        """Return the function that applies an operation, or None if notifications do not support it."""
        return self._update if op is MutationOp.UPDATE else None

    def _update(self, work: PushWork, mutation: Mutation) -> Outcome:
        edited = self._notifications.edit(work, mutation.target, cast(NotificationFields, mutation.data))
        return Outcome(status=Status.APPLIED, version=edited.version)
