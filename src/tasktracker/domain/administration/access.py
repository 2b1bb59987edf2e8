"""Who may administer the service, and the record of all calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

from tasktracker.domain.accounts.password_confirmation import require_recent_proof
from tasktracker.domain.accounts.ports import ProofWork
from tasktracker.domain.activity.event import Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.administration.ports import AdminWork
from tasktracker.domain.kernel.actors import AdminActor
from tasktracker.domain.kernel.errors import AdminRequired
from tasktracker.domain.kernel.store import Store

WorkT = TypeVar("WorkT", bound=AdminWork)


def require_proof(work: AdminWork) -> None:
    """Require a recent proof of an administrator in a session, for each write. Raises ConfirmationRequired."""
    if isinstance(work.actor, AdminActor):
        require_recent_proof(cast(ProofWork, work))


def require_still_admin(work: AdminWork) -> None:
    """Raise AdminRequired if the actor has lost the role while this unit of work waited for a lock."""
    if isinstance(work.actor, AdminActor):
        actor = work.users.find_unlocked(work.actor.user_id)
        if actor is None or not (actor.is_admin and actor.is_active):
            raise AdminRequired


class AuditedReading(Generic[WorkT]):
    """Opens units of work in which an administrator reads. Each is recorded before anything is read."""

    def __init__(self, *, store: Store[Any, WorkT], recorder: Recorder) -> None:
        self._store = store
        self._recorder = recorder

    @contextmanager
    def open(self, actor: AdminActor, kind: Kind, origin: Origin, subject: UUID | None = None) -> Iterator[WorkT]:
        """Record the call, and open a read-only unit of work. Raises AdminRequired."""
        with self._store.writing(actor) as work:
            self._recorder.by_admin(work, kind, origin, subject=subject)
        with self._store.reading(actor) as work:
            yield work
