"""Access rules of tasks: pure functions of a task, called after it was locked.

A user may have a role in the task itself and one in the shared category that contains its root; the higher one counts.
An editor of the category may also file, delete and restore the task, which an editor of the task may not.
"""

from __future__ import annotations

from uuid import UUID

from tasktracker.domain.kernel.errors import NotAllowed, TaskNotFound
from tasktracker.domain.kernel.members import Role, role_in
from tasktracker.domain.tasks.task import Task


def role_of(task: Task, user_id: UUID) -> Role | None:
    """Return a user's role in a task, None for a user who is neither owner nor member of it or of its category."""
    if user_id == task.owner:
        return Role.OWNER
    if not task.members and not task.list_members:
        return None
    return role_in((*task.members, *task.list_members), user_id)


def viewers_of(task: Task) -> frozenset[UUID]:
    """Return the users who have a role in a task."""
    return frozenset((task.owner, *(member.user_id for member in (*task.members, *task.list_members))))


def can_organise(task: Task, user_id: UUID) -> bool:
    """Whether a user may file, delete and restore a task: its owner and the editors of its shared category may."""
    return user_id == task.owner or role_in(task.list_members, user_id) in (Role.OWNER, Role.EDITOR)


def can_take_out(task: Task, user_id: UUID) -> bool:
    """Whether a user may move a task out of its shared category: the owner may, and an editor who created the task.

    A tree moves as a whole, so this must be true of each task in it.
    """
    return role_of(task, user_id) is Role.OWNER or (can_organise(task, user_id) and task.created_by == user_id)


def visible_category(task: Task, user_id: UUID) -> UUID | None:
    """Return the category of a task as a user sees it.

    The members of a shared category that contains the root of the task see that category. A category that is not shared
    is visible to the owner only.
    """
    if task.list_members and role_in(task.list_members, user_id) is not None:
        return task.root_category
    return task.category if user_id == task.owner else None


def only_category(task: Task, user_id: UUID) -> UUID | None:
    """Return the shared category through which alone a user sees a task; None for its owner and its own members."""
    if not task.list_members or user_id == task.owner or role_in(task.members, user_id) is not None:
        return None
    return task.root_category


def is_visible(task: Task | None, user_id: UUID) -> bool:
    """Whether a user can see a task: they have a role in it, and it is not in the trash."""
    return task is not None and not task.trashed_at and role_of(task, user_id) is not None


def require_visible(task: Task | None, user_id: UUID) -> Task:
    """Require any role, and that the task is not in the trash. Raises TaskNotFound."""
    if task is None or not is_visible(task, user_id):
        raise TaskNotFound
    return task


def require_editable(task: Task | None, user_id: UUID) -> Task:
    """Require the role owner or editor. Raises TaskNotFound, NotAllowed."""
    task = require_visible(task, user_id)
    if role_of(task, user_id) is Role.VIEWER:
        raise NotAllowed("You may read this task; changing it requires the role editor.")
    return task


def require_owned(task: Task | None, user_id: UUID) -> Task:
    """Require the role owner. Raises TaskNotFound, NotAllowed."""
    task = require_visible(task, user_id)
    if role_of(task, user_id) is not Role.OWNER:
        raise NotAllowed("Only the task's owner may do this.")
    return task


def require_deletable(task: Task | None, user_id: UUID) -> Task:
    """Require the owner, or an editor of the task's shared category. Raises TaskNotFound, NotAllowed."""
    task = require_visible(task, user_id)
    if not can_organise(task, user_id):
        raise NotAllowed("Only the task's owner, or an editor of its category, may do this.")
    return task


def is_in_trash_of(task: Task | None, user_id: UUID) -> bool:
    """Whether a task is in the trash, and the user sees it there, as its owner or an editor of its category."""
    return task is not None and task.trashed_at is not None and can_organise(task, user_id)


def require_restorable(task: Task | None, user_id: UUID) -> Task:
    """Require the same as `require_deletable`, also for a task in the trash. Raises TaskNotFound, NotAllowed."""
    if task is not None and is_in_trash_of(task, user_id):
        return task
    return require_deletable(task, user_id)


def require_purgeable(task: Task | None, user_id: UUID) -> Task:
    """Require a task in the trash, and the role owner. Raises TaskNotFound, NotAllowed."""
    if task is None or not is_in_trash_of(task, user_id):
        require_owned(task, user_id)
        raise TaskNotFound
    if role_of(task, user_id) is not Role.OWNER:
        raise NotAllowed("Only the task's owner may purge it.")
    return task
