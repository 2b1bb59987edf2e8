"""Checks responses against the OpenAPI document of the application."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import httpx

JSON = "application/json"
PROBLEM = "application/problem+json"
SCHEMAS = "#/components/schemas/"
METHODS = {"get", "put", "post", "delete", "patch"}
# Sent only if the description contains them.
DESCRIBED_HEADERS = {"ETag", "Location", "Link", "WWW-Authenticate", "Retry-After", "Idempotency-Replayed"}
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
REFUSED_METHOD = 405


class Documentation:
    """An OpenAPI document that checks requests and responses."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self._paths = {re.compile(_pattern(path)): path for path in document["paths"]}

    def check(self, response: httpx.Response) -> None:
        """Fail unless the response is described and follows the conventions of all responses."""
        response.read()
        _check_always(response)
        operation = self.operation(response.request)
        if operation is not None and response.status_code != REFUSED_METHOD and not _is_page(response):
            self._check_described(operation, response)

    def operation(self, request: httpx.Request) -> Mapping[str, Any] | None:
        """Return the description of the operation of a request."""
        method = {"HEAD": "get"}.get(request.method, request.method.lower())
        path = self.template(request)
        found: Mapping[str, Any] | None = self.document["paths"][path].get(method) if path else None
        return found

    def template(self, request: httpx.Request) -> str | None:
        """Return the path template of a request."""
        requested = request.url.path  # made anew at each use
        return next((path for pattern, path in self._paths.items() if pattern.fullmatch(requested)), None)

    def mistakes(self, schema: Mapping[str, Any], value: object) -> list[str]:
        """Return the violations of a schema by a JSON value."""
        return list(_mistakes(schema, value, "$", self._resolve))

    def _check_described(self, operation: Mapping[str, Any], response: httpx.Response) -> None:
        where = f"{response.request.method} {response.request.url} -> {response.status_code}"
        described = operation["responses"].get(str(response.status_code))
        assert described is not None, f"{where} is not described"
        for name, header in described["headers"].items():
            required = self._component(header)["required"]
            assert name in response.headers or not required, f"{where} lacks the described header {name}"
        for name in DESCRIBED_HEADERS - set(described["headers"]):
            assert name not in response.headers, f"{where} has the undescribed header {name}"
        content = described.get("content", {})
        if "content-type" not in response.headers:
            assert not content, f"{where} lacks the described body"
            return
        media_type = response.headers["content-type"].partition(";")[0]
        assert media_type in content, f"{where} has the undescribed content type {media_type}"
        if response.request.method == "HEAD" or media_type not in (JSON, PROBLEM):
            return
        body = response.json()
        mistakes = self.mistakes(content[media_type]["schema"], body)
        assert not mistakes, f"{where} has an undescribed body: {mistakes}"
        if media_type == PROBLEM:
            slug = body["type"].removeprefix("/problems/")
            assert f"`{slug}`" in described["description"], f"{where} is the undescribed problem {slug}"

    def _component(self, reference: Mapping[str, str]) -> Mapping[str, Any]:
        found: Any = self.document
        for name in reference["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        described: Mapping[str, Any] = found
        return described

    def _resolve(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" not in schema:
            return schema
        # Keywords next to a reference apply as well.
        return {
            **self._component({"$ref": schema["$ref"]}),
            **{name: schema[name] for name in schema if name != "$ref"},
        }


def _pattern(path: str) -> str:
    """Return the regular expression of a path template; the trailing slash is optional."""
    constants = re.split(r"\{\w+\}", path.rstrip("/"))
    return "[^/]+".join(map(re.escape, constants)) + "/?"


def _is_page(response: httpx.Response) -> bool:
    """Whether the response is a page for people, which explains a refusal in HTML."""
    request = response.request
    is_person = unquote(request.url.path).startswith("/link/") or "text/html" in request.headers.get("accept", "")
    return is_person and response.headers["content-type"].startswith("text/html")


def _check_always(response: httpx.Response) -> None:
    """Check what applies to every response."""
    where = f"{response.request.method} {response.request.url} -> {response.status_code}"
    headers = response.headers
    assert REQUEST_ID.fullmatch(headers.get("x-request-id", "")), f"{where} has no valid X-Request-ID"
    assert headers.get("x-content-type-options") == "nosniff", f"{where} may be sniffed"
    # Assets are constant and contain no user data.
    path = unquote(response.request.url.path)
    is_asset = response.status_code == 200 and ("/assets/" in path or path == "/favicon.ico")
    assert is_asset or headers.get("cache-control") == "no-store", f"{where} may be stored"
    policy = headers.get("content-security-policy", "")
    assert "default-src 'none'" in policy, f"{where} has no strict policy"
    assert "frame-ancestors 'none'" in policy, f"{where} may be framed"
    assert not response.has_redirect_location, f"{where} is a redirect"
    assert response.status_code != 500, f"{where} is a bug: {response.text}"
    if response.status_code == 401:
        assert headers.get("www-authenticate", "").startswith("Bearer"), f"{where} lacks WWW-Authenticate"
    if response.status_code in (429, 503):
        assert headers.get("retry-after", "").isdecimal(), f"{where} lacks Retry-After"
    if response.status_code == REFUSED_METHOD:
        assert "allow" in headers, f"{where} lacks Allow"
    if response.status_code in (204, 304) or response.request.method == "HEAD":
        assert not response.content, f"{where} has a body"
    elif response.status_code >= 400 and not _is_page(response):
        assert headers["content-type"] == PROBLEM, f"{where} is not a problem document but {headers['content-type']}"
        body = response.json()
        assert body["status"] == response.status_code, f"{where} has another status in its body"
        assert body["type"].startswith("/problems/"), f"{where} has an unknown type"
        assert body["title"], f"{where} has no title"
        assert body["detail"], f"{where} has no detail"


# ------------------------------------------------------------- the used part of JSON Schema

Resolve = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def _is_moment(text: str) -> bool:
    """RFC 3339 in the form of all responses: UTC with `Z`."""
    return bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", text, re.ASCII)) and bool(
        datetime.fromisoformat(text)
    )


def _is_uuid(text: str) -> bool:
    return text == str(UUID(text))


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "date": lambda text: re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) is not None,
    "date-time": _is_moment,
    "uuid": _is_uuid,
    "email": lambda text: "@" in text,
    "password": bool,
}
TYPES: Mapping[str, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}
APPLIES_TO = {
    "properties": dict,
    "additionalProperties": dict,
    "required": dict,
    "minItems": list,
    "maxItems": list,
    "items": list,
}
# Explanations, and keywords of requests.
IGNORED = {"title", "description", "examples", "default", "readOnly", "discriminator", "x-enum-varnames"}


