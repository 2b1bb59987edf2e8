"""Sharing tasks with others, and not any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from tasktracker.domain.accounts.user import MAX_USERNAME_LENGTH, User
from tasktracker.domain.feed.entries import task_marks
from tasktracker.domain.history.change import Action
from tasktracker.domain.history.recorder import ChangeRecorder
from tasktracker.domain.kernel.actors import Actor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import InvalidInput, MemberNotFound, NotAllowed, TooManyMembers
from tasktracker.domain.kernel.fields import Refused, Rule, check, text
from tasktracker.domain.tasks.member import INVITED, MAX_MEMBERS, Member, Role
from tasktracker.domain.tasks.policy import require_owned, require_visible
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.tasks.tree import lock_roots
from tasktracker.domain.throttling.limit import INVITATION_BY_ACCOUNT, Bucket
from tasktracker.domain.throttling.throttle import Throttle
from tasktracker.domain.work import Store, UnitOfWork


def invited(role: Role) -> Role:
    """A role that one can be given."""
    if role not in INVITED:
        raise Refused("must be viewer or editor")
    return role


SHARE_RULES: dict[str, Rule] = {"username": text(longest=MAX_USERNAME_LENGTH, trim=True), "role": invited}
"""What a name must be like to be looked for, and a role to be given."""


@dataclass(frozen=True, slots=True)
class Share:
    """Somebody's part in a task, with the name they go by."""

    user_id: UUID
    username: str
    role: Role


