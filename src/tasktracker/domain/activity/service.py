"""Reading the authentication events of an account."""

from __future__ import annotations

from tasktracker.domain.activity.event import AuthEvent, EventKey
from tasktracker.domain.activity.ports import ActivityWork
from tasktracker.domain.kernel.paging import DEFAULT_PAGE, Page


class ActivityService:
    """Use cases on the authentication events of the actor's own account."""

    def list(
        self, work: ActivityWork, after: EventKey | None = None, limit: int = DEFAULT_PAGE
    ) -> Page[AuthEvent, EventKey]:
        """Return a page of events, the newest first."""
        return work.activity.list(work.actor.user_id, after, limit)
