"""What the application says of itself, held against what it answers."""

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
# Sent only where the description says so.
TELLING = {"ETag", "Location", "Link", "WWW-Authenticate", "Retry-After", "Idempotency-Replayed"}
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
REFUSED_METHOD = 405


class Documentation:
    """An OpenAPI document, and whether a response is one that it describes."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self._paths = {re.compile(_pattern(path)): path for path in document["paths"]}

    def check(self, response: httpx.Response) -> None:
        """Fail unless this is an answer that the description allows, and one that every path may give."""
        response.read()
        _check_always(response)
        operation = self.operation(response.request)
        if operation is not None and response.status_code != REFUSED_METHOD:
            self._check_described(operation, response)

    def operation(self, request: httpx.Request) -> Mapping[str, Any] | None:
        """Return what is said of the operation that a request asks for."""
        method = {"HEAD": "get"}.get(request.method, request.method.lower())
        path = self.template(request)
        found: Mapping[str, Any] | None = self.document["paths"][path].get(method) if path else None
        return found

    def template(self, request: httpx.Request) -> str | None:
        """Return the path of the description that a request is for."""
        return next((path for pattern, path in self._paths.items() if pattern.fullmatch(request.url.path)), None)

    def mistakes(self, schema: Mapping[str, Any], value: object) -> list[str]:
        """Return where a JSON value is not as its schema says."""
        return list(_mistakes(schema, value, "$", self._resolve))

    def _check_described(self, operation: Mapping[str, Any], response: httpx.Response) -> None:
        where = f"{response.request.method} {response.request.url} -> {response.status_code}"
        described = operation["responses"].get(str(response.status_code))
        assert described is not None, f"{where} is not described"
        for name, header in described["headers"].items():
            required = self._component(header)["required"]
            assert name in response.headers or not required, f"{where} is described with {name}, but came without"
        for name in TELLING - set(described["headers"]):
            assert name not in response.headers, f"{where} came with {name}, but is not described with it"
        content = described.get("content", {})
        if "content-type" not in response.headers:
            assert not content, f"{where} came without the body it is described with"
            return
        media_type = response.headers["content-type"].partition(";")[0]
        assert media_type in content, f"{where} came as {media_type}, not as described"
        if response.request.method == "HEAD" or media_type not in (JSON, PROBLEM):
            return
        body = response.json()
        mistakes = self.mistakes(content[media_type]["schema"], body)
        assert not mistakes, f"{where} has a body not as described: {mistakes}"
        if media_type == PROBLEM:
            slug = body["type"].removeprefix("/problems/")
            assert f"`{slug}`" in described["description"], f"{where} is a {slug}, which is not described"

    def _component(self, reference: Mapping[str, str]) -> Mapping[str, Any]:
        found: Any = self.document
        for part in reference["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        described: Mapping[str, Any] = found
        return described

    def _resolve(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" not in schema:
            return schema
        # What stands beside a reference holds as well; here it only ever narrows it.
        return {
            **self._component({"$ref": schema["$ref"]}),
            **{name: schema[name] for name in schema if name != "$ref"},
        }


def _pattern(path: str) -> str:
    """The paths that a template stands for; the slash at the end is optional."""
    parts = re.split(r"\{\w+\}", path.rstrip("/"))
    return "[^/]+".join(map(re.escape, parts)) + "/?"


def _check_always(response: httpx.Response) -> None:
    """What holds for every response there is."""
    where = f"{response.request.method} {response.request.url} -> {response.status_code}"
    headers = response.headers
    assert REQUEST_ID.fullmatch(headers.get("x-request-id", "")), f"{where} has no sane X-Request-ID"
    assert headers.get("x-content-type-options") == "nosniff", f"{where} may be sniffed"
    # The parts of the interactive documentation never change, and hold nothing of anybody's.
    is_asset = unquote(response.request.url.path).startswith("/docs/assets/")
    assert is_asset or headers.get("cache-control") == "no-store", f"{where} may be stored"
    policy = headers.get("content-security-policy", "")
    assert "default-src 'none'" in policy, f"{where} has no strict policy"
    assert "frame-ancestors 'none'" in policy, f"{where} may be framed"
    assert not response.has_redirect_location, f"{where} is a redirect"
    assert response.status_code != 500, f"{where} is a bug: {response.text}"
    if response.status_code == 401:
        assert headers.get("www-authenticate", "").startswith("Bearer"), f"{where} does not say how to authenticate"
    if response.status_code in (429, 503):
        assert headers.get("retry-after", "").isdecimal(), f"{where} does not say when to come back"
    if response.status_code == REFUSED_METHOD:
        assert "allow" in headers, f"{where} does not say what is allowed"
    if response.status_code in (204, 304):
        assert not response.content, f"{where} has a body"
    elif response.status_code >= 400 and response.request.method != "HEAD":
        assert headers["content-type"] == PROBLEM, f"{where} is no problem document but {headers['content-type']}"
        body = response.json()
        assert body["status"] == response.status_code, f"{where} has another status in its body"
        assert body["type"].startswith("/problems/"), f"{where} is of no known type"
        assert body["title"], f"{where} has no title"
        assert body["detail"], f"{where} has no detail"


# ------------------------------------------------------------- JSON Schema, as far as the description uses it

Resolve = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def _is_moment(text: str) -> bool:
    """RFC 3339, in the one form in which times are answered: UTC with `Z`."""
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
# What is said for people, or of requests only.
IGNORED = {"title", "description", "examples", "default", "readOnly", "discriminator"}


def _mistakes(schema: Mapping[str, Any], value: object, at: str, resolve: Resolve) -> Iterator[str]:
    schema = resolve(schema)
    for keyword, rule in schema.items():
        if not isinstance(value, APPLIES_TO.get(keyword, object)):
            continue  # it is for `type` to say that it is none
        match keyword:
            case "type":
                if not TYPES[rule](value):
                    yield f"{at}: {value!r} is no {rule}"
            case "enum":
                if value not in rule:
                    yield f"{at}: {value!r} is none of {rule}"
            case "const":
                if value != rule:
                    yield f"{at}: {value!r} is not {rule!r}"
            case "format":
                if isinstance(value, str) and not FORMATS[rule](value):
                    yield f"{at}: {value!r} is no {rule}"
            case "minLength" | "maxLength":
                if isinstance(value, str) and (len(value) < rule if keyword == "minLength" else len(value) > rule):
                    yield f"{at}: {value!r} has not the {keyword} of {rule}"
            case "pattern":
                if isinstance(value, str) and not re.search(rule, value):
                    yield f"{at}: {value!r} is not like {rule}"
            case "minimum":
                if isinstance(value, int) and value < rule:
                    yield f"{at}: {value} is less than {rule}"
            case "oneOf" | "anyOf":
                if all(list(_mistakes(each, value, at, resolve)) for each in rule):
                    yield f"{at}: {value!r} is nothing it may be"
            case "properties":
                assert isinstance(value, dict)
                for name in value.keys() & rule.keys():
                    yield from _mistakes(rule[name], value[name], f"{at}.{name}", resolve)
                # Answers may be said to have others, for the sake of later versions; this one has none.
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
                    yield f"{at} has not the {keyword} of {rule}"
            case "items":
                assert isinstance(value, list)
                for position, item in enumerate(value):
                    yield from _mistakes(rule, item, f"{at}[{position}]", resolve)
            case _:
                assert keyword in IGNORED, f"these tests do not know the keyword {keyword}"
