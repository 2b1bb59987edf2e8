"""Who may do what with a task: pure functions of the task as it stands, asked after it has been locked."""

from __future__ import annotations

from uuid import UUID

from tasktracker.domain.errors import NotAllowed, TaskInTrash, TaskNotFound
from tasktracker.domain.sharing.member import Role
from tasktracker.domain.tasks.task import Task


def role_of(task: Task, user_id: UUID) -> Role | None:
    """Return a user's part in a task, None for a stranger."""
    if user_id == task.created_by:
        return Role.OWNER
    return next((member.role for member in task.members if member.user_id == user_id), None)


def require_visible(task: Task | None, user_id: UUID) -> Task:
    """Let members pass. What is in the trash is there for its owner only. Raises TaskNotFound."""
    role = role_of(task, user_id) if task else None
    if task is None or role is None or (task.trashed_at and role is not Role.OWNER):
        raise TaskNotFound
    return task


def require_editable(task: Task | None, user_id: UUID) -> Task:
    """Let the owner and editors pass. Raises TaskNotFound, NotAllowed, TaskInTrash."""
    task = require_visible(task, user_id)
    if role_of(task, user_id) is Role.VIEWER:
        raise NotAllowed("You may read this task; changing it takes the role of an editor.")
    if task.trashed_at:
        raise TaskInTrash
    return task


def require_owned(task: Task | None, user_id: UUID) -> Task:
    """Let the owner pass. Raises TaskNotFound, NotAllowed."""
    task = require_visible(task, user_id)
    if task.created_by != user_id:
        raise NotAllowed("Only whoever created a task may do this.")
    return task
