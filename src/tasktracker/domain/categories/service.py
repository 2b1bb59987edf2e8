"""Creating, reading and changing categories."""

from __future__ import annotations

from uuid import UUID

from tasktracker.domain.categories.category import CATEGORY, Category, CategoryFields, CategoryKey
from tasktracker.domain.categories.policy import require_owned, require_visible
from tasktracker.domain.categories.ports import CategoryWork
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.characters import Characters
from tasktracker.domain.kernel.clock import IdGenerator
from tasktracker.domain.kernel.errors import CategoryNameTaken, Stale
from tasktracker.domain.kernel.paging import DEFAULT_PAGE, Page
from tasktracker.domain.kernel.versions import Expected, require, with_version_after


class CategoryService:
    """Use cases on the categories that the actor owns or is a member of. Only the owner may edit one.

    Deleting a category changes tasks, and is a use case of `removal`.
    """

    def __init__(self, *, ids: IdGenerator, characters: Characters) -> None:
        self._ids = ids
        self._characters = characters

    def create(self, work: CategoryWork, fields: CategoryFields, category_id: UUID | None = None) -> Category:
        """Create a category, with the caller's id if one is given.

        Raises InvalidInput, CategoryNameTaken, IdTaken.
        """
        fields = CATEGORY.complete(fields, self._characters)
        category = Category(
            id=category_id or self._ids.new(),
            user_id=work.actor.user_id,
            created_at=work.now,
            updated_at=work.now,
            **fields,
        )
        if category_id is not None:
            category = with_version_after(category, work.changes.deleted_version(Category, category_id))
        _require_free_name(work, category)
        work.categories.add(category)
        work.changes.record(Action.CREATE, None, category)
        return category

    def create_if_absent(self, work: CategoryWork, category_id: UUID, fields: CategoryFields) -> Category:
        """Create a category with the caller's id. Raises Stale if the actor sees a category with this id."""
        existing = work.categories.find(work.actor.user_id, category_id)
        if existing is not None:
            raise Stale(existing)
        return self.create(work, fields, category_id)

    def get(self, work: CategoryWork, category_id: UUID) -> Category:
        """Return a category. A unit of work that writes locks it. Raises CategoryNotFound."""
        return require_visible(work.categories.find(work.actor.user_id, category_id), work.actor.user_id)

    def list(
        self, work: CategoryWork, after: CategoryKey | None = None, limit: int = DEFAULT_PAGE
    ) -> Page[Category, CategoryKey]:
        """Return a page of categories by name."""
        return work.categories.list(work.actor.user_id, after, limit)

    def replace(
        self, work: CategoryWork, category_id: UUID, fields: CategoryFields, expected: Expected = None
    ) -> Category:
        """Set every field; a missing field gets its default. Raises like `edit`."""
        return self.edit(work, category_id, CATEGORY.complete(fields), expected)

    def edit(
        self, work: CategoryWork, category_id: UUID, fields: CategoryFields, expected: Expected = None
    ) -> Category:
        """Change the given fields. Raises InvalidInput, CategoryNotFound, NotAllowed, CategoryNameTaken, Stale."""
        fields = CATEGORY.check(fields)
        category = require_owned(self.get(work, category_id), work.actor.user_id)
        require(category, expected)
        edited = category.edit(fields, work.now)
        CATEGORY.check_changes(category, edited, self._characters)
        if edited is not category:
            _require_free_name(work, edited)
            work.categories.save(edited)
            work.changes.record(Action.EDIT, category, edited)
        return edited


def _require_free_name(work: CategoryWork, category: Category) -> None:
    """Raise CategoryNameTaken with the category that has the name. A concurrent call may still take the name."""
    other = work.categories.find_named(category.user_id, category.key.name)
    if other is not None and other.id != category.id:
        raise CategoryNameTaken(other.id)
