"""What is written down of every request and of every authentication event, and what never is."""

from __future__ import annotations

import json
import time
from base64 import b32decode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyotp

from tasktracker.adapters.sql.engine import open_database
from tests.http import OTHER_PASSWORD, PASSWORD, Server, bearer, expect, migrated, new_name
from tests.security.conftest import NewPair
from tests.security.processes import THIS_CODE, Pair, dump, found

Line = dict[str, Any]


def lines(log: str) -> list[Line]:
    """The lines of a log that are JSON: all but what the command line says at the start."""
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


def waited_for(look: Callable[[], list[Line]]) -> list[Line]:
    """What is found once it is there: a request is logged when it has been answered, not before."""
    deadline = time.monotonic() + 5
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return seen


def test_every_request_is_one_line(pair: Pair) -> None:
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
    waited_for(lambda: [line for line in lines(pair.logs) if line.get("request_id") == ids[-1]])
    for request_id, (method, _, _, token, route, status) in zip(ids, requests, strict=True):
        (line,) = [each for each in lines(pair.logs) if each.get("request_id") == request_id]
        assert line["event"] == "request"
        assert (line["method"], line["route"], line["status"]) == (method, route, status)
        assert line["user"] == (person.id if token == person.access else None)
        assert 0 < line["duration_ms"] < 30_000
        assert "private" not in json.dumps(line)


def test_what_concerns_authentication_is_in_the_audit_log_and_in_the_activity(pair: Pair) -> None:
    visitor = pair.visitor()
    person = visitor.register()
    expect(pair.visitor(1).post("/api/accounts/login/", {"username": person.username, "password": "wrong one"}), 401)
    expect(person.post("/api/accounts/tokens/", {"name": "a script", "scopes": ["tasks:read"]}), 201)
    expect(
        person.post("/api/accounts/me/password/", {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}),
        204,
    )
    activity = expect(person.get("/api/accounts/me/activity/"), 200)["results"]
    audited = [line for line in lines(pair.logs) if line["event"] == "audit" and line["user"] == person.id]
    assert {line["id"] for line in audited} == {event["id"] for event in activity}
    assert [(line["kind"], line["outcome"]) for line in sorted(audited, key=lambda line: line["at"])] == [
        ("register", "success"),
        ("login", "failure"),
        ("api_token_create", "success"),
        ("password_change", "success"),
    ]
    assert all(line["request_id"] and line["address"] for line in audited)
    assert audited[0]["address"] == visitor.headers["X-Forwarded-For"]


def test_an_uncaught_error_is_logged_under_the_id_that_the_client_saw(tmp_path: Path, database_url: str) -> None:
    with Server(
        tmp_path, **{**THIS_CODE, "ENVIRONMENT": "production", "DATABASE_URL": migrated(database_url)}
    ) as server:
        person = server.register()
        database = open_database(database_url, pool_size=1)
        with database.writing() as connection:
            connection.run("ALTER TABLE tasks RENAME COLUMN title TO caption")
        database.close()
        answer = person.post("/api/tasks/", {"title": "a title that is nobody else's business"})
        problem = expect(answer, 500)
        assert problem["type"] == "/problems/internal-error"
        assert "title" not in problem["detail"]
        request_id = answer.headers["x-request-id"]
        mine = waited_for(lambda: [line for line in lines(server.log) if line.get("request_id") == request_id])
        (error,) = [line for line in mine if line["event"] == "uncaught error"]
        assert error["level"] == "error"
        assert "UndefinedColumn" in json.dumps(error["exception"])
        assert "nobody else's business" not in server.log
        assert person.access not in server.log
        waited_for(lambda: [line for line in lines(server.log) if line.get("status") == 500])
        (request,) = [line for line in lines(server.log) if line.get("status") == 500]
        assert (request["request_id"], request["user"]) == (request_id, person.id)
        expect(person.get("/api/accounts/me/"), 200)  # it serves on


def test_no_secret_is_in_the_database_or_in_a_log(pairs: NewPair, storage: str) -> None:
    pair = pairs(storage)
    visitor = pair.visitor()
    person = visitor.register(email=f"{new_name()}@example.org")
    login = {"username": person.username, "password": PASSWORD}
    wrong = "never anybody's password"
    expect(visitor.post("/api/accounts/login/", {**login, "password": wrong}), 401)
    expect(visitor.post("/api/accounts/login/", {"username": wrong, "password": wrong}), 401)
    expect(person.post("/api/accounts/me/password/", {"current_password": wrong, "new_password": wrong}), 400)
    expect(visitor.post("/api/accounts/refresh/", {"refresh": person.refresh}), 200)
    scopes = ["tasks:read", "tasks:write"]
    token = expect(person.post("/api/accounts/tokens/", {"name": "a script", "scopes": scopes}), 201)["token"]
    expect(visitor.get("/api/tasks/", headers=bearer(token)), 200)
    expect(visitor.get("/api/tasks/", params={"access_token": token}), 401)
    enrolment = expect(person.post("/api/accounts/me/totp/", {"password": PASSWORD}), 200)
    generator = pyotp.TOTP(enrolment["secret"])
    codes = expect(person.post("/api/accounts/me/totp/confirm/", {"code": generator.now()}), 200)["recovery_codes"]
    expect(pair.visitor(1).post("/api/accounts/login/", {**login, "code": codes[0]}), 200)
    expect(pair.visitor(1).post("/api/accounts/login/", {**login, "code": codes[0]}), 401)
    body = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}
    expect(person.post("/api/accounts/me/password/", body), 204)
    issued = {PASSWORD, OTHER_PASSWORD, wrong, token, enrolment["secret"], *codes, person.access, person.refresh}
    assert issued <= pair.secrets
    assert pair.leaks() == []


def test_the_search_finds_what_is_there() -> None:
    secret = bytes(range(24))
    token = "tt_" + urlsafe_b64encode(bytes(32) + secret).decode().rstrip("=")
    generator = pyotp.random_base32()
    assert found("uH8#kq2Lx9", b"... uH8#kq2Lx9 ...")
    assert found("head.payload.c2lnbmF0dXJl", b"only the signature: c2lnbmF0dXJl")
    assert found(generator, b"decoded: " + b32decode(generator))
    assert found("abcd-efgh-ijkl-mnop", b"undashed: abcdefghijklmnop")
    assert found(token, b"decoded: " + secret)
    assert not found("uH8#kq2Lx9", b"nothing of the kind")


def test_the_dump_holds_everything(pair: Pair) -> None:
    person = pair.visitor().register()
    assert person.username.encode() in dump(pair.url)
    assert b"$argon2id$" in dump(pair.url)
