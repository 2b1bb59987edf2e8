"""Filing."""

from __future__ import annotations

from uuid import UUID

from tasktracker.domain.categories.category import (
    CATEGORY_DEFAULTS,
    CATEGORY_RULES,
    Category,
    CategoryFields,
    CategoryKey,
)
from tasktracker.domain.feed.entries import ItemType, category_mark, removed_category_mark
from tasktracker.domain.history.recorder import ChangeRecorder
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.clock import Clock, IdGenerator
from tasktracker.domain.kernel.errors import CategoryNotFound
from tasktracker.domain.kernel.fields import check
from tasktracker.domain.kernel.paging import DEFAULT_PAGE, Page
from tasktracker.domain.kernel.versions import Expected, require
from tasktracker.domain.work import Store, UnitOfWork


class CategoryService:
    """The actor's own categories. Nobody else's can be seen or changed."""

    def __init__(self, *, store: Store, recorder: ChangeRecorder, clock: Clock, ids: IdGenerator) -> None:
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._ids = ids

    def create(self, actor: Actor, fields: CategoryFields) -> Category:
        """Create a category. Raises InvalidInput, CategoryNameTaken."""
        with self._store.writing(actor) as work:
            return self.create_in(work, actor, fields)

    def create_in(
        self, work: UnitOfWork, actor: Actor, fields: CategoryFields, category_id: UUID | None = None
    ) -> Category:
        """Create a category as part of a larger piece of work."""
        fields = check(CATEGORY_RULES, CATEGORY_DEFAULTS | fields, required=("name",))
        now = self._clock.now()
        category = Category(
            id=category_id or self._ids.new(), user_id=actor.user_id, created_at=now, updated_at=now, **fields
        )
        if category_id is not None:
            deleted = work.feed.tombstones(actor.user_id, ItemType.CATEGORY, [category_id])
            category = category.continuing(deleted.get(category_id))
        work.categories.add(category)
        work.feed.add([category_mark(category)])
        return category

    def get(self, actor: Actor, category_id: UUID) -> Category:
        """Return a category. Raises CategoryNotFound."""
        with self._store.reading(actor) as work:
            return _find(work, actor, category_id)

    def list(
        self, actor: Actor, after: CategoryKey | None = None, limit: int = DEFAULT_PAGE
    ) -> Page[Category, CategoryKey]:
        """Return a page of categories by name."""
        with self._store.reading(actor) as work:
            return work.categories.list(actor.user_id, after, limit)

    def edit(self, actor: Actor, category_id: UUID, fields: CategoryFields, expected: Expected = None) -> Category:
        """Change the given fields. Raises InvalidInput, CategoryNotFound, CategoryNameTaken, Stale."""
        with self._store.writing(actor) as work:
            return self.edit_in(work, actor, category_id, fields, expected)

    def edit_in(
        self,
        work: UnitOfWork,
        actor: Actor,
        category_id: UUID,
        fields: CategoryFields,
        expected: Expected = None,
    ) -> Category:
        """Change a category as part of a larger piece of work."""
        fields = check(CATEGORY_RULES, fields)
        category = _find(work, actor, category_id)
        require(category, expected)
        edited = category.edit(fields, self._clock.now())
        if edited is not category:
            work.categories.save(edited)
            work.feed.add([category_mark(edited)])
        return edited

    def replace(self, actor: Actor, category_id: UUID, fields: CategoryFields, expected: Expected = None) -> Category:
        """Change every field: what is not given goes back to its default. Raises like `edit`."""
        with self._store.writing(actor) as work:
            return self.replace_in(work, actor, category_id, fields, expected)

    def replace_in(
        self,
        work: UnitOfWork,
        actor: Actor,
        category_id: UUID,
        fields: CategoryFields,
        expected: Expected = None,
    ) -> Category:
        """Replace a category as part of a larger piece of work."""
        fields = check(CATEGORY_RULES, CATEGORY_DEFAULTS | fields, required=("name",))
        return self.edit_in(work, actor, category_id, fields, expected)

    def delete(self, actor: Actor, category_id: UUID, expected: Expected = None) -> None:
        """Remove a category; its tasks stay, and are without one. Raises CategoryNotFound, Stale."""
        with self._store.writing(actor) as work:
            self.delete_in(work, actor, category_id, expected)

    def delete_in(self, work: UnitOfWork, actor: Actor, category_id: UUID, expected: Expected = None) -> None:
        """Remove a category as part of a larger piece of work."""
        category = _find(work, actor, category_id)
        require(category, expected)
        tasks = work.tasks.unfile(actor.user_id, category_id, self._clock.now())
        self._recorder.unfiled(work, actor, category_id, tasks)
        work.categories.remove(category)
        work.feed.add([removed_category_mark(category)])


def _find(work: UnitOfWork, actor: Actor, category_id: UUID) -> Category:
    category = work.categories.find(actor.user_id, category_id)
    if category is None:
        raise CategoryNotFound
    return category
