"""Who may follow changes as they happen."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from tasktracker.domain.kernel.actors import Actor, SessionActor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import InvalidToken
from tasktracker.domain.sync.ticket import TICKET_LIFE, Ticket, digest_of_ticket, new_ticket
from tasktracker.domain.work import Store


class StreamService:
    """Lets actors in, and finds out who has to leave."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def issue(self, actor: SessionActor, token_expires_at: datetime) -> str:
        """Return a ticket by which the actor can open one stream within the next minute."""
        text = new_ticket()
        with self._store.writing(actor) as work:
            work.tickets.add(
                Ticket(
                    digest=digest_of_ticket(text),
                    user_id=actor.user_id,
                    session_id=actor.session_id,
                    generation=actor.generation,
                    token_expires_at=token_expires_at,
                    expires_at=self._clock.now() + TICKET_LIFE,
                )
            )
        return text

    def redeem(self, text: str) -> tuple[SessionActor, datetime]:
        """Return who a ticket lets in, and until when; nobody is let in by it again. Raises InvalidToken."""
        with self._store.writing(None) as work:
            ticket = work.tickets.take(digest_of_ticket(text))
        if ticket is None or ticket.expires_at <= self._clock.now():
            raise InvalidToken
        return SessionActor(ticket.user_id, ticket.session_id, ticket.generation), ticket.token_expires_at

    def heads(self, user_ids: Collection[UUID]) -> Mapping[UUID, int]:
        """Return how far feeds have come."""
        with self._store.reading(None) as work:
            return work.feed.heads(user_ids)

    def live(self, actors: Collection[Actor]) -> Collection[Actor]:
        """Return those of the actors who may still act."""
        return self._store.live(actors)
