"""Sessions of browsers, whose refresh token is in a cookie."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from tests.backends import http_on_memory
from tests.contracts.http.base import NewApi, invalid, problem
from tests.http import PASSWORD, Api, expect, new_name

pytestmark = http_on_memory

COOKIE = {"X-Session-Transport": "cookie"}
SAME = {**COOKIE, "Sec-Fetch-Site": "same-origin"}
ACCOUNTS = "/api/accounts"
OWN = "http://testserver.local"


def register(api: Api, **headers: str) -> httpx.Response:
    body = {"username": new_name(), "password": PASSWORD}
    return api.post(f"{ACCOUNTS}/register/", body, headers={**SAME, **headers})


def cookie_of(response: httpx.Response) -> dict[str, Any]:
    """Return the name, value and attributes of the cookie that a response sets."""
    (header,) = response.headers.get_list("set-cookie")
    ((name, morsel),) = SimpleCookie(header).items()
    return {"name": name, "value": morsel.value, **{key: value for key, value in morsel.items() if value}}


def refresh(api: Api, token: str, name: str = "refresh", **headers: str) -> httpx.Response:
    api.client.cookies.clear()
    sent = {**SAME, "Cookie": f"other=1; {name}={token}", **headers}
    return api.request("POST", f"{ACCOUNTS}/refresh/", headers={key: value for key, value in sent.items() if value})


def test_a_session_lives_in_the_cookie(api: Api) -> None:
    registered = register(api)
    body = expect(registered, 201)
    assert body.keys() == {"access", "token_type", "expires_in", "user"}
    cookie = cookie_of(registered)
    assert cookie == {
        "name": "refresh",
        "value": cookie["value"],
        "path": "/",
        "max-age": str(14 * 24 * 3600),
        "httponly": True,
        "samesite": "Strict",
    }
    api.clock.advance(minutes=1)
    refreshed = refresh(api, cookie["value"])
    assert expect(refreshed, 200).keys() == {"access", "token_type", "expires_in"}
    after = cookie_of(refreshed)
    assert after["value"] != cookie["value"]
    login = {"username": body["user"]["username"], "password": PASSWORD}
    assert "refresh" not in expect(api.post(f"{ACCOUNTS}/login/", login, headers=SAME), 200)
    with_cookie = {**SAME, "Cookie": f"refresh={after['value']}"}
    expect(api.post(f"{ACCOUNTS}/refresh/", {"refresh": "is not read"}, headers=with_cookie), 200)
    out = api.request("POST", f"{ACCOUNTS}/logout/", headers=with_cookie)
    assert out.status_code == 204
    assert (cookie_of(out)["value"], cookie_of(out)["max-age"]) == ("", "0")
    problem(refresh(api, after["value"]), 401, "session-ended")


def test_without_the_header_nothing_is_read_from_or_set_in_a_cookie(api: Api) -> None:
    token = cookie_of(register(api))["value"]
    api.client.cookies.clear()
    sent = {"Cookie": f"refresh={token}", "Sec-Fetch-Site": "same-origin"}
    invalid(api.request("POST", f"{ACCOUNTS}/refresh/", headers=sent), "refresh")
    problem(api.request("POST", f"{ACCOUNTS}/logout/", headers=sent), 401, "not-authenticated")
    answer = api.post(f"{ACCOUNTS}/refresh/", {"refresh": token}, headers=sent)
    out = api.post(f"{ACCOUNTS}/logout/", {"refresh": token}, headers=sent)
    assert (out.status_code, {"set-cookie"} & {*answer.headers, *out.headers}) == (204, set())
    assert expect(answer, 200)["refresh"]


CROSS = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": OWN},
    {"Sec-Fetch-Site": "", "Origin": "https://testserver.local"},
    {"Sec-Fetch-Site": "", "Origin": "http://testserver.local:8080"},
    {"Sec-Fetch-Site": "", "Origin": "http://localhost:5173"},
    {"Sec-Fetch-Site": "", "Origin": "null"},
]


@pytest.mark.parametrize("headers", [*CROSS, {"Sec-Fetch-Site": ""}])
def test_a_request_of_another_origin_does_not_use_the_cookie(api: Api, headers: dict[str, str]) -> None:
    token = cookie_of(register(api))["value"]
    problem(refresh(api, token, **headers), 403, "cross-site-request")
    sent = {**SAME, "Cookie": f"refresh={token}", **headers}
    out = api.request("POST", f"{ACCOUNTS}/logout/", headers={key: value for key, value in sent.items() if value})
    problem(out, 403, "cross-site-request")
    expect(refresh(api, token), 200)


@pytest.mark.parametrize("headers", CROSS)
def test_a_page_of_another_origin_cannot_log_a_browser_in(api: Api, headers: dict[str, str]) -> None:
    sent = {key: value for key, value in {**SAME, **headers}.items() if value}
    name = new_name()
    for path in ("register", "login"):
        answer = api.post(f"{ACCOUNTS}/{path}/", {"username": name, "password": PASSWORD}, headers=sent)
        problem(answer, 403, "cross-site-request")
        assert "set-cookie" not in answer.headers
    login = api.post(f"{ACCOUNTS}/login/", {"username": name, "password": PASSWORD})
    problem(login, 401, "invalid-credentials")


def test_an_origin_is_proof_for_browsers_without_fetch_metadata(api: Api) -> None:
    token = cookie_of(register(api, Origin=OWN))["value"]
    expect(refresh(api, token, **{"Sec-Fetch-Site": "", "Origin": OWN}), 200)


def test_the_cookie_never_works_by_cors(new_api: NewApi) -> None:
    api = new_api(CORS_ALLOWED_ORIGINS="https://app.example.org")
    preflight = api.options(
        f"{ACCOUNTS}/refresh/",
        headers={
            "Origin": "https://app.example.org",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x-session-transport",
        },
    )
    assert preflight.headers["access-control-allow-origin"] == "https://app.example.org"
    assert "x-session-transport" not in preflight.headers["access-control-allow-headers"].lower()
    assert "access-control-allow-credentials" not in preflight.headers


@pytest.mark.parametrize(
    ("public_url", "name", "path", "secure"),
    [
        ("https://tasks.example.org", "__Host-refresh", "/", True),
        ("https://example.org/my/tasks", "__Secure-refresh", "/my/tasks", True),
        ("http://tasks.lan", "refresh", "/", False),
        ("http://tasks.lan/tasks", "refresh", "/tasks", False),
    ],
)
def test_the_name_and_path_of_the_cookie_follow_from_the_public_url(
    new_api: NewApi, public_url: str, name: str, path: str, secure: bool
) -> None:
    api = new_api(PUBLIC_URL=public_url)
    cookie = cookie_of(register(api))
    assert (cookie["name"], cookie["path"], cookie.get("secure", False)) == (name, path, secure)
    origin = "/".join(public_url.split("/")[:3])
    expect(refresh(api, cookie["value"], name, **{"Sec-Fetch-Site": "", "Origin": origin}), 200)
    problem(refresh(api, cookie["value"], name, **{"Sec-Fetch-Site": "", "Origin": OWN}), 403, "cross-site-request")
    problem(refresh(api, cookie["value"], "other"), 401, "invalid-token")


def test_the_cookie_ends_with_the_session(new_api: NewApi) -> None:
    api = new_api(SESSION_ABSOLUTE_SECONDS="3600", SESSION_IDLE_SECONDS="1800")
    token = cookie_of(register(api))
    assert token["max-age"] == "1800"
    api.clock.advance(minutes=25)
    token = cookie_of(refresh(api, token["value"]))
    api.clock.advance(minutes=25)
    assert cookie_of(refresh(api, token["value"]))["max-age"] == "600"


def test_another_transport_is_refused_by_name(api: Api) -> None:
    body = {"username": new_name(), "password": PASSWORD}
    for path in ("register", "login", "refresh", "logout"):
        answer = api.post(f"{ACCOUNTS}/{path}/", body if path in ("register", "login") else None,
                          headers={"X-Session-Transport": "Cookie"})  # fmt: skip
        invalid(answer, "X-Session-Transport")
