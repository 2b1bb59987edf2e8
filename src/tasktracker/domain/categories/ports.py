"""The repository of categories, and the units of work of the use cases on them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID

from tasktracker.domain.categories.category import Category, CategoryKey
from tasktracker.domain.kernel.changes import ChangingWork
from tasktracker.domain.kernel.paging import Page


class CategoryRepository(Protocol):
    """Categories, with their members. `categories.policy` decides on access.

    Names are unique for each owner by `name_key`, also when categories are added concurrently. A category is only
    visible to its owner and its members. For all other users it does not exist.
    """

    def add(self, category: Category) -> None:
        """Store a new category. Raises CategoryNameTaken, IdTaken."""
        ...

    def find(self, user_id: UUID, category_id: UUID) -> Category | None:
        """Return a category that the user owns or is a member of. A unit of work that writes locks its row."""
        ...

    def find_unlocked(self, category_id: UUID) -> Category | None:
        """Return any user's category as last committed. Locks nothing."""
        ...

    def find_named(self, user_id: UUID, name_key: str) -> Category | None:
        """Return the user's own category whose name has this key. Locks nothing."""
        ...

    def save(self, category: Category) -> None:
        """Store a changed category. Raises CategoryNameTaken, and Stale unless the previous version is stored."""
        ...

    def save_shared(self, category: Category) -> None:
        """Store a changed category together with its members. Raises like `save`.

        From the commit on, the members have the rights of their roles in all tasks of the category. Former members have
        none. While a job hands over the category's tasks to a new owner, that owner has rights in them even if the
        category has no members.
        """
        ...

    def settle(self, category_id: UUID) -> None:
        """End the rights that a new owner has while a job hands over the tasks. Lock the category before."""
        ...

    def hide(self, category: Category, now: datetime) -> None:
        """Hide a category that is being removed: no method returns it. Its name is free, but its id is not.

        Raises Stale unless the version of `category` is stored.
        """
        ...

    def remove(self, category_id: UUID) -> None:
        """Remove a category without tasks, also a hidden one."""
        ...

    def not_ready(self, user_id: UUID) -> frozenset[UUID]:
        """Return the categories in which the user is a member, but not ready yet."""
        ...

    def list(self, user_id: UUID, after: CategoryKey | None, limit: int) -> Page[Category, CategoryKey]:
        """Return a page of the categories that the user owns or is a member of, after `after`, in the order of keys."""
        ...


class CategoryWork(ChangingWork, Protocol):
    """A unit of work on categories."""

    @property
    def categories(self) -> CategoryRepository: ...
