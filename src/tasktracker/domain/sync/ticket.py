"""Single-use tickets for opening an event stream, for clients that cannot send headers."""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from tasktracker.domain.kernel.clock import MAX_CLOCK_SKEW

TICKET_LIFETIME = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Ticket:
    """Lets its bearer act in a session, once, until `expires_at`. Only a hash of its text is stored.

    `token_expires_at` is the expiry of the access token with which it was issued. The stream must end at that time.
    """

    digest: bytes
    user_id: UUID
    session_id: UUID
    generation: int
    token_expires_at: datetime
    expires_at: datetime

    def is_live(self, now: datetime) -> bool:
        """Whether the ticket has not expired. Clocks of hosts may differ by `MAX_CLOCK_SKEW`."""
        return now < self.expires_at + MAX_CLOCK_SKEW and self.expires_at <= now + TICKET_LIFETIME + MAX_CLOCK_SKEW


def new_ticket() -> str:
    """Return the text of a new ticket, which cannot be guessed."""
    return urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


def digest_of_ticket(text: str) -> bytes:
    """Return the hash of a ticket, which is stored."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
