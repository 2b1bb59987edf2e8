"""A job: a change of many items that is done piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from time import monotonic
from uuid import UUID, uuid5

from tasktracker.domain.kernel.leases import is_free

LEASE = timedelta(seconds=10)
"""How long a process has a job for itself. Each piece renews this time. If the process ends, another one continues
then."""

BEGIN = UUID(int=0)
"""The position before all items, for a job that has not begun and that `withdraw` must not remove."""

PIECE_SECONDS = 0.05
"""The time after which a piece begins no further step. The last step and the commit take some more time."""


class JobKind(StrEnum):
    """What a job does with its subject."""

    REMOVE_ACCOUNT = "remove-account"
    REMOVE_CATEGORY = "remove-category"
    REFRESH_LIST = "refresh-list"
    HAND_OVER = "hand-over"
    PURGE_TASK = "purge-task"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A change of many items of one subject: an account, a category or a task of the user `user_id`.

    `position` is the id of the last processed item, for kinds that process their items in the order of ids. Until
    `leased_until`, only the process that has claimed the job runs it.
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
        """Return the job of this kind on a subject. There is at most one."""
        return cls(id=uuid5(subject, kind), kind=kind, subject=subject, user_id=user_id, created_at=now)

    def is_claimable(self, now: datetime) -> bool:
        """Whether no process has a lease at this time."""
        return is_free(self.leased_until, now, LEASE)


IsOver = Callable[[], bool]
"""Called after each step of a piece, to learn whether the piece must end. A step takes a few milliseconds."""


def after_time(seconds: float = PIECE_SECONDS) -> IsOver:
    """Return the end of a piece by time."""
    end = monotonic() + seconds
    return lambda: monotonic() >= end


def after_steps(count: int) -> IsOver:
    """Return the end of a piece by the number of its steps."""
    steps = iter(range(1, count))
    return lambda: next(steps, None) is None
