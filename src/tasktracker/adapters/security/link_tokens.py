"""Tokens of links in deliveries, derived from the key ring."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from uuid import UUID

from tasktracker.adapters.security.keys import KeyRing

PURPOSE = "mailed-link"


class HmacLinkTokens:
    """Implements LinkTokens: the token is an HMAC of the delivery's id. So it is always the same, and is not stored."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = [keys.key(each, PURPOSE) for each in keys.ids]  # the signing one first

    def of(self, id: UUID) -> str:
        return _token(self._keys[0], id)

    def accepts(self, id: UUID, token: str) -> bool:
        return any(hmac.compare_digest(_token(key, id).encode(), token.encode()) for key in self._keys)


def _token(key: bytes, id: UUID) -> str:
    return urlsafe_b64encode(hmac.digest(key, id.bytes, "sha256")).rstrip(b"=").decode()
