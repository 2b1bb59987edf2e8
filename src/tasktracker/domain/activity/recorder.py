"""Recording authentication events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from tasktracker.domain.activity.event import AuthEvent, Kind, Origin, Outcome
from tasktracker.domain.activity.ports import AdminEventWork, EventWork, FailureWork
from tasktracker.domain.deliveries.delivery import BY_ADMIN, DeliveryKind
from tasktracker.domain.deliveries.outbox import Outbox
from tasktracker.domain.kernel.actors import AdminActor, SystemActor
from tasktracker.domain.kernel.clock import IdGenerator
from tasktracker.domain.kernel.store import Store

NOTICES: Mapping[Kind, DeliveryKind] = {
    Kind.REPLAY: DeliveryKind.SESSION_REPLAYED,
    Kind.PASSWORD_CHANGE: DeliveryKind.PASSWORD_CHANGED,
    Kind.PASSWORD_RESET: DeliveryKind.PASSWORD_CHANGED,
    Kind.PASSWORD_LINK: DeliveryKind.PASSWORD_LINK,
    Kind.API_TOKEN_CREATE: DeliveryKind.API_TOKEN_CREATED,
    Kind.API_TOKEN_REVOKE: DeliveryKind.API_TOKEN_REVOKED,
    Kind.TWO_FACTOR_ENABLE: DeliveryKind.TWO_FACTOR_ENABLED,
    Kind.TWO_FACTOR_DISABLE: DeliveryKind.TWO_FACTOR_DISABLED,
    Kind.RECOVERY_CODE_USE: DeliveryKind.RECOVERY_CODE_USED,
    Kind.PROMOTE: DeliveryKind.PROMOTED,
    Kind.DEMOTE: DeliveryKind.DEMOTED,
}
"""The events of which a user gets a notice by mail."""


class Recorder:
    """Creates events and records them in the unit of work in which they happen, with the notices that they cause."""

    def __init__(self, *, store: Store[SystemActor, FailureWork], ids: IdGenerator, outbox: Outbox) -> None:
        self._store = store
        self._ids = ids
        self._outbox = outbox

    def success(
        self, work: EventWork, kind: Kind, origin: Origin, user_id: UUID | None, session_id: UUID | None = None
    ) -> AuthEvent:
        """Record a success and return its event. It is stored when the unit of work commits."""
        event = self._event(kind, Outcome.SUCCESS, work.now, origin, user_id, session_id)
        self._add(work, event)
        return event

    def by_admin(
        self,
        work: AdminEventWork,
        kind: Kind,
        origin: Origin,
        *,
        user_id: UUID | None = None,
        subject: UUID | None = None,
        detail: str | None = None,
    ) -> AuthEvent:
        """Record what an administrator or a command did: to the account `user_id`, or to another `subject`."""
        actor = work.actor
        event = self._event(kind, Outcome.SUCCESS, work.now, origin, user_id, None)
        if isinstance(actor, AdminActor):
            event = replace(event, admin_id=actor.user_id, session_id=actor.session_id)
        event = replace(event, subject=subject or user_id, detail=detail)
        self._add(work, event)
        return event

    def failure(self, kind: Kind, origin: Origin, user_id: UUID | None, session_id: UUID | None = None) -> None:
        """Record a failure, in a separate unit of work, because the refused one is undone."""
        with self._store.writing(SystemActor("record a failure")) as work:
            # If the user was removed meanwhile, storing their id would fail.
            if user_id is not None and work.users.find(user_id) is None:
                user_id = None
            work.activity.add(self._event(kind, Outcome.FAILURE, work.now, origin, user_id, session_id))

    def _add(self, work: EventWork, event: AuthEvent) -> None:
        work.activity.add(event)
        if event.kind in NOTICES and event.user_id is not None:
            # The address of an administrator is not the user's to see.
            origin = BY_ADMIN if event.subject else {"from": event.address} if event.address else {}
            details = {"at": event.at.isoformat(), **origin}
            self._outbox.add(work, NOTICES[event.kind], event.id, user_id=event.user_id, parameters=details)

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
