"""Recording authentication events."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from tasktracker.domain.activity.event import AuthEvent, Kind, Origin, Outcome
from tasktracker.domain.activity.ports import AdminEventWork, EventWork, FailureWork
from tasktracker.domain.kernel.actors import AdminActor, SystemActor
from tasktracker.domain.kernel.clock import IdGenerator
from tasktracker.domain.kernel.store import Store


class Recorder:
    """Creates events and records them in the unit of work in which they happen."""

    def __init__(self, *, store: Store[SystemActor, FailureWork], ids: IdGenerator) -> None:
        self._store = store
        self._ids = ids

    def success(
        self, work: EventWork, kind: Kind, origin: Origin, user_id: UUID | None, session_id: UUID | None = None
    ) -> None:
        """Record a success. It is stored when the work commits."""
        work.activity.add(self._event(kind, Outcome.SUCCESS, work.now, origin, user_id, session_id))

    def by_admin(
        self,
        work: AdminEventWork,
        kind: Kind,
        origin: Origin,
        *,
        user_id: UUID | None = None,
        subject: UUID | None = None,
    ) -> None:
        """Record what an administrator or a command did: to the account `user_id`, or to another `subject`."""
        actor = work.actor
        event = self._event(kind, Outcome.SUCCESS, work.now, origin, user_id, None)
        if isinstance(actor, AdminActor):
            event = replace(event, admin_id=actor.user_id, session_id=actor.session_id)
        work.activity.add(replace(event, subject=subject or user_id))

    def failure(self, kind: Kind, origin: Origin, user_id: UUID | None, session_id: UUID | None = None) -> None:
        """Record a failure, in a separate unit of work, because the refused one is undone."""
        with self._store.writing(SystemActor("record a failure")) as work:
            # If the user was removed meanwhile, storing their id would fail.
            if user_id is not None and work.users.find(user_id) is None:
                user_id = None
            work.activity.add(self._event(kind, Outcome.FAILURE, work.now, origin, user_id, session_id))

    def _event(
        self,
        kind: Kind,
        outcome: Outcome,
        at: datetime,
        origin: Origin,
        user_id: UUID | None,
        session_id: UUID | None,
    ) -> AuthEvent:
        return AuthEvent(
            id=self._ids.new(),
            at=at,
            kind=kind,
            outcome=outcome,
            user_id=user_id,
            session_id=session_id,
            address=origin.address,
        )
