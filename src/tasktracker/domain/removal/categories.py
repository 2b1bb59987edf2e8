"""Deleting a category, which changes its tasks."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from tasktracker.domain.categories.category import Category
from tasktracker.domain.categories.policy import require_owned
from tasktracker.domain.feed.list_refresh import END, RefreshWork, refresh_tasks
from tasktracker.domain.jobs.job import IsOver, Job, JobKind
from tasktracker.domain.jobs.ports import JobWork
from tasktracker.domain.jobs.service import start
from tasktracker.domain.kernel import deadline
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import Busy
from tasktracker.domain.kernel.versions import Expected, require
from tasktracker.domain.removal.ports import CategoryRemovalWork, UnfilingWork

UNFILE_STEP = 50
"""Tasks unfiled in one step of a piece."""


class CategoryRemoval:
    """The use case of deleting a category."""

    def delete(self, work: CategoryRemovalWork, category_id: UUID, expected: Expected = None) -> None:
        """Remove a category. Its tasks stay with the owner, without a category. Its members no longer see them.

        If the category has many tasks, or has or just had members, a job takes the tasks out of it. Until then the
        tasks may still contain its id, but no method finds the category. Raises CategoryNotFound, NotAllowed, Stale,
        and Busy while the category passes to the actor.
        """
        category = require_owned(work.categories.find(work.actor.user_id, category_id), work.actor.user_id)
        require(category, expected)
        require_settled(work, category_id)
        deadline.current().lift()
        job = Job.of(JobKind.REMOVE_CATEGORY, category_id, category.user_id, work.now)
        if category.members or work.jobs.is_pending(category_id):
            if category.members:
                category = unshare(work, category)
            # No piece of the job is done here, because units of work that do not see this change may still run.
            work.jobs.add(job)
            work.categories.hide(category, work.now)
        elif not start(work, replace(job, position=END), remove_category):
            work.categories.hide(category, work.now)
        work.changes.record_removal(category)


def require_settled(work: JobWork, category_id: UUID) -> None:
    """Raise Busy while tasks of a category still belong to its former owner, whose account was deleted."""
    if work.jobs.find(Job.of(JobKind.HAND_OVER, category_id, category_id, work.now).id) is not None:
        raise Busy("The category has only just passed to you. Try again in a minute.")


def unshare(work: RefreshWork, category: Category) -> Category:
    """End all memberships in a category."""
    unshared = replace(category, members=(), version=category.version + 1)
    work.categories.save_shared(unshared)
    # For clients, the reason of this change means that they no longer see the tasks of the category, either.
    work.changes.record(Action.UNSHARE, category, unshared)
    return unshared


def remove_category(work: UnfilingWork, job: Job, is_over: IsOver) -> Job | None:
    """Do one piece of removing a category (see `jobs.ports.Step`).

    The first pieces, up to the position END, remove its tasks from the lists and feeds of its former members. The later
    pieces take all tasks out of it.
    """
    while job.position != END:
        job = replace(job, position=refresh_tasks(work, job.subject, job.position, None) or END)
        if is_over():
            return job
    while unfiled := work.tasks.unfile(job.user_id, job.subject, work.now, UNFILE_STEP):
        work.changes.record_many(Action.MOVE, [(replace(task, category=job.subject), task) for task in unfiled])
        if is_over():
            return job
    work.categories.remove(job.subject)
    return None
