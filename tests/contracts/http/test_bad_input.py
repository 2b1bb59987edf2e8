"""Bad input: every error is refused with the name of its field, and nothing changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.backends import http_on_memory
from tests.contracts.http.base import NewApi, everything, invalid, problem
from tests.contracts.http.operations import LOGOUT, OPERATIONS, Operation
from tests.http import Api, Person, expect, new_name
from tests.waiting import wait_until

pytestmark = http_on_memory


class Target:
    """A user with a task in a category, which must not change during a test.

    Another user, a member and a change are created when a request needs them.
    """

    def __init__(self, api: Api, user: Person) -> None:
        self.user = user
        self._api = api
        self._category = user.category("before", color="#000000")
        self._task = user.task("before", category=self._category["id"])
        self._before = everything(user)

    def send(self, operation: Operation, body: bytes, **more: Any) -> httpx.Response:
        """Send a body. Placeholders in it and in the path, like `{task}`, are replaced by existing values."""
        names: dict[str, Callable[[], str]] = {
            "task": lambda: self._task["id"],
            "category": lambda: self._category["id"],
            "new": lambda: str(uuid4()),
            "name": new_name,
            "username": lambda: self.user.username,
            "other": lambda: self._other.username,
            "member": lambda: self._member.id,
            "account": lambda: self._other.id,
            "change": lambda: self._change,
            "notification": lambda: self._notification,
            "refresh": lambda: self.user.refresh,
        }
        path = operation.path
        for name, value in names.items():
            if (placeholder := f"{{{name}}}") in path or placeholder.encode() in body:
                path = path.replace(placeholder, value())
                body = body.replace(placeholder.encode(), value().encode())
        if path.startswith("/api/admin/"):
            self.administer()
        headers = {"Content-Type": "application/json", **operation.headers, **more.pop("headers", {})}
        return self.user.request(operation.method, path, content=body, headers=headers, **more)

    def administer(self) -> None:
        """Make the user an administrator with a recent proof."""
        if not self._before["profile"]["is_admin"]:
            self._api.promote(self.user)
            self._before = everything(self.user)

    def check(self) -> None:
        """Fail if anything has changed."""
        assert everything(self.user) == self._before

    @cached_property
    def _other(self) -> Person:
        return self.user.register()

    @cached_property
    def _member(self) -> Person:
        self.check()
        member = {"username": self._other.username, "role": "viewer"}
        for path in (f"/api/tasks/{self._task['id']}", f"/api/categories/{self._category['id']}"):
            expect(self.user.post(f"{path}/shares/", member), 201)
        wait_until(lambda: self._other.get(f"{path}/").json()["ready"], "the member does not become ready")
        self._before = everything(self.user)
        return self._other

    @cached_property
    def _notification(self) -> str:
        self._other.share(self._other.task(), self.user)
        self._before = everything(self.user)
        return str(self.user.listed("/api/notifications/")[0]["id"])

    @cached_property
    def _change(self) -> str:
        self.check()
        path = f"/api/tasks/{self._task['id']}/"
        expect(self.user.patch(path, {"priority": 1}), 200)
        self._before = everything(self.user)
        return str(self.user.listed(f"{path}history/")[0]["id"])


@pytest.fixture(scope="module")
def unchanged(shared: Api) -> Target:
    """A target for all tests, because none may change it."""
    return Target(shared, shared.register())


@pytest.fixture
def target(unchanged: Target) -> Iterator[Target]:
    """A target that must be unchanged after the test."""
    yield unchanged
    unchanged.check()


class TestBadField:
    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_a_good_request_succeeds(self, api: Api, alice: Person, operation: Operation) -> None:
        # Otherwise the refusals below would prove nothing.
        assert Target(api, alice).send(operation, operation.body()).is_success

    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_a_bad_value_is_refused_with_the_name_of_its_field(self, target: Target, operation: Operation) -> None:
        for name in operation.bad:
            for value in operation.values(name):
                response = target.send(operation, operation.body(**{name: value}))
                assert response.status_code == 400, f"{name}: {value[:80]} -> {response.status_code} {response.text}"
                invalid(response, name)

    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_two_bad_values_are_both_named(self, target: Target, operation: Operation) -> None:
        names = list(operation.bad)
        for one, other in zip(names, names[1:] + names[:1], strict=True):
            body = operation.body(**{one: "[]", other: "[]"})
            invalid(target.send(operation, body), *{one, other})

    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_unknown_fields_are_refused_with_their_names(self, target: Target, operation: Operation) -> None:
        for name in ("surprise", "Title", "", " title", "__proto__", "日本語", "user_id", "sid"):
            invalid(target.send(operation, operation.body(**{name: "1"})), name)
        invalid(target.send(operation, operation.body(surprise="1", also="null")), "surprise", "also")
        (error,) = invalid(target.send(operation, operation.body(**{"n" * 5000: "1"})), "n" * 100)["errors"]
        assert len(error["message"]) < 100

    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_an_unstorable_key_is_refused(self, target: Target, operation: Operation) -> None:
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
    def test_a_duplicate_among_many_fields_is_found_quickly(self, target: Target) -> None:
        many = b",".join(b'"f%d":1' % number for number in range(20_000))
        body = b"{" + many + b',"f1":1}'
        (error,) = invalid(target.send(OPERATIONS[0], body), "f1")["errors"]
        assert error["message"] == "is sent twice"

    def test_missing_required_fields_are_named(self, target: Target) -> None:
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
            "change-password": {"new_password"},
            "confirm-password": {"password"},
            "refresh": {"refresh"},
            "verify": {"token"},
        }
        for operation in OPERATIONS:
            if operation.name in required:
                invalid(target.send(operation, b"{}"), *required[operation.name])

    @pytest.mark.parametrize("token", [r"\ud800", r"a\u0000b", "é", "\U0001f4a5", r"eyJ\ud800.x.y"])
    def test_text_that_is_not_a_token_is_refused(self, target: Target, token: str) -> None:
        for operation in OPERATIONS[-3:]:
            (name,) = operation.bad
            body = operation.body(**{name: f'"{token}"'})
            problem(target.send(operation, body, headers={"Authorization": ""}), 401, "invalid-token")


NOT_OBJECTS = [
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


class TestBadBody:
    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_a_body_that_is_not_a_json_object_is_refused(self, target: Target, operation: Operation) -> None:
        # All requests are parsed by the same code: each operation gets some of the bodies.
        for body in NOT_OBJECTS[OPERATIONS.index(operation) % 8 :: 8]:
            response = target.send(operation, body)
            assert response.status_code == 400, f"{body[:40]!r} -> {response.status_code} {response.text}"
            assert len(response.content) < 1000
            (error,) = invalid(response, "body")["errors"]
            assert "set_int_max_str_digits" not in error["message"], "the message names a Python function"

    def test_nesting_of_any_depth_is_refused_as_invalid(self, target: Target) -> None:
        for depth in (100, *range(940, 1010, 5), 100_000):
            for name in ("title", "surprise"):
                body = f'{{"title":"x","{name}":'.encode() + b"[" * depth + b"]" * depth + b"}"
                response = target.send(OPERATIONS[0], body)
                assert response.status_code == 400
                assert {error["field"] for error in response.json()["errors"]} in ({name}, {"body"})

    def test_the_depth_of_nesting_is_limited(self, target: Target) -> None:
        for depth, field in ((99, "surprise"), (100, "body")):  # inside an object
            body = b'{"title":"x","surprise":' + b"[" * depth + b"]" * depth + b"}"
            invalid(target.send(OPERATIONS[0], body), field)

    def test_a_missing_body_is_refused(self, target: Target) -> None:
        for operation in OPERATIONS:
            if operation.name != "logout":
                # The refresh token may be in a cookie.
                missing = "refresh" if operation.name == "refresh" else "body"
                invalid(target.send(operation, b""), missing)
                invalid(target.send(operation, b"", headers={"Content-Type": ""}), missing)

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

    def test_a_missing_content_type_is_refused(self, target: Target) -> None:
        user = target.user
        for method, path in (("POST", "/api/tasks/"), ("PATCH", "/api/accounts/me/"), ("POST", LOGOUT)):
            problem(user.request(method, path, content=b'{"title": "x"}'), 415, "unsupported-media-type")

    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_an_oversize_body_is_refused(self, target: Target, operation: Operation) -> None:
        body = operation.body()
        problem(target.send(operation, body + b" " * (262_145 - len(body))), 413, "body-too-large")
        problem(target.send(operation, b"[" * 1_000_000), 413, "body-too-large")
        problem(target.send(operation, b"\0" * 262_145, headers={"Content-Type": "text/plain"}), 413, "body-too-large")

    def test_a_body_of_the_maximum_size_is_accepted(self, alice: Person) -> None:
        body = b'{"title":"x"}'
        expect(alice.send("POST", "/api/tasks/", body + b" " * (262_144 - len(body))), 201)

    def test_the_maximum_size_can_be_configured(self, new_api: NewApi) -> None:
        api = new_api(MAX_BODY_BYTES="1024")
        user = api.register()
        expect(user.send("POST", "/api/tasks/", b'{"title":"x"}' + b" " * 1011), 201)
        problem(user.send("POST", "/api/tasks/", b'{"title":"x"}' + b" " * 1012), 413, "body-too-large")


class TestBadPath:
    @pytest.mark.parametrize("kind", ["tasks", "categories", "accounts/sessions", "trash"])
    def test_a_malformed_id_is_refused(self, target: Target, kind: str) -> None:
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
                invalid(target.user.request(method, f"/api/{kind}/{odd}/", json=body), "id")

    @pytest.mark.parametrize(
        "odd", ["x", "none", "%00", "%ff", "0\uff11890a5d-ac96-774b-bcce-b302099a8057", "x" * 5000]
    )
    def test_a_malformed_id_is_refused_in_longer_paths(self, target: Target, odd: str) -> None:
        user, other = target.user, str(uuid4())
        role, named = {"role": "viewer"}, {"role": "viewer", "username": target.user.username}
        for method, below, body in (
            ("GET", "history/", None),
            ("GET", "shares/", None),
            ("POST", "shares/", named),
            ("PUT", f"shares/{other}/", role),
            ("DELETE", f"shares/{other}/", None),
            ("POST", "restore/", None),
            ("POST", "undo/", {"change": other}),
        ):
            invalid(user.request(method, f"/api/tasks/{odd}/{below}", json=body), "id")
        for shares in (f"/api/tasks/{other}/shares/", f"/api/categories/{other}/shares/"):
            invalid(user.put(f"{shares}{odd}/", role), "user_id")
            invalid(user.delete(f"{shares}{odd}/"), "user_id")

    def test_an_encoded_slash_in_an_id_is_refused(self, target: Target) -> None:
        for path in ("/api/tasks/a%2fb%2fc", "/api/tasks/..%2f..%2fschema/", "/api/categories/%2e%2e%2ftasks/x/"):
            assert target.user.get(path).status_code in (400, 404)
            assert target.user.delete(path).status_code in (400, 404)


class TestBadQuery:
    BAD_LIMITS = (
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
        "1e9",
        "1\0",
        "\uff11",
        str(2**63),
        "1" * 5000,
    )

    @pytest.mark.parametrize("path", ["/api/tasks/", "/api/categories/"])
    def test_a_limit_outside_1_to_200_is_refused(self, target: Target, path: str) -> None:
        for odd in self.BAD_LIMITS:
            invalid(target.user.get(path, params={"limit": odd}), "limit")

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
    def test_a_bad_filter_value_is_refused(self, target: Target, name: str, values: list[str]) -> None:
        for odd in values:
            invalid(target.user.get("/api/tasks/", params={name: odd}), name)
        invalid(target.user.get("/api/tasks/", params={name: values[1], "limit": "0"}), name, "limit")

    def test_one_bad_value_among_several_is_refused(self, target: Target) -> None:
        invalid(target.user.get("/api/tasks/?state=open&state=someday&state=done"), "state")

    @pytest.mark.parametrize("raw", ["state=%ff", "%ff=1", "state=%ed%a0%80", "x=%c0%80", "limit=1&=%f4%90"])
    def test_a_query_that_is_not_utf_8_is_refused(self, target: Target, raw: str) -> None:
        for path in ("/api/tasks/", "/api/categories/"):
            invalid(target.user.get(f"{path}?{raw}"), "query")

    def test_an_unknown_parameter_is_refused(self, target: Target) -> None:
        for raw in ("limits=2", "LIMIT=2", "limit%20=2", "state[]=open", "page=2", "offset=1", "&&x", "%00"):
            name = httpx.QueryParams(raw).multi_items()[0][0]
            invalid(target.user.get(f"/api/tasks/?{raw}"), name)


def test_messages_are_in_the_words_of_json(alice: Person) -> None:
    body = {"title": 7, "priority": "x", "state": "lost", "due_date": "2026-01-31", "category": 5}
    task = invalid(alice.post("/api/tasks/", body), *body)
    limit = invalid(alice.get("/api/tasks/?limit=201"), "limit")
    assert {each["field"]: each["message"] for each in (*task["errors"], *limit["errors"])} == {
        "title": "must be a string",
        "priority": "must be an integer",
        "state": "must be one of open, in_progress, done, cancelled",
        "due_date": "must be a time, as in 2026-01-31T12:00:00Z",
        "category": "must be a UUID or null",
        "limit": "must be an integer <= 200",
    }
