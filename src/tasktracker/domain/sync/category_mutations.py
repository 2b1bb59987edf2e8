"""The mutations of categories.

Categories have no history. If the base is not the current version, every field with a different value is in conflict.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tasktracker.domain.categories.category import CATEGORY, CategoryFields
from tasktracker.domain.categories.service import CategoryService
from tasktracker.domain.removal.categories import CategoryRemoval
from tasktracker.domain.sync.merge import conflicts_of
from tasktracker.domain.sync.mutation import Apply, FieldConflict, InConflict, Mutation, MutationOp, Outcome, Status
from tasktracker.domain.sync.ports import PushWork


class CategoryMutations:
    """Applies mutations of categories."""

    def __init__(self, *, categories: CategoryService, removal: CategoryRemoval) -> None:
        self._categories = categories
        self._removal = removal
        self._by_op: Mapping[MutationOp, Apply] = {
            MutationOp.CREATE: self._create,
            MutationOp.UPDATE: self._update,
            MutationOp.DELETE: self._delete,
        }

    def of(self, op: MutationOp) -> Apply | None:
        """Return the function that applies an operation, or None if categories do not support it."""
        return self._by_op.get(op)

    def _create(self, work: PushWork, mutation: Mutation) -> Outcome:
        category = self._categories.create(work, cast(CategoryFields, mutation.data), mutation.target)
        return Outcome(status=Status.APPLIED, version=category.version)

    def _update(self, work: PushWork, mutation: Mutation) -> Outcome:
        fields = CATEGORY.check(cast(CategoryFields, mutation.data))
        category = self._categories.get(work, mutation.target)
        is_current = mutation.base_version in (None, category.version)
        if not is_current:
            conflicts = conflicts_of(cast(Mapping[str, Any], fields), CATEGORY.of(category), None, work.actor)
            if conflicts:
                raise InConflict(category.version, conflicts)
        edited = self._categories.edit(work, category.id, fields)
        return Outcome(status=Status.APPLIED if is_current else Status.MERGED, version=edited.version)

    def _delete(self, work: PushWork, mutation: Mutation) -> Outcome:
        category = self._categories.get(work, mutation.target)
        if mutation.base_version not in (None, category.version):
            conflicts = {name: FieldConflict(None, None, value) for name, value in CATEGORY.of(category).items()}
            raise InConflict(category.version, conflicts)
        self._removal.delete(work, category.id)
        return Outcome(status=Status.APPLIED, version=category.version + 1)
