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
        self._key = keys.key(keys.signing, PURPOSE)

    def of(self, id: UUID) -> str:
        return urlsafe_b64encode(hmac.digest(self._key, id.bytes, "sha256")).rstrip(b"=").decode()
