"""The mutations of categories.

Categories have no history, but each field has the version in which it got its value. So edits are merged by field with
the changes of others since the base version. The values before those changes are not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tasktracker.domain.categories.category import CATEGORY, Category, CategoryFields
from tasktracker.domain.categories.policy import require_owned
from tasktracker.domain.categories.service import CategoryService
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.errors import CategoryNotFound
from tasktracker.domain.removal.categories import CategoryRemoval
from tasktracker.domain.sync.applied import base_and_own
from tasktracker.domain.sync.merge import is_current
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
        return Outcome(status=Status.APPLIED, version=category.version, made=category.version)

    def _update(self, work: PushWork, mutation: Mutation) -> Outcome:
        fields = CATEGORY.check(cast(CategoryFields, mutation.data))
        category = require_owned(self._categories.get(work, mutation.target), work.actor.user_id)
        base, own = base_and_own(work, mutation)
        status = Status.APPLIED if is_current(base, category.version, own) else Status.MERGED
        changed = _changed_by_others(category, base, own)
        conflicts = {
            name: FieldConflict(None, value, changed[name])
            for name, value in cast(Mapping[str, Any], fields).items()
            if name in changed and value != changed[name]
        }
        if conflicts:
            raise InConflict(category.version, conflicts)
        edited = self._categories.edit(work, category.id, fields)
        made = None if edited.version == category.version else edited.version
        return Outcome(status=status, version=edited.version, made=made)

    def _delete(self, work: PushWork, mutation: Mutation) -> Outcome:
        try:
            return self._delete_stored(work, mutation)
        except CategoryNotFound:
            deleted = work.feed.tombstones(work.actor.user_id, ItemType.CATEGORY, [mutation.target])
            if mutation.target not in deleted:
                raise
            return Outcome(status=Status.APPLIED, version=deleted[mutation.target].version)

    def _delete_stored(self, work: PushWork, mutation: Mutation) -> Outcome:
        category = require_owned(self._categories.get(work, mutation.target), work.actor.user_id)
        changed = _changed_by_others(category, *base_and_own(work, mutation))
        if changed:
            raise InConflict(
                category.version, {name: FieldConflict(None, None, value) for name, value in changed.items()}
            )
        self._removal.delete(work, category.id)
        version = work.feed.tombstones(work.actor.user_id, ItemType.CATEGORY, [category.id])[category.id].version
        return Outcome(status=Status.APPLIED, version=version, made=version)


def _changed_by_others(category: Category, base: int | None, own: frozenset[int]) -> Mapping[str, Any]:
    """Return the fields that others have changed since a base version, with their present values.

    If the base is newer than the category, as after a restored backup, these are all fields.
    """
    if base is None:
        return {}
    return {
        name: value
        for name, value in CATEGORY.of(category).items()
        if base > category.version or (category.field_version(name) > base and category.field_version(name) not in own)
    }
