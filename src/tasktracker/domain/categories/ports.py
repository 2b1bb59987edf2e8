"""The repository of categories, and the work of the use cases on them."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from tasktracker.domain.categories.category import Category, CategoryKey
from tasktracker.domain.kernel.changes import ChangingWork
from tasktracker.domain.kernel.paging import Page


class CategoryRepository(Protocol):
    """Categories. No two of a user share a name, compared by `name_key`, however concurrently added.

    A category is only ever seen through its user: to everybody else it does not exist.
    """

    def add(self, category: Category) -> None:
        """Store a new category. Raises CategoryNameTaken, IdTaken."""
        ...

    def find(self, user_id: UUID, category_id: UUID) -> Category | None:
        """Return the user's category; while writing, locked until the work ends."""
        ...

    def save(self, category: Category) -> None:
        """Store a changed category. Raises CategoryNameTaken, and Stale unless its predecessor is stored."""
        ...

    def remove(self, category: Category) -> None:
        """Remove a category no task is filed under. Raises Stale unless this very version is stored."""
        ...

    def list(self, user_id: UUID, after: CategoryKey | None, limit: int) -> Page[Category, CategoryKey]:
        """Return the user's categories that follow `after`, in the order of their keys."""
        ...


class CategoryWork(ChangingWork, Protocol):
    """Work on categories."""

    @property
    def categories(self) -> CategoryRepository: ...
