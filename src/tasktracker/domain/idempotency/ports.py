"""The repository of kept results, and the work that keeps them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.idempotency.record import Record
from tasktracker.domain.kernel.actors import Actor


class IdempotencyRepository(Protocol):
    """Kept results by user and key."""

    def claim(self, user_id: UUID, key: str) -> Record | None:
        """Return what was kept under a key before, or None and hold the key until the work ends.

        Waits for another work that holds it, and returns what that stored. Raises KeyInUse when it takes too long.
        """
        ...

    def add(self, record: Record) -> None:
        """Store the result for a key held by this work, committed together with what the work did."""
        ...

    def purge_before(self, before: datetime, limit: int) -> int:
        """Remove results kept before a moment, and return how many."""
        ...


class IdempotentWork(Protocol):
    """Work whose result is kept."""

    @property
    def actor(self) -> Actor: ...
    @property
    def now(self) -> datetime: ...
    @property
    def idempotency(self) -> IdempotencyRepository: ...
