"""The kept result of a request that may be sent again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid5

MAX_KEY_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Request:
    """A request that may be sent again: the key chosen by the caller, and a fingerprint of all that it asks for."""

    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A result kept for as long as the request may be sent again: bytes that only the boundary understands."""

    user_id: UUID
    key: str
    fingerprint: bytes
    result: bytes = field(repr=False)
    created_at: datetime

    @property
    def id(self) -> UUID:
        """An id made of the user and the key, which together identify the record."""
        return uuid5(self.user_id, self.key)
