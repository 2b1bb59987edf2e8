"""Making editors the owners of the shared categories of a deleted account, with all tasks in them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from tasktracker.domain.accounts.user import MAX_USERNAME_LENGTH, username_key
from tasktracker.domain.categories.category import MAX_NAME_LENGTH, Category, CategoryMember, name_key
from tasktracker.domain.feed.list_refresh import END, refresh_list
from tasktracker.domain.jobs.job import IsOver, Job, JobKind
from tasktracker.domain.jobs.ports import Step
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import Busy, CategoryNameTaken, InvalidInput
from tasktracker.domain.kernel.fields import Rule, text
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.kernel.paging import MAX_PAGE
from tasktracker.domain.removal.categories import require_settled, unshare
from tasktracker.domain.removal.ports import AccountRemovalWork, PassingWork, RemovalWork
from tasktracker.domain.tasks.tree import lock_roots

HAND_OVER_STEP = 10
"""Tasks that one step of a piece hands over. Each may have a hundred viewers."""

TRANSFER_RULES: dict[str, Rule] = {"transfer_to": text(shortest=1, longest=MAX_USERNAME_LENGTH, trim=True)}
UNKNOWN = "is not the username or the id of a user"
NOT_AN_EDITOR = "must be the username or the id of a user who is an editor of each of the shared categories"


def pass_on_categories(work: AccountRemovalWork, user_id: UUID, transfer_to: str | None) -> bool:
    """End a user's memberships in categories of others, and pass the user's own shared categories on.

    The shared categories pass to the user with the username or id `transfer_to`. By default, each passes to the editor
    who has been a member for the longest time. A category without an editor is no longer shared, and is removed with
    the account. Return whether jobs were added. These must be done before the tasks of the account are removed.

    The rights change with the commit. Two accounts that are deleted concurrently lock the categories that they have in
    common in the same order, so none passes to an account that is gone. Raises InvalidInput, and Busy if a category
    has only just passed to the user, or if the new owner creates a category with the same name meanwhile.
    """
    ids = sorted(each.id for each in _shared(work, user_id))
    found = [category for id_ in ids if (category := work.categories.find(user_id, id_)) is not None]
    own = [category for category in found if category.user_id == user_id and category.members]
    names = work.users.names({member.user_id for category in own for member in category.members})
    chosen = (
        None if transfer_to is None else _chosen(work, own, transfer_to, names, is_own=user_id == work.actor.user_id)
    )
    # This checks categories without members, too. The categories in `found` are locked, so none can pass to the user
    # any more.
    for passing in work.jobs.list(JobKind.HAND_OVER):
        passed = work.categories.find_unlocked(passing.subject)
        if passed is not None and passed.user_id == user_id:
            require_settled(work, passed.id)
    active = _active(work, names)
    for category in own:
        _pass_on(work, category, chosen or next(iter(_by_service(category, names, active)), None))
    for category in found:
        if category.user_id != user_id:
            left = category.without_member(user_id, work.now)
            work.categories.save_shared(left)
            work.changes.record(Action.UNSHARE, category, left)
            if not left.members:
                _refresh_unshared(work, category, str(user_id))
    return bool(own)


@dataclass(frozen=True, slots=True)
class Passing:
    """What would become of a shared category if the account of its owner was deleted.

    `editors` are the usernames of its editors, first the one to whom it passes by default. Without an editor, it is
    deleted for all `members`, whose number includes the editors.
    """

    editors: Sequence[str]
    members: int


def passings(work: PassingWork, user_id: UUID) -> Sequence[Passing]:
    """Return what would become of the shared categories of a user, without their names. Locks nothing."""
    own = [each for each in _shared(work, user_id) if each.user_id == user_id]
    names = work.users.names({member.user_id for category in own for member in category.members})
    active = _active(work, names)
    found = [[names[each] for each in _by_service(category, names, active)] for category in own]
    return [Passing(editors, len(category.members)) for category, editors in zip(own, found, strict=True)]


def hand_over(work: RemovalWork, job: Job, is_over: IsOver) -> Job | None:
    """Do one piece of making the owner of a category the owner of the tasks in it (see `jobs.ports.Step`)."""
    category = work.categories.find_unlocked(job.subject)
    assert category is not None, "a category that passes on cannot be removed"
    if job.position == END:
        # This is a separate transaction, because a category is locked before tasks.
        category = work.categories.find(category.user_id, category.id)
        assert category is not None, "its owner finds it"
        if work.tasks.of_former_owner(category.id, category.user_id, None, 1):
            return replace(job, position=None)  # some were created meanwhile, below a task that was not handed over yet
        work.categories.settle(category.id)
        if not category.members:
            _refresh_unshared(work, category, str(job.created_at))
        return None
    while True:
        found = work.tasks.of_former_owner(category.id, category.user_id, job.position, HAND_OVER_STEP)
        lock_roots(work, *(task.id for task in found))
        for each in found:
            _hand_over(work, category, each.id)
        job = replace(job, position=found[-1].id if found else END)
        if not found or is_over():
            return job


def _refresh_unshared(work: RemovalWork, category: Category, cause: str) -> None:
    """Add the job for a category that is no longer shared: its subtasks are now seen in their own categories."""
    job = Job.of(JobKind.REFRESH_LIST, category.id, category.user_id, work.now)
    work.jobs.add(replace(job, id=uuid5(category.id, cause)))


def _hand_over(work: RemovalWork, category: Category, task_id: UUID) -> None:
    task = work.tasks.find(task_id)
    if task is None or task.root_category != category.id or task.owner == category.user_id:
        return
    members = tuple(each for each in task.members if each.user_id != category.user_id)
    passed = task.with_tree(replace(task.tree, owner=category.user_id, members=members), work.now)
    if task.parent is None:
        passed = replace(passed, category=task.category)  # a subtask leaves the category of the former owner
    work.tasks.save_shared(passed)
    work.changes.record(Action.MOVE, task, passed)


def finish_lists(work: RemovalWork, account: Job, is_over: IsOver) -> bool:
    """Do a piece of the jobs on the categories of a removed account. Return whether none of these jobs is left."""
    for each in (each for kind in _LIST_STEPS for each in work.jobs.list(kind) if each.user_id == account.user_id):
        # Another process may have claimed the job. That process waits for the lock, and ends when it finds a new
        # position.
        job = work.jobs.find(each.id)
        if job is None:
            continue
        rest = _LIST_STEPS[job.kind](work, job, is_over)
        if rest is not None:
            work.jobs.save(rest)
        else:
            work.jobs.remove(job.id)
        return False
    return True


_LIST_STEPS: Mapping[JobKind, Step[RemovalWork]] = {
    JobKind.HAND_OVER: hand_over,
    JobKind.REFRESH_LIST: refresh_list,
}


def _shared(work: PassingWork, user_id: UUID) -> Iterator[Category]:
    """Yield all categories that a user shares with others, as last committed."""
    after = None
    while True:
        page = work.categories.list(user_id, after, MAX_PAGE)
        yield from (each for each in page.items if each.members)
        if page.next is None:
            return
        after = page.next


def _chosen(
    work: AccountRemovalWork,
    categories: Sequence[Category],
    transfer_to: str,
    names: Mapping[UUID, str],
    *,
    is_own: bool,
) -> UUID | None:
    """Return the user with this id or username, who must be an editor of each category.

    Raises InvalidInput: to the owner with the names of the categories, which are private to the owner; to an
    administrator with whether there is such a user.
    """
    key = username_key(transfer_to)
    if not categories:
        return None
    editors = set.intersection(*({member.user_id for member in _editors(each, names)} for each in categories))
    by_id = [each for each in editors if str(each) == key]
    found = by_id or [each for each in editors if username_key(names[each]) == key]
    if not found:
        if not is_own and not _exists(work, transfer_to):
            raise InvalidInput.of("transfer_to", UNKNOWN)
        named = ": " + ", ".join(sorted(each.name for each in categories)) if is_own else ""
        raise InvalidInput.of("transfer_to", NOT_AN_EDITOR + named)
    return found[0]


def _exists(work: PassingWork, name: str) -> bool:
    with suppress(ValueError):
        if work.users.find_unlocked(UUID(name)) is not None:
            return True
    return work.users.find_by_login(name) is not None


def _active(work: PassingWork, ids: Iterable[UUID]) -> Collection[UUID]:
    users = (work.users.find_unlocked(each) for each in ids)
    return {user.id for user in users if user and user.is_active}


def _editors(category: Category, names: Mapping[UUID, str]) -> Sequence[CategoryMember]:
    return [each for each in category.members if each.role is Role.EDITOR and each.user_id in names]


def _by_service(category: Category, names: Mapping[UUID, str], active: Collection[UUID]) -> Sequence[UUID]:
    """Return the editors, first those who have been members for the longest time. Disabled users are last."""
    editors = _editors(category, names)
    order = sorted(editors, key=lambda member: (member.user_id not in active, member.since, member.user_id))
    return [each.user_id for each in order]


def _pass_on(work: AccountRemovalWork, category: Category, user_id: UUID | None) -> None:
    if user_id is None:
        unshare(work, category)
        work.jobs.add(Job.of(JobKind.REFRESH_LIST, category.id, category.user_id, work.now))
        return
    work.quotas.lift()  # the quotas of the new owner do not prevent the deletion of the account
    # The job is added before the members are saved. Until the job is done, the new owner has rights like a member.
    work.jobs.add(Job.of(JobKind.HAND_OVER, category.id, category.user_id, work.now))
    passed = category.pass_to(user_id, _free_name(work, category, user_id), work.now)
    try:
        work.categories.save_shared(passed)
    except CategoryNameTaken:
        raise Busy from None  # the new owner has created a category with this name meanwhile
    work.changes.record(Action.EDIT, category, passed)


def _free_name(work: AccountRemovalWork, category: Category, user_id: UUID) -> str:
    """Return the name of a category, with a number if the user has a category with this name."""
    name, number = category.name, 1
    while work.categories.find_named(user_id, name_key(name)) is not None:
        number += 1
        suffix = f" {number}"
        name = category.name[: MAX_NAME_LENGTH - len(suffix)].rstrip() + suffix
    return name
