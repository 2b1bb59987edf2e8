"""Categories in memory."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from tasktracker.adapters.memory.tables import Hidden, Transaction
from tasktracker.domain.categories.category import Category, CategoryKey, name_key
from tasktracker.domain.categories.policy import role_of
from tasktracker.domain.kernel.errors import CategoryNameTaken, IdTaken, InvalidInput, Stale
from tasktracker.domain.kernel.paging import Page


class MemoryCategories:
    """Implements CategoryRepository."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, category: Category) -> None:
        data = self._transaction.data
        if data.categories.get(category.id) is not None:
            raise self._transaction.refusal(IdTaken())
        if data.users.get(category.user_id) is None:
            raise RuntimeError(f"User {category.user_id} does not exist.")
        self._put(category)

    def find(self, user_id: UUID, category_id: UUID) -> Category | None:
        category = self.find_unlocked(category_id)
        return category if category is not None and role_of(category, user_id) is not None else None

    def find_unlocked(self, category_id: UUID) -> Category | None:
        is_hidden = self._transaction.is_hidden(category_id)
        return None if is_hidden else self._transaction.data.categories.get(category_id)

    def find_named(self, user_id: UUID, name_key: str) -> Category | None:
        data = self._transaction.data
        return next((data.categories.get(id_) for id_ in data.category_by_name.keys((user_id, name_key))), None)

    def save(self, category: Category) -> None:
        stored = self._require(category, category.version - 1)
        if stored.members != category.members:
            raise RuntimeError("Use save_shared to change members.")
        self._put(category)

    def save_shared(self, category: Category) -> None:
        self._require(category, category.version - 1)
        self._put(category)

    def settle(self, category_id: UUID) -> None:
        """Do nothing. The rights of a new owner are read from the job that hands over the tasks."""

    def hide(self, category: Category, now: datetime) -> None:
        del now
        self._require(category, category.version)
        data = self._transaction.data
        self._transaction.put(data.categories, replace(category, name=f" {category.id}"))
        self._transaction.put(data.hidden, Hidden(category.id))

    def remove(self, category_id: UUID) -> None:
        data = self._transaction.data
        if data.tasks_in.keys(category_id):
            raise RuntimeError(f"Category {category_id} still has tasks.")
        self._transaction.drop(data.categories, category_id)
        self._transaction.drop(data.hidden, category_id)

    def not_ready(self, user_id: UUID) -> frozenset[UUID]:
        data = self._transaction.data
        found = (data.categories.get(key.id) for key in data.categories_of.keys(user_id))
        members = ((each.id, each.member(user_id)) for each in found if each is not None)
        return frozenset(category_id for category_id, member in members if member and not member.is_ready)

    def list(self, user_id: UUID, after: CategoryKey | None, limit: int) -> Page[Category, CategoryKey]:
        data = self._transaction.data
        keys = [key for key in data.categories_of.keys(user_id) if not self._transaction.is_hidden(key.id)]
        start = 0 if after is None else bisect_right(keys, after)
        found = (data.categories.get(key.id) for key in keys[start : start + limit + 1])
        return Page.cut([category for category in found if category is not None], limit, lambda category: category.key)

    def _require(self, category: Category, version: int) -> Category:
        stored = self.find_unlocked(category.id)
        if stored is None or stored.version != version:
            raise self._transaction.refusal(Stale(stored))
        return stored

    def _put(self, category: Category) -> None:
        data = self._transaction.data
        namesakes = data.category_by_name.keys((category.user_id, name_key(category.name)))
        if set(namesakes) - {category.id}:
            raise self._transaction.refusal(CategoryNameTaken())
        if any(data.users.get(each.user_id) is None for each in category.members):
            raise self._transaction.refusal(InvalidInput.of("username", "does not match a user"))
        self._transaction.put(data.categories, category)
