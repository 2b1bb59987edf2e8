"""The repository of stored results, and units of work that store them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.idempotency.record import Record
from tasktracker.domain.kernel.actors import Actor


class IdempotencyRepository(Protocol):
    """Stored results, by user and key."""

    def claim(self, user_id: UUID, key: str) -> Record | None:
        """Return the record stored under a key. If there is none, return None, and claim the key for this unit of work.

        If another unit of work has claimed the key, wait for its end and return its record. Raises KeyInUse if that
        takes too long.
        """
        ...

    def close(self, user_id: UUID) -> None:
        """Wait until no other unit of work has claimed keys of the user. Later claims wait until this one ends.

        A claimed key locks the row of the user, because it refers to this row. A unit of work that removes the user
        closes the keys before it locks rows for which the others may wait.
        """
        ...

    def find(self, user_id: UUID, keys: Collection[str]) -> Sequence[Record]:
        """Return the records stored under these keys, in any order. Waits for no other unit of work."""
        ...

    def add(self, record: Record) -> None:
        """Store the result for a key claimed by this unit of work. It commits together with the other changes."""
        ...

    def purge_before(self, before: datetime, limit: int) -> int:
        """Remove at most `limit` results that expired before `before`, and return how many."""
        ...


class IdempotentWork(Protocol):
    """A unit of work whose result is stored."""

    @property
    def actor(self) -> Actor: ...
    @property
    def now(self) -> datetime: ...
    @property
    def idempotency(self) -> IdempotencyRepository: ...
