"""What was answered to a request that carried a key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

MAX_KEY_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Request:
    """A request that may be sent again: the key chosen by the caller, and a fingerprint of all that it asks for."""

    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of a request, as the entrypoint will render it again."""

    status: int
    body: bytes | None
    etag: str | None
    location: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An answer kept for as long as the request may be sent again."""

    user_id: UUID
    key: str
    fingerprint: bytes
    answer: Answer
    created_at: datetime

    @property
    def id(self) -> UUID:
        """An id made of the user and the key, which together identify the record."""
        return uuid5(self.user_id, self.key)
