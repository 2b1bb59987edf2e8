"""The work of the use cases on the members of tasks and categories."""

from __future__ import annotations

from typing import Protocol

from tasktracker.domain.accounts.ports import UserRepository
from tasktracker.domain.categories.ports import CategoryRepository
from tasktracker.domain.jobs.ports import JobWork
from tasktracker.domain.kernel.changes import ChangingWork
from tasktracker.domain.tasks.ports import TreeWork


class SharingWork(TreeWork, ChangingWork, Protocol):
    """Work on the members of tasks."""

    @property
    def users(self) -> UserRepository: ...


class CategorySharingWork(SharingWork, JobWork, Protocol):
    """Work on the members of categories."""

    @property
    def categories(self) -> CategoryRepository: ...
