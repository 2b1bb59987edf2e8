"""Sharing categories, with all tasks in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from tasktracker.domain.accounts.user import User
from tasktracker.domain.categories.category import Category, CategoryMember
from tasktracker.domain.categories.policy import require_owned, require_visible, role_of
from tasktracker.domain.jobs.job import BEGIN, Job, JobKind
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.clock import IdGenerator
from tasktracker.domain.kernel.errors import InvalidInput, MemberNotFound, NotAllowed
from tasktracker.domain.kernel.fields import check
from tasktracker.domain.kernel.members import MAX_MEMBERS, Member, Role
from tasktracker.domain.kernel.versions import Expected, require
from tasktracker.domain.notifications.notification import Notification
from tasktracker.domain.notifications.service import notify
from tasktracker.domain.sharing.invitation import ShareInvitation
from tasktracker.domain.sharing.invitations import ShareInvitations
from tasktracker.domain.sharing.ports import MembershipWork, SharingWork
from tasktracker.domain.sharing.service import SHARE_RULES, Share, find_invited, require_room, shares


class CategorySharing:
    """Use cases on the members of a category. The rights in all its tasks change with the commit.

    After that, a job updates the lists and feeds of the tasks. A new member becomes ready when the job ends.
    """

    def __init__(self, *, invitations: ShareInvitations, ids: IdGenerator, limit: int = MAX_MEMBERS) -> None:
        self._invitations = invitations
        self._ids = ids
        self._limit = limit

    def list(self, work: SharingWork, category_id: UUID) -> Sequence[Share]:
        """Return the owner and the members of a category, the owner first. Raises CategoryNotFound."""
        category = self._find(work, category_id)
        members = (Member(each.user_id, each.role) for each in category.members)
        return shares(work, [Member(category.user_id, Role.OWNER), *members])

    def pending(self, work: SharingWork, category_id: UUID) -> Sequence[ShareInvitation]:
        """Return the invitations to a category for its owner, none for other members. Raises CategoryNotFound."""
        return self._invitations.list(work, self._find(work, category_id).id)

    def share(
        self, work: SharingWork, category_id: UUID, username: str, role: Role, expected: Expected = None
    ) -> Share | ShareInvitation:
        """Make a user a member of a category, or change a member's role. Call `InvitationLimit.consume` before.

        If mail is configured, `username` may be an address. If no user has verified the address, it is invited. Raises
        CategoryNotFound, NotAllowed, Stale, TooManyMembers, and InvalidInput if there is no such user.
        """
        require_owned(work.categories.find_unlocked(category_id), work.actor.user_id)
        user = find_invited(work, username, role, can_invite=self._invitations.can_invite)
        category = require_owned(self._find(work, category_id), work.actor.user_id)
        require(category, expected)
        pending = self._invitations.list(work, category.id)
        if isinstance(user, str):
            require_room(self._limit, len(category.members), pending, user, "A category")
            return self._invitations.invite(work, user, role, category_id=category.id)
        if user.id == category.user_id:
            raise InvalidInput.of("username", "is the category's owner")
        if category.member(user.id) is None:
            require_room(self._limit, len(category.members), pending, user.verified_email, "A category")
        self._invitations.settle(work, category.id, user)
        return self._assign(work, category, user, role)

    def assign(
        self, work: SharingWork, category_id: UUID, user_id: UUID, role: Role, expected: Expected = None
    ) -> Share:
        """Change the role of a member. Raises CategoryNotFound, NotAllowed, MemberNotFound, Stale."""
        require_owned(work.categories.find_unlocked(category_id), work.actor.user_id)
        check(SHARE_RULES, {"role": role})
        user = work.users.find(user_id)
        category = require_owned(self._find(work, category_id), work.actor.user_id)
        if user is None or category.member(user_id) is None:
            raise MemberNotFound
        require(category, expected)
        return self._assign(work, category, user, role)

    def unshare(self, work: SharingWork, category_id: UUID, user_id: UUID, expected: Expected = None) -> None:
        """End a membership in a category, or revoke an invitation by its id. Each member may end their own membership.

        After the commit, no write of that user to a task in the category is committed, unless the task itself is shared
        with the user. Raises CategoryNotFound, NotAllowed, MemberNotFound, Stale.
        """
        category = self._find(work, category_id)
        if work.actor.user_id != user_id and role_of(category, work.actor.user_id) is not Role.OWNER:
            raise NotAllowed("Only the category's owner may remove other members.")
        if category.member(user_id) is not None:
            require(category, expected)
            self._remove(work, category, user_id)
        else:
            invitation = self._invitations.find(work, category.id, user_id)
            require(category, expected)
            work.share_invitations.remove(invitation.id)

    def admit(self, work: MembershipWork, category: Category, user: User, role: Role) -> None:
        """Make an invited user a member of a category, unless they are a member or it has too many members.

        The unit of work must have locked the user and the category.
        """
        is_member = user.id == category.user_id or category.member(user.id) is not None
        if not is_member and len(category.members) < self._limit:
            self._assign(work, category, user, role)

    def _find(self, work: SharingWork, category_id: UUID) -> Category:
        return require_visible(work.categories.find(work.actor.user_id, category_id), work.actor.user_id)

    def _assign(self, work: MembershipWork, category: Category, user: User, role: Role) -> Share:
        former = category.member(user.id)
        member = replace(former, role=role) if former else CategoryMember(user.id, role, work.now)
        shared = category.with_member(member, work.now)
        if shared is not category:
            work.categories.save_shared(shared)
            work.changes.record(Action.SHARE, category, shared)
        if former is None:
            self._refresh(work, category, user.id)
            by = work.users.names([category.user_id]).get(category.user_id)
            notify(work, Notification.of_share(user.id, work.now, by=by, category=category.id))
        return Share(user.id, user.username, role)

    def _remove(self, work: SharingWork, category: Category, user_id: UUID) -> None:
        unshared = category.without_member(user_id, work.now)
        work.categories.save_shared(unshared)
        work.changes.record(Action.UNSHARE, category, unshared)
        self._refresh(work, category, category.user_id)

    def _refresh(self, work: MembershipWork, category: Category, user_id: UUID) -> None:
        """Add a job for a new member, or, with the id of the owner, for the members that were removed.

        The job replaces jobs for the same purpose that have not begun, so sharing with many users takes one or two
        jobs. A member who comes back before the job for removed members ends may still have entries of the former
        membership. Such a member gets all tasks again, by a job of their own. No piece of the job is done here, because
        units of work that do not see this change may still run.
        """
        is_removal = user_id == category.user_id
        jobs = [each for each in work.jobs.list(JobKind.REFRESH_LIST) if each.subject == category.id]
        returns = not is_removal and any(each.user_id == category.user_id for each in jobs)
        if not returns:
            work.jobs.withdraw([each.id for each in jobs if (each.user_id == category.user_id) == is_removal])
        job = Job(
            id=self._ids.new(),
            kind=JobKind.REFRESH_LIST,
            subject=category.id,
            user_id=user_id,
            position=BEGIN if returns else None,
            created_at=work.now,
        )
        work.jobs.add(job)
