"""The stored result of an idempotent request."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid5

MAX_KEY_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Request:
    """An idempotent request: the key chosen by the caller, and a fingerprint of its content."""

    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A result stored for repeated requests. Only the entrypoint knows the format of the bytes.

    The record is stored at least until `expires_at`. The host that stores the record sets this time. So another host or
    a later, shorter retention does not delete the record earlier.
    """

    user_id: UUID
    key: str
    fingerprint: bytes
    result: bytes = field(repr=False)
    expires_at: datetime

    @property
    def id(self) -> UUID:
        """An id derived from the user and the key, which together identify the record."""
        return uuid5(self.user_id, self.key)
