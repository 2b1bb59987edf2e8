"""Logins, sessions and tokens over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, HashingError, VerificationError

from tasktracker.domain.accounts.session_service import SessionService
from tasktracker.domain.accounts.token import TokenClaims
from tasktracker.entrypoints.http.core import threads
from tests.backends import http_on_memory
from tests.contracts.http.base import NewApi, everything, invalid, problem, rfc3339
from tests.fakes import ManualClock
from tests.http import PASSWORD, Api, Person, bearer, expect, new_name

LOGIN = "/api/accounts/login/"
REFRESH = "/api/accounts/refresh/"
VERIFY = "/api/accounts/verify/"
LOGOUT = "/api/accounts/logout/"
SESSIONS = "/api/accounts/sessions/"
ME = "/api/accounts/me/"


def refresh(api: Api, token: str) -> dict[str, Any]:
    """Refresh successfully and return the new tokens."""
    body: dict[str, Any] = expect(api.post(REFRESH, {"refresh": token}), 200)
    return body


def is_live(api: Api, access: str) -> bool:
    """Whether an access token is accepted."""
    response = api.get(ME, headers=bearer(access))
    if response.status_code == 200:
        return True
    problem(response, 401, "session-ended")
    return False


def forged(api: Api, token: str, **changes: Any) -> str:
    """Sign a token with changed claims."""
    claims = api.container.signer().read(token, expired=True)
    values = {name: getattr(claims, name) for name in TokenClaims.__slots__}
    return api.container.signer().sign(TokenClaims(**(values | changes)))


@http_on_memory
def test_calls_without_an_access_token_are_in_the_share_of_their_user(
    api: Api, alice: Person, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sharers, other = list[object](), api.login(alice)

    def recording(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*of: Any, **more: Any) -> Any:
            sharers.append(threads._SHARER.get())
            return call(*of, **more)

        return called

    for name in ("login", "refresh", "logout"):
        monkeypatch.setattr(SessionService, name, recording(getattr(SessionService, name)))
    expect(api.post(LOGIN, {"username": alice.username.upper(), "password": PASSWORD}), 200)
    refresh(api, alice.refresh)
    clock.advance(timedelta(days=20))  # an expired token shows the user, too
    expect(api.post(LOGOUT, {"refresh": other.refresh}), 204)
    assert sharers == [(alice.username, True), *[(UUID(alice.id).int, True)] * 2]


class TestLogin:
    """`POST /api/accounts/login/`"""

    def test_the_password_opens_a_session(self, api: Api, alice: Person) -> None:
        body = expect(api.post(LOGIN, {"username": alice.username, "password": PASSWORD}), 200)
        assert body.keys() == {"access", "refresh", "token_type", "expires_in", "user"}
        assert (body["token_type"], body["expires_in"]) == ("Bearer", 15 * 60)
        assert body["user"] == expect(api.person(body).get(ME), 200) == alice.answer["user"]
        assert {body["access"], body["refresh"]}.isdisjoint({alice.access, alice.refresh})

    def test_the_email_address_is_accepted_as_the_username(self, api: Api) -> None:
        name = new_name()
        user = api.register(email=f"{name}@example.org")
        for spelled in (f"{name}@example.org", f" {name.upper()}@Example.ORG "):
            assert expect(api.post(LOGIN, {"username": spelled, "password": PASSWORD}), 200)["user"]["id"] == user.id

    def test_the_username_is_accepted_in_any_case_and_unicode_form(self, api: Api) -> None:
        user = api.register(f"Zoë{new_name()}")
        for spelled in (user.username.upper(), user.username.replace("ë", "e\u0308"), f"  {user.username} "):
            assert expect(api.post(LOGIN, {"username": spelled, "password": PASSWORD}), 200)["user"]["id"] == user.id

    def test_every_failed_login_gets_the_same_response(self, api: Api, alice: Person, bob: Person) -> None:
        api.set_active(bob.username, False)
        refusals = [
            api.post(LOGIN, {"username": username, "password": password})
            for username, password in (
                (alice.username, PASSWORD + "x"),
                (alice.username, ""),
                (alice.username, "x" * 1024),
                (alice.username, PASSWORD.upper()),
                (alice.username, PASSWORD + " "),
                (new_name(), PASSWORD),
                (f"{new_name()}@example.org", PASSWORD),
                ("", PASSWORD),
                (bob.username, PASSWORD + "x"),
            )
        ]
        for response in refusals:
            assert problem(response, 401, "invalid-credentials") == refusals[0].json()
            assert response.headers["www-authenticate"] == "Bearer"

    def test_the_right_password_or_token_shows_that_the_account_is_disabled(self, api: Api, bob: Person) -> None:
        api.set_active(bob.username, False)
        problem(api.post(LOGIN, {"username": bob.username, "password": PASSWORD}), 403, "account-disabled")
        problem(api.post("/api/accounts/refresh/", {"refresh": bob.refresh}), 403, "account-disabled")
        problem(bob.get("/api/accounts/me/"), 401, "session-ended")

    def test_a_login_over_the_limit_ends_the_least_recently_used_session(
        self, new_api: NewApi, clock: ManualClock
    ) -> None:
        api = new_api(SESSIONS_PER_USER="3")
        first = api.register()
        clock.advance(seconds=1)
        second = api.login(first)
        clock.advance(seconds=1)
        third = api.login(first)
        clock.advance(seconds=1)
        renewed = refresh(api, first.refresh)["access"]
        fourth = api.login(first)
        assert not is_live(api, second.access)
        assert all(is_live(api, access) for access in (renewed, third.access, fourth.access))
        assert len(fourth.listed(SESSIONS)) == 3

    @pytest.mark.parametrize("reason", ["Memory allocation error", "Threading failure"])
    def test_a_hash_that_gets_no_memory_is_unavailable_and_no_wrong_password(
        self, api: Api, alice: Person, monkeypatch: pytest.MonkeyPatch, reason: str
    ) -> None:
        def fail(error: type[Argon2Error]) -> Callable[..., str]:
            def call(*_: object) -> str:
                raise error(reason)

            return call

        login = {"username": alice.username, "password": PASSWORD}
        with monkeypatch.context() as patch:
            patch.setattr(PasswordHasher, "hash", fail(HashingError))
            patch.setattr(PasswordHasher, "verify", fail(VerificationError))
            for response in (
                api.post("/api/accounts/login/", login),
                api.post("/api/accounts/register/", {**login, "username": "newcomer", "email": "new@example.org"}),
            ):
                assert "memory" in problem(response, 503, "busy")["detail"]
                assert int(response.headers["Retry-After"]) > 0
        expect(api.post("/api/accounts/login/", login), 200)


class TestRefresh:
    """`POST /api/accounts/refresh/`"""

    def test_refreshing_returns_new_tokens(self, api: Api, alice: Person) -> None:
        body = refresh(api, alice.refresh)
        assert body.keys() == {"access", "refresh", "token_type", "expires_in"}
        assert (body["token_type"], body["expires_in"]) == ("Bearer", 15 * 60)
        assert {body["access"], body["refresh"]}.isdisjoint({alice.access, alice.refresh})
        assert is_live(api, body["access"])

    def test_refreshing_keeps_the_session(self, api: Api, alice: Person) -> None:
        (before,) = alice.listed(SESSIONS)
        access = refresh(api, alice.refresh)["access"]
        (after,) = expect(api.get(SESSIONS, headers=bearer(access)), 200)["results"]
        assert after["id"] == before["id"]
        assert after["is_current"]

    def test_the_earlier_access_token_stays_valid(self, api: Api, alice: Person) -> None:
        refresh(api, alice.refresh)
        assert is_live(api, alice.access)

    def test_refreshing_needs_no_access_token(self, api: Api, alice: Person, clock: ManualClock) -> None:
        clock.advance(days=1)
        body = expect(api.post(REFRESH, {"refresh": alice.refresh}, headers=bearer(alice.access)), 200)
        assert is_live(api, body["access"])

    def test_concurrent_refreshes_get_the_same_tokens(self, api: Api, alice: Person) -> None:
        with ThreadPoolExecutor(8) as threads:
            responses = list(threads.map(lambda _: refresh(api, alice.refresh), range(8)))
        assert {(body["access"], body["refresh"]) for body in responses} == {
            (responses[0]["access"], responses[0]["refresh"])
        }
        assert is_live(api, responses[0]["access"])

    def test_a_used_token_returns_the_same_successor_within_the_grace_time(
        self, api: Api, alice: Person, clock: ManualClock
    ) -> None:
        first = refresh(api, alice.refresh)
        assert is_live(api, first["access"])
        clock.advance(seconds=10)
        again = refresh(api, alice.refresh)
        assert (again["access"], again["refresh"]) == (first["access"], first["refresh"])
        assert again["expires_in"] == first["expires_in"] - 10
        assert is_live(api, again["access"])

    def test_a_used_token_ends_the_session_after_the_grace_time(
        self, api: Api, alice: Person, clock: ManualClock
    ) -> None:
        first = refresh(api, alice.refresh)
        assert is_live(api, first["access"])
        clock.advance(seconds=10, microseconds=1)
        problem(api.post(REFRESH, {"refresh": alice.refresh}), 401, "session-ended")
        assert not is_live(api, first["access"])
        problem(api.post(REFRESH, {"refresh": first["refresh"]}), 401, "session-ended")

    def test_a_lost_response_can_be_requested_again_at_any_time(
        self, api: Api, alice: Person, clock: ManualClock
    ) -> None:
        lost = refresh(api, alice.refresh)
        clock.advance(minutes=14)
        again = refresh(api, alice.refresh)
        assert (again["access"], again["refresh"]) == (lost["access"], lost["refresh"])
        clock.advance(days=3)
        later = refresh(api, alice.refresh)
        assert is_live(api, later["access"]), "the lost access token has expired"
        clock.advance(seconds=11)
        problem(api.post(REFRESH, {"refresh": alice.refresh}), 401, "session-ended")

    def test_using_the_successor_confirms_its_delivery(self, api: Api, alice: Person, clock: ManualClock) -> None:
        second = refresh(api, alice.refresh)
        clock.advance(seconds=11)
        third = refresh(api, second["refresh"])
        problem(api.post(REFRESH, {"refresh": alice.refresh}), 401, "session-ended")
        assert not is_live(api, third["access"])

    def test_an_older_token_ends_the_session_within_the_grace_time(self, api: Api, alice: Person) -> None:
        second = refresh(api, alice.refresh)
        third = refresh(api, second["refresh"])
        problem(api.post(REFRESH, {"refresh": alice.refresh}), 401, "session-ended")
        for access in (alice.access, second["access"], third["access"]):
            assert not is_live(api, access)

    def test_a_replay_keeps_other_sessions(self, api: Api, alice: Person, bob: Person) -> None:
        other = api.login(alice)
        refresh(api, refresh(api, alice.refresh)["refresh"])
        problem(api.post(REFRESH, {"refresh": alice.refresh}), 401, "session-ended")
        assert is_live(api, other.access)
        assert is_live(api, bob.access)

    def test_without_grace_time_every_token_can_be_used_once(self, new_api: NewApi) -> None:
        api = new_api(REFRESH_GRACE_SECONDS="0")
        user = api.register()
        second = refresh(api, user.refresh)
        problem(api.post(REFRESH, {"refresh": user.refresh}), 401, "session-ended")
        assert not is_live(api, second["access"])

    def test_a_session_ends_14_days_after_its_last_refresh(self, api: Api, alice: Person, clock: ManualClock) -> None:
        clock.advance(days=13)
        second = refresh(api, alice.refresh)
        clock.advance(days=13)
        third = refresh(api, second["refresh"])
        clock.advance(days=14)
        problem(api.post(REFRESH, {"refresh": third["refresh"]}), 401, "session-ended")

    def test_a_session_ends_60_days_after_its_login(self, api: Api, alice: Person, clock: ManualClock) -> None:
        token = alice.refresh
        for _ in range(5):
            clock.advance(days=11)
            token = refresh(api, token)["refresh"]
        clock.advance(days=4, hours=23, minutes=59)
        last = refresh(api, token)
        assert last["expires_in"] == 60, "no token expires after its session"
        clock.advance(seconds=60)
        assert not is_live(api, last["access"])
        problem(api.post(REFRESH, {"refresh": last["refresh"]}), 401, "session-ended")

    def test_lifetimes_can_be_configured(self, new_api: NewApi, clock: ManualClock) -> None:
        api = new_api(ACCESS_TOKEN_SECONDS="60", SESSION_IDLE_SECONDS="120", SESSION_ABSOLUTE_SECONDS="170")
        user = api.register()
        assert user.answer["expires_in"] == 60
        clock.advance(seconds=119)
        second = refresh(api, user.refresh)
        assert second["expires_in"] == 51
        clock.advance(seconds=51)
        problem(api.post(REFRESH, {"refresh": second["refresh"]}), 401, "session-ended")

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "a" * 5000])
    def test_text_that_is_not_a_token_is_refused(self, api: Api, token: str) -> None:
        problem(api.post(REFRESH, {"refresh": token}), 401, "invalid-token")

    def test_an_access_token_is_refused_as_a_refresh_token(self, api: Api, alice: Person) -> None:
        problem(api.post(REFRESH, {"refresh": alice.access}), 401, "invalid-token")
        assert is_live(api, alice.access)

    def test_a_token_of_a_later_generation_is_refused_and_ends_no_session(self, api: Api, alice: Person) -> None:
        problem(api.post(REFRESH, {"refresh": forged(api, alice.refresh, generation=9)}), 401, "session-ended")
        assert not is_live(api, forged(api, alice.access, generation=9))
        assert is_live(api, alice.access)
        refresh(api, alice.refresh)

    def test_a_token_with_the_session_of_another_user_is_refused(self, api: Api, alice: Person, bob: Person) -> None:
        mixed = forged(api, alice.access, user_id=UUID(bob.id))
        assert not is_live(api, mixed)


class TestVerify:
    """`POST /api/accounts/verify/`"""

    def test_verifying_returns_the_kind_user_and_session_of_a_token(
        self, api: Api, alice: Person, clock: ManualClock
    ) -> None:
        (session,) = alice.listed(SESSIONS)
        now = clock.now().replace(microsecond=0)
        for token, kind, lifetime in (
            (alice.access, "access", timedelta(minutes=15)),
            (alice.refresh, "refresh", timedelta(days=14)),
        ):
            body = expect(api.post(VERIFY, {"token": token}), 200)
            assert datetime.fromisoformat(body.pop("expires_at")) == now + lifetime
            assert body == {"token_type": kind, "user_id": alice.id, "session_id": session["id"]}

    def test_a_replaced_or_expired_token_is_refused(self, api: Api, alice: Person, clock: ManualClock) -> None:
        second = refresh(api, alice.refresh)
        assert is_live(api, second["access"])
        for token in (alice.access, alice.refresh, second["access"], second["refresh"]):
            expect(api.post(VERIFY, {"token": token}), 200)
        clock.advance(seconds=11)
        problem(api.post(VERIFY, {"token": alice.refresh}), 401, "session-ended")
        clock.advance(minutes=15)
        problem(api.post(VERIFY, {"token": second["access"]}), 401, "invalid-token")
        clock.advance(days=14)
        problem(api.post(VERIFY, {"token": second["refresh"]}), 401, "invalid-token")

    def test_verifying_does_not_count_as_use(self, api: Api, alice: Person, clock: ManualClock) -> None:
        lost = refresh(api, alice.refresh)
        for token in (lost["access"], lost["refresh"]):
            expect(api.post(VERIFY, {"token": token}), 200)
        clock.advance(seconds=11)
        # If verifying counted as use, this would be a replay.
        assert refresh(api, alice.refresh)["refresh"] == lost["refresh"]

    def test_tokens_of_an_ended_session_are_refused(self, api: Api, alice: Person) -> None:
        expect(alice.post(LOGOUT), 204)
        for token in (alice.access, alice.refresh):
            problem(api.post(VERIFY, {"token": token}), 401, "session-ended")

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "a" * 5000])
    def test_text_that_is_not_a_token_is_refused(self, api: Api, token: str) -> None:
        problem(api.post(VERIFY, {"token": token}), 401, "invalid-token")


class TestLogout:
    """`POST /api/accounts/logout/`"""

    def assert_ended(self, api: Api, user: Person) -> None:
        assert not is_live(api, user.access)
        problem(api.post(REFRESH, {"refresh": user.refresh}), 401, "session-ended")

    @pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/json"}, {"Content-Type": "text/plain"}])
    def test_an_access_token_ends_its_session(self, api: Api, alice: Person, headers: dict[str, str]) -> None:
        other = api.login(alice)
        response = alice.request("POST", LOGOUT, headers=headers)
        assert (response.status_code, response.content) == (204, b"")
        self.assert_ended(api, alice)
        assert is_live(api, other.access)

    @pytest.mark.parametrize("body", [b"{}", b" { } "])
    def test_an_empty_object_counts_as_no_body(self, api: Api, alice: Person, body: bytes) -> None:
        expect(alice.send("POST", LOGOUT, body), 204)
        self.assert_ended(api, alice)

    def test_a_refresh_token_ends_its_session(self, api: Api, alice: Person) -> None:
        expect(api.post(LOGOUT, {"refresh": alice.refresh}), 204)
        self.assert_ended(api, alice)

    def test_two_tokens_end_both_sessions(self, api: Api, alice: Person) -> None:
        other = api.login(alice)
        expect(alice.post(LOGOUT, {"refresh": other.refresh}), 204)
        self.assert_ended(api, alice)
        self.assert_ended(api, other)

    def test_an_expired_access_token_is_accepted(self, api: Api, alice: Person, clock: ManualClock) -> None:
        clock.advance(days=1)
        problem(alice.get(ME), 401, "invalid-token")
        expect(alice.post(LOGOUT), 204)
        problem(api.post(REFRESH, {"refresh": alice.refresh}), 401, "session-ended")

    def test_an_expired_refresh_token_is_accepted(self, api: Api, alice: Person, clock: ManualClock) -> None:
        clock.advance(days=15)
        expect(api.post(LOGOUT, {"refresh": alice.refresh}), 204)

    def test_logging_out_again_is_accepted(self, api: Api, alice: Person) -> None:
        for _ in range(3):
            expect(alice.post(LOGOUT), 204)
        expect(api.post(LOGOUT, {"refresh": alice.refresh}), 204)
        expect(alice.post(LOGOUT, {"refresh": alice.refresh}), 204)

    def test_a_token_of_an_earlier_generation_is_accepted(self, api: Api, alice: Person) -> None:
        second = refresh(api, alice.refresh)
        expect(api.post(LOGOUT, {"refresh": alice.refresh}), 204)
        assert not is_live(api, second["access"])

    def test_a_token_of_a_deleted_account_is_accepted(self, alice: Person) -> None:
        expect(alice.post("/api/accounts/me/delete/", {"password": PASSWORD}), 204)
        expect(alice.post(LOGOUT), 204)

    def test_a_forged_token_is_refused_and_ends_no_session(self, api: Api, alice: Person) -> None:
        head, payload, _ = alice.access.split(".")
        for headers, body in (
            (bearer(f"{head}.{payload}.AAAA"), None),
            (bearer("nonsense"), None),
            (bearer("nonsense"), {"refresh": "nonsense"}),
            ({}, {"refresh": "nonsense"}),
        ):
            problem(api.post(LOGOUT, body, headers=headers), 401, "invalid-token")
        assert is_live(api, alice.access)

    @pytest.mark.parametrize("credentials", ["Bearer undefined", "Bearer null", "Bearer ", "Basic YTpi", "tt_x", "x"])
    def test_a_refresh_token_ends_its_session_whatever_the_header_is(
        self, api: Api, alice: Person, credentials: str
    ) -> None:
        headers = {"Authorization": credentials}
        expect(api.post(LOGOUT, {"refresh": alice.refresh}, headers=headers), 204)
        self.assert_ended(api, alice)

    def test_an_access_token_ends_its_session_whatever_the_body_contains(self, api: Api, alice: Person) -> None:
        expect(alice.post(LOGOUT, {"refresh": "undefined"}), 204)
        self.assert_ended(api, alice)

    def test_an_api_token_cannot_log_out(self, api: Api, alice: Person) -> None:
        created = expect(
            alice.post("/api/accounts/tokens/", {"name": "script", "scopes": ["tasks:read"], "password": PASSWORD}), 201
        )
        headers = bearer(created["token"])
        problem(api.post(LOGOUT, headers=headers), 403, "session-required")
        problem(api.post(LOGOUT, {"refresh": "undefined"}, headers=headers), 403, "session-required")
        assert is_live(api, alice.access)
        expect(alice.delete(f"/api/accounts/tokens/{created['id']}/"), 204)
        problem(api.post(LOGOUT, headers=headers), 401, "session-ended")
        problem(api.post(LOGOUT, headers=bearer("tt_nonsense")), 401, "invalid-token")
        expect(api.post(LOGOUT, {"refresh": alice.refresh}, headers=headers), 204)
        self.assert_ended(api, alice)

    def test_a_missing_token_is_refused(self, api: Api) -> None:
        problem(api.post(LOGOUT), 401, "not-authenticated")
        problem(api.post(LOGOUT, {}), 401, "not-authenticated")
        problem(api.post(LOGOUT, headers={"Authorization": "Basic YTpi"}), 401, "not-authenticated")

    def test_a_bad_body_is_refused_and_ends_no_session(self, api: Api, alice: Person) -> None:
        invalid(alice.post(LOGOUT, {"refresh": 7}), "refresh")
        invalid(alice.post(LOGOUT, {"refersh": alice.refresh}), "refersh")
        assert is_live(api, alice.access)


class TestSessions:
    """`/api/accounts/sessions/`"""

    def test_sessions_are_listed_last_refreshed_first(self, api: Api, alice: Person, clock: ManualClock) -> None:
        start = clock.now()
        clock.advance(minutes=1)
        phone = api.login(alice, device="  phone ")
        clock.advance(minutes=1)
        refreshed = refresh(api, alice.refresh)["access"]
        body = expect(api.get(SESSIONS, headers=bearer(refreshed)), 200)
        assert body["next_cursor"] is None
        first, second = body["results"]
        assert (first["device"], second["device"]) == (None, "phone")
        assert (first["is_current"], second["is_current"]) == (True, False)
        assert datetime.fromisoformat(first["created_at"]) == start
        assert datetime.fromisoformat(first["last_refreshed_at"]) == clock.now()
        assert datetime.fromisoformat(first["expires_at"]) == clock.now() + timedelta(days=14)
        assert datetime.fromisoformat(second["created_at"]) == start + timedelta(minutes=1)
        assert [session["is_current"] for session in phone.listed(SESSIONS)] == [False, True]

    def test_the_list_contains_no_token(self, api: Api, alice: Person) -> None:
        (session,) = alice.listed(SESSIONS)
        times = {"created_at", "last_refreshed_at", "last_used_at", "expires_at"}
        assert session.keys() == {"id", "device", "address", "user_agent", "is_current", *times}
        assert "eyJ" not in alice.get(SESSIONS).text

    def test_a_session_shows_where_it_was_used_last(self, api: Api, clock: ManualClock) -> None:
        long = "Browser/1 " + "x" * 400
        started = api.register()
        tokens = expect(
            api.post("/api/accounts/refresh/", {"refresh": started.refresh}, headers={"User-Agent": long}), 200
        )
        started.headers.update(bearer(tokens["access"]))
        clock.advance(minutes=5)
        (session,) = started.listed(SESSIONS)
        assert (session["address"], session["user_agent"]) == ("testclient", long[:300])
        assert session["last_used_at"] == rfc3339(clock.now()), "this request is the first use of the tokens"
        clock.advance(minutes=5)
        assert started.listed(SESSIONS) == [session], "a use is not stored each time"

    def test_an_expired_session_is_not_listed(self, api: Api, alice: Person, clock: ManualClock) -> None:
        clock.advance(days=14)
        (session,) = api.login(alice).listed(SESSIONS)
        assert session["is_current"]

    def test_sessions_of_others_are_not_listed(self, api: Api, alice: Person, bob: Person) -> None:
        assert len(alice.listed(SESSIONS)) == len(bob.listed(SESSIONS)) == 1

    @pytest.mark.parametrize("device", ["x" * 200, "\N{MOBILE PHONE}" * 200, "日本語"])
    def test_a_device_has_a_name_of_up_to_200_characters(self, api: Api, alice: Person, device: str) -> None:
        named = api.login(alice, device=device)
        assert device in [session["device"] for session in named.listed(SESSIONS)]
        body = {"username": alice.username, "password": PASSWORD, "device": "x" * 201}
        invalid(api.post(LOGIN, body), "device")

    @pytest.mark.parametrize("nameless", [{}, {"device": None}, {"device": ""}, {"device": "  "}])
    def test_a_device_can_have_no_name(self, api: Api, alice: Person, nameless: dict[str, Any]) -> None:
        named = api.login(alice, **nameless)
        assert [session["device"] or None for session in named.listed(SESSIONS)] == [None, None]

    def test_another_session_can_be_ended(self, api: Api, alice: Person) -> None:
        other = api.login(alice)
        (ended,) = [session["id"] for session in alice.listed(SESSIONS) if not session["is_current"]]
        expect(alice.delete(f"{SESSIONS}{ended}/"), 204)
        assert not is_live(api, other.access)
        problem(api.post(REFRESH, {"refresh": other.refresh}), 401, "session-ended")
        assert is_live(api, alice.access)
        problem(alice.delete(f"{SESSIONS}{ended}/"), 404, "session-not-found")

    def test_the_current_session_can_be_ended(self, api: Api, alice: Person) -> None:
        (session,) = alice.listed(SESSIONS)
        expect(alice.delete(f"{SESSIONS}{session['id']}/"), 204)
        assert not is_live(api, alice.access)

    def test_all_other_sessions_can_be_ended(self, api: Api, alice: Person, bob: Person) -> None:
        others = [api.login(alice) for _ in range(3)]
        expect(alice.delete(SESSIONS), 204)
        assert not any(is_live(api, other.access) for other in others)
        assert is_live(api, alice.access)
        assert is_live(api, bob.access)
        assert len(alice.listed(SESSIONS)) == 1

    def test_a_session_of_another_user_looks_like_an_unknown_one(self, alice: Person, bob: Person) -> None:
        (session,) = alice.listed(SESSIONS)
        before = everything(alice)
        hidden = bob.delete(f"{SESSIONS}{session['id']}/")
        missing = bob.delete(f"{SESSIONS}{uuid4()}/")
        problem(hidden, 404, "session-not-found")
        assert hidden.json() == missing.json()
        assert everything(alice) == before


class TestExpiry:
    def test_an_access_token_expires_after_15_minutes(self, api: Api, alice: Person, clock: ManualClock) -> None:
        clock.advance(minutes=14, seconds=59)
        expect(alice.get(ME), 200)
        clock.advance(seconds=6)  # five of them are the leeway for different clocks
        problem(alice.get(ME), 401, "invalid-token")
        assert is_live(api, refresh(api, alice.refresh)["access"])
