"""A limit on the usernames and addresses that a user may try when sharing tasks and categories."""

from __future__ import annotations

from uuid import UUID

from tasktracker.domain.categories import policy as category_policy
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.store import Store
from tasktracker.domain.sharing.ports import SharingWork
from tasktracker.domain.tasks import policy as task_policy
from tasktracker.domain.throttling.limit import INVITATION_BY_ACCOUNT, Bucket
from tasktracker.domain.throttling.throttle import Throttle


class InvitationLimit:
    """The process that counts an attempt before a task or a category is shared by username or address."""

    def __init__(self, *, store: Store[Actor, SharingWork], throttle: Throttle) -> None:
        self._store = store
        self._throttle = throttle

    def consume(self, actor: Actor, task_id: UUID) -> None:
        """Count an attempt to name a user or an address. The actor must be the owner of the task.

        Raises TaskNotFound, NotAllowed, TooManyRequests.
        """
        with self._store.writing(actor) as work:  # writes nothing, but checks that an API token has the write scope
            task_policy.require_owned(work.tasks.find_unlocked(task_id), actor.user_id)
        self._count(actor)

    def consume_for_category(self, actor: Actor, category_id: UUID) -> None:
        """Count an attempt to name a user or an address. The actor must be the owner of the category.

        Raises CategoryNotFound, NotAllowed, TooManyRequests.
        """
        with self._store.writing(actor) as work:
            category_policy.require_owned(work.categories.find_unlocked(category_id), actor.user_id)
        self._count(actor)

    def _count(self, actor: Actor) -> None:
        self._throttle.consume(Bucket.of(INVITATION_BY_ACCOUNT, str(actor.user_id)))
