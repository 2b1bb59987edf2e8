"""Deleting a category, which changes its tasks."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from tasktracker.domain.categories.policy import require_owned
from tasktracker.domain.kernel import deadline
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.versions import Expected, require
from tasktracker.domain.tasks.ports import TaskWork


class CategoryRemoval:
    """The use case of deleting a category."""

    def delete(self, work: TaskWork, category_id: UUID, expected: Expected = None) -> None:
        """Remove a category. Its tasks remain with the owner, without a category.

        Raises CategoryNotFound, NotAllowed, Stale.
        """
        category = require_owned(work.categories.find(work.actor.user_id, category_id), work.actor.user_id)
        require(category, expected)
        deadline.current().lift()  # the category may have any number of tasks
        unfiled = work.tasks.unfile(work.actor.user_id, category_id, work.now)
        work.changes.record_many(Action.EDIT, [(replace(task, category=category_id), task) for task in unfiled])
        work.categories.remove(category)
        work.changes.record_removal(category)
