"""Two processes throttle guesses together, and no other requests."""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import takewhile
from pathlib import Path

from sqlalchemy import text

from tasktracker.adapters.sql.engine import open_database
from tasktracker.domain.kernel.fields import case_key
from tasktracker.domain.throttling.limit import LOGIN_BY_ACCOUNT, LOGIN_BY_PAIR, PAIR_LIMITS, Bucket
from tests.http import PASSWORD, SETTINGS, Caller, Server, expect, run
from tests.security.conftest import NewPair
from tests.security.processes import Pair, Visitor, at_once, new_address

LOGIN = "/api/accounts/login/"
BURST, BY_ACCOUNT = LOGIN_BY_PAIR.burst, LOGIN_BY_ACCOUNT.burst
WRONG = "not the password"


def exhaust(pair: Pair, username: str, address: str) -> None:
    for number in range(BURST):
        expect(pair.visitor(number, address).post(LOGIN, {"username": username, "password": WRONG}), 401)


def test_processes_share_one_limit(pairs: NewPair, storage: str) -> None:
    pair = pairs(storage)
    person = pair.visitor().register()
    address = new_address()
    body = {"username": person.username, "password": WRONG}
    tries = [partial(pair.visitor(number, address).post, LOGIN, body) for number in range(3 * BURST)]
    assert Counter(answer.status_code for answer in at_once(tries)) == {401: BURST, 429: 2 * BURST}


def test_other_spellings_of_a_name_are_the_same_account(pair: Pair) -> None:
    person = pair.visitor().register()
    address = new_address()
    exhaust(pair, person.username.upper(), address)
    body = {"username": f" {person.username} ", "password": WRONG}
    expect(pair.visitor(1, address).post(LOGIN, body), 429)


def test_an_attack_from_one_address_does_not_lock_out_the_owner_at_another(pair: Pair) -> None:
    person = pair.visitor().register()
    address = new_address()
    exhaust(pair, person.username, address)
    right = {"username": person.username, "password": PASSWORD}
    for number in range(2):
        expect(pair.visitor(number, address).post(LOGIN, right), 429)
        expect(pair.visitor(number).post(LOGIN, right), 200)
        expect(pair.beside(person).get("/api/accounts/me/"), 200)


def test_the_networks_of_one_customer_do_not_lock_out_the_owner(pair: Pair) -> None:
    person = pair.visitor().register()
    wrong = {"username": person.username, "password": WRONG}
    statuses = Counter(
        pair.visitor(number, f"2001:db8:0:{network:x}::1").post(LOGIN, wrong).status_code
        for network in range(20)
        for number in range(BURST)
    )
    assert statuses == {401: PAIR_LIMITS[1].burst, 429: 20 * BURST - PAIR_LIMITS[1].burst}
    expect(pair.visitor().post(LOGIN, {"username": person.username, "password": PASSWORD}), 200)


def test_the_owner_logs_in_where_they_did_before_while_the_account_is_attacked(pair: Pair) -> None:
    home = pair.visitor()
    person = home.register()
    body = {"username": person.username, "password": PASSWORD}
    # The limit regains attempts meanwhile, but not as many as the guesses take.
    guesses = (pair.visitor(number).post(LOGIN, {**body, "password": WRONG}) for number in range(2 * BY_ACCOUNT))
    statuses = [answer.status_code for answer in takewhile(lambda answer: answer.status_code == 401, guesses)]
    assert BY_ACCOUNT <= len(statuses) < 2 * BY_ACCOUNT
    expect(home.post(LOGIN, body), 200)


def test_an_address_before_that_of_the_proxy_is_ignored(pair: Pair) -> None:
    person = pair.visitor().register()
    address = new_address()
    body = {"username": person.username, "password": WRONG}
    for number in range(BURST):
        forwarded = f"{new_address()}, {address}"  # the proxy appends; the client may have forged the part before
        expect(pair.visitor(number, forwarded).post(LOGIN, body), 401)
    expect(pair.visitor(0, f"{new_address()}, {address}").post(LOGIN, body), 429)


def test_without_a_trusted_proxy_a_forwarded_address_is_ignored(pair: Pair, tmp_path: Path) -> None:
    with Server(tmp_path, DATABASE_URL=pair.url, THROTTLE="on") as server:
        person = Caller(server.client).register()
        body = {"username": person.username, "password": WRONG}
        for _ in range(BURST):
            expect(Visitor(server.client).post(LOGIN, body), 401)
        expect(Visitor(server.client).post(LOGIN, body), 429)


def test_a_request_succeeds_after_retry_after(pairs: NewPair, storage: str) -> None:
    pair = pairs(storage)
    person = pair.visitor().register()
    address = new_address()
    exhaust(pair, person.username, address)
    visitor = pair.visitor(1, address)
    right = {"username": person.username, "password": PASSWORD}
    refused = visitor.post(LOGIN, right)
    expect(refused, 429)
    wait = int(refused.headers["retry-after"])
    assert 0 < wait <= LOGIN_BY_PAIR.refill.total_seconds()
    let_pass(pair, person.username, address, wait // 2)
    expect(visitor.post(LOGIN, right), 429)
    let_pass(pair, person.username, address, wait - wait // 2)
    expect(visitor.post(LOGIN, right), 200)


def let_pass(pair: Pair, username: str, address: str, seconds: float) -> None:
    """Change a limit as if this time had passed."""
    database = open_database(pair.url, pool_size=1)
    with database.writing() as connection:
        changed = connection.change(
            text("UPDATE rate_limits SET full_at = full_at - :by WHERE key = :key"),
            {"by": int(seconds * 1e6), "key": Bucket.of(LOGIN_BY_PAIR, case_key(username), address).key},
        )
        assert changed == 1
    database.close()


def test_production_refuses_to_run_without_throttling(tmp_path: Path) -> None:
    result = run(tmp_path, "serve", **SETTINGS, ENVIRONMENT="production")
    assert result.returncode == 1
    assert "THROTTLE: must be on in production" in result.stderr
