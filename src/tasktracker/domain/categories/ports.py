"""The repository of categories, and the work of the use cases on them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.categories.category import Category, CategoryKey
from tasktracker.domain.kernel.changes import ChangingWork
from tasktracker.domain.kernel.paging import Page


class CategoryRepository(Protocol):
    """Categories. Names are unique for each user by `name_key`, also when categories are added concurrently.

    A category is only visible to its user. For all other users it does not exist.
    """

    def add(self, category: Category) -> None:
        """Store a new category. Raises CategoryNameTaken, IdTaken."""
        ...

    def find(self, user_id: UUID, category_id: UUID) -> Category | None:
        """Return the user's category; a writing work locks the row until it ends."""
        ...

    def save(self, category: Category) -> None:
        """Store a changed category. Raises CategoryNameTaken, and Stale unless the previous version is stored."""
        ...

    def hide(self, category: Category, now: datetime) -> None:
        """Hide a category that is being removed: no method returns it, and its name is free. Its id is not.

        Raises Stale unless this version is stored.
        """
        ...

    def remove(self, category_id: UUID) -> None:
        """Remove a category without tasks, also a hidden one."""
        ...

    def list(self, user_id: UUID, after: CategoryKey | None, limit: int) -> Page[Category, CategoryKey]:
        """Return a page of the user's categories, starting after `after`, in the order of their keys."""
        ...


class CategoryWork(ChangingWork, Protocol):
    """Work on categories."""

    @property
    def categories(self) -> CategoryRepository: ...