def _mistakes(schema: Mapping[str, Any], value: object, at: str, resolve: Resolve) -> Iterator[str]:
    schema = resolve(schema)
    for keyword, rule in schema.items():
        if not isinstance(value, APPLIES_TO.get(keyword, object)):
            continue  # `type` reports it
        match keyword:
            case "type":
                if not TYPES[rule](value):
                    yield f"{at}: {value!r} is not of type or format {rule}"
            case "enum":
                if value not in rule:
                    yield f"{at}: {value!r} is not one of {rule}"
            case "const":
                if value != rule:
                    yield f"{at}: {value!r} is not {rule!r}"
            case "format":
                if isinstance(value, str) and not FORMATS[rule](value):
                    yield f"{at}: {value!r} is not of type or format {rule}"
            case "minLength" | "maxLength":
                if isinstance(value, str) and (len(value) < rule if keyword == "minLength" else len(value) > rule):
                    yield f"{at}: {value!r} violates {keyword} {rule}"
            case "pattern":
                if isinstance(value, str) and not re.search(rule, value):
                    yield f"{at}: {value!r} does not match {rule}"
            case "minimum":
                if isinstance(value, int) and value < rule:
                    yield f"{at}: {value} is less than {rule}"
            case "maximum":
                if isinstance(value, int) and value > rule:
                    yield f"{at}: {value} is more than {rule}"
            case "oneOf" | "anyOf":
                if all(list(_mistakes(each, value, at, resolve)) for each in rule):
                    yield f"{at}: {value!r} matches no alternative"
            case "properties":
                assert isinstance(value, dict)
                for name in value.keys() & rule.keys():
                    yield from _mistakes(rule[name], value[name], f"{at}.{name}", resolve)
                # A description can allow more fields for later versions; this version returns none.
                if not isinstance(schema.get("additionalProperties"), dict):
                    yield from (f"{at}.{name} is not described" for name in value.keys() - rule.keys())
            case "additionalProperties":
                if isinstance(rule, dict):
                    assert isinstance(value, dict)
                    for name in value.keys() - schema.get("properties", {}).keys():
                        yield from _mistakes(rule, value[name], f"{at}.{name}", resolve)
            case "required":
                assert isinstance(value, dict)
                yield from (f"{at}.{name} is missing" for name in rule if name not in value)
            case "minItems" | "maxItems":
                assert isinstance(value, list)
                if len(value) < rule if keyword == "minItems" else len(value) > rule:
                    yield f"{at} violates {keyword} {rule}"
            case "items":
                assert isinstance(value, list)
                for position, item in enumerate(value):
                    yield from _mistakes(rule, item, f"{at}[{position}]", resolve)
            case _:
                assert keyword in IGNORED, f"unknown keyword {keyword}"
