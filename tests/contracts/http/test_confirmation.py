"""Confirming the password for what a stolen token must not do, over HTTP."""

from __future__ import annotations

from typing import Any

import pyotp
import pytest

from tests.backends import http_on_memory
from tests.contracts.http.base import invalid, problem
from tests.http import OTHER_PASSWORD, PASSWORD, Api, Person, expect, new_name

pytestmark = http_on_memory

CONFIRM = "/api/accounts/me/confirm/"
TOTP = "/api/accounts/me/totp/"
SENSITIVE: list[tuple[str, str, dict[str, Any]]] = [
    ("PATCH", "/api/accounts/me/", {"username": "renamed"}),
    ("PATCH", "/api/accounts/me/", {"email": "renamed@example.org"}),
    ("POST", "/api/accounts/me/password/", {"new_password": OTHER_PASSWORD}),
    ("POST", TOTP, {}),
    ("POST", "/api/accounts/tokens/", {"name": "script", "scopes": ["tasks:read"]}),
    ("POST", "/api/accounts/me/delete/", {}),
]


def test_after_a_confirmation_nothing_asks_for_the_password(alice: Person) -> None:
    for method, path, body in SENSITIVE:
        problem(alice.request(method, path, json=body), 403, "confirmation-required")
    expect(alice.post(CONFIRM, {"password": PASSWORD}), 204)
    for method, path, body in SENSITIVE:
        assert alice.request(method, path, json=body).status_code < 300


def test_a_confirmation_lasts_ten_minutes_in_its_session(api: Api, alice: Person) -> None:
    other = api.login(alice)
    expect(alice.post(CONFIRM, {"password": PASSWORD}), 204)
    problem(other.post(TOTP, {}), 403, "confirmation-required")
    api.clock.advance(minutes=10)
    expect(alice.post(TOTP, {}), 200)
    api.clock.advance(seconds=1)
    problem(alice.post(TOTP, {}), 403, "confirmation-required")


def test_a_wrong_password_is_a_field_error(alice: Person) -> None:
    invalid(alice.post(CONFIRM, {"password": "wrong"}), "password")
    for method, path, body in SENSITIVE:
        field = "current_password" if "new_password" in body else "password"
        invalid(alice.request(method, path, json=body | {field: "wrong"}), field)


@pytest.mark.parametrize("scope", ["tasks:read", "tasks:write"])
def test_an_api_token_confirms_nothing(alice: Person, scope: str) -> None:
    body = {"name": "script", "scopes": [scope], "password": PASSWORD}
    token = expect(alice.post("/api/accounts/tokens/", body), 201)["token"]
    headers = {"Authorization": f"Bearer {token}"}
    problem(alice.post(CONFIRM, {"password": PASSWORD}, headers=headers), 403, "session-required")


def test_the_state_of_two_factor_is_shown(api: Api, alice: Person) -> None:
    assert expect(alice.get(TOTP), 200) == {"enabled": False, "recovery_codes_left": 0}
    expect(alice.post(TOTP, {"password": PASSWORD}), 200)
    assert expect(alice.get(TOTP), 200) == {"enabled": False, "recovery_codes_left": 0}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/api/accounts/me/", {"email": None}),
        ("POST", "/api/accounts/me/password/", {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}),
        ("POST", "/api/accounts/me/delete/", {}),
        ("POST", "/api/accounts/tokens/", {"name": "script", "scopes": ["tasks:read"]}),
        ("POST", f"{TOTP}disable/", {}),
        ("POST", f"{TOTP}recovery-codes/", {}),
        ("POST", CONFIRM, {}),
    ],
)
def test_with_a_second_factor_the_password_is_sent_with_a_code(
    api: Api, method: str, path: str, body: dict[str, Any]
) -> None:
    alice = api.register(email=f"{new_name()}@example.org")
    secret = expect(alice.post(TOTP, {"password": PASSWORD}), 200)["secret"]
    code = pyotp.TOTP(secret).at(api.clock.now())
    code = expect(alice.post(f"{TOTP}confirm/", {"code": code}), 200)["recovery_codes"][0]
    api.clock.advance(minutes=11)
    sent = body if "current_password" in body else {**body, "password": PASSWORD}
    assert alice.request(method, path, json=sent).status_code in (400, 403)
    assert alice.request(method, path, json={**sent, "code": code}).is_success


def test_new_recovery_codes_replace_the_earlier_ones(api: Api, alice: Person) -> None:
    secret = expect(alice.post(TOTP, {"password": PASSWORD}), 200)["secret"]
    generator = pyotp.TOTP(secret)
    old = expect(alice.post(f"{TOTP}confirm/", {"code": generator.at(api.clock.now())}), 200)["recovery_codes"]
    body = {"password": PASSWORD, "code": old[0]}
    new = expect(alice.post(f"{TOTP}recovery-codes/", body), 200)["recovery_codes"]
    assert expect(alice.get(TOTP), 200) == {"enabled": True, "recovery_codes_left": 10}
    assert not set(old) & set(new)
    login = {"username": alice.username, "password": PASSWORD}
    problem(api.post("/api/accounts/login/", login | {"code": old[1]}), 401, "invalid-credentials")
    expect(api.post("/api/accounts/login/", login | {"code": new[1]}), 200)
    assert expect(alice.get(TOTP), 200) == {"enabled": True, "recovery_codes_left": 9}
