"""Deleting an account with all its data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import monotonic, sleep
from uuid import UUID

from tasktracker.domain.accounts.last_admin import require_other_admin
from tasktracker.domain.accounts.password_confirmation import PasswordConfirmation
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.feed.entries import entries_of
from tasktracker.domain.jobs.job import IsOver, Job, JobKind
from tasktracker.domain.jobs.ports import JobWork
from tasktracker.domain.jobs.service import start
from tasktracker.domain.kernel import deadline
from tasktracker.domain.kernel.actors import SessionActor, SystemActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.fields import check
from tasktracker.domain.kernel.store import Store
from tasktracker.domain.removal.passing_on import TRANSFER_RULES, finish_lists, pass_on_categories
from tasktracker.domain.removal.ports import AccountRemovalWork, RemovalWork
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.tasks.tree import leaves, lock_roots

LEAVE_STEP, TASKS_STEP, ROWS_STEP = 10, 40, 400
"""Memberships, own tasks and other rows that one step of a piece removes. A task may have a hundred members."""

MAX_WAIT, WAIT_STEP = 5.0, 0.02  # seconds


class AccountRemoval:
    """The process that deletes the actor's account, after verifying the password."""

    def __init__(
        self,
        *,
        store: Store[SystemActor, JobWork],
        confirmation: PasswordConfirmation[AccountRemovalWork],
        recorder: Recorder,
        count: Callable[[], None],
    ) -> None:
        self._store = store
        self._count = count
        self._confirmation = confirmation
        self._recorder = recorder

    def delete(
        self,
        actor: SessionActor,
        password: str | None,
        origin: Origin = UNKNOWN_ORIGIN,
        transfer_to: str | None = None,
        code: str | None = None,
    ) -> None:
        """End the actor's account and remove all its data. A job removes large amounts of data.

        Its shared categories pass to other users, with all tasks in them: see `pass_on_categories`. After that, no
        method finds the account or its other tasks, and no write by the actor or to these tasks commits. Raises
        InvalidInput if the password or the code is wrong, or if no category can pass to `transfer_to`;
        ConfirmationRequired, TooManyRequests, Busy, LastAdmin.
        """

        transfer_to = checked_transfer(transfer_to)
        self._count()  # what happened today, before the data of the account is removed

        def delete(work: AccountRemovalWork, user: User) -> Job:
            job = end_account(work, user, transfer_to)
            self._recorder.success(work, Kind.DELETE, origin, None)
            return job

        job = self._confirmation.write(actor, password, "password", Kind.DELETE, origin, delete, code)
        wait_for_earlier_writes(self._store, job)


def checked_transfer(transfer_to: str | None) -> str | None:
    """Return a new owner in canonical form. Raises InvalidInput."""
    return None if transfer_to is None else check(TRANSFER_RULES, {"transfer_to": transfer_to})["transfer_to"]


def end_account(work: AccountRemovalWork, user: User, transfer_to: str | None) -> Job:
    """End the account of a locked user, as `AccountRemoval.delete` says. Return the job that removes its data.

    Raises InvalidInput, Busy, LastAdmin.
    """
    require_other_admin(work, user)
    work.idempotency.close(user.id)
    deadline.current().lift()
    job = Job.of(JobKind.REMOVE_ACCOUNT, user.id, user.id, work.now)
    if pass_on_categories(work, user.id, transfer_to):
        # No piece of the job is done here, because units of work that do not see the new owners may still run.
        work.jobs.add(job)
        is_removed = False
    else:
        is_removed = start(work, job, remove_account)
    if not is_removed:
        work.sessions.remove_others(user.id, keep=None)
        work.users.hide(user.id, work.now)
    return job


def wait_for_earlier_writes(store: Store[SystemActor, JobWork], job: Job) -> None:
    """Wait until the transactions that began before an account ended have ended, too."""
    end = monotonic() + MAX_WAIT
    with store.reading(SystemActor("delete an account")) as work:
        while not work.jobs.can_start(job.id) and monotonic() < end:
            sleep(WAIT_STEP)


def remove_account(work: RemovalWork, job: Job, is_over: IsOver) -> Job | None:
    """Do one piece of removing an account (see `jobs.ports.Step`)."""
    # Tasks that pass to other users must belong to them before the account's tasks are removed.
    rest = _remove(work, job, is_over) if finish_lists(work, job, is_over) else job
    work.feed.drop(job.subject)  # the account gets no entries of these changes
    return rest


def _remove(work: RemovalWork, job: Job, is_over: IsOver) -> Job | None:
    for step in (_leave, _remove_tasks, lambda work, user_id: work.users.clear(user_id, ROWS_STEP)):
        while step(work, job.subject):
            if is_over():
                return job
    work.users.remove(job.subject)
    return None


def _leave(work: RemovalWork, user_id: UUID) -> int:
    """End memberships in tasks of others, including those in the trash. Return how many."""
    found = work.tasks.shared_with(user_id, LEAVE_STEP)
    for _, task in _locked(work, found):
        if task is None:
            continue
        kept = tuple(member for member in task.members if member.user_id != user_id)
        left = task.with_members(kept, work.now)
        if left is not task:
            work.tasks.save_shared(left)
            work.changes.record(Action.UNSHARE, task, left)
    return len(found)


def _remove_tasks(work: RemovalWork, user_id: UUID) -> int:
    """Remove own tasks, and revoke them in the feeds of their members. Return how many."""
    found = leaves(work, work.tasks.owned(user_id, TASKS_STEP), TASKS_STEP)
    shared = [task for task in found if task.members]
    members = work.users.names({member.user_id for task in shared for member in task.members})
    for task, current in _locked(work, shared):
        # `current` is None if the account has ended. Then no other unit of work changes the task.
        revoked = current or task
        entries = entries_of(revoked, replace(revoked, members=()))
        work.feed.add(entry for entry in entries if entry.user_id in members)
    work.trash.purge(found)
    return len(found)


def _locked(work: RemovalWork, tasks: Sequence[Task]) -> Sequence[tuple[Task, Task | None]]:
    """Lock the roots of these tasks, then the tasks. Return each with its current state, or None."""
    lock_roots(work, *(task.id for task in tasks))
    return [(task, work.tasks.find(task.id)) for task in sorted(tasks, key=lambda task: task.id)]
