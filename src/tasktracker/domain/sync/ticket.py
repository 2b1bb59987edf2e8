"""Tickets: how what cannot send a header opens a stream."""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

TICKET_LIFE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Ticket:
    """Lets its bearer act in a session, once and soon. It is kept as a hash: a database dump yields none.

    `token_expires_at` is the end of the access token that it was got by, which what it opens does not outlive.
    """

    digest: bytes
    user_id: UUID
    session_id: UUID
    generation: int
    token_expires_at: datetime
    expires_at: datetime


def new_ticket() -> str:
    """Return a text that nobody can guess."""
    return urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


def digest_of_ticket(text: str) -> bytes:
    """Return what is kept of a ticket."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
