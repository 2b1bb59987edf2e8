"""What idempotency needs of storage."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.idempotency.record import Record


class IdempotencyRepository(Protocol):
    """Answers by user and key."""

    def claim(self, user_id: UUID, key: str) -> Record | None:
        """Return what was answered to a key before, or None and hold the key until the work ends.

        Waits for another work that holds it, and returns what that stored. Raises KeyInUse when it takes too long.
        """
        ...

    def add(self, record: Record) -> None:
        """Store the answer to a key held by this work, committed together with what it answers."""
        ...

    def purge_before(self, before: datetime, limit: int) -> int:
        """Remove answers given before a moment, and return how many."""
        ...
