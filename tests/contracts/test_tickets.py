"""What a TicketRepository must do, and the streams that its tickets open."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.clock import MAX_CLOCK_SKEW
from tasktracker.domain.kernel.errors import InvalidToken
from tasktracker.domain.sync.stream_service import StreamService
from tasktracker.domain.sync.ticket import TICKET_LIFETIME, Ticket, digest_of_ticket
from tasktracker.domain.work import Storage
from tests.contracts.base import SECOND, Seed, race
from tests.fakes import START, SYSTEM, ManualClock


def new_ticket(actor: SessionActor, text: str) -> Ticket:
    return Ticket(
        digest=digest_of_ticket(text),
        user_id=actor.user_id,
        session_id=actor.session_id,
        generation=actor.generation,
        token_expires_at=START + timedelta(minutes=15),
        expires_at=START + TICKET_LIFETIME,
    )


def add(store: Storage, *tickets: Ticket) -> None:
    with store.writing(SYSTEM) as work:
        for ticket in tickets:
            work.tickets.add(ticket)


def take(store: Storage, ticket: Ticket) -> Ticket | None:
    with store.writing(SYSTEM) as work:
        return work.tickets.take(ticket.digest)


class TestTickets:
    @pytest.fixture
    def actor(self, seed: Seed) -> SessionActor:
        return seed.actor()

    @pytest.fixture
    def streams(self, store: Storage, clock: ManualClock) -> StreamService:
        return StreamService(store=store, admission=store, clock=clock)

    def test_a_ticket_is_taken_once_as_it_was_stored(self, store: Storage, actor: SessionActor) -> None:
        ticket, other = new_ticket(actor, "one"), new_ticket(actor, "other")
        add(store, ticket, other)
        assert take(store, new_ticket(actor, "unknown")) is None
        with store.reading(SYSTEM) as work:
            assert work.tickets.find(ticket.digest) == ticket
            assert work.tickets.find(digest_of_ticket("unknown")) is None
        assert take(store, ticket) == ticket
        assert take(store, ticket) is None
        assert take(store, other) == other

    def test_several_callers_take_a_ticket_and_one_gets_it(self, store: Storage, actor: SessionActor) -> None:
        for number in range(5):
            ticket = new_ticket(actor, f"ticket {number}")
            add(store, ticket)
            taken = race(*[partial(take, store, ticket)] * 8)
            assert sorted(taken, key=bool) == [None] * 7 + [ticket]

    def test_a_ticket_is_removed_with_its_session(self, store: Storage, actor: SessionActor) -> None:
        ticket = new_ticket(actor, "one")
        add(store, ticket)
        with store.writing(SYSTEM) as work:
            work.sessions.remove(actor.session_id)
        assert take(store, ticket) is None

    def test_expired_tickets_are_purged_and_no_others(self, store: Storage, actor: SessionActor) -> None:
        old = [replace(new_ticket(actor, f"old {number}"), expires_at=START - SECOND) for number in range(3)]
        current = replace(new_ticket(actor, "current"), expires_at=START)
        add(store, *old, current)
        with store.writing(SYSTEM) as work:
            assert [work.tickets.purge_before(START, 2) for _ in range(3)] == [2, 1, 0]
        assert [take(store, each) for each in (*old, current)] == [None, None, None, current]

    def test_a_ticket_opens_one_stream_of_its_session_within_a_minute(
        self, store: Storage, streams: StreamService, actor: SessionActor, clock: ManualClock
    ) -> None:
        until = START + timedelta(minutes=15)
        with store.writing(SYSTEM) as work:
            session = work.sessions.find(actor.session_id)
            assert session is not None
            work.sessions.save(replace(session, generation=2))
        actor = replace(actor, generation=2)
        with store.writing(actor) as work:
            used, late = streams.issue(work, until), streams.issue(work, until)
        clock.advance(TICKET_LIFETIME - SECOND)
        assert streams.redeem(used) == (actor, until)
        clock.advance(SECOND + MAX_CLOCK_SKEW)
        for ticket in (used, late, "made up", "\ud800"):
            with pytest.raises(InvalidToken):
                streams.redeem(ticket)

    @pytest.mark.parametrize("ahead", [-MAX_CLOCK_SKEW, MAX_CLOCK_SKEW])
    def test_a_ticket_of_another_host_is_accepted_although_the_clocks_differ(
        self, store: Storage, streams: StreamService, actor: SessionActor, clock: ManualClock, ahead: timedelta
    ) -> None:
        with store.writing(actor) as work:
            ticket = streams.issue(work, START + timedelta(hours=1))
        clock.advance(ahead)
        assert streams.redeem(ticket)[0] == actor

    def test_a_ticket_of_a_clock_that_ran_ahead_is_not_valid_for_longer(
        self, store: Storage, streams: StreamService, seed: Seed, clock: ManualClock
    ) -> None:
        clock.advance(days=1)
        actor = seed.actor()
        with store.writing(actor) as work:
            ticket = streams.issue(work, clock.now())
        clock.set(START)
        with pytest.raises(InvalidToken):
            streams.redeem(ticket)
