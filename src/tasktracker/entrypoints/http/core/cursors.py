"""Cursors of lists: opaque, signed, and valid only for the same user, list and filters."""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode

import msgspec
from litestar import Response
from msgspec import UNSET, Struct

from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.kernel.paging import Page
from tasktracker.entrypoints.http.core.request import Request
from tasktracker.entrypoints.http.core.responses import JsonResponse
from tasktracker.entrypoints.http.core.schemas import Listed, PagedQuery

Key = TypeVar("Key")
View = TypeVar("View")
MAC_BYTES = 16
STORED_AS = "cursors"
"""The name of the secret in the storage."""


class Position(Struct, Generic[Key], array_like=True, frozen=True):
    """The key of the last item of a page, and the time at which the first page was read."""

    at: datetime
    after: Key


class Cursors:
    """Encodes positions as signed text, and decodes them.

    The secret is stored in the database and not in SECRET_KEYS, so cursors stay valid when keys are rotated.
    """

    def __init__(self, secret: Callable[[str], bytes]) -> None:
        self._source = secret

    @cached_property
    def _secret(self) -> bytes:
        return self._source(STORED_AS)

    def seal(self, position: object, context: str) -> str:
        """Return a position as signed text that is valid only for the same `context`."""
        payload = msgspec.msgpack.encode(position)
        return _text(self._mac(payload, context) + payload)

    def open(self, text: str, key: type[Key], context: str) -> Position[Key]:
        """Return the position in a sealed text. Raises InvalidInput unless it was sealed for the same `context`."""
        return self.unseal(text, Position[key], context)  # type: ignore[valid-type]

    def unseal(self, text: str, type_: type[Key], context: str) -> Key:
        """Return the value in a sealed text. Raises InvalidInput unless it was sealed for the same `context`."""
        try:
            sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            mac, payload = sealed[:MAC_BYTES], sealed[MAC_BYTES:]
            # Base64 can encode the same bytes in several ways. Only the text that `seal` returned is a cursor.
            if _text(sealed) == text and hmac.compare_digest(mac, self._mac(payload, context)):
                return msgspec.msgpack.decode(payload, type=type_)
        except (binascii.Error, ValueError, msgspec.MsgspecError):
            pass
        raise InvalidInput.of("cursor", "is not a cursor of this user for this list with these filters")

    def _mac(self, payload: bytes, context: str) -> bytes:
        context_digest = hashlib.sha256(context.encode()).digest()
        return hmac.digest(self._secret, context_digest + payload, "sha256")[:MAC_BYTES]


class ListCursor(Generic[Key]):
    """The cursor of a list request, and the response with the cursor of the next page."""

    def __init__(self, cursors: Cursors, request: Request, filters: PagedQuery, key: type[Key]) -> None:
        self._cursors = cursors
        self._path = request.scope["path"]
        self._query = _query(request)
        self._limit = filters.limit
        self._context = f"{request.user.user_id} {self._path} {self._query}"
        self.position = cursors.open(filters.cursor, key, self._context) if filters.cursor is not UNSET else None

    @property
    def after(self) -> Key | None:
        """The key of the last item on the previous page; None for the first page."""
        return self.position.after if self.position else None

    def at(self, now: datetime) -> datetime:
        """The time of the first page. All pages use this time for values that depend on the time."""
        return self.position.at if self.position else now

    def answer(self, page: Page[Any, Key], views: list[View], at: datetime) -> Response[Listed[View]]:
        """Return the response with a page, and with a link to the next page (RFC 8288 §3)."""
        headers, cursor = {}, None
        if page.next is not None:
            cursor = self._cursors.seal(Position(at, page.next), self._context)
            position = urlencode({"limit": self._limit, "cursor": cursor})
            query = "&".join(filter(None, [self._query, position]))
            headers["Link"] = f'<{self._path}?{query}>; rel="next"'
        return JsonResponse(Listed(views, cursor), headers=headers)


def _text(sealed: bytes) -> str:
    return urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _query(request: Request) -> str:
    """Return the normalized query string of a request, without the cursor and the limit."""
    pairs = parse_qsl(request.scope["query_string"].decode("ascii"), keep_blank_values=True)
    return urlencode(sorted(pair for pair in pairs if pair[0] not in ("cursor", "limit")))
