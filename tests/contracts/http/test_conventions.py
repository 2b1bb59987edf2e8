"""Conventions of every path."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import cycle
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import pytest
from litestar.exceptions import InternalServerException
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from tasktracker.domain.kernel.errors import StorageUnavailable
from tests.backends import http_on_memory
from tests.contracts.http.base import NewApi, everything, invalid, problem
from tests.contracts.http.operations import OPERATIONS, PROTECTED, ROUTES, SERVED, STREAM, TICKETS
from tests.http import PASSWORD, Api, Person, bearer, expect

pytestmark = http_on_memory

COMMON_HEADERS = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
EXPOSED = {"ETag", "Link", "Location", "Preference-Applied", "Retry-After", "Idempotency-Replayed", "X-Request-ID"}
SENT = {
    "authorization",
    "content-type",
    "if-match",
    "if-none-match",
    "idempotency-key",
    "last-event-id",
    "x-request-id",
}
METHODS = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
LOCAL = "http://localhost:5173"
NDJSON = {"Content-Type": "application/x-ndjson"}

GOOD = {(each.method, each.template): each.good for each in OPERATIONS}
GOOD[("POST", "/api/tasks/{id}/undo")] = {"change": str(uuid4())}
GOOD[("POST", "/api/accounts/me/totp/confirm")] = {"code": "000000"}
GOOD[("POST", "/api/accounts/me/totp/disable")] = {"password": PASSWORD, "code": "000000"}
GOOD[("POST", "/api/accounts/me/totp/recovery-codes")] = {"password": PASSWORD, "code": "000000"}
GOOD[("POST", "/api/accounts/password/forgot")] = {"username": "made up"}
GOOD[("POST", "/api/accounts/email/verify")] = {"token": "made up"}
GOOD[("POST", "/api/accounts/password/reset")] = {"token": "made up", "new_password": PASSWORD}


def fill(path: str, id: str | None = None) -> str:
    """Fill in the placeholders of a path; without an id, the item does not exist."""
    return path.format(id=id or uuid4(), user_id=uuid4(), reminder_id=uuid4(), slug="invalid-input", bucket="00")


def responses(alice: Person) -> Iterator[tuple[int, httpx.Response]]:
    """Yield a response of every kind, with the status expected."""
    task = alice.task()
    path = f"/api/tasks/{task['id']}/"
    yield 200, alice.get(path)
    yield 200, alice.head(path)
    yield 200, alice.get("/health/live")
    yield 200, alice.get("/problems/invalid-input")
    yield 200, alice.get("/schema/openapi.json")
    yield 201, alice.post("/api/tasks/", {"title": "another"})
    yield 204, alice.options(path)
    yield 204, alice.options(path, headers={"Origin": LOCAL, "Access-Control-Request-Method": "PUT"})
    yield 304, alice.get(path, headers={"If-None-Match": "*"})
    yield 400, alice.get("/api/tasks/?limit=0")
    yield 401, alice.get(path, headers=bearer("nonsense"))
    yield 404, alice.get("/api/nothing/")
    yield 404, alice.get(fill("/api/tasks/{id}/"))
    yield 405, alice.post(path)
    yield 409, alice.post("/api/accounts/register/", {"username": alice.username, "password": alice.password})
    yield 412, alice.patch(path, {}, headers={"If-Match": '"9"'})
    yield 413, alice.send("POST", "/api/tasks/", b" " * 300_000)
    yield 415, alice.request("POST", "/api/tasks/", content=b"title", headers={"Content-Type": "text/plain"})
    yield 204, alice.delete(path)


class TestResponse:
    def test_every_response_forbids_storing_sniffing_and_framing(self, alice: Person) -> None:
        for status, response in responses(alice):
            assert response.status_code == status
            assert COMMON_HEADERS.items() <= dict(response.headers).items()
            assert "server" not in response.headers

    def test_every_response_echoes_the_request_id(self, alice: Person) -> None:
        alice.headers["X-Request-ID"] = "Valid-id_1.2"
        for _, response in responses(alice):
            assert response.headers.get_list("x-request-id") == ["Valid-id_1.2"]

    @pytest.mark.parametrize("valid", ["a", "A" * 128, "9f1b2c3d-0000-4000-8000-1234567890ab", "0.-_Z"])
    def test_a_valid_request_id_is_kept(self, api: Api, valid: str) -> None:
        assert api.get("/health/live", headers={"X-Request-ID": valid}).headers["x-request-id"] == valid

    @pytest.mark.parametrize("odd", ["", "A" * 129, "two words", "semi;colon", '"quoted"', "<script>", "a,b", "a\tb"])
    def test_an_invalid_request_id_is_replaced(self, api: Api, odd: str) -> None:
        replaced = api.get("/health/live", headers={"X-Request-ID": odd}).headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{32}", replaced)

    def test_every_request_without_an_id_gets_a_new_one(self, api: Api) -> None:
        first, second = (api.get("/health/live").headers["x-request-id"] for _ in range(2))
        assert first != second

    @pytest.mark.parametrize("error", [RuntimeError, InternalServerException])
    def test_an_unexpected_error_is_an_opaque_500_that_is_logged_with_the_request_id(
        self, api: Api, alice: Person, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
    ) -> None:
        api.client.event_hooks["response"].clear()  # it would fail at a status of 500
        secret = "the secret of the program"

        def fail(*_: object) -> None:
            raise error(secret)

        monkeypatch.setattr(api.container.tasks(), "list", fail)
        with capture_logs([merge_contextvars]) as logs:
            response = alice.get("/api/tasks/?q=private", headers={"X-Request-ID": "find-me"})
        api.client.event_hooks["response"].append(api.documentation.check)
        body = problem(response, 500, "internal-error")
        assert secret not in response.text
        assert body.keys() == {"type", "title", "status", "detail"}
        assert COMMON_HEADERS.items() <= dict(response.headers).items()
        (entry,) = [entry for entry in logs if entry["event"] == "uncaught error"]
        assert (entry["log_level"], entry["request_id"]) == ("error", "find-me")
        assert (entry["method"], entry["route"]) == ("GET", "/api/tasks")
        assert "private" not in repr(entry), "the path and the query may contain private data"
        assert secret in repr(entry["exc_info"])
        monkeypatch.undo()
        assert expect(alice.get("/api/tasks/"), 200)["results"] == []

    def test_an_unavailable_database_is_logged_with_the_cause_that_the_client_does_not_see(
        self, api: Api, alice: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise StorageUnavailable(reason="the host db1 refuses connections")

        monkeypatch.setattr(api.container.tasks(), "list", fail)
        with capture_logs([merge_contextvars]) as logs:
            response = alice.get("/api/tasks/", headers={"X-Request-ID": "find-me"})
        problem(response, 503, "storage-unavailable")
        assert response.headers["Retry-After"] == "1"
        assert "db1" not in response.text
        (entry,) = [entry for entry in logs if entry["event"] == "unavailable"]
        assert (entry["log_level"], entry["request_id"]) == ("warning", "find-me")
        assert (entry["problem"], entry["cause"]) == ("storage-unavailable", "the host db1 refuses connections")


class TestPath:
    def test_the_description_lists_every_operation(self, api: Api) -> None:
        paths: Mapping[str, Mapping[str, Any]] = api.documentation.document["paths"]
        assert {path: {method.upper() for method in methods} for path, methods in paths.items()} == SERVED

    @pytest.mark.parametrize("path", SERVED)
    @pytest.mark.parametrize("slash", ["", "/"])
    def test_options_lists_every_method(self, api: Api, path: str, slash: str) -> None:
        response = api.options(fill(path).rstrip("/") + slash)
        assert response.status_code == 204
        head = {"HEAD"} if "GET" in SERVED[path] else set()
        assert response.headers["allow"].split(", ") == sorted(SERVED[path] | head | {"OPTIONS"})

    @pytest.mark.parametrize("path", SERVED)
    def test_options_refuses_every_parameter(self, api: Api, path: str) -> None:
        response = api.options(f"{fill(path)}?limit=1&types=task&something=else")
        invalid(response, "limit", "types", "something")

    @pytest.mark.parametrize("path", SERVED)
    def test_options_with_an_origin_but_no_preflight_lists_every_method(self, api: Api, path: str) -> None:
        plain = api.options(fill(path))
        response = api.options(fill(path), headers={"Origin": LOCAL})
        assert (response.status_code, response.headers.get("allow")) == (204, plain.headers["allow"])

    @pytest.mark.parametrize("path", SERVED)
    def test_a_method_that_is_not_allowed_is_refused_with_the_allowed_ones(self, api: Api, path: str) -> None:
        allowed = api.options(fill(path)).headers["allow"]
        for method in [*sorted(METHODS - set(allowed.split(", "))), "TRACE", "LINK"]:
            response = api.request(method, fill(path))
            if method == "HEAD":
                assert response.status_code == 405
            else:
                problem(response, 405, "method-not-allowed")
            assert response.headers["allow"] == allowed

    @pytest.mark.parametrize(("method", "path"), [each for each in ROUTES if each not in (STREAM, TICKETS)])
    def test_the_trailing_slash_is_optional(self, alice: Person, method: str, path: str) -> None:
        # Most of these requests are refused, for the same reason on both paths.
        path = fill(path).rstrip("/")
        with_slash, without = alice.request(method, f"{path}/"), alice.request(method, path)
        assert with_slash.status_code == without.status_code
        assert with_slash.text == without.text
        assert {"allow"}.isdisjoint(without.headers)

    @pytest.mark.parametrize("path", ["/nothing", "/apis/", "/api/task/", "/api/tasks/a/b/", "/wp-admin/", "/.env"])
    def test_an_unknown_path_is_answered_with_a_problem(self, api: Api, path: str) -> None:
        problem(api.get(path), 404, "unknown-path")
        problem(api.post(path, {}), 404, "unknown-path")

    @pytest.mark.parametrize("path", [path for method, path in ROUTES if method == "GET" and (method, path) != STREAM])
    def test_head_mirrors_get(self, alice: Person, path: str) -> None:
        task, category = alice.task(), alice.category()
        alice.headers["X-Request-ID"] = "same"
        real = task if "tasks" in path else category
        variants: list[tuple[str, dict[str, str]]] = [
            (fill(path, real["id"]), {}),
            (fill(path, real["id"]), {"If-None-Match": '"1"'}),
            (fill(path), {}),
            (fill(path) + "?unknown=1", {}),
            (fill(path), {"Authorization": "Bearer nonsense"}),
        ]
        for url, headers in variants:
            head, get = alice.head(url, headers=headers), alice.get(url, headers=headers)
            assert head.status_code == get.status_code
            assert head.headers == get.headers

    def test_head_of_a_stream_has_no_length(self, alice: Person) -> None:
        response = alice.head(STREAM[1])
        assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert "content-length" not in response.headers

    @pytest.mark.parametrize(("method", "path"), ROUTES)
    def test_unknown_query_parameters_are_refused_with_their_names(self, alice: Person, method: str, path: str) -> None:
        task, category = alice.task(), alice.category()
        real = task if "tasks" in path else category
        url = fill(path, real["id"])
        invalid(alice.request(method, f"{url}?surprise=1&Limit=2"), "surprise", "Limit")
        assert expect(alice.get("/api/tasks/"), 200)["results"] == [task]
        assert expect(alice.get("/api/categories/"), 200)["results"] == [category]

    def test_an_unusual_name_of_a_query_parameter_is_shown(self, alice: Person) -> None:
        invalid(alice.get("/api/tasks/?=1"), "")
        invalid(alice.get("/api/tasks/?a%00b=1"), "a\0b")
        invalid(alice.get("/api/tasks/?%F0%9F%92%A5"), "\N{COLLISION SYMBOL}")
        (error,) = invalid(alice.get(f"/api/tasks/?{'n' * 5000}=1"), "n" * 100)["errors"]
        assert len(error["message"]) < 200

    def test_a_refused_value_of_a_parameter_is_answered_with_the_allowed_ones(self, alice: Person) -> None:
        (error,) = invalid(alice.get("/api/tasks/?state=closed"), "state")["errors"]
        assert error["message"] == "must be one of open, in_progress, done, cancelled"

    def test_more_than_100_query_parameters_are_refused(self, alice: Person) -> None:
        invalid(alice.get("/api/tasks/?" + "&".join(f"p{number}=1" for number in range(101))), "query")


class TestProblem:
    def test_the_type_of_a_problem_leads_to_an_explanation(self, alice: Person) -> None:
        statuses = set()
        for status, response in responses(alice):
            if status < 400:
                continue
            body = response.json()
            explanation = alice.get(body["type"])
            assert explanation.status_code == 200
            assert explanation.headers["content-type"] == "text/plain; charset=utf-8"
            assert body["title"] in explanation.text
            assert str(status) in explanation.text
            statuses.add(status)
        assert statuses == {400, 401, 404, 405, 409, 412, 413, 415}

    def test_every_described_problem_is_explained(self, api: Api) -> None:
        operations = [each for path in api.documentation.document["paths"].values() for each in path.values()]
        described = {
            slug
            for operation in operations
            for status, response in operation["responses"].items()
            if status >= "400"
            for slug in re.findall("`([a-z-]+)`", response["description"])
        }
        assert {"invalid-input", "stale-version", "username-taken", "storage-unavailable"} <= described
        for slug in described:
            assert api.get(f"/problems/{slug}").status_code == 200

    def test_an_unknown_problem_has_no_explanation(self, api: Api) -> None:
        problem(api.get("/problems/no-such-thing"), 404, "not-found")
        problem(api.get("/problems/error"), 404, "not-found")

    def test_several_bad_fields_are_all_named(self, alice: Person) -> None:
        body = {"title": "", "priority": 9, "state": "someday", "due_date": "soon", "category": "x", "tilte": "typo"}
        invalid(alice.post("/api/tasks/", body), *body)
        invalid(alice.put(fill("/api/tasks/{id}/"), body), *body)
        invalid(alice.patch(fill("/api/tasks/{id}/"), body | {"version": "7"}), *body, "version")
        invalid(alice.post("/api/categories/", {"color": "red", "description": 3}), "name", "color", "description")
        invalid(
            alice.post("/api/accounts/register/", {"username": "a@b", "email": "no-at-sign", "first_name": 1}),
            "username",
            "password",
            "email",
            "first_name",
        )
        invalid(
            alice.get("/api/tasks/?limit=0&priority=5&state=open&state=x&stat=1"), "limit", "priority", "state", "stat"
        )

    def test_several_bad_fields_of_the_right_type_are_all_named(self, api: Api) -> None:
        body = {
            "username": "a b",
            "password": "short",
            "password2": "other",
            "email": "no-at-sign",
            "time_zone": "Mars/X",
        }
        invalid(api.post("/api/accounts/register/", body), *body)


class TestAuthentication:
    @pytest.mark.parametrize(("method", "path"), PROTECTED)
    def test_a_missing_token_is_refused_before_any_other_error(self, api: Api, method: str, path: str) -> None:
        urls = cycle((fill(path), fill(path) + "?surprise=1", fill(path, "no-uuid")))
        for url, body in zip(urls, (None, b"", b"{", b"{}", b'{"surprise": 1}'), strict=False):
            response = api.request(method, url) if body is None else api.send(method, url, body)
            problem(response, 401, "not-authenticated")
            assert response.headers["www-authenticate"] == "Bearer"

    @pytest.mark.parametrize(
        ("credentials", "slug"),
        [
            ("Basic YWxpY2U6cGFzc3dvcmQ=", "not-authenticated"),
            ("Token abc", "not-authenticated"),
            ("", "not-authenticated"),
            ("Bearer", "invalid-token"),
            ("Bearer ", "invalid-token"),
            ("Bearer x", "invalid-token"),
            ("Bearer a.b.c", "invalid-token"),
            ("Bearer " + "a" * 10_000, "invalid-token"),
            ("Bearer one two", "invalid-token"),
        ],
    )
    def test_text_that_is_not_a_token_is_refused(self, api: Api, credentials: str, slug: str) -> None:
        response = api.get("/api/tasks/", headers={"Authorization": credentials})
        problem(response, 401, slug)
        # RFC 6750 §3.1: no error code if the request lacks a bearer token.
        challenge = 'Bearer error="invalid_token"' if slug == "invalid-token" else "Bearer"
        assert response.headers["www-authenticate"] == challenge

    def test_a_wrong_password_is_no_invalid_token(self, api: Api, alice: Person) -> None:
        body = {"username": alice.username, "password": "wrong"}
        response = alice.post("/api/accounts/login/", body)
        problem(response, 401, "invalid-credentials")
        assert response.headers["www-authenticate"] == "Bearer"

    def test_a_token_that_is_not_utf_8_is_refused(self, api: Api) -> None:
        response = api.client.get("/api/tasks/", headers={b"Authorization": b"Bearer \xff\xfe"})
        problem(response, 401, "invalid-token")

    @pytest.mark.parametrize(("method", "path"), PROTECTED)
    def test_a_refresh_token_is_refused_as_an_access_token(
        self, api: Api, alice: Person, method: str, path: str
    ) -> None:
        problem(api.request(method, fill(path), headers=bearer(alice.refresh)), 401, "invalid-token")

    def test_the_authentication_scheme_is_case_insensitive(self, api: Api, alice: Person) -> None:
        for scheme in ("bearer", "BEARER"):
            response = api.get("/api/accounts/me/", headers={"Authorization": f"{scheme} {alice.access}"})
            assert expect(response, 200)["id"] == alice.id

    def test_a_changed_token_is_refused(self, api: Api, alice: Person) -> None:
        head, payload, signature = alice.access.split(".")
        changed = "B" if payload[10] == "A" else "A"
        others = api.register().access.split(".")
        for token in (
            f"{head}.{payload[:10]}{changed}{payload[11:]}.{signature}",
            f"{head}.{payload}.{others[2]}",
            f"{head}.{others[1]}.{signature}",
            f"{head}.{payload}.",
            f"eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{payload}.",
        ):
            problem(api.get("/api/tasks/", headers=bearer(token)), 401, "invalid-token")

    def test_an_ended_session_cannot_act(self, api: Api, alice: Person) -> None:
        task, category = alice.task(), alice.category()
        ended = api.login(alice)
        (session,) = [session["id"] for session in alice.listed("/api/accounts/sessions/") if session["is_current"]]
        expect(ended.post("/api/accounts/logout/"), 204)
        before = everything(alice)
        ids = {"tasks": task["id"], "trash": task["id"], "categories": category["id"], "accounts": session}
        for method, path in PROTECTED:
            url = fill(path, ids.get(path.split("/")[2]))
            is_import = path == "/api/accounts/me/import"
            body = {"content": b"{}", "headers": NDJSON} if is_import else {"json": GOOD.get((method, path))}
            answer = ended.request(method, url, **body)
            assert answer.status_code == 401, f"{method} {path}: {answer.status_code}"
            problem(answer, 401, "session-ended")
        assert everything(alice) == before

    @pytest.mark.parametrize("path", ["/api/tasks/", "/api/accounts/me/"])
    def test_a_revoked_api_token_is_named_as_the_cause(self, api: Api, alice: Person, path: str) -> None:
        created = expect(
            alice.post("/api/accounts/tokens/", {"name": "script", "scopes": ["tasks:read"], "password": PASSWORD}), 201
        )
        expect(alice.delete(f"/api/accounts/tokens/{created['id']}/"), 204)
        body = problem(api.get(path, headers=bearer(created["token"])), 401, "session-ended")
        assert body["detail"] == "The API token is unknown, expired or revoked, or its user is disabled."

    @pytest.mark.parametrize(
        ("content", "content_type"),
        [(b"{", "application/json"), (b'{"x": 1}', "application/json"), (b"", ""), (b"{}", "text/plain")],
    )
    @pytest.mark.parametrize(("method", "path"), [("POST", "/api/tasks/"), ("PATCH", "/api/categories/{id}/")])
    def test_a_missing_scope_precedes_errors_of_the_body(
        self, api: Api, alice: Person, method: str, path: str, content: bytes, content_type: str
    ) -> None:
        token = expect(
            alice.post("/api/accounts/tokens/", {"name": "script", "scopes": ["tasks:read"], "password": PASSWORD}), 201
        )
        headers = {**bearer(token["token"]), "Content-Type": content_type}
        send = partial(api.request, method, fill(path), content=content, headers=headers)
        problem(send(), 403, "insufficient-scope")
        expect(alice.delete(f"/api/accounts/tokens/{token['id']}/"), 204)
        problem(send(), 401, "session-ended")

    def test_an_ended_session_precedes_errors_of_the_body(self, api: Api, alice: Person) -> None:
        expect(alice.post("/api/accounts/logout/"), 204)
        problem(alice.post("/api/tasks/", {"x": 1}), 401, "session-ended")

    def test_a_token_of_another_service_is_refused(self, new_api: NewApi, alice: Person) -> None:
        other = new_api(SECRET_KEYS="the secret of quite another service")
        problem(other.get("/api/tasks/", headers=bearer(alice.access)), 401, "invalid-token")

    def test_rotating_keys_keeps_users_logged_in(self, new_api: NewApi, alice: Person) -> None:
        old = "tests sign with this and with nothing else"
        rotated = new_api(SECRET_KEYS=f"the next secret of this very service,{old}")
        expect(rotated.get("/api/tasks/", headers=bearer(alice.access)), 200)

    def test_a_token_contains_the_ids_of_the_user_and_the_session(self, alice: Person) -> None:
        claims = expect(alice.post("/api/accounts/verify/", {"token": alice.access}), 200)
        assert claims["user_id"] == alice.id
        assert UUID(claims["session_id"]).version == 7


class TestCors:
    @pytest.mark.parametrize("origin", ["http://localhost:5173", "http://127.0.0.1:5173"])
    @pytest.mark.parametrize("method", sorted(METHODS - {"OPTIONS"}))
    def test_a_preflight_from_a_local_page_is_granted(self, api: Api, origin: str, method: str) -> None:
        preflight_headers = {
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": ", ".join(sorted(SENT)),
        }
        response = api.options("/api/tasks/", headers=preflight_headers)
        assert response.status_code == 204
        assert response.headers["access-control-allow-origin"] == origin
        assert set(split(response.headers["access-control-allow-methods"])) >= METHODS
        assert set(split(response.headers["access-control-allow-headers"].lower())) >= SENT
        assert int(response.headers["access-control-max-age"]) > 0
        assert "origin" in response.headers["vary"].lower()
        assert "access-control-allow-credentials" not in response.headers

    def test_a_request_for_the_methods_of_a_path_is_no_preflight(self, api: Api) -> None:
        assert "allow" in api.options("/api/tasks/", headers={"Origin": "http://localhost:5173"}).headers

    @pytest.mark.parametrize("origin", ["http://localhost:5173", "http://127.0.0.1:5173"])
    def test_a_local_page_can_read_responses_and_their_headers(self, alice: Person, origin: str) -> None:
        for _, response in responses(with_origin(alice, origin)):
            if response.request.method == "OPTIONS":
                continue
            assert response.headers["access-control-allow-origin"] == origin
            assert "origin" in response.headers["vary"].lower()
            assert set(split(response.headers["access-control-expose-headers"])) == EXPOSED
            assert "access-control-allow-credentials" not in response.headers

    @pytest.mark.parametrize(
        "origin",
        ["http://example.org", "https://localhost:5173", "http://localhost:5174", "http://localhost:5173.evil", "null"],
    )
    def test_a_page_of_another_origin_is_refused(self, alice: Person, origin: str) -> None:
        preflight_headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        preflight = alice.options("/api/tasks/", headers=preflight_headers)
        assert "access-control-allow-origin" not in preflight.headers
        response = alice.get("/api/tasks/", headers={"Origin": origin})
        assert response.status_code == 200, "the browser hides the response from the page"
        assert "access-control-allow-origin" not in response.headers

    def test_origins_can_be_configured(self, new_api: NewApi) -> None:
        api = new_api(CORS_ALLOWED_ORIGINS="https://tasks.example.org, https://other.example.org")
        for origin in ("https://tasks.example.org", "https://other.example.org"):
            response = api.get("/health/live", headers={"Origin": origin})
            assert response.headers["access-control-allow-origin"] == origin
        assert "access-control-allow-origin" not in api.get("/health/live", headers={"Origin": LOCAL}).headers

    def test_in_production_no_origin_is_allowed_by_default(self, new_api: NewApi) -> None:
        api = new_api(ENVIRONMENT="production", THROTTLE="on")
        preflight_headers = {"Origin": LOCAL, "Access-Control-Request-Method": "GET"}
        for response in (
            api.options("/api/tasks/", headers=preflight_headers),
            api.get("/health/live", headers={"Origin": LOCAL}),
        ):
            assert "access-control-allow-origin" not in response.headers


class TestService:
    def test_the_service_reports_that_it_is_live_and_ready(self, api: Api) -> None:
        assert expect(api.get("/health/live"), 200) == {"status": "live"}
        assert expect(api.get("/health/ready"), 200) == {"status": "ready"}

    @pytest.mark.parametrize("media_type", ["application/json", "Application/JSON", "application/json; charset=utf-8"])
    def test_a_json_content_type_is_accepted(self, alice: Person, media_type: str) -> None:
        response = alice.request("POST", "/api/tasks/", content=b'{"title":"x"}', headers={"Content-Type": media_type})
        assert expect(response, 201)["title"] == "x"

    def test_only_a_patch_can_be_a_merge_patch(self, alice: Person) -> None:
        merge = {"Content-Type": "application/merge-patch+json"}
        task, category = alice.task(), alice.category()
        for path, body in (
            (f"/api/tasks/{task['id']}/", b'{"title":"x"}'),
            (f"/api/categories/{category['id']}/", b'{"name":"x"}'),
            ("/api/accounts/me/", b'{"first_name":"x"}'),
        ):
            expect(alice.request("PATCH", path, content=body, headers=merge), 200)
        for method, path in (("POST", "/api/tasks/"), ("PUT", f"/api/tasks/{task['id']}/")):
            problem(alice.request(method, path, content=b'{"title":"y"}', headers=merge), 415, "unsupported-media-type")
        assert alice.titles() == ["x"]

    @pytest.mark.parametrize("charset", ["utf-8", '"UTF-8"', "us-ascii"])
    def test_a_body_may_name_its_charset(self, alice: Person, charset: str) -> None:
        headers = {"Content-Type": f"application/json; charset={charset}"}
        expect(alice.request("POST", "/api/tasks/", content=b'{"title": "x"}', headers=headers), 201)

    @pytest.mark.parametrize(
        "headers",
        [
            {"Content-Encoding": "gzip"},
            {"Content-Encoding": "br"},
            {"Content-Encoding": "identity, gzip"},
            {"Content-Type": "application/json; charset=latin1"},
            {"Content-Type": 'application/json;x=y; charset="utf-16"'},
        ],
        ids=str,
    )
    def test_a_body_in_another_encoding_is_refused(self, alice: Person, headers: dict[str, str]) -> None:
        for content in (b'{"title": "x"}', gzip.compress(b'{"title": "x"}')):
            sent = {"Content-Type": "application/json", **headers}
            response = alice.request("POST", "/api/tasks/", content=content, headers=sent)
            problem(response, 415, "unsupported-media-type")
            assert response.headers.get("accept-encoding") == ("identity" if "Content-Encoding" in headers else None)
        assert alice.titles() == []

    def test_an_import_in_another_encoding_is_refused(self, alice: Person) -> None:
        for more in ({"Content-Encoding": "gzip"}, {"Content-Type": "application/x-ndjson; charset=latin1"}):
            headers = {"Content-Type": "application/x-ndjson", **more}
            response = alice.request("POST", "/api/accounts/me/import/", content=b"{}", headers=headers)
            problem(response, 415, "unsupported-media-type")

    @pytest.mark.parametrize("path", ["/api/tasks/", "/health/live", "/nothing/here"])
    @pytest.mark.parametrize(
        ("version", "hosts", "status"),
        [("1.1", 0, 400), ("1.1", 2, 400), ("1.0", 2, 400), ("1.1", 1, None), ("1.0", 0, None)],
    )
    def test_http_1_1_requires_one_host(
        self, api: Api, path: str, version: str, hosts: int, status: int | None
    ) -> None:
        scope: Any = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"host", b"example.org")] * hosts,
            "http_version": version,
            "state": {},
            "app": api.app.litestar,
        }
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        api.process.run(api.app(scope, receive, send))
        start, body = sent
        if status is None:
            assert start["status"] != 400
            return
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        assert start["status"] == status
        assert COMMON_HEADERS.items() <= headers.items()
        assert (headers["content-type"], json.loads(body["body"])["type"]) == (
            "application/problem+json",
            "/problems/bad-request",
        )

    def test_responses_are_utf_8(self, alice: Person) -> None:
        title = "日本語 \N{COLLISION SYMBOL} é"
        response = alice.post("/api/tasks/", {"title": title})
        assert title.encode() in response.content


def split(header: str) -> list[str]:
    return [value.strip() for value in header.split(",")]


def with_origin(user: Person, origin: str) -> Person:
    user.headers["Origin"] = origin
    return user


@pytest.mark.parametrize(
    ("name", "lines", "method", "status"),
    [
        ("If-None-Match", ('"1"', '"7"'), "GET", 304),
        ("If-Match", ('"1"', '"7"'), "PATCH", 200),
        ("Idempotency-Key", ("a", "b"), "PATCH", 400),
        ("Authorization", ("Bearer x", "OWN"), "GET", 401),
        ("Authorization", ("OWN", "Bearer x"), "GET", 401),
        ("Content-Type", ("text/plain", "application/json"), "PATCH", 415),
        ("Content-Encoding", ("gzip", "identity"), "PATCH", 415),
        ("X-Session-Transport", ("other", "cookie"), "POST", 400),
        ("Sec-Fetch-Site", ("cross-site", "same-origin"), "POST", 403),
        ("Origin", ("https://evil.example", "http://testserver.local"), "POST", 403),
        ("Prefer", ("respond-async", "wait=10"), "IMPORT", 202),
        ("Accept", ("text/html", "application/json"), "PAGE", 200),
    ],
)
def test_every_line_of_a_header_counts(
    api: Api, alice: Person, name: str, lines: tuple[str, ...], method: str, status: int
) -> None:
    login = {"username": alice.username, "password": alice.password}
    method, path, body, others = {
        "GET": ("GET", f"/api/tasks/{alice.task()['id']}/", b"", {}),
        "PATCH": (
            "PATCH",
            f"/api/tasks/{alice.task()['id']}/",
            b'{"title": "x"}',
            {"Content-Type": "application/json"},
        ),
        "POST": (
            "POST",
            "/api/accounts/login/",
            json.dumps(login).encode(),
            {"Content-Type": "application/json", "X-Session-Transport": "cookie"},
        ),
        "IMPORT": ("POST", "/api/accounts/me/import", b'{"type":"header","format":"tasktracker","version":1}', NDJSON),
        "PAGE": ("GET", "/problems/unknown-path", b"", {}),
    }[method]
    headers = [(key, value) for key, value in {**alice.headers, **others}.items() if key != name]
    headers += [(name, alice.headers["Authorization"] if line == "OWN" else line) for line in lines]

    async def send() -> httpx.Response:  # the client of the other tests joins the lines
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(cast(Any, api.app)), base_url="http://testserver.local"
        ) as client:
            return await client.request(method, path, content=body, headers=headers)

    response = asyncio.run(send())
    assert response.status_code == status, response.text
    assert ("<h1>" in response.text) is (name == "Accept")
