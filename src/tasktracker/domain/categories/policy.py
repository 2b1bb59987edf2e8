"""Access rules of categories: pure functions of a category, called after it was locked."""

from __future__ import annotations

from uuid import UUID

from tasktracker.domain.categories.category import Category
from tasktracker.domain.kernel.errors import CategoryNotFound, NotAllowed
from tasktracker.domain.kernel.members import Role


def role_of(category: Category, user_id: UUID) -> Role | None:
    """Return a user's role in a category, None for a user who is neither owner nor member."""
    if user_id == category.user_id:
        return Role.OWNER
    member = category.member(user_id)
    return member.role if member else None


def require_visible(category: Category | None, user_id: UUID) -> Category:
    """Require any role. Raises CategoryNotFound."""
    if category is None or role_of(category, user_id) is None:
        raise CategoryNotFound
    return category


def require_owned(category: Category | None, user_id: UUID) -> Category:
    """Require the role owner. Raises CategoryNotFound, NotAllowed."""
    category = require_visible(category, user_id)
    if role_of(category, user_id) is not Role.OWNER:
        raise NotAllowed("Only the category's owner may do this.")
    return category


def can_file_in(category: Category | None, user_id: UUID) -> bool:
    """Whether a user may file tasks in a category: its owner and its editors may."""
    return category is not None and role_of(category, user_id) in (Role.OWNER, Role.EDITOR)
