"""The client of the original Task Tracker needs only another base URL (docs/original.md)."""

from __future__ import annotations

import pytest

from tasktracker.entrypoints.http.app import ORIGINAL_PATHS
from tests.backends import http_on_memory
from tests.contracts.http.base import problem
from tests.http import PASSWORD, Api, Caller, bearer, expect, new_name

pytestmark = http_on_memory


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_client_of_the_original_works(api: Api, slash: str) -> None:
    account = {"username": new_name(), "password": PASSWORD}
    expect(api.post(f"/user/register{slash}", {**account, "password2": PASSWORD}), 201)
    access = expect(api.post(f"/user/login{slash}", account), 200)
    tokens = expect(api.post(f"/user/refresh{slash}", {"refresh": access["refresh"]}), 200)
    expect(api.post(f"/user/verify{slash}", {"token": tokens["access"]}), 200)
    user = Caller(api.client, bearer(tokens["access"]))
    assert expect(user.get(f"/user/me{slash}"), 200)["username"] == account["username"]
    created = expect(user.post(f"/api/tasks{slash}", {"title": "something"}), 201)
    assert expect(user.get(f"/api/tasks{slash}"), 200)["results"] == [created]
    expect(user.request("POST", f"/user/logout{slash}", headers={"Content-Type": "application/json"}), 204)
    problem(user.get(f"/user/me{slash}"), 401, "session-ended")


@pytest.mark.parametrize("path", ORIGINAL_PATHS)
def test_a_path_of_the_original_is_another_name_of_a_path(api: Api, path: str) -> None:
    for method in ("GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"):
        one, other = (api.request(method, each) for each in (path, ORIGINAL_PATHS[path]))
        assert (one.status_code, one.text) == (other.status_code, other.text)
        assert one.headers.get("allow") == other.headers.get("allow")


def test_no_other_path_of_accounts_has_another_name(api: Api) -> None:
    for path in ("/user", "/user/", "/user/me/password", "/user/sessions", "/users/me", "/user/login/x"):
        problem(api.get(path), 404, "unknown-path")
