"""What two-factor authentication needs of the outside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.two_factor.second_factor import SecondFactor


class SecondFactorRepository(Protocol):
    """Second factors, at most one for each user."""

    def find(self, user_id: UUID) -> SecondFactor | None:
        """Return a user's factor; while writing, locked until the work ends."""
        ...

    def save(self, factor: SecondFactor) -> None:
        """Store a factor in place of the user's one, if any. The user must have been found by this work before."""
        ...

    def remove(self, user_id: UUID) -> None:
        """Remove a user's factor, if any."""
        ...

    def list_users(self, after: UUID | None, limit: int) -> Sequence[UUID]:
        """Return the users that have a factor and whose ids follow `after`, in the order of their ids."""
        ...


class OneTimeCodes(Protocol):
    """The arithmetic of time-based one-time passwords (RFC 6238)."""

    def new_secret(self) -> str:
        """Return a random secret in the form that generators take."""
        ...

    def provisioning_uri(self, secret: str, account: str) -> str:
        """Return the secret as an `otpauth:` URI, to be shown as a QR code."""
        ...

    def step(self, secret: str, code: str, now: datetime) -> int | None:
        """Return the time step a code belongs to, the present one or a neighbour of it, or None."""
        ...


class SecretBox(Protocol):
    """Encrypts what must be read again, with a key derived from the ring's first secret."""

    def seal(self, secret: str) -> str:
        """Return the secret encrypted."""
        ...

    def open(self, sealed: str) -> str:
        """Return what was sealed under any secret of the ring. Raises ValueError for anything else."""
        ...

    def is_current(self, sealed: str) -> bool:
        """Whether it was sealed under the ring's first secret."""
        ...
