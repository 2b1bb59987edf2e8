"""Throttling of guesses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import cycle, pairwise
from typing import Any

import pytest

from tasktracker.adapters.memory import rate_limiter
from tasktracker.adapters.memory.rate_limiter import MemoryRateLimiter
from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Origin
from tasktracker.domain.kernel.errors import (
    AccountDisabled,
    CodeRequired,
    ConfirmationRequired,
    InvalidCredentials,
    InvalidInput,
    InvalidToken,
    SessionEnded,
    TooManyRequests,
    UsernameTaken,
)
from tasktracker.domain.throttling import limit
from tasktracker.domain.throttling.limit import (
    ADDRESS_LIMITS,
    FORGOTTEN_LIMITS,
    LOGIN_BY_ACCOUNT,
    LOGIN_BY_ADDRESS,
    LOGIN_BY_PAIR,
    PAIR_LIMITS,
    PASSWORD_BY_ACCOUNT,
    REFRESH_BY_ADDRESS,
    REFRESH_BY_SESSION,
    REGISTRATION_BY_ADDRESS,
    REGISTRATION_LIMITS,
    Bucket,
    Limit,
    network,
    networks,
)
from tasktracker.domain.throttling.throttle import Throttle
from tests.contracts.base import SECOND
from tests.fakes import START, SYSTEM, App, ManualClock
from tests.unit.base import PASSWORD, before_next_call, register

HOME, ATTACKER, ELSEWHERE = Origin("192.0.2.1"), Origin("198.51.100.7"), Origin("2001:db8:ffff::1")
LIMITS = {
    each
    for value in vars(limit).values()
    for each in (value if isinstance(value, tuple) else (value,))
    if isinstance(each, Limit)
}


def addresses(number: int) -> list[Origin]:
    return [Origin(f"203.0.113.{host}") for host in range(1, number + 1)]


@pytest.fixture
def app() -> App:
    app = App.in_memory(throttled=True)
    app.registration.register({"username": "alice", "email": "alice@example.org"}, PASSWORD, origin=HOME)
    return app


def guess(app: App, origin: Origin, username: str = "alice", password: str = "wrong") -> None:
    with pytest.raises(InvalidCredentials):
        app.sessions.login(username, password, origin=origin)


def exhaust(call: Callable[[], object], *expected: type[Exception]) -> int:
    """Call until a call is throttled, and return the number of calls before."""
    for number in range(1000):
        try:
            with suppress(*expected):
                call()
        except TooManyRequests:
            return number
    raise AssertionError("no call is throttled")


@pytest.mark.parametrize("is_active", [True, False])
def test_right_guesses_at_a_disabled_account_count_like_wrong_ones(app: App, is_active: bool) -> None:
    app.do(SYSTEM, app.set_active, "alice", is_active)
    password = "wrong" if is_active else PASSWORD
    attempts = exhaust(
        lambda: app.sessions.login("alice", password, origin=ATTACKER), InvalidCredentials, AccountDisabled
    )
    assert attempts == LOGIN_BY_PAIR.burst


class TestBucket:
    @pytest.mark.parametrize(
        ("address", "expected"),
        [
            (None, ""),
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
            ("::1", "::/64"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("fe80::1%eth0", "fe80::/64"),
            ("testclient", "testclient"),
            ("", ""),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ],
    )
    def test_a_client_is_identified_by_ipv4_address_or_ipv6_network(self, address: str | None, expected: str) -> None:
        assert network(address) == expected

    def test_an_ipv6_address_belongs_to_networks_of_three_sizes(self) -> None:
        assert list(networks("2001:db8:1:2345::1")) == [
            "2001:db8:1:2345::/64",
            "2001:db8:1:2300::/56",
            "2001:db8:1::/48",
        ]
        assert list(networks("::ffff:192.0.2.1")) == list(networks("192.0.2.1")) == ["192.0.2.1"]

    def test_neighbouring_ipv6_networks_are_different_clients(self) -> None:
        assert network("2001:db8:1:2::1") != network("2001:db8:1:3::1")

    def test_a_key_does_not_reveal_its_subject(self) -> None:
        key = Bucket.of(LOGIN_BY_PAIR, "alice", "192.0.2.1").key
        assert len(key) == 64
        assert "alice" not in key
        assert "192.0.2.1" not in key

    def test_no_two_limits_or_subjects_share_a_bucket(self) -> None:
        subjects = [("alice", ""), ("", "alice"), ("alice",), ("al", "ice"), ("bob", "")]
        keys = {Bucket.of(limit, *each).key for limit in LIMITS for each in subjects}
        assert len(keys) == len(LIMITS) * len(subjects)
        assert len({limit.name for limit in LIMITS}) == len(LIMITS)

    def test_a_narrower_login_limit_is_lower(self) -> None:
        assert LOGIN_BY_PAIR.burst < LOGIN_BY_ADDRESS.burst < LOGIN_BY_ACCOUNT.burst
        # A pair refills more slowly than the account, so one address never uses up the limit of the account.
        assert LOGIN_BY_PAIR.refill >= 3 * LOGIN_BY_ACCOUNT.refill


class TestLogin:
    def test_guesses_from_one_address_at_one_account_are_limited(self, app: App) -> None:
        assert exhaust(lambda: guess(app, ATTACKER)) == LOGIN_BY_PAIR.burst
        with pytest.raises(TooManyRequests) as caught:
            app.sessions.login("alice", PASSWORD, origin=ATTACKER)
        assert caught.value.retry_after == LOGIN_BY_PAIR.refill.total_seconds()
        app.clock.advance(LOGIN_BY_PAIR.refill)
        guess(app, ATTACKER)
        with pytest.raises(TooManyRequests):
            app.sessions.login("alice", PASSWORD, origin=ATTACKER)

    def test_a_throttled_login_is_neither_verified_nor_recorded(self, app: App) -> None:
        exhaust(lambda: guess(app, ATTACKER))
        app.hasher.clear()
        events = len(app.audit_log.events)
        with pytest.raises(TooManyRequests):
            app.sessions.login("alice", PASSWORD, origin=ATTACKER)
        assert app.hasher.verified == []
        assert len(app.audit_log.events) == events

    def test_an_attacker_at_one_address_does_not_lock_out_the_owner_at_another(self, app: App) -> None:
        for _ in range(100):
            exhaust(lambda: guess(app, ATTACKER))
            for _ in range(20):
                with suppress(TooManyRequests, InvalidCredentials):
                    app.sessions.login("alice", "wrong", origin=ATTACKER)
            app.sessions.login("alice", PASSWORD, origin=HOME)
            app.clock.advance(LOGIN_BY_PAIR.refill)

    def test_an_attacker_at_one_address_never_uses_up_the_accounts_limit(self, app: App) -> None:
        account = Bucket.of(LOGIN_BY_ACCOUNT, "alice")
        for _ in range(300):
            with suppress(TooManyRequests, InvalidCredentials):
                app.sessions.login("alice", "wrong", origin=ATTACKER)
        left = 0
        while app.limiter.consume(account, app.clock.now()) is None:
            left += 1
        assert left == LOGIN_BY_ACCOUNT.burst - LOGIN_BY_PAIR.burst

    def test_guesses_from_one_address_at_many_accounts_are_limited(self, app: App) -> None:
        numbers = iter(range(1000))
        assert exhaust(lambda: guess(app, ATTACKER, f"user{next(numbers)}")) == LOGIN_BY_ADDRESS.burst
        app.sessions.login("alice", PASSWORD, origin=HOME)

    def test_guesses_from_many_addresses_at_one_account_are_limited(self, app: App) -> None:
        guesses = 0
        for origin in addresses(30):
            with suppress(TooManyRequests):
                for _ in range(LOGIN_BY_PAIR.burst):
                    guess(app, origin)
                    guesses += 1
        assert guesses == LOGIN_BY_ACCOUNT.burst
        with pytest.raises(TooManyRequests) as caught:
            app.sessions.login("alice", PASSWORD, origin=ELSEWHERE)
        assert caught.value.retry_after == LOGIN_BY_ACCOUNT.refill.total_seconds()

    def test_an_attempt_refused_by_a_wider_limit_is_not_counted_by_narrower_ones(self, app: App) -> None:
        """After the returned wait, a login succeeds despite earlier refused attempts."""
        for origin in addresses(LOGIN_BY_ACCOUNT.burst // LOGIN_BY_PAIR.burst):
            for _ in range(LOGIN_BY_PAIR.burst):
                guess(app, origin)
        for _ in range(3 * LOGIN_BY_PAIR.burst):
            with pytest.raises(TooManyRequests) as caught:
                app.sessions.login("alice", PASSWORD, origin=ELSEWHERE)
            assert caught.value.retry_after == LOGIN_BY_ACCOUNT.refill.total_seconds()
        app.clock.advance(LOGIN_BY_ACCOUNT.refill)
        app.sessions.login("alice", PASSWORD, origin=ELSEWHERE)

    @pytest.mark.parametrize("username", ["alice", "ALICE", " \uff21lice "])
    def test_spellings_of_a_name_share_a_limit(self, app: App, username: str) -> None:
        exhaust(lambda: guess(app, ATTACKER, "Alice"))
        with pytest.raises(TooManyRequests):
            app.sessions.login(username, PASSWORD, origin=ATTACKER)

    def test_an_unknown_name_is_throttled_like_a_known_one(self, app: App) -> None:
        assert exhaust(lambda: guess(app, ATTACKER, "unknown")) == LOGIN_BY_PAIR.burst

    def test_addresses_of_one_ipv6_network_share_a_limit(self, app: App) -> None:
        hosts = iter(range(1, 1000))
        attempts = exhaust(lambda: guess(app, Origin(f"2001:db8::{next(hosts):x}")))
        assert attempts == LOGIN_BY_PAIR.burst
        app.sessions.login("alice", PASSWORD, origin=Origin("2001:db8:0:1::1"))

    def test_an_unknown_origin_counts_as_one_address(self, app: App) -> None:
        assert exhaust(lambda: guess(app, UNKNOWN_ORIGIN)) == LOGIN_BY_PAIR.burst

    def test_successful_logins_are_never_throttled(self, app: App) -> None:
        for _ in range(3 * LOGIN_BY_ACCOUNT.burst):
            app.sessions.login("alice", PASSWORD, origin=HOME)

    def test_a_successful_login_refunds_only_its_own_attempt(self, app: App) -> None:
        for _ in range(LOGIN_BY_PAIR.burst - 1):
            guess(app, ATTACKER)
        app.sessions.login("alice", PASSWORD, origin=ATTACKER)
        guess(app, ATTACKER)
        with pytest.raises(TooManyRequests):
            app.sessions.login("alice", PASSWORD, origin=ATTACKER)

    def test_a_wrong_code_counts_as_an_attempt_but_not_a_missing_one(self, app: App) -> None:
        actor = app.actor(app.sessions.login("alice", PASSWORD, origin=HOME))
        app.two_factor.enrol(actor, PASSWORD, HOME)
        app.two_factor.confirm(actor, app.codes.code("SECRET", int(app.clock.now().timestamp()) // 30), HOME)
        for _ in range(3 * LOGIN_BY_ACCOUNT.burst):
            with pytest.raises(CodeRequired):
                app.sessions.login("alice", PASSWORD, origin=ATTACKER)
        wrong = exhaust(
            lambda: app.sessions.login("alice", PASSWORD, code="000000", origin=ATTACKER), InvalidCredentials
        )
        assert wrong == LOGIN_BY_PAIR.burst

    @pytest.mark.parametrize("change", ["rehashed", "password"])
    def test_a_login_during_a_password_change_counts_as_one_attempt(
        self, app: App, monkeypatch: pytest.MonkeyPatch, change: str
    ) -> None:
        actor = app.actor(app.sessions.login("alice", PASSWORD, origin=HOME))
        for _ in range(LOGIN_BY_PAIR.burst - 1):
            guess(app, HOME)
        before_next_call(
            monkeypatch,
            app.hasher,
            "verify",
            lambda: app.accounts.change_password(
                actor, PASSWORD, PASSWORD if change == "rehashed" else "battery staple"
            ),
        )
        if change == "rehashed":
            app.sessions.login("alice", PASSWORD, origin=HOME)
        else:
            guess(app, HOME, password=PASSWORD)
            with pytest.raises(TooManyRequests):
                app.sessions.login("alice", "battery staple", origin=HOME)


def customers_networks(number: int, prefix: str = "2001:db8:0:") -> list[Origin]:
    """Addresses in different /64 networks of one /56."""
    return [Origin(f"{prefix}{host:x}::1") for host in range(number)]


def guess_everywhere(app: App, origins: Sequence[Origin], username: str = "alice") -> int:
    """Guess until every origin is throttled, and return the number of verified guesses."""
    return sum(exhaust(lambda: guess(app, origin, username)) for origin in origins)  # noqa: B023  # called at once


class TestNetworks:
    def test_the_networks_of_one_customer_do_not_lock_out_the_owner_elsewhere(self, app: App) -> None:
        assert guess_everywhere(app, customers_networks(20)) == PAIR_LIMITS[1].burst
        app.sessions.login("alice", PASSWORD, origin=ELSEWHERE)

    def test_guesses_from_a_48_network_at_one_account_are_limited(self, app: App) -> None:
        origins = [Origin(f"2001:db8:0:{number << 8:x}::1") for number in range(20)]
        assert guess_everywhere(app, origins) == PAIR_LIMITS[2].burst
        app.sessions.login("alice", PASSWORD, origin=ELSEWHERE)

    def test_a_48_network_never_uses_up_the_accounts_limit(self, app: App) -> None:
        for _ in range(200):
            guess_everywhere(app, customers_networks(4))
            app.clock.advance(PAIR_LIMITS[2].refill)
        app.sessions.login("alice", PASSWORD, origin=ELSEWHERE)

    @pytest.mark.parametrize(("shift", "limit"), [(0, ADDRESS_LIMITS[1]), (8, ADDRESS_LIMITS[2])])
    def test_guesses_from_a_network_at_many_accounts_are_limited(self, app: App, shift: int, limit: Limit) -> None:
        numbers = iter(range(1000))
        origins = [Origin(f"2001:db8:0:{number << shift:x}::1") for number in range(5)]
        guesses = sum(exhaust(lambda: guess(app, origin, f"user{next(numbers)}")) for origin in origins)  # noqa: B023
        assert guesses == limit.burst
        app.sessions.login("alice", PASSWORD, origin=ELSEWHERE)

    @pytest.mark.parametrize("position", [1, 2])
    def test_a_wider_network_has_more_attempts_and_regains_them_no_faster(self, position: int) -> None:
        for limits in (PAIR_LIMITS, ADDRESS_LIMITS, REGISTRATION_LIMITS):
            assert limits[position].burst == 2 * limits[position - 1].burst
        assert PAIR_LIMITS[position].refill >= 3 * LOGIN_BY_ACCOUNT.refill

    @pytest.mark.parametrize("limits", [ADDRESS_LIMITS, REGISTRATION_LIMITS, FORGOTTEN_LIMITS])
    def test_a_wider_network_regains_the_attempts_of_many_accounts_twice_as_fast(self, limits: Sequence[Limit]) -> None:
        for narrow, wide in pairwise(limits):
            assert (wide.burst, 2 * wide.refill) == (2 * narrow.burst, narrow.refill)

    def test_registrations_are_counted_by_wider_networks(self, app: App) -> None:
        names = iter(f"user{number}" for number in range(1000))

        def register(origin: Origin) -> None:
            app.registration.register({"username": next(names)}, PASSWORD, origin=origin)

        registered = sum(exhaust(lambda: register(origin)) for origin in customers_networks(3))  # noqa: B023
        assert registered == REGISTRATION_LIMITS[1].burst


class TestTrust:
    def use_up_the_account(self, app: App) -> None:
        guesses = sum(exhaust(lambda: guess(app, origin)) for origin in addresses(30))  # noqa: B023
        assert guesses == LOGIN_BY_ACCOUNT.burst

    @pytest.mark.parametrize("name", ["alice", "\uff21lice"])
    def test_the_owner_logs_in_from_a_network_used_before_while_others_guess(self, app: App, name: str) -> None:
        app.sessions.login(name, PASSWORD, origin=ELSEWHERE)
        self.use_up_the_account(app)
        with pytest.raises(TooManyRequests):
            app.sessions.login("alice", PASSWORD, origin=Origin("203.0.113.200"))
        for _ in range(2 * LOGIN_BY_ACCOUNT.burst):
            app.sessions.login("alice", PASSWORD, origin=HOME)  # where she registered
            app.sessions.login("alice", PASSWORD, origin=Origin("2001:db8:ffff::2"))

    def test_neighbours_that_guess_do_not_lock_out_the_owner(self, app: App) -> None:
        home = Origin("2001:db8:0:ff01::1")
        app.sessions.login("alice", PASSWORD, origin=home)
        guess_everywhere(app, [Origin(f"2001:db8:0:{number << 8:x}::1") for number in range(20)])
        guess_everywhere(app, customers_networks(20, "2001:db8:0:ff"))
        app.sessions.login("alice", PASSWORD, origin=home)

    def test_a_used_network_gains_no_attempts(self, app: App) -> None:
        numbers = iter(range(1000))
        assert exhaust(lambda: guess(app, HOME)) == LOGIN_BY_PAIR.burst
        others = exhaust(lambda: guess(app, HOME, f"user{next(numbers)}"))
        assert others == LOGIN_BY_ADDRESS.burst - LOGIN_BY_PAIR.burst

    def test_only_a_login_makes_a_network_trusted(self, app: App) -> None:
        actor = app.actor(app.sessions.login("alice", PASSWORD, origin=HOME))
        app.two_factor.enrol(actor, PASSWORD, HOME)
        app.two_factor.confirm(actor, app.codes.code("SECRET", int(app.clock.now().timestamp()) // 30), HOME)
        guess(app, ELSEWHERE)
        with pytest.raises(CodeRequired):
            app.sessions.login("alice", PASSWORD, origin=ELSEWHERE)
        with pytest.raises(InvalidCredentials):
            app.sessions.login("alice", PASSWORD, code="000000", origin=ELSEWHERE)
        self.use_up_the_account_but(app, 2)
        with pytest.raises(TooManyRequests):
            app.sessions.login("alice", PASSWORD, origin=ELSEWHERE)

    def use_up_the_account_but(self, app: App, number: int) -> None:
        guesses = sum(exhaust(lambda: guess(app, origin)) for origin in addresses(30))  # noqa: B023
        assert guesses == LOGIN_BY_ACCOUNT.burst - number

    def test_a_network_is_trusted_with_one_account_only(self, app: App) -> None:
        app.registration.register({"username": "bob"}, PASSWORD, origin=ELSEWHERE)
        self.use_up_the_account(app)
        with pytest.raises(TooManyRequests):
            app.sessions.login("alice", PASSWORD, origin=ELSEWHERE)

    def test_guesses_from_unknown_networks_in_an_hour_are_bounded(self, app: App) -> None:
        guesses = 0
        origins = cycle(addresses(250))
        for _ in range(180):
            for _ in range(25):
                with suppress(TooManyRequests):
                    guess(app, next(origins))
                    guesses += 1
            app.clock.advance(LOGIN_BY_ACCOUNT.refill)
        assert LOGIN_BY_ACCOUNT.burst <= guesses <= LOGIN_BY_ACCOUNT.burst + 180


class TestClocks:
    @pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=1), timedelta(days=365)])
    def test_a_clock_that_ran_ahead_locks_out_no_user(self, app: App, ahead: timedelta) -> None:
        start = app.clock.now()
        app.clock.set(start + ahead)
        for origin in (HOME, ELSEWHERE):
            guess(app, origin)
        for name in ("carol", "a"):
            with suppress(InvalidInput):
                app.registration.register({"username": name}, PASSWORD, origin=HOME)
        app.clock.set(start)
        tokens = app.sessions.login("alice", PASSWORD, origin=HOME).tokens
        app.sessions.login("alice", PASSWORD, origin=ELSEWHERE)
        app.registration.register({"username": "dave"}, PASSWORD, origin=HOME)
        app.sessions.refresh(tokens.refresh, HOME)

    def test_after_a_correction_guesses_are_still_limited(self, app: App) -> None:
        start = app.clock.now()
        app.clock.set(start + timedelta(days=1))
        exhaust(lambda: guess(app, ATTACKER))
        app.clock.set(start)
        assert exhaust(lambda: guess(app, ATTACKER)) == 1


class TestOtherLimits:
    def test_successful_and_failed_registrations_are_counted_by_address(self, app: App) -> None:
        names = iter(f"user{number}" for number in range(1000))

        def register() -> None:
            fields = {"username": next(names)}
            app.registration.register(fields, PASSWORD, origin=ATTACKER)  # type: ignore[arg-type]

        with pytest.raises(UsernameTaken):
            app.registration.register({"username": "alice"}, PASSWORD, origin=ATTACKER)
        with pytest.raises(InvalidInput):
            app.registration.register({"username": "a"}, PASSWORD, origin=ATTACKER)
        assert exhaust(register) == REGISTRATION_BY_ADDRESS.burst - 2
        app.registration.register({"username": "bob"}, PASSWORD, origin=HOME)

    def test_refreshes_are_counted_by_session(self, app: App) -> None:
        tokens = [app.sessions.login("alice", PASSWORD, origin=HOME).tokens for _ in range(2)]

        def refresh() -> None:
            tokens[0] = app.sessions.refresh(tokens[0].refresh, HOME)

        assert exhaust(refresh) == REFRESH_BY_SESSION.burst
        app.sessions.refresh(tokens[1].refresh, HOME)
        app.clock.advance(REFRESH_BY_SESSION.refill)
        refresh()

    def test_refreshes_are_counted_by_address(self, app: App) -> None:
        ended = []
        for _ in range(6):
            tokens = app.sessions.login("alice", PASSWORD, origin=HOME).tokens
            app.sessions.logout(tokens.access)
            ended.append(tokens.refresh)
        visitors = cycle([Origin("2001:db8::1"), Origin("2001:db8::ffff")])  # of one network
        total = sum(
            exhaust(lambda token=token: app.sessions.refresh(token, next(visitors)), SessionEnded)  # type: ignore[misc]
            for token in ended
        )
        assert total == REFRESH_BY_ADDRESS.burst

    def test_forged_tokens_are_not_counted(self, app: App) -> None:
        tokens = app.sessions.login("alice", PASSWORD, origin=HOME).tokens
        for _ in range(2 * REFRESH_BY_ADDRESS.burst):
            with pytest.raises(InvalidToken):
                app.sessions.refresh(tokens.refresh + "x", HOME)
        app.sessions.refresh(tokens.refresh, HOME)

    @pytest.mark.parametrize("call", ["delete", "change_password", "edit", "enrol", "disable"])
    def test_wrong_own_passwords_are_limited_but_right_ones_are_not_counted(self, app: App, call: str) -> None:
        actor = app.actor(app.sessions.login("alice", PASSWORD, origin=HOME))
        calls: dict[str, Callable[[str], object]] = {
            "delete": lambda password: app.account_removal.delete(actor, password, HOME),
            "change_password": lambda password: app.accounts.change_password(actor, password, PASSWORD, HOME),
            "edit": lambda password: app.accounts.edit(actor, {"first_name": "A"}, password, HOME),
            "enrol": lambda password: app.two_factor.enrol(actor, password, HOME),
            "disable": lambda password: app.two_factor.disable(actor, password, "000000", HOME),
        }
        for _ in range(2 * PASSWORD_BY_ACCOUNT.burst):
            app.accounts.edit(actor, {"first_name": "B"}, PASSWORD, HOME)
        assert exhaust(lambda: calls[call]("wrong"), InvalidInput) == PASSWORD_BY_ACCOUNT.burst
        for each in calls.values():
            with pytest.raises(TooManyRequests):
                each(PASSWORD)
        # Other operations are not throttled.
        app.accounts.edit(actor, {"first_name": "C"}, origin=HOME)
        app.sessions.login("alice", PASSWORD, origin=HOME)

    @pytest.mark.parametrize("call", ["confirm", "disable"])
    def test_wrong_codes_are_limited_even_with_the_right_password(self, app: App, call: str) -> None:
        actor = app.actor(app.sessions.login("alice", PASSWORD, origin=HOME))
        app.two_factor.enrol(actor, PASSWORD, HOME)

        def right() -> str:
            return app.codes.code("SECRET", int(app.clock.now().timestamp()) // 30)

        if call == "disable":
            app.two_factor.confirm(actor, right(), HOME)
            app.clock.advance(minutes=1)

        def try_(code: str) -> None:
            if call == "confirm":
                app.two_factor.confirm(actor, code, HOME)
            else:
                app.two_factor.disable(actor, PASSWORD, code, HOME)

        assert exhaust(lambda: try_("000000"), InvalidInput) == PASSWORD_BY_ACCOUNT.burst
        with pytest.raises(TooManyRequests):
            try_(right())
        app.clock.advance(minutes=1)
        try_(right())

    def test_a_missing_code_and_the_right_one_of_a_refused_change_are_not_counted(self, app: App) -> None:
        actor = app.actor(app.sessions.login("alice", PASSWORD, origin=HOME))
        app.two_factor.enrol(actor, PASSWORD, HOME)

        def right() -> str:
            return app.codes.code("SECRET", int(app.clock.now().timestamp()) // 30)

        app.two_factor.confirm(actor, right(), HOME)
        app.clock.advance(hours=1)
        for _ in range(2 * PASSWORD_BY_ACCOUNT.burst):
            with pytest.raises(ConfirmationRequired):
                app.two_factor.disable(actor, PASSWORD, None, HOME)
        app.registration.register({"username": "bob"}, PASSWORD)
        for _ in range(2 * PASSWORD_BY_ACCOUNT.burst):
            with pytest.raises(UsernameTaken):
                app.accounts.edit(actor, {"username": "bob"}, PASSWORD, HOME, right())
        app.two_factor.disable(actor, PASSWORD, right(), HOME)

    def test_turning_two_factor_on_and_off_is_never_throttled(self, app: App) -> None:
        actor = app.actor(app.sessions.login("alice", PASSWORD, origin=HOME))
        app.clock.advance(hours=1)
        for _ in range(3 * PASSWORD_BY_ACCOUNT.burst):
            step = int(app.clock.now().timestamp()) // 30
            app.two_factor.enrol(actor, PASSWORD, HOME)
            app.two_factor.confirm(actor, app.codes.code("SECRET", step), HOME)
            app.two_factor.disable(actor, PASSWORD, app.codes.code("SECRET", step + 1), HOME)


class TestOff:
    def test_logins_are_unlimited_without_throttling(self) -> None:
        app = App.in_memory()
        app.registration.register({"username": "alice"}, PASSWORD, origin=HOME)
        for _ in range(2 * LOGIN_BY_ACCOUNT.burst):
            guess(app, HOME)
        app.sessions.login("alice", PASSWORD, origin=HOME)


def test_in_memory_full_buckets_are_forgotten_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limiter, "MAX_BUCKETS", 2)
    limiter, short, long = MemoryRateLimiter(), Limit("short", 1, SECOND), Limit("long", 1, 10 * SECOND)
    assert limiter.consume(Bucket.of(short, "full again"), START) is None
    assert limiter.consume(Bucket.of(long, "active"), START) is None
    for number in range(3):
        assert limiter.consume(Bucket.of(short, str(number)), START + SECOND) is None
    assert limiter.consume(Bucket.of(long, "active"), START + SECOND) == 9 * SECOND
    assert len(limiter._full_at) == 4


class Emptied:
    """A limiter whose bucket of this key is empty. Records the other calls."""

    def __init__(self, key: str) -> None:
        self.made: list[tuple[str, str]] = []
        self._key = key

    def consume(self, bucket: Bucket, _: datetime) -> timedelta | None:
        self.made.append(("consume", bucket.key))
        return timedelta(seconds=7) if bucket.key == self._key else None

    def refund(self, bucket: Bucket) -> None:
        self.made.append(("refund", bucket.key))


def test_the_time_to_wait_is_that_of_the_empty_bucket_and_earlier_ones_get_their_attempt_back() -> None:
    buckets = [Bucket(key, LOGIN_BY_PAIR) for key in "abcd"]
    limiter: Any = Emptied("c")
    with pytest.raises(TooManyRequests) as refused:
        Throttle(limiter, ManualClock()).consume(*buckets)
    assert refused.value.retry_after == 7
    assert limiter.made == [*(("consume", each) for each in "abc"), ("refund", "a"), ("refund", "b")]


def test_without_a_limiter_no_network_is_trusted_and_nothing_is_counted() -> None:
    throttle, bucket = Throttle(None, ManualClock()), Bucket("a", LOGIN_BY_PAIR)
    for call in (throttle.consume, throttle.refund, throttle.trust):
        call(bucket)
    assert not throttle.is_trusted(bucket)


def test_the_limits_change_only_on_purpose() -> None:
    found = {each.name: (each.burst, each.refill.total_seconds()) for each in LIMITS}
    assert found == {
        "login/account+address": (10, 60),
        "login/account+56": (20, 60),
        "login/account+48": (40, 60),
        "login/address": (100, 5),
        "login/56": (200, 2.5),
        "login/48": (400, 1.25),
        "login/account": (200, 20),
        "registration/address": (100, 30),
        "registration/56": (200, 15),
        "registration/48": (400, 7.5),
        "refresh/session": (120, 5),
        "refresh/address": (600, 0.2),
        "password/account": (10, 60),
        "code/account": (10, 60),
        "invitation/account": (100, 30),
        "forgotten/address": (20, 180),
        "forgotten/56": (40, 90),
        "forgotten/48": (80, 45),
    }
    assert timedelta(days=180) == limit.TRUSTED_FOR
    assert LOGIN_BY_PAIR.length == timedelta(minutes=10)


@pytest.mark.parametrize("wrong", ["password", "code"])
def test_the_sessions_of_an_account_share_its_limits(wrong: str) -> None:
    app = App.in_memory(throttled=True)
    first = register(app, "alice")
    second = app.actor(app.sessions.login("alice", PASSWORD))
    if wrong == "code":
        app.two_factor.enrol(first, PASSWORD)
        app.two_factor.confirm(first, app.codes.code("SECRET", int(app.clock.now().timestamp()) // 30))
    given = (PASSWORD, "000000") if wrong == "code" else ("wrong", None)
    for _ in range(PASSWORD_BY_ACCOUNT.burst):
        with pytest.raises(InvalidInput):
            app.confirmation.confirm(first, *given)
    with pytest.raises(TooManyRequests):
        app.confirmation.confirm(second, *given)


def test_a_network_is_trusted_with_the_name_that_was_entered() -> None:
    app, address, names = App.in_memory(throttled=True), "192.0.2.1", ("alice@example.org", "alice")
    register(app, "alice")
    app.sessions.login("Alice@example.org", PASSWORD, origin=Origin(address))
    trusted = [app.throttle.is_trusted(limit.buckets(PAIR_LIMITS, address, name)[0]) for name in names]
    assert trusted == [True, False]
