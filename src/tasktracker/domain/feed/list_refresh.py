"""The job that follows a change of a category's members: it updates the lists and feeds of all tasks in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol
from uuid import UUID

from tasktracker.domain.categories.ports import CategoryRepository
from tasktracker.domain.feed.entries import FeedEntry, Op, Reason
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.feed.ports import FeedRepository
from tasktracker.domain.jobs.job import IsOver, Job
from tasktracker.domain.jobs.ports import JobWork
from tasktracker.domain.kernel.changes import Action, ChangeLog
from tasktracker.domain.tasks.policy import only_category, viewers_of
from tasktracker.domain.tasks.ports import TreeWork, ViewersChange

STEP = 20
"""The tasks of one step."""

END = UUID(int=2**128 - 1)
"""The position after all tasks."""


class RefreshWork(TreeWork, JobWork, Protocol):
    """Work that refreshes lists and feeds."""

    @property
    def categories(self) -> CategoryRepository: ...
    @property
    def feed(self) -> FeedRepository: ...
    @property
    def changes(self) -> ChangeLog: ...


def refresh_list(work: RefreshWork, job: Job, is_over: IsOver) -> Job | None:
    """Do a piece of the job: refresh the next tasks. The last piece makes `job.user_id` ready if it is a new member.

    The rights have changed before, with the rows of the members. Rights are never read from what this job writes.
    """
    if job.position == END:
        _make_ready(work, job)
        return None
    while True:
        position = refresh_tasks(work, job.subject, job.position, job.user_id)
        # The last piece is a separate transaction, because a category is locked before tasks.
        job = replace(job, position=position or END)
        if position is None or is_over():
            return job


def refresh_tasks(work: RefreshWork, category_id: UUID, after: UUID | None, user_id: UUID | None = None) -> UUID | None:
    """Refresh the next tasks of a category, and return the last one; None after the end.

    The user who became a member, or no longer is one, gets all tasks that this user can see. With the deletion of the
    category, the devices have removed them, whatever their stored viewers are.
    """
    changes = work.tasks.refresh(category_id, after, STEP)
    work.feed.add(entry for change in changes for entry in _entries(change, user_id))
    return changes[-1].task.id if len(changes) == STEP else None


def _entries(change: ViewersChange, user_id: UUID | None) -> Iterable[FeedEntry]:
    task = change.task
    returned = viewers_of(task) & {user_id} - {task.owner}
    granted = change.added | {each for each in returned if only_category(task, each) is not None}
    # A task in the trash is in no feed but that of a former member, who was not reached when it was deleted.
    for user_ids, op, reason in (
        ((), Op.UPSERT, None) if task.trashed_at else (granted, Op.UPSERT, Reason.ACCESS_GRANTED),
        ((), Op.UPSERT, None) if task.trashed_at else ((change.affected | returned) - granted, Op.UPSERT, None),
        (change.removed, Op.DELETE, Reason.ACCESS_REVOKED),
    ):
        for each in sorted(user_ids):
            yield FeedEntry(each, ItemType.TASK, task.id, task.version, op, reason)


def _make_ready(work: RefreshWork, job: Job) -> None:
    category = work.categories.find(job.user_id, job.subject)
    member = category.member(job.user_id) if category else None
    # A user who was removed and became a member again is made ready by a later job.
    if category is not None and member is not None and not member.is_ready and member.since <= job.created_at:
        ready = category.with_member(replace(member, is_ready=True), work.now)
        work.categories.save_shared(ready)
        work.changes.record(Action.EDIT, category, ready)
        granted = FeedEntry(job.user_id, ItemType.CATEGORY, ready.id, ready.version, Op.UPSERT, Reason.ACCESS_GRANTED)
        work.feed.add([granted])
