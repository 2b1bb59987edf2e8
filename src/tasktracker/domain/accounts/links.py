"""One-time links: each allows one operation on an account, once, without a login.

A link ends when it is used or expires, when a newer one of its kind is made, with any change of the password or the
address, and when the user is disabled or removed. Only a hash of its token is stored. The token has 256 random bits and
cannot be guessed, so a fast hash is enough.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from tasktracker.domain.accounts.user import User, email_key
from tasktracker.domain.kernel.clock import MAX_CLOCK_SKEW

TOKEN_BYTES = 32


class LinkKind(StrEnum):
    """What a link is for. It is also the last part of the link's path."""

    RESET_PASSWORD = "reset-password"  # noqa: S105  # the name of a kind
    """Replace a forgotten password."""
    SET_PASSWORD = "set-password"  # noqa: S105
    """Choose the first password of an account that an administrator made."""
    VERIFY_EMAIL = "verify-email"
    """Verify an e-mail address."""


LIFETIMES: Mapping[LinkKind, timedelta] = {
    LinkKind.RESET_PASSWORD: timedelta(minutes=30),
    LinkKind.SET_PASSWORD: timedelta(days=7),
    LinkKind.VERIFY_EMAIL: timedelta(hours=24),
}

HANDED_OVER = timedelta(hours=24)
"""The lifetime of a link to reset a password that an administrator makes, and must first hand over to its user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeLink:
    """A link of a user. `address` is the e-mail address that the link concerns, if any.

    `state` is the user's state when the link was made: see `state_of`.
    """

    digest: bytes = field(repr=False)
    kind: LinkKind
    user_id: UUID
    address: str | None = None
    state: bytes = field(repr=False)
    created_at: datetime
    expires_at: datetime

    @classmethod
    def create(
        cls,
        user: User,
        kind: LinkKind,
        now: datetime,
        address: str | None = None,
        token: str | None = None,
        lifetime: timedelta | None = None,
    ) -> tuple[OneTimeLink, str]:
        """Return a new link and its token, which is not stored. By default, the token is random.

        The default lifetime is that of the kind.
        """
        token = token or secrets.token_urlsafe(TOKEN_BYTES)
        link = cls(
            digest=digest_of(token),
            kind=kind,
            user_id=user.id,
            address=address,
            state=state_of(user),
            created_at=now,
            expires_at=now + (lifetime or LIFETIMES[kind]),
        )
        return link, token

    def is_live(self, user: User, now: datetime) -> bool:
        """Whether the link may be used for this user, with the user's present password and address."""
        # Without this check, a link made by a clock that ran far ahead would be valid for longer.
        is_timely = self.created_at <= now + MAX_CLOCK_SKEW and now < self.expires_at
        return is_timely and user.is_active and self.user_id == user.id and self.state == state_of(user)


def digest_of(token: str) -> bytes:
    """Return the hash of a token. Only the hash is stored."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def state_of(user: User) -> bytes:
    """Return a hash that changes with each change of the password or the address.

    A link with an earlier state is not valid any more. A login that hashes the password again also changes the state.
    """
    address = "" if user.email is None else email_key(user.email)
    return hashlib.sha256(f"{user.password_hash}\0{address}".encode()).digest()
