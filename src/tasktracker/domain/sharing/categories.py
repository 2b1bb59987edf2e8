"""Sharing categories, with all tasks in them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from tasktracker.domain.accounts.user import User
from tasktracker.domain.categories.category import Category, CategoryMember
from tasktracker.domain.categories.policy import require_owned, require_visible, role_of
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.errors import InvalidInput, MemberNotFound, NotAllowed, TooManyMembers
from tasktracker.domain.kernel.fields import check
from tasktracker.domain.kernel.members import MAX_MEMBERS, Member, Role
from tasktracker.domain.kernel.versions import Expected, require
from tasktracker.domain.sharing.ports import SharingWork
from tasktracker.domain.sharing.service import SHARE_RULES, Share, find_invited, shares


class CategorySharing:
    """Use cases on the members of a category. The rights in its tasks change with the commit, however many there are.

    Lists and feeds of the tasks follow by a job. A new member becomes ready at its end.
    """

    def __init__(self, *, limit: int = MAX_MEMBERS) -> None:
        self._limit = limit

    def list(self, work: SharingWork, category_id: UUID) -> Sequence[Share]:
        """Return the owner and the members of a category, the owner first. Raises CategoryNotFound."""
        category = self._find(work, category_id)
        members = (Member(each.user_id, each.role) for each in category.members)
        return shares(work, [Member(category.user_id, Role.OWNER), *members])

    def share(
        self, work: SharingWork, category_id: UUID, username: str, role: Role, expected: Expected = None
    ) -> Share:
        """Make a user a member of a category, or change a member's role. Call `InvitationLimit.consume` before.

        Raises CategoryNotFound, NotAllowed, Stale, TooManyMembers, and InvalidInput if there is no such user.
        """
        require_owned(work.categories.find_unlocked(category_id), work.actor.user_id)
        user = find_invited(work, username, role)
        category = require_owned(self._find(work, category_id), work.actor.user_id)
        require(category, expected)
        if user.id == category.user_id:
            raise InvalidInput.of("username", "is the category's owner")
        if category.member(user.id) is None and len(category.members) >= self._limit:
            raise TooManyMembers(f"A category has at most {self._limit} members.")
        return _assign(work, category, user, role)

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
        return _assign(work, category, user, role)

    def unshare(self, work: SharingWork, category_id: UUID, user_id: UUID, expected: Expected = None) -> None:
        """End a membership in a category. Each member may end their own.

        No write of that user to a task in it is committed after this commits, unless the task itself is shared with the
        user. Raises CategoryNotFound, NotAllowed, MemberNotFound, Stale.
        """
        category = self._find(work, category_id)
        if work.actor.user_id != user_id and role_of(category, work.actor.user_id) is not Role.OWNER:
            raise NotAllowed("Only the category's owner may remove other members.")
        if category.member(user_id) is None:
            raise MemberNotFound
        require(category, expected)
        _save(work, Action.UNSHARE, category, category.without_member(user_id, work.now))

    def _find(self, work: SharingWork, category_id: UUID) -> Category:
        return require_visible(work.categories.find(work.actor.user_id, category_id), work.actor.user_id)


def _assign(work: SharingWork, category: Category, user: User, role: Role) -> Share:
    former = category.member(user.id)
    member = CategoryMember(user.id, role, former.since if former else work.now, bool(former and former.is_ready))
    _save(work, Action.SHARE, category, category.with_member(member, work.now))
    return Share(user.id, user.username, role)


def _save(work: SharingWork, action: Action, category: Category, changed: Category) -> None:
    if changed is not category:
        work.categories.save_shared(changed)
        work.changes.record(action, category, changed)
