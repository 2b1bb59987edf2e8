"""The description of the API, and its interactive documentation.

`tests.documentation` compares the description with every response of all HTTP tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import pytest

from tasktracker.domain.accounts.user import MAX_USERNAME_LENGTH
from tasktracker.domain.categories.category import MAX_NAME_LENGTH
from tasktracker.domain.kernel.paging import DEFAULT_PAGE, MAX_PAGE
from tasktracker.domain.tasks.task import MAX_DESCRIPTION_LENGTH, MAX_TITLE_LENGTH
from tests.contracts.http.base import problem
from tests.contracts.http.operations import OPERATIONS, PROTECTED
from tests.documentation import PROBLEM
from tests.http import Api, expect

IDENTIFIER = re.compile(r"[a-z][A-Za-z]+")
EXPORT = "/api/accounts/me/export"
IMPORT = "/api/accounts/me/import"
ACCEPTING = {"/api/accounts/password/forgot", "/api/accounts/email/verification"}  # with 202, always
SHARES = ("/api/tasks/{id}/shares", "/api/categories/{id}/shares")


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with Api("memory://") as api:
        yield api


@pytest.fixture(scope="module")
def document(api: Api) -> dict[str, Any]:
    served: dict[str, Any] = expect(api.get("/schema/openapi.json"), 200)
    return served


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def objects_in(value: object) -> Iterator[Mapping[str, Any]]:
    """Yield every object in the document."""
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects_in(child)


def filled_in(value: object) -> object:
    """Replace a placeholder in an example by a value of its kind."""
    if value == "{change}":
        return str(uuid4())
    return value.strip("{}") if isinstance(value, str) else value


def test_the_description_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert document.keys() <= {"openapi", "info", "servers", "tags", "paths", "components", "security"}
    assert document["info"]["title"]
    assert document["info"]["version"]
    assert document["info"]["license"] == {"name": "MIT", "identifier": "MIT"}


def test_every_reference_is_defined_and_every_component_is_used(document: dict[str, Any]) -> None:
    references = {each["$ref"] for each in objects_in(document) if "$ref" in each}
    components = document["components"]
    defined = {f"#/components/{kind}/{name}" for kind in ("schemas", "headers") for name in components[kind]}
    assert references == defined
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for kind in components for name in components[kind])


def test_every_operation_has_a_unique_id_and_an_explanation(
    document: dict[str, Any], operations: dict[tuple[str, str], dict[str, Any]]
) -> None:
    ids = [operation["operationId"] for operation in operations.values()]
    assert len(set(ids)) == len(ids)
    assert all(IDENTIFIER.fullmatch(each) for each in ids)
    declared = {tag["name"] for tag in document["tags"]}
    for operation in operations.values():
        assert operation["summary"]
        assert operation["description"]
        assert len(operation["tags"]) == 1
    assert {tag for operation in operations.values() for tag in operation["tags"]} == declared


def test_every_parameter_is_described(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    for (_, path), operation in operations.items():
        parameters = operation["parameters"]
        keys = [(parameter["in"], parameter["name"]) for parameter in parameters]
        assert len(set(keys)) == len(keys)
        in_path = {parameter["name"] for parameter in parameters if parameter["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", path))
        for parameter in parameters:
            assert parameter["in"] in ("path", "query", "header")
            assert parameter["schema"]
            assert parameter.get("required", False) is (parameter["in"] == "path")


def test_preconditions_are_described_where_they_are_supported(
    operations: dict[tuple[str, str], dict[str, Any]],
) -> None:
    for (method, path), operation in operations.items():
        named = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "header"}
        is_item = path in ("/api/tasks/{id}", "/api/categories/{id}")
        is_change_of_item = path in ("/api/tasks/{id}/restore", "/api/tasks/{id}/undo", "/api/trash/{id}")
        is_share = path.startswith(("/api/tasks/{id}/shares", "/api/categories/{id}/shares"))
        is_versioned = is_item or ((is_change_of_item or is_share) and method != "GET")
        supported = {"If-None-Match"} if method == "GET" else {"If-Match"}
        if is_item and method == "PUT":
            supported |= {"If-None-Match"}
        other = {"Idempotency-Key", "Prefer", "Last-Event-ID", "X-Session-Transport"}
        assert named - other == (supported if is_versioned else set())
        assert (
            ("Prefer" in named)
            is ("202" in operation["responses"] and path not in (*ACCEPTING, *SHARES))
            is (path == IMPORT)
        )
        assert ("412" in operation["responses"]) is (is_versioned and method != "GET")
        assert ("304" in operation["responses"]) is (is_item and method == "GET")
        assert ("201" in operation["responses"] and "200" in operation["responses"]) is (is_item and method == "PUT")


def test_idempotency_keys_are_described_where_they_are_supported(
    operations: dict[tuple[str, str], dict[str, Any]],
) -> None:
    for (method, path), operation in operations.items():
        named = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "header"}
        is_repeatable = method != "GET" and path.startswith(("/api/tasks", "/api/categories"))
        assert ("Idempotency-Key" in named) is is_repeatable
        assert ("422" in operation["responses"]) is is_repeatable
        for status, response in operation["responses"].items():
            assert ("Idempotency-Replayed" in response["headers"]) is (is_repeatable and status < "300")


def test_texts_contain_no_vague_words(document: dict[str, Any]) -> None:
    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from (value[name] for name in ("summary", "description") if isinstance(value.get(name), str))
            value = list(value.values())
        for each in value if isinstance(value, list) else ():
            yield from texts(each)

    vague = re.compile(r"\b(whoever|whomever|nobody|somebody|anybody|everybody|told|tells?)\b", re.IGNORECASE)
    assert sorted({text for text in texts(document) if vague.search(text)}) == []


def test_the_filters_are_described(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    def query(path: str) -> dict[str, Any]:
        parameters = operations["GET", path]["parameters"]
        return {parameter["name"]: parameter["schema"] for parameter in parameters if parameter["in"] == "query"}

    tasks = query("/api/tasks")
    paging = {"cursor", "limit"}
    filters = {"state", "priority", "category", "parent", "series", "q", "role"}
    filters |= {"due_after", "due_before", "overdue", "started"}
    assert tasks.keys() == filters | paging | {"sort"}
    for path in ("/api/categories", "/api/tasks/{id}/history"):
        assert query(path).keys() == paging
    assert query("/api/trash").keys() == paging | {"category"}
    for path in ("/api/tasks", "/api/categories", "/api/trash", "/api/tasks/{id}/history"):
        limit = query(path)["limit"]
        assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, MAX_PAGE, DEFAULT_PAGE)
    assert query("/api/tasks/{id}/shares") == {}
    assert tasks["state"]["type"] == "array"
    assert tasks["sort"]["default"] == "-created_at"


def test_a_token_is_required_where_one_is_needed(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    for route, operation in operations.items():
        if route == ("GET", "/api/events"):  # or a ticket
            assert operation["security"] == [{"bearer": []}, {}]
            assert "401" in operation["responses"]
        elif route in PROTECTED:
            assert operation["security"] == [{"bearer": []}]
            assert "401" in operation["responses"]
        elif route in (("POST", "/api/accounts/logout"), ("GET", "/api")):
            assert operation["security"] == [{"bearer": []}, {}]
        else:
            assert operation["security"] == []


def test_every_response_is_described(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    always = {"X-Request-ID", "X-Content-Type-Options", "Cache-Control", "Content-Security-Policy"}
    also = {"401": {"WWW-Authenticate"}, "429": {"Retry-After"}, "503": {"Retry-After"}, "507": {"Retry-After"}}
    for (method, path), operation in operations.items():
        responses = operation["responses"]
        has_two = "200" in responses and responses.keys() & {"201", "202"}
        has_two = has_two or (method == "POST" and path in SHARES)
        assert sum(status < "300" for status in responses) == (2 if has_two else 1)
        for status, response in responses.items():
            assert response["description"]
            assert always <= response["headers"].keys()
            if status in ("204", "304"):
                assert "content" not in response
            elif status >= "400":
                assert response["content"].keys() == {"application/problem+json"}
                scope = {"WWW-Authenticate"} if "`insufficient-scope`" in response["description"] else set()
                in_use = {"Retry-After"} if "`idempotency-key-in-use`" in response["description"] else set()
                assert response["headers"].keys() == always | also.get(status, set()) | scope | in_use
            else:
                others = {
                    EXPORT: {"application/x-ndjson", "application/octet-stream"},
                    "/api/events": {"text/event-stream"},
                    "/problems/{slug}": {"text/plain", "text/html"},
                }
                forms = (
                    others.get(path, {"application/json", "text/plain"}) if method == "GET" else {"application/json"}
                )
                assert response["content"].keys() <= forms
        assert {"413", "415"} <= responses.keys() or "requestBody" not in operation
        if "requestBody" in operation:
            merge = {"application/merge-patch+json"} if method == "PATCH" else set()
            forms = {"application/octet-stream"} if path == IMPORT else {"application/json"} | merge
            assert operation["requestBody"]["content"].keys() == forms


def test_every_successful_request_matches_its_schema(
    api: Api, operations: dict[tuple[str, str], dict[str, Any]]
) -> None:
    described = {route for route, operation in operations.items() if "requestBody" in operation}
    tested = set()
    for example in OPERATIONS:
        route = (example.method, example.template)
        body = {name: filled_in(value) for name, value in example.good.items()}
        for media in operations[route]["requestBody"]["content"].values():
            assert api.documentation.mistakes(media["schema"], body) == []
        tested.add(route)
    for route in (("POST", "/api/events/tickets"), ("POST", "/api/tasks/{id}/restore")):
        (media,) = operations[route]["requestBody"]["content"].values()
        assert api.documentation.mistakes(media["schema"], {}) == []
        assert api.documentation.mistakes(media["schema"], {"unknown": 1}) != []
        tested.add(route)
    # Operations that need a one-time code are tested elsewhere.
    coded = {("POST", f"/api/accounts/me/totp/{name}") for name in ("confirm", "disable", "recovery-codes")}
    coded |= {("POST", f"/api/accounts/{name}") for name in ("password/reset", "password/forgot", "email/verify")}
    assert tested | coded | {("POST", IMPORT)} == described


def test_requests_have_the_limits_of_the_domain(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for body in ("CreateTask", "ReplaceTask", "EditTask"):
        assert schemas[body]["properties"]["title"]["maxLength"] == MAX_TITLE_LENGTH == 1000
        assert schemas[body]["properties"]["description"]["maxLength"] == MAX_DESCRIPTION_LENGTH == 10_000
    for body in ("CreateCategory", "ReplaceCategory", "EditCategory"):
        assert schemas[body]["properties"]["name"]["maxLength"] == MAX_NAME_LENGTH == 64
    assert schemas["Register"]["properties"]["username"]["maxLength"] == MAX_USERNAME_LENGTH == 150


def test_requests_forbid_additional_fields(
    document: dict[str, Any], operations: dict[tuple[str, str], dict[str, Any]]
) -> None:
    described = {route: operation for route, operation in operations.items() if "requestBody" in operation}
    bodies = [operation["requestBody"] for route, operation in described.items() if route != ("POST", IMPORT)]
    for reference in {media["schema"]["$ref"] for body in bodies for media in body["content"].values()}:
        schema = document["components"]["schemas"][reference.rpartition("/")[2]]
        assert schema["additionalProperties"] is False


def test_read_only_fields_are_marked_and_have_the_types_of_the_response(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    fields = schemas["EditTask"]["properties"]
    read_only = {name: schema for name, schema in fields.items() if schema.get("readOnly")}
    assert read_only.keys() == {
        "id", "owner", "owners", "created_by", "created_at", "updated_at", "completed_at", "is_overdue",
        "series", "slot", "next",
    }  # fmt: skip
    returned = schemas["TaskView"]["properties"]
    assert read_only == {name: {**returned[name], "readOnly": True} for name in read_only}


# ------------------------------------------------------------------------------- what generators of clients need

ANY_VALUE = {"base", "yours", "theirs", "before", "after"}  # of a field of any type


def test_bodies_of_bytes_are_binary_and_others_are_text(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    def schemas(content: Mapping[str, Any]) -> dict[str, Any]:
        return {media_type: described["schema"] for media_type, described in content.items()}

    binary, text = {"type": "string", "format": "binary"}, {"type": "string"}
    exported = operations["GET", "/api/accounts/me/export"]["responses"]["200"]["content"]
    assert schemas(exported) == {"application/x-ndjson": text, "application/octet-stream": binary}
    imported = operations["POST", "/api/accounts/me/import"]["requestBody"]["content"]
    assert schemas(imported) == {"application/octet-stream": binary}


def test_paths_are_listed_without_a_trailing_slash(document: dict[str, Any]) -> None:
    assert not [path for path in document["paths"] if path.endswith("/")]


def test_every_schema_has_a_type(document: dict[str, Any]) -> None:
    def untyped(schema: Any, at: str) -> Iterator[str]:
        if not schema.keys() & {"type", "$ref", "anyOf"}:
            yield at
        assert "const" not in schema, "generators do not support it everywhere"
        assert not ("$ref" in schema and "enum" in schema), "the reference would hide the values"
        if schema.get("type") == "object":
            assert schema.keys() & {"properties", "additionalProperties"}, f"{at} would allow no field"
        nested = {**schema.get("properties", {}), **dict(enumerate(schema.get("anyOf", [])))}
        nested |= {name: schema[name] for name in ("items", "additionalProperties") if name in schema}
        for name, each in nested.items():
            if isinstance(each, dict):
                yield from untyped(each, f"{at}.{name}")

    named = document["components"]["schemas"]
    headers = {name: header["schema"] for name, header in document["components"]["headers"].items()}
    used = {f"{i}": each["schema"] for i, each in enumerate(objects_in(document["paths"])) if "schema" in each}
    found = [at for schemas in (named, headers, used) for name, each in schemas.items() for at in untyped(each, name)]
    assert {at.rpartition(".")[2] for at in found} == ANY_VALUE


def test_the_data_of_a_mutation_may_have_any_field(document: dict[str, Any]) -> None:
    assert document["components"]["schemas"]["MutationBody"]["properties"]["data"]["additionalProperties"] is True


def test_fields_with_a_default_are_optional_in_requests_and_always_in_responses(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    atomic = schemas["PushMutations"]["properties"]["atomic"]
    assert (atomic["type"], "default" in atomic) == ("boolean", False)
    assert atomic["description"].endswith("Default: `false`.")
    assert schemas["Listed_TaskView_"]["required"] == ["results", "next_cursor"]
    assert not [name for name, each in schemas.items() for field in objects_in(each) if "default" in field]


def test_a_filter_by_id_is_an_id_or_none(operations: dict[tuple[str, str], dict[str, Any]]) -> None:
    filters = {each["name"]: each["schema"] for each in operations["GET", "/api/tasks"]["parameters"]}
    expected = {"anyOf": [{"type": "string", "format": "uuid"}, {"type": "string", "enum": ["none"]}]}
    assert filters["category"] == filters["parent"] == expected


def test_a_problem_names_its_type_and_has_errors_only_if_fields_are_invalid(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    problem_ = schemas["Problem"]
    assert problem_["required"] == ["type", "title", "status", "detail"]
    assert problem_["properties"]["errors"]["type"] == "array"
    assert "/problems/invalid-input" in schemas["ProblemType"]["enum"]
    described = {
        slug
        for each in objects_in(document["paths"])
        if PROBLEM in each.get("content", {})
        for slug in re.findall(r"`([a-z-]+)`:", each["description"])
    }
    assert {f"/problems/{slug}" for slug in described} <= set(schemas["ProblemType"]["enum"])


def test_values_that_are_no_identifiers_have_names_for_generators(document: dict[str, Any]) -> None:
    sort = document["components"]["schemas"]["TaskSort"]
    named = dict(zip(sort["enum"], sort["x-enum-varnames"], strict=True))
    assert (named["title"], named["-created_at"]) == ("TITLE", "CREATED_AT_DESCENDING")
    for each in objects_in(document):
        if "enum" in each:
            names = each.get("x-enum-varnames", [f"VALUE_{value}" for value in each["enum"]])
            assert all(name.isidentifier() for name in names)
            assert len(set(names)) == len(each["enum"])


def test_a_role_to_assign_is_not_that_of_the_owner(document: dict[str, Any]) -> None:
    for body in ("ShareTask", "AssignRole"):
        role = document["components"]["schemas"][body]["properties"]["role"]
        assert role == {"type": "string", "enum": ["editor", "viewer"]}


def test_every_described_request_has_an_example_that_is_accepted(
    api: Api,
    operations: dict[tuple[str, str], dict[str, Any]],
) -> None:
    examples = {
        route: next(iter(operation["requestBody"]["content"].values()))["example"]
        for route, operation in operations.items()
        if "requestBody" in operation
    }
    register = examples["POST", "/api/accounts/register"]
    admin = api.register()
    api.promote(admin)
    for (method, path), body in examples.items():
        person = api.person(expect(api.post("/api/accounts/register", register), 201), register["password"])
        caller = api if path == "/api/accounts/register" else person
        other = api.register(examples["POST", "/api/tasks/{id}/shares"]["username"])
        item = person.category() if path.startswith("/api/categories") else person.task()
        if "{user_id}" in path:
            person.share(item, other)
        if caller is api:  # the name of the example is free
            person.post("/api/accounts/me/delete", {"password": register["password"]})
        if path.startswith("/api/admin/"):
            api.promote(person)
            item = {"id": other.id}
        if path.startswith("/api/notifications/"):
            other.share(other.task(), person)
            item = person.listed("/api/notifications/")[0]
        content = {"content": body} if isinstance(body, str) else {"json": body}
        media = next(iter(operations[method, path]["requestBody"]["content"]))
        url = path.format(id=item["id"], user_id=other.id)
        response = caller.request(method, url, **content, headers={"Content-Type": media})
        # A made-up token, id or code is the only reason to refuse an example.
        expected = {"POST /api/accounts/me/totp/confirm": 409, "POST /api/accounts/me/totp/disable": 409}
        expected |= {"POST /api/accounts/me/totp/recovery-codes": 409, "POST /api/accounts/password/reset": 400}
        expected |= {"POST /api/accounts/email/verify": 400, "POST /api/accounts/password/forgot": 409}
        expected |= {"POST /api/accounts/refresh": 401, "POST /api/accounts/verify": 401}
        expected |= {"POST /api/tasks/{id}/undo": 404}
        status = expected.get(f"{method} {path}", response.status_code if response.status_code < 300 else 200)
        assert response.status_code == status, f"{method} {path}: {response.text}"
        # The next example finds open registration, and its names unused.
        expect(admin.patch("/api/admin/settings/", {"registration": "open"}), 200)
        for user in admin.listed("/api/admin/users/"):
            if user["id"] != admin.id:
                expect(admin.delete(f"/api/admin/users/{user['id']}/"), 204)


@pytest.mark.parametrize(
    ("content", "created"),
    [
        (b"TYPE,CONTENT\ntask,Buy milk\n", 1),
        (b"PRIORITY,TYPE,CONTENT\n1,task,Buy milk\n", 1),
        (b'\xef\xbb\xbf{"type":"header","format":"tasktracker","version":1}\n', 0),
        (b'  {"type":"header","format":"tasktracker","version":1}\n', 0),
    ],
)
def test_a_file_without_its_own_media_type_is_recognized(api: Api, content: bytes, created: int) -> None:
    person = api.register()
    response = person.request("POST", IMPORT, content=content, headers={"Content-Type": "application/octet-stream"})
    assert expect(response, 200)["tasks"]["created"] == created
    exported = person.get(EXPORT, headers={"Accept": "application/octet-stream"})
    assert exported.headers["content-type"] == "application/octet-stream"
    again = person.request(
        "POST", IMPORT, content=exported.content, headers={"Content-Type": exported.headers["content-type"]}
    )
    assert expect(again, 200)["tasks"]["unchanged"] == created


# ------------------------------------------------------------------------------- interactive documentation


class Page(HTMLParser):
    """The URLs that a page loads, and its inline scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_script = tag == "script"
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href")]
        assert not any(name.startswith("on") for name, _ in attrs), "the policy forbids scripts in attributes"

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script and data.strip():
            self.scripts.append(data)


