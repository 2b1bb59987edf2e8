"""The repository of changes, and the units of work of the use cases on histories."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.accounts.ports import UserRepository
from tasktracker.domain.history.change import Change, ChangeKey
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.tasks.ports import TaskWork


class HistoryRepository(Protocol):
    """Changes of tasks. They are removed with their task, and after the retention time.

    When a user is removed, their changes lose the actor.
    """

    def add(self, *changes: Change) -> None:
        """Store changes."""
        ...

    def find(self, task_id: UUID, change_id: UUID) -> Change | None:
        """Return a change of a task."""
        ...

    def list(self, task_id: UUID, after: ChangeKey | None, limit: int) -> Page[Change, ChangeKey]:
        """Return a page of a task's changes, the newest first, starting after `after`."""
        ...

    def purge_before(self, before: datetime, limit: int) -> int:
        """Remove at most `limit` changes older than `before`, the oldest first, and return how many."""
        ...


class HistoryWork(TaskWork, Protocol):
    """A unit of work on tasks, their histories and the names of the users who changed them."""

    @property
    def history(self) -> HistoryRepository: ...
    @property
    def users(self) -> UserRepository: ...
