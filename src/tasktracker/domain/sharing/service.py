"""Sharing tasks, changing what members may do, and ending their membership."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from tasktracker.domain.accounts.user import MAX_USERNAME_LENGTH, User, canonical_email, email_key
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import InvalidInput, MemberNotFound, NotAllowed, TooManyMembers
from tasktracker.domain.kernel.fields import Refused, Rule, check, text
from tasktracker.domain.kernel.members import INVITABLE_ROLES, MAX_MEMBERS, Member, Role
from tasktracker.domain.kernel.versions import Expected, require
from tasktracker.domain.notifications.notification import Notification
from tasktracker.domain.notifications.service import notify
from tasktracker.domain.sharing.invitation import ShareInvitation
from tasktracker.domain.sharing.invitations import ShareInvitations
from tasktracker.domain.sharing.ports import MembershipWork, SharingWork
from tasktracker.domain.tasks.policy import require_owned, require_visible, role_of
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.tasks.tree import lock_roots


def invitable_role(role: Role) -> Role:
    """A role that a member can be given."""
    if role not in INVITABLE_ROLES:
        raise Refused("must be viewer or editor")
    return role


_username = text(longest=MAX_USERNAME_LENGTH, trim=True)


def username_or_address(value: str) -> str:
    """A username or, with an `@`, an e-mail address in canonical form."""
    return canonical_email(value) or value if "@" in value else _username(value)


SHARE_RULES: dict[str, Rule] = {"username": username_or_address, "role": invitable_role}
"""The rules for the fields of a share request."""


@dataclass(frozen=True, slots=True)
class Share:
    """A member of a task or a category, with their username and role."""

    user_id: UUID
    username: str
    role: Role


def shares(work: SharingWork, members: Iterable[Member]) -> Sequence[Share]:
    """Return members with their usernames, without those whose accounts were removed."""
    members = list(members)
    names = work.users.names([each.user_id for each in members])
    return [Share(each.user_id, names[each.user_id], each.role) for each in members if each.user_id in names]


def find_invited(work: SharingWork, username: str, role: Role, *, can_invite: bool) -> User | str:
    """Return the active user with this username, locked. Raises InvalidInput, also for a role that cannot be given.

    If mail is configured (`can_invite`), `username` may be an address: return the active user who has verified the
    address, or else the address. Check before the call that the actor may share: only an owner may learn which
    usernames exist.
    """
    username = str(check(SHARE_RULES, {"username": username, "role": role})["username"])
    is_address = "@" in username
    found = work.users.find_by_login(username) if can_invite or not is_address else None
    # Locked, so that the account cannot be removed concurrently.
    user = work.users.find(found.id) if found and (found.verified_email or not is_address) else None
    if user is not None and user.is_active and (not is_address or _has_verified(user, username)):
        return user
    if is_address and can_invite:
        return username
    raise InvalidInput.of("username", "does not match a user")


def _has_verified(user: User, address: str) -> bool:
    return user.verified_email is not None and email_key(user.verified_email) == email_key(address)


class SharingService:
    """Use cases on the members of a task. All tasks of a tree have the same members, so each change covers a tree."""

    def __init__(self, *, invitations: ShareInvitations, limit: int = MAX_MEMBERS) -> None:
        self._invitations = invitations
        self._limit = limit

    def list(self, work: SharingWork, task_id: UUID) -> Sequence[Share]:
        """Return the owner and the members of a task, the owner first. Raises TaskNotFound."""
        task = require_visible(work.tasks.find(task_id), work.actor.user_id)
        return shares(work, [Member(task.owner, Role.OWNER), *task.members])

    def pending(self, work: SharingWork, task_id: UUID) -> Sequence[ShareInvitation]:
        """Return the invitations to a task for its owner, none for other members. Raises TaskNotFound."""
        task = require_visible(work.tasks.find(task_id), work.actor.user_id)
        return self._invitations.list(work, task.root) if task.owner == work.actor.user_id else ()

    def share(
        self, work: SharingWork, task_id: UUID, username: str, role: Role, expected: Expected = None
    ) -> Share | ShareInvitation:
        """Make a user a member of a task, or change a member's role. Call `InvitationLimit.consume` before.

        If mail is configured, `username` may be an address. If no user has verified the address, it is invited. Raises
        TaskNotFound, NotAllowed, Stale, TooManyMembers, and InvalidInput if there is no such user.
        """
        require_owned(work.tasks.find_unlocked(task_id), work.actor.user_id)
        invited = find_invited(work, username, role, can_invite=self._invitations.can_invite)
        lock_roots(work, task_id)
        task = require_owned(work.tasks.find(task_id), work.actor.user_id)
        require(task, expected)
        pending = self._invitations.list(work, task.root)
        if isinstance(invited, str):
            require_room(self._limit, len(task.members), pending, invited, "A task")
            return self._invitations.invite(work, invited, role, task_id=task.root)
        if invited.id == task.owner:
            raise InvalidInput.of("username", "is the task's owner")
        if invited.id not in {member.user_id for member in task.members}:
            require_room(self._limit, len(task.members), pending, invited.verified_email, "A task")
        self._invitations.settle(work, task.root, invited)
        return _assign(work, task, invited, role)

    def assign(self, work: SharingWork, task_id: UUID, user_id: UUID, role: Role, expected: Expected = None) -> Share:
        """Change the role of a member. Raises TaskNotFound, NotAllowed, MemberNotFound, Stale."""
        require_owned(work.tasks.find_unlocked(task_id), work.actor.user_id)
        check(SHARE_RULES, {"role": role})
        user = work.users.find(user_id)
        lock_roots(work, task_id)
        task = require_owned(work.tasks.find(task_id), work.actor.user_id)
        if user is None or user_id not in {member.user_id for member in task.members}:
            raise MemberNotFound
        require(task, expected)
        return _assign(work, task, user, role)

    def unshare(self, work: SharingWork, task_id: UUID, user_id: UUID, expected: Expected = None) -> None:
        """End a membership in a task, or revoke an invitation by its id. Each member may end their own membership.

        After the commit, no write of that user to the task is committed. Raises TaskNotFound, NotAllowed,
        MemberNotFound, Stale.
        """
        lock_roots(work, task_id)
        task = require_visible(work.tasks.find(task_id), work.actor.user_id)
        if work.actor.user_id != user_id and role_of(task, work.actor.user_id) is not Role.OWNER:
            raise NotAllowed("Only the task's owner may remove other members.")
        if user_id in {member.user_id for member in task.members}:
            require(task, expected)
            _remove_member(work, task, user_id)
        else:
            invitation = self._invitations.find(work, task.root, user_id)
            require(task, expected)
            work.share_invitations.remove(invitation.id)

    def admit(self, work: MembershipWork, root: Task, user: User, role: Role) -> None:
        """Make an invited user a member of a tree, unless they are a member or it has too many members.

        The unit of work must have locked the user and the root.
        """
        is_member = user.id in {root.owner, *(member.user_id for member in root.members)}
        if not is_member and len(root.members) < self._limit:
            members = tuple(sorted([*root.members, Member(user.id, role)]))
            _set_members(work, root, members, Action.SHARE, on_behalf_of=root.owner)
            _notify(work, root, user)


def _assign(work: SharingWork, task: Task, user: User, role: Role) -> Share:
    others = [member for member in task.members if member.user_id != user.id]
    _set_members(work, task, tuple(sorted([*others, Member(user.id, role)])), Action.SHARE)
    if len(others) == len(task.members):
        _notify(work, task, user)
    return Share(user.id, user.username, role)


def _notify(work: MembershipWork, task: Task, user: User) -> None:
    by = work.users.names([task.owner])
    notify(work, Notification.of_share(user.id, work.now, by=by.get(task.owner), task=task.root))


def _remove_member(work: SharingWork, task: Task, user_id: UUID) -> None:
    kept = tuple(member for member in task.members if member.user_id != user_id)
    _set_members(work, task, kept, Action.UNSHARE)


def require_room(
    limit: int, members: int, pending: Sequence[ShareInvitation], address: str | None, subject: str
) -> None:
    """Require room for one more member or invitation. An invitation to the same address does not count.

    Raises TooManyMembers.
    """
    others = [each for each in pending if address is None or email_key(each.address) != email_key(address)]
    if members + len(others) >= limit:
        raise TooManyMembers(f"{subject} has at most {limit} members and invitations.")


def _set_members(
    work: MembershipWork,
    task: Task,
    members: tuple[Member, ...],
    action: Action,
    on_behalf_of: UUID | None = None,
) -> None:
    for each in work.tasks.tree(task.root):
        changed = each.with_members(members, work.now)
        if changed is not each:
            work.tasks.save_shared(changed)
            work.changes.record(action, each, changed, on_behalf_of)
