"""What tasks need of storage."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.paging import Page
from tasktracker.domain.tasks.query import TaskKey, TaskQuery
from tasktracker.domain.tasks.task import Task


class TaskRepository(Protocol):
    """Tasks. A task is only ever seen through a user who may see it: to everybody else it does not exist."""

    def add(self, task: Task) -> None:
        """Store a new task. Raises IdTaken, and InvalidInput when its creator has no such category (any more)."""
        ...

    def find(self, user_id: UUID, task_id: UUID) -> Task | None:
        """Return a task the user can see; while writing, locked until the work ends."""
        ...

    def save(self, task: Task) -> None:
        """Store a changed task.

        Raises Stale unless its predecessor is stored, and InvalidInput when its creator has no such category.
        """
        ...

    def remove(self, task: Task) -> None:
        """Remove a task. Raises Stale unless this very version is stored."""
        ...

    def unfile(self, user_id: UUID, category_id: UUID, now: datetime) -> None:
        """Take all of the user's tasks out of a category: a change to each, advancing its version."""
        ...

    def list(self, user_id: UUID, query: TaskQuery) -> Page[Task, TaskKey]:
        """Return the tasks the user can see that the query asks for, in its order."""
        ...
