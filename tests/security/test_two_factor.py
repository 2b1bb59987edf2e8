"""Each one-time code is accepted once by all processes."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from typing import Any

import httpx
import pyotp

from tests.http import Person, expect
from tests.security.conftest import NewPair
from tests.security.processes import Pair, at_once

LOGIN = "/api/accounts/login/"
TOTP = "/api/accounts/me/totp/"
TIMES = 10


def enable(person: Person) -> tuple[pyotp.TOTP, list[str]]:
    """Enable two-factor authentication, and return the generator and the recovery codes."""
    generator = pyotp.TOTP(expect(person.post(TOTP, {"password": person.password}), 200)["secret"])
    answer = expect(person.post(f"{TOTP}confirm/", {"code": generator.now()}), 200)
    return generator, answer["recovery_codes"]


def next_code(generator: pyotp.TOTP) -> str:
    """Return the next code, which is already accepted. The current code was used to confirm the enrolment."""
    return generator.at(int(time.time()), counter_offset=1)


def log_in_at_once(pair: Pair, person: Person, code: str) -> list[httpx.Response]:
    body = {"username": person.username, "password": person.password, "code": code}
    return at_once([partial(pair.visitor(number).post, LOGIN, body) for number in range(TIMES)])


def statuses(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def test_one_of_parallel_logins_with_one_code_succeeds(pairs: NewPair, storage: str) -> None:
    pair = pairs(storage)
    person = pair.visitor().register()
    generator, _ = enable(person)
    code = next_code(generator)
    assert statuses(log_in_at_once(pair, person, code)) == {200: 1, 401: TIMES - 1}
    assert statuses(log_in_at_once(pair, person, code)) == {401: TIMES}


def test_one_of_parallel_logins_with_one_recovery_code_succeeds(pairs: NewPair, storage: str) -> None:
    pair = pairs(storage)
    person = pair.visitor().register()
    _, (first, second, *_) = enable(person)
    assert statuses(log_in_at_once(pair, person, first)) == {200: 1, 401: TIMES - 1}
    assert statuses(log_in_at_once(pair, person, first)) == {401: TIMES}
    assert statuses(log_in_at_once(pair, person, second)) == {200: 1, 401: TIMES - 1}


def test_the_code_that_confirmed_is_used_up(pair: Pair) -> None:
    person = pair.visitor().register()
    generator = pyotp.TOTP(expect(person.post(TOTP, {"password": person.password}), 200)["secret"])
    code = generator.now()
    expect(person.post(f"{TOTP}confirm/", {"code": code}), 200)
    body = {"username": person.username, "password": person.password, "code": code}
    expect(pair.visitor(1).post(LOGIN, body), 401)


def test_an_older_code_is_not_accepted_after_a_newer_one(pair: Pair) -> None:
    person = pair.visitor().register()
    generator, _ = enable(person)
    login: dict[str, Any] = {"username": person.username, "password": person.password}
    expect(pair.visitor().post(LOGIN, {**login, "code": next_code(generator)}), 200)
    expect(pair.visitor(1).post(LOGIN, {**login, "code": generator.now()}), 401)


def test_a_wrong_password_gets_the_same_answer_with_and_without_a_second_factor(pair: Pair) -> None:
    plain, guarded = pair.visitor().register(), pair.visitor().register()
    generator, _ = enable(guarded)
    answers = [
        pair.visitor(1).post(LOGIN, {"username": username, "password": "not the password", **code})
        for username in (plain.username, guarded.username)
        for code in ({}, {"code": next_code(generator)}, {"code": "000000"})
    ]
    assert len({(answer.status_code, answer.text, tuple(answer.headers)) for answer in answers}) == 1
    asked = pair.visitor().post(LOGIN, {"username": guarded.username, "password": guarded.password})
    assert expect(asked, 401)["type"] == "/problems/code-required"
