"""A job: work on many items that is done piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from time import monotonic
from uuid import UUID, uuid5

from tasktracker.domain.kernel.leases import is_free

LEASE = timedelta(seconds=10)
"""The time after which another process continues a job whose process has ended. Each piece renews it."""

BEGIN = UUID(int=0)
"""A position before all items, of a job that has not begun and cannot be withdrawn."""

PIECE_SECONDS = 0.05
"""The time after which a piece begins no further step. With its last step and its commit it takes some more."""


class JobKind(StrEnum):
    """What a job does with its subject."""

    REMOVE_ACCOUNT = "remove-account"
    REMOVE_CATEGORY = "remove-category"
    REFRESH_LIST = "refresh-list"
    HAND_OVER = "hand-over"
    PURGE_TASK = "purge-task"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work on a subject: an account, a category or a task of the user `user_id`.

    `position` is the id of the last item that was processed, for kinds that go through their items by id. Until
    `leased_until`, the process that has claimed the job is the only one that works on it.
    """

    id: UUID
    kind: JobKind
    subject: UUID
    user_id: UUID
    position: UUID | None = None
    created_at: datetime
    leased_until: datetime | None = None

    @classmethod
    def of(cls, kind: JobKind, subject: UUID, user_id: UUID, now: datetime) -> Job:
        """Return the job of this kind on a subject, of which there is one at most."""
        return cls(id=uuid5(subject, kind), kind=kind, subject=subject, user_id=user_id, created_at=now)

    def is_claimable(self, now: datetime) -> bool:
        """Whether no process has a lease at this time."""
        return is_free(self.leased_until, now, LEASE)


IsOver = Callable[[], bool]
"""Called after each step of a piece: whether the piece is over. A step changes few items, in some milliseconds."""


def after_time(seconds: float = PIECE_SECONDS) -> IsOver:
    """Return the end of a piece by time."""
    end = monotonic() + seconds
    return lambda: monotonic() >= end


def after_steps(count: int) -> IsOver:
    """Return the end of a piece by the number of its steps."""
    steps = iter(range(1, count))
    return lambda: next(steps, None) is None
