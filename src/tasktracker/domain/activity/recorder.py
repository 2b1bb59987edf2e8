"""Making events, so that services need only say what happened."""

from __future__ import annotations

from uuid import UUID

from tasktracker.domain.activity.event import AuthEvent, Kind, Origin, Outcome
from tasktracker.domain.kernel.clock import Clock, IdGenerator
from tasktracker.domain.work import Store, UnitOfWork


class Recorder:
    """Records events in the unit of work in which they happen."""

    def __init__(self, *, store: Store, clock: Clock, ids: IdGenerator) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    def success(
        self, work: UnitOfWork, kind: Kind, origin: Origin, user_id: UUID | None, session_id: UUID | None = None
    ) -> None:
        """Record that something was done. It has happened when the work commits."""
        work.activity.add(self._event(kind, Outcome.SUCCESS, origin, user_id, session_id))

    def failure(self, kind: Kind, origin: Origin, user_id: UUID | None, session_id: UUID | None = None) -> None:
        """Record that something was refused, in a unit of work of its own: the refused one leaves no trace."""
        with self._store.writing(None) as work:
            # Somebody removed meanwhile must not make of one refusal another.
            if user_id is not None and work.users.find(user_id) is None:
                user_id = None
            work.activity.add(self._event(kind, Outcome.FAILURE, origin, user_id, session_id))

    def _event(
        self, kind: Kind, outcome: Outcome, origin: Origin, user_id: UUID | None, session_id: UUID | None
    ) -> AuthEvent:
        return AuthEvent(
            id=self._ids.new(),
            at=self._clock.now(),
            kind=kind,
            outcome=outcome,
            user_id=user_id,
            session_id=session_id,
            address=origin.address,
        )
