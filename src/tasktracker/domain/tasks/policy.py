"""Who may do what with a task: pure functions of the task as it stands, asked after it has been locked."""

from __future__ import annotations

from uuid import UUID

from tasktracker.domain.kernel.errors import NotAllowed, TaskNotFound
from tasktracker.domain.tasks.member import Role
from tasktracker.domain.tasks.task import Task


def role_of(task: Task, user_id: UUID) -> Role | None:
    """Return a user's part in a task, None for a stranger."""
    if user_id == task.created_by:
        return Role.OWNER
    return next((member.role for member in task.members if member.user_id == user_id), None)


def is_visible(task: Task | None, user_id: UUID) -> bool:
    """Whether a task is there for a user: they are a member, and it is not in the trash."""
    return task is not None and not task.trashed_at and role_of(task, user_id) is not None


def require_visible(task: Task | None, user_id: UUID) -> Task:
    """Let members pass, unless the task is in the trash. Raises TaskNotFound."""
    if task is None or not is_visible(task, user_id):
        raise TaskNotFound
    return task


def require_editable(task: Task | None, user_id: UUID) -> Task:
    """Let the owner and editors pass. Raises TaskNotFound, NotAllowed."""
    task = require_visible(task, user_id)
    if role_of(task, user_id) is Role.VIEWER:
        raise NotAllowed("You may read this task; changing it takes the role of an editor.")
    return task


def require_owned(task: Task | None, user_id: UUID) -> Task:
    """Let the owner pass. Raises TaskNotFound, NotAllowed."""
    task = require_visible(task, user_id)
    if task.created_by != user_id:
        raise NotAllowed("Only whoever created a task may do this.")
    return task


def require_own(task: Task | None, user_id: UUID) -> Task:
    """Let the owner pass, also where the task is in the trash, of which nobody else knows. Raises TaskNotFound."""
    if task is not None and task.created_by != user_id:
        return require_owned(task, user_id)
    if task is None:
        raise TaskNotFound
    return task
