"""The rules for refreshing the tokens of a session."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from tasktracker.domain.accounts.session import Refresh, Session, SessionPolicy
from tasktracker.domain.accounts.token import TokenKind
from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Origin
from tasktracker.domain.kernel.clock import MAX_CLOCK_SKEW
from tests.fakes import START

POLICY = SessionPolicy()
STRICT = SessionPolicy(grace=timedelta())
MOMENT = timedelta(microseconds=1)


def started(policy: SessionPolicy = POLICY) -> Session:
    return Session.start(id=UUID(int=1), user_id=UUID(int=2), device="Phone", now=START, policy=policy)


def rotated(session: Session, now: datetime, policy: SessionPolicy = POLICY) -> Session:
    outcome, refreshed = session.refresh(session.generation, now, policy)
    assert outcome is Refresh.ROTATED
    return refreshed


class TestLife:
    def test_a_new_session_has_generation_1_and_is_unconfirmed(self) -> None:
        session = started()
        assert (session.generation, session.confirmed_generation) == (1, 0)
        assert session.created_at == session.rotated_at == START
        assert (session.idle_until, session.ends_at) == (START + POLICY.idle, START + POLICY.absolute)

    def test_a_session_is_live_until_its_idle_time_ends(self) -> None:
        assert started().is_live(START + POLICY.idle - MOMENT)
        assert not started().is_live(START + POLICY.idle)

    def test_refreshing_extends_a_session_up_to_its_absolute_end(self) -> None:
        session, now = started(), START
        while session.is_live(now + POLICY.idle - MOMENT):
            now += POLICY.idle - MOMENT
            session = rotated(session, now)
        assert session.expires_at == session.ends_at == START + POLICY.absolute
        assert session.is_live(START + POLICY.absolute - MOMENT)
        assert not session.is_live(START + POLICY.absolute)


class TestClaims:
    def test_the_claims_of_a_generation_do_not_change(self) -> None:
        session = rotated(started(), START + timedelta(hours=1))
        access, refresh = session.access_claims(POLICY), session.refresh_claims()
        assert (access.kind, refresh.kind) == (TokenKind.ACCESS, TokenKind.REFRESH)
        for claims in (access, refresh):
            assert (claims.user_id, claims.session_id) == (session.user_id, session.id)
            assert claims.generation == 2
            assert claims.issued_at == START + timedelta(hours=1)
        assert access.expires_at == session.rotated_at + POLICY.access
        assert refresh.expires_at == session.idle_until
        assert session.access_claims(POLICY) == access

    def test_no_token_expires_after_its_session(self) -> None:
        near_the_end = START + POLICY.absolute - timedelta(minutes=1)
        session = rotated(replace(started(), idle_until=START + POLICY.absolute), near_the_end)
        assert session.access_claims(POLICY).expires_at == START + POLICY.absolute
        assert session.refresh_claims().expires_at == START + POLICY.absolute


class TestRefresh:
    def test_the_current_generation_is_rotated(self) -> None:
        now = START + timedelta(hours=1)
        session = rotated(started(), now)
        assert session == replace(
            started(), generation=2, confirmed_generation=1, rotated_at=now, idle_until=now + POLICY.idle
        )

    @pytest.mark.parametrize("confirmed", [1, 2])
    @pytest.mark.parametrize("after", [timedelta(), POLICY.grace])
    def test_the_predecessor_repeats_its_successor_within_the_grace_time(
        self, confirmed: int, after: timedelta
    ) -> None:
        session = replace(rotated(started(), START), confirmed_generation=confirmed)
        assert session.refresh(1, START + after, POLICY) == (Refresh.REPEATED, session)

    def test_the_predecessor_of_a_used_token_is_a_replay_after_the_grace_time(self) -> None:
        session = replace(rotated(started(), START), confirmed_generation=2)
        assert session.refresh(1, START + POLICY.grace + MOMENT, POLICY) == (Refresh.REPLAYED, session)

    def test_the_predecessor_repeats_a_live_unused_successor(self) -> None:
        session = rotated(started(), START)
        for after in (POLICY.grace + MOMENT, POLICY.access - MOMENT):
            assert session.refresh(1, START + after, POLICY) == (Refresh.REPEATED, session)

    @pytest.mark.parametrize("after", [POLICY.access, timedelta(days=1)])
    def test_an_expired_unused_successor_is_extended(self, after: timedelta) -> None:
        session = rotated(started(), START)
        now = START + after
        expected = replace(session, rotated_at=now, idle_until=now + POLICY.idle)
        assert session.refresh(1, now, POLICY) == (Refresh.REPEATED, expected)
        assert expected.generation == 2
        # Any number of times.
        again = now + timedelta(hours=1)
        outcome, dated = expected.refresh(1, again, POLICY)
        assert (outcome, dated.rotated_at, dated.generation) == (Refresh.REPEATED, again, 2)

    def test_an_older_generation_is_a_replay_within_the_grace_time(self) -> None:
        session = rotated(rotated(started(), START), START)
        assert session.refresh(1, START, POLICY) == (Refresh.REPLAYED, session)

    def test_without_grace_time_a_second_use_is_a_replay(self) -> None:
        session = rotated(started(STRICT), START, STRICT)
        assert session.refresh(1, START, STRICT) == (Refresh.REPLAYED, session)
        assert session.refresh(1, START + timedelta(days=1), STRICT) == (Refresh.REPLAYED, session)

    @pytest.mark.parametrize("policy", [POLICY, STRICT])
    def test_a_later_generation_is_unknown(self, policy: SessionPolicy) -> None:
        session = started()
        assert session.refresh(2, START, policy) == (Refresh.UNKNOWN, session)

    @pytest.mark.parametrize("confirmed", [1, 2])
    def test_a_host_whose_clock_is_behind_repeats_the_successor(self, confirmed: int) -> None:
        session = replace(rotated(started(), START), confirmed_generation=confirmed)
        assert session.refresh(1, START - MAX_CLOCK_SKEW, POLICY) == (Refresh.REPEATED, session)

    def test_a_rotation_by_a_clock_that_ran_ahead_has_no_longer_grace_time(self) -> None:
        session = replace(rotated(started(), START + timedelta(days=1)), confirmed_generation=2)
        assert session.refresh(1, START, POLICY) == (Refresh.REPLAYED, session)

    def test_a_rotation_after_a_clock_that_ran_ahead_has_the_times_of_now(self) -> None:
        ahead = rotated(started(), START + timedelta(days=1))
        assert rotated(ahead, START).access_claims(POLICY).expires_at == START + POLICY.access

    def test_a_clock_that_went_back_causes_no_replay(self) -> None:
        session = rotated(started(), START)
        assert session.refresh(1, START - timedelta(hours=1), POLICY) == (Refresh.REPEATED, session)


@pytest.mark.parametrize("gap", [timedelta(minutes=1), timedelta(), -timedelta(minutes=1)])
def test_a_session_is_where_its_last_refresh_was_and_was_not_used_earlier(gap: timedelta) -> None:
    seen = started().seen_at(Origin("192.0.2.1", "Firefox"), START + gap)
    assert seen == replace(started(), address="192.0.2.1", user_agent="Firefox", used_at=max(START, START + gap))
    assert replace(seen, address=None, user_agent=None) == seen.seen_at(UNKNOWN_ORIGIN, START)


def test_a_session_begins_where_the_login_was() -> None:
    origin = Origin("192.0.2.1", "Firefox")
    session = Session.start(id=UUID(int=1), user_id=UUID(int=2), device=None, now=START, policy=POLICY, origin=origin)
    assert session == replace(started(), device=None, address="192.0.2.1", user_agent="Firefox", used_at=START)
