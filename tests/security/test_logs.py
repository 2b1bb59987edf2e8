"""The log of requests and of authentication events, and secrets that must not be in it."""

from __future__ import annotations

import json
from base64 import b32decode, urlsafe_b64encode
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyotp

from tasktracker.adapters.sql.engine import open_database
from tests.http import OTHER_PASSWORD, PASSWORD, Server, bearer, expect, migrated, new_name
from tests.security.conftest import NewPair
from tests.security.processes import Pair, dump, found
from tests.waiting import wait_until

Line = dict[str, Any]


def lines(log: str) -> list[Line]:
    """Return the complete JSON lines of a log. The first line is a message that `serve` prints at the start."""
    complete = log[: log.rfind("\n") + 1]  # the server may be writing the next line
    return [json.loads(line) for line in complete.splitlines() if line.startswith("{")]


def wait_for_lines(source: Pair | Server, field: str, value: object) -> list[Line]:
    """Wait for lines with a value of a field, and return them. A request is logged after its answer."""

    def found_lines() -> list[Line]:
        log = source.logs if isinstance(source, Pair) else source.log
        return [line for line in lines(log) if line.get(field) == value]

    return wait_until(found_lines, f"no line has {field}={value}")


def test_every_request_is_logged_in_one_line(pair: Pair) -> None:
    person = pair.visitor().register()
    task = person.task()["id"]
    requests: list[tuple[str, str, dict[str, Any], str | None, str | None, int]] = [
        ("GET", "/api/tasks/", {}, person.access, "/api/tasks", 200),
        ("GET", f"/api/tasks/{task}/", {}, person.access, "/api/tasks/{id}", 200),
        ("HEAD", f"/api/tasks/{task}", {}, person.access, "/api/tasks/{id}", 200),
        ("OPTIONS", "/api/tasks/", {}, None, "/api/tasks", 204),
        ("PATCH", f"/api/tasks/{task}/", {"json": {"title": ""}}, person.access, "/api/tasks/{id}", 400),
        ("DELETE", f"/api/tasks/{uuid4()}/", {}, person.access, "/api/tasks/{id}", 404),
        ("PUT", "/api/tasks/", {}, None, None, 405),
        ("POST", "/api/tasks/", {"content": b"x"}, person.access, "/api/tasks", 415),
        ("GET", "/api/accounts/me/", {}, None, "/api/accounts/me", 401),
        ("GET", "/api/accounts/me/", {}, "nothing", "/api/accounts/me", 401),
        ("GET", "/health/live", {}, None, "/health/live", 200),
        ("GET", "/nothing/here", {}, None, None, 404),
        ("GET", "/api/tasks/?title=private", {}, person.access, "/api/tasks", 400),
    ]
    ids = []
    for number, (method, path, more, token, _, status) in enumerate(requests):
        headers = {"X-Request-ID": f"{uuid4()}", **(bearer(token) if token else {})}
        answer = pair.visitor(number).request(method, path, headers=headers, **more)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        assert answer.headers["x-request-id"] == headers["X-Request-ID"]
        ids.append(headers["X-Request-ID"])
    for request_id, (method, _, _, token, route, status) in zip(ids, requests, strict=True):
        (line,) = wait_for_lines(pair, "request_id", request_id)
        assert line["event"] == "request"
        assert (line["method"], line["route"], line["status"]) == (method, route, status)
        assert line["user"] == (person.id if token == person.access else None)
        assert line["duration_ms"] > 0
        assert "private" not in json.dumps(line)


def test_authentication_events_are_in_the_audit_log_and_in_the_activity(pair: Pair) -> None:
    visitor = pair.visitor()
    person = visitor.register()
    expect(pair.visitor(1).post("/api/accounts/login/", {"username": person.username, "password": "wrong one"}), 401)
    expect(
        person.post("/api/accounts/tokens/", {"name": "a script", "scopes": ["tasks:read"], "password": PASSWORD}), 201
    )
    expect(
        person.post("/api/accounts/me/password/", {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}),
        204,
    )
    activity = expect(person.get("/api/accounts/me/activity/"), 200)["results"]

    def audited_lines() -> list[Line] | None:
        audited = [line for line in lines(pair.logs) if line["event"] == "audit" and line["user"] == person.id]
        return audited if len(audited) >= len(activity) else None

    audited = wait_until(audited_lines, "not every event was logged")
    assert {line["id"] for line in audited} == {event["id"] for event in activity}
    assert [(line["kind"], line["outcome"]) for line in sorted(audited, key=lambda line: line["at"])] == [
        ("register", "success"),
        ("login", "failure"),
        ("api_token_create", "success"),
        ("password_change", "success"),
    ]
    assert all(line["request_id"] and line["address"] for line in audited)
    assert audited[0]["address"] == visitor.headers["X-Forwarded-For"]