@pytest.mark.parametrize("path", ["/docs", "/docs/"])
def test_the_documentation_loads_only_local_files(api: Api, path: str) -> None:
    response = api.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    page = Page(response.text)
    assert page.scripts == [], "the policy forbids scripts in the page"
    assert len(page.loaded) >= 3
    for url in page.loaded:
        assert url.startswith("/docs/"), f"{url} is external"
        asset = api.get(url)
        assert asset.status_code == 200
        assert len(asset.content) > 100
        kind = {"css": "text/css", "js": "text/javascript", "png": "image/png"}[url.rpartition(".")[2]]
        assert asset.headers["content-type"].partition(";")[0] == kind


def test_the_documentation_can_run_only_its_own_scripts(api: Api) -> None:
    policy = dict(
        directive.strip().split(" ", 1) for directive in api.get("/docs").headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == policy["font-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "http" not in " ".join(policy.values())


def test_the_documentation_shows_the_description(api: Api) -> None:
    assert "/schema/openapi.json" in api.get("/docs/start.js").text


def test_the_assets_can_be_cached(api: Api) -> None:
    response = api.get("/docs/assets/swagger-ui.css")
    assert set(response.headers["cache-control"].split(", ")) == {"public", "max-age=86400"}
    assert api.head("/docs/assets/swagger-ui.css").headers["content-length"] == response.headers["content-length"]


@pytest.mark.parametrize(
    "path",
    [
        "/docs/assets/",
        "/docs/assets/nothing.css",
        "/docs/assets/..%2f..%2fapp.py",
        "/docs/assets/%2e%2e/%2e%2e/app.py",
        "/docs/assets/..%5c..%5capp.py",
        "/docs/assets/%00",
        "/docs/assets/" + "x" * 5000,
        "/docs/nothing",
    ],
)
def test_other_paths_below_docs_are_unknown(api: Api, path: str) -> None:
    problem(api.get(path), 404, "unknown-path")
