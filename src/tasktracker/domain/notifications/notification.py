"""A notification to a user."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, TypedDict
from uuid import UUID, uuid5

from tasktracker.domain.kernel.fields import Editable, EditableFields

MAX_NOTIFICATIONS = 1000
KEPT_FOR = timedelta(days=30)


class NotificationKind(StrEnum):
    """What a notification is about."""

    REMINDER = "reminder"
    TASK_SHARED = "task_shared"
    CATEGORY_SHARED = "category_shared"
    SECURITY = "security"


class NotificationFields(TypedDict, total=False):
    """The fields of a notification that its user may set."""

    read: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A notification of a user. It contains no title: clients show the title that the task or category has now.

    `task` and `category` may not exist any more. `moment` is when a reminder was due. `event` is the kind of a notice
    about the security of the account. `by` is the username of who shared something.
    """

    id: UUID
    user_id: UUID
    kind: NotificationKind
    task: UUID | None = None
    category: UUID | None = None
    event: str | None = None
    by: str | None = None
    moment: datetime | None = None
    read: Annotated[bool, Editable()] = False
    created_at: datetime
    version: int = 1

    @classmethod
    def of_share(
        cls, user_id: UUID, now: datetime, *, by: str | None, task: UUID | None = None, category: UUID | None = None
    ) -> Notification:
        """Return the notification that a task or a category is shared with a user now."""
        subject = task or category
        assert subject is not None, "something is shared"
        kind = NotificationKind.TASK_SHARED if task else NotificationKind.CATEGORY_SHARED
        id_ = uuid5(subject, f"{user_id} {now.isoformat()}")
        return cls(id=id_, user_id=user_id, kind=kind, task=task, category=category, by=by, created_at=now)

    @property
    def key(self) -> NotificationKey:
        """The sort key in lists."""
        return NotificationKey(self.created_at, self.id)

    def edit(self, fields: NotificationFields) -> Notification:
        """Return the notification with these (checked) fields, or the same object if they change nothing."""
        edited = replace(self, **fields)
        return self if edited == self else replace(edited, version=self.version + 1)


@dataclass(frozen=True, slots=True, order=True)
class NotificationKey:
    """The sort key of notifications, which are listed newest first; the id orders those of the same time."""

    created_at: datetime
    id: UUID


NOTIFICATION = EditableFields[NotificationFields](Notification)
