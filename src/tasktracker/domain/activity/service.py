"""Looking back."""

from __future__ import annotations

from tasktracker.domain.activity.event import AuthEvent, EventKey
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.paging import DEFAULT_PAGE, Page
from tasktracker.domain.work import Store


class ActivityService:
    """The authentication events of the actor's own account."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    def list(
        self, actor: SessionActor, after: EventKey | None = None, limit: int = DEFAULT_PAGE
    ) -> Page[AuthEvent, EventKey]:
        """Return a page of events, the newest first."""
        with self._store.reading(actor) as work:
            return work.activity.list(actor.user_id, after, limit)
