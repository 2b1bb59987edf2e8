"""Where to continue a list: opaque to the caller, signed, and bound to who asked for what."""

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
KEPT_AS = "cursors"


class Position(Struct, Generic[Key], array_like=True, frozen=True):
    """The key of the last row seen, and the moment at which the first page judged what depends on the time."""

    at: datetime
    after: Key


class Cursors:
    """Seals positions and opens them again.

    The secret lives with the data and not in the key ring, so rotating keys interrupts no list that is being read.
    """

    def __init__(self, secret: Callable[[str], bytes]) -> None:
        self._source = secret

    @cached_property
    def _secret(self) -> bytes:
        return self._source(KEPT_AS)

    def seal(self, position: object, bound: str) -> str:
        """Return a position, or the like, as text that is of no use for anything but `bound`."""
        payload = msgspec.msgpack.encode(position)
        return _text(self._mac(payload, bound) + payload)

    def open(self, text: str, key: type[Key], bound: str) -> Position[Key]:
        """Return the position in a sealed text. Raises InvalidInput for any text not sealed here for `bound`."""
        return self.unseal(text, Position[key], bound)  # type: ignore[valid-type]

    def unseal(self, text: str, type_: type[Key], bound: str) -> Key:
        """Return what is in a sealed text. Raises InvalidInput for any text not sealed here for `bound`."""
        try:
            sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            mac, payload = sealed[:MAC_BYTES], sealed[MAC_BYTES:]
            # Base64 has several spellings of the same bytes; only the one that was given out is a cursor.
            if _text(sealed) == text and hmac.compare_digest(mac, self._mac(payload, bound)):
                return msgspec.msgpack.decode(payload, type=type_)
        except (binascii.Error, ValueError, msgspec.MsgspecError):
            pass
        raise InvalidInput.of("cursor", "is not a cursor of this list, with these filters, given to this user")

    def _mac(self, payload: bytes, bound: str) -> bytes:
        bound_digest = hashlib.sha256(bound.encode()).digest()
        return hmac.digest(self._secret, bound_digest + payload, "sha256")[:MAC_BYTES]


class ListCursor(Generic[Key]):
    """The cursor of one list request: what it continues from, and the answer that says where to continue next."""

    def __init__(self, cursors: Cursors, request: Request, filters: PagedQuery, key: type[Key]) -> None:
        self._cursors = cursors
        self._path = request.scope["path"]
        self._query = _query(request)
        self._limit = filters.limit
        self._bound = f"{request.user.user_id} {self._path.rstrip('/')} {self._query}"
        self.position = cursors.open(filters.cursor, key, self._bound) if filters.cursor is not UNSET else None

    @property
    def after(self) -> Key | None:
        """The key of the last row the caller has seen."""
        return self.position.after if self.position else None

    def at(self, now: datetime) -> datetime:
        """The moment at which the whole list judges what depends on the time: that of its first page."""
        return self.position.at if self.position else now

    def answer(self, page: Page[Any, Key], views: list[View], at: datetime) -> Response[Listed[View]]:
        """Answer with a page and the way to the next (RFC 8288 §3)."""
        headers, cursor = {}, None
        if page.next is not None:
            cursor = self._cursors.seal(Position(at, page.next), self._bound)
            place = urlencode({"limit": self._limit, "cursor": cursor})
            query = "&".join(filter(None, [self._query, place]))
            headers["Link"] = f'<{self._path}?{query}>; rel="next"'
        return JsonResponse(Listed(views, cursor), headers=headers)


def _text(sealed: bytes) -> str:
    return urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _query(request: Request) -> str:
    """The filters of a request in one spelling; where it is in the list and how long its pages are does not count."""
    pairs = parse_qsl(request.scope["query_string"].decode("ascii"), keep_blank_values=True)
    return urlencode(sorted(pair for pair in pairs if pair[0] not in ("cursor", "limit")))