def test_an_uncaught_error_is_logged_with_the_request_id_of_the_answer(tmp_path: Path, database_url: str) -> None:
    with Server(tmp_path, DATABASE_URL=migrated(database_url), ENVIRONMENT="production", THROTTLE="on") as server:
        person = server.register()
        database = open_database(database_url, pool_size=1)
        with database.writing() as connection:
            connection.run("ALTER TABLE tasks RENAME COLUMN title TO caption")
        database.close()
        answer = person.post("/api/tasks/", {"title": "a private title"})
        problem = expect(answer, 500)
        assert problem["type"] == "/problems/internal-error"
        assert "title" not in problem["detail"]
        request_id = answer.headers["x-request-id"]
        (error,) = wait_for_lines(server, "event", "uncaught error")
        assert error["request_id"] == request_id
        assert error["level"] == "error"
        assert "UndefinedColumn" in json.dumps(error["exception"])
        assert "a private title" not in server.log
        assert person.access not in server.log
        (request,) = wait_for_lines(server, "status", 500)
        assert (request["request_id"], request["user"]) == (request_id, person.id)
        expect(person.get("/api/accounts/me/"), 200)  # the server still serves


def test_no_secret_is_in_the_database_or_in_a_log(pairs: NewPair, storage: str) -> None:
    pair = pairs(storage)
    visitor = pair.visitor()
    person = visitor.register(email=f"{new_name()}@example.org")
    login = {"username": person.username, "password": PASSWORD}
    wrong = "not the password at all"
    expect(visitor.post("/api/accounts/login/", {**login, "password": wrong}), 401)
    expect(visitor.post("/api/accounts/login/", {"username": wrong, "password": wrong}), 401)
    expect(person.post("/api/accounts/me/password/", {"current_password": wrong, "new_password": wrong}), 400)
    expect(visitor.post("/api/accounts/refresh/", {"refresh": person.refresh}), 200)
    scopes = ["tasks:read", "tasks:write"]
    token = expect(
        person.post("/api/accounts/tokens/", {"name": "a script", "scopes": scopes, "password": PASSWORD}), 201
    )["token"]
    expect(visitor.get("/api/tasks/", headers=bearer(token)), 200)
    expect(visitor.get("/api/tasks/", params={"access_token": token}), 401)
    enrolment = expect(person.post("/api/accounts/me/totp/", {"password": PASSWORD}), 200)
    generator = pyotp.TOTP(enrolment["secret"])
    codes = expect(person.post("/api/accounts/me/totp/confirm/", {"code": generator.now()}), 200)["recovery_codes"]
    expect(pair.visitor(1).post("/api/accounts/login/", {**login, "code": codes[0]}), 200)
    expect(pair.visitor(1).post("/api/accounts/login/", {**login, "code": codes[0]}), 401)
    body = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD, "code": codes[1]}
    expect(person.post("/api/accounts/me/password/", body), 204)
    issued = {PASSWORD, OTHER_PASSWORD, wrong, token, enrolment["secret"], *codes, person.access, person.refresh}
    assert issued <= pair.secrets
    assert pair.leaks() == []


def test_the_search_finds_a_secret_in_every_form() -> None:
    secret = bytes(range(24))
    token = "tt_" + urlsafe_b64encode(bytes(32) + secret).decode().rstrip("=")
    generator = pyotp.random_base32()
    assert found("uH8#kq2Lx9", b"... uH8#kq2Lx9 ...")
    assert found("head.payload.c2lnbmF0dXJl", b"only the signature: c2lnbmF0dXJl")
    assert found(generator, b"decoded: " + b32decode(generator))
    assert found("abcd-efgh-ijkl-mnop", b"undashed: abcdefghijklmnop")
    assert found(token, b"decoded: " + secret)
    assert not found("uH8#kq2Lx9", b"another text")


def test_the_dump_contains_every_table(pair: Pair) -> None:
    person = pair.visitor().register()
    assert person.username.encode() in dump(pair.url)
    assert b"$argon2id$" in dump(pair.url)
