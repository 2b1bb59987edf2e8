"""Hosts whose clocks differ by 90 seconds, and clocks that jump by a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

import pytest

from tasktracker.domain.throttling.limit import LOGIN_BY_PAIR
from tests import backends
from tests.fakes import ManualClock
from tests.http import Api, bearer, expect, new_name

APART = timedelta(seconds=90)
ME = "/api/accounts/me/"
LOGIN = "/api/accounts/login/"
REFRESH = "/api/accounts/refresh/"

on_sql = pytest.mark.parametrize("shared", backends.NAMES[1:], indirect=True)
each_pair = pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 0)])
each_jump = pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=-1)])


@pytest.fixture(scope="module")
def pair(shared: Api) -> Iterator[list[Api]]:
    with (
        Api(shared.url, clock=ManualClock(), THROTTLE="on") as behind,
        Api(shared.url, clock=ManualClock(), THROTTLE="on") as ahead,
    ):
        yield [behind, ahead]


@pytest.fixture
def hosts(api: Api, pair: list[Api]) -> list[Api]:
    """Two hosts on one database, of which the second one's clock is ahead."""
    pair[0].clock.set(api.clock.now())
    pair[1].clock.set(api.clock.now() + APART)
    pair[0].container.limiter().clear()
    return pair


@pytest.fixture
def throttled(api: Api) -> Iterator[Api]:
    """A host with limits, whose clock can jump."""
    with api.beside(THROTTLE="on") as throttled:
        throttled.container.limiter().clear()
        yield throttled


def me(host: Api, access: str) -> int:
    return host.get(ME, headers=bearer(access)).status_code


@on_sql
class TestTwoHosts:
    @each_pair
    def test_tokens_of_one_host_are_accepted_by_the_other(self, hosts: list[Api], first: int, second: int) -> None:
        person = hosts[first].register()
        assert me(hosts[second], person.access) == 200
        for number in range(6):
            answer = expect(hosts[(second + number) % 2].post(REFRESH, {"refresh": person.refresh}), 200)
            person.refresh = answer["refresh"]
            assert answer["expires_in"] == 15 * 60
            assert [me(host, answer["access"]) for host in hosts] == [200, 200]

    @each_pair
    def test_a_lost_response_to_a_refresh_is_repeated_by_the_other_host(
        self, hosts: list[Api], first: int, second: int
    ) -> None:
        refresh = hosts[first].register().refresh
        lost, again = (expect(hosts[at].post(REFRESH, {"refresh": refresh}), 200) for at in (first, second))
        assert [again[name] for name in ("access", "refresh")] == [lost[name] for name in ("access", "refresh")]

    @each_pair
    def test_a_log_out_at_one_host_holds_at_the_other(self, hosts: list[Api], first: int, second: int) -> None:
        person = hosts[first].register()
        expect(hosts[second].post("/api/accounts/logout/", headers=bearer(person.access)), 204)
        for host in hosts:
            assert me(host, person.access) == 401
            expect(host.post(REFRESH, {"refresh": person.refresh}), 401)

    @each_pair
    def test_a_stolen_token_is_detected_by_either_host(self, hosts: list[Api], first: int, second: int) -> None:
        stolen = refresh = hosts[first].register().refresh
        for _ in range(2):
            refresh = expect(hosts[first].post(REFRESH, {"refresh": refresh}), 200)["refresh"]
        expect(hosts[second].post(REFRESH, {"refresh": stolen}), 401)
        expect(hosts[first].post(REFRESH, {"refresh": refresh}), 401)

    @each_pair
    def test_a_ticket_of_one_host_opens_a_stream_at_the_other(self, hosts: list[Api], first: int, second: int) -> None:
        person = hosts[first].register()
        ticket = expect(person.post("/api/events/tickets/"), 201)["ticket"]
        expect(hosts[second].head(f"/api/events/?ticket={ticket}"), 200)

    def test_a_client_that_alternates_between_hosts_gains_no_guesses(self, hosts: list[Api]) -> None:
        body = {"username": new_name(), "password": "wrong"}
        statuses = Counter(host.post(LOGIN, body).status_code for _ in range(2 * LOGIN_BY_PAIR.burst) for host in hosts)
        # Between the clocks lies one refill, which is given once.
        assert statuses[401] == LOGIN_BY_PAIR.burst + 1

    def test_guesses_at_one_host_do_not_lock_out_at_the_other_for_longer(self, hosts: list[Api]) -> None:
        behind, ahead = hosts
        person = behind.register()
        body = {"username": person.username, "password": "wrong"}
        for _ in range(LOGIN_BY_PAIR.burst):
            expect(ahead.post(LOGIN, body), 401)
        refused = behind.post(LOGIN, body)
        expect(refused, 429)
        behind.clock.advance(seconds=int(refused.headers["retry-after"]))
        assert int(refused.headers["retry-after"]) <= (APART + LOGIN_BY_PAIR.refill).total_seconds()
        behind.login(person)


class TestJumps:
    @each_jump
    def test_a_session_survives_a_jump_of_the_clock_and_its_correction(self, api: Api, jump: timedelta) -> None:
        before = api.register()
        api.clock.advance(jump)
        during = expect(api.post(REFRESH, {"refresh": before.refresh}), 200)
        assert me(api, during["access"]) == 200
        other = api.login(before)
        api.clock.advance(-jump)
        for refresh in (during["refresh"], other.refresh):
            after = expect(api.post(REFRESH, {"refresh": refresh}), 200)
            assert (me(api, after["access"]), after["expires_in"]) == (200, 15 * 60)

    def test_tokens_issued_while_the_clock_was_ahead_are_accepted(self, api: Api) -> None:
        api.clock.advance(days=1)
        person = api.register()
        api.clock.advance(days=-1)
        assert me(api, person.access) == 200

    @each_jump
    def test_failed_logins_lock_no_user_out_after_a_jump(self, throttled: Api, jump: timedelta) -> None:
        person = throttled.register()
        wrong = {"username": person.username, "password": "wrong"}
        throttled.clock.advance(jump)
        expect(throttled.post(LOGIN, wrong), 401)
        throttled.clock.advance(-jump)
        throttled.login(person)

    @each_jump
    def test_guesses_are_limited_before_and_after_a_jump(self, throttled: Api, jump: timedelta) -> None:
        body = {"username": new_name(), "password": "wrong"}
        answers = (throttled.post(LOGIN, body).status_code for _ in range(100))
        assert list(islice(answers, LOGIN_BY_PAIR.burst + 1)) == [401] * LOGIN_BY_PAIR.burst + [429]
        throttled.clock.advance(jump)
        # A jump ahead refills the bucket. After a jump back, one attempt is left, although all were used up.
        left = LOGIN_BY_PAIR.burst if jump > timedelta() else 1
        assert list(islice(answers, left + 1)) == [401] * left + [429]