class SharingService:
    """The members of a task. A subtask has its root's, so they are changed for a whole tree."""

    def __init__(
        self, *, store: Store, recorder: ChangeRecorder, throttle: Throttle, clock: Clock, most: int = MAX_MEMBERS
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._throttle = throttle
        self._clock = clock
        self._most = most

    def list(self, actor: Actor, task_id: UUID) -> Sequence[Share]:
        """Return a task's members, its owner first. Raises TaskNotFound."""
        with self._store.reading(actor) as work:
            task = require_visible(work.tasks.find(task_id), actor.user_id)
            parts = [Member(task.created_by, Role.OWNER), *task.members]
            names = work.users.names([part.user_id for part in parts])
        return [Share(part.user_id, names[part.user_id], part.role) for part in parts if part.user_id in names]

    def share(self, actor: Actor, task_id: UUID, username: str, role: Role) -> Share:
        """Let somebody take part in a task, or change the part they have.

        Raises TaskNotFound, NotAllowed, TooManyMembers, TooManyRequests, and InvalidInput where there
        is no such user.
        """
        self.spend(actor, task_id)
        with self._store.writing(actor) as work:
            return self.share_in(work, actor, task_id, username, role)

    def spend(self, actor: Actor, task_id: UUID) -> None:
        """Take one try at naming a user. Only who may share the task at all gets to ask for names, and not for many.

        Raises TaskNotFound, NotAllowed, TooManyRequests.
        """
        with self._store.writing(actor) as work:  # nothing is written, but it is what an API token has to be for
            require_owned(work.tasks.find_unlocked(task_id), actor.user_id)
        self._throttle.spend(Bucket.of(INVITATION_BY_ACCOUNT, str(actor.user_id)))

    def share_in(self, work: UnitOfWork, actor: Actor, task_id: UUID, username: str, role: Role) -> Share:
        """Share a task as part of a larger piece of work, for which a try was spent."""
        require_owned(work.tasks.find_unlocked(task_id), actor.user_id)  # before it is told which names there are
        username = str(check(SHARE_RULES, {"username": username, "role": role})["username"])
        found = work.users.find_by_login(username) if "@" not in username else None
        # Locked, so that nobody takes part in anything whose account is removed meanwhile.
        user = work.users.find(found.id) if found else None
        if user is None or not user.is_active:
            raise InvalidInput.of("username", "names no user")
        return self._assign(work, actor, task_id, user, role)

    def assign(self, actor: Actor, task_id: UUID, user_id: UUID, role: Role) -> Share:
        """Change the part that a member has. Raises TaskNotFound, NotAllowed, MemberNotFound."""
        with self._store.writing(actor) as work:
            return self.assign_in(work, actor, task_id, user_id, role)

    def assign_in(self, work: UnitOfWork, actor: Actor, task_id: UUID, user_id: UUID, role: Role) -> Share:
        """Change the part of a member as part of a larger piece of work."""
        require_owned(work.tasks.find_unlocked(task_id), actor.user_id)
        check(SHARE_RULES, {"role": role})
        user = work.users.find(user_id)
        lock_roots(work, task_id)
        task = require_owned(work.tasks.find(task_id), actor.user_id)
        if user is None or user_id not in {member.user_id for member in task.members}:
            raise MemberNotFound
        return self._assign(work, actor, task_id, user, role)

    def unshare(self, actor: Actor, task_id: UUID, user_id: UUID) -> None:
        """Take somebody's part in a task from them; anybody may give up their own.

        No write of theirs is committed after this has been. Raises TaskNotFound, NotAllowed, MemberNotFound.
        """
        with self._store.writing(actor) as work:
            self.unshare_in(work, actor, task_id, user_id)

    def unshare_in(self, work: UnitOfWork, actor: Actor, task_id: UUID, user_id: UUID) -> None:
        """Take a part in a task away as part of a larger piece of work."""
        lock_roots(work, task_id)
        task = require_visible(work.tasks.find(task_id), actor.user_id)
        if actor.user_id not in (task.created_by, user_id):
            raise NotAllowed("Only whoever created a task may remove its members.")
        if user_id not in {member.user_id for member in task.members}:
            raise MemberNotFound
        self._remove(work, actor, task, user_id)

    def leave_all_in(self, work: UnitOfWork, actor: Actor) -> None:
        """Give up the actor's part in everything that is shared with them, also in what is in its owner's trash."""
        # Again, as until its root was locked, a part of a tree may have become one of its own.
        while roots := work.tasks.shared_with(actor.user_id):
            for root in roots:
                lock_roots(work, root)
                task = work.tasks.find(root)
                if task is not None:
                    self._remove(work, actor, task, actor.user_id)

    def revoke_all_in(self, work: UnitOfWork, actor: Actor) -> None:
        """Tell the members of the actor's tasks that these are theirs no more: they are about to be removed."""
        for root in work.tasks.shared_by(actor.user_id):
            lock_roots(work, root)
            for each in work.tasks.tree(root):
                work.feed.add(task_marks(each, replace(each, members=())))

    def _assign(self, work: UnitOfWork, actor: Actor, task_id: UUID, user: User, role: Role) -> Share:
        lock_roots(work, task_id)
        task = require_owned(work.tasks.find(task_id), actor.user_id)
        if user.id == task.created_by:
            raise InvalidInput.of("username", "is the task's owner")
        others = [member for member in task.members if member.user_id != user.id]
        if len(others) >= self._most:
            raise TooManyMembers(f"A task has at most {self._most} members.")
        members = tuple(sorted([*others, Member(user.id, role)]))
        self._set_members(work, actor, task, members, Action.SHARE)
        return Share(user.id, user.username, role)

    def _remove(self, work: UnitOfWork, actor: Actor, task: Task, user_id: UUID) -> None:
        kept = tuple(member for member in task.members if member.user_id != user_id)
        self._set_members(work, actor, task, kept, Action.UNSHARE)

    def _set_members(
        self, work: UnitOfWork, actor: Actor, task: Task, members: tuple[Member, ...], action: Action
    ) -> None:
        now = self._clock.now()
        for each in work.tasks.tree(task.root):
            changed = each.under(each.root, members, now)
            if changed is not each:
                work.tasks.save_shared(changed)
                self._recorder.record(work, action, actor, each, changed)
