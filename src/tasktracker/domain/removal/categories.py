"""Deleting a category, which changes its tasks."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from tasktracker.domain.jobs.job import IsOver, Job, JobKind
from tasktracker.domain.jobs.service import start
from tasktracker.domain.kernel import deadline
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import CategoryNotFound
from tasktracker.domain.kernel.versions import Expected, require
from tasktracker.domain.removal.ports import CategoryRemovalWork, UnfilingWork

UNFILE_STEP = 50
"""Tasks unfiled in one step of a piece."""


class CategoryRemoval:
    """The use case of deleting a category."""

    def delete(self, work: CategoryRemovalWork, category_id: UUID, expected: Expected = None) -> None:
        """Remove a category. Its tasks remain, without a category. Raises CategoryNotFound, Stale.

        If it has many tasks, a job takes them out of it. Until then they may still name it, but nothing finds it.
        """
        category = work.categories.find(work.actor.user_id, category_id)
        if category is None:
            raise CategoryNotFound
        require(category, expected)
        deadline.current().lift()
        if not start(work, Job.of(JobKind.REMOVE_CATEGORY, category_id, category.user_id, work.now), remove_category):
            work.categories.hide(category, work.now)
        work.changes.record_removal(category)


def remove_category(work: UnfilingWork, job: Job, is_over: IsOver) -> Job | None:
    """Do one piece of taking all tasks out of a category and removing it (see `jobs.ports.Step`)."""
    while unfiled := work.tasks.unfile(job.user_id, job.subject, work.now, UNFILE_STEP):
        work.changes.record_many(Action.EDIT, [(replace(task, category=job.subject), task) for task in unfiled])
        if is_over():
            return job
    work.categories.remove(job.subject)
    return None
