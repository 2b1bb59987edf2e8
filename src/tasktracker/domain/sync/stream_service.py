"""Tickets for event streams, and the shared queries of all streams of a process."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from tasktracker.domain.kernel.actors import Actor, SessionActor, SystemActor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import InvalidToken
from tasktracker.domain.kernel.store import Admission, Store
from tasktracker.domain.sync.ports import TicketWork
from tasktracker.domain.sync.ticket import TICKET_LIFETIME, Ticket, digest_of_ticket, new_ticket


class StreamService:
    """Processes that open streams by ticket, and check which streams must end or have changes to read."""

    def __init__(
        self, *, store: Store[SystemActor, TicketWork[SystemActor]], admission: Admission, clock: Clock
    ) -> None:
        self._store = store
        self._admission = admission
        self._clock = clock

    def issue(self, work: TicketWork[SessionActor], token_expires_at: datetime) -> str:
        """Return a ticket with which the actor can open one stream within `TICKET_LIFETIME`."""
        text = new_ticket()
        work.tickets.add(
            Ticket(
                digest=digest_of_ticket(text),
                user_id=work.actor.user_id,
                session_id=work.actor.session_id,
                generation=work.actor.generation,
                token_expires_at=token_expires_at,
                expires_at=work.now + TICKET_LIFETIME,
            )
        )
        return text

    def redeem(self, text: str, *, keep: bool = False) -> tuple[SessionActor, datetime]:
        """Return the actor of a ticket, and the time at which the stream must end. Use up the ticket, unless `keep`.

        Raises InvalidToken.
        """
        open_work = self._store.reading if keep else self._store.writing
        with open_work(SystemActor("redeem a ticket")) as work:
            digest = digest_of_ticket(text)
            ticket = work.tickets.find(digest) if keep else work.tickets.take(digest)
        if ticket is None or not ticket.is_live(self._clock.now()):
            raise InvalidToken
        return SessionActor(ticket.user_id, ticket.session_id, ticket.generation), ticket.token_expires_at

    def heads(self, user_ids: Collection[UUID]) -> Mapping[UUID, int]:
        """Return the highest sequence number of each feed that has entries."""
        with self._store.reading(SystemActor("look for changes")) as work:
            return work.feed.heads(user_ids)

    def filter_admissible(self, actors: Collection[Actor]) -> Collection[Actor]:
        """Return the actors who may still act."""
        return self._admission.filter_admissible(actors)
