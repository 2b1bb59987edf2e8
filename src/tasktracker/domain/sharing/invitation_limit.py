"""Limiting how many names of users one may try."""

from __future__ import annotations

from uuid import UUID

from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.store import Store
from tasktracker.domain.sharing.ports import SharingWork
from tasktracker.domain.tasks.policy import require_owned
from tasktracker.domain.throttling.limit import INVITATION_BY_ACCOUNT, Bucket
from tasktracker.domain.throttling.throttle import Throttle


class InvitationLimit:
    """A process that spends a try before a task is shared by username."""

    def __init__(self, *, store: Store[Actor, SharingWork], throttle: Throttle) -> None:
        self._store = store
        self._throttle = throttle

    def spend(self, actor: Actor, task_id: UUID) -> None:
        """Take one try at naming a user. Only an actor who may share the task gets to try names at all, and few.

        Raises TaskNotFound, NotAllowed, TooManyRequests.
        """
        with self._store.writing(actor) as work:  # nothing is written, but an API token must have the scope to write
            require_owned(work.tasks.find_unlocked(task_id), actor.user_id)
        self._throttle.spend(Bucket.of(INVITATION_BY_ACCOUNT, str(actor.user_id)))
