"""The contract of a RateLimiter."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktracker.domain.kernel.clock import MAX_CLOCK_SKEW
from tasktracker.domain.throttling.limit import TRUSTED_FOR, Bucket, Limit
from tasktracker.domain.throttling.ports import RateLimiter
from tasktracker.domain.work import Storage
from tests.contracts.base import MOMENT, SECOND, Abort, Seed, race
from tests.fakes import START, ManualClock, SequentialIds
from tests.strategies import examples

LIMIT = Limit("test", 3, 10 * SECOND)

_ids = SequentialIds()


def new_bucket(limit: Limit = LIMIT) -> Bucket:
    """An unused bucket."""
    return Bucket.of(limit, str(_ids.new()))


class Model:
    """A bucket computed with fractions: the number of attempts left at a time."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.attempts = Fraction(limit.burst)
        self.now = START

    def wait_until(self, now: datetime) -> None:
        elapsed = Fraction((now - self.now) // MOMENT, self.limit.refill // MOMENT)
        self.attempts = min(Fraction(self.limit.burst), self.attempts + elapsed)
        self.now = now

    def consume(self) -> timedelta | None:
        if self.attempts < 1:
            return timedelta(microseconds=int((1 - self.attempts) * (self.limit.refill // MOMENT)))
        self.attempts -= 1
        return None

    def refund(self) -> None:
        self.attempts = min(Fraction(self.limit.burst), self.attempts + 1)


class TestRateLimiter:
    def test_a_bucket_allows_its_burst_and_then_refuses(self, limiter: RateLimiter) -> None:
        for burst in (1, 2, 50):
            bucket = new_bucket(Limit("test", burst, SECOND))
            outcomes = [limiter.consume(bucket, START) for _ in range(burst + 2)]
            assert outcomes == [None] * burst + [SECOND, SECOND]

    def test_an_attempt_is_allowed_exactly_after_the_returned_wait(self, limiter: RateLimiter) -> None:
        bucket = new_bucket()
        now = START
        for _ in range(LIMIT.burst):
            assert limiter.consume(bucket, now) is None
        for _ in range(3):
            now += 3 * SECOND
            assert limiter.consume(bucket, now) == 7 * SECOND
            now += 7 * SECOND - MOMENT
            assert limiter.consume(bucket, now) == MOMENT
            now += MOMENT
            assert limiter.consume(bucket, now) is None

    def test_refused_attempts_are_not_counted(self, limiter: RateLimiter) -> None:
        bucket = new_bucket()
        for _ in range(LIMIT.burst + 20):
            limiter.consume(bucket, START)
        assert limiter.consume(bucket, START) == LIMIT.refill
        assert limiter.consume(bucket, START + LIMIT.refill) is None

    def test_a_bucket_refills_to_its_burst_at_most(self, limiter: RateLimiter) -> None:
        bucket = new_bucket()
        limiter.consume(bucket, START)
        later = START + timedelta(days=365)
        outcomes = [limiter.consume(bucket, later) for _ in range(LIMIT.burst + 1)]
        assert outcomes == [None] * LIMIT.burst + [LIMIT.refill]

    def test_a_refund_returns_one_attempt(self, limiter: RateLimiter) -> None:
        bucket = new_bucket()
        for _ in range(LIMIT.burst):
            limiter.consume(bucket, START)
        limiter.refund(bucket)
        assert limiter.consume(bucket, START) is None
        assert limiter.consume(bucket, START) == LIMIT.refill

    def test_refunds_never_exceed_the_burst(self, limiter: RateLimiter) -> None:
        bucket = new_bucket()
        limiter.consume(bucket, START)
        for _ in range(10):
            limiter.refund(bucket)
        outcomes = [limiter.consume(bucket, START) for _ in range(LIMIT.burst + 1)]
        assert outcomes == [None] * LIMIT.burst + [LIMIT.refill]

    def test_a_refund_to_an_unused_bucket_does_nothing(self, limiter: RateLimiter) -> None:
        bucket = new_bucket()
        limiter.refund(bucket)
        outcomes = [limiter.consume(bucket, START) for _ in range(LIMIT.burst + 1)]
        assert outcomes == [None] * LIMIT.burst + [LIMIT.refill]

    def test_buckets_are_independent(self, limiter: RateLimiter) -> None:
        first, second = new_bucket(), new_bucket()
        for _ in range(LIMIT.burst + 1):
            limiter.consume(first, START)
        limiter.refund(second)
        assert limiter.consume(second, START) is None
        assert limiter.consume(first, START) == LIMIT.refill

    def test_a_clock_that_runs_behind_waits_longer(self, limiter: RateLimiter) -> None:
        bucket = new_bucket()
        for _ in range(LIMIT.burst):
            limiter.consume(bucket, START)
        assert limiter.consume(bucket, START - 5 * SECOND) == LIMIT.refill + 5 * SECOND

    @pytest.mark.parametrize("ahead", [timedelta(minutes=5), timedelta(days=1), timedelta(days=365)])
    def test_attempts_counted_by_a_clock_that_ran_ahead_do_not_refuse_later_ones(
        self, limiter: RateLimiter, ahead: timedelta
    ) -> None:
        bucket = new_bucket()
        for _ in range(LIMIT.burst):
            assert limiter.consume(bucket, START + ahead) is None
        assert limiter.consume(bucket, START) is None
        assert limiter.consume(bucket, START) == LIMIT.refill

    def test_a_corrected_clock_gives_one_attempt_and_then_the_refill(self, limiter: RateLimiter) -> None:
        bucket = new_bucket()
        limiter.consume(bucket, START + timedelta(days=1))
        limiter.refund(bucket)
        outcomes = [limiter.consume(bucket, START) for _ in range(3)]
        assert outcomes == [None, LIMIT.refill, LIMIT.refill]
        assert limiter.consume(bucket, START + LIMIT.refill) is None

    @pytest.mark.parametrize("ahead", range(0, 300, 15))
    def test_after_any_correction_of_the_clock_the_wait_is_bounded(self, limiter: RateLimiter, ahead: int) -> None:
        bucket = new_bucket()
        for _ in range(LIMIT.burst):
            limiter.consume(bucket, START + ahead * SECOND)
        assert (limiter.consume(bucket, START) or timedelta()) <= LIMIT.refill + MAX_CLOCK_SKEW

    def test_two_clocks_90_seconds_apart_give_no_attempt_twice(self, limiter: RateLimiter) -> None:
        bucket, ahead = new_bucket(), START + 90 * SECOND
        outcomes = [limiter.consume(bucket, now) for _ in range(50) for now in (START, ahead)]
        # The clock ahead had refilled the first attempt. After that, alternating between the hosts gains nothing.
        assert outcomes.count(None) == LIMIT.burst + 1

    def test_a_clock_that_jumps_ahead_refills_the_burst_once(self, limiter: RateLimiter) -> None:
        bucket = new_bucket()
        for now in (START, START + timedelta(days=1)):
            outcomes = [limiter.consume(bucket, now) for _ in range(LIMIT.burst + 1)]
            assert outcomes == [None] * LIMIT.burst + [LIMIT.refill]

    def test_a_trusted_client_stays_trusted_for_a_time(self, limiter: RateLimiter) -> None:
        bucket = new_bucket()
        assert not limiter.is_trusted(bucket, START)
        limiter.trust(bucket, START)
        assert limiter.is_trusted(bucket, START + TRUSTED_FOR - MOMENT)
        assert not limiter.is_trusted(bucket, START + TRUSTED_FOR)
        assert not limiter.is_trusted(new_bucket(), START)
        limiter.trust(bucket, START + SECOND)
        assert limiter.is_trusted(bucket, START + TRUSTED_FOR)

    def test_trust_and_attempts_are_independent(self, limiter: RateLimiter) -> None:
        bucket = new_bucket()
        limiter.trust(bucket, START)
        outcomes = [limiter.consume(bucket, START) for _ in range(LIMIT.burst + 1)]
        assert outcomes == [None] * LIMIT.burst + [LIMIT.refill]
        assert not limiter.is_trusted(new_bucket(), START)

    def test_clearing_makes_all_buckets_full_and_keeps_trust(self, limiter: RateLimiter) -> None:
        first, second = new_bucket(), new_bucket()
        for bucket in (first, second):
            for _ in range(LIMIT.burst):
                limiter.consume(bucket, START + timedelta(days=1))
        limiter.trust(first, START)
        assert limiter.clear() == 2
        assert limiter.clear() == 0
        for bucket in (first, second):
            outcomes = [limiter.consume(bucket, START) for _ in range(LIMIT.burst + 1)]
            assert outcomes == [None] * LIMIT.burst + [LIMIT.refill]
        assert limiter.is_trusted(first, START)

    def test_concurrent_attempts_never_exceed_the_burst(self, limiter: RateLimiter) -> None:
        for _ in range(3):
            bucket = new_bucket(Limit("test", 7, SECOND))
            outcomes = race(*[partial(limiter.consume, bucket, START)] * 20)
            assert outcomes.count(None) == 7
            assert outcomes.count(SECOND) == 13

    def test_no_concurrent_refund_is_lost(self, limiter: RateLimiter) -> None:
        bucket = new_bucket(Limit("test", 10, SECOND))
        for _ in range(10):
            limiter.consume(bucket, START)
        race(*[partial(limiter.refund, bucket)] * 8)
        assert [limiter.consume(bucket, START) for _ in range(9)] == [None] * 8 + [SECOND]

    def test_a_rollback_does_not_return_an_attempt(self, limiter: RateLimiter, store: Storage, seed: Seed) -> None:
        bucket = new_bucket()
        for _ in range(LIMIT.burst):
            assert limiter.consume(bucket, START) is None
            with pytest.raises(Abort), store.writing(seed.actor()):
                raise Abort
        assert limiter.consume(bucket, START) == LIMIT.refill

    @examples(30)
    @given(
        burst=st.integers(1, 4),
        refill=st.sampled_from((MOMENT, 3 * MOMENT, SECOND, timedelta(minutes=1))),
        moves=st.lists(
            st.one_of(
                st.sampled_from(("consume", "consume", "consume", "refund")),
                st.sampled_from((0, 1, 2, 3, 999_999, 10**6, 10**6 + 1, 60 * 10**6, 10**9)),
            ),
            max_size=25,
        ),
    )
    def test_any_sequence_of_calls_matches_the_model(
        self, limiter: RateLimiter, burst: int, refill: timedelta, moves: list[str | int]
    ) -> None:
        limit = Limit("test", burst, refill)
        bucket, model, clock = new_bucket(limit), Model(limit), ManualClock()
        for move in moves:
            if isinstance(move, int):
                clock.advance(microseconds=move)
                model.wait_until(clock.now())
            elif move == "refund":
                limiter.refund(bucket)
                model.refund()
            else:
                assert limiter.consume(bucket, clock.now()) == model.consume()
