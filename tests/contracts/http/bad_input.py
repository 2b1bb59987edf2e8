"""What no request may say: each is refused by name, and nothing is done."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.contracts.http.base import HttpContract, NewApi, everything, invalid, problem
from tests.http import OTHER_PASSWORD, PASSWORD, Person, expect, new_name

LOGOUT = "/api/accounts/logout/"

# JSON texts, as some of these cannot be said by way of Python.
NO_TEXT = ["1", "1.5", "true", "[]", "{}", '["x"]']
UNSTORABLE = [r'"a\u0000b"', r'"\u0000"', r'"\ud800"', r'"a\udfffb"', r'"\udc00\ud800"']
NO_INTEGER = ["true", "false", '"1"', '"x"', '""', "1.5", "[]", "{}", "1e400", "-1e400", "1e-400"]
HUGE = [str(2**31), str(2**63), str(2**64), "-1", str(-(2**63) - 1), "1" + "0" * 400, "-1" + "0" * 400]
NO_DAY = [
    *NO_TEXT,
    '""',
    '"tomorrow"',
    '"2026-02-29"',
    '"2026-13-01"',
    '"2026-3-1"',
    '"20260301"',
    '"2026-W09-7"',
    '"2026-03-01T12:00:00Z"',
    '"2026-03-01 "',
    '"\uff12\uff10\uff12\uff16-03-01"',
    '"10000-01-01"',
    '"0000-01-01"',
]
NO_MOMENT = [
    *NO_TEXT,
    '""',
    '"tomorrow"',
    '"2026-03-01"',
    '"12:00:00Z"',
    '"2026-03-01T12:00:00"',
    '"2026-03-01 12:00:00"',
    '"2026-03-01T12:00:00.5"',
    '"2026-13-01T12:00:00Z"',
    '"2026-02-29T12:00:00Z"',
    '"2026-03-01T25:00:00Z"',
    '"2026-03-01T12:00Z"',
    '"2026-03-01T12:00:00+25:00"',
    '"2026-03-01T12:00:00Z "',
    '"\uff12\uff10\uff12\uff16-03-01T12:00:00Z"',
    '"9999-12-31T23:59:59-14:00"',
    '"0001-01-01T00:00:00+14:00"',
    '"10000-01-01T00:00:00Z"',
    '"+002026-03-01T12:00:00Z"',
    r'"2026-03-01T12:00:00Z\u0000"',
    r'"\ud800"',
]
NO_ID = [
    *NO_TEXT,
    '""',
    '"x"',
    '"none"',
    '"0"',
    '"urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057"',
    '"{01890a5d-ac96-774b-bcce-b302099a8057}"',
    '"0\uff11890a5d-ac96-774b-bcce-b302099a8057"',
    '"01890a5d-ac96-774b-bcce-b302099a805"',
    '"01890a5d-ac96-774b-bcce-b302099a8057 "',
    r'"01890a5d-ac96-774b-bcce-b302099a8057\u0000"',
    r'"\ud800"',
]
NULL = ["null"]

LONG = [json.dumps("x" * 201), json.dumps("\U0001f4a5" * 201)]
TITLE = [*NO_TEXT, *UNSTORABLE, *LONG, '""', '" "', r'"\t\r\n"', '"\u3000"']
DESCRIPTION = [*NO_TEXT, *UNSTORABLE, json.dumps("x" * 10_001)]
PRIORITY = [*NO_INTEGER, *HUGE, "0", "5", "2.5"]
STATE = [*NO_TEXT, *UNSTORABLE, '""', '"OPEN"', '"someday"', '"open "', '"0"']
VERSION = [*NO_INTEGER, "0", "-1", str(-(2**63) - 1)]
NAME = [*NO_TEXT, *UNSTORABLE, '""', '" "', json.dumps("x" * 65)]
NO_COLOR = [*NO_TEXT, *UNSTORABLE, '""', '"red"', '"#12345"']
COLOR = [*NO_COLOR, '"#1234567"', '"#\uff11\uff12\uff13\uff14\uff15\uff16"', r'"#12345\u0000"', r'"#123456\n"']
USERNAME = [*NO_TEXT, *UNSTORABLE, '""', '"ab"', '"a b"', '"a@b"', json.dumps("x" * 151)]
LONG_EMAIL = json.dumps("x" * 254 + "@a.b")
EMAIL = [*NO_TEXT, *UNSTORABLE, LONG_EMAIL, '"x"', r'"a\u0000b@example.org"', r'"\ud800@example.org"']
PERSON = [*NO_TEXT, *UNSTORABLE, json.dumps("x" * 151)]
TIME_ZONE = [*NO_TEXT, *UNSTORABLE, '""', '"Mars/X"', r'"UTC\u0000"', '"/etc/passwd"']
SECRET = [*NO_TEXT, *UNSTORABLE, json.dumps("x" * 1025)]
NEW_SECRET = [*NO_TEXT, *UNSTORABLE, '"short"', json.dumps("xY7#" * 33)]
TOKEN = NO_TEXT
DEVICE = [*NO_TEXT, *UNSTORABLE, json.dumps("x" * 201)]
NOBODY = [
    *NO_TEXT,
    *UNSTORABLE,
    '""',
    '"nobody"',
    '"no body"',
    '"{username}"',
    '"a@example.org"',
    json.dumps("x" * 5000),
]
ROLE = [*NO_TEXT, *UNSTORABLE, '""', '"owner"', '"Viewer"', '"admin"']

# What stands in the paths below, and what the description calls it.
PARAMETERS = {"task": "id", "category": "id", "new": "id", "member": "user_id"}


@dataclass(frozen=True)
class Operation:
    """A request that succeeds, and what each of its fields may not be."""

    name: str
    method: str
    path: str
    good: dict[str, Any]
    bad: dict[str, list[str]]
    nullable: frozenset[str] = field(default=frozenset())
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    @property
    def template(self) -> str:
        """Its path as it is described."""
        return re.sub(r"\{(\w+)\}", lambda match: f"{{{PARAMETERS[match[1]]}}}", self.path)

    def values(self, name: str) -> list[str]:
        """What the field may not be."""
        return self.bad[name] if name in self.nullable else [*self.bad[name], *NULL]

    def body(self, **raw: str) -> bytes:
        """The good body with these fields as JSON texts."""
        fields = {name: json.dumps(value) for name, value in self.good.items()} | raw
        return ("{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in fields.items()) + "}").encode()


TASK = {
    "title": TITLE,
    "description": DESCRIPTION,
    "priority": PRIORITY,
    "state": STATE,
    "start_on": NO_DAY,
    "due_date": NO_MOMENT,
    "category": NO_ID,
    "parent": NO_ID,
}
CATEGORY = {"name": NAME, "description": [*NO_TEXT, *UNSTORABLE, json.dumps("x" * 1001)], "color": COLOR}
PROFILE = {
    "username": USERNAME,
    "email": EMAIL,
    "first_name": PERSON,
    "last_name": PERSON,
    "time_zone": TIME_ZONE,
}
GOOD_TASK = {
    "title": "changed",
    "description": "changed",
    "priority": 4,
    "state": "done",
    "start_on": "2000-01-01",
    "due_date": "2000-01-01T00:00:00Z",
}
GOOD_CATEGORY = {"name": "changed", "description": "changed", "color": "#123456"}
CLEARED = frozenset({"start_on", "due_date", "category", "parent"})
CREATE = {"If-None-Match": "*"}

OPERATIONS = [
    Operation("create-task", "POST", "/api/tasks/", GOOD_TASK, TASK, CLEARED),
    Operation("replace-task", "PUT", "/api/tasks/{task}/", GOOD_TASK, TASK | {"version": VERSION}, CLEARED),
    Operation(
        "put-new-task", "PUT", "/api/tasks/{new}/", GOOD_TASK, TASK | {"version": VERSION}, CLEARED, headers=CREATE
    ),
    Operation("edit-task", "PATCH", "/api/tasks/{task}/", GOOD_TASK, TASK | {"version": VERSION}, CLEARED),
    Operation("undo-change", "POST", "/api/tasks/{task}/undo/", {"change": "{change}"}, {"change": NO_ID}),
    Operation(
        "share-task",
        "POST",
        "/api/tasks/{task}/shares/",
        {"username": "{other}", "role": "viewer"},
        {"username": NOBODY, "role": ROLE},
    ),
    Operation("assign-role", "PUT", "/api/tasks/{task}/shares/{member}/", {"role": "editor"}, {"role": ROLE}),
    Operation(
        "push-mutations",
        "POST",
        "/api/sync/",
        {"mutations": []},
        {"cursor": [*NO_TEXT, '""', '"x"'], "atomic": ["1", '"true"']},
        frozenset({"cursor"}),
    ),
    Operation("create-category", "POST", "/api/categories/", GOOD_CATEGORY, CATEGORY, frozenset({"color"})),
    Operation(
        "replace-category",
        "PUT",
        "/api/categories/{category}/",
        GOOD_CATEGORY,
        CATEGORY | {"version": VERSION},
        frozenset({"color"}),
    ),
    Operation(
        "put-new-category",
        "PUT",
        "/api/categories/{new}/",
        GOOD_CATEGORY,
        CATEGORY | {"version": VERSION},
        frozenset({"color"}),
        headers=CREATE,
    ),
    Operation(
        "edit-category",
        "PATCH",
        "/api/categories/{category}/",
        GOOD_CATEGORY,
        CATEGORY | {"version": VERSION},
        frozenset({"color"}),
    ),
    Operation(
        "register",
        "POST",
        "/api/accounts/register/",
        {"username": "{name}", "password": PASSWORD},
        PROFILE | {"password": NEW_SECRET, "password2": [*NO_TEXT, *UNSTORABLE, '"other"']},
        frozenset({"email"}),
    ),
    Operation(
        "login",
        "POST",
        "/api/accounts/login/",
        {"username": "{username}", "password": PASSWORD},
        {"username": SECRET, "password": SECRET, "device": DEVICE},
        frozenset({"device"}),
    ),
    Operation(
        "edit-profile",
        "PATCH",
        "/api/accounts/me/",
        {"first_name": "changed", "password": PASSWORD},
        PROFILE | {"password": [*SECRET, '"wrong"']},
        frozenset({"email"}),
    ),
    Operation(
        "change-password",
        "POST",
        "/api/accounts/me/password/",
        {"current_password": PASSWORD, "new_password": OTHER_PASSWORD},
        {"current_password": [*SECRET, '"wrong"'], "new_password": NEW_SECRET},
    ),
    Operation(
        "delete-account",
        "POST",
        "/api/accounts/me/delete/",
        {"password": PASSWORD},
        {"password": [*SECRET, '"wrong"']},
    ),
    Operation(
        "create-api-token",
        "POST",
        "/api/accounts/tokens/",
        {"name": "script", "scopes": ["tasks:read"]},
        {
            "name": [*NO_TEXT, *UNSTORABLE, '""', '" "', json.dumps("x" * 101)],
            "scopes": ["null", "1", '"tasks:read"', "[]", '["tasks"]', "[1]", "{}"],
            "expires_at": [*NO_MOMENT, '"2000-01-01T00:00:00Z"'],
        },
        frozenset({"expires_at"}),
    ),
    Operation(
        "enrol-two-factor",
        "POST",
        "/api/accounts/me/totp/",
        {"password": PASSWORD},
        {"password": [*SECRET, '"wrong"']},
    ),
    Operation("refresh", "POST", "/api/accounts/refresh/", {"refresh": "{refresh}"}, {"refresh": TOKEN}),
    Operation("verify", "POST", "/api/accounts/verify/", {"token": "{refresh}"}, {"token": TOKEN}),
    Operation("logout", "POST", LOGOUT, {"refresh": "{refresh}"}, {"refresh": TOKEN}),
]


class Target:
    """Somebody with a task in a category, all of which has to be as it was when the test is over.

    Others, a member and a change are only made where they are asked for.
    """

    def __init__(self, person: Person) -> None:
        self.person = person
        self._category = person.category("before", color="#000000")
        self._task = person.task("before", category=self._category["id"])
        self._before = everything(person)

    def send(self, operation: Operation, body: bytes, **more: Any) -> httpx.Response:
        """Send a body; `{…}` in it and in the path stands for what is there."""
        names: dict[str, Callable[[], str]] = {
            "task": lambda: self._task["id"],
            "category": lambda: self._category["id"],
            "new": lambda: str(uuid4()),
            "name": new_name,
            "username": lambda: self.person.username,
            "other": lambda: self._other.username,
            "member": lambda: self._member.id,
            "change": lambda: self._change,
            "refresh": lambda: self.person.refresh,
        }
        path = operation.path
        for name, value in names.items():
            if (place := f"{{{name}}}") in path or place.encode() in body:
                path = path.replace(place, value())
                body = body.replace(place.encode(), value().encode())
        headers = {"Content-Type": "application/json", **operation.headers, **more.pop("headers", {})}
        return self.person.request(operation.method, path, content=body, headers=headers, **more)

    def check(self) -> None:
        """Fail unless all is as it was."""
        assert everything(self.person) == self._before

    @cached_property
    def _other(self) -> Person:
        return self.person.register()

    @cached_property
    def _member(self) -> Person:
        self.check()
        member = {"username": self._other.username, "role": "viewer"}
        expect(self.person.post(f"/api/tasks/{self._task['id']}/shares/", member), 201)
        self._before = everything(self.person)
        return self._other

    @cached_property
    def _change(self) -> str:
        self.check()
        path = f"/api/tasks/{self._task['id']}/"
        expect(self.person.patch(path, {"priority": 1}), 200)
        self._before = everything(self.person)
        return str(self.person.listed(f"{path}history/")[0]["id"])


class RefusalContract(HttpContract):
    """Whatever is sent to the target, nothing of it may be done."""

    @pytest.fixture
    def target(self, alice: Person) -> Iterator[Target]:
        target = Target(alice)
        yield target
        target.check()


class BadFieldContract(RefusalContract):
    """Fields of a request body."""

    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_a_good_request_succeeds(self, alice: Person, operation: Operation) -> None:
        # Or else the refusals below would prove nothing.
        assert Target(alice).send(operation, operation.body()).is_success

    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_a_bad_value_is_refused_by_the_name_of_its_field(self, target: Target, operation: Operation) -> None:
        for name in operation.bad:
            for value in operation.values(name):
                response = target.send(operation, operation.body(**{name: value}))
                assert response.status_code == 400, f"{name}: {value[:80]} -> {response.status_code} {response.text}"
                invalid(response, name)

    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_each_of_two_bad_values_is_named(self, target: Target, operation: Operation) -> None:
        names = list(operation.bad)
        for one, other in zip(names, names[1:] + names[:1], strict=True):
            body = operation.body(**{one: "[]", other: "[]"})
            invalid(target.send(operation, body), *{one, other})

    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_unknown_fields_are_refused_by_name(self, target: Target, operation: Operation) -> None:
        for name in ("surprise", "Title", "", " title", "__proto__", "日本語", "user_id", "sid"):
            invalid(target.send(operation, operation.body(**{name: "1"})), name)
        invalid(target.send(operation, operation.body(surprise="1", also="null")), "surprise", "also")
        (error,) = invalid(target.send(operation, operation.body(**{"n" * 5000: "1"})), "n" * 100)["errors"]
        assert len(error["message"]) < 100

    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_a_key_that_no_text_can_be_is_refused(self, target: Target, operation: Operation) -> None:
        for key, shown in ((rb"a\u0000b", "a\0b"), (rb"\ud800", "\\ud800"), (rb"x\udfffy", "x\\udfffy")):
            body = operation.body()[:-1] + b',"' + key + b'":1}'
            invalid(target.send(operation, body), shown)

    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_a_field_given_twice_is_refused(self, target: Target, operation: Operation) -> None:
        for name, value in operation.good.items():
            again = f",{json.dumps(name)}:{json.dumps(value)}}}".encode()
            invalid(target.send(operation, operation.body()[:-1] + again), name)
        escaped = operation.body(x="1")[:-1] + rb',"\u0078":1}'
        invalid(target.send(operation, escaped), "x")
        nested = operation.body(x='{"a":1,"a":2}')
        invalid(target.send(operation, nested), "a")

    @pytest.mark.timeout(20)
    def test_many_fields_are_looked_through_at_once(self, target: Target) -> None:
        many = b",".join(b'"f%d":1' % number for number in range(20_000))
        body = b"{" + many + b',"f1":1}'
        (error,) = invalid(target.send(OPERATIONS[0], body), "f1")["errors"]
        assert error["message"] == "is sent twice"

    def test_required_fields_are_named_when_they_are_missing(self, target: Target) -> None:
        required = {
            "create-task": {"title"},
            "replace-task": {"title"},
            "put-new-task": {"title"},
            "undo-change": {"change"},
            "share-task": {"username", "role"},
            "assign-role": {"role"},
            "create-category": {"name"},
            "replace-category": {"name"},
            "put-new-category": {"name"},
            "register": {"username", "password"},
            "login": {"username", "password"},
            "change-password": {"current_password", "new_password"},
            "delete-account": {"password"},
            "refresh": {"refresh"},
            "verify": {"token"},
        }
        for operation in OPERATIONS:
            if operation.name in required:
                invalid(target.send(operation, b"{}"), *required[operation.name])

    @pytest.mark.parametrize("token", [r"\ud800", r"a\u0000b", "é", "\U0001f4a5", r"eyJ\ud800.x.y"])
    def test_text_that_is_no_token_is_no_token(self, target: Target, token: str) -> None:
        for operation in OPERATIONS[-3:]:
            (name,) = operation.bad
            body = operation.body(**{name: f'"{token}"'})
            problem(target.send(operation, body, headers={"Authorization": ""}), 401, "invalid-token")


NO_OBJECT = [
    b"{",
    b"}",
    b"nonsense",
    b"{'title': 'x'}",
    b'{"title": "x",}',
    b'{"title" "x"}',
    b'{"title": x}',
    b'{title: "x"}',
    b'{"title": "x"} {"title": "y"}',
    b'{"title": "x"}\x00',
    b'{"title": "a\nb"}',
    b'{"title": "\\x41"}',
    b'{"title": "\\ud8"}',
    b'{"priority": 01}',
    b'{"priority": +1}',
    b'{"priority": .5}',
    b'{"priority": NaN}',
    b'{"priority": Infinity}',
    b'{"priority": -Infinity}',
    b'{"priority": 1' + b"0" * 5000 + b"}",
    b'{"priority": -1' + b"0" * 5000 + b"}",
    b'{"surprise": NaN}',
    b"[]",
    b'["title"]',
    b'"title"',
    b"7",
    b"true",
    b"null",
    b'{"title": "\xff"}',
    b'{"title": "\xc0\x80"}',
    b'{"title": "\xed\xa0\x80"}',
    b'{"\xed\xa0\x80": 1}',
    b'{"title": "\xf4\x90\x80\x80"}',
    b'{"title": "\xe2\x82"}',
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b"[" * 4000 + b"]" * 4000,
    b'{"x":' * 4000 + b"1" + b"}" * 4000,
    b'{"title":' + b"[" * 4000 + b"]" * 4000 + b"}",
    b'{"id":' + b'{"x":' * 4000 + b"1" + b"}" * 4001,
    b"[" * 100_000,
]


class BadBodyContract(RefusalContract):
    """Request bodies as a whole."""

    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_what_is_no_json_object_is_refused(self, target: Target, operation: Operation) -> None:
        for body in NO_OBJECT:
            response = target.send(operation, body)
            assert response.status_code == 400, f"{body[:40]!r} -> {response.status_code} {response.text}"
            assert len(response.content) < 1000
            (error,) = invalid(response, "body")["errors"]
            assert "set_int_max_str_digits" not in error["message"], "that is for programmers of Python"

    def test_no_depth_of_nesting_is_too_much(self, target: Target) -> None:
        for depth in (100, 500, 900, *range(940, 1010, 5), 2000, 10_000, 100_000):
            for name in ("title", "surprise"):
                body = f'{{"title":"x","{name}":'.encode() + b"[" * depth + b"]" * depth + b"}"
                response = target.send(OPERATIONS[0], body)
                assert response.status_code == 400
                assert {error["field"] for error in response.json()["errors"]} <= {name, "body"}

    def test_no_body_at_all_is_refused_where_there_has_to_be_one(self, target: Target) -> None:
        for operation in OPERATIONS:
            if operation.name != "logout":
                invalid(target.send(operation, b""), "body")
                invalid(target.send(operation, b"", headers={"Content-Type": ""}), "body")

    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_another_content_type_is_refused(self, target: Target, operation: Operation) -> None:
        merge = [] if operation.method == "PATCH" else ["application/merge-patch+json"]
        for media_type in [
            "",
            "text/plain",
            "text/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/jsonp",
            "application/xml",
            "json",
            "*/*",
            *merge,
        ]:
            response = target.send(operation, operation.body(), headers={"Content-Type": media_type})
            body = problem(response, 415, "unsupported-media-type")
            assert "application/json" in body["detail"]

    def test_a_content_type_is_needed(self, target: Target) -> None:
        person = target.person
        for method, path in (("POST", "/api/tasks/"), ("PATCH", "/api/accounts/me/"), ("POST", LOGOUT)):
            problem(person.request(method, path, content=b'{"title": "x"}'), 415, "unsupported-media-type")

    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_an_oversize_body_is_refused(self, target: Target, operation: Operation) -> None:
        body = operation.body()
        problem(target.send(operation, body + b" " * (262_145 - len(body))), 413, "body-too-large")
        problem(target.send(operation, b"[" * 1_000_000), 413, "body-too-large")
        problem(target.send(operation, b"\0" * 262_145, headers={"Content-Type": "text/plain"}), 413, "body-too-large")

    def test_a_body_of_the_largest_size_is_read(self, alice: Person) -> None:
        body = b'{"title":"x"}'
        expect(alice.send("POST", "/api/tasks/", body + b" " * (262_144 - len(body))), 201)

    def test_the_largest_size_can_be_configured(self, new_api: NewApi) -> None:
        api = new_api(MAX_BODY_BYTES="1024")
        person = api.register()
        expect(person.send("POST", "/api/tasks/", b'{"title":"x"}' + b" " * 1011), 201)
        problem(person.send("POST", "/api/tasks/", b'{"title":"x"}' + b" " * 1012), 413, "body-too-large")


class BadPathContract(RefusalContract):
    """Ids in a path."""

    @pytest.mark.parametrize("kind", ["tasks", "categories", "accounts/sessions", "trash"])
    def test_what_is_no_id_is_refused(self, target: Target, kind: str) -> None:
        methods = ["DELETE"] if kind in ("accounts/sessions", "trash") else ["GET", "PUT", "PATCH", "DELETE"]
        for odd in (
            "0",
            "x",
            "none",
            "null",
            "-1",
            "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
            "%7B01890a5d-ac96-774b-bcce-b302099a8057%7D",
            "01890a5d-ac96-774b-bcce-b302099a805",
            "01890a5d-ac96-774b-bcce-b302099a80577",
            "01890a5d-ac96-774b-bcce-b302099a805g",
            "0\uff11890a5d-ac96-774b-bcce-b302099a8057",
            "\u06601890a5d-ac96-774b-bcce-b302099a8057",
            "01890a5d-ac96-774b-bcce-b302099a8057%20",
            "01890a5d-ac96-774b-bcce-b302099a8057%00",
            "%00",
            "%ff",
            "%ed%a0%80",
            "%F0%9F%92%A5",
            "'%20OR%201=1",
            "x" * 5000,
        ):
            for method in methods:
                fields = {"name": "x"} if kind == "categories" else {"title": "x"}
                body = fields if method in ("PUT", "PATCH") else None
                invalid(target.person.request(method, f"/api/{kind}/{odd}/", json=body), "id")

    @pytest.mark.parametrize(
        "odd", ["x", "none", "%00", "%ff", "0\uff11890a5d-ac96-774b-bcce-b302099a8057", "x" * 5000]
    )
    def test_what_is_no_id_is_refused_in_longer_paths(self, target: Target, odd: str) -> None:
        person, other = target.person, str(uuid4())
        role, named = {"role": "viewer"}, {"role": "viewer", "username": target.person.username}
        for method, below, body in (
            ("GET", "history/", None),
            ("GET", "shares/", None),
            ("POST", "shares/", named),
            ("PUT", f"shares/{other}/", role),
            ("DELETE", f"shares/{other}/", None),
            ("POST", "restore/", None),
            ("POST", "undo/", {"change": other}),
        ):
            invalid(person.request(method, f"/api/tasks/{odd}/{below}", json=body), "id")
        invalid(person.put(f"/api/tasks/{other}/shares/{odd}/", role), "user_id")
        invalid(person.delete(f"/api/tasks/{other}/shares/{odd}/"), "user_id")

    def test_nothing_is_served_below_an_id(self, target: Target) -> None:
        for path in ("/api/tasks/a%2fb%2fc", "/api/tasks/..%2f..%2fschema/", "/api/categories/%2e%2e%2ftasks/x/"):
            assert target.person.get(path).status_code in (400, 404)
            assert target.person.delete(path).status_code in (400, 404)


class BadQueryContract(RefusalContract):
    """Query parameters."""

    LIMITS = (
        "0",
        "201",
        "-1",
        "abc",
        "٣",
        "1_0",
        "",
        " ",
        " 1",
        "1 ",
        "+1",
        "0x10",
        "1.5",
        "NaN",
        "inf",
        "null",
        "true",
    )
    ODD_LIMITS = ("1e9", "1\0", "\uff11", str(2**63), "1" * 5000)

    @pytest.mark.parametrize("path", ["/api/tasks/", "/api/categories/"])
    def test_a_limit_is_a_number_from_1_to_200(self, target: Target, path: str) -> None:
        for odd in self.LIMITS + self.ODD_LIMITS:
            invalid(target.person.get(path, params={"limit": odd}), "limit")

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("state", ["", "OPEN", "someday", "open,done", "open ", "1", "\0", "*"]),
            ("priority", ["", "0", "5", "-1", "high", "2.5", "٢", "1_0", "null", str(2**63), "1" * 5000]),
            ("category", ["", "x", "NONE", "null", "0", "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
                          "{01890a5d-ac96-774b-bcce-b302099a8057}", "0\uff11890a5d-ac96-774b-bcce-b302099a8057", "\0"]),
            ("parent", ["", "x", "NONE", "null", "0", "{01890a5d-ac96-774b-bcce-b302099a8057}", "\0"]),
            ("overdue", ["", "yes", "no", "2", "-1", "null", "tru", "\0"]),
            ("due_before", ["", "2026-03-01", "2026-03-01T12:00:00", "tomorrow", "1e400", "2026-02-29T12:00:00Z", "\0",
                            "9999-12-31T23:59:59-14:00", "2026-03-01T12:00:00 00:00"]),
            ("due_after", ["", "2026-03-01", "2026-03-01T12:00:00", "0001-01-01T00:00:00+14:00", "\ud7ff", "2027", "-5",
                           "1e3", "nan", "99999999999999999999"]),
            ("q", ["a\0b", "x" * 201, "\0"]),
            ("role", ["", "OWNER", "admin", "owner,viewer", "viewer ", "\0"]),
            ("sort", ["", "id", "-title", "+title", "updated_at", "created_at,title", "-", "--title", "\0"]),
        ],
    )  # fmt: skip
    def test_a_filter_is_one_of_what_it_may_be(self, target: Target, name: str, values: list[str]) -> None:
        for odd in values:
            invalid(target.person.get("/api/tasks/", params={name: odd}), name)
        invalid(target.person.get("/api/tasks/", params={name: values[1], "limit": "0"}), name, "limit")

    def test_one_bad_value_among_several_is_refused(self, target: Target) -> None:
        invalid(target.person.get("/api/tasks/?state=open&state=someday&state=done"), "state")

    @pytest.mark.parametrize("raw", ["state=%ff", "%ff=1", "state=%ed%a0%80", "x=%c0%80", "limit=1&=%f4%90"])
    def test_what_is_no_utf_8_is_refused(self, target: Target, raw: str) -> None:
        for path in ("/api/tasks/", "/api/categories/"):
            invalid(target.person.get(f"{path}?{raw}"), "query")

    def test_nothing_else_is_a_parameter(self, target: Target) -> None:
        for raw in ("limits=2", "LIMIT=2", "limit%20=2", "state[]=open", "page=2", "offset=1", "&&x", "%00"):
            name = httpx.QueryParams(raw).multi_items()[0][0]
            invalid(target.person.get(f"/api/tasks/?{raw}"), name)
