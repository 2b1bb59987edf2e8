"""Conditional requests (RFC 9110 §13): entity tags and preconditions."""

from __future__ import annotations

import re
from typing import Any

from litestar import Response
from msgspec import UNSET, Struct, UnsetType

from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.kernel.versions import Expected
from tasktracker.entrypoints.http.core.request import Request, header
from tasktracker.entrypoints.http.core.responses import JsonResponse

TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
# No text matches in two ways, so matching takes no exponential time.
LIST_OF_TAGS = re.compile(rf"[ \t,]*{TAG.pattern}([ \t]*,[ \t,]*{TAG.pattern})*[ \t,]*")
VERSION = re.compile(r"([1-9][0-9]{0,18})(\.[a-z])*", re.ASCII)


def etag(version: int, *marks: str) -> str:
    """Return the strong entity tag of a representation. `marks` are letters for changes that keep the version.

    For example, a task becomes overdue.
    """
    return f'"{".".join((str(version), *marks))}"'


def expected_versions(request: Request, version: int | UnsetType = UNSET) -> Expected:
    """Return the versions that satisfy both `If-Match` and the `version` in the body; None allows any version."""
    versions: Expected = None
    sent = header(request, "If-Match")
    if sent is not None and sent.strip() != "*":
        versions = frozenset(
            int(match[1])
            for weak, tag in _tags("If-Match", sent)
            if not weak and (match := VERSION.fullmatch(tag))  # If-Match compares strongly (§13.1.1)
        )
    if version is not UNSET:
        versions = frozenset({version}) if versions is None else versions & {version}
    return versions


def is_create(request: Request) -> bool:
    """Whether a PUT must create the item and never replace it: `If-None-Match: *` (RFC 9110 §13.1.2)."""
    sent = header(request, "If-None-Match")
    if sent is None:
        return False
    if sent.strip() != "*":
        raise InvalidInput.of("If-None-Match", "must be * here: create the item unless it exists")
    if header(request, "If-Match") is not None:
        raise InvalidInput.of("If-Match", "cannot be combined with If-None-Match: *")
    return True


def conditional_response(request: Request, tag: str, representation: Struct) -> Response[Any]:
    """Return the response to a GET: 304 if a tag in `If-None-Match` matches by weak comparison (§13.1.2)."""
    sent = header(request, "If-None-Match")
    if sent is not None and (sent.strip() == "*" or tag[1:-1] in {tag for _, tag in _tags("If-None-Match", sent)}):
        return JsonResponse(None, status_code=304, headers={"ETag": tag})
    return JsonResponse(representation, headers={"ETag": tag})


def _tags(name: str, sent: str) -> list[tuple[bool, str]]:
    if not LIST_OF_TAGS.fullmatch(sent):
        raise InvalidInput.of(name, 'must be * or entity tags, as in "7"')
    return [(bool(weak), tag) for weak, tag in TAG.findall(sent)]
