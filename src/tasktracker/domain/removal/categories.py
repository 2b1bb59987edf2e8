"""Deleting a category, which changes its tasks."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from tasktracker.domain.categories.policy import require_owned
from tasktracker.domain.feed.list_refresh import refresh_tasks
from tasktracker.domain.kernel import deadline
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.versions import Expected, require
from tasktracker.domain.removal.ports import CategoryRemovalWork


class CategoryRemoval:
    """The use case of deleting a category."""

    def delete(self, work: CategoryRemovalWork, category_id: UUID, expected: Expected = None) -> None:
        """Remove a category. Its tasks remain with the owner, without a category.

        Raises CategoryNotFound, NotAllowed, Stale.
        """
        category = require_owned(work.categories.find(work.actor.user_id, category_id), work.actor.user_id)
        require(category, expected)
        deadline.current().lift()  # the category may have any number of tasks
        if category.members:
            unshared = replace(category, members=(), version=category.version + 1)
            work.categories.save_shared(unshared)
            # For clients, the reason means that the tasks in it are no longer visible, either.
            work.changes.record(Action.UNSHARE, category, unshared)
            category, position = unshared, refresh_tasks(work, category_id, None)
            while position is not None:
                position = refresh_tasks(work, category_id, position)
        unfiled = work.tasks.unfile(work.actor.user_id, category_id, work.now)
        work.changes.record_many(Action.EDIT, [(replace(task, category=category_id), task) for task in unfiled])
        work.categories.remove(category)
        work.changes.record_removal(category)
