"""Revoked sessions and tokens are refused by every process at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.http import OTHER_PASSWORD, PASSWORD, Caller, Person, bearer, expect, run
from tests.security.conftest import NewPair
from tests.security.processes import Pair

ME = "/api/accounts/me/"


@pytest.fixture
def two(pairs: NewPair, storage: str) -> Pair:
    return pairs(storage)


@pytest.fixture
def here(two: Pair) -> Person:
    """A user at one process."""
    return two.visitor().register()


@pytest.fixture
def there(two: Pair, here: Person) -> Person:
    """The same user in another session at the other process, which has accepted the token."""
    person = two.visitor(1).login(here)
    expect(person.get(ME), 200)
    return person


def require_logged_out(caller: Caller, person: Person, refreshed: int = 401) -> None:
    """Require that the tokens of a user are refused, from the first request."""
    expect(caller.get(ME, headers=bearer(person.access)), 401)
    expect(caller.get("/api/tasks/", headers=bearer(person.access)), 401)
    expect(caller.post("/api/tasks/", {"title": "too late"}, headers=bearer(person.access)), 401)
    expect(caller.post("/api/accounts/refresh/", {"refresh": person.refresh}), refreshed)
    expect(caller.post("/api/accounts/verify/", {"token": person.access}), 401)


def test_logging_out_ends_the_session(two: Pair, here: Person) -> None:
    beside = two.beside(here)
    expect(beside.get(ME), 200)
    expect(here.post("/api/accounts/logout/"), 204)
    require_logged_out(beside, here)


def test_logging_out_by_refresh_token_ends_the_session(two: Pair, here: Person) -> None:
    expect(two.visitor().post("/api/accounts/logout/", {"refresh": here.refresh}), 204)
    require_logged_out(two.beside(here), here)


def test_ending_other_sessions_keeps_this_one(here: Person, there: Person) -> None:
    expect(here.delete("/api/accounts/sessions/"), 204)
    require_logged_out(there, there)
    expect(here.get(ME), 200)


def test_changing_the_password_ends_other_sessions(here: Person, there: Person) -> None:
    body = {"current_password": here.password, "new_password": OTHER_PASSWORD}
    expect(here.post(f"{ME}password/", body), 204)
    require_logged_out(there, there)
    expect(here.get(ME), 200)
    expect(there.post("/api/accounts/login/", {"username": here.username, "password": here.password}), 401)


def test_deleting_the_account_ends_its_sessions(here: Person, there: Person) -> None:
    expect(here.post(f"{ME}delete/", {"password": here.password}), 204)
    require_logged_out(there, there)


def test_disabling_the_user_ends_sessions_and_tokens(two: Pair, here: Person, there: Person, tmp_path: Path) -> None:
    token = api_token(here)
    result = run(tmp_path, "disable-user", here.username, DATABASE_URL=two.url)
    assert result.returncode == 0, result.stderr
    require_logged_out(there, there, 403)
    require_logged_out(here, here, 403)
    for number in range(2):
        expect(two.visitor(number).get("/api/tasks/", headers=bearer(token)), 401)
        expect(two.visitor(number).post("/api/tasks/", {"title": "too late"}, headers=bearer(token)), 401)


def test_a_revoked_api_token_is_refused(two: Pair, here: Person) -> None:
    token, kept = api_token(here), api_token(here)
    elsewhere = two.visitor(1)
    expect(elsewhere.get("/api/tasks/", headers=bearer(token)), 200)
    listed = expect(here.get("/api/accounts/tokens/"), 200)["results"]
    expect(here.delete(f"/api/accounts/tokens/{listed[-1]['id']}/"), 204)
    expect(elsewhere.get("/api/tasks/", headers=bearer(token)), 401)
    expect(elsewhere.post("/api/tasks/", {"title": "too late"}, headers=bearer(token)), 401)
    expect(elsewhere.get("/api/tasks/", headers=bearer(kept)), 200)


def api_token(person: Person) -> str:
    body = {"name": "a script", "scopes": ["tasks:read", "tasks:write"]}
    token: str = expect(person.post("/api/accounts/tokens/", {**body, "password": PASSWORD}), 201)["token"]
    return token
