"""The description of the service over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.contracts.http.base import NewApi, problem
from tests.http import PASSWORD, Api, Caller, Person, bearer, expect, new_name

ROOT = "/api/"


def described(caller: Caller, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = expect(caller.get(ROOT, **more), 200)
    return answer


def test_the_service_is_described_without_a_token(api: Api) -> None:
    found = described(api)
    server = found.pop("server")
    assert str(UUID(server)) == server
    assert found.pop("version")
    assert found == {
        "name": "Task Tracker",
        "capabilities": {"registration": "open", "mail": False},
        "limits": {
            "body_bytes": 262_144,
            "mutations": 100,
            "page_size": 100,
            "max_page_size": 200,
            "retention_days": 30,
        },
        "user": None,
    }


def test_the_id_of_the_server_belongs_to_its_data(api: Api, new_api: NewApi) -> None:
    server = described(api)["server"]
    assert described(new_api(WINDOW_DAYS="7", MAX_BODY_BYTES="2048")) == {
        **described(api),
        "limits": {**described(api)["limits"], "retention_days": 7, "body_bytes": 2048},
    }
    with Api("memory://") as other:
        assert described(other)["server"] != server


@pytest.mark.parametrize("scope", ["tasks:read", "tasks:write"])
def test_any_token_names_its_user(api: Api, alice: Person, scope: str) -> None:
    user = {"id": alice.id, "username": alice.username}
    assert described(alice)["user"] == user
    token = expect(
        alice.post("/api/accounts/tokens/", {"name": "script", "scopes": [scope], "password": PASSWORD}), 201
    )
    assert described(api, headers=bearer(token["token"]))["user"] == user
    expect(alice.delete(f"/api/accounts/tokens/{token['id']}/"), 204)
    problem(api.get(ROOT, headers=bearer(token["token"])), 401, "session-ended")


def test_a_token_that_is_not_valid_is_refused(api: Api, alice: Person) -> None:
    for token in ("nonsense", alice.refresh):
        problem(api.get(ROOT, headers=bearer(token)), 401, "invalid-token")
    expect(alice.post("/api/accounts/logout/", {}), 204)
    problem(alice.get(ROOT), 401, "session-ended")


@pytest.mark.parametrize("mode", ["open", "invite", "closed"])
def test_the_mode_of_registration_is_shown_and_applies(api: Api, new_api: NewApi, mode: str) -> None:
    fixed = new_api(REGISTRATION=mode)
    assert described(fixed)["capabilities"]["registration"] == mode
    answer = fixed.post("/api/accounts/register/", {"username": new_name(), "password": PASSWORD})
    if mode == "open":
        expect(answer, 201)
    elif mode == "invite":
        problem(answer, 400, "invalid-input", "invite")
    else:
        problem(answer, 403, "registration-closed")
    assert described(api)["capabilities"]["registration"] == "open"
