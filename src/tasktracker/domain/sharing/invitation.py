"""An invitation of an e-mail address to a task or a category."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from tasktracker.domain.kernel.clock import MAX_CLOCK_SKEW
from tasktracker.domain.kernel.members import Role

LIFETIME = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareInvitation:
    """An invitation to a tree of tasks, by the id of its root, or to a category. Exactly one of the two ids is set.

    When an account verifies the address, its user becomes a member. `digest` is the hash of the token in the mail, None
    until the mail is prepared.
    """

    id: UUID
    task_id: UUID | None = None
    category_id: UUID | None = None
    invited_by: UUID
    address: str
    role: Role
    digest: bytes | None = field(default=None, repr=False)
    created_at: datetime
    expires_at: datetime

    @property
    def subject(self) -> UUID:
        """The id of the task or the category."""
        subject = self.task_id or self.category_id
        assert subject is not None, "an invitation is to a task or to a category"
        return subject

    def is_live(self, now: datetime) -> bool:
        """Whether the invitation has not expired. If it was created by a clock that ran far ahead, it is not valid."""
        return self.created_at <= now + MAX_CLOCK_SKEW and now < self.expires_at
