"""Access rules of tasks: pure functions of a task, called after it was locked."""

from __future__ import annotations

from uuid import UUID

from tasktracker.domain.kernel.errors import NotAllowed, TaskNotFound
from tasktracker.domain.tasks.member import Role
from tasktracker.domain.tasks.task import Task


def role_of(task: Task, user_id: UUID) -> Role | None:
    """Return a user's role in a task, None for a user who is neither owner nor member."""
    if user_id == task.created_by:
        return Role.OWNER
    return next((member.role for member in task.members if member.user_id == user_id), None)


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
    if task.created_by != user_id:
        raise NotAllowed("Only the task's owner may do this.")
    return task


def require_owned_also_in_trash(task: Task | None, user_id: UUID) -> Task:
    """Require the role owner, also for a task in the trash, which only its owner can see.

    Raises TaskNotFound, NotAllowed.
    """
    if task is not None and task.created_by != user_id:
        return require_owned(task, user_id)
    if task is None:
        raise TaskNotFound
    return task
