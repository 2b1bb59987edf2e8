"""Conditional requests (RFC 9110 §13): entity tags made of versions, and preconditions on them."""

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
# Written so that no text can be matched in two ways, which would take time without end to find out for a long one.
LIST_OF_TAGS = re.compile(rf"[ \t,]*{TAG.pattern}([ \t]*,[ \t,]*{TAG.pattern})*[ \t,]*")
VERSION = re.compile(r"([1-9][0-9]{0,18})(\.o)?", re.ASCII)


def etag(version: int, *, is_overdue: bool = False) -> str:
    """Return the strong tag of a representation. Becoming overdue changes it without a change of version."""
    return f'"{version}.o"' if is_overdue else f'"{version}"'


def expected(request: Request, version: int | UnsetType = UNSET) -> Expected:
    """Return the versions the caller is prepared to change, by `If-Match` and a `version` in the body together."""
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


def creates(request: Request) -> bool:
    """Whether a PUT is to create what it names, and only that (RFC 9110 §13.1.2)."""
    sent = header(request, "If-None-Match")
    if sent is None:
        return False
    if sent.strip() != "*":
        raise InvalidInput.of("If-None-Match", "must be * here: create, unless there is one")
    if header(request, "If-Match") is not None:
        raise InvalidInput.of("If-Match", "cannot hold together with If-None-Match: *")
    return True


def fresh(request: Request, tag: str, representation: Struct) -> Response[Any]:
    """Answer a GET: 304 where `If-None-Match` names the representation, which compares weakly (§13.1.2)."""
    sent = header(request, "If-None-Match")
    if sent is not None and (sent.strip() == "*" or tag[1:-1] in {tag for _, tag in _tags("If-None-Match", sent)}):
        return JsonResponse(None, status_code=304, headers={"ETag": tag})
    return JsonResponse(representation, headers={"ETag": tag})


def _tags(name: str, sent: str) -> list[tuple[bool, str]]:
    if not LIST_OF_TAGS.fullmatch(sent):
        raise InvalidInput.of(name, 'must be * or entity tags, as in "7"')
    return [(bool(weak), tag) for weak, tag in TAG.findall(sent)]
