"""The job that follows a change of a category's members: it updates the lists and feeds of all tasks in it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
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
from tasktracker.domain.kernel.members import Role, role_in
from tasktracker.domain.tasks.policy import only_category
from tasktracker.domain.tasks.ports import TreeWork, ViewersChange

STEP = 20
"""The tasks of one step."""

END = UUID(int=2**128 - 1)
"""The position after all tasks."""


class RefreshWork(TreeWork, JobWork, Protocol):
    """A unit of work that refreshes lists and feeds."""

    @property
    def categories(self) -> CategoryRepository: ...
    @property
    def feed(self) -> FeedRepository: ...
    @property
    def changes(self) -> ChangeLog: ...


def refresh_list(work: RefreshWork, job: Job, is_over: IsOver) -> Job | None:
    """Do a piece of the job: refresh the next tasks. The last piece makes new members ready.

    The rights changed before, when the members of the category were stored. Rights are never read from the entries that
    this job writes.
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


def refresh_tasks(work: RefreshWork, category_id: UUID, after: UUID | None, member: UUID | None = None) -> UUID | None:
    """Refresh the next tasks of a category, and return the last one; None after the end.

    With a new `member`, this user gets all of these tasks. Without one, the users with whom a task itself is shared get
    that task, even if they have an entry of it: the device of a former member has removed it with the category.
    """
    changes = work.tasks.refresh(category_id, after, STEP)
    work.feed.add(entry for change in changes for entry in _entries(change, member))
    return changes[-1].task.id if len(changes) == STEP else None


def _entries(change: ViewersChange, member: UUID | None) -> Sequence[FeedEntry]:
    task = change.task

    def entries(user_ids: Collection[UUID], op: Op, reason: Reason | None) -> Sequence[FeedEntry]:
        return [FeedEntry(each, ItemType.TASK, task.id, task.version, op, reason) for each in user_ids]

    revoked = entries(change.removed, Op.DELETE, Reason.ACCESS_REVOKED)
    if task.trashed_at:
        return revoked  # only former members that no job had reached before the deletion still have it in their feed
    if member is not None and role_in(task.list_members, member) in (Role.EDITOR, Role.VIEWER):
        returned = {member}
    else:
        returned = {each.user_id for each in task.members} - {each.user_id for each in task.list_members}
    granted = change.added | {each for each in returned if only_category(task, each) is not None}
    kept = (change.affected | returned) - granted
    return [*revoked, *entries(granted, Op.UPSERT, Reason.ACCESS_GRANTED), *entries(kept, Op.UPSERT, None)]


def _make_ready(work: RefreshWork, job: Job) -> None:
    category = work.categories.find_unlocked(job.subject)
    if category is not None:
        category = work.categories.find(category.user_id, job.subject)
    # The jobs are read after the category is locked, because jobs are added under the same lock. Of several jobs, each
    # makes its own member ready, and the last one also the members whose jobs were replaced. A user who was removed and
    # became a member again waits for a later job.
    others = [each.user_id for each in work.jobs.list(job.kind) if each.subject == job.subject and each.id != job.id]
    ready = [
        replace(each, is_ready=True)
        for each in (category.members if category else ())
        if not each.is_ready
        and (not others or (each.user_id == job.user_id not in others and each.since <= job.created_at))
    ]
    if category is not None and ready:
        changed = category.with_members(ready, work.now)
        work.categories.save_shared(changed)
        work.changes.record(Action.EDIT, category, changed)
        reason = Reason.ACCESS_GRANTED
        work.feed.add(
            FeedEntry(each.user_id, ItemType.CATEGORY, changed.id, changed.version, Op.UPSERT, reason) for each in ready
        )
