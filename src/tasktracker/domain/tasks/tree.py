"""Trees of tasks: their locks and their structure.

A change of the structure or the members of a tree locks its root first, so two such changes never run concurrently.
Every use case takes locks in the same order: users, categories, roots, other tasks, each by id.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from tasktracker.domain.kernel.errors import InvalidInput
from tasktracker.domain.tasks.ports import TreeWork
from tasktracker.domain.tasks.task import MAX_DEPTH, Task


def lock_roots(work: TreeWork, *task_ids: UUID) -> None:
    """Lock the roots of these tasks, and repeat if the roots changed before they were locked."""
    locked = None
    while True:
        found = (work.tasks.find_unlocked(task_id) for task_id in task_ids)
        roots = sorted({task.root for task in found if task})
        if roots == locked:
            return
        for root in roots:
            work.tasks.find(root)
        locked = roots


def find_parent(work: TreeWork, owner: UUID, parent_id: UUID) -> Task:
    """Return the owner's task with this id, as the parent of another. Its root must be locked. Raises InvalidInput."""
    parent = work.tasks.find(parent_id)
    if parent is None or not can_be_parent(parent, owner):
        raise InvalidInput.of("parent", "is not one of your tasks")
    return parent


def can_be_parent(task: Task | None, owner: UUID) -> bool:
    """Whether a task can be the parent of another task of this owner."""
    return task is not None and task.created_by == owner and not task.trashed_at


def require_depth(work: TreeWork, parent: Task, levels: int = 1) -> None:
    """Require that `levels` levels of subtasks fit below a parent, at most MAX_DEPTH in all. Raises InvalidInput."""
    ancestor, depth = parent, 1
    while ancestor.parent is not None:
        found = work.tasks.find_unlocked(ancestor.parent)
        assert found is not None, "the parent of a stored task is stored"
        ancestor, depth = found, depth + 1
    if depth + levels > MAX_DEPTH:
        raise InvalidInput.of("parent", f"would nest tasks more than {MAX_DEPTH} levels deep")


def leaves(work: TreeWork, tops: Sequence[Task], limit: int) -> Sequence[Task]:
    """Return at most `limit` tasks without subtasks, out of these tasks and all tasks below them.

    Whatever is removed in this order leaves no subtask without its parent.
    """
    level = tops
    while below := work.tasks.children([task.id for task in level], limit):
        level = below
    return level


def subtree(work: TreeWork, top: Task) -> Sequence[Sequence[Task]]:
    """Return a task and all its subtasks, level by level, and lock them. The task and its root must be locked."""
    levels: list[Sequence[Task]] = [[top]]
    while below := work.tasks.children([task.id for task in levels[-1]]):
        levels.append(below)
    return levels
